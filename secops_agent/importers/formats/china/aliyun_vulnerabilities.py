"""Aliyun Security Center (云安全中心): records of DescribeVulList, API version 2018-12-03.

Status 1 to 6, 8, 9 and 11 are still there, 10 is ignored; 7 is fixed, 12 not found, 20 expired.
"""

from collections.abc import Iterator
from dataclasses import replace

from secops_agent.importers.base import BrokenRecord, Options
from secops_agent.importers.values.fields import (
    Table,
    aliases_in,
    distinct,
    from_epoch,
    need,
    number,
    shortened,
    table,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.purls import package_purl, purl_kind
from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Record,
    Severity,
    VulnerabilityRecord,
)

# The order in which Aliyun wants them fixed: it has no other severity.
_PRIORITIES: dict[str, Severity] = {"asap": "high", "later": "medium", "nntf": "low"}
_GONE = {"7": "已修复", "12": "已不存在", "20": "已过期"}


def read_vulnerability(record: Table, asset: AssetRecord | None, options: Options) -> Iterator[Record]:
    """Every CVE of an advisory on every package that it names."""
    if text(record, "Status") in _GONE:
        raise BrokenRecord(
            f"「Status」为 {text(record, 'Status')}：{_GONE[text(record, 'Status')]}，不是发现"
        )
    name, more = need(record, "Name"), table(record, "ExtendContentJson")
    word = need(record, "Necessity").lower()
    if word not in _PRIORITIES:
        raise BrokenRecord(f"「Necessity」应当是 {'、'.join(_PRIORITIES)} 之一，实际是 {word[:40]}")
    known = aliases_in(*texts(more, "cveList"), *texts(record, "Related"), name) or (name,)
    parts: list[tuple[Table, ComponentRecord | None]] = [
        (entity, _component(entity, more, asset, options)) for entity in tables(more, "RpmEntityList")
    ]
    for flaw in known:
        title = shortened(text(record, "AliasName") or name, 500)
        yield VulnerabilityRecord(flaw, title=title, source=options.source or "aliyun_sas")
        for entity, component in parts or [({}, None)]:
            yield replace(_finding(record, flaw, entity, component, options), asset=asset)


def _finding(
    record: Table, flaw: str, entity: Table, component: ComponentRecord | None, options: Options
) -> FindingRecord:
    named = (component.purl or f"{component.name}@{component.version}") if component else ""
    place = component.location if component else ""
    return FindingRecord(
        kind="vulnerability",
        key=(flaw, named, place),
        title=f"{flaw} {f'{component.name} {component.version}' if component else ''}".strip(),
        severity=_PRIORITIES[text(record, "Necessity").lower()],
        source=options.source or "aliyun_sas",
        component=component,
        vulnerability=flaw,
        rule_id=text(record, "Name"),
        description=shortened(text(record, "AliasName")),
        location=place,
        evidence=shortened(
            "\n".join(distinct([text(entity, "MatchDetail"), *texts(entity, "MatchList")])), 4000
        ),
        remediation=text(entity, "UpdateCmd"),
        suppressed=text(record, "Status") == "10",
        seen_at=from_epoch(number(record, "LastTs"), what="「LastTs」") or options.received_at,
    )


def _component(entity: Table, more: Table, asset: AssetRecord | None, options: Options) -> ComponentRecord:
    """A package; its purl only where the distribution is known."""
    name, version = need(entity, "Name"), text(entity, "FullVersion") or text(entity, "Version")
    system, release = text(more, "Os").lower(), text(more, "OsRelease")
    distro = f"{system}-{release}" if system and release else ""
    purl = package_purl(system, name, version, distro) if system else ""
    return ComponentRecord(
        name=name,
        version=version,
        purl=purl,
        component_type=purl_kind(purl),
        asset=asset,
        distro=distro if purl else "",
        location=text(entity, "Path"),
        source=options.source or "aliyun_sas",
    )
