"""Wazuh: alerts (alerts.json, the index wazuh-alerts-*) and vulnerabilities (wazuh-states-vulnerabilities, 4.8+).

Also what Wazuh's own integrations send when their ``hook_url`` points here: "shuffle" (the alert under
``all_fields``) and "slack" (an attachment that shows the most important fields).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from secops_agent.importers.base import (
    BrokenRecord,
    Importer,
    Options,
    Source,
    convert,
    document_outline,
    whole_outline,
)
from secops_agent.importers.formats.alerts.wazuh_alerts import agent_asset, alert_moment, read_alert
from secops_agent.importers.reading.documents import json_documents, json_values
from secops_agent.importers.values.fields import (
    Table,
    aliases_in,
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
from secops_agent.importers.values.purls import package_purl, purl_kind
from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Item,
    Record,
    VulnerabilityRecord,
    severity_of,
)

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


_HITS = "hits.hits.item"
_LISTING = "data.affected_items"  # what GET /vulnerability/{agent} answers before 4.8
_WRAPPERS = ("", "_source.", "all_fields.")
_SLACK_RULE = re.compile(r"(\d+)\s*_?\(Level (\d+)\)")
_SLACK_AGENT = re.compile(r"\((\d+)\) - (.+)")


class Wazuh:
    """JSON lines, an array, one document, an OpenSearch answer (``hits.hits``), or index documents (``_source``)."""

    name = "wazuh"
    title = "Wazuh 告警与漏洞（alerts.json、索引导出、集成推送）"

    def sniff(self, head: bytes) -> float:
        paths = {path.removeprefix(f"{_HITS}.") for path in document_outline(head)}
        for wrapper in _WRAPPERS:
            if {f"{wrapper}rule.level", f"{wrapper}rule.id"} <= paths:
                return 1.0
            agent = paths & {f"{wrapper}agent.id", f"{wrapper}agent.name", f"{wrapper}wazuh.agent.id"}
            if agent and f"{wrapper}vulnerability.id" in paths and f"{wrapper}package.name" in paths:
                return 1.0
        if f"{_LISTING}.item.cve" in paths or {_LISTING, "data.total_affected_items"} <= paths:
            return 1.0
        return 0.9 if "attachments.item.pretext" in paths and b"WAZUH" in head else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        entries = json_documents(source, options.limits)
        paths = whole_outline(source.head(options.limits))
        listed = next(
            (path for path in (_HITS, f"{_LISTING}.item") if path.removesuffix(".item") in paths), ""
        )
        if listed:
            found = json_values(source, {listed}, options.limits)
            entries = ((position, value) for _, position, value in found)
        return convert(entries, partial(_document, options=options))


def _document(value: Any, *, options: Options) -> Iterator[Record]:
    document = _unwrapped(table_of(value))
    if "rule" in document:
        detected = table(table(document, "data"), "vulnerability")
        yield from read_detection(document, detected, options) if detected else read_alert(document, options)
    elif "vulnerability" in document:
        yield from read_state(document, options)
    else:
        raise BrokenRecord("既不是 Wazuh 告警（没有「rule」），也不是漏洞记录（没有「vulnerability」）")


def _unwrapped(document: Table) -> Table:
    for wrapper in ("_source", "all_fields"):
        if wrapper in document:
            return table(document, wrapper)
    if "cve" in document and "vulnerability" not in document:
        return _from_listing(document)
    if "rule" not in document and rows(document, "attachments"):
        return _from_slack(tables(document, "attachments")[0])
    return document


def _from_listing(entry: Table) -> Table:
    """The detector's alert, as far as an entry tells it. Whose it is stands in the request, at times in the entry."""
    cvss = {f"cvss{number}": {"base_score": entry.get(f"cvss{number}_score")} for number in (2, 3)}
    flaw = {
        **entry,
        "package": {**entry, "type": ""},
        "cvss": cvss,
        "references": entry.get("external_references"),
    }
    agent = {key: entry.get(f"agent_{key}") for key in ("id", "name", "ip")}
    return {
        "rule": {},
        "agent": agent,
        "timestamp": entry.get("detection_time"),
        "data": {"vulnerability": flaw},
    }


def _from_slack(attachment: Table) -> Table:
    """The alert as far as Slack's attachment tells it: agent, rule, level, message, id."""
    fields = {text(item, "title"): text(item, "value") for item in tables(attachment, "fields")}
    rule = _SLACK_RULE.search(fields.get("Rule ID", ""))
    if not rule:
        raise BrokenRecord("Slack 格式的附件里没有「Rule ID」")
    agent = _SLACK_AGENT.search(fields.get("Agent", ""))
    number, name = agent.groups() if agent else ("000", fields.get("Agentless host", ""))
    return {
        "id": text(attachment, "ts"),
        "rule": {"id": rule[1], "level": int(rule[2][:3]), "description": text(attachment, "title")},
        "agent": {"id": number, "name": name},
        "location": fields.get("Location", ""),
        "full_log": text(attachment, "text"),
    }


IMPORTER: Importer = Wazuh()
__all__ = ["IMPORTER", "Wazuh"]
