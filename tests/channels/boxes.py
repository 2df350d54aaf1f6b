"""Rows and a channel for tests of the inbox and the outbox."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from bifang.channels import handling, inbox
from bifang.channels.handling import Finished
from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.ports import Delivered, Incoming, Part, Reading, Reply, ReplyTarget, Turn
from bifang.core import configs
from bifang.core.models import SystemConfig

WEBHOOK = "https://oapi.dingtalk.com/robot/sendBySession?session=hidden"
_numbers = count(1)


def robot() -> int:
    """A DingTalk configuration; its id."""
    known = SystemConfig.objects.filter(kind="dingtalk").first()
    if known is None:
        given = {"client_id": "dingx", "client_secret": "not-a-secret"}
        known, _ = configs.save("dingtalk", "机器人", True, given)
    return known.pk


def incoming(text: str = "你好", sender: str = "lisi", where: str = "cid1", **changes: Any) -> Incoming:
    """A private message that is new unless it names its external_id."""
    target = ReplyTarget(where, False, sender, "dingx", WEBHOOK, 4_102_444_800_000)
    item = Incoming(robot(), "chat", f"msg{next(_numbers)}", where, sender, text, target=target)
    return replace(item, **changes)


def store(*items: Incoming) -> list[InboxRow]:
    """Stored; their rows."""
    inbox.store(items)
    return [InboxRow.objects.get(external_id=item.external_id) for item in items]


def claim(owner: str = "me", room: int = 100) -> list[Turn]:
    """Turns leased to `owner`."""
    return handling.claim(owner, room, None)


def finish(turn: Turn, *texts: str, owner: str = "me") -> list[Part] | None:
    """The turn is answered; the parts to deliver, or None if it was no longer ours."""
    return handling.finish([Finished(turn, tuple(Reply(text) for text in texts))], owner)[0]


def answered(*texts: str, where: str = "cid1", owner: str = "me", sender: str = "lisi") -> list[Part]:
    """Replies of one turn, leased to `owner`."""
    store(incoming(where=where, sender=sender))
    (turn,) = [one for one in claim(owner) if one.conversation_id == where]
    parts = finish(turn, *texts, owner=owner)
    assert parts is not None
    return parts


def texts_of(rows: Sequence[Turn | Part]) -> list[str]:
    """What they say."""
    return [row.text for row in rows]


@dataclass
class Recorder:
    """A channel that keeps what it was given. ``refuse``: an error for a part, or None to accept it."""

    refuse: Callable[[Part], Exception | None] = lambda _: None
    sent: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    name: str = "recorder"
    shared_by: int = 1

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """As it is."""
        return (reply,)

    def share(self, processes: int) -> None:
        """Keep the number."""
        self.shared_by = processes

    async def deliver(self, part: Part) -> Delivered:
        """Keep it."""
        self.tried.append(part.text)
        if self.hold is not None:
            await self.hold.wait()
        error = self.refuse(part)
        if error is not None:
            raise error
        self.sent.append(part.text)
        return Delivered("webhook")


def outbox_row(part: Part) -> OutboxRow:
    """A part's row, now."""
    return OutboxRow.objects.get(pk=part.outbox_id)


class Hands:
    """Takes what is handed over, up to `capacity`."""

    owner_name = "me"

    def __init__(self, capacity: int = 100) -> None:
        self.capacity = capacity
        self.turns: list[Turn] = []

    def room(self) -> int:
        return self.capacity - len(self.turns)

    def foresee(self, item: Incoming) -> Reading | None:
        text = "SELECT external_id AS one, urgent AS two, NULL AS three FROM channels_inboxrow WHERE sender_id = %(who)s AND state = 'done'"
        return Reading(text, {"who": item.sender_id})

    def take(self, turns: Sequence[Turn]) -> None:
        self.turns.extend(turns)
