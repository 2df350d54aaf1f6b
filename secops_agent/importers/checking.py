"""Check of an importer: what it understands of a file, in lines for the person who writes one. Nothing is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import islice
from typing import Any

from bifang.core.errors import InvalidInput
from secops_agent.importers.formats.alerts.events import Events
from secops_agent.importers.values.alert_fields import Understood
from secops_agent.importers.values.fields import shortened
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.services.records import AssetRecord, ComponentRecord, Indicator, Key, Record, Rejected

from . import registry
from .base import Options, Source

_KINDS = {
    "AlertRecord": "告警", "AssetRecord": "资产", "ComponentRecord": "组件", "FindingRecord": "发现",
    "VulnerabilityRecord": "漏洞", "ScanRecord": "扫描完成", "ListedRecord": "情报", "VexRecord": "VEX 声明",
}  # fmt: skip
# Of an alert: what the source's words became, beside the words themselves.
_MADE = {
    "title": "标题", "severity": "级别", "rule_id": "规则", "description": "说明", "status_hint": "状态", "dedup_key": "去重键",
    "event_id": "事件标识", "first_seen": "开始时间", "last_seen": "时间", "count": "次数", "confidence": "可信度", "assets": "资产",
    "indicators": "指标", "techniques": "ATT&CK", "references": "参考",
}  # fmt: skip
_WIDTH = 160


def check(name: str, source: Source, options: Options | None = None) -> Iterator[str]:
    """Lines about every record; a last one with the counts. Raises InvalidInput for what is no such file at all."""
    options = options or Options()
    table = registry.unguarded(registry.get(name))
    if isinstance(table, TableImporter | Events):
        yield from check_whole(table, source, options)
    else:
        yield f"{source.name}：{name}（{table.title}）"
        yield from _counted(_by_records(name, source, options))


def check_whole(table: TableImporter | Events, source: Source, options: Options) -> Iterator[str]:
    """The same, for a table that need be no format yet."""
    yield f"{source.name}：{table.name}（{table.title}）"
    yield from _counted(_by_table(table, source, options))


def check_table(importer: TableImporter, source: Source, most: int) -> Iterator[str]:
    """The same about the first records, for a table that is no format yet."""
    for _, lines in islice(_by_table(importer, source, Options()), most):
        yield from lines


def _counted(found: Iterator[tuple[str, list[str]]]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for kind, lines in found:
        counts[kind] = counts.get(kind, 0) + 1
        yield from lines
    yield "共 " + ("，".join(f"{kind} {count} 条" for kind, count in counts.items()) or "0 条")


def _by_table(
    importer: TableImporter | Events, source: Source, options: Options
) -> Iterator[tuple[str, list[str]]]:
    if not importer.sniff(source.head(options.limits)):
        yield "提示", ["  注意：自动识别认不出这个文件，下面按您写的格式逐条读。"]
    for position, value in importer.entries(source, options):
        try:
            understood = importer.explain(value, options)
        except InvalidInput as error:
            yield "拒绝", [f"{position}：拒绝：{error.message}"]
        else:
            yield "告警", [f"{position}：告警", *_explained(understood)]


def _explained(understood: Understood) -> Iterator[str]:
    """What was taken, by field of ours; what came of it; what was left, by reason (``raw`` keeps it all)."""
    by_name: dict[str, list[str]] = {}
    for item in dict.fromkeys(understood.taken):
        by_name.setdefault(item.name, []).append(f"{item.path} = {_short(item.value)}")
    for name, places in by_name.items():
        yield f"  {name} ← {'；'.join(places)}"
    yield from _made(understood.record, _MADE)
    by_reason: dict[str, list[str]] = {}
    for path, reason in understood.unused:
        by_reason.setdefault(reason, []).append(path)
    for reason, paths in by_reason.items():
        yield f"  没有取用（{reason}）：{'、'.join(paths)}"


def _by_records(name: str, source: Source, options: Options) -> Iterator[tuple[str, list[str]]]:
    number = 0
    for item in registry.parse(name, source, options):
        if isinstance(item, Rejected):
            yield "拒绝", [f"{item.position}：拒绝：{item.reason}"]
            continue
        number += 1
        kind = _KINDS[type(item).__name__]
        yield (
            kind,
            [f"记录 {number}：{kind}", *_made(item, {field.name: field.name for field in fields(item)})],
        )


def _made(record: Record, labels: Mapping[str, str]) -> Iterator[str]:
    for name, label in labels.items():
        value = getattr(record, name)
        if name != "raw" and value not in ("", None, ()):
            yield f"  → {label}：{_short(_plain(value))}"


def _plain(value: Any) -> str:
    if isinstance(value, AssetRecord):
        return (
            f"{value.asset_type} {value.name}（{'、'.join(f'{key.kind}={key.value}' for key in value.keys)}）"
        )
    if isinstance(value, Indicator | Key):
        return f"{value.kind}={value.value}"
    if isinstance(value, ComponentRecord):
        return value.purl or f"{value.name} {value.version}".strip()
    if isinstance(value, tuple):
        return "、".join(map(_plain, value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _short(text: str) -> str:
    """On one line, cut where it is long."""
    return shortened(text.replace("\r", " ").replace("\n", "⏎"), _WIDTH)


__all__ = ["check", "check_table", "check_whole"]
