"""A line becomes alerts, or a reason why not."""

import codecs
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from bifang.channels.text.visible import visible
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.importers.reading.encodings import detect_encoding
from secops_agent.importers.reading.plain import cleaned, plain_text
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import canonical_ip, shortened
from secops_agent.importers.values.observables import (
    Sighting,
    address_asset,
    is_inside,
    observed,
    sighted_in,
    techniques_in,
)
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.models.sources.syslog import SyslogEncoding
from secops_agent.services.records import AlertRecord, AssetRecord, Item, Rejected, Severity
from secops_agent.syslog.headers import SyslogMessage, believable, read_message
from secops_agent.syslog.payloads import Event, read_event
from secops_agent.syslog.sources import AUTO, SourceSettings

# Alerts from syslog: what a message, a reported event or an importer's record becomes.

_SEVERITIES: Final[tuple[Severity, ...]] = (
    "critical", "critical", "critical", "high", "medium", "low", "info", "info",
)  # fmt: skip
# What differs between two lines that tell of the same: quoted words, hexadecimal, addresses and numbers.
_VARIABLE: Final = re.compile(
    r"\"[^\"]*\"|'[^']*'|\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{6,}\b|\d+(?:[.:]\d+)*", re.IGNORECASE
)
# The two ends of what a gateway's line of text tells of, by what devices call them. A host's own programs repeat what strangers
# write, and name no ends.
_GATEWAYS: Final = ("", "kernel", "filterlog", "iptables", "ulogd", "suricata", "snort")
_END: Final = r"(?<![\w?&/.-])(?:{})(?:[_ ]?(?:ip|addr|address)|地址)?\s*[=:：]?\s*\"?(?:[A-Za-z_-]{{1,20}}:)?((?:\d{{1,3}}\.){{3}}\d{{1,3}})(?![\d.])"
_TO, _FROM = (
    re.compile(_END.format(words), re.IGNORECASE)
    for words in ("dst|dest|destination|d|目的|目标", "src|source|s|源|来源")
)
_TELLING: Final = 300  # characters of a line that tell which kind it is
_TITLE: Final = 200
_ACCOUNTS: Final = ("suser", "duser", "usrName", "identUserName")
_ACTIONS: Final = ("act", "action", "outcome", "categoryOutcome")
_HASHES: Final = ("fileHash", "md5", "sha1", "sha256", "fileHashSha256")


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Where a line came from: the source's name, the sender's address, the bytes, when. ``size``: if it was cut."""

    source: str
    peer: str
    data: bytes
    received_at: datetime
    size: int = 0


def plain_alert(message: SyslogMessage, origin: LineOrigin, doubt: str = "") -> AlertRecord:
    """A line of text: lines that differ in numbers, addresses and quoted words only are one alert.

    ``doubt``: why a line of JSON is nothing but a line.
    """
    text = visible(message.text)
    ends = _named_ends(message)
    assets = tuple(_ends(ends, origin.source)) or tuple(filter(None, [_device(message, origin)]))
    title = shortened(" ".join(text.split()), _TITLE) or "（空行）"
    rule = message.app or "syslog"
    kind = _VARIABLE.sub("#", text[:_TELLING])
    return AlertRecord(
        source=origin.source,
        dedup_key=(rule, kind, message.host or origin.peer, *(each.name for each in assets if each.ips)),
        title=title,
        severity=_SEVERITIES[message.severity],
        rule_id=rule[:200],
        rule_name=rule,
        description=_description(message, origin, text + doubt),
        assets=assets,
        indicators=observed(sighted_in(text)),
        techniques=techniques_in(text[:4096]),
        raw=_raw(message, origin, {"format": "plain"}),
        way=(canonical_ip(ends.get("src", "")), canonical_ip(ends.get("dst", ""))),
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
        action=next((event.fields[key] for key in _ACTIONS if event.fields.get(key)), ""),
        way=(here, there),
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


def _named_ends(message: SyslogMessage) -> dict[str, str]:
    """The two ends of a gateway's line, where it names both: src and dst."""
    if message.app.casefold() not in _GATEWAYS and not message.app.startswith("%"):
        return {}
    ends = [pattern.search(message.text) for pattern in (_TO, _FROM)]
    named = {name: end[1] for name, end in zip(("dst", "src"), ends, strict=True) if end}
    return named if len(named) == 2 else {}


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


