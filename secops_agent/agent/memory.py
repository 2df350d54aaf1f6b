"""What a turn has to know before it starts: who asks, and what this conversation said before."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bifang.core.db import Batcher, on_postgresql
from bifang.core.prepared import run
from bifang.core.rows import NewRow
from secops_agent.models.conversation import ConversationMessage
from secops_agent.services.staff import Person, administrators, find_people

MESSAGES = 20  # at most so many earlier messages are read
CHARACTERS = 6000  # and so many characters are given to the model
CHUNK = 50


@dataclass(frozen=True, slots=True)
class Said:
    """One earlier message; role is user or assistant."""

    role: str
    speaker: str
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the store for one turn."""

    corp_id: str
    staff_id: str
    nick: str
    default_role: str
    conversation: str


@dataclass(frozen=True, slots=True)
class Known:
    """The answer: who asks, whom an unknown person may turn to, what was said (oldest first)."""

    person: Person
    history: tuple[Said, ...]
    administrators: tuple[str, ...] = ()


def conversation_key(config_id: int, conversation_id: str) -> str:
    """Memory is kept by conversation, never by person only: what is said in private stays there."""
    text = f"{config_id}\x1f{conversation_id}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def look_up(questions: Sequence[Question]) -> list[Known]:
    """Everything for many turns at once, in a few queries."""
    people = find_people([(q.corp_id, q.staff_id, q.nick, q.default_role) for q in questions])
    history = _recent({q.conversation for q in questions})
    return [
        Known(
            person,
            trim(history.get(question.conversation, ())),
            () if person.role != "none" else tuple(administrators(question.corp_id)),
        )
        for question, person in zip(questions, people, strict=True)
    ]


known: Batcher[Question, Known] = Batcher(look_up)


def _recent(keys: set[str]) -> dict[str, list[Said]]:
    """The last `MESSAGES` of each conversation, oldest first; one index range a conversation."""
    found: dict[str, list[Said]] = defaultdict(list)
    for _, key, role, speaker, content in sorted(_read(sorted(keys))):
        found[key].append(Said(role, speaker, content))
    return found


_TABLE = ConversationMessage._meta.db_table
_LAST = f"SELECT id, key, role, speaker, content FROM {_TABLE} WHERE key = {{key}} ORDER BY id DESC LIMIT {MESSAGES}"  # noqa: S608 - names of our own
_OF_EACH = (
    f"SELECT t.* FROM unnest(%s::text[]) AS k(value) CROSS JOIN LATERAL ({_LAST.format(key='k.value')}) AS t"  # noqa: S608
)


def _read(keys: Sequence[str]) -> list[tuple[Any, ...]]:
    if on_postgresql():
        return run(_OF_EACH, [keys])
    one = f"SELECT * FROM ({_LAST.format(key='%s')}) AS t"  # noqa: S608
    chunks = (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))
    return [row for chunk in chunks for row in run(" UNION ALL ".join([one] * len(chunk)), chunk)]


def trim(history: Sequence[Said]) -> tuple[Said, ...]:
    """The newest messages that fit the budget, starting with a question."""
    kept: list[Said] = []
    room = CHARACTERS
    for said in reversed(history):
        room -= len(said.content)
        if room < 0:
            break
        kept.insert(0, said)
    while kept and kept[0].role != "user":
        kept.pop(0)
    return tuple(kept)


def remember(conversation: str, speaker: str, question: str, answer: str, at: datetime) -> tuple[NewRow, ...]:
    """To be inserted in the transaction that marks the turn as handled."""
    asked = {"key": conversation, "role": "user", "speaker": speaker, "content": question, "created_at": at}
    answered = {"key": conversation, "role": "assistant", "content": answer, "created_at": at}
    return NewRow(ConversationMessage, asked), NewRow(ConversationMessage, answered)
