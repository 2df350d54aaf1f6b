"""OSV: advisories in the OSV schema (one, an array, JSON lines) and the results of osv-scanner (v1 and v2)."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from secops_agent.importers.base import (
    Importer,
    Once,
    Options,
    Source,
    convert,
    document_outline,
    whole_outline,
)
from secops_agent.importers.formats.scanners.osv_advisories import ecosystem_purl, read_advisory
from secops_agent.importers.reading.documents import json_documents, json_head, json_values
from secops_agent.importers.values.assets import is_vague, path_asset, repository_asset
from secops_agent.importers.values.fields import (
    Table,
    distinct,
    flag,
    need,
    number,
    table,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.purls import purl_kind
from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    Record,
    Rejected,
    ScanRecord,
    Severity,
    VulnerabilityRecord,
    highest,
    severity_of_score,
)
from secops_agent.services.records.vulnerability_names import AliasGroup, group_records

_PACKAGES = "results.item.packages.item"


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """What osv-scanner itself says of advisories by their ids: those set aside, and the group's highest score."""

    quiet: set[str]
    scores: dict[str, float]

    def severity(self, records: list[VulnerabilityRecord], rules: list[str]) -> Severity:
        """The gravest of the advisories that are one vulnerability; where none says, the scanner's score."""
        said = highest(*(record.severity for record in records))
        scores = [self.scores[rule] for rule in rules if rule in self.scores]
        return severity_of_score(max(scores)) if said == "info" and scores else said


@dataclass(frozen=True, slots=True)
class _Place:
    """The lockfile, SBOM, image or repository in which osv-scanner found packages."""

    asset: AssetRecord
    path: str
    tool: str


def read_scan(source: Source, options: Options) -> Iterator[Item]:
    """Components and findings of every place that was scanned, each ended where nothing of it was refused."""
    places = _places(source, options)
    once = Once()
    refused: set[str] = set()
    for _, position, value in json_values(source, {_PACKAGES}, options.limits, {"results.item": "packages"}):
        index = position.partition(".")[0]
        place = places.get(index) or _place({}, options)
        for item in convert([(position, value)], partial(_package, place=place)):
            if isinstance(item, Rejected):
                refused.add(place.asset.name)
            yield from once(item)
    for asset in dict.fromkeys(place.asset for place in places.values()):
        if asset.name not in refused and not is_vague(asset):
            yield ScanRecord(options.source or "osv", asset, ("vulnerability",))


def _places(source: Source, options: Options) -> dict[str, _Place]:
    found, _ = json_head(source, {"results.item.source"}, options.limits)
    return {position.partition(".")[0]: _place(table_of(value), options) for _, position, value in found}


def _place(origin: Table, options: Options) -> _Place:
    path, tool = text(origin, "path")[:2000], options.source or "osv"
    if options.asset:
        return _Place(options.asset, path, tool)
    found = repository_asset(path, tool) if "://" in path else None
    folder = posixpath.dirname(path) if text(origin, "type") in ("lockfile", "sbom", "") else path
    return _Place(found or path_asset(folder, tool), path, tool)


def _package(value: Any, *, place: _Place) -> Iterator[Record]:
    entry = table_of(value)
    component = _component(entry, place)
    yield component
    pairs = [(need(flaw, "id"), read_advisory(flaw, place.tool)) for flaw in tables(entry, "vulnerabilities")]
    scanner = _Verdicts(_unreachable(entry), _top_scores(entry))
    rules = {id(record): rule for rule, record in pairs}
    for group in group_records([record for _, record in pairs]):
        yield from group.records
        yield _finding(group, [rules[id(record)] for record in group.records], component, place, scanner)


def _component(entry: Table, place: _Place) -> ComponentRecord:
    package = table(entry, "package")
    name = (text(package, "name") or need(package, "commit"))[:2000]
    version, ecosystem = text(package, "version") or text(package, "commit"), text(package, "ecosystem")
    purl = ecosystem_purl(ecosystem, name, version)
    return ComponentRecord(
        name=name,
        version=version,
        purl=purl,
        component_type=purl_kind(purl) or ecosystem,
        asset=place.asset,
        distro=ecosystem.lower().replace(":", "-").replace(" ", "-")
        if purl_kind(purl) in ("deb", "apk", "rpm")
        else "",
        location=place.path,
        licenses=texts(entry, "licenses"),
        source=place.tool,
    )


def _unreachable(entry: Table) -> set[str]:
    """Ids that osv-scanner's own analysis sets aside: never called, or unimportant to the distribution."""
    quiet: set[str] = set()
    for group in tables(entry, "groups"):
        analysis = table(group, "experimentalAnalysis") or table(group, "experimental_analysis")
        for name in analysis:
            verdict = table(analysis, name)
            if flag(verdict, "unimportant") or ("called" in verdict and not flag(verdict, "called")):
                quiet.add(name)
    return quiet


def _top_scores(entry: Table) -> dict[str, float]:
    """Id → the group's ``max_severity`` (osv-scanner 1.7 and newer)."""
    found: dict[str, float] = {}
    for group in tables(entry, "groups"):
        score = number(group, "max_severity")
        found |= dict.fromkeys(texts(group, "ids"), score) if score is not None else {}
    return found


def _finding(
    group: AliasGroup, rules: list[str], component: ComponentRecord, place: _Place, scanner: _Verdicts
) -> FindingRecord:
    """One for the advisories (GHSA, RUSTSEC, PYSEC …) that are one vulnerability, however they are ordered."""
    vuln_id = group.cve or min(record.vuln_id for record in group.records)
    named = f"{component.component_type}/{component.name}@{component.version}"
    return FindingRecord(
        kind="vulnerability",
        key=(vuln_id, component.purl or named, place.path),
        title=f"{vuln_id} {component.name} {component.version}".strip(),
        severity=scanner.severity(group.records, rules),
        source=place.tool,
        asset=place.asset,
        component=component,
        vulnerability=vuln_id,
        rule_id=min(rules),
        description=next(filter(None, (record.title for record in group.records)), ""),
        location=place.path,
        fixed_version=", ".join(distinct(fix for each in group.records for fix in _fixes(each, component))),
        suppressed=scanner.quiet.issuperset(rules),
    )


def _fixes(record: VulnerabilityRecord, component: ComponentRecord) -> tuple[str, ...]:
    return distinct(
        entry.fixed
        for entry in record.affected
        if entry.package == component.name and entry.range_type != "GIT"
    )


class Osv:
    """OSV advisories and osv-scanner's JSON."""

    name = "osv"
    title = "OSV 漏洞公告 / osv-scanner 结果"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if (
            "results.item.packages.item.package" in paths
            or {"results.item.source.path", "results.item.source.type"} <= paths
        ):
            return 1.0
        if "results" in paths and paths & {"experimental_config", "image_metadata"}:
            return 0.9
        fields = document_outline(head)
        shape = fields & {
            "affected.item.package",
            "affected.item.ranges",
            "schema_version",
            "database_specific",
        }
        return 0.9 if {"id", "modified"} <= fields and shape else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        if "results" in whole_outline(source.head(options.limits)):
            yield from read_scan(source, options)
        else:
            read = partial(_advisory_records, tool=options.source or "osv")
            yield from convert(json_documents(source, options.limits), read)


def _advisory_records(value: Any, *, tool: str) -> Iterator[Record]:
    yield read_advisory(table_of(value), tool)


IMPORTER: Importer = Osv()
__all__ = ["IMPORTER", "Osv"]
