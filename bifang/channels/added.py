"""Chat platforms of installed packages: their kind of configuration, their service, and how its worker is made."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bifang.channels.workers.connection_health import WorkerService
from bifang.core.configuration.kinds import Kind, all_kinds
from bifang.core.extensions import Extension, installed

if TYPE_CHECKING:
    from bifang.channels.workers.client_threads import Trade
    from bifang.channels.workers.processes import Owner
    from bifang.channels.workers.worker import WorkerLoop


@dataclass(frozen=True, slots=True)
class AddedChannel:
    """``trade``: the connections that the worker keeps; ``build_loop``: who answers and delivers. Called in the worker only."""

    service: WorkerService
    trade: "Callable[[], Trade]"
    build_loop: "Callable[[Owner], WorkerLoop]"


def unfit(extension: Extension[Any]) -> str:
    """Why this cannot be a channel; "" if it can."""
    added, kind = extension.adds, extension.settings
    if not isinstance(added, AddedChannel) or not callable(added.trade) or not callable(added.build_loop):
        return "adds 应当是 AddedChannel"
    if not (isinstance(kind, type) and issubclass(kind, Kind) and kind.corporation):
        return "settings 应当是写明 corporation 的配置类型（Kind）"
    if not isinstance(extension.adds.service, WorkerService):
        return "service 应当是 WorkerService"
    if added.service.kind != extension.name or added.service.program != f"start_channel {extension.name}":
        return f"service 的 kind 应当是 {extension.name}，program 是 start_channel {extension.name}"
    if added.service.prefix != f"{extension.name}_":
        return f"service 的 prefix 应当是 {extension.name}_，它的健康检查才不与别的重名"
    told = (getattr(added.service, each) for each in ("title", "label", "check", "switch_label"))
    return "" if all(isinstance(each, str) for each in told) else "service 写的应当都是文字"


@cache
def added_channels() -> tuple[Extension[AddedChannel], ...]:
    """First called when every kind of ours is registered."""
    return installed("channels", [kind.name for kind in all_kinds()], unfit)
