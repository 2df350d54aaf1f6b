"""OSV: advisories in the OSV schema (one, an array, JSON lines) and the results of osv-scanner (v1 and v2)."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from secops_agent.services.records import (
    Affected,
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Item,
    Record,
    Rejected,
    ScanRecord,
    VulnerabilityRecord,
    highest,
    severity_of,
)

from .assets import is_vague, path_asset, repository_asset
from .base import Importer, Once, Options, Source, convert, document_outline, whole_outline
from .fields import (
    Table,
    build_purl,
    canonical_purl,
    cvss,
    distinct,
    flag,
    moment,
    need,
    primary_id,
    shortened,
    table,
    table_of,
    tables,
    text,
    texts,
)
from .purls import purl_kind
from .reading import json_documents, json_head, json_values

_PACKAGES = "results.item.packages.item"
_DISTRO_ID = re.compile(r"^[A-Z]+-(CVE-\d{4}-\d{4,})$")
_ECOSYSTEMS = {
    "npm": "npm", "pypi": "pypi", "go": "golang", "maven": "maven", "crates.io": "cargo", "nuget": "nuget",
    "rubygems": "gem", "packagist": "composer", "hex": "hex", "pub": "pub", "conancenter": "conan",
    "debian": "deb/debian", "ubuntu": "deb/ubuntu", "alpine": "apk/alpine", "wolfi": "apk/wolfi",
    "chainguard": "apk/chainguard", "red hat": "rpm/redhat", "rocky linux": "rpm/rocky-linux",
    "almalinux": "rpm/almalinux", "opensuse": "rpm/opensuse", "suse": "rpm/suse", "openeuler": "rpm/openeuler",
    "swifturl": "swift", "github actions": "githubactions", "cran": "cran",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """The lockfile, SBOM, image or repository in which osv-scanner found packages."""

    asset: AssetRecord
    path: str
    tool: str


class Osv:
    """OSV advisories and osv-scanner's JSON."""

    name = "osv"
    title = "OSV 漏洞公告 / osv-scanner 结果"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if (
            "results.item.packages" in paths
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
            yield from _scan(source, options)
        else:
            read = partial(_advisory_records, tool=options.source or "osv")
            yield from convert(json_documents(source, options.limits), read)


def _advisory_records(value: Any, *, tool: str) -> Iterator[Record]:
    yield read_advisory(table_of(value), tool)


def read_advisory(data: Table, tool: str) -> VulnerabilityRecord:
    """One advisory of the OSV schema (1.0 to 1.7)."""
    vuln_id, aliases = primary_id([need(data, "id"), *_distro_cve(need(data, "id")), *texts(data, "aliases")])
    scores = tuple(dict.fromkeys(_scores(data)))
    specific = table(data, "database_specific")
    affected = tuple(entry for item in tables(data, "affected") for entry in _affected(item))
    return VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        title=shortened(text(data, "summary"), 500),
        description=shortened(text(data, "details")),
        severity=highest(
            severity_of(_word(specific), max((score.score for score in scores), default=None)),
            *(severity_of(_word(table(item, key))) for item in tables(data, "affected") for key in _SPECIFIC),
        ),
        cvss=scores,
        cwes=texts(specific, "cwe_ids"),
        affected=affected,
        fixed_versions=distinct(entry.fixed for entry in affected if entry.range_type != "GIT"),
        references=distinct(text(item, "url") for item in tables(data, "references")),
        published=moment(data, "published"),
        modified=moment(data, "modified"),
        withdrawn=moment(data, "withdrawn"),
        source=tool,
    )


_SPECIFIC = ("ecosystem_specific", "database_specific")


def _word(data: Table) -> str:
    word = data.get("severity")
    return word if isinstance(word, str) else ""


def _distro_cve(advisory: str) -> list[str]:
    """DEBIAN-CVE-2026-1 and UBUNTU-CVE-2026-1 speak of that very CVE."""
    found = _DISTRO_ID.match(advisory)
    return [found[1]] if found else []


def _scores(data: Table) -> Iterator[Cvss]:
    for holder in (data, *tables(data, "affected")):
        for item in tables(holder, "severity"):
            found = cvss(text(item, "score")) if text(item, "type").startswith("CVSS") else None
            if found:
                yield found


