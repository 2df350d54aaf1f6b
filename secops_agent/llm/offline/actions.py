"""What a sentence wants to be done: an order when everything in it is explained, else at most an offer."""

import re
from collections.abc import Callable, Iterator

from .cases import read_case_order
from .intents import Intent, Wish
from .notes import Note, clean, find_doubt, find_notes, is_harmless, later_clauses
from .orders import Reading, is_explained, read_orders
from .schedules import read_schedule
from .skeletons import Kind, Skeleton
from .words import pattern

_REASON = {"block_ip": "reason", "isolate_host": "reason", "close_alert": "note", "acknowledge_alert": "note",
           "silence_alerts": "reason"}  # fmt: skip
_MOST_WORDS = 8  # of a slash command that are tried apart; what follows them stays together
_OBJECTS = (Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.ALERT, Kind.SCHEDULE)


def read_action(
    skeleton: Skeleton, plain: str, asker: str, read_task: Callable[[str], Intent | None], *, command: bool
) -> Wish | None:
    """The order of the sentence, or what it may have meant to be one; ``read_task``: see `read_schedule`."""
    if swap := pattern("schedules.swap").fullmatch(plain):
        said = {name.rstrip("2"): value for name, value in swap.groupdict().items() if value}
        return Wish(Intent("swap_shift", said), certain=True)
    if case := read_case_order(plain, asker):
        return Wish(case, certain=True)
    schedule = read_schedule(plain, read_task)
    if schedule or skeleton.found(Kind.ALERTS, Kind.NETWORK):
        return schedule
    found = list(_read(skeleton, asker, command=command))
    return next((action for action in found if action.certain), found[0] if found else None)


def _read(skeleton: Skeleton, asker: str, *, command: bool) -> Iterator[Wish]:
    notes = [found for found in find_notes(skeleton.text) if not _is_verdict(found[1], skeleton)]
    for rest, note in notes or (_bare_notes(skeleton) if command else ()):
        for reading in read_orders(Skeleton(rest, skeleton.entities), asker, bare=command):
            yield from _with_note(reading, note, skeleton)
    for reading in () if notes else read_orders(skeleton, asker):
        yield from _with_rest(reading, skeleton)


def _bare_notes(skeleton: Skeleton) -> Iterator[tuple[str, Note]]:
    """After a slash command a note needs no 备注: the fewest words without which it is an order, 撞库 before an address."""
    words = re.split(r"[ ,，]+", skeleton.text, maxsplit=_MOST_WORDS)
    for size in range(len(words)):
        for at in range(len(words) - size, 0, -1):
            note, before = " ".join(words[at : at + size]), Skeleton(" ".join(words[:at]), skeleton.entities)
            told = before.found(*_OBJECTS) or pattern("doubts.evidence").search(note)
            if told and not Skeleton(note, skeleton.entities).found(*_OBJECTS):
                yield " ".join(words[:at] + words[at + size :]), Note(note, bool(note))


def _with_note(reading: Reading, note: Note, skeleton: Skeleton) -> Iterator[Wish]:
    """An order with its 备注 or 原因; tools that keep none only drop a reason."""
    name, said = _REASON.get(reading.tool, ""), clean(note.text, skeleton)
    harmless = not note.text or is_harmless(note.text, skeleton)
    if harmless and (name or not note.is_note) and not _goes_on(note, reading, skeleton):
        yield from _act(reading, name, said, skeleton)


def _with_rest(reading: Reading, skeleton: Skeleton) -> Iterator[Wish]:
    """An order; the words that nothing explains are the reason of a dangerous one if they tell of an attack."""
    rest = clean(reading.rest, skeleton).removesuffix("，了吧")
    tells = _REASON.get(reading.tool) == "reason" and pattern("doubts.evidence").search(rest)
    yield from _act(reading, "reason", rest if tells else "", skeleton)


def _act(reading: Reading, name: str, said: str, skeleton: Skeleton) -> Iterator[Wish]:
    intent = Intent(reading.tool, {**reading.arguments, **({name: said} if name and said else {})})
    rest = skeleton.expand(reading.rest)
    barred = ("doubt.question", "no_note", "takes_back", "by_others")
    spoilt = any(
        pattern(f"doubts.{name}").search(clause) for clause in re.split("[,，]", rest) for name in barred
    )
    spoilt = spoilt or pattern("doubts.spoils").search(reading.inside) is not None
    if not rest or (find_doubt(rest) in ("", "report") and not spoilt):
        yield Wish(intent, certain=not rest)


def _is_verdict(note: Note, skeleton: Skeleton) -> bool:
    """原因是误报 gives a verdict and no reason."""
    return not note.is_note and is_explained(note.text, "close_alert", skeleton, verdict=True)


def _goes_on(note: Note, reading: Reading, skeleton: Skeleton) -> bool:
    """备注：扫描器，误报 goes on with what is none of the note; …，关闭告警 13 would be a second order."""
    later = later_clauses(note.text)
    ordered = any(True for one in later for _ in read_orders(Skeleton(one, skeleton.entities), ""))
    return ordered or bool(later and is_explained(later[-1], reading.tool, skeleton))
