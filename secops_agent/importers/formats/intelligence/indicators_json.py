"""Lists of indicators as JSON: STIX 2.1 bundles (and what TAXII 2.1 answers), and events of MISP (one, an export of several, or a file of a feed).

The list is named by ``--source``. Of STIX the indicators whose pattern compares single values, joined by OR; of MISP the
attributes that are meant for detection (``to_ids``). What else there is gives context and is counted.
https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html · https://www.misp-standard.org/rfc/misp-standard-core.html
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from secops_agent.importers.base import EMPTY, BrokenRecord, Importer, Options, Source, whole_outline
from secops_agent.importers.reading.documents import json_values
from secops_agent.importers.values.fields import Table, flag, moment, need, shortened, table_of, text
from secops_agent.services.records import Item, ListedRecord, Rejected
from secops_agent.services.records.indicators import Unusable, read

_UNNAMED: Final = "导入的情报"
_STIX: Final = "objects.item"
_EVENTS: Final = ("", "Event.", "item.Event.", "response.item.Event.")
_MISP: Final = tuple(
    f"{top}{place}" for top in _EVENTS for place in ("Attribute.item", "Object.item.Attribute.item")
)
_HOLDERS: Final = {**{f"{top}Object.item": "" for top in _EVENTS}, "response.item": "Event"}
_COMPARISON: Final = re.compile(r"([a-z0-9-]+):([\w.'-]+)\s*=\s*'((?:[^'\\]|\\.){1,500})'")
_PATTERN: Final = re.compile(rf"(?:[\[\]()\s]|OR\b|{_COMPARISON.pattern}){{1,500}}+")
_OBJECTS: Final = {
    "ipv4-addr": "", "ipv6-addr": "", "domain-name": "domain", "url": "url", "email-addr": "email", "file": "hash",
}  # fmt: skip
_TYPES: Final = {
    "ip-src": "", "ip-dst": "", "ip-src|port": "", "ip-dst|port": "", "domain": "domain", "hostname": "domain", "domain|ip": "domain", "url": "url",
    "email": "email", "email-src": "email", "email-dst": "email", "md5": "hash", "sha1": "hash", "sha256": "hash", "filename|md5": "hash",
    "filename|sha1": "hash", "filename|sha256": "hash",
}  # fmt: skip


class IndicatorsJson:
    """Streamed, an indicator or attribute at a time."""

    name = "indicators_json"
    title = "威胁情报（STIX 2.1 包、MISP 事件，JSON）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        told = b'"bundle' in head or b'"spec_version"' in head  # what TAXII answers is the objects of none
        stix = {f"{_STIX}.type", f"{_STIX}.id"} <= paths and told
        return 1.0 if stix or any({f"{path}.type", f"{path}.value"} <= paths for path in _MISP) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        context = 0
        for path, position, value in json_values(source, {_STIX, *_MISP}, options.limits, _HOLDERS):
            try:
                data = table_of(value)
                if not data:
                    raise BrokenRecord(EMPTY)
                found = list((_indicator if path == _STIX else _attribute)(data, options))
                context += not found
                yield from (_entry(each, position, options) for each in found)
            except (BrokenRecord, Unusable) as error:
                yield Rejected(position, str(getattr(error, "message", error)))
        if context:
            yield Rejected(
                "其余",
                f"{context} 个不是可用于检测的指标（STIX 的其他对象，MISP 里 to_ids 为否或类型不收的属性），没有导入",
            )


_Found = tuple[str, str, str, datetime | None]  # kind, value, note, expiry


def _indicator(data: Table, options: Options) -> Iterator[_Found]:
    """The values of a pattern. Raises BrokenRecord for one that is more than values joined by OR, and for a revoked one."""
    if need(data, "type") != "indicator":
        return
    if flag(data, "revoked"):
        raise BrokenRecord("已被来源撤销（revoked）")
    pattern = need(data, "pattern")
    if text(data, "pattern_type", "stix") != "stix" or not _PATTERN.fullmatch(pattern):
        raise BrokenRecord(f"只收单个值或用 OR 连接的 STIX 模式，这一条是 {pattern[:80]}")
    note, expiry = text(data, "name") or text(data, "description"), moment(data, "valid_until", options.zone)
    for kind, _, value in _COMPARISON.findall(pattern):
        if kind not in _OBJECTS:
            raise BrokenRecord(f"不收这种对象：{kind[:40]}")
        yield _OBJECTS[kind], re.sub(r"\\(.)", r"\1", value), note, expiry


def _attribute(data: Table, options: Options) -> Iterator[_Found]:
    """The value, of a compound one the part that is an indicator."""
    kind = need(data, "type")
    meant = str(data.get("to_ids")).lower() in ("true", "1") and str(data.get("deleted")).lower() not in (
        "true",
        "1",
    )
    if meant and kind in _TYPES:
        value = need(data, "value")
        part = value.rpartition("|")[2] if kind.startswith("filename|") else value.partition("|")[0]
        yield _TYPES[kind], part, text(data, "comment") or text(data, "category"), None


def _entry(found: _Found, position: str, options: Options) -> ListedRecord:
    kind, value = read(found[1], found[0])
    return ListedRecord(
        list=(options.source or _UNNAMED)[:60], kind=kind, value=value, note=shortened(found[2], 300), expires_at=found[3], position=position,
    )  # fmt: skip


IMPORTER: Importer = IndicatorsJson()
__all__ = ["IMPORTER", "IndicatorsJson"]
