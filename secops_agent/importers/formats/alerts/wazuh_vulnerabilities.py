"""Wazuh's vulnerability detection: documents of the state index, and the alerts of rules 23502 to 23506."""

from collections.abc import Iterator
from datetime import datetime

from secops_agent.importers.base import BrokenRecord, Options
from secops_agent.importers.values.fields import (
    Table,
    aliases_in,
    distinct,
    moment,
    need,
    number,
    primary_id,
    shortened,
    table,
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

from .wazuh_alerts import agent_asset, alert_moment

# OS packages go by the platform; the other types are words of `package_purl`, or none.
_OS_TYPES = {"deb", "rpm", "apk"}
_PLATFORMS = {
    "debian", "ubuntu", "kylin", "uos", "deepin", "centos", "rocky", "fedora", "suse", "opensuse", "opensuse-leap",
    "anolis", "openeuler", "alpine",
}  # fmt: skip
_RENAMED = {"rhel": "redhat", "almalinux": "alma", "amzn": "amazon", "ol": "oracle", "sles": "suse"}


def read_state(document: Table, options: Options) -> Iterator[Record]:
    """One document of wazuh-states-vulnerabilities: a vulnerability that the package has now.

    An export may be filtered or cut at 10,000 hits, so nothing is ever reported as gone.
    """
    flaw, package = table(document, "vulnerability"), table(document, "package")
    vuln_id, aliases = primary_id([need(flaw, "id")])
    asset = agent_asset(document, options.source or "wazuh") or options.asset
    component = _component(package, _system(document), asset, options)
    score = table(flaw, "score")
    known = VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        description=shortened(text(flaw, "description")),
        severity=severity_of(text(flaw, "severity"), number(score, "base")),
        cvss=_scores(number(score, "base"), text(score, "version")),
        references=_links(flaw),
        published=moment(flaw, "published_at", options.zone),
        source=options.source or "wazuh",
    )
    yield known
    yield _finding(known, component, asset, options.received_at)


def read_detection(alert: Table, flaw: Table, options: Options) -> Iterator[Record]:
    """An alert of the detector. "Solved" ones say that something is no more: the state index tells that better."""
    if text(flaw, "status").lower() in ("solved", "obsolete"):
        return
    vuln_id, aliases = primary_id([text(flaw, "cve") or text(table(alert, "rule"), "description")])
    if not aliases_in(vuln_id):
        raise BrokenRecord("「data.vulnerability.cve」不是漏洞编号")
    asset = agent_asset(alert, options.source or "wazuh") or options.asset
    component = _component(table(flaw, "package"), {}, asset, options)
    scores = tuple(_old_scores(flaw))
    known = VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        title=shortened(text(flaw, "title"), 500),
        description=shortened(text(flaw, "rationale")),
        severity=severity_of(text(flaw, "severity"), max((score.score for score in scores), default=None)),
        cvss=scores,
        cwes=distinct([text(flaw, "cwe_reference")]),
        references=_links(flaw),
        published=moment(flaw, "published", options.zone),
        modified=moment(flaw, "updated", options.zone),
        source=options.source or "wazuh",
    )
    yield known
    yield _finding(known, component, asset, alert_moment(alert, options))


def _finding(
    known: VulnerabilityRecord, component: ComponentRecord, asset: AssetRecord | None, seen: datetime | None
) -> FindingRecord:
    named = component.purl or f"{component.component_type}/{component.name}@{component.version}"
    return FindingRecord(
        kind="vulnerability",
        key=(known.vuln_id, named, component.location),
        title=f"{known.vuln_id} {component.name} {component.version}".strip(),
        severity=known.severity,
        source=known.source,
        asset=asset,
        component=component,
        vulnerability=known.vuln_id,
        rule_id=known.vuln_id,
        description=known.title,
        location=component.location,
        references=known.references[:3],
        seen_at=seen,
    )


def _system(document: Table) -> Table:
    return table(table(document, "host"), "os") or table(table(table(document, "agent"), "host"), "os")


def _component(package: Table, system: Table, asset: AssetRecord | None, options: Options) -> ComponentRecord:
    """The package. Without a known platform an OS package gets no purl: its distribution would be a guess."""
    name, version, kind = need(package, "name"), text(package, "version"), text(package, "type").lower()
    platform = text(system, "platform").lower()
    platform = _RENAMED.get(platform, platform)
    distro = f"{platform}-{text(system, 'version')}" if platform and text(system, "version") else ""
    family = (
        (platform if platform in _PLATFORMS | set(_RENAMED.values()) else "") if kind in _OS_TYPES else kind
    )
    purl = package_purl({"pypi": "pip"}.get(family, family), name, version, distro) if family else ""
    return ComponentRecord(
        name=name,
        version=version,
        purl=purl,
        component_type=purl_kind(purl) or kind,
        asset=asset,
        distro=distro if kind in _OS_TYPES else "",
        location=text(package, "path"),
        source=options.source or "wazuh",
    )


def _scores(base: float | None, version: str) -> tuple[Cvss, ...]:
    return (Cvss(version[:3], base),) if base and 0 < base <= 10 else ()


def _old_scores(flaw: Table) -> Iterator[Cvss]:
    """``cvss.cvss3.base_score`` before 4.8, ``score.base`` since."""
    score = table(flaw, "score")
    yield from _scores(number(score, "base"), text(score, "version"))
    for key, version in (("cvss2", "2.0"), ("cvss3", "")):
        yield from _scores(number(table(table(flaw, "cvss"), key), "base_score"), version)


def _links(flaw: Table) -> tuple[str, ...]:
    """``reference`` is a list written with commas."""
    listed = (part.strip() for value in texts(flaw, "reference") for part in value.split(", "))
    return distinct(link for link in (*listed, *texts(flaw, "references")) if "://" in link)
