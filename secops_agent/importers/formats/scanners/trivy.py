"""Trivy's JSON reports: images, file systems, repositories, and Kubernetes clusters; the bare array before 0.20 too."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_head, json_values
from secops_agent.importers.values.assets import image_asset, is_vague, path_asset, repository_asset
from secops_agent.importers.values.fields import (
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
from secops_agent.importers.values.purls import package_purl, purl_kind
from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingKind,
    FindingRecord,
    Item,
    Key,
    Record,
    Rejected,
    ScanRecord,
    VulnerabilityRecord,
    severity_of,
)


@dataclass(frozen=True, slots=True)
class ScanTarget:
    """What the findings of one result share: an image, a file, a Kubernetes object."""

    asset: AssetRecord
    location: str
    kind: str
    distro: str
    seen_at: datetime | None
    source: str


def _component(
    package: Table, target: ScanTarget, name: str, version: str, identifier: str
) -> ComponentRecord:
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


def _package(value: Any, target: ScanTarget) -> Iterator[Record]:
    package = table_of(value)
    yield _component(package, target, need(package, "Name"), _package_version(package), "Identifier")


def _package_version(package: Table) -> str:
    version, release, epoch = text(package, "Version"), text(package, "Release"), number(package, "Epoch")
    full = f"{version}-{release}" if release else version
    return f"{int(epoch)}:{full}" if epoch else full


def _vulnerability(value: Any, target: ScanTarget) -> Iterator[Record]:
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
    item: Table, record: VulnerabilityRecord, component: ComponentRecord, target: ScanTarget
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
        seen_at=target.seen_at,
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


def _misconfiguration(value: Any, target: ScanTarget) -> Iterator[Record]:
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
        seen_at=target.seen_at,
    )


def _secret(value: Any, target: ScanTarget) -> Iterator[Record]:
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
        seen_at=target.seen_at,
    )


def _line(place: str, data: Table) -> str:
    line = number(data, "StartLine")
    return f"{place}:{int(line)}" if line else place


READERS = {
    "Packages": _package,
    "Vulnerabilities": _vulnerability,
    "Misconfigurations": _misconfiguration,
    "Secrets": _secret,
}


_ROOT = ("SchemaVersion", "CreatedAt", "ArtifactName", "ArtifactType", "Metadata", "ClusterName")
# Of a cluster: "Resources" of a whole report, "Findings" of a summary, the other two before 0.30.
_HOLDERS = tuple(f"{name}.item" for name in ("Resources", "Findings", "Vulnerabilities", "Misconfigurations"))
_OBJECT = ("Namespace", "Kind", "Name", "Metadata.OS")  # the rest of its metadata may be large
# Before 0.20 the results are the whole document.
_RESULTS = ("Results.item", "item", *(f"{holder}.Results.item" for holder in _HOLDERS))
_RESULT = ("Target", "Class", "Type")
# What is not taken, and why; the licences of packages come with the packages.
_LEFT = {
    "Licenses": "许可证检查结果没有导入（组件自己的许可证会随组件导入）",
    "ExperimentalModifiedFindings": "被忽略规则或 VEX 排除的结果没有导入",
}
_CLASS_KINDS: dict[str, FindingKind] = {
    "os-pkgs": "vulnerability",
    "lang-pkgs": "vulnerability",
    "config": "misconfiguration",
    "secret": "secret",
}
_SYSTEM = re.compile(r"\(([a-z][\w -]*) ([\w.]+)\)$")  # "nginx:1.25 (debian 12.4)"


class Trivy:
    """``trivy … --format json`` and ``trivy k8s``."""

    name = "trivy"
    title = "Trivy 扫描报告（JSON）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if "ArtifactName" in paths and "SchemaVersion" in paths:
            return 1.0
        if any({f"{holder}.Results", f"{holder}.Kind"} <= paths for holder in _HOLDERS):
            return 1.0
        if "ClusterName" in paths and any(holder.removesuffix(".item") in paths for holder in _HOLDERS):
            return 0.9
        if "item.Target" in paths and paths & {"item.Vulnerabilities", "item.Misconfigurations", "item.Type"}:
            return 0.9
        return 0.8 if "Results.item.Target" in paths and "Results.item.Class" in paths else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        report = _read_report(source, options)
        once = Once()
        wanted = {f"{result}.{part}.item" for result in _RESULTS for part in (*READERS, *_LEFT)}
        holders = dict.fromkeys((*_RESULTS, *_HOLDERS), "")
        whole = True
        left: Counter[tuple[str, str]] = Counter()
        target = cache(report.target)
        for path, position, value in json_values(source, wanted, options.limits, holders):
            if isinstance(value, BrokenRecord):
                whole = False
                yield Rejected(position, value.message)
                continue
            place, _, part = position.rpartition("[")[0].rpartition(".")
            if part in _LEFT:
                left[place, part] += 1
                continue
            read = partial(READERS[path.split(".")[-2]], target=target(place))
            for item in convert([(position, value)], read):
                whole = whole and not isinstance(item, Rejected)
                yield from once(item)
        for (place, part), count in left.items():
            yield Rejected(f"{place}.{part}", f"{count} 条{_LEFT[part]}")
        if whole:
            yield from report.scans()


@dataclass(frozen=True, slots=True)
class _Report:
    """The small fields of a report; results and Kubernetes objects by their position ("Results[0]")."""

    data: dict[str, Any]
    results: dict[str, dict[str, Any]]
    objects: dict[str, dict[str, Any]]
    asset: AssetRecord | None
    source: str

    def target(self, place: str) -> ScanTarget:
        """Of a result by its position, "Results[0]" or "Resources[2].Results[0]"."""
        result, holder = self.results.get(place, {}), place.rpartition(".")[0]
        system = table(self.objects.get(holder, {}), "Metadata.OS") if holder else self._system()
        distro = _distro(system, text(result, "Target")) if text(result, "Class") == "os-pkgs" else ""
        seen = moment(self.data, "CreatedAt")
        asset = self._asset(holder)
        place, kind = text(result, "Target")[:1000], text(result, "Type")[:100]
        return ScanTarget(asset, place, kind, distro[:100], seen, self.source)

    def _system(self) -> Table:
        return table(table(self.data, "Metadata"), "OS")

    def _asset(self, holder: str) -> AssetRecord:
        if self.asset or not holder:
            return self.asset or _asset(self.data, self.source)
        return _workload(self.objects.get(holder, {}), text(self.data, "ClusterName"), self.source)

    def scans(self) -> Iterator[ScanRecord]:
        """A scan ended for every asset of which something was looked at."""
        kinds: dict[AssetRecord, set[FindingKind]] = {}
        for place, result in self.results.items():
            kind = _CLASS_KINDS.get(text(result, "Class"))
            if kind:
                kinds.setdefault(self._asset(place.rpartition(".")[0]), set()).add(kind)
        for asset, looked in kinds.items():
            if not is_vague(asset):
                yield ScanRecord(self.source, asset, tuple(sorted(looked)), moment(self.data, "CreatedAt"))


def _read_report(source: Source, options: Options) -> _Report:
    report = _Report({}, {}, {}, options.asset, options.source or "trivy")
    wanted = {*_ROOT, *(f"{result}.{key}" for result in _RESULTS for key in _RESULT)}
    wanted |= {f"{holder}.{key}" for holder in _HOLDERS for key in _OBJECT}
    pieces, broken = json_head(source, wanted, options.limits)
    known = {path for path, _, _ in pieces}
    if broken and not known & {"ArtifactName", "ClusterName"} and not options.asset:
        raise broken
    for path, position, value in pieces:
        if path in _ROOT:
            report.data[path] = value
            continue
        if path.rpartition(".")[0] in _RESULTS:
            place, _, key = position.rpartition(".")
            report.results.setdefault(place, {})[key] = value
        else:
            place, _, key = position.partition(".")
            report.objects.setdefault(place, {})[key] = value
    if "ArtifactName" not in report.data and "[0]" in report.results:
        _read_old(report)
    return report


def _read_old(report: _Report) -> None:
    """An array says neither what was scanned nor what its results are; the first target does, "nginx:1.19 (debian 10.5)"."""
    for result in report.results.values():
        system = _SYSTEM.search(text(result, "Target"))
        result.setdefault("Class", "os-pkgs" if system else "lang-pkgs")
    first = text(report.results["[0]"], "Target")
    report.data["ArtifactName"] = _SYSTEM.sub("", first).strip()
    if _SYSTEM.search(first):
        report.data["ArtifactType"] = "container_image"


def _distro(system: Table, target: str) -> str:
    """ "debian-12.4", from the description of the image or else from the target's name."""
    found = _SYSTEM.search(target)
    said = (text(system, "Family"), text(system, "Name")) if system or not found else found.groups()
    return "-".join(filter(None, said))


def _workload(described: Table, cluster: str, tool: str) -> AssetRecord:
    """A Kubernetes object: "default/Deployment/web", in its cluster."""
    name = "/".join(filter(None, (text(described, key) for key in ("Namespace", "Kind", "Name"))))
    key = Key("application", "/".join(filter(None, (cluster, name))))
    return replace(path_asset(name, tool), keys=(key,)) if name else path_asset(cluster, tool)


def _asset(data: Table, tool: str) -> AssetRecord:
    metadata, name = table(data, "Metadata"), text(data, "ArtifactName")
    if text(data, "ArtifactType") == "container_image":
        digests = (*texts(metadata, "RepoDigests"), text(metadata, "ImageID"))
        names = (name, *texts(metadata, "RepoTags"))
        return image_asset(names, digests, tool) or path_asset(name, tool)
    repository = text(metadata, "RepoURL") or (name if text(data, "ArtifactType") == "repository" else "")
    return repository_asset(repository, tool) or path_asset(name, tool)


IMPORTER: Importer = Trivy()
__all__ = ["IMPORTER", "Trivy"]
