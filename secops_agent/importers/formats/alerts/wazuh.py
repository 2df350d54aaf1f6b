"""Wazuh: alerts (alerts.json, the index wazuh-alerts-*) and vulnerabilities (wazuh-states-vulnerabilities, 4.8+).

Also what Wazuh's own integrations send when their ``hook_url`` points here: "shuffle" (the alert under
``all_fields``) and "slack" (an attachment that shows the most important fields).
"""

import re
from collections.abc import Iterator
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
from secops_agent.importers.reading.documents import json_documents, json_values
from secops_agent.importers.values.fields import Table, rows, table, table_of, tables, text
from secops_agent.services.records import Item, Record

from .wazuh_alerts import read_alert
from .wazuh_vulnerabilities import read_detection, read_state

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
