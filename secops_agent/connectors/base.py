"""The port to systems that act: firewalls, EDR, a SOAR. A connector tells honestly what it knows."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from bifang.core.configuration.kinds import Kind, all_kinds
from bifang.core.extensions import Extension, installed

if TYPE_CHECKING:
    from bifang.core.outbound.http import HttpClient
    from secops_agent.services.decisions.actions import ActionResult, Order


class Connector(Protocol):
    """``name`` is what people are shown; ``config_id`` its configuration, if it has one."""

    name: str
    config_id: int | None

    async def run(self, order: "Order") -> "ActionResult":
        """Carry the order out, once. Never raises BifangError.

        "failed" only if it was certainly not carried out; "unknown" whenever it may have been.
        """
        ...


# A connector of the settings that its kind of configuration builds.
Build = Callable[[Any, "HttpClient"], Connector]


def unfit(extension: Extension[Any]) -> str:
    """Why this cannot be a connector; "" if it can."""
    kind = extension.settings
    if not callable(extension.adds):
        return "adds 应当是一个函数：配置和 HttpClient，得到连接器"
    if not (isinstance(kind, type) and issubclass(kind, Kind) and kind.carries):
        return "settings 应当是 carries 为真的配置类型（Kind）"
    return "" if kind.label == extension.label else "配置类型的 label 应当与扩展的 label 相同"


@cache
def added() -> tuple[Extension[Build], ...]:
    """The connectors of installed packages. First called when every kind of ours is registered."""
    return installed("connectors", [kind.name for kind in all_kinds()], unfit)
