"""Our own exchange format, documented in docs/generic-format.md: for what has no importer of its own.

One document with a list per kind, or records with ``"record"``: JSON lines, or an array of them.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast, get_args

from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.formats.tables.generic_parts import (
    ASSET_FIELDS,
    COMPONENT_FIELDS,
    Context,
    asset_at,
    asset_from,
    asset_of,
    choice,
    component_of,
    known,
    severity,
)
from secops_agent.importers.reading.documents import cleaned, json_head, json_lines, json_parts, json_values
from secops_agent.importers.values.fields import (
    Table,
    canonical_id,
    canonical_purl,
    cvss,
    flag,
    moment,
    need,
    number,
    primary_id,
    rows,
    shortened,
    table,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.indicators import KINDS as INDICATOR_KINDS
from secops_agent.importers.values.indicators import indicator
from secops_agent.services.records import (
    Affected,
    AlertRecord,
    ComponentRecord,
    Cvss,
    FindingKind,
    FindingRecord,
    Indicator,
    Item,
    Kev,
    Record,
    Rejected,
    ScanRecord,
    StatusHint,
    VulnerabilityRecord,
)

FIELDS = {
    "components": COMPONENT_FIELDS,
    "vulnerabilities": {
        "id", "aliases", "title", "description", "severity", "cvss", "cwes", "epss", "epss_percentile", "kev",
        "affected", "fixed_versions", "references", "published", "modified", "withdrawn", "source",
    },
    "findings": {
        "kind", "id", "title", "severity", "asset", "component", "vulnerability", "rule_id", "description", "location",
        "fixed_version", "evidence", "remediation", "references", "suppressed", "seen_at", "source",
    },
    "alerts": {
        "dedup_key", "event_id", "title", "severity", "rule_id", "rule_name", "description", "confidence", "assets",
        "indicators", "occurred_at", "first_seen", "last_seen", "count", "status", "techniques", "references", "raw",
        "source",
    },
    "scans": {"asset", "kinds", "scanned_at", "source"},
    "assets": ASSET_FIELDS,
}  # fmt: skip


def read_record(part: str, data: Table, context: Context) -> Iterator[Record]:
    """The records of one entry of the list ``part``; BrokenRecord for what the documentation does not allow."""
    known(data, FIELDS[part], "")
    yield from _READERS[part](data, context)


def _asset_records(data: Table, context: Context) -> Iterator[Record]:
    yield asset_of(data, context)


def _component_records(data: Table, context: Context) -> Iterator[Record]:
    yield component_of(data, context, asset_at(data, "asset", context))


def _vulnerability_records(data: Table, context: Context) -> Iterator[Record]:
    vuln_id, aliases = primary_id([need(data, "id"), *texts(data, "aliases")])
    yield VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        title=text(data, "title"),
        description=shortened(text(data, "description")),
        severity=severity(data),
        cvss=tuple(_score(item) for item in rows(data, "cvss")),
        cwes=texts(data, "cwes"),
        epss=_probability(data, "epss"),
        epss_percentile=_probability(data, "epss_percentile"),
        kev=_kev(table(data, "kev"), context) if data.get("kev") is not None else None,
        affected=tuple(_affected(item) for item in tables(data, "affected")),
        fixed_versions=texts(data, "fixed_versions"),
        references=texts(data, "references"),
        published=moment(data, "published", context.options.zone),
        modified=moment(data, "modified", context.options.zone),
        withdrawn=moment(data, "withdrawn", context.options.zone),
        source=context.source_of(data),
    )


def _score(item: Any) -> Cvss:
    data = {"vector": item} if isinstance(item, str) else table_of(item, "「cvss」的元素")
    known(data, {"vector", "score", "source"}, "「cvss」")
    found = cvss(text(data, "vector"), number(data, "score"), text(data, "source"))
    if found is None:
        raise BrokenRecord(f"CVSS 向量无效：{text(data, 'vector')[:80]}")
    return found


def _probability(data: Table, key: str) -> float | None:
    value = number(data, key)
    if value is not None and not 0 <= value <= 1:
        raise BrokenRecord(f"「{key}」应当在 0 和 1 之间")
    return value


def _kev(data: Table, context: Context) -> Kev:
    known(data, {"added", "due", "action", "ransomware"}, "「kev」")
    zone = context.options.zone
    return Kev(
        moment(data, "added", zone), moment(data, "due", zone), text(data, "action"), flag(data, "ransomware")
    )


def _affected(data: Table) -> Affected:
    fields = ("ecosystem", "package", "introduced", "fixed", "last_affected")
    known(data, {*fields, "purl", "range", "versions"}, "「affected」")
    values = {name: text(data, name) for name in fields}
    return Affected(
        **values,
        purl=canonical_purl(text(data, "purl")),
        raw=text(data, "range"),
        versions=texts(data, "versions"),
    )


def _finding_records(data: Table, context: Context) -> Iterator[Record]:
    kind = cast("FindingKind", choice(data, "kind", get_args(FindingKind)))
    asset = asset_at(data, "asset", context)
    described = data.get("component")
    component = (
        None if described is None else component_of(table_of(described, "「component」"), context, asset)
    )
    flaw = canonical_id((need if kind == "vulnerability" else text)(data, "vulnerability"))
    if kind == "vulnerability":
        yield VulnerabilityRecord(flaw, severity=severity(data), source=context.source_of(data))
    yield FindingRecord(
        kind=kind,
        key=_finding_key(data, flaw, component),
        title=text(data, "title") or flaw or need(data, "rule_id"),
        severity=severity(data),
        source=context.source_of(data),
        asset=asset,
        component=component,
        vulnerability=flaw,
        rule_id=text(data, "rule_id"),
        description=shortened(text(data, "description")),
        location=text(data, "location"),
        fixed_version=text(data, "fixed_version"),
        evidence=shortened(text(data, "evidence")),
        remediation=shortened(text(data, "remediation")),
        references=texts(data, "references"),
        suppressed=flag(data, "suppressed"),
        seen_at=moment(data, "seen_at", context.options.zone),
    )


def _finding_key(data: Table, flaw: str, component: ComponentRecord | None) -> tuple[str, ...]:
    """The source's own id, else what, in what, where."""
    if text(data, "id"):
        return (text(data, "id"),)
    named = (component.purl or f"{component.name}@{component.version}") if component else ""
    return (flaw or text(data, "rule_id") or text(data, "title"), named, text(data, "location"))


