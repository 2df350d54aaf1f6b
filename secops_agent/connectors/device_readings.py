"""Readings of devices: every few minutes what each says that it blocks, beside what was ordered."""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.errors import BifangError, RemoteError
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.mcp.content import LONGEST
from secops_agent.connectors.tool_sessions import open_session
from secops_agent.services.decisions.ledger import devices
from secops_agent.services.decisions.ledger.devices import ReadingTurn
from secops_agent.services.mcp import catalogue

log = logging.getLogger(__name__)
LOOK_S: Final = 20.0
LONGEST_S: Final = 60.0  # of one device


class DeviceReader:
    """One per process: a job of the turn loop. A device is read by one process at a time."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                await self.step()
            except Exception:
                log.exception("读取设备时出错，稍后重试")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)

    async def step(self) -> int:
        """Read what is due; returns how many."""
        turns = await db.call(devices.due)
        await asyncio.gather(*(_read(turn) for turn in turns))
        return len(turns)


async def _read(turn: ReadingTurn) -> None:
    try:
        async with asyncio.timeout(LONGEST_S):
            found = await _addresses(turn)
    except (BifangError, TimeoutError) as error:
        told = error.message if isinstance(error, BifangError) else "对方没有及时应答。"
        await db.call(devices.note_problem, turn.config_id, told)
        return
    await db.call(devices.note_reading, turn.config_id, found)


async def _addresses(turn: ReadingTurn) -> set[str]:
    """Raises BifangError. A list that was cut says too little: then each target is asked for."""
    config = await db.call(SystemConfig.objects.get, pk=turn.config_id)
    settings = await db.call(configs.load, config)
    tool = await db.call(catalogue.find_ready, turn.config_id, turn.tool)
    protocol = await db.call(catalogue.protocol_of, turn.config_id)

    async with HttpClient(pool=2, ca=settings.ca) as http, open_session(settings, http, protocol) as server:

        async def ask(given: dict[str, Any]) -> str:
            answered = await server.answer(tool, given)
            if answered.failed:
                raise RemoteError(f"对方报告没有成功：{answered.text[:200]}", permanent=False)
            return answered.text

        found: set[str] = set()
        if turn.lists:
            text = await ask({})
            found = set(devices.addresses_in(text))
            if len(text) < LONGEST:
                return found
        for each in turn.targets if turn.parameter else ():
            found |= set(devices.addresses_in(await ask({turn.parameter: each}))) & {each}
        return found
