"""Grounding: identifiers and figures of a model's answer that stand neither in the question nor in what was found are marked.

What follows from shown figures (a sum, a difference, a share, a part of a list) is not marked; nor are code blocks, field names,
examples and public facts, which are no data. Nothing is cut. No Django here.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Final

from secops_agent.llm.offline.words import pattern

MARK: Final = "（未核实）"
HEARSAY: Final = "（资料中的内容，未核实）"  # in advice: only some text names it, no field and nobody here
NOT_LOOKED: Final = "（这段没有查询数据。）"
_FEW: Final = 40  # characters
_FENCE: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_PART: Final = re.compile(r"[^。！!？?；;\n]+")
_CLAUSE: Final = re.compile(r"[^，,]+")
_AIMED: Final = (
    ("aimed", re.compile(r"[a-z][\w.]*[-_][\w.-]{0,60}\w", re.IGNORECASE | re.ASCII)),
    ("coded", re.compile(r"[A-Z][A-Z0-9]{4,11}(?!\w)", re.ASCII)),
)
_PLAIN: Final = {"[.]": ".", "(.)": ".", "［.］": ".", "[:]": ":", "hxxp": "http"}
_TAIL: Final = ".,;:!?)]}*_~"


def _said(name: str) -> "re.Pattern[str]":
    """A list of `grounding.toml`."""
    return pattern(f"grounding.{name}")


@dataclass(frozen=True)
class Sources:
    """``typed`` here by people; ``found`` by look-ups, as texts; ``fields``: single values of our own data that were shown here.
    They are read when an answer names something, not before."""

    typed: tuple[str, ...]
    found: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @cached_property
    def vouched(self) -> set[str]:
        """What people or fields of ours name."""
        return known_values(self.typed) | {field.strip().lower().rstrip("/") for field in self.fields}

    @cached_property
    def known(self) -> set[str]:
        """What anything names."""
        return self.vouched | known_values(self.found)

    @cached_property
    def told(self) -> dict[str, str]:
        """By kind, where it may stand without its sign. People write bare numbers; 7 小时 of a result is no alert."""
        return {"host": "\n".join((*self.typed, *self.found)).lower(), "alert": "\n".join(self.typed)}


def _is_fenced(words: str, place: int) -> bool:
    return any(fence.start() <= place < fence.end() for fence in _FENCE.finditer(words))


@dataclass(frozen=True, slots=True)
class Entity:
    """``value`` is canonical; it stands from ``start`` to ``end``."""

    kind: str
    value: str
    start: int
    end: int


def find_entities(text: str) -> Iterator[Entity]:
    """Addresses, domains, URLs, hashes, flaws, machines and alerts' numbers."""
    for match in _said("entity").finditer(text):
        kind = match.lastgroup or ""
        written = match.group().rstrip(_TAIL) if kind == "url" else match.group()
        if value := _canonical(kind, written):
            yield Entity(kind, value, match.start(), match.start() + len(written))
    yield from (Entity("alert", match["alert"], *match.span()) for match in _said("alert").finditer(text))


def _canonical(kind: str, text: str) -> str:
    """How the same thing is always written; "" for what only looks like one."""
    lower = text.lower()
    if kind in ("ipv4", "ipv6"):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return ""
    if kind in ("domain", "host") and _said(f"no_{kind}").search(lower):
        return ""
    return lower.rstrip("/") if kind == "url" else lower


def known_values(texts: Iterable[str]) -> set[str]:
    """All entities of the texts, defanged forms too, and what they imply; what was marked before stays unknown."""
    known: set[str] = set()
    for text in texts:
        plain = _said("defanged").sub(lambda match: _PLAIN[match.group().lower()], text)
        for entity in find_entities(plain):
            if not plain.startswith((MARK, HEARSAY), entity.end):
                host = re.sub(r"^[^/]*//(?:[^/@]*@)?|[/?#].*$|:\d+(?=[/?#]|$)", "", entity.value)
                names = host.split(".") if entity.kind in ("url", "domain") else []
                known |= {entity.value, host, *(".".join(names[at:]) for at in range(1, len(names) - 1))}
    return known


def mark_beyond(text: str, known_now: Callable[[], set[str]]) -> str:
    """Marks the identifiers that are not known; for an answer that still grows. ``known_now`` is only called when needed."""
    found = [one for one in find_entities(text) if one.kind != "alert" and not _is_no_data(one, text)]
    known = known_now() if found else set()
    return _with_marks(text, [(one.end, MARK) for one in found if one.value not in known])


