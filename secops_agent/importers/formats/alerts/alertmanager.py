"""Alertmanager's webhook (version 4; Grafana sends the same with more fields) and its API's list of alerts (v2).

An alert is its set of labels; Alertmanager's fingerprint is the hash of it, startsAt tells one firing from the next.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_head, json_values
from secops_agent.importers.values.assets import host_asset, website_asset
from secops_agent.importers.values.fields import Table, distinct, moment, shortened, table, table_of, text
from secops_agent.importers.values.observables import Sighting, observed, sighted_in, techniques_in
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    Item,
    Record,
    Rejected,
    Severity,
    StatusHint,
    severity_of,
)

_HEADER = ("groupKey", "receiver", "externalURL", "version")
_MOST_HEADER = 300  # characters
_LEFT_OUT = "truncatedAlerts"  # what max_alerts made it leave out of this delivery: nobody sends those
_SEVERITY_LABELS = ("severity", "level", "priority")
# Besides the usual words: P0 and P1 call somebody at night (P1 is the highest of most scales, P0 of the others).
_PRIORITIES: dict[str, Severity] = {
    "p0": "critical",
    "p1": "critical",
    "p2": "high",
    "p3": "medium",
    "p4": "low",
    "p5": "info",
}
_HOST_LABELS = ("hostname", "host", "nodename", "node", "server", "exported_instance", "instance")
_STATES: dict[str, StatusHint] = {
    "firing": "open", "resolved": "closed",  # webhook
    "active": "open", "suppressed": "open", "unprocessed": "open",  # API v2
}  # fmt: skip
_ADDRESS_LABELS = ("src_ip", "source_ip", "srcip", "client_ip", "remote_ip", "attacker_ip")


class Alertmanager:
    """Each entry of ``alerts`` is read by itself: all it needs is in its own labels and annotations."""

    name = "alertmanager"
    title = "Prometheus Alertmanager 告警（webhook v4）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        entry = "alerts.item." if "alerts.item" in paths else "item." if "item" in paths else "alerts."
        if {f"{entry}labels", f"{entry}startsAt"} <= paths:
            sure = 1.0 if paths & {"groupKey", f"{entry}fingerprint", f"{entry}generatorURL"} else 0.8
            return (
                sure - 0.1 if paths & {"orgId", f"{entry}silenceURL"} else sure
            )  # Grafana's, which are read here too
        return 0.9 if "groupKey" in paths and "alerts" in paths else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        pieces, _ = json_head(source, {*_HEADER, _LEFT_OUT}, options.limits)
        header = _header(pieces)
        entries = json_values(source, {"alerts.item", "item"}, options.limits, {})
        pairs = ((position, value) for _, position, value in entries)
        yield from convert(pairs, partial(_alert, header=header, options=options))
        yield from _left_out(
            sum(value for path, _, value in pieces if path == _LEFT_OUT and type(value) is int)
        )


def _header(pieces: list[tuple[str, str, Any]]) -> dict[str, Any]:
    """What stands once above all alerts, short, because each of them keeps it; nothing when several deliveries follow
    one another in one file."""
    texts = [(path, value) for path, _, value in pieces if path in _HEADER]
    found = {path: shortened(value, _MOST_HEADER) for path, value in texts if isinstance(value, str)}
    return found if len(found) == len(texts) else {}


def _left_out(count: int) -> Iterator[Rejected]:
    if count > 0:
        yield Rejected(
            _LEFT_OUT,
            f"这一组还有 {count} 条没有发来：接收者设了 max_alerts，没有发来的告警和恢复都不会再发，请去掉它（写 0）",
        )


def _alert(value: Any, *, header: Table, options: Options) -> Iterator[Record]:
    entry = table_of(value)
    labels, notes = table(entry, "labels"), table(entry, "annotations")
    if not labels:
        raise BrokenRecord("缺少必填字段「labels」")
    name = text(labels, "alertname") or "（未命名的告警）"
    tool = options.source or "alertmanager"
    started = moment(entry, "startsAt", options.zone) or options.received_at
    hint = _hint(entry)
    yield AlertRecord(
        source=tool,
        dedup_key=(text(entry, "fingerprint") or _fingerprint(labels),),
        title=shortened(_first(notes, "summary", "title") or name, 500),
        severity=_severity(labels),
        rule_id=name,
        rule_name=name,
        description=shortened(_first(notes, "description", "message")),
        assets=_assets(labels, tool),
        indicators=observed(_sightings(labels)),
        occurred_at=started,
        first_seen=started,
        last_seen=_last_seen(entry, hint, options) or started,
        event_id=f"{text(entry, 'startsAt')}|{hint}",
        status_hint=hint,
        techniques=techniques_in(*_attack_words(labels), *_attack_words(notes)),
        references=_references(entry, notes),
        raw={**header, **entry},
    )


def _hint(entry: Table) -> StatusHint:
    status = entry.get("status")
    word = text(status, "state") if isinstance(status, dict) else text(entry, "status")
    return _STATES.get(word.lower(), "")


def _last_seen(entry: Table, hint: StatusHint, options: Options) -> datetime | None:
    """The end of what is over; of what still fires endsAt is only a time-out to come."""
    return moment(entry, "endsAt" if hint == "closed" else "updatedAt", options.zone)


def _fingerprint(labels: Table) -> str:
    """Of sources that send none: as theirs, a hash over the sorted labels."""
    pairs = "\xff".join(f"{key}\xfe{text(labels, key)}" for key in sorted(labels))
    return hashlib.sha256(pairs.encode()).hexdigest()[:16]


def _severity(labels: Table) -> Severity:
    word = _first(labels, *_SEVERITY_LABELS)
    return _PRIORITIES.get(word.lower()) or severity_of(word)


def _first(data: Table, *keys: str) -> str:
    return next((found for key in keys if (found := text(data, key))), "")


def _assets(labels: Table, tool: str) -> tuple[AssetRecord, ...]:
    """The host or website that a label names. kube-state-metrics writes its own address into "instance"."""
    keys = _HOST_LABELS if "kube-state-metrics" not in text(labels, "job") else _HOST_LABELS[:-2]
    place = _first(labels, *keys)
    if not place:
        return ()
    found = website_asset(place, tool) if "://" in place else host_asset(_without_port(place), source=tool)
    return (found,) if found else ()


def _without_port(place: str) -> str:
    """ "web-01:9100" → "web-01", "[2001:db8::1]:9100" → "2001:db8::1"."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.partition(":")[0] if place.count(":") == 1 else place


def _sightings(labels: Table) -> Iterator[Sighting]:
    for key in _ADDRESS_LABELS:
        yield "ip", text(labels, key)
    for key in ("instance", "url", "target"):
        yield from (found for found in sighted_in(text(labels, key)) if found[0] == "url")
    for key in ("user", "username", "account"):
        yield "account", text(labels, key)


def _attack_words(data: Table) -> Iterator[str]:
    for key in data:
        if any(word in key.lower() for word in ("mitre", "attack", "technique")):
            yield text(data, key)


def _references(entry: Table, notes: Table) -> tuple[str, ...]:
    links = (
        text(entry, "generatorURL"),
        *(text(notes, key) for key in ("runbook_url", "runbook", "dashboard_url")),
    )
    return distinct(link for link in links if "://" in link)


IMPORTER: Importer = Alertmanager()
__all__ = ["IMPORTER", "Alertmanager"]
