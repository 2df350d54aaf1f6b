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
from secops_agent.connectors.http_tools.session import HttpToolSession
from secops_agent.connectors.mcp.content import LONGEST, lines_of
from secops_agent.connectors.tool_sessions import ToolSession, open_session
from secops_agent.services.decisions.ledger import devices
from secops_agent.services.decisions.ledger.devices import ReadingTurn
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.definitions import ReadyTool

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
    await db.call(devices.note_reading, turn.config_id, found, turn.began)


async def _addresses(turn: ReadingTurn) -> set[str]:
    """Raises BifangError. A list that was cut says too little: then each target is asked for."""
    config = await db.call(SystemConfig.objects.get, pk=turn.config_id)
    settings = await db.call(configs.load, config)
    protocol = await db.call(catalogue.protocol_of, turn.config_id)
    async with HttpClient(pool=2, ca=settings.ca) as http, open_session(settings, http, protocol) as server:
        if turn.lists:
            lister = await db.call(catalogue.find_ready, turn.config_id, turn.lists)
            found = await _listed(server, lister)
            if found is not None:
                return found
        if not turn.tool or not turn.parameter:
            raise RemoteError("对方列出的太长，被截断：请换一个能翻页的工具。", permanent=True)
        reader = await db.call(catalogue.find_ready, turn.config_id, turn.tool)
        found = set()
        for each in turn.targets:
            answer = await _answer(server, reader, {turn.parameter: each})
            found |= set(devices.addresses_in(answer)) & {each}
        return found


async def _listed(server: ToolSession, lister: ReadyTool) -> set[str] | None:
    """All that the device has; None where its answer was cut."""
    if isinstance(server, HttpToolSession):
        found: set[str] = set()
        async for page in server.pages(lister):
            if page is None:
                raise RemoteError("应答里没有列表：请核对 extract。", permanent=True)
            found |= set(devices.addresses_in("\n".join(lines_of(page))))
        return found
    text = await _answer(server, lister, {})
    return set(devices.addresses_in(text)) if len(text) < LONGEST else None


async def _answer(server: ToolSession, tool: ReadyTool, given: dict[str, Any]) -> str:
    answered = await server.answer(tool, given)
    if answered.failed:
        raise RemoteError(f"对方报告没有成功：{answered.text[:200]}", permanent=False)
    return answered.text
