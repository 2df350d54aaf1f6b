"""Alerts from syslog: what a message, a reported event or an importer's record becomes.

Nobody proves who they are in syslog: whatever a line claims, its alerts belong to the source that its address has,
and its assets are only looked up by one key; they change nothing about an asset and join no two.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bifang.channels.visible import visible
from secops_agent.importers.assets import host_asset
from secops_agent.importers.fields import canonical_ip, shortened
from secops_agent.importers.observables import (
    Sighting,
    address_asset,
    is_inside,
    observed,
    sighted_in,
    techniques_in,
)
from secops_agent.importers.plain import cleaned
from secops_agent.services.records import AlertRecord, AssetRecord, Severity
from secops_agent.syslog.headers import SyslogMessage, believable
from secops_agent.syslog.payloads import Event

_SEVERITIES: Final[tuple[Severity, ...]] = (
    "critical", "critical", "critical", "high", "medium", "low", "info", "info",
)  # fmt: skip
# What differs between two lines that tell of the same: quoted words, hexadecimal, addresses and numbers.
_VARIABLE: Final = re.compile(
    r"\"[^\"]*\"|'[^']*'|\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{6,}\b|\d+(?:[.:]\d+)*", re.IGNORECASE
)
_TELLING: Final = 300  # characters of a line that tell which kind it is
_TITLE: Final = 200
_ACCOUNTS: Final = ("suser", "duser", "usrName", "identUserName")
_HASHES: Final = ("fileHash", "md5", "sha1", "sha256", "fileHashSha256")


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Where a line came from: the source's name, the sender's address, the bytes, when. ``size``: if it was cut."""

    source: str
    peer: str
    data: bytes
    received_at: datetime
    size: int = 0


def plain_alert(message: SyslogMessage, origin: LineOrigin) -> AlertRecord:
    """A line of text: lines that differ in numbers, addresses and quoted words only are one alert."""
    text = visible(message.text)
    asset = _device(message, origin)
    title = shortened(" ".join(text.split()), _TITLE) or "（空行）"
    rule = message.app or "syslog"
    kind = _VARIABLE.sub("#", text[:_TELLING])
    return AlertRecord(
        source=origin.source,
        dedup_key=(rule, kind, message.host or origin.peer),
        title=title,
        severity=_SEVERITIES[message.severity],
        rule_id=rule[:200],
        rule_name=rule,
        description=_description(message, origin, text),
        assets=(asset,) if asset else (),
        indicators=observed(sighted_in(text)),
        techniques=techniques_in(text[:4096]),
        raw=_raw(message, origin, {"format": "plain"}),
        **_moments(message, origin),
    )


def event_alert(event: Event, message: SyslogMessage, origin: LineOrigin) -> AlertRecord:
    """A reported event (CEF, LEEF): the same kind between the same two ends is one alert."""
    rule = ":".join(filter(None, (event.vendor, event.product, event.rule)))
    here, there = (canonical_ip(event.fields.get(key, "")) for key in ("src", "dst"))
    assets = tuple(_ends(event.fields, origin.source)) or tuple(filter(None, [_device(message, origin)]))
    text = event.fields.get("msg") or event.fields.get("reason") or ""
    return AlertRecord(
        source=origin.source,
        dedup_key=(rule, here, there) if here or there else (rule, message.host or origin.peer),
        title=shortened(" ".join(visible(event.name or rule).split()), _TITLE) or rule,
        severity=event.severity,
        rule_id=visible(rule)[:200],
        rule_name=visible(event.name)[:300],
        description=_description(message, origin, visible(text)),
        assets=assets,
        indicators=observed(_sightings(event.fields)),
        techniques=techniques_in(event.name, *list(event.fields.values())[:50]),
        raw=_raw(message, origin, {"format": event.format, "fields": dict(event.fields)}),
        **_moments(message, origin),
    )