log = logging.getLogger(__name__)
MOST_ALERTS: Final = 20  # of one line: it costs its sender one of its lines a second
_COOKIE: Final = "@cee:"
_SURE: Final = {"utf-8": "UTF-8", "gb18030": "GBK"}
# What stands before a device's document in place of a header of syslog: of SIP and SkyEye "time|!alarm|!address|!{…}",
# of Qingteng "qtAlert[7] datatype=…". Only at the very beginning, where no one writes but the device itself.
_DEVICES_OWN: Final = re.compile(
    r"[0-9][0-9T:.+ -]{3,39}(?:\|![A-Za-z0-9_.:-]{1,64}){1,3}\|!(?=\{)|(?:qtAlert(?:\[[0-9]{1,10}\])?:? )?(?=datatype=\")"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it came; ``size`` is its whole length, more than `data` holds if it was cut."""

    source: SourceSettings
    peer: str
    data: bytes
    size: int
    received_at: datetime

    @property
    def is_cut(self) -> bool:
        """It was longer than what is kept of a line."""
        return self.size > len(self.data)


@dataclass(frozen=True, slots=True)
class LineReading:
    """What a line came to. Neither alerts nor a ``refusal``: it is nothing that anyone needs to be told of. ``behind``: how many
    seconds the time in its header is behind its arrival; None where it has none."""

    alerts: tuple[AlertRecord, ...] = ()
    refusal: str = ""
    behind: int | None = field(default=None, compare=False)


def read_line(line: Line) -> LineReading:
    """Never raises: what cannot be read is refused with the reason."""
    try:
        return _read(line)
    except BifangError as error:
        return LineReading(refusal=error.message)
    except Exception as error:
        log.exception("syslog 读取来自 %s 的一行时出错", line.peer)
        return LineReading(refusal=f"读取时发生内部错误（{type(error).__name__}），详情见日志。")


def _read(line: Line) -> LineReading:
    text = _decoded(line)
    if text is None:
        label = SyslogEncoding(line.source.encoding).label
        return LineReading(
            refusal=f"不是 {label} 编码{_rather(line)}：请在这个来源里改「编码」，或改设备的设置。"
        )
    message = read_message(text, line.source.zone, line.received_at)
    behind = int((line.received_at - message.said).total_seconds()) if message.said else None
    return replace(_told(text, message, line), behind=behind)


def _told(text: str, message: SyslogMessage, line: Line) -> LineReading:
    origin = LineOrigin(
        line.source.name, line.peer, line.data, line.received_at, line.size if line.is_cut else 0
    )
    if line.source.format != AUTO:
        written = _as_tabled(line.source.format, message.text, text)
        return _imported(line.source.format, message, line, origin, written)
    event = read_event(message.text)
    if event is not None:
        return LineReading((event_alert(event, message, origin),))
    format_name = _detected(message.text)
    if format_name:
        reading = _imported(format_name, message, line, origin)
        return reading if format_name != registry.ANYBODY else _grave_enough(reading, message, line)
    for written in () if _document(message.text) else (message.text, text):
        if table := registry.line_table(written):
            return _imported(table, message, line, origin, written)
    if message.severity > line.source.plain_level:
        return LineReading()
    document = _document(message.text)
    return LineReading((plain_alert(message, origin, registry.doubt(_source(document)) if document else ""),))


def _grave_enough(reading: LineReading, message: SyslogMessage, line: Line) -> LineReading:
    """An event of any product is told of like a line of text: where its own level or the line's is grave enough."""
    level = line.source.plain_level
    told = (
        each
        for each in reading.alerts
        if message.severity <= level or each.severity in _SEVERITIES[: level + 1]
    )
    return replace(reading, alerts=tuple(told))


def _decoded(line: Line) -> str | None:
    """None if it is not of the source's encoding; a character that was cut in two is left out."""
    decoder = codecs.getincrementaldecoder(line.source.encoding)("strict")
    try:
        return plain_text(decoder.decode(line.data, final=not line.is_cut).lstrip("\ufeff").rstrip())
    except UnicodeError:
        return None


def _rather(line: Line) -> str:
    """Which encoding it is in, where that is sure."""
    with suppress(InvalidInput):
        found = detect_encoding(line.data, "")
        if found in _SURE and found != line.source.encoding:
            return f"，像是 {_SURE[found]}"
    return ""


def _document(text: str) -> str:
    """The document that a line is, "" if it is none; lumberjack's cookie or a device's header may stand before it."""
    rest = text.removeprefix(_COOKIE).lstrip()
    own = _DEVICES_OWN.match(rest)
    if own:
        return rest[own.end() :]
    return rest if rest.startswith(("{", "[{")) else ""


def _detected(text: str) -> str:
    document = _document(text)
    return registry.detect(_source(document)) if document else ""


def _source(text: str) -> Source:
    return Source.from_bytes(text.encode(), "这一行")


def _as_tabled(name: str, text: str, whole: str) -> str:
    """What a table of lines is to read: its sample may have had the header of syslog."""
    table = registry.unguarded(registry.get(name))
    if isinstance(table, TableImporter) and table.input and not table.sniff(text.encode()):
        return whole if table.sniff(whole.encode()) else ""
    return ""


def _imported(
    name: str, message: SyslogMessage, line: Line, origin: LineOrigin, written: str = ""
) -> LineReading:
    options = Options(
        source=line.source.name, zone=line.source.zone, received_at=message.at or line.received_at
    )
    text = written or _document(message.text) or message.text
    items = list(islice(registry.parse(name, _source(text), options), MOST_ALERTS + 1))
    alerts = [owned(item, origin) for item in items if isinstance(item, AlertRecord)]
    return LineReading(tuple(alerts[:MOST_ALERTS]), _refusal(items, len(alerts)))


def _refusal(items: list[Item], alerts: int) -> str:
    for item in items:
        if isinstance(item, Rejected):
            return f"{item.position}：{item.reason}"
        if not isinstance(item, AlertRecord):
            return "syslog 只收告警；资产、漏洞和扫描结果请用导入页面、import_data 或 API。"
    return f"一行里多于 {MOST_ALERTS} 条告警，只收前 {MOST_ALERTS} 条。" if alerts > MOST_ALERTS else ""
