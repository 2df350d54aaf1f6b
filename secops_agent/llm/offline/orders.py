"""Orders, read in a closed world: every word is on the lists of `words/orders.toml`, or nothing happens.

A sentence with one object (an alert, an address, a host, a scheduled task) is cut into the words of that domain.
What they do is spelled as one letter each, and the letters say which tool it is, in whatever order the parts stand.
Words that no list has make it a `Reading` with a ``rest``: no order, at most an offer.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from .chunks import Chunk, cut
from .skeletons import ANY_MARK, Kind, Skeleton
from .words import load

_VERDICTS = frozenset(("false_positive", "true_positive", "benign", "duplicate"))
_COMMON = ("please", "now", "done", "urge", "give_me", "move", "glue")
_CHECKS = ("check", "length")
_CLAUSE = re.compile(r"[,，;；。!！~…]+")
_NOTHING = Chunk("", "")
_Build = Callable[[list[Chunk], Skeleton, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Domain:
    """A ``[[domain]]`` of `words/orders.toml`, explained there; ``forms``: patterns of letters by tool."""

    objects: tuple[Kind, ...]
    lists: tuple[str, ...]
    verbs: frozenset[str]
    forms: Mapping[str, "re.Pattern[str]"]
    dangerous: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence orders if it orders anything. ``rest``: the words that nothing explains, "" for none.

    ``inside``: those of them in the very clause of the order or before its object, which may turn it round.
    """

    tool: str
    arguments: Mapping[str, Any]
    rest: str = ""
    inside: str = ""


def read_orders(skeleton: Skeleton, asker: str, *, bare: bool = False) -> Iterator[Reading]:
    """The readings of the sentence, one a domain at most; ``bare``: what was checked is no part of an order."""
    for domain in _domains(bare):
        values = {entity.value for entity in skeleton.found(*domain.objects)}
        reading = _read(skeleton, domain, asker) if len(values) == 1 else None
        if reading:
            yield reading


def is_explained(clause: str, tool: str, skeleton: Skeleton, *, verdict: bool = False) -> bool:
    """Whether the words of the tool's domain explain all of a clause; ``verdict``: and it gives one."""
    domain = next(domain for domain in _domains(False) if tool in domain.forms)
    roles = {chunk.role for chunk in _cut(clause, domain, skeleton)}
    return "" not in roles and not (verdict and roles.isdisjoint(_VERDICTS))


@cache
def _domains(bare: bool) -> tuple[Domain, ...]:
    return tuple(
        Domain(
            tuple(Kind[name] for name in row["objects"]),
            ("unknown", *(name for name in row["lists"] if not bare or name not in _CHECKS), *_COMMON),
            frozenset(row["verbs"]),
            {tool: re.compile("|".join(forms)) for tool, forms in row["forms"].items()},
            row.get("dangerous", False),
        )
        for row in load("orders")["domain"]
    )


@cache
def _letter(role: str) -> str:
    """What the words of a list do, "" for nothing; a mark's role is its letter."""
    return role if len(role) < 2 else str(load("orders")[role].get("letter", ""))


def _read(skeleton: Skeleton, domain: Domain, asker: str) -> Reading | None:
    """As a whole; else without the clauses that have unknown words (but with their object), else without the words."""
    said = [clause for clause in _CLAUSE.split(skeleton.text) if clause.strip()]
    clauses = [(clause, _cut(clause, domain, skeleton)) for clause in said]
    unknown = [pair for pair in clauses if not all(chunk.role for chunk in pair[1])]
    judged = any(chunk.role in _VERDICTS for _, chunks in unknown for chunk in chunks)
    in_part = bool(unknown) and not judged and len(unknown) < len(clauses)
    for kept in (*(("", "o") if in_part else ()), "all"):
        chunks = [
            chunk
            for pair in clauses
            for chunk in pair[1]
            if pair not in unknown or (chunk.role if kept == "all" else chunk.role and chunk.role == kept)
        ]
        reading = _match(chunks, domain, skeleton, asker)
        if reading:
            rest = [_rest(*pair, whole=kept != "all") for pair in unknown]
            rest += [reading.rest] if reading.rest else []
            inside = [_loose(chunks, before_object=kept != "all") for _, chunks in unknown]
            return replace(reading, rest="，".join(rest), inside="，".join(inside))
    return None


def _rest(clause: str, chunks: list[Chunk], *, whole: bool) -> str:
    """What a reading leaves out of a clause: what follows the object, else all of it; or only the unknown words."""
    if not whole:
        return _loose(chunks)
    last = max((i for i, chunk in enumerate(chunks) if chunk.role == "o"), default=-1)
    if last < 0:
        return clause.strip()
    after = next((chunk.at for chunk in chunks[last + 1 :] if not chunk.role), 0)
    return (clause[after:] if after else clause[: chunks[last].at]).strip()


