"""Aliyun Security Center (云安全中心): responses of DescribeSuspEvents and DescribeVulList, API version 2018-12-03.

Also the events of DescribeSuspEventDetail and DescribeAlarmEventDetail, which name the same things otherwise, and
the lower-camel-case spelling that the Java SDK's objects have when they are written out.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
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
from secops_agent.importers.reading.documents import json_documents, json_values
from secops_agent.importers.values.assets import host_asset, image_asset
from secops_agent.importers.values.fields import (
    Table,
    aliases_in,
    distinct,
    from_epoch,
    need,
    number,
    parse_moment,
    shortened,
    table,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.observables import Sighting, observed, sighted_in, techniques_in
from secops_agent.importers.values.purls import package_purl, purl_kind
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    IndicatorKind,
    Item,
    Record,
    Severity,
    StatusHint,
    VulnerabilityRecord,
    severity_of,
)

# The order in which Aliyun wants them fixed: it has no other severity.
_PRIORITIES: dict[str, Severity] = {"asap": "high", "later": "medium", "nntf": "low"}
_GONE = {"7": "已修复", "12": "已不存在", "20": "已过期"}


def read_vulnerability(record: Table, asset: AssetRecord | None, options: Options) -> Iterator[Record]:
    """Every CVE of an advisory on every package that it names."""
    if text(record, "Status") in _GONE:
        raise BrokenRecord(
            f"「Status」为 {text(record, 'Status')}：{_GONE[text(record, 'Status')]}，不是发现"
        )
    name, more = need(record, "Name"), table(record, "ExtendContentJson")
    word = need(record, "Necessity").lower()
    if word not in _PRIORITIES:
        raise BrokenRecord(f"「Necessity」应当是 {'、'.join(_PRIORITIES)} 之一，实际是 {word[:40]}")
    known = aliases_in(*texts(more, "cveList"), *texts(record, "Related"), name) or (name,)
    parts: list[tuple[Table, ComponentRecord | None]] = [
        (entity, _component(entity, more, asset, options)) for entity in tables(more, "RpmEntityList")
    ]
    for flaw in known:
        title = shortened(text(record, "AliasName") or name, 500)
        yield VulnerabilityRecord(flaw, title=title, source=options.source or "aliyun_sas")
        for entity, component in parts or [({}, None)]:
            yield replace(_finding(record, flaw, entity, component, options), asset=asset)


def _finding(
    record: Table, flaw: str, entity: Table, component: ComponentRecord | None, options: Options
) -> FindingRecord:
    named = (component.purl or f"{component.name}@{component.version}") if component else ""
    place = component.location if component else ""
    return FindingRecord(
        kind="vulnerability",
        key=(flaw, named, place),
        title=f"{flaw} {f'{component.name} {component.version}' if component else ''}".strip(),
        severity=_PRIORITIES[text(record, "Necessity").lower()],
        source=options.source or "aliyun_sas",
        component=component,
        vulnerability=flaw,
        rule_id=text(record, "Name"),
        description=shortened(text(record, "AliasName")),
        location=place,
        evidence=shortened(
            "\n".join(distinct([text(entity, "MatchDetail"), *texts(entity, "MatchList")])), 4000
        ),
        remediation=text(entity, "UpdateCmd"),
        suppressed=text(record, "Status") == "10",
        seen_at=from_epoch(number(record, "LastTs"), what="「LastTs」") or options.received_at,
    )


def _component(entity: Table, more: Table, asset: AssetRecord | None, options: Options) -> ComponentRecord:
    """A package; its purl only where the distribution is known."""
    name, version = need(entity, "Name"), text(entity, "FullVersion") or text(entity, "Version")
    system, release = text(more, "Os").lower(), text(more, "OsRelease")
    distro = f"{system}-{release}" if system and release else ""
    purl = package_purl(system, name, version, distro) if system else ""
    return ComponentRecord(
        name=name,
        version=version,
        purl=purl,
        component_type=purl_kind(purl),
        asset=asset,
        distro=distro if purl else "",
        location=text(entity, "Path"),
        source=options.source or "aliyun_sas",
    )


# 紧急, 可疑, 提醒 of the console, in the words of API and export.
_LEVELS: dict[str, Severity] = {
    "serious": "critical", "紧急": "critical", "suspicious": "medium", "可疑": "medium", "remind": "low", "提醒": "low",
}  # fmt: skip
# EventStatus; 8 and 604 (误报) end the event, but a verdict is only given by our own people.
_OPEN = {"1", "16", "512", "待处理", "未处理", "处理中", "n"}
_CLOSED = {
    "2", "4", "8", "32", "64", "128", "513", "604",
    "已忽略", "已确认", "已处理", "处理完毕", "已标记为误报", "已经过期", "已过期", "已经删除", "自动拦截完毕", "y",
}  # fmt: skip
# New names first; the others are of older responses and of the detail calls.
_NAMES = ("AlarmEventNameDisplay", "AlarmEventName", "EventName", "AlarmEventAliasName", "Name")
_TYPES = ("AlarmEventTypeDisplay", "AlarmEventType", "EventTypeDesc", "EventType", "Type")
_TEXTS = ("Desc", "AlarmEventDesc", "EventDesc", "Description")
_BEGINNINGS = ("OccurrenceTimeStamp", "OccurrenceTime", "StartTime", "GmtCreate")
_ENDS = ("LastTimeStamp", "LastTime", "EndTime", "GmtModified")
_LISTS = ("SuspEvents", "suspEvents", "VulRecords", "vulRecords")
_HOSTNAME = re.compile(r"(?!launch-advisor)[A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63})*")
_LABELS: tuple[tuple[str, IndicatorKind], ...] = (
    ("路径|文件|path|file", "file"), ("账号|账户|用户|account|user", "account"), ("域名|domain", "domain"),
    ("进程|process", "process"),
)  # fmt: skip


class AliyunSas:
    """One response, several one after the other, an array of responses, or an array of events."""

    name = "aliyun_sas"
    title = "阿里云云安全中心告警与漏洞（DescribeSuspEvents、DescribeVulList，JSON）"

    def sniff(self, head: bytes) -> float:
        paths = {path.lower() for path in document_outline(head)}
        events = any(path.removeprefix("body.") in ("suspevents", "vulrecords") for path in paths)
        keys = {path.rpartition(".")[2] for path in paths}
        marks = keys & {
            "alarmeventname",
            "alarmeventnamedisplay",
            "alarmuniqueinfo",
            "uniqueinfo",
            "eventstatus",
        }
        if events:
            return 1.0
        return 0.9 if marks and keys & {"internetip", "intranetip", "uuid", "securityeventids"} else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        paths = whole_outline(source.head(options.limits))
        lists = {path for path in paths if path.rpartition(".")[2] in _LISTS}
        entries = json_documents(source, options.limits)
        if lists:
            places = {f"{path}.item" for path in lists}
            entries = (
                (position, value) for _, position, value in json_values(source, places, options.limits, {})
            )
        return convert(entries, partial(_event, options=options))


def _event(value: Any, *, options: Options) -> Iterator[Record]:
    event = _capitalised(table_of(value))
    event = _capitalised(table(event, "Data")) if "Data" in event else event
    if "Necessity" in event:
        assets = _assets(event, options.source or "aliyun_sas")
        yield from read_vulnerability(event, assets[0] if assets else options.asset, options)
        return
    yield _alert(event, options)


def _alert(event: Table, options: Options) -> AlertRecord:
    identity = _first(event, "AlarmUniqueInfo", "UniqueInfo", "Id")
    name = _first(event, *_NAMES)
    if not identity or not name:
        raise BrokenRecord("缺少告警的标识（AlarmUniqueInfo、UniqueInfo、Id）或名称（AlarmEventName、Name）")
    tool = options.source or "aliyun_sas"
    first, last = _moment(event, _BEGINNINGS, options), _moment(event, _ENDS, options)
    details, hint = tuple(_details(event)), _hint(event)
    return AlertRecord(
        source=tool,
        dedup_key=(identity,),
        title=_title(event, name),
        severity=_LEVELS.get(text(event, "Level").lower()) or severity_of(text(event, "Level")),
        rule_id=_first(event, "AlarmEventName", "EventName") or name,
        rule_name=name,
        description=_description(event, details),
        assets=_assets(event, tool),
        indicators=observed(sighting for label, found in details for sighting in _sightings(label, found)),
        occurred_at=last or first or options.received_at,
        first_seen=first or last,
        last_seen=last or first,
        event_id="|".join((text(event, "Id") or identity, _first(event, *_ENDS, *_BEGINNINGS), hint)),
        status_hint=hint,
        techniques=_techniques(event, details),
        raw=event,
    )


def _capitalised(data: Table) -> dict[str, Any]:
    """Keys as the API writes them ("suspEvents" of an SDK is "SuspEvents")."""
    return {key[:1].upper() + key[1:]: value for key, value in data.items()}


def _first(data: Table, *keys: str) -> str:
    return next((found for key in keys if (found := text(data, key))), "")


def _moment(event: Table, keys: tuple[str, ...], options: Options) -> datetime | None:
    """A time stamp in milliseconds, or "2026-11-20 11:43:46" in the console's zone."""
    written = _first(event, *keys)
    if written.isdecimal():
        return from_epoch(number({"time": written}, "time"), what=f"「{keys[0]}」")
    return parse_moment(written, options.zone, what=f"「{keys[1]}」") if written else None


