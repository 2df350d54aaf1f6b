"""Rows and a channel for tests of the inbox and the outbox."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.ports import Delivered, Incoming, Part, Reply, ReplyTarget, Turn, TurnResult
from bifang.channels.queues import inbox, outbox
from bifang.core.configuration import configs
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
    """Turns claimed by `owner`."""
    return inbox.claim(owner, room)


def finish(turn: Turn, *texts: str, owner: str = "me") -> list[Part] | None:
    """The turn is answered; the parts to deliver, or None if it was no longer ours."""
    (ours,) = inbox.finish([(turn, TurnResult(tuple(Reply(text) for text in texts)))])
    return [part for part in outbox.claim(owner, 100) if part.inbox_id == turn.inbox_id] if ours else None


def replied(*texts: str, where: str = "cid1", sender: str = "lisi") -> list[Part]:
    """Replies of one turn, in nobody's hands."""
    store(incoming(where=where, sender=sender))
    (turn,) = [one for one in claim() if one.conversation_id == where]
    inbox.finish([(turn, TurnResult(tuple(Reply(text) for text in texts)))])
    rows = OutboxRow.objects.filter(inbox_id=turn.inbox_id).order_by("pk")
    return [outbox.part_of(row) for row in rows]


def answered(*texts: str, where: str = "cid1", owner: str = "me", sender: str = "lisi") -> list[Part]:
    """Replies of one turn, claimed by `owner` if nothing is ahead of them."""
    keys = {part.key for part in replied(*texts, where=where, sender=sender)}
    return [part for part in outbox.claim(owner, 100) if part.key in keys]


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
