"""What a turn has to know before it starts: who asks, and what this conversation said before."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from bifang.channels.ports import Reading
from bifang.core.batcher import Batcher
from bifang.core.db import on_postgresql
from bifang.core.prepared import run
from bifang.core.rows import NewRow
from secops_agent.models.conversation import ConversationMessage
from secops_agent.models.staff import Staff
from secops_agent.services.staff import FACTS, Person, administrators, find_people, read_people

MESSAGES = 20  # at most so many earlier messages are read
CHARACTERS = 6000  # and so many characters are given to the model
CHUNK = 50


_Rows = Sequence[Sequence[Any]]


class Said(NamedTuple):
    """One earlier message; role is user or assistant. ``author`` is who said it: a name can be anybody's."""

    role: str
    speaker: str
    content: str
    author: str = ""


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


def author_of(person: Person) -> str:
    """Who somebody is, whatever they call themselves."""
    return f"{person.corp_id}:{person.staff_id}"


def conversation_key(config_id: int, conversation_id: str) -> str:
    """Memory is kept by conversation, never by person only: what is said in private stays there."""
    text = f"{config_id}\x1f{conversation_id}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def look_up(questions: Sequence[Question]) -> list[Known]:
    """Everything for many turns at once, in a few queries."""
    staff_ids = {q.staff_id for q in questions}
    listed, said = (_read_at_once if on_postgresql() else _read_in_turn)(
        list(staff_ids), sorted({q.conversation for q in questions})
    )
    found = _match(questions, listed, said)
    return [
        one if one.person.role != "none" else replace(one, administrators=tuple(administrators(q.corp_id)))
        for q, one in zip(questions, found, strict=True)
    ]


def reading(staff_id: str, conversation: str) -> Reading:
    """What `recognise` needs to know of a message, to be read as it is stored."""
    return Reading(_ONE, {"asker": staff_id, "conversation": conversation})


def recognise(question: Question, rows: _Rows | None) -> Known | None:
    """The same from the rows of a `reading`; None if there are none, or more has to be looked up."""
    if rows is None:
        return None
    (found,) = _match([question], *_apart(rows))
    return found if found.person.role != "none" else None


def _match(questions: Sequence[Question], listed: _Rows, said: _Rows) -> list[Known]:
    people = find_people([(q.corp_id, q.staff_id, q.nick, q.default_role) for q in questions], listed)
    history = _by_conversation(said)
    return [
        Known(person, trim(history.get(question.conversation, ())))
        for question, person in zip(questions, people, strict=True)
    ]


known: Batcher[Question, Known] = Batcher(look_up)


def _by_conversation(rows: Iterable[Sequence[Any]]) -> dict[str, list[Said]]:
    """Rows of (id, key, role, speaker, content, author) in any order; oldest first."""
    found: dict[str, list[Said]] = defaultdict(list)
    for _, key, *said in sorted(rows, key=itemgetter(0)):
        found[key].append(Said._make(said))
    return found


# The last `MESSAGES` of a conversation: one index range.
_LAST = f"SELECT id, key, role, speaker, content, author FROM {ConversationMessage._meta.db_table} WHERE key = {{key}} ORDER BY id DESC LIMIT {MESSAGES}"  # noqa: S608 - names of our own
_SAID = "t.id, t.key, t.role, t.speaker, t.content, NULL, t.author"
_ONE = (
    f"SELECT NULL AS id, {', '.join(FACTS)}, NULL FROM {Staff._meta.db_table} WHERE staff_id = %(asker)s "  # noqa: S608
    f"UNION ALL SELECT {_SAID} FROM ({_LAST.format(key='%(conversation)s')}) AS t"
)
_BOTH = (
    f"SELECT NULL::bigint, {', '.join(FACTS)}, NULL FROM {Staff._meta.db_table} WHERE staff_id = ANY(%s::text[]) "  # noqa: S608
    f"UNION ALL SELECT {_SAID} FROM unnest(%s::text[]) AS k(value) CROSS JOIN LATERAL ({_LAST.format(key='k.value')}) AS t"
)


def _read_at_once(staff_ids: Sequence[str], keys: Sequence[str]) -> tuple[_Rows, _Rows]:
    """People and messages, on one way to the server."""
    return _apart(run(_BOTH, [staff_ids, keys]))


def _apart(rows: _Rows) -> tuple[_Rows, _Rows]:
    """Messages have an id, people do not."""
    people = [row[1:6] for row in rows if row[0] is None]
    return people, [(*row[:5], row[6]) for row in rows if row[0] is not None]


def _read_in_turn(staff_ids: Sequence[str], keys: Sequence[str]) -> tuple[_Rows, _Rows]:
    one = f"SELECT * FROM ({_LAST.format(key='%s')}) AS t"  # noqa: S608
    chunks = (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))
    said = [row for chunk in chunks for row in run(" UNION ALL ".join([one] * len(chunk)), chunk)]
    return read_people(staff_ids), said


def trim(history: Sequence[Said]) -> tuple[Said, ...]:
    """The newest messages that fit the budget, starting with a question."""
    first, room = len(history), CHARACTERS
    while first and (room := room - len(history[first - 1].content)) >= 0:
        first -= 1
    while first < len(history) and history[first].role != "user":
        first += 1
    return tuple(history[first:])


def remember(conversation: str, who: Person, question: str, answer: str, at: datetime) -> tuple[NewRow, ...]:
    """To be inserted in the transaction that marks the turn as handled."""
    asked = {
        "key": conversation, "role": "user", "speaker": who.name, "author": author_of(who), "content": question,
        "created_at": at,
    }  # fmt: skip
    answered = {"key": conversation, "role": "assistant", "content": answer, "created_at": at}
    return NewRow(ConversationMessage, asked), NewRow(ConversationMessage, answered)
