"""What a turn has to know before it starts: who asks, and what this conversation said before."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from bifang.core.db import Batcher
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
    table = connection.ops.quote_name(ConversationMessage._meta.db_table)
    one = f"SELECT * FROM (SELECT {table}.id, key, role, speaker, content FROM {table} WHERE key = %s ORDER BY id DESC LIMIT {MESSAGES}) AS t"  # noqa: S608 - names of our own
    found: dict[str, list[Said]] = defaultdict(list)
    ordered = sorted(keys)
    for start in range(0, len(ordered), CHUNK):
        chunk = ordered[start : start + CHUNK]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([one] * len(chunk)), chunk)
            rows = cursor.fetchall()
        for _, key, role, speaker, content in sorted(rows):
            found[key].append(Said(role, speaker, content))
    return found


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
