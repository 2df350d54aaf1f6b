"""A line becomes alerts, or a reason why not."""

import codecs
import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.importers.encodings import detect_encoding
from secops_agent.importers.plain import plain_text
from secops_agent.models.syslog import SyslogEncoding
from secops_agent.services.records import AlertRecord, Item, Rejected
from secops_agent.syslog.alerts import LineOrigin, event_alert, owned, plain_alert
from secops_agent.syslog.headers import SyslogMessage, read_message
from secops_agent.syslog.payloads import read_event
from secops_agent.syslog.sources import AUTO, SourceSettings

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
    """What a line came to. Neither alerts nor a ``refusal``: it is nothing that anyone needs to be told of."""

    alerts: tuple[AlertRecord, ...] = ()
    refusal: str = ""


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
    origin = LineOrigin(
        line.source.name, line.peer, line.data, line.received_at, line.size if line.is_cut else 0
    )
    if line.source.format != AUTO:
        return _imported(line.source.format, message, line, origin)
    event = read_event(message.text)
    if event is not None:
        return LineReading((event_alert(event, message, origin),))
    format_name = _detected(message.text)
    if format_name:
        return _imported(format_name, message, line, origin)
    if message.severity > line.source.plain_level:
        return LineReading()
    return LineReading((plain_alert(message, origin),))


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


def _imported(name: str, message: SyslogMessage, line: Line, origin: LineOrigin) -> LineReading:
    options = Options(
        source=line.source.name, zone=line.source.zone, received_at=message.at or line.received_at
    )
    text = _document(message.text) or message.text
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
