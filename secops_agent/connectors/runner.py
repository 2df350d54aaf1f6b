"""Carries approved actions out, one per lease, beside the chat."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final

from bifang.core.database import db
from bifang.core.errors import BifangError
from bifang.core.outbound.backoff import Backoff
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors import registry
from secops_agent.connectors.base import Connector
from secops_agent.models.automation.action import ActionState
from secops_agent.services.decisions import actions, approvals
from secops_agent.services.decisions.actions import ActionResult, Order
from secops_agent.services.decisions.ledger import entries

log = logging.getLogger(__name__)
POLL_S: Final = 1.0
SWEEP_S: Final = 5.0


class ActionRunner:
    """One per process: a job of the turn loop."""

    def __init__(self, owner: str, *, poll_s: float = POLL_S, http: HttpClient | None = None) -> None:
        self._owner, self._poll_s = owner, poll_s
        self._http = http or HttpClient(pool=8)
        self._swept = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a call that has begun is waited for."""
        try:
            while not stop.is_set():
                try:
                    if not await self.step():
                        await self._pause(stop)
                except Exception:
                    log.exception("执行处置动作时出错，稍后重试")
                    await self._pause(stop)
        finally:
            await self._http.close()

    async def step(self) -> int:
        """Carry out what waits now. Returns how many."""
        if time.monotonic() - self._swept >= SWEEP_S:
            await db.call(actions.sweep)
            await db.call(approvals.expire_overdue)
            await db.call(entries.end_due)
            await db.call(approvals.remind_approvers)  # last: a message that fails holds up nothing else
            self._swept = time.monotonic()
        orders = await db.call(actions.claim, self._owner)
        await asyncio.gather(*(self.carry_out(order) for order in orders))
        return len(orders)

    async def carry_out(self, order: Order) -> None:
        """Prepare, call, store. Cancelled in between, the sweep of another process finds it."""
        try:
            chosen = await db.call(registry.connector_of, order, self._http)
        except BifangError as error:
            refused = ActionResult("failed", f"没有执行：连接器的配置有问题。{error.message}")
            await db.call(actions.finish, order, refused, ActionState.CLAIMED)
            return
        if not await db.call(actions.begin, order, chosen.name, chosen.config_id):
            return
        await self._store(order, await self._call(chosen, order))

    async def _call(self, chosen: Connector, order: Order) -> ActionResult:
        try:
            return await chosen.run(order)
        except Exception:
            log.exception("连接器出错", extra={"action": order.action_id})
            return ActionResult(
                "unknown", "连接器内部出错，不能确定对方是否已经执行。请到目标系统核实；系统不会自动重试。"
            )

    async def _store(self, order: Order, outcome: ActionResult) -> None:
        """What came back must not be lost to a hiccup of the database."""
        backoff = Backoff(base=0.1, cap=2.0)
        while True:
            try:
                if not await db.call(actions.finish, order, outcome):
                    log.warning("动作 %d 已不由本进程执行，结果不再写入：%s", order.action_id, outcome.result)
                return
            except db.UNAVAILABLE:
                log.warning("保存动作结果失败，重试", extra={"action": order.action_id}, exc_info=True)
                await asyncio.sleep(backoff.next())

    async def _pause(self, stop: asyncio.Event) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), self._poll_s)
