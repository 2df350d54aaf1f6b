"""After an outage: the events that DingTalk tried in vain to deliver by HTTP are fetched and stored like any other."""

import asyncio
import contextlib
import json
import logging
from datetime import timedelta
from typing import Final

from bifang.core.database import db
from bifang.core.database.db import database_now
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.models import CallbackState
from dingtalk_integration.stream.frames import Frame
from dingtalk_integration.webhook.frames import event_frame

log = logging.getLogger(__name__)
EVERY_S: Final = 30.0
SETTLED: Final = timedelta(minutes=5)  # retries take 40 s, then it takes 3 to 5 minutes until they are listed
AGAIN_S: Final = 2.0
MOST_PAGES: Final = 50


class MissedCallbacks:
    """Looks for configurations whose web server was away; each look at DingTalk's list costs a call."""

    def __init__(
        self,
        clients: ApplicationClients,
        config_ids: frozenset[int] | None = None,
        settled: timedelta = SETTLED,
    ) -> None:
        self._clients = clients
        self._config_ids = config_ids
        self._settled = settled

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what cannot be fetched now is tried again."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception:
                log.exception("dingtalk 查找遗漏的 HTTP 回调时出错，稍后重试")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_S)

    async def look(self) -> None:
        """Fetch for every configuration that is due."""
        for config_id in await db.call(_due, self._settled, self._config_ids):
            try:
                count = await self._fetch(config_id)
            except BifangError as error:
                log.warning("dingtalk 没能取回遗漏的事件：%s", error.message, extra={"config": config_id})
                continue
            if count:
                log.info("dingtalk 取回 %d 个遗漏的事件", count, extra={"config": config_id})
            await db.call(_settle, config_id)

    async def _fetch(self, config_id: int) -> int:
        client, count = await self._clients.get(config_id), 0
        intake = Intake(config_id, stored=lambda: None)
        for _ in range(MOST_PAGES):
            events, more = await client.missed.take()
            for event in events:
                await _keep(intake, event_frame(json.dumps(event, ensure_ascii=False)))
                count += 1
            if not more:
                break
        return count


async def _keep(intake: Intake, frame: Frame) -> None:
    """Read, it is off DingTalk's list: it is stored however long that takes."""
    while True:
        if await intake.receive(frame) is not None:
            return
        await asyncio.sleep(AGAIN_S)


def _due(settled: timedelta, config_ids: frozenset[int] | None) -> list[int]:
    rows = CallbackState.objects.filter(missed_at__lte=database_now() - settled)
    if config_ids is not None:
        rows = rows.filter(config_id__in=config_ids)
    pks = SystemConfig.objects.enabled("dingtalk").filter(pk__in=rows.values("config_id"))
    return [row.pk for row in pks if not row.params.get("use_stream_push", True)]


def _settle(config_id: int) -> None:
    CallbackState.objects.filter(config_id=config_id).update(missed_at=None)
