"""Keeps the audit trail sealed, beside the chat."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from bifang.core import db
from secops_agent.services.audit import chain

log = logging.getLogger(__name__)
EVERY_S: Final = 2.0
BREATH_S: Final = 0.05  # between two batches: the chat's own writes go first


class AuditSealer:
    """One per process, a job of the turn loop; of many, one seals at a time."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is left unsealed then, the next start seals."""
        sealed = 0
        while not stop.is_set():
            try:
                sealed = await db.call(chain.seal)
            except Exception:
                log.exception("封存审计记录出错，稍后重试")
                sealed = 0
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), BREATH_S if sealed else self._every_s)
