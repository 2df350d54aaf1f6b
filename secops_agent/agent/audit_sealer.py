"""Keeps the audit trail sealed and within its retention, beside the chat."""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from bifang.core import db
from secops_agent.services.audit import chain

log = logging.getLogger(__name__)
EVERY_S: Final = 2.0
BREATH_S: Final = 0.05  # between two batches: the chat's own writes go first
RETENTION_EVERY_S: Final = 3600.0


class AuditSealer:
    """One per process, a job of the turn loop; of many, one seals at a time."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._dropped_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is left unsealed then, the next start seals."""
        sealed = 0
        while not stop.is_set():
            try:
                sealed = await db.call(chain.seal)
                await self._drop_old()
            except Exception:
                log.exception("封存审计记录出错，稍后重试")
                sealed = 0
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), BREATH_S if sealed else self._every_s)

    async def _drop_old(self) -> None:
        if not settings.AUDIT_RETENTION_DAYS or time.monotonic() - self._dropped_at < RETENTION_EVERY_S:
            return
        self._dropped_at = time.monotonic()
        day = timezone.localdate() - timedelta(days=settings.AUDIT_RETENTION_DAYS)
        dropped = await db.call(chain.drop_before, day)
        if dropped:
            log.info("按保留期清除了 %d 条审计记录", dropped)
