"""Does what a configuration sends leave the company? Shown in the list and on the page of each."""

from collections.abc import Mapping, Sequence

from bifang.core.admin.live import Live, register_watch
from bifang.core.airgap import is_airgapped
from bifang.core.models import SystemConfig
from secops_agent.services.operations.destinations import LEAVES, destination_of

_TONES = {"yes": "warn", "no": "ok", "unknown": "warn"}


def look(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """By the address each one sends to."""
    return {config.pk: _look_at(config) for config in configs}


def _look_at(config: SystemConfig) -> Live:
    place = destination_of(config)
    text, tone = LEAVES[place.leaves], _TONES[place.leaves]
    detail = f"发往 {place.host}" if place.leaves != "unknown" else f"查不到 {place.host} 的地址"
    if place.leaves == "yes" and is_airgapped():
        text, tone, detail = "气隙模式下不可用", "bad", f"{place.host} 在公司外，不会连接"
    return Live(text, tone, detail, config.last_error, config.last_error_at)


for _kind in ("qwen", "openai", "webhook_connector", "mcp"):
    register_watch(_kind, look)
