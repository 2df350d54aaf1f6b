"""Conversations and the applications made here, kept in a file, so that they survive a restart.

Written atomically (a new file, then renamed) and at most once a second. Tokens, sessionWebhooks and pushes under way
are not kept: as with the real DingTalk, what was not acknowledged before the restart may be gone.
"""

import asyncio
import json
import logging
import os
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from simulators.history import Entry
from simulators.values import dump

from .cards import Card
from .options import Robot, Subscription
from .world import World

logger = logging.getLogger(__name__)
KEPT_PER_CONVERSATION = 200
DEBOUNCE_S = 1.0
PENDING = frozenset({"waiting", "sent"})


class Storage:
    """Loads the file at the start, saves it while running and at the end."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Load, then watch for changes."""
        self._load()
        self.world.history.dirty = False
        self._task = asyncio.create_task(self._save_when_changed())

    async def stop(self) -> None:
        """Save what changed last."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.world.history.dirty:
            self._save()

    async def _save_when_changed(self) -> None:
        while True:
            await asyncio.sleep(DEBOUNCE_S)
            if self.world.history.dirty:
                self._save()

    def _save(self) -> None:
        self.world.history.dirty = False
        fresh = self.path.with_suffix(f".{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.touch(mode=0o600)  # it holds Client Secrets
            fresh.write_text(dump(_snapshot(self.world)), encoding="utf-8")
            fresh.replace(self.path)
        except OSError as error:
            logger.warning("会话记录无法写入 %s：%s。请检查目录权限和磁盘空间", self.path, error)

    def _load(self) -> None:
        try:
            saved = json.loads(self.path.read_text(encoding="utf-8"))
            _restore(self.world, saved)
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            aside = self.path.with_suffix(".broken")
            logger.warning(
                "会话记录 %s 无法读取（%s），已改名为 %s，从空白开始", self.path, error, aside.name
            )
            self.world.reset()
            if self.path.exists():
                self.path.replace(aside)


def _snapshot(world: World) -> dict[str, Any]:
    robots = list(world.robots)
    return {
        "version": 1,
        "apps": [asdict(one) for one in world.robots.values() if one.made],
        "callbacks": {client_id: asdict(one) for client_id, one in world.subscriptions.items()},
        "people": [[one.staff_id, one.name] for one in world.people.people.values() if one.staff_id],
        "rooms": [
            [room.client_id, room.id, room.title, room.is_group, room.person, room.last_at]
            for rooms in world.conversations.rooms.values()
            for room in rooms.values()
        ],
        "entries": [
            entry.to_dict() for one in robots for entry in world.history.recent(one, KEPT_PER_CONVERSATION)
        ],
        "cards": [card.to_dict() for card in world.cards.known.values()],
    }


def _restore(world: World, saved: dict[str, Any]) -> None:
    for row in saved.get("apps", []):
        if row["client_id"] not in world.robots:  # what was named at the start goes first
            world.put_robot(Robot(**row))
    for client_id, wanted in saved.get("callbacks", {}).items():
        if client_id in world.robots:
            world.subscriptions[client_id] = Subscription(**wanted)
            world.put_robot(replace(world.robots[client_id], http=True))
    for staff_id, name in saved["people"]:
        world.people.add(staff_id, name)
    for client_id, room_id, title, is_group, person, last_at in saved["rooms"]:
        rooms = world.conversations
        room = (
            rooms.ensure_group(client_id, room_id, title)
            if is_group
            else rooms.ensure_single(client_id, person, room_id)
        )
        room.last_at = last_at
    names = {one.name for one in fields(Entry)}
    for row in sorted(saved["entries"], key=lambda row: row["seq"]):
        entry = Entry(**{name: value for name, value in row.items() if name in names})
        entry.state = "lost" if entry.state in PENDING else entry.state
        world.history.add(entry)
    card_names = {one.name for one in fields(Card)}
    for row in saved["cards"]:
        world.cards.add(Card(**{name: value for name, value in row.items() if name in card_names}))
