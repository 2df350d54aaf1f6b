"""Ringer: the loop of a worker that makes the calls of its platform, and takes back those that nobody need answer."""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from typing import Final, Protocol

from bifang.channels.queues.claims import Remit
from bifang.core.database import db
from bifang.core.errors import BifangError, OutcomeUnknown, RateLimited, RemoteError
from secops_agent.models import CallState
from secops_agent.services.notifications.delivery import calling
from secops_agent.services.notifications.delivery.calling import CallOrder

log = logging.getLogger(__name__)
EVERY_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0  # whoever asks for more leaves it to the next step


class Phone(Protocol):
    """What a platform calls with. Errors: RateLimited, OutcomeUnknown, else RemoteError."""

    async def ring(self, order: CallOrder) -> str:
        """Call one person; the platform's id of the call, "" where it gives none."""
        ...

    async def recall(self, order: CallOrder) -> None:
        """Take back what was called, by its receipt."""
        ...


class Ringer:
    """One per process. Each call is asked for once."""

    def __init__(self, remit: Remit, phone: Phone, means: Collection[str]) -> None:
        self._remit, self._phone, self._means = remit, phone, means

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a database that does not answer is tried again at the next round."""
        while not stop.is_set():
            try:
                orders = await db.call(calling.take, self._remit, self._means)
                await asyncio.gather(*map(self._ring, orders))
                while (order := await db.call(calling.take_recall, self._remit, self._means)) is not None:
                    await self._recall(order)
            except Exception:
                log.exception("呼叫出错，稍后重试")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_S)

    async def _ring(self, order: CallOrder) -> None:
        try:
            receipt = await self._phone.ring(order)
        except RateLimited as error:
            log.warning("呼叫被限流：%s", error.message, extra={"config": order.config_id})
            if error.retry_after <= LONGEST_PAUSE_S:
                await db.call(calling.put_off, order, error.retry_after, error.message)
            else:
                await db.call(calling.settle, order, CallState.REFUSED, error.message)
        except BifangError as error:
            log.warning("没有叫成：%s", error.message, extra={"config": order.config_id})
            state = CallState.UNKNOWN if _may_have_rung(error) else CallState.REFUSED
            await db.call(calling.settle, order, state, error.message)
        else:
            await db.call(calling.settle, order, CallState.MADE, "", receipt)

    async def _recall(self, order: CallOrder) -> None:
        try:
            await self._phone.recall(order)
        except BifangError as error:
            log.warning("没有撤回：%s", error.message, extra={"config": order.config_id})


def _may_have_rung(error: BifangError) -> bool:
    """It was asked for, and no answer says that nothing came of it."""
    if isinstance(error, OutcomeUnknown):
        return True
    return isinstance(error, RemoteError) and (
        error.code in ("timeout", "network") or (error.status or 0) >= 500
    )
