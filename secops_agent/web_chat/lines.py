"""The lines of a conversation on the page: what was asked is stored with the inbox row, what was answered by delivery."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from bifang.channels.models import OPEN, InboxRow
from bifang.channels.ports import Incoming, Part, ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.text.markup import literal
from bifang.core.database.db import database_now
from bifang.core.database.rows import insert_many
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models import LineKind, Staff, WebLine
from secops_agent.services.chats import WEB

SHOWN: Final = 60
LONGEST: Final = 4000  # characters of a question
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_OPEN_AT_ONCE: Final = 5  # questions of one person that wait or run
TOO_MANY: Final = f"还有 {_OPEN_AT_ONCE} 个问题没有答完，请等一等，或发送「{says.STOP}」。"


@dataclass(frozen=True, slots=True)
class Speaker:
    """A logged-in person, the account as which they speak, and the configuration whose robot answers."""

    user_id: int
    account: Staff
    config_id: int

    @property
    def conversation_id(self) -> str:
        """Nobody else's: it is made of who is logged in."""
        return f"{WEB}{self.user_id}"


def is_web(target: ReplyTarget | None) -> bool:
    """Is this a page of ours?"""
    return target is not None and not target.is_group and target.conversation_id.startswith(WEB)


def robot_for(account: Staff) -> SystemConfig | None:
    """The enabled chat configuration of exactly the account's corporation: the page is one more way to its robot.

    One that does not know its corporation yet is no match: it learns it from the first message, and a page must not
    be what teaches it.
    """
    rows = SystemConfig.objects.chats().filter(enabled=True)
    return next((row for row in rows if row.corporation == account.corp_id), None)


def say(speaker: Speaker, text: str, nonce: str, *, urgent: bool) -> None:
    """Store what was typed; the same `nonce` again is the same message. Raises InvalidInput."""
    words = text.strip()
    if not words or "\x00" in words or not _NONCE.fullmatch(nonce):
        raise InvalidInput("请写上要问的内容。")
    if len(words) > LONGEST:
        raise InvalidInput(f"一次最多 {LONGEST} 个字，您写了 {len(words)} 个：请分几次问。")
    if not urgent and len(running(speaker)) >= _OPEN_AT_ONCE:
        raise InvalidInput(TOO_MANY)
    item = _incoming(speaker, words, f"{speaker.conversation_id}:{nonce}", urgent=urgent)
    with transaction.atomic():
        inbox.store([item])
        insert_many(
            WebLine,
            [_line(speaker.conversation_id, item.external_id, LineKind.ASKED, words)],
            skip_existing=True,
        )


def _incoming(speaker: Speaker, words: str, key: str, *, urgent: bool) -> Incoming:
    account, conversation = speaker.account, speaker.conversation_id
    payload = {
        "msgtype": "text",
        "staff_id": account.staff_id,
        "nick": literal(account.name)[:100],
        "corp_id": account.corp_id,
    }
    target = ReplyTarget(conversation, is_group=False, staff_id=account.staff_id)
    return Incoming(
        speaker.config_id, "chat", key, conversation, account.staff_id, words, payload, target, urgent=urgent
    )


def _line(conversation_id: str, key: str, kind: str, text: str) -> dict[str, object]:
    return {
        "conversation_id": conversation_id, "key": key, "kind": kind, "text": text, "buttons": [], "inbox_id": None,
        "at": database_now(),
    }  # fmt: skip


def running(speaker: Speaker) -> frozenset[int]:
    """Ids of the inbox rows of what was asked last that wait or run."""
    keys = WebLine.objects.filter(conversation_id=speaker.conversation_id, kind=LineKind.ASKED).order_by(
        "-id"
    )
    rows = InboxRow.objects.filter(
        config_id=speaker.config_id,
        kind="chat",
        external_id__in=list(keys.values_list("key", flat=True)[:20]),
    )
    return frozenset(rows.filter(state__in=OPEN).values_list("pk", flat=True))


def shown(speaker: Speaker, live: frozenset[int]) -> Sequence[WebLine]:
    """The newest lines, oldest first; drafts only of what is `running`."""
    rows = WebLine.objects.filter(conversation_id=speaker.conversation_id).order_by("-id")[:SHOWN]
    return [row for row in reversed(rows) if row.kind != LineKind.DRAFT or row.inbox_id in live]


def deliver(part: Part) -> None:
    """Put an answer on the page, in the place of its draft; once, however often it is delivered."""
    line = _line(part.target.conversation_id, f"out:{part.key}", LineKind.ANSWERED, part.text)
    buttons = [{"text": each.text, "style": each.style, "params": dict(each.params)} for each in part.buttons]
    with transaction.atomic():
        insert_many(WebLine, [line | {"buttons": buttons, "inbox_id": part.inbox_id}], skip_existing=True)
        if part.inbox_id is not None:
            WebLine.objects.filter(key=_draft_key(part.inbox_id)).delete()


def draft(conversation_id: str, inbox_id: int, text: str) -> None:
    """Show an answer as far as it is."""
    WebLine.objects.update_or_create(
        key=_draft_key(inbox_id),
        defaults={"text": text},
        create_defaults={
            "conversation_id": conversation_id, "kind": LineKind.DRAFT, "text": text, "inbox_id": inbox_id,
            "at": database_now(),
        },
    )  # fmt: skip


def _draft_key(inbox_id: int) -> str:
    return f"draft:{inbox_id}"