def check(words: str, sources: Sources) -> str:
    """The words with marks behind what no source bears out."""
    counts = [match for match in _said("count").finditer(words) if not _is_fenced(words, match.start())]
    derived = _figures((*sources.typed, *sources.found)) if counts else set()
    marks = [(one.end(), MARK) for one in counts if int(one["count"].replace(",", "")) not in derived]
    closed = [
        line
        for text in sources.found
        for line in text.splitlines()
        if re.search("(?<!未)关闭|资产以前：", line)
    ]
    for match in _said("closed").finditer(words):  # that an alert is closed must stand in a line about it
        told = any(re.search(rf"[#A警]\s?#?{match['alert']}(?!\d)", line) for line in closed)
        marks += [] if told else [(match.end(), MARK)]
    for one in find_entities(words):
        seen = one.value in sources.known or _stands_in(one.value, sources.told.get(one.kind, ""))
        seen = seen or any(name.endswith(f"-{one.value}") for name in sources.known)  # node-2 of k8s-node-2
        marks += [] if seen or _is_no_data(one, words) else [(one.end, MARK)]
    return _with_marks(words, [*_hearsay(words, sources), *marks])


def _is_no_data(one: Entity, words: str) -> bool:
    """In a code block, an example, or a flaw beside the name that all the world calls it by."""
    before = words[max(0, one.start - 40) : one.start]
    named = _said("named_before").search(before) or _said("named_behind").match(words, one.end)
    clause = re.split(r"[。！？\n]", before)[-1]
    example = _said("example").search(one.value) or _said("for_example").search(clause)
    return bool(example) or (one.kind == "flaw" and bool(named)) or _is_fenced(words, one.start)


def _hearsay(words: str, sources: Sources) -> Iterator[tuple[int, str]]:
    """Advice whose target stands only in some text: whoever wrote an alert's title may want our address blocked."""
    typed, found = "\n".join(sources.typed), "\n".join(sources.found)
    for part in _advised(words):
        states = not _said("advice").search(_said("done").sub("", part[0]))  # A9 赵六已接手: no advice on A9
        none = ("flaw", "alert") if states else ("flaw",)
        targets = [(one.value, one.end) for one in find_entities(part[0]) if one.kind not in none]
        behind = ((shape, at.end()) for name, shape in _AIMED for at in _said(name).finditer(part[0]))
        aimed = (
            shape.match(part[0], at) for shape, at in behind
        )  # a machine by any name, a code that approves
        targets += [(one[0].lower(), one.end()) for one in aimed if one]
        for value, end in targets:
            ours = value in sources.vouched or _stands_in(value, typed)
            example = _said("example").search(value) or _said("for_example").search(part[0])
            made_up = example or _is_fenced(words, part.start())
            if not ours and (not made_up or _stands_in(value, found)):
                yield part.start() + end, HEARSAY


def _advised(words: str) -> Iterator["re.Match[str]"]:
    """Of each sentence the clauses from the one that advises on; those before it too where it urges and names nothing itself."""
    for part in _PART.finditer(words):
        for clause in _CLAUSE.finditer(words, part.start(), part.end()):
            if not _said("advice").search(clause[0]):
                continue
            urges = _said("urged").search(clause[0]) and not any(find_entities(clause[0]))
            start = part.start() if urges else clause.start()
            if found := re.compile(r".+", re.DOTALL).match(words, start, part.end()):
                yield found
            break


def _stands_in(value: str, text: str) -> bool:
    end = r"(?!\d|\.\d)" if value.isdigit() else r"(?![\w-]|\.\d)"
    written = rf"(?<![\w.-]){'A?' if value.isdigit() else ''}{re.escape(value)}{end}"
    return re.search(written, text, re.IGNORECASE | re.ASCII) is not None


def _figures(texts: Iterable[str]) -> set[int]:
    """The figures of the texts, and those that follow: sums, differences, runs, parts of a list."""
    counts, derived = set[int](), {0}
    for text in texts:
        numbers = _said("number").findall(_said("moments").sub(" ", text))[:200]
        own = [int(one.replace(",", "")) for one in numbers]
        counts.update(own)
        derived.update(range(1, len(_said("row").findall(text)) + 1))
        derived.update(sum(own[at : at + size]) for at in range(len(own)) for size in range(3, 13))
    few = sorted(counts)[:150]
    return derived | counts | {figure for a, b in combinations(few, 2) for figure in (a + b, b - a)}


def _with_marks(words: str, marks: Iterable[tuple[int, str]]) -> str:
    """Each place is marked once, behind what closes a link or a code span, so that the mark breaks neither."""
    for place, mark in sorted(dict(reversed([*marks])).items(), reverse=True):
        in_link = words.rfind("](", 0, place) > words.rfind(")", 0, place)
        for closing in (")", "`", "**"):
            if words.startswith(closing, place) and (closing != ")" or in_link):
                place += len(closing)
        if not words.startswith((MARK, HEARSAY), place):
            words = f"{words[:place]}{mark}{words[place:]}"
    return words


def needs_look(words: str, given: Iterable[str]) -> bool:
    """Do the words tell of our data what nobody here said, or that there is none? Then somebody has to look."""
    return _said("denial").search(words) is not None or check(words, Sources(tuple(given))) != words


def is_worthless(words: str) -> bool:
    """Do they say that there is nothing of ours, or refuse to look? Of who has not looked they are worth nothing."""
    denied = _said("worthless" if len(words) > _FEW else "denial")
    return denied.search(words) is not None


def claims_act(words: str) -> bool:
    """Does the model say that it did, or is going to do, something?"""
    return _said("claim").search(words) is not None
