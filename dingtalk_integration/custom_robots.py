"""Delivery to custom robots: opened when they are needed, never faster than DingTalk takes it, repeated under one key."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Final

from bifang.channels.models import OutboxRow
from bifang.channels.ports import Delivered, Part
from bifang.core.database import db
from bifang.core.database.db import database_now
from bifang.core.errors import RateLimited, RemoteError
from dingtalk_integration.applications import ApplicationClient
from dingtalk_integration.openapi.robots import Robot
from secops_agent.services.notifications.robots import open_robot

# DingTalk: 20 a minute, then ten minutes of nothing. Room for what a killed process sent and could not write down.
LIMIT: Final = 18
SPAN: Final = timedelta(seconds=61)


class CustomRobots:
    """One per event loop. What is for one robot has one order key, so one process at a time sends it."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    async def deliver(self, part: Part, client: ApplicationClient) -> Delivered:
        """Send one part, when there is room. A blocked robot is a refusal: who it was for is told another way."""
        robot = Robot(*await db.call(open_robot, part.target.robot))
        while self._on and (wait := await db.call(_seconds_until_room, part.order_key)) > 0:  # noqa: ASYNC110 - until a time
            await asyncio.sleep(wait)
        at = (part.at_staff_id,) if part.at_staff_id else ()
        text = f"{part.text}\n\n@{part.at_staff_id}" if at else part.text
        try:
            await client.robots.send(robot, part.title or "毕方", text, at, uuid=_uuid(part))
        except RateLimited as error:
            raise RemoteError(error.message, permanent=True, status=error.status, code=error.code) from None
        return Delivered("robot")


def _seconds_until_room(order_key: str) -> float:
    """In every process, before and after a restart: asked of what was written down."""
    now = database_now()
    rows = OutboxRow.objects.filter(order_key=order_key, route="robot", sent_at__gt=now - SPAN)
    times = sorted(each for each in rows.values_list("sent_at", flat=True) if each)
    return 0.0 if len(times) < LIMIT else (times[-LIMIT] + SPAN - now).total_seconds()


def _uuid(part: Part) -> str:
    """The same over retries, another one for the same key after the database was made anew."""
    text = f"{part.target.robot}\x1f{part.key}\x1f{part.created_ms}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