def _affected(item: Table) -> Iterator[Affected]:
    package = table(item, "package")
    ecosystem, name = text(package, "ecosystem"), text(package, "name")
    purl = canonical_purl(text(package, "purl")) or ecosystem_purl(ecosystem, name)
    for span in tables(item, "ranges"):
        for bounds in _bounds(tables(span, "events")):
            yield Affected(ecosystem, name, purl, *bounds, range_type=text(span, "type"))
    versions = texts(item, "versions")
    if versions:
        yield Affected(ecosystem, name, purl, versions=versions)


def _bounds(events: list[Table]) -> Iterator[tuple[str, str, str]]:
    """``(introduced, fixed, last_affected)`` for each stretch of a range's events."""
    introduced: str | None = None
    for event in events:
        if text(event, "introduced"):
            if introduced is not None:
                yield introduced, "", ""
            introduced = text(event, "introduced")
        elif introduced is not None and (text(event, "fixed") or text(event, "last_affected")):
            yield introduced, text(event, "fixed"), text(event, "last_affected")
            introduced = None
    if introduced is not None:
        yield introduced, "", ""


def ecosystem_purl(ecosystem: str, name: str, version: str = "") -> str:
    """A purl for a package of an OSV ecosystem ("Debian:12", "PyPI"); "" for those that have no purl type."""
    family, _, release = ecosystem.partition(":")
    kind, _, namespace = _ECOSYSTEMS.get(family.lower(), "").partition("/")
    if not kind:
        return ""
    if namespace:
        distro = {"distro": f"{namespace}-{release.removeprefix('v')}"} if release and version else None
        return build_purl(kind, name, version, namespace, distro)
    group, _, last = name.rpartition(":" if kind == "maven" else "/")
    return build_purl(kind, last, version, group)


def _scan(source: Source, options: Options) -> Iterator[Item]:
    places = _places(source, options)
    once = Once()
    refused: set[str] = set()
    for _, position, value in json_values(source, {_PACKAGES}, options.limits):
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
    path, tool = text(origin, "path"), options.source or "osv"
    if options.asset:
        return _Place(options.asset, path, tool)
    found = repository_asset(path, tool) if "://" in path else None
    folder = posixpath.dirname(path) if text(origin, "type") in ("lockfile", "sbom", "") else path
    return _Place(found or path_asset(folder, tool), path, tool)


def _package(value: Any, *, place: _Place) -> Iterator[Record]:
    entry = table_of(value)
    component = _component(entry, place)
    yield component
    fixes = _unreachable(entry)
    for flaw in tables(entry, "vulnerabilities"):
        record = read_advisory(flaw, place.tool)
        yield record
        yield _finding(record, need(flaw, "id"), component, place, suppressed=need(flaw, "id") in fixes)


def _component(entry: Table, place: _Place) -> ComponentRecord:
    package = table(entry, "package")
    name = text(package, "name") or need(package, "commit")
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


def _finding(
    record: VulnerabilityRecord, rule: str, component: ComponentRecord, place: _Place, *, suppressed: bool
) -> FindingRecord:
    return FindingRecord(
        kind="vulnerability",
        key=(record.vuln_id, component.purl or f"{component.component_type}/{component.name}@{component.version}",
             place.path),
        title=f"{record.vuln_id} {component.name} {component.version}".strip(),
        severity=record.severity,
        source=place.tool,
        asset=place.asset,
        component=component,
        vulnerability=record.vuln_id,
        rule_id=rule,
        description=record.title,
        location=place.path,
        fixed_version=", ".join(_fixes(record, component)),
        suppressed=suppressed,
    )  # fmt: skip


def _fixes(record: VulnerabilityRecord, component: ComponentRecord) -> tuple[str, ...]:
    return distinct(
        entry.fixed
        for entry in record.affected
        if entry.package == component.name and entry.range_type != "GIT"
    )


IMPORTER: Importer = Osv()
__all__ = ["IMPORTER", "Osv", "ecosystem_purl", "read_advisory"]