def _title(event: Table, name: str) -> str:
    kind = _first(event, *_TYPES)
    return shortened(name if not kind or kind in name or kind.isdecimal() else f"{kind}：{name}", 500)


def _hint(event: Table) -> StatusHint:
    word = (text(event, "EventStatus") or text(event, "Dealed")).lower()
    return "closed" if word in _CLOSED else "open" if word in _OPEN else ""


def _details(event: Table) -> Iterator[tuple[str, str]]:
    """(label, value) of Details, and of the groups of CauseDetails."""
    groups = [_capitalised(group) for group in tables(event, "CauseDetails")]
    for item in (*tables(event, "Details"), *(item for group in groups for item in tables(group, "Value"))):
        data = _capitalised(item)
        value = _first(data, "Value", "ValueDisplay")
        if value:
            yield _first(data, "NameDisplay", "Name"), value


def _description(event: Table, details: tuple[tuple[str, str], ...]) -> str:
    lines = [_first(event, *_TEXTS), *(f"{label}：{shortened(value, 500)}" for label, value in details)]
    if text(event, "Solution"):
        lines.append(f"处置建议：{text(event, 'Solution')}")
    return shortened("\n".join(filter(None, lines)), 8000)


def _sightings(label: str, value: str) -> list[Sighting]:
    """What the value shows by itself ("203.0.113.66(荷兰)"), else what its label says that it is."""
    shown = sighted_in(value)
    kind = next((kind for pattern, kind in _LABELS if re.search(pattern, label, re.IGNORECASE)), None)
    return shown or ([(kind, value)] if kind and len(value) <= 1024 else [])


def _assets(event: Table, tool: str) -> tuple[AssetRecord, ...]:
    """The server, and the image of the container. An instance's name is a host name only if it could be one."""
    name, uuid = text(event, "InstanceName"), text(event, "Uuid")
    host = host_asset(
        name if _HOSTNAME.fullmatch(name) else "",
        ips=(text(event, "IntranetIp"), text(event, "InternetIp")),
        cloud_id=text(event, "InstanceId"),
        agent_id=f"{tool}:{uuid}" if uuid else "",
        name=name,
        source=tool,
    )
    image = image_asset(
        filter(None, [text(event, "ContainerImageName")]), (text(event, "ContainerImageId"),), tool
    )
    return tuple(asset for asset in (host, image) if asset)


def _techniques(event: Table, details: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Techniques that a detail names, else the tactics' ids."""
    named = techniques_in(*(value for label, value in details if "ATT" in label.upper()))
    tactics = (_first(_capitalised(item), "TacticId") for item in tables(event, "TacticItems"))
    return named or distinct(tactic for tactic in tactics if re.fullmatch(r"TA\d{4}", tactic))


IMPORTER: Importer = AliyunSas()
__all__ = ["IMPORTER", "AliyunSas"]
