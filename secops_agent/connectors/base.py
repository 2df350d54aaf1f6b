"""The port to systems that act: firewalls, EDR, a SOAR. A connector tells honestly what it knows."""

from typing import Protocol

from secops_agent.services.decisions.actions import ActionResult, Order


class Connector(Protocol):
    """``name`` is what people are shown; ``config_id`` its configuration, if it has one."""

    name: str
    config_id: int | None

    async def run(self, order: Order) -> ActionResult:
        """Carry the order out, once. Never raises BifangError.

        "failed" only if it was certainly not carried out; "unknown" whenever it may have been.
        """
        ...
