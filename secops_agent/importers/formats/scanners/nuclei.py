"""Nuclei's results: ``-jsonl`` and ``-json-export`` of version 3, ``-json`` of version 2 (older key spellings)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from secops_agent.importers.base import (
    BrokenRecord,
    Importer,
    Once,
    Options,
    Source,
    convert,
    document_outline,
)
from secops_agent.importers.reading.documents import json_documents
from secops_agent.importers.values.assets import host_asset, website_asset
from secops_agent.importers.values.fields import (
    Table,
    cvss,
    distinct,
    flag,
    moment,
    number,
    primary_id,
    shortened,
    table,
    table_of,
    text,
    texts,
)
from secops_agent.services.records import (
    AssetRecord,
    FindingKind,
    FindingRecord,
    Item,
    Record,
    VulnerabilityRecord,
    severity_of,
)

_WEB = {"http", "headless", "websocket", ""}
_SECRET_TAGS = {"token", "tokens", "token-spray", "keys", "secret", "secrets", "credentials"}
_SENSITIVE_TAGS = _SECRET_TAGS | {"exposure", "default-login", "files", "config", "backup", "lfi"}


class Nuclei:
    """Only hits are listed, so a missing one proves nothing: no end of scan is reported."""

    name = "nuclei"
    title = "Nuclei 扫描结果（JSON / JSONL）"

    def sniff(self, head: bytes) -> float:
        if head.strip() == b"[]":
            return 0.5  # no hit; others write that too
        paths = document_outline(head)
        template = paths & {"template-id", "templateID", "template_id"}
        return 1.0 if template and "info" in paths and paths & {"host", "matched-at", "matched"} else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        once = Once()
        for item in convert(json_documents(source, options.limits), partial(_hit, options=options)):
            yield from once(item)


def _hit(value: Any, *, options: Options) -> Iterator[Record]:
    hit = table_of(value)
    if "matcher-status" in hit and not flag(hit, "matcher-status"):
        return
    info = table(hit, "info")
    tags = set(_listed(info, "tags"))
    flaw = _vulnerability(info, options)
    if flaw:
        yield flaw
    yield _finding(hit, info, tags, flaw, options)


def _vulnerability(info: Table, options: Options) -> VulnerabilityRecord | None:
    facts = table(info, "classification")
    ids = _listed(facts, "cve-id") or _listed(facts, "cve_id")
    if not ids:
        return None
    vuln_id, aliases = primary_id(ids)
    score = cvss(text(facts, "cvss-metrics"), number(facts, "cvss-score"))
    return VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases if len(ids) == 1 else (),
        title=shortened(text(info, "name"), 500),
        description=shortened(text(info, "description")),
        severity=severity_of(text(info, "severity"), score.score if score else None),
        cvss=(score,) if score else (),
        cwes=tuple(cwe.upper() for cwe in _listed(facts, "cwe-id")),
        epss=number(facts, "epss-score"),
        epss_percentile=number(facts, "epss-percentile"),
        references=distinct(_references(info)),
        source=options.source or "nuclei",
    )


def _finding(
    hit: Table, info: Table, tags: set[str], flaw: VulnerabilityRecord | None, options: Options
) -> FindingRecord:
    template = _first(hit, "template-id", "templateID", "template_id")
    if not template:
        raise BrokenRecord("缺少必填字段「template-id」")
    place = _first(hit, "matched-at", "matched", "url", "host")
    matcher = _first(hit, "matcher-name", "matcher_name", "extractor-name")
    return FindingRecord(
        kind=_kind(tags, flaw),
        key=(template, matcher, place),
        title=shortened(text(info, "name") or template, 500),
        severity=severity_of(text(info, "severity"), flaw.cvss[0].score if flaw and flaw.cvss else None),
        source=options.source or "nuclei",
        asset=options.asset or _asset(hit, options),
        vulnerability=flaw.vuln_id if flaw else "",
        rule_id=template,
        description=shortened(text(info, "description")),
        location=place,
        evidence=_evidence(hit, matcher, tags),
        remediation=shortened(text(info, "remediation")),
        references=distinct(_references(info)),
        seen_at=moment(hit, "timestamp", options.zone),
    )


def _kind(tags: set[str], flaw: VulnerabilityRecord | None) -> FindingKind:
    if flaw:
        return "vulnerability"
    return "secret" if tags & _SECRET_TAGS else "misconfiguration"


def _asset(hit: Table, options: Options) -> AssetRecord:
    tool, address = options.source or "nuclei", _first(hit, "host", "matched-at", "matched", "url")
    if text(hit, "type") in _WEB:
        found = website_asset(address, tool)
    else:
        site = website_asset(address, tool)
        name = site.keys[-1].value if site else address
        found = host_asset(name, ips=[text(hit, "ip"), *(site.ips if site else ())], source=tool)
    if found is None:
        raise BrokenRecord("看不出目标：缺少「host」或不是地址")
    return found


def _evidence(hit: Table, matcher: str, tags: set[str]) -> str:
    """What matched; extracted text only where it cannot be a secret."""
    found = texts(hit, "extracted-results")
    if found and tags & _SENSITIVE_TAGS:
        shown = f"提取到 {len(found)} 项（可能含敏感信息，未保存）"
    else:
        shown = f"提取：{'、'.join(found)}" if found else ""
    return shortened("；".join(filter(None, (f"匹配器：{matcher}" if matcher else "", shown))), 2000)


def _listed(data: Table, key: str) -> tuple[str, ...]:
    """An array, or one text with commas (version 2)."""
    return distinct(part.strip() for item in texts(data, key) for part in item.split(","))


def _references(info: Table) -> tuple[str, ...]:
    """An array, or one text with a line each (version 2)."""
    return tuple(part.strip() for item in texts(info, "reference") for part in item.splitlines())


def _first(hit: Table, *keys: str) -> str:
    return next(filter(None, (text(hit, key) for key in keys)), "")


IMPORTER: Importer = Nuclei()
__all__ = ["IMPORTER", "Nuclei"]