def _alert_records(data: Table, context: Context) -> Iterator[Record]:
    zone = context.options.zone
    title, rule = need(data, "title"), text(data, "rule_id")
    assets = tuple(asset_from(item, context) for item in rows(data, "assets"))
    occurred = moment(data, "occurred_at", zone) or context.options.received_at
    yield AlertRecord(
        source=context.source_of(data),
        dedup_key=texts(data, "dedup_key") or (rule or title, *(asset.keys[0].value for asset in assets)),
        title=title,
        severity=severity(data),
        rule_id=rule,
        rule_name=text(data, "rule_name"),
        description=shortened(text(data, "description")),
        confidence=_whole(data, "confidence", 0, 100),
        assets=assets,
        indicators=tuple(dict.fromkeys(_indicator(item) for item in tables(data, "indicators"))),
        occurred_at=occurred,
        first_seen=moment(data, "first_seen", zone) or occurred,
        last_seen=moment(data, "last_seen", zone) or occurred,
        count=_whole(data, "count", 1, 2**31 - 1) or 1,
        event_id=text(data, "event_id"),
        status_hint=cast("StatusHint", choice(data, "status", get_args(StatusHint))),
        techniques=tuple(name.upper() for name in texts(data, "techniques")),
        references=texts(data, "references"),
        raw=cleaned(dict(table(data, "raw") or data)),
    )


def _whole(data: Table, key: str, least: int, most: int) -> int | None:
    value = number(data, key)
    if value is not None and not least <= value <= most:
        raise BrokenRecord(f"「{key}」应当在 {least} 和 {most} 之间")
    return None if value is None else int(value)


def _indicator(data: Table) -> Indicator:
    known(data, {"type", "value"}, "「indicators」")
    kind = choice(data, "type", INDICATOR_KINDS)
    found = indicator(cast("Any", kind), need(data, "value"))
    if found is None:
        raise BrokenRecord(f"指标「{text(data, 'value')[:80]}」不是有效的 {kind}")
    return found