def owned(record: AlertRecord, origin: LineOrigin) -> AlertRecord:
    """An importer's record as this source may tell it."""
    times: dict[str, Any] = {
        name: believable(getattr(record, name), origin.received_at) or origin.received_at
        for name in ("occurred_at", "first_seen", "last_seen")
    }
    return replace(
        record,
        source=origin.source,
        title=shortened(" ".join(visible(record.title).split()), 500),
        description=visible(record.description),
        assets=tuple(modest(asset, origin.source) for asset in record.assets),
        event_id=record.event_id or _mark(origin),
        **times,
    )


def modest(asset: AssetRecord, source: str) -> AssetRecord:
    """Only enough to find it by: a line must neither join two assets nor change what is known of one.

    An agent's id is known within its source alone, so that what others know the host by goes first.
    """
    first = next((key for key in asset.keys if key.kind != "agent_id"), asset.keys[0])
    kept = [first]
    if first.kind == "fqdn":
        short = first.value.partition(".")[0]
        kept += [key for key in asset.keys[1:] if key.kind == "hostname" and key.value == short]
    ips = (first.value,) if first.kind == "ip" else ()
    return AssetRecord(asset.asset_type, asset.name, tuple(kept), ips=ips, source=source, hearsay=True)


def _moments(message: SyslogMessage, origin: LineOrigin) -> dict[str, Any]:
    at = message.at or origin.received_at
    return {
        "occurred_at": at,
        "first_seen": at,
        "last_seen": at,
        "event_id": _mark(origin, message.at is None),
    }


def _mark(origin: LineOrigin, untimed: bool = False) -> str:
    """The same line again is the same occurrence: senders repeat what they are not sure has arrived."""
    second = origin.received_at.strftime("%Y%m%d%H%M%S") if untimed else ""
    return hashlib.blake2b(origin.data + second.encode(), digest_size=16).hexdigest()


def _device(message: SyslogMessage, origin: LineOrigin) -> AssetRecord | None:
    """Who speaks: the name in the header, else the address."""
    named = host_asset(message.host, source=origin.source) if message.host else None
    asset = named or host_asset(ips=(origin.peer,), source=origin.source)
    return modest(asset, origin.source) if asset else None


def _ends(fields: Mapping[str, str], source: str) -> Iterator[AssetRecord]:
    """Those of the two ends that are surely ours."""
    for name, address in (("dhost", "dst"), ("shost", "src")):
        place = canonical_ip(fields.get(address, ""))
        if not place or not is_inside(place):
            continue
        named = host_asset(fields[name], source=source) if fields.get(name) else None
        found = named or address_asset(place, source)
        if found:
            yield modest(found, source)


def _sightings(fields: Mapping[str, str]) -> Iterator[Sighting]:
    for key in ("src", "dst"):
        yield "ip", fields.get(key, "")
    for key in ("request", "url"):
        if "://" in fields.get(key, ""):
            yield "url", fields[key]
    for key in _ACCOUNTS:
        yield "account", fields.get(key, "")
    for key in _HASHES:
        yield "hash", fields.get(key, "")
    for key in ("fname", "filePath"):
        yield "file", fields.get(key, "")


def _description(message: SyslogMessage, origin: LineOrigin, text: str) -> str:
    parts = [
        f"主机 {visible(message.host)}" if message.host else "",
        f"程序 {visible(message.app)}" if message.app else "",
        f"来自 {origin.peer}",
        f"原文 {origin.size} 字节，只收下前 {len(origin.data)} 字节" if origin.size else "",
    ]
    return shortened("；".join(filter(None, parts)) + (f"\n{text}" if text else ""), 8000)


def _raw(message: SyslogMessage, origin: LineOrigin, more: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "peer": origin.peer, "host": message.host, "app": message.app, "process": message.process,
        "facility": message.facility, "severity": message.severity, "text": message.text,
        "structured": dict(message.fields), **more,
    }  # fmt: skip
    if origin.size:
        facts["cut_from_bytes"] = origin.size
    found: dict[str, Any] = cleaned({key: value for key, value in facts.items() if value not in ("", {})})
    return found