def _loose(chunks: list[Chunk], *, before_object: bool = False) -> str:
    roles = [chunk.role for chunk in chunks]
    end = len(chunks) if not before_object else roles.index("o") if "o" in roles else 0
    telling = ("", "p") if before_object else ("",)
    return "".join(chunk.text for chunk in chunks[:end] if chunk.role in telling)


def _cut(clause: str, domain: Domain, skeleton: Skeleton) -> list[Chunk]:
    marks = {Kind.PERSON: "p", Kind.DURATION: "d", **dict.fromkeys(domain.objects, "o")}

    def role(chunk: Chunk) -> str:
        return marks.get(skeleton.entities[chunk.text].kind, "") if ANY_MARK.match(chunk.text) else chunk.role

    return [replace(chunk, role=role(chunk)) for chunk in cut(clause, domain.lists)]


def _match(chunks: list[Chunk], domain: Domain, skeleton: Skeleton, asker: str) -> Reading | None:
    letters = "".join(_spell(chunks))
    tools = [tool for tool, form in domain.forms.items() if "o" in letters and form.fullmatch(letters)]
    told = _tells(chunks, domain)
    arguments = _ARGUMENTS[tools[0]](chunks, skeleton, asker) if len(tools) == 1 and told != "told" else None
    return Reading(tools[0], arguments, told) if arguments else None


def _spell(chunks: list[Chunk]) -> Iterator[str]:
    """The letters. 请 counts as 让 only before a person, 由 as an order only with 请 or 把, 给 is 把 but for a person."""
    heavy = [chunk for chunk in chunks if _letter(chunk.role) or chunk.role == "please"]
    asked = any(chunk.role in ("please", "move", "let") for chunk in chunks)
    for chunk, after in zip(heavy, [*heavy[1:], _NOTHING], strict=True) if heavy else ():
        if chunk.role in ("please", "let"):
            yield "Y" if after.role == "p" else ""
        elif chunk.role == "by" and not asked:
            yield "?"
        elif chunk.text != "给" or after.role in ("p", "me"):
            yield _letter(chunk.role)


def _tells(chunks: list[Chunk], domain: Domain) -> str:
    """ "told" of what has been done (封了 X) or will be (将封禁 X), not of 把 X 封了; the rest of what may ask (封了吧)."""
    acted, asked, mine = "", False, False
    for before, chunk, i in zip([_NOTHING, *chunks], chunks, range(1, len(chunks) + 1), strict=False):
        letter, after = _letter(chunk.role), chunks[i:]
        heavy = next((one.role for one in after if _letter(one.role)), "")
        if chunk.text == "将" and after and _letter(after[0].role) in domain.verbs:
            return "told"
        asked = asked or chunk.role in ("please", "give_me") or (chunk.text in "把将给" and heavy == "o")
        mine = mine or chunk.role == "me"
        if chunk.role == "done" and acted and not asked and not (mine and acted == "K"):
            direct = before.text == "掉" or _letter(before.role) in domain.verbs
            if not direct or all(one.role != "urge" for one in after):
                return "told"
            return "了吧" if domain.dangerous else ""
        acted = letter if letter in domain.verbs else acted
    return ""


def _values(chunks: list[Chunk], role: str, skeleton: Skeleton) -> list[Any]:
    return list(dict.fromkeys(skeleton.entities[chunk.text].value for chunk in chunks if chunk.role == role))


def _object(name: str) -> _Build:
    return lambda chunks, skeleton, _: {name: _values(chunks, "o", skeleton)[0]}


def _close(chunks: list[Chunk], skeleton: Skeleton, asker: str) -> dict[str, Any]:
    said = sorted({chunk.role for chunk in chunks} & _VERDICTS)
    verdict = {"verdict": said[0]} if said else {}
    return {} if len(said) > 1 else _object("alert_id")(chunks, skeleton, asker) | verdict


def _assign(chunks: list[Chunk], skeleton: Skeleton, asker: str) -> dict[str, Any]:
    named = _values(chunks, "p", skeleton) or [asker]
    taken = _object("alert_id")(chunks, skeleton, asker)
    return taken | {"assignee": named[0]} if len(named) == 1 and named[0] else {}


def _silence(chunks: list[Chunk], skeleton: Skeleton, asker: str) -> dict[str, Any]:
    lengths = _values(chunks, "d", skeleton)
    return {"scope": f"A{_values(chunks, 'o', skeleton)[0]}"} | ({"minutes": lengths[0]} if lengths else {})


def _block(chunks: list[Chunk], skeleton: Skeleton, asker: str) -> dict[str, Any]:
    lengths = _values(chunks, "d", skeleton)
    return _object("ip")(chunks, skeleton, asker) | ({"duration_minutes": lengths[0]} if lengths else {})


_ARGUMENTS: Mapping[str, _Build] = {
    "acknowledge_alert": _object("alert_id"),
    "close_alert": _close,
    "silence_alerts": _silence,
    "assign_alert": _assign,
    "block_ip": _block,
    "isolate_host": _object("asset"),
    "delete_schedule": _object("schedule_id"),
}
