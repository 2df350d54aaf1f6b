"""Memory of a conversation: who asks, and what was said before, read before a turn starts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from bifang.core.database.db import run
from bifang.core.database.rows import NewRow
from secops_agent.agent.conversation.recall import NOTHING, Recall, read_recall
from secops_agent.models.automation.conversation import ConversationMessage
from secops_agent.models.people.staff import Role
from secops_agent.services.people.staff import Person, administrators, identify

MESSAGES = 20  # at most so many earlier messages are read
CHARACTERS = 6000  # and so many characters are given to the model


class Said(NamedTuple):
    """One earlier message; role is user or assistant. ``author`` is who said it, or whom it answered: a name
    can be anybody's."""

    role: str
    speaker: str
    content: str
    author: str = ""
    recall: str = ""


_NEWEST = (  # every turn asks it
    f"SELECT {', '.join(Said._fields)} FROM {ConversationMessage._meta.db_table} WHERE key = %s "  # noqa: S608 - names of our own
    f"ORDER BY id DESC LIMIT {MESSAGES}"
)


@dataclass(frozen=True, slots=True)
class Known:
    """Who asks, whom an unknown person may turn to, what was said (oldest first)."""

    person: Person
    history: tuple[Said, ...]
    recall: Recall = NOTHING
    administrators: tuple[str, ...] = ()


def author_of(person: Person) -> str:
    """Who somebody is, whatever they call themselves."""
    return f"{person.corp_id}:{person.staff_id}"


def conversation_key(config_id: int, conversation_id: str) -> str:
    """Memory is kept by conversation, never by person only: what is said in private stays there."""
    text = f"{config_id}\x1f{conversation_id}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def look_up(corp_id: str, staff_id: str, nick: str, default_role: str, conversation: str) -> Known:
    """What a turn has to know. On a database thread."""
    person = identify(corp_id, staff_id, nick, default_role)
    if person.role == Role.NONE:
        return Known(person, (), administrators=tuple(administrators(corp_id)))
    said = _last_said(conversation)
    mine = author_of(person)
    recalled = next((each.recall for each in reversed(said) if each.recall and each.author in (mine, "")), "")
    recall = read_recall(recalled)
    last = said[-1].author if said else mine
    return Known(person, trim(said), recall if last in (mine, "") else replace(recall, shown=""))


def _last_said(conversation: str) -> list[Said]:
    """The newest messages of a conversation, oldest first."""
    return [Said._make(row) for row in run(_NEWEST, [conversation])[::-1]]


def trim(history: Sequence[Said]) -> tuple[Said, ...]:
    """The newest messages that fit the budget, starting with a question."""
    first, room = len(history), CHARACTERS
    while first and (room := room - len(history[first - 1].content)) >= 0:
        first -= 1
    while first < len(history) and history[first].role != "user":
        first += 1
    return tuple(history[first:])


def remember(
    conversation: str, who: Person, question: str, answer: str, recall: Recall, at: datetime
) -> tuple[NewRow, ...]:
    """To be inserted in the transaction that marks the turn as handled."""
    asked = {
        "key": conversation, "role": "user", "speaker": who.name, "author": author_of(who), "content": question,
        "created_at": at,
    }  # fmt: skip
    answered = {
        "key": conversation, "role": "assistant", "author": author_of(who), "content": answer, "recall": recall.spell(), "created_at": at,
    }  # fmt: skip
    return NewRow(ConversationMessage, asked), NewRow(ConversationMessage, answered)


def forget(conversation: str) -> int:
    """Everything that this conversation remembers; how many messages it was. On a database thread."""
    return ConversationMessage.objects.filter(key=conversation).delete()[0]
