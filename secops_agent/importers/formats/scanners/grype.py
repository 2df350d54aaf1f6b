"""Grype's JSON report (``grype … -o json``): matches, ignored matches, distribution, EPSS and KEV where present."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from secops_agent.importers.base import Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_head, json_parts
from secops_agent.importers.values.assets import image_asset, is_vague, path_asset
from secops_agent.importers.values.fields import (
    Table,
    canonical_id,
    canonical_purl,
    cvss,
    distinct,
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
from secops_agent.importers.values.purls import package_purl, purl_kind, without_version
from secops_agent.services.records import (
    Affected,
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Item,
    Kev,
    Record,
    Rejected,
    ScanRecord,
    VulnerabilityRecord,
    severity_of,
)

_MATCHES = ("matches.item", "ignoredMatches.item")
_WRITER = re.compile(rb'"name"\s*:\s*"grype"')  # others (Xeol) write the same frame around something else
_SMALL = {"source", "distro", "descriptor.timestamp"}


@dataclass(frozen=True, slots=True)
class _Scan:
    """What all matches of a report share."""

    asset: AssetRecord
    distro: str
    data: Table
    tool: str


class Grype:
    """Grype 0.30 and newer."""

    name = "grype"
    title = "Grype 扫描报告（JSON）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if paths & {f"{part}.vulnerability" for part in _MATCHES}:
            return 1.0
        return 0.9 if "matches" in paths and _WRITER.search(head) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        scan = _read_scan(source, options)
        once = Once()
        whole = True
        for path, position, value in json_parts(source, _MATCHES, options.limits):
            for item in convert([(position, value)], partial(_match, scan=scan, ignored=path != _MATCHES[0])):
                whole = whole and not isinstance(item, Rejected)
                yield from once(item)
        if whole and not is_vague(scan.asset):
            yield ScanRecord(
                scan.tool, scan.asset, ("vulnerability",), moment(scan.data, "descriptor.timestamp")
            )


def _read_scan(source: Source, options: Options) -> _Scan:
    pieces, broken = json_head(source, _SMALL, options.limits)
    data = {path: value for path, _, value in pieces}
    if broken and "source" not in data and not options.asset:
        raise broken  # what was scanned stands behind the matches
    tool = options.source or "grype"
    distro = table(data, "distro")
    name = "-".join(filter(None, (text(distro, "name"), text(distro, "version"))))
    return _Scan(options.asset or _asset(table(data, "source"), tool), name[:100], data, tool)


def _asset(origin: Table, tool: str) -> AssetRecord:
    target = origin.get("target")
    if not isinstance(target, dict):
        return path_asset(text(origin, "target"), tool)
    names = (text(target, "userInput"), *texts(target, "tags"))
    digests = (*texts(target, "repoDigests"), text(target, "manifestDigest"), text(target, "imageID"))
    return image_asset(names, digests, tool) or path_asset(text(target, "userInput"), tool)


def _match(value: Any, *, scan: _Scan, ignored: bool) -> Iterator[Record]:
    match = table_of(value)
    flaw, artifact = table(match, "vulnerability"), table(match, "artifact")
    component = _component(artifact, scan)
    record = _vulnerability(flaw, match, component, scan)
    yield record
    yield FindingRecord(
        kind="vulnerability",
        key=(record.vuln_id, component.purl or f"{component.component_type}/{component.name}@{component.version}",
             component.location),
        title=f"{record.vuln_id} {component.name} {component.version}".strip(),
        severity=record.severity,
        source=scan.tool,
        asset=scan.asset,
        component=component,
        vulnerability=record.vuln_id,
        rule_id=need(flaw, "id"),
        description=shortened(record.description, 1000),
        location=component.location,
        fixed_version=", ".join(texts(table(flaw, "fix"), "versions")),
        evidence=_evidence(match, flaw),
        references=distinct([text(flaw, "dataSource")]),
        suppressed=ignored,
        seen_at=moment(scan.data, "descriptor.timestamp"),
    )  # fmt: skip


def _component(artifact: Table, scan: _Scan) -> ComponentRecord:
    name, version, kind = need(artifact, "name"), text(artifact, "version"), text(artifact, "type")
    purl = canonical_purl(text(artifact, "purl")) or package_purl(kind, name, version)
    places = tables(artifact, "locations")
    return ComponentRecord(
        name=name,
        version=version,
        purl=purl,
        component_type=purl_kind(purl) or kind,
        asset=scan.asset,
        distro=scan.distro if kind in ("deb", "rpm", "apk", "portage", "alpm") else "",
        location=text(places[0], "path") if places else "",
        licenses=_licenses(artifact),
        source=scan.tool,
    )


def _licenses(artifact: Table) -> tuple[str, ...]:
    """Texts, or objects since Syft 0.80."""
    items = rows(artifact, "licenses")
    return distinct(
        text(item, "spdxExpression") or text(item, "value")
        if isinstance(item, dict)
        else text({"licenses": item}, "licenses")
        for item in items
    )


def _vulnerability(flaw: Table, match: Table, component: ComponentRecord, scan: _Scan) -> VulnerabilityRecord:
    related = tables(match, "relatedVulnerabilities")
    vuln_id, aliases = primary_id([need(flaw, "id"), *_same(need(flaw, "id"), related)])
    same = [item for item in related if canonical_id(text(item, "id")) in (vuln_id, *aliases)]
    scores = tuple(dict.fromkeys(score for item in (flaw, *same) for score in _scores(item)))
    exploit = _entry(flaw, "epss", vuln_id)
    return VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        description=shortened(
            text(flaw, "description") or next((text(item, "description") for item in same), "")
        ),
        severity=severity_of(text(flaw, "severity"), max((score.score for score in scores), default=None)),
        cvss=scores,
        cwes=distinct(text(item, "cwe") for item in _weaknesses(flaw)),
        epss=number(exploit, "epss"),
        epss_percentile=number(exploit, "percentile"),
        epss_date=moment(exploit, "date"),
        kev=_kev(_entry(flaw, "knownExploited", vuln_id)),
        affected=_affected(flaw, match, component),
        references=distinct(
            url for item in (flaw, *same) for url in (text(item, "dataSource"), *texts(item, "urls"))
        ),
        source=scan.tool,
    )


def _same(flaw_id: str, related: list[Table]) -> list[str]:
    """A GHSA and its one CVE are the same; a distribution's advisory covers several CVEs and is none of them."""
    others = list(distinct(canonical_id(text(item, "id")) for item in related))
    return others if flaw_id.upper().startswith("GHSA-") and len(others) == 1 else []


