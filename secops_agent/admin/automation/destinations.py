"""Does what a configuration sends leave the company? Shown in the list and on the page of each."""

from collections.abc import Mapping, Sequence

from bifang.core.admin.live import Live
from bifang.core.models import SystemConfig
from bifang.core.outbound.airgap import Whereabouts, is_airgapped
from secops_agent.services.operations.destinations import LEAVES, destination_of

_TONES = {"yes": "warn", "no": "ok", "unknown": "warn"}


def look(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """By the address each one sends to."""
    return {config.pk: _look_at(config) for config in configs}


def _look_at(config: SystemConfig) -> Live:
    place = destination_of(config)
    text, tone = LEAVES[place.leaves], _TONES[place.leaves]
    runs = bool(config.params.get("command"))
    detail = _of_program(place) if runs else _of_address(place)
    if is_airgapped() and place.leaves == ("unknown" if runs else "yes"):
        told = "没有写 airgapped_ok，不会启动" if runs else f"{place.host} 在公司外，不会连接"
        text, tone, detail = "气隙模式下不可用", "bad", told
    return Live(text, tone, detail, config.last_error, config.last_error_at)


def _of_address(place: Whereabouts) -> str:
    return f"发往 {place.host}" if place.leaves != "unknown" else f"查不到 {place.host} 的地址"


def _of_program(place: Whereabouts) -> str:
    if place.leaves == "no":
        return f"本机的程序 {place.host}，运维声明它只连接内网（airgapped_ok）"
    return f"本机的程序 {place.host} 自己决定连接哪里"
