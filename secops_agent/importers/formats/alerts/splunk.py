"""Splunk: events as the HTTP Event Collector takes them, and the webhook alert action.

An envelope has ``event`` (an object or a text) and perhaps time, host, source, sourcetype, fields; envelopes follow one
another without a comma. What is in an event has the names of Splunk's Common Information Model (Alerts, Intrusion
Detection) and of notable events. The webhook action sends ``result``, ``search_name``, ``sid``, ``results_link``.
https://help.splunk.com/en/splunk-enterprise/get-data-in/get-started-with-getting-data-in/get-data-with-http-event-collector/format-events-for-http-event-collector
https://docs.splunk.com/Documentation/Splunk/latest/Alert/Webhooks · https://docs.splunk.com/Documentation/CIM/latest/User/Alerts
"""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert, document_outline
from secops_agent.importers.reading.documents import json_values
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import (
    Table,
    distinct,
    from_epoch,
    number,
    parse_moment,
    shortened,
    table,
    table_of,
    text,
)
from secops_agent.importers.values.observables import Sighting, observed, sighted_in, techniques_in
from secops_agent.services.records import AlertRecord, AssetRecord, Item, Record, severity_of

_TITLES = (
    "search_name",
    "rule_title",
    "rule_name",
    "signature",
    "alert_name",
    "title",
    "name",
    "subject",
    "message",
    "msg",
)
_RULES = ("rule_id", "signature_id", "search_name", "rule_name", "signature", "alert_name")
_GRADES = ("urgency", "severity", "priority", "level")
_HOSTS = ("dest_host", "dest_nt_host", "dvc", "hostname", "host", "dest")
_ADDRESSES = ("src", "src_ip", "dest", "dest_ip", "dvc_ip")
_TIMES = ("_time", "time", "timestamp", "@timestamp", "event_time")
_IDS = ("event_id", "id", "uuid", "orig_event_id")
_TEXTS = ("description", "body", "message", "_raw")
_TECHNIQUES = ("mitre_technique_id", "annotations.mitre_attack.mitre_technique_id", "mitre_technique")
_NUMBERS = re.compile(r"\d+")
_ENVELOPE = {"time", "host", "source", "sourcetype", "index", "fields"}


class Splunk:
    """Every envelope is an alert: what is no alert should not be sent here."""

    name = "splunk"
    title = "Splunk 事件（HEC）与 Webhook 告警动作"

    def sniff(self, head: bytes) -> float:
        paths = document_outline(head)
        if {"result", "sid"} <= paths and "search_name" in paths:
            return 1.0
        top = {path for path in paths if path and "." not in path}
        if "event" not in top or not top <= _ENVELOPE | {"event"}:
            return 0.0
        return 0.9 if top & {"sourcetype", "index", "source"} else 0.6

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        place = "item" if source.head(options.limits).lstrip().startswith(b"[") else ""
        entries = json_values(source, {place}, options.limits)  # several on a line, or one over many lines
        return convert(((at, value) for _, at, value in entries), partial(_event, options=options))


def _event(value: Any, *, options: Options) -> Iterator[Record]:
    outer = table_of(value)
    event = _content(outer)
    tool = options.source or "splunk"
    title, when = _title(event), _moment(event, options)
    host = _first(event, *_HOSTS)
    rule = _first(event, *_RULES)
    yield AlertRecord(
        source=tool,
        dedup_key=(rule or _NUMBERS.sub("#", title), host, text(event, "src")),
        title=shortened(title, 500),
        severity=severity_of(_first(event, *_GRADES)),
        rule_id=shortened(rule, 200),
        rule_name=shortened(_first(event, "rule_name", "search_name", "signature") or rule, 300),
        description=shortened(_first(event, *_TEXTS), 8000),
        assets=_assets(event, host, tool),
        indicators=observed(_sightings(event, title)),
        occurred_at=when,
        first_seen=when,
        last_seen=when,
        event_id=_first(event, *_IDS) or _digest(outer, when),
        techniques=techniques_in(*(_words(event.get(key)) for key in _TECHNIQUES)),
        references=distinct(link for link in (_first(event, "results_link"),) if "://" in link),
        raw=outer,
    )


