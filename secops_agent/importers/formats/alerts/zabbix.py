"""Zabbix: what the webhook media type of docs/receivers.md sends, macro by macro.

https://www.zabbix.com/documentation/current/en/manual/appendix/macros/supported_by_location
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert, document_outline
from secops_agent.importers.reading.documents import json_documents
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import Table, need, parse_moment, shortened, table_of, tables, text
from secops_agent.importers.values.observables import observed, sighted_in, techniques_in
from secops_agent.services.records import AlertRecord, Item, Record, Severity, StatusHint

# {EVENT.NSEVERITY}: not classified, information, warning, average, high, disaster.
_SEVERITIES: dict[str, Severity] = {
    "0": "info", "1": "info", "2": "low", "3": "medium", "4": "high", "5": "critical",
}  # fmt: skip
_STATES: dict[str, StatusHint] = {"1": "open", "0": "closed"}  # {EVENT.VALUE}
_MARKS = {"event_id", "event_value", "trigger_id"}


class Zabbix:
    """One problem, or its recovery, a request."""

    name = "zabbix"
    title = "Zabbix 告警（webhook 媒介）"

    def sniff(self, head: bytes) -> float:
        return 1.0 if document_outline(head) >= _MARKS else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        return convert(json_documents(source, options.limits), partial(_event, options=options))


def _event(value: Any, *, options: Options) -> Iterator[Record]:
    event = table_of(value)
    state, grade = _state(event), text(event, "severity")
    tool, name = options.source or "zabbix", need(event, "name")
    started = _moment(event, "time", options) or options.received_at
    ended = _moment(event, "recovery_time", options) if state == "closed" else None
    yield AlertRecord(
        source=tool,
        dedup_key=(need(event, "trigger_id"), text(event, "host")),
        title=shortened(name, 500),
        severity=_SEVERITIES.get(grade, "info"),
        rule_id=text(event, "trigger_id"),
        rule_name=shortened(text(event, "trigger_name") or name, 300),
        description=shortened(_description(event), 8000),
        assets=_assets(event, tool),
        indicators=observed(sighted_in(f"{name} {text(event, 'opdata')}")),
        occurred_at=started,
        first_seen=started,
        last_seen=ended or started,
        event_id="|".join((need(event, "event_id"), state, grade)),  # an update of the severity is news
        status_hint=state,
        techniques=techniques_in(
            *(f"{text(tag, 'tag')} {text(tag, 'value')}" for tag in tables(event, "tags"))
        ),
        references=tuple(link for link in (text(event, "url"),) if "://" in link),
        raw=event,
    )


def _state(event: Table) -> StatusHint:
    written = need(event, "event_value")
    if written not in _STATES:
        raise BrokenRecord(
            f"「event_value」应当是 1（发生）或 0（恢复），实际是 {written[:40]}："
            "请在 Zabbix 的媒介参数里写 {EVENT.VALUE}；「测试」按钮不替换宏，要先把参数改成实际的值"
        )
    return _STATES[written]


def _moment(event: Table, key: str, options: Options) -> datetime | None:
    """ "2026.11.20 11:43:46", in the server's zone; a macro that was not replaced is no time."""
    written = text(event, key)
    if not written or "{" in written:
        return None
    return parse_moment(written.replace(".", "-", 2), options.zone, what=f"「{key}」")


def _description(event: Table) -> str:
    lines = (text(event, "opdata"), text(event, "description"))
    return "\n".join(line for line in lines if line and not line.startswith("{"))


def _assets(event: Table, tool: str) -> tuple[Any, ...]:
    host, shown = text(event, "host"), text(event, "host_name")
    found = host_asset(host, ips=(text(event, "ip"),), name=shown or host, source=tool)
    return (found,) if found else ()


IMPORTER: Importer = Zabbix()
__all__ = ["IMPORTER", "Zabbix"]