def _scan_records(data: Table, context: Context) -> Iterator[Record]:
    asset = asset_at(data, "asset", context)
    if asset is None:
        raise BrokenRecord("缺少必填字段「asset」")
    kinds = texts(data, "kinds")
    for kind in kinds:
        choice({"kinds": kind}, "kinds", get_args(FindingKind))
    yield ScanRecord(
        context.source_of(data),
        asset,
        cast("tuple[FindingKind, ...]", kinds or get_args(FindingKind)),
        moment(data, "scanned_at", context.options.zone),
    )


_READERS: dict[str, Callable[[Table, Context], Iterator[Record]]] = {
    "assets": _asset_records,
    "components": _component_records,
    "vulnerabilities": _vulnerability_records,
    "findings": _finding_records,
    "alerts": _alert_records,
    "scans": _scan_records,
}


_LISTS = ("assets", "components", "vulnerabilities", "findings", "alerts", "scans")
_SINGULAR = {
    "asset": "assets", "component": "components", "vulnerability": "vulnerabilities",
    "finding": "findings", "alert": "alerts", "scan": "scans",
}  # fmt: skip
_ROOT_FIELDS = {*_LISTS, "source", "format", "version", ""}


class Generic:
    """Bifang's own JSON."""

    name = "generic"
    title = "毕方通用格式（JSON / JSONL）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if "format" in paths and b'"bifang"' in head:
            return 1.0
        if _is_lines(head) or "item.record" in paths:
            return 0.7
        top = {path for path in paths if "." not in path}
        if not top & set(_LISTS) or not top <= _ROOT_FIELDS:
            return 0.0
        return 0.7 if _has_our_fields(paths) else 0.5

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        once = Once()
        whole = True
        for part, position, value, context in _parts(source, options):
            for item in convert([(position, value)], partial(_record, part=part, context=context)):
                whole = whole and not isinstance(item, Rejected)
                if whole or not isinstance(item, ScanRecord):
                    yield from once(item)


def _has_our_fields(paths: frozenset[str]) -> bool:
    """Whether most fields of the lists' items are ours: many a tool calls its list "findings" or "vulnerabilities"."""
    items = [path.split(".item.", 1) for path in paths if path.count(".") == 2 and ".item." in path]
    ours = sum(name in FIELDS.get(part, ()) for part, name in items)
    return bool(items) and (len(items) - ours) * 4 <= len(items)


def _is_lines(head: bytes) -> bool:
    return "record" in whole_outline(head) and head.lstrip().partition(b"\n")[0].rstrip().endswith(b"}")


def _parts(source: Source, options: Options) -> Iterator[tuple[str, str, Any, Context]]:
    head = source.head(options.limits)
    if _is_lines(head):
        context = Context(options.source or "generic", options)
        for position, value in json_lines(source, options.limits):
            yield "", position, value, context
        return
    if "item.record" in whole_outline(head):
        context = Context(options.source or "generic", options)
        for _, position, value in json_values(source, {"item"}, options.limits):
            yield "", position, value, context
        return
    pieces, _ = json_head(source, {"source"}, options.limits)
    named = [value[:200] for _, _, value in pieces if isinstance(value, str)]
    context = Context(options.source or next(iter(named), "") or "generic", options)
    for path, position, value in json_parts(source, [f"{part}.item" for part in _LISTS], options.limits):
        yield path.removesuffix(".item"), position, value, context


def _record(value: Any, *, part: str, context: Context) -> Iterator[Record]:
    data = table_of(value)
    if not part:
        part, data = _line_part(data)
    yield from read_record(part, data, context)


def _line_part(data: Table) -> tuple[str, Table]:
    kind = need(data, "record")
    if kind not in _SINGULAR:
        raise BrokenRecord(f"「record」应当是 {'、'.join(_SINGULAR)} 之一，实际是 {kind[:40]}")
    rest = {key: value for key, value in data.items() if key not in ("record", "format", "version")}
    return _SINGULAR[kind], rest


IMPORTER: Importer = Generic()
__all__ = ["IMPORTER", "Generic"]