def _content(outer: Table) -> dict[str, Any]:
    """The event's own fields over the envelope's."""
    if "result" in outer and "event" not in outer:
        own = {key: outer.get(key) for key in ("search_name", "results_link")}
        return {
            **{key: value for key, value in own.items() if value},
            **_plain(table(outer, "result")),
            "event_id": text(outer, "sid"),
        }
    if outer.get("event") is None:
        raise BrokenRecord("缺少必填字段「event」")
    event = outer["event"]
    inner = _unwrapped(table_of(event)) if isinstance(event, dict) else {"message": _said(event)}
    around = {
        key: outer[key]
        for key in ("time", "host", "source", "sourcetype")
        if outer.get(key) not in (None, "")
    }
    return {
        **around,
        **_plain(table(outer, "fields")),
        **inner,
        **({"time": outer["time"]} if outer.get("time") else {}),
    }


def _unwrapped(event: Table) -> dict[str, Any]:
    """Splunk's own logging libraries put what the program said into ``message``, the severity beside it; Winston's
    transport puts the program's fields one level deeper, into ``meta``; Bunyan's ``name`` beside ``msg`` is a logger's."""
    said = table(event, "message") if isinstance(event.get("message"), dict) else {}
    more = table(said, "meta") if isinstance(said.get("meta"), dict) else {}
    logger = {"name"} if "msg" in said else set()
    return {**_plain(event), **_plain(more), **_plain({key: said[key] for key in said.keys() - logger})}


def _said(event: Any) -> str:
    written = text({"event": event}, "event")
    if not written:
        raise BrokenRecord("「event」不能是空白")
    return written


def _plain(data: Table) -> dict[str, Any]:
    """Fields with several values as one text; what is nested stays in the raw record only."""
    return {key: _words(value) for key, value in data.items() if not isinstance(value, dict)}


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value if isinstance(item, (str, int, float)))
    return "" if value is None or isinstance(value, (bool, dict)) else str(value)


def _first(data: Table, *keys: str) -> str:
    return next((found for key in keys if (found := text(data, key))), "")


def _title(event: Table) -> str:
    written = _first(event, *_TITLES) or _first(event, "_raw", "signature_id", "rule_id", "type", "category")
    if not written:
        raise BrokenRecord(f"看不出是什么告警：事件里应当有 {'、'.join(_TITLES[:5])} 或 message 之一")
    return written.splitlines()[0]


def _moment(event: Table, options: Options) -> datetime | None:
    """Epoch seconds (Splunk's), or a written time; one that cannot be read is the time of arrival."""
    for key in _TIMES:
        written = text(event, key)
        try:
            found = from_epoch(number({key: written}, key)) if written else None
        except BrokenRecord:
            found = _written(written, options)
        if found:
            return found
    return options.received_at


def _written(value: str, options: Options) -> datetime | None:
    try:
        return parse_moment(value, options.zone)
    except BrokenRecord:
        return None


def _assets(event: Table, host: str, tool: str) -> tuple[AssetRecord, ...]:
    found = (
        host_asset(host, ips=(text(event, "dest_ip"),), source=tool)
        if host or text(event, "dest_ip")
        else None
    )
    return (found,) if found else ()


def _sightings(event: Table, title: str) -> Iterator[Sighting]:
    for key in _ADDRESSES:
        yield from (found for found in sighted_in(text(event, key)) if found[0] == "ip")
    for key in ("user", "src_user"):
        yield "account", text(event, key)
    yield from sighted_in(title)
    yield from sighted_in(" ".join(text(event, key) for key in ("url", "file_hash")))


def _digest(outer: Table, when: datetime | None) -> str:
    """Of an event without an id of its own: sent again it is the same; without a time too, for this hour only."""
    written = json.dumps(outer, sort_keys=True, ensure_ascii=True, default=str)
    hour = "" if when else f"{datetime.now(UTC):%Y-%m-%dT%H}"
    return hashlib.sha256(f"{hour}{written}".encode()).hexdigest()[:32]


IMPORTER: Importer = Splunk()
__all__ = ["IMPORTER", "Splunk"]
