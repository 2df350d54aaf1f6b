"""What a sentence wants to be done: an order when everything in it is explained, else at most an offer."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .doubts import find_doubt, takes_back
from .intents import ACTION_TOOLS, Intent
from .notes import Note, clean, find_notes, is_harmless
from .orders import Reading, read_clause, read_orders
from .questions import rank
from .schedules import read_schedule
from .skeletons import Kind, Skeleton
from .words import pattern

_REASON = {"block_ip": "reason", "isolate_host": "reason", "close_alert": "note", "acknowledge_alert": "note"}
_DANGEROUS = ("block_ip", "isolate_host")
_OBJECTS = (Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.ALERT, Kind.SCHEDULE)


@dataclass(frozen=True, slots=True)
class Action:
    """``certain``: an order; else it may be offered. ``when``: how a schedule's time was said."""

    intent: Intent
    certain: bool
    when: str = ""


def read_action(
    skeleton: Skeleton,
    plain: str,
    asker: str,
    understand_task: Callable[[str], Intent | None],
    *,
    command: bool,
) -> Action | None:
    """The order of the sentence, or what it may have meant to be one."""
    schedule = read_schedule(plain, understand_task)
    if schedule:
        arguments = {"task": schedule.task, "cron": schedule.cron}
        return Action(Intent("create_schedule", arguments, 0.95), schedule.certain, schedule.when)
    if skeleton.found(Kind.ALERTS, Kind.NETWORK):
        return None
    found = list(_read(skeleton, asker, command=command))
    orders = [action for action in found if action.certain]
    if orders:
        return orders[0]
    return found[0] if found else None


def _read(skeleton: Skeleton, asker: str, *, command: bool) -> Iterator[Action]:
    notes = [found for found in find_notes(skeleton.text) if not _is_verdict(found[1], skeleton)]
    for rest, note in notes or (_bare_notes(skeleton) if command else ()):
        for reading in read_orders(Skeleton(rest, skeleton.entities), asker, plain=command):
            yield from _with_note(reading, note, skeleton)
    for reading in () if notes else read_orders(skeleton, asker):
        yield from _with_rest(reading, skeleton)


def _bare_notes(skeleton: Skeleton) -> Iterator[tuple[str, Note]]:
    """After a slash command a note needs no 备注: the fewest words, one after the other, without which it is an order.

    Before the object only a reason can stand: /封禁 撞库 203.0.113.5.
    """
    words = re.split(r"[ ,，]+", skeleton.text)
    for size in range(len(words)):
        for at in range(len(words) - size, 0, -1):
            note, before = " ".join(words[at : at + size]), Skeleton(" ".join(words[:at]), skeleton.entities)
            told = before.found(*_OBJECTS) or pattern("doubts.evidence").search(note)
            if told and not Skeleton(note, skeleton.entities).found(*_OBJECTS):
                yield " ".join(words[:at] + words[at + size :]), Note(note, bool(note))


def _with_note(reading: Reading, note: Note, skeleton: Skeleton) -> Iterator[Action]:
    """An order with its 备注 or 原因; tools that keep none only drop a reason."""
    name = _REASON.get(reading.tool)
    if (
        (note.text and not is_harmless(note.text, skeleton))
        or _goes_on(note, reading, skeleton)
        or (note.is_note and not name)
    ):
        return
    said = clean(note.text, skeleton)
    extra = {name: said} if name and said else {}
    if not reading.rest:
        yield _act(reading, extra, skeleton, certain=True)
    elif _may_be_left(reading.rest, skeleton):
        yield _act(reading, extra, skeleton, certain=False)


def _with_rest(reading: Reading, skeleton: Skeleton) -> Iterator[Action]:
    """An order; with words that nothing explains it is only offered."""
    rest = clean(reading.rest, skeleton)
    if not rest:
        yield _act(reading, {}, skeleton, certain=True)
    elif _may_be_left(reading.rest, skeleton):
        tells = reading.tool in _DANGEROUS and pattern("doubts.evidence").search(rest)
        yield _act(reading, {"reason": rest.removesuffix("，了吧")} if tells else {}, skeleton, certain=False)


def _act(reading: Reading, extra: dict[str, Any], skeleton: Skeleton, *, certain: bool) -> Action:
    return Action(Intent(reading.tool, {**reading.arguments, **extra}, 1.0, skeleton.spans()), certain)


def _is_verdict(note: Note, skeleton: Skeleton) -> bool:
    """原因是误报 gives a verdict and no reason."""
    clause = read_clause(note.text, "close_alert", skeleton)
    return not note.is_note and clause.explained and clause.judged


def _goes_on(note: Note, reading: Reading, skeleton: Skeleton) -> bool:
    """备注：扫描器，误报 goes on with what is none of the note; …，关闭告警 13 would be a second order."""
    later = [Skeleton(clause, skeleton.entities) for clause in note.later]
    if any(True for clause in later for _ in read_orders(clause, "")):
        return True
    return bool(later and read_clause(later[-1].text, reading.tool, skeleton).explained)


def _may_be_left(rest: str, skeleton: Skeleton) -> bool:
    """Whether an order may be offered although these words of it are not explained."""
    said = skeleton.expand(rest)
    return find_doubt(said) in (None, "report") and not takes_back(said)
