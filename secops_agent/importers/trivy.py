"""Trivy's JSON report, schema version 2: images, file systems, repositories, misconfigurations, secrets."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingKind,
    FindingRecord,
    Item,
    Record,
    Rejected,
    ScanRecord,
    VulnerabilityRecord,
    severity_of,
)

from .assets import image_asset, is_vague, path_asset, repository_asset
from .base import Importer, Once, Options, Source, convert, whole_outline
from .fields import (
    Table,
    canonical_purl,
    cvss,
    moment,
    need,
    number,
    primary_id,
    shortened,
    table,
    table_of,
    text,
    texts,
)
from .purls import package_purl, purl_kind
from .reading import json_head, json_values

_ROOT = ("SchemaVersion", "CreatedAt", "ArtifactName", "ArtifactType", "Metadata")
_RESULT = ("Target", "Class", "Type")
_PARTS = ("Packages", "Vulnerabilities", "Misconfigurations", "Secrets")
_CLASS_KINDS: dict[str, FindingKind] = {
    "os-pkgs": "vulnerability",
    "lang-pkgs": "vulnerability",
    "config": "misconfiguration",
    "secret": "secret",
}


@dataclass(frozen=True, slots=True)
class _Target:
    """What the findings of one result share."""

    asset: AssetRecord
    location: str
    kind: str
    distro: str
    report: Table
    source: str


class Trivy:
    """``trivy … --format json`` of 0.20 and newer."""

    name = "trivy"
    title = "Trivy 扫描报告（JSON）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if "ArtifactName" in paths and "SchemaVersion" in paths:
            return 1.0
        return 0.8 if "Results.item.Target" in paths and "Results.item.Class" in paths else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        report = _read_report(source, options)
        once = Once()
        pieces = json_values(source, {f"Results.item.{part}.item" for part in _PARTS}, options.limits)
        whole = True
        for path, position, value in pieces:
            target = report.target(position.partition(".")[0])
            read = partial(_READERS[path.split(".")[2]], target=target)
            for item in convert([(position, value)], read):
                whole = whole and not isinstance(item, Rejected)
                yield from once(item)
        if whole and not is_vague(report.asset):
            yield from report.scans()


@dataclass(frozen=True, slots=True)
class _Report:
    """The small fields of a report; results by their position ("Results[0]")."""

    data: dict[str, Any]
    results: dict[str, dict[str, Any]]
    asset: AssetRecord
    distro: str
    source: str

    def target(self, index: str) -> _Target:
        result = self.results.get(index, {})
        kind = text(result, "Type")
        distro = self.distro if text(result, "Class") == "os-pkgs" else ""
        return _Target(self.asset, text(result, "Target"), kind, distro, self.data, self.source)

    def scans(self) -> Iterator[ScanRecord]:
        classes = {text(result, "Class") for result in self.results.values()}
        kinds = tuple(sorted({_CLASS_KINDS[name] for name in classes if name in _CLASS_KINDS}))
        if kinds:
            yield ScanRecord(self.source, self.asset, kinds, moment(self.data, "CreatedAt"))


def _read_report(source: Source, options: Options) -> _Report:
    data: dict[str, Any] = {}
    results: dict[str, dict[str, Any]] = {}
    wanted = {*_ROOT, *(f"Results.item.{key}" for key in _RESULT)}
    pieces, broken = json_head(source, wanted, options.limits)
    if broken and "ArtifactName" not in {path for path, _, _ in pieces} and not options.asset:
        raise broken
    for path, position, value in pieces:
        if path in _ROOT:
            data[path] = value
        else:
            index, _, key = position.partition(".")
            results.setdefault(index, {})[key] = value
    tool = options.source or "trivy"
    system = table(table(data, "Metadata"), "OS")
    distro = "-".join(filter(None, (text(system, "Family"), text(system, "Name"))))
    return _Report(data, results, options.asset or _asset(data, tool), distro, tool)


def _asset(data: Table, tool: str) -> AssetRecord:
    metadata, name = table(data, "Metadata"), text(data, "ArtifactName")
    if text(data, "ArtifactType") == "container_image":
        digests = (*texts(metadata, "RepoDigests"), text(metadata, "ImageID"))
        names = (name, *texts(metadata, "RepoTags"))
        return image_asset(names, digests, tool) or path_asset(name, tool)
    repository = text(metadata, "RepoURL") or (name if text(data, "ArtifactType") == "repository" else "")
    return repository_asset(repository, tool) or path_asset(name, tool)


def _component(package: Table, target: _Target, name: str, version: str, identifier: str) -> ComponentRecord:
    purl = canonical_purl(text(table(package, identifier), "PURL"))
    purl = purl or package_purl(target.kind, name, version, target.distro)
    return ComponentRecord(
        name=name,
        version=version,
        purl=purl,
        component_type=purl_kind(purl) or target.kind,
        asset=target.asset,
        distro=target.distro,
        location=text(package, "PkgPath") or text(package, "FilePath"),
        licenses=texts(package, "Licenses"),
        source=target.source,
    )


def _package(value: Any, target: _Target) -> Iterator[Record]:
    package = table_of(value)
    yield _component(package, target, need(package, "Name"), _package_version(package), "Identifier")


def _package_version(package: Table) -> str:
    version, release, epoch = text(package, "Version"), text(package, "Release"), number(package, "Epoch")
    full = f"{version}-{release}" if release else version
    return f"{int(epoch)}:{full}" if epoch else full


def _vulnerability(value: Any, target: _Target) -> Iterator[Record]:
    item = table_of(value)
    vuln_id, aliases = primary_id([need(item, "VulnerabilityID")])
    component = _component(
        item, target, need(item, "PkgName"), text(item, "InstalledVersion"), "PkgIdentifier"
    )
    scores = tuple(_scores(table(item, "CVSS")))
    severity = severity_of(text(item, "Severity"), max((score.score for score in scores), default=None))
    record = VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        title=shortened(text(item, "Title"), 500),
        description=shortened(text(item, "Description")),
        severity=severity,
        cvss=scores,
        cwes=texts(item, "CweIDs"),
        references=texts(item, "References"),
        published=moment(item, "PublishedDate"),
        modified=moment(item, "LastModifiedDate"),
        source=target.source,
    )
    yield record
    yield _vulnerability_finding(item, record, component, target)


def _vulnerability_finding(
    item: Table, record: VulnerabilityRecord, component: ComponentRecord, target: _Target
) -> FindingRecord:
    place = component.location or target.location
    named = f"{component.name} {component.version}".strip()
    return FindingRecord(
        kind="vulnerability",
        key=(record.vuln_id, component.purl or f"{target.kind}/{component.name}@{component.version}", place),
        title=f"{record.vuln_id} {named}",
        severity=record.severity,
        source=target.source,
        asset=target.asset,
        component=component,
        vulnerability=record.vuln_id,
        rule_id=need(item, "VulnerabilityID"),
        description=record.title,
        location=place,
        fixed_version=text(item, "FixedVersion"),
        evidence=f"状态：{text(item, 'Status')}" if text(item, "Status") else "",
        references=tuple(filter(None, [text(item, "PrimaryURL")])),
        suppressed=text(item, "Status") == "not_affected",
        seen_at=moment(target.report, "CreatedAt"),
    )


def _scores(sources: Table) -> Iterator[Cvss]:
    for source in sorted(sources):
        entry = table(sources, source)
        for version in ("V2", "V3", "V40"):
            score = number(entry, f"{version}Score")
            vector = text(entry, f"{version}Vector")
            found = cvss(vector, score, source) if vector or score else None
            if found:
                yield found


def _misconfiguration(value: Any, target: _Target) -> Iterator[Record]:
    item = table_of(value)
    if text(item, "Status", "FAIL") != "FAIL":
        return
    cause = table(item, "CauseMetadata")
    rule = need(item, "ID")
    yield FindingRecord(
        kind="misconfiguration",
        key=(rule, target.location, text(cause, "Resource") or text(item, "Message")),
        title=shortened(text(item, "Title") or rule, 500),
        severity=severity_of(text(item, "Severity")),
        source=target.source,
        asset=target.asset,
        rule_id=text(item, "AVDID") or rule,
        description=shortened(text(item, "Description")),
        location=_line(target.location, cause),
        evidence=shortened(text(item, "Message")),
        remediation=shortened(text(item, "Resolution")),
        references=texts(item, "References"),
        seen_at=moment(target.report, "CreatedAt"),
    )


def _secret(value: Any, target: _Target) -> Iterator[Record]:
    item = table_of(value)
    rule = need(item, "RuleID")
    yield FindingRecord(
        kind="secret",
        key=(rule, target.location, str(int(number(item, "StartLine") or 0))),
        title=shortened(text(item, "Title") or rule, 500),
        severity=severity_of(text(item, "Severity")),
        source=target.source,
        asset=target.asset,
        rule_id=rule,
        description=text(item, "Category"),
        location=_line(target.location, item),
        seen_at=moment(target.report, "CreatedAt"),
    )


def _line(place: str, data: Table) -> str:
    line = number(data, "StartLine")
    return f"{place}:{int(line)}" if line else place


_READERS = {
    "Packages": _package,
    "Vulnerabilities": _vulnerability,
    "Misconfigurations": _misconfiguration,
    "Secrets": _secret,
}
IMPORTER: Importer = Trivy()
__all__ = ["IMPORTER", "Trivy"]
