"""Kibana's alert actions: the document of the alert history connector, and the webhook body of docs/receivers.md.

Both have ``rule`` (id, name), ``kibana.alert`` (id, actionGroup, actionGroupName) and ``@timestamp``; the body may add
``alerts``: the alerts of a detection rule, one an entry, closed with a null because Mustache cannot leave out a comma.
https://www.elastic.co/guide/en/kibana/8.11/index-action-type.html · …/rule-action-variables.html
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert, document_outline
from secops_agent.importers.reading.documents import json_documents
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import (
    Table,
    distinct,
    moment,
    need,
    number,
    rows,
    shortened,
    table,
    table_of,
    text,
    texts,
)
from secops_agent.importers.values.observables import Sighting, observed, sighted_in, techniques_in
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    Item,
    Record,
    Severity,
    StatusHint,
    severity_of,
)

_ENDED = {"recovered"}
_ADDRESSES = ("source_ip", "destination_ip")
_MOST_ENTRIES = 5000  # Kibana's own limit is 1000
_MOST_SHARED = 4 << 20  # bytes, of all entries together
_USUAL: Severity = "medium"  # of a rule without one


class Elastic:
    """One action a request; a summary of a detection rule is one alert for each entry."""

    name = "elastic"
    title = "Elastic / Kibana 告警（webhook 连接器）"

    def sniff(self, head: bytes) -> float:
        paths = document_outline(head)
        if not {"rule.name", "kibana.alert"} <= paths:
            return 0.0
        return 1.0 if "@timestamp" in paths else 0.7

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        return convert(json_documents(source, options.limits), partial(_action, options=options))


@dataclass(frozen=True, slots=True)
class _Rule:
    """What all alerts of one action share."""

    tool: str
    id: str
    name: str
    severity: Severity
    at: datetime | None
    hint: StatusHint
    words: tuple[str, ...]
    links: tuple[str, ...]


def _action(value: Any, *, options: Options) -> Iterator[Record]:
    action = table_of(value)
    rule = _rule(action, options)
    entries = [entry for entry in map(_filled, rows(action, "alerts")) if entry]
    if not entries:
        yield _single(action, rule)
    if len(entries) > _MOST_ENTRIES:
        raise BrokenRecord(
            f"「alerts」有 {len(entries)} 条，最多 {_MOST_ENTRIES} 条：请在规则里减少一次处理的告警数"
        )
    shared = _shared(action, len(entries))
    for entry in entries:
        yield _entry(entry, action, {**shared, "alerts": [dict(entry)]}, rule)


def _filled(entry: Any) -> Table:
    """What a template left of a variable that has no value is nothing."""
    return (
        {}
        if entry is None
        else {key: value for key, value in table_of(entry).items() if value not in ("", None)}
    )


def _shared(action: Table, entries: int) -> Table:
    """What stands once above all entries and each of them keeps; where that would be much, only whose they are."""
    outer = {key: value for key, value in action.items() if key != "alerts"}
    if entries * len(json.dumps(outer)) <= _MOST_SHARED:
        return outer
    rule = table(action, "rule")
    return {"rule": {key: shortened(text(rule, key), 300) for key in ("id", "name")}}


def _rule(action: Table, options: Options) -> _Rule:
    data, alert = table(action, "rule"), table(table(action, "kibana"), "alert")
    score = number(data, "risk_score") if text(data, "risk_score") else None
    grade = text(data, "severity")
    tags = (*texts(action, "tags"), *texts(data, "tags"))
    return _Rule(
        tool=options.source or "elastic",
        id=text(data, "id") or need(data, "name"),
        name=need(data, "name"),
        severity=severity_of(grade, score / 10 if score is not None else None) if grade or score else _USUAL,
        at=moment(action, "@timestamp", options.zone) or options.received_at,
        hint="closed" if text(alert, "actionGroup").lower() in _ENDED else "open",
        words=tags,
        links=distinct(link for key in ("url", "results_link") if "://" in (link := text(data, key))),
    )


def _single(action: Table, rule: _Rule) -> AlertRecord:
    alert = table(table(action, "kibana"), "alert")
    ident, reason = text(alert, "id"), text(alert, "reason") or text(action, "message")
    return _record(
        rule, action,
        key=ident or "*",
        event=f"{text(alert, 'uuid') or ident}|{text(alert, 'actionGroup')}|{text(action, '@timestamp')}",
        title=rule.name if ident in ("", "*", rule.id, "query matched") else f"{rule.name}：{ident}",
        reason=reason,
        assets=_host(text(action, "host"), rule.tool),
        seen=sighted_in(reason),
    )  # fmt: skip


def _entry(entry: Table, action: Table, raw: Table, rule: _Rule) -> AlertRecord:
    host, reason = text(entry, "host"), text(entry, "reason")
    seen: list[Sighting] = [("ip", text(entry, key)) for key in _ADDRESSES]
    seen += [("account", text(entry, "user")), *sighted_in(reason)]
    return _record(
        rule, raw,
        key=host or text(entry, "source_ip"),
        event=text(entry, "id") or f"{host}|{reason}|{text(action, '@timestamp')}",
        title=rule.name,
        reason=reason,
        assets=_host(host, rule.tool),
        seen=seen,
    )  # fmt: skip


def _record(
    rule: _Rule, raw: Table, *, key: str, event: str, title: str, reason: str,
    assets: tuple[AssetRecord, ...], seen: list[Sighting],
) -> AlertRecord:  # fmt: skip
    return AlertRecord(
        source=rule.tool,
        dedup_key=(rule.id, key),
        title=shortened(title, 500),
        severity=rule.severity,
        rule_id=rule.id,
        rule_name=rule.name,
        description=shortened(reason, 8000),
        assets=assets,
        indicators=observed(seen),
        occurred_at=rule.at,
        first_seen=rule.at,
        last_seen=rule.at,
        event_id=event,
        status_hint=rule.hint,
        techniques=techniques_in(*rule.words),
        references=rule.links,
        raw=raw,
    )


def _host(name: str, tool: str) -> tuple[AssetRecord, ...]:
    found = host_asset(name, source=tool) if name else None
    return (found,) if found else ()


IMPORTER: Importer = Elastic()
__all__ = ["IMPORTER", "Elastic"]
