"""A sentence behind an open offer, weighed first as an edit of it: another value, one more object, one fewer, only some.

Each piece is names with a few words of direction (``[edit]`` of `cues.toml`, ``#`` for names and ``✱`` for a verb of the offer); which
argument a kind of name fills is said by `ACTS` and ``_FILLS``. Where one piece is anything else there is no edit.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, MaskedName, Skeleton, mark
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import load, name_of, pattern
from secops_agent.llm.understanding.amendments import Amendment, EditPiece, is_meant, takes, values_of
from secops_agent.llm.understanding.entities import Sentence, take_verdicts_and_numbers
from secops_agent.llm.understanding.objects import missing_in
from secops_agent.llm.understanding.reasons import EDGES
from secops_agent.llm.understanding.verbs import ACTS, PIECE, SAME_AS, UNDOES, VERB, WANTED, verbs_in

_NAMES: Final = re.compile(
    rf"{ANY_MARK.pattern}(?:\s*(?:[、,，/&的和与跟及]|以及|还有)?\s*{ANY_MARK.pattern})*"
    r"(?:的?(?:那|这)?[一二两俩三四几]?(?:[条个台]|号机?)(?!月|小时))?"
)
_END: Final = re.compile(r"(?<![\w.:-])((?:\d{1,3})?\.(?:\d{1,3}\.)?\d{1,3}|0\d)(?![\w.:%-])", re.ASCII)
_RIGHT_BEHIND: Final = re.compile(
    rf"(?<=[\d{ANY_MARK.pattern[1:-1]}])\s*(?=而?应?该?(?:是|改成|换成|改为)\s*[\d.{ANY_MARK.pattern[1:-1]}])"
)
_KEPT_AND_GONE: Final = re.compile(
    rf"((?:[只就仅]|和{ANY_MARK.pattern})[^,，]*?{ANY_MARK.pattern})\s+(?={ANY_MARK.pattern}\s*(?:就|先|都)*[不别])"
)  # 只静默1和2 3不压
_JOINED: Final = re.compile(
    rf"(?<={ANY_MARK.pattern})\s*(?:[、/&]|和|与|跟|及|以及|还有)\s*(?={ANY_MARK.pattern})"
)
_OTHER: Final = "other"  # the way of a piece that is no edit
_ASIDE: Final = ("", "aside", "others")
_QUOTES: Final = " \"'“”「」『』:："


@dataclass(frozen=True, slots=True)
class Edited:
    """What the open offer is after the edit, none of it where all was left out; ``rest``: what else is said of what was left out."""

    orders: tuple[Intent, ...]
    rest: str = ""


def edited(sentence: Sentence, orders: Sequence[Intent]) -> Edited | None:
    """The open orders with what the whole sentence changes of them; None where it is not, or not only, an edit."""
    if not orders or any(one.tool not in ACTS for one in orders):
        return None
    said, reason = _reason(_marked(sentence), orders)
    pieces = list(_pieces(said, orders))
    known = list(takewhile(lambda one: one.way != _OTHER, pieces))
    rest = pieces[len(known) :]
    if rest and not (known and all(one.way == "drop" and one.names for one in known)):
        return None
    if any(re.match(r"\s*[只就仅]", one.said.text) for one in rest):
        return None  # A27先留着 只关前一条: which that is, nobody can tell
    if not (reason or any(one.way for one in known)) or (not reason and _is_unclear(known, orders)):
        return None
    edit = Amendment(sentence, tuple(orders))
    changes = sorted((one for one in known if one.way not in _ASIDE), key=lambda one: one.way != "wrong")
    if not (all(map(edit.take, changes)) and edit.settle()):  # what is wrong first: 是.45 不是.44
        return None
    edit.explain(reason)
    left = " ".join(
        said.expand(char) for one in known if rest for char in one.said.text if char in said.entities
    )
    told = "，".join(said.expand(one.said.text) for one in rest)
    return Edited(edit.orders, f"{left} {told}".strip()) if edit.touched else None


def _marked(sentence: Sentence) -> Skeleton:
    """With verdicts, numbers, levels and ends of addresses and hosts marked too."""
    said = take_verdicts_and_numbers(sentence.order, listed=False)
    said.take(Kind.NUMBER, _END, lambda found: found[1], exact=False)
    said.take(Kind.PERSON, pattern("cues.edit_me"), lambda _: sentence.asker or None, exact=False)
    said.take(Kind.SEVERITY, pattern("cues.edit_level"), lambda found: name_of("cues.level", found[0]))
    said.text = _JOINED.sub("和", said.text)
    return said


def _reason(said: Skeleton, orders: Sequence[Intent]) -> tuple[Skeleton, str]:
    """What is said before the reason, and the reason as it was typed: …，理由改成 E1 外传."""
    found = pattern("cues.edit_reason").search(said.text)
    if (
        found is None
        or missing_in(orders)
        or not any(ACTS[one.tool].free in ("reason", "note") for one in orders)
    ):
        return said, ""
    text = pattern("cues.edit_unchanged").sub("", said.expand(said.text[found.end() :])).strip(_QUOTES)
    return Skeleton(said.text[: found.start()], said.entities), text


def _pieces(said: Skeleton, orders: Sequence[Intent]) -> Iterator[EditPiece]:
    """Each piece that says anything, ``_OTHER`` where it is neither an edit nor an aside."""
    text = _KEPT_AND_GONE.sub(r"\1，", _RIGHT_BEHIND.sub("，", said.text))
    text = re.sub(rf"(?<={ANY_MARK.pattern})\s+(?={mark(Kind.REF)})", "，", text)
    text = re.sub(rf"(?<={ANY_MARK.pattern})\s+(?=不(?!是)|[别先也都应一])", "", text)
    tools = {one.tool for one in orders}
    slip = pattern("cues.edit_slip").search(text) is not None
    for part in filter(None, (one.strip(EDGES) for one in PIECE.split(text) if one)):
        bare = pattern("cues.edit_lead").sub("", part)
        if not bare.strip(EDGES):
            continue
        piece = Skeleton(bare, said.entities)
        own = frozenset(
            tool for tool in tools for one in _words(tool) if pattern(f"cues.act.{one}").search(bare)
        )
        way = _way(bare, own)
        way = "right" if way == "bare" and slip else way
        other = bool(_orders_else(piece, tools, denied=way == "drop") or pattern("cues.asks").search(bare))
        named = bool(own) or any(_concerns(one, name) for one in orders for name in piece.found(*Kind))
        other = (other or named) if not way else other and way not in ("labelled", "aside")
        yield EditPiece(_OTHER if other else way, piece, own)


def _orders_else(piece: Skeleton, tools: set[str], *, denied: bool) -> bool:
    """Does a verb of it order anything but what is offered? ``denied``, A12别静默 takes its silence back."""
    alike = {*tools, *(same for tool in tools for same in SAME_AS.get(tool, ()))}
    alike |= {UNDOES.get(tool, "") for tool in tools if denied}
    people = {one.kind for one in piece.found(*Kind)} == {Kind.PERSON}
    if people and any(takes(tool, Kind.PERSON) for tool in tools):
        alike |= {"assign_alert", "assign_case"}  # 给我吧, of a task
    return bool({verb.tool for verb in verbs_in(piece)} & {*ACTS} - alike)


def _concerns(order: Intent, name: MaskedName) -> bool:
    """May the name change something of the order, so that what is said of it is no aside?"""
    kinds = {kind for one in ACTS[order.tool].kinds for kind in WANTED[one]}
    return is_meant(order, name) or name.kind in kinds or name.kind in (Kind.NUMBER, Kind.ROW, Kind.DURATION)


def _words(tool: str) -> list[str]:
    """The lists of ``[act]`` with the verbs of a tool."""
    return [one for one in (tool, *SAME_AS.get(tool, ())) if one in load("cues")["act"]]


def _way(bare: str, own: frozenset[str]) -> str:
    """Which list of ``[edit]`` a piece is of."""
    text = _NAMES.sub("#", bare)
    verbs = (words for tool in own for words in _words(tool))
    forms = [text, *(pattern(f"cues.act.{words}").sub(VERB, text) for words in verbs)]
    said = (re.sub(r"\s+", "", pattern("cues.edit_tail").sub("", one)) for one in forms)
    return next(
        (way for one in said for way in load("cues")["edit"] if pattern(f"cues.edit.{way}").fullmatch(one)),
        "",
    )


def _is_unclear(pieces: Sequence[EditPiece], orders: Sequence[Intent]) -> bool:
    """A value alone beside an aside may be its reason; a name alone is looked up; a message is read by `calendar`."""
    if any(one.tool == "send_message" for one in orders):
        return True
    return all(one.way in ("bare", *_ASIDE) and not _of_one(one, orders) for one in pieces)


def _of_one(piece: EditPiece, orders: Sequence[Intent]) -> bool:
    """198那个永久: another value of one that is named."""
    meant = [one for one in orders if any(is_meant(one, name) for name in piece.names)]
    return bool(meant) and piece.way == "bare" and any(values_of(one, piece.names) for one in meant)
