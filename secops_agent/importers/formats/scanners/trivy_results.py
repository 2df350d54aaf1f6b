"""What Trivy finds in one target: packages, vulnerabilities, misconfigurations, secrets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    FindingRecord,
    Record,
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
