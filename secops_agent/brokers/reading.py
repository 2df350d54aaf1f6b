"""What a message says, as records. It carries no rights: whatever it claims, it comes from its stream alone."""

from collections.abc import Iterator
from typing import Final

from secops_agent.brokers.config import BrokerSettings
from secops_agent.importers import registry
from secops_agent.importers.base import ImportLimits, Options, Source
from secops_agent.services.intake.attribution import attributed
from secops_agent.services.intake.deliveries import LARGEST, Delivery
from secops_agent.services.records import Item, ListedRecord, Rejected, VexRecord

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
            yield attributed(item, settings.source, delivery.at, f"{delivery.mark}:{number}")
