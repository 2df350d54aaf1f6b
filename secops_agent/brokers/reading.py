"""What a message says, as records. It carries no rights: whatever it claims, it comes from its stream alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from secops_agent.brokers.config import BrokerSettings
from secops_agent.importers import registry
from secops_agent.importers.base import ImportLimits, Options, Source
from secops_agent.services.intake.deliveries import LARGEST, Delivery
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    ListedRecord,
    Rejected,
    ScanRecord,
    VexRecord,
)

_UNPACKED: Final = 8 * LARGEST
_LIMITS: Final = ImportLimits(
    max_bytes=_UNPACKED, max_stream_bytes=_UNPACKED, max_text=LARGEST, max_record=LARGEST
)
_NAME: Final = "这条消息"
NOT_CHOSEN: Final = "供应商的声明和情报清单会改变别的发现和告警：自动识别时不收。确实要从这个消息流收，请在配置里选定它的格式。"


def items_of(settings: BrokerSettings, delivery: Delivery) -> Iterator[Item]:
    """Records and rejections. Raises InvalidInput; see `registry.parse`."""
    source = Source.from_bytes(delivery.data, _NAME)
    name = settings.format or registry.detect_or_ask(source, "请在这个消息流的配置里选定格式")
    for number, item in enumerate(registry.parse(name, source, Options(limits=_LIMITS))):
        if isinstance(item, VexRecord | ListedRecord) and not settings.format:
            yield Rejected(f"第 {number + 1} 条记录", NOT_CHOSEN)
        else:
            yield _attributed(item, settings.source, delivery, number)


def _attributed(item: Item, source: str, delivery: Delivery, number: int) -> Item:
    """Its own source becomes a part of its keys, so that two tools in one stream do not mix."""
    if isinstance(item, AlertRecord):
        return _alert(item, source, delivery, number)
    if isinstance(item, FindingRecord):
        return replace(
            item, source=_behind(source, item.source), asset=_asset(item.asset, source),
            component=_component(item.component, source),
        )  # fmt: skip
    if isinstance(item, ScanRecord):  # ends what the same tool found, nobody else's
        return replace(item, source=_behind(source, item.source), asset=replace(item.asset, source=source))
    if isinstance(item, ComponentRecord):
        return _component(item, source) or item
    return _asset(item, source) or item if isinstance(item, AssetRecord) else item


def _behind(source: str, tool: str) -> str:
    return f"{source}/{tool}"[:60]


def _asset(asset: AssetRecord | None, source: str) -> AssetRecord | None:
    return replace(asset, source=source) if asset else None


def _component(component: ComponentRecord | None, source: str) -> ComponentRecord | None:
    if component is None:
        return None
    tool = _behind(source, component.source)
    return replace(component, source=tool, asset=_asset(component.asset, source))


def _alert(alert: AlertRecord, source: str, delivery: Delivery, number: int) -> AlertRecord:
    """One without any time happened when it came into the stream; then its place in there tells it from others."""
    changed = replace(
        alert, source=source, dedup_key=(alert.source, *alert.dedup_key),
        assets=tuple(replace(asset, source=source) for asset in alert.assets),
    )  # fmt: skip
    if alert.occurred_at or alert.last_seen:
        return changed
    event = alert.event_id or f"{delivery.mark}:{number}"
    return replace(changed, event_id=event, occurred_at=delivery.at)