def _scores(flaw: Table) -> Iterator[Cvss]:
    for item in tables(flaw, "cvss"):
        found = cvss(text(item, "vector"), number(table(item, "metrics"), "baseScore"), text(item, "source"))
        if found:
            yield found


def _weaknesses(flaw: Table) -> list[Table]:
    return [item if isinstance(item, dict) else {"cwe": item} for item in rows(flaw, "cwes")]


def _entry(flaw: Table, key: str, vuln_id: str) -> Table:
    return next((item for item in tables(flaw, key) if canonical_id(text(item, "cve")) == vuln_id), {})


def _kev(entry: Table) -> Kev | None:
    if not entry:
        return None
    return Kev(
        added=moment(entry, "dateAdded"),
        due=moment(entry, "dueDate"),
        action=text(entry, "requiredAction"),
        ransomware=text(entry, "knownRansomwareCampaignUse").lower() == "known",
    )


def _details(match: Table) -> list[Table]:
    """An array; one object before 0.13."""
    found = match.get("matchDetails")
    return [found] if isinstance(found, dict) else tables(match, "matchDetails")


def _affected(flaw: Table, match: Table, component: ComponentRecord) -> tuple[Affected, ...]:
    constraints = distinct(text(table(item, "found"), "versionConstraint") for item in _details(match))
    return tuple(
        Affected(text(flaw, "namespace"), component.name, without_version(component.purl), raw=constraint)
        for constraint in constraints
        if not constraint.startswith("none")
    )


def _evidence(match: Table, flaw: Table) -> str:
    kinds = distinct(text(item, "type") for item in _details(match))
    state = text(table(flaw, "fix"), "state")
    return "；".join(
        filter(None, (f"匹配：{'、'.join(kinds)}" if kinds else "", f"修复状态：{state}" if state else ""))
    )


IMPORTER: Importer = Grype()
__all__ = ["IMPORTER", "Grype"]
