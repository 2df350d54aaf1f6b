"""Orders, read in a closed world: every word is on the lists of `words/orders.toml`, or nothing happens.

A sentence with one object (an alert, an address, a host, a scheduled task) is cut into the words of that domain.
What they do is spelled as one letter each, and the letters say which tool it is, in whatever order the parts stand.
Words that no list has make it a `Reading` with a ``rest``: no order, at most an offer.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

from .skeletons import ANY_MARK, Kind, Skeleton
from .words import load

# What a word does, as a letter; what has none carries nothing in an order: courtesy, hurry, particles, nouns.
_LETTERS = {
    "block": "B", "isolate": "I", "cut": "C", "net": "N", "close": "X", "label": "L", "state": "S", "confirm": "F",
    "take": "K", "me": "M", "work": "W", "look": "E", "come": "Z", "give": "G", "to": "T", "by": "J", "office": "O",
    "let": "Y", "hand_over": "G", "check": "c", "state_of": "Q", "delete": "D", "useless": "U", "unwanted": "u", "false_positive": "V", "true_positive": "V", "benign": "V",
    "duplicate": "V", "is": "=", "give_me": "R",
}  # fmt: skip
VERDICTS = ("false_positive", "true_positive", "benign", "duplicate")
COMMON = ("please", "now", "done", "urge", "give_me", "move", "glue")
_CLAUSE = re.compile(r"[,，;；。!！~…]+")
_JOINED = re.compile("[a-z0-9]{2}", re.IGNORECASE)
_HIDING = ("unknown", "no_task")
_QUIET = " :：=@\t"


@dataclass(frozen=True, slots=True)
class Domain:
    """What can be done to one kind of object: its word lists in the order in which they count, and for each tool
    the letters that make it (the object is ``o``, a person ``p``, a duration ``d``)."""

    objects: tuple[Kind, ...]
    lists: tuple[str, ...]
    forms: Mapping[str, str]
    verbs: str
    dangerous: bool = False


DOMAINS = (
    Domain(
        (Kind.ALERT,),
        (*VERDICTS, "state", "state_of", "label", "close", "confirm", "take", "come", "work", "look", "me", "office", "hand_over",
         "give", "to", "by", "let", "person_tail", "check", "is", "alert_word"),
        {
            "close_alert": r"(?!.*V.*V)(?!.*XQ|.*QX)(?:(?=.*[XLF])(?=.*V)|(?=.*X)(?!.*=)|(?=.*=VW))(?=.*X|.*Lo?=?V|.*=VW)[oXLV=cWQ]+",
            "acknowledge_alert": r"(?=.*(?:F|K|LS|M[WF]|MZ(?!E)|oMZE))[oFKLSMWZEQ]+",
            "assign_alert": r"o?(?:(?:[GTJ]|OQ?[LTG]|L(?=T))o?){1,3}[pM]o?[WEGTZ]*o?|o?Yo?p[ZT]?[WEK]+o?|o?pZ[WE]+o?|o?G?RW?o?|Ro?G?|o?(?:MZ[WE]*)?o?(?:[GT]o?){1,3}[MR]o?(?:MZ?W*)?o?|o?Tp?Go?",
        },
        verbs="XLFKGTOYWZE",
    ),
    Domain(
        (Kind.IP, Kind.ASSET_IP),
        ("block", "length", "address_word"),
        {"block_ip": r"(?=.*B)(?!.*d.*d)[oBdR]+"},
        verbs="B",
        dangerous=True,
    ),
    Domain(
        (Kind.ASSET, Kind.ASSET_IP),
        ("isolate", "cut", "net", "host_word"),
        {"isolate_host": r"(?=.*I|.*C.*N|.*N.*C|.*NI)[oICNR]+"},
        verbs="IC",
        dangerous=True,
    ),
    Domain(
        (Kind.SCHEDULE,),
        ("delete", "useless", "unwanted", "task_word"),
        {"delete_schedule": r"(?!.*D.*D)(?!.*D.*u)(?=.*D)[oDUuR]+"},
        verbs="D",
    ),
)  # fmt: skip


_PLAIN = tuple(
    replace(domain, lists=tuple(name for name in domain.lists if name not in ("check", "length")))
    for domain in DOMAINS
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A word at its place with the list that has it; ``role`` is "" for what none has."""

    role: str
    text: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence orders if it orders anything. ``rest``: the words that nothing explains, "" for none."""

    tool: str
    arguments: Mapping[str, Any]
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause in the words of a tool's domain: whether they explain all of it, and whether it gives a verdict."""

    explained: bool
    judged: bool


def read_clause(clause: str, tool: str, skeleton: Skeleton) -> Clause:
    """What a clause beside an order has to do with it."""
    domain = next(domain for domain in DOMAINS if tool in domain.forms)
    chunks = _cut(clause, domain, skeleton)
    roles = {chunk.role for chunk in chunks}
    return Clause("" not in roles, bool(roles & set(VERDICTS)))


def read_orders(skeleton: Skeleton, asker: str, *, plain: bool = False) -> Iterator[Reading]:
    """The readings of the sentence, one a domain at most; ``plain``: what was checked is no part of an order."""
    for domain in _PLAIN if plain else DOMAINS:
        values = {entity.value for entity in skeleton.found(*domain.objects)}
        if len(values) == 1:
            reading = _read(skeleton, domain, values.pop(), asker)
            if reading:
                yield reading


def _read(skeleton: Skeleton, domain: Domain, value: object, asker: str) -> Reading | None:
    """As a whole; else without the clauses that have unknown words (but with their object), else without the words."""
    said = [clause for clause in _CLAUSE.split(skeleton.text) if clause.strip()]
    clauses = [(clause, _cut(clause, domain, skeleton)) for clause in said]
    unknown = [(clause, chunks) for clause, chunks in clauses if not all(chunk.role for chunk in chunks)]
    judged = any(chunk.role in VERDICTS for _, chunks in unknown for chunk in chunks)
    for keep in ("", "o", "all") if unknown else ("all",):
        if keep != "all" and (judged or len(unknown) == len(clauses)):
            continue
        kept = [
            chunk for pair in clauses for chunk in pair[1] if pair not in unknown or _is_kept(chunk, keep)
        ]
        reading = _match(tuple(kept), domain, value, skeleton, asker)
        if reading:
            rest = [_rest(*pair, whole=keep != "all") for pair in unknown]
            return replace(reading, rest="，".join([*rest, *([reading.rest] if reading.rest else [])]))
    return None


def _is_kept(chunk: Chunk, keep: str) -> bool:
    return chunk.role == keep if keep == "o" else bool(keep and chunk.role)


def _rest(clause: str, chunks: list[Chunk], *, whole: bool) -> str:
    """What a reading leaves out of a clause: what follows the object, else all of it; or only the unknown words."""
    if not whole:
        return "".join(chunk.text for chunk in chunks if not chunk.role).strip()
    last = max((i for i, chunk in enumerate(chunks) if chunk.role == "o"), default=-1)
    after = next((chunk.at for chunk in chunks[last + 1 :] if not chunk.role), -1)
    if last >= 0 and after >= 0:
        return clause[after:].strip()
    return clause[: chunks[last].at].strip() if last >= 0 else clause.strip()


def _match(
    chunks: tuple[Chunk, ...], domain: Domain, value: object, skeleton: Skeleton, asker: str
) -> Reading | None:
    letters = "".join(_spell(chunks))
    tools = [tool for tool, form in domain.forms.items() if "o" in letters and re.fullmatch(form, letters)]
    told = _is_told(chunks, domain)
    if len(tools) != 1 or told == "told":
        return None
    arguments = _ARGUMENTS[tools[0]](value, chunks, skeleton, asker)
    return Reading(tools[0], arguments, told) if arguments is not None else None


def _spell(chunks: tuple[Chunk, ...]) -> Iterator[str]:
    """The letters. 请 counts as 让 only before a person, 由 as an order only with 请 or 把, 给 is 把 but for a person."""
    heavy = [
        chunk for chunk in chunks if chunk.role in _LETTERS or len(chunk.role) == 1 or chunk.role == "please"
    ]
    asked = any(chunk.role in ("please", "move", "let") for chunk in chunks)
    for chunk, after in zip(heavy, [*heavy[1:], Chunk("", "")], strict=False):
        if chunk.role == "please":
            yield from ("Y",) if after.role == "p" else ()
        elif chunk.role == "by" and not asked:
            yield "?"
        elif (chunk.role == "let" and after.role != "p") or (
            chunk.text == "给" and after.role not in ("p", "me")
        ):
            continue
        else:
            yield _LETTERS.get(chunk.role, chunk.role)


def _is_told(chunks: tuple[Chunk, ...], domain: Domain) -> str:
    """ "told" of what has been done (封了 X) or will be (将封禁 X); 把 X 封了, 帮我封了 and 删了吧 ask for it.

    封了 X 吧 may ask whether it has been done: the words are the rest of a reading then.
    """
    acted, asked, mine = "", False, False
    for i, chunk in enumerate(chunks):
        letter, after = (
            _LETTERS.get(chunk.role, " "),
            [_LETTERS.get(one.role, one.role) for one in chunks[i + 1 :]],
        )
        if chunk.text == "将" and after[:1] and after[0] in domain.verbs:
            return "told"
        heavy = next((one for one in after if len(one) == 1), "")
        asked = asked or chunk.role in ("please", "give_me") or (chunk.text in "把将给" and heavy == "o")
        mine = mine or chunk.role == "me"
        if chunk.role == "done" and acted and not asked and not (mine and acted == "K"):
            direct = chunks[i - 1].text == "掉" or _LETTERS.get(chunks[i - 1].role, " ") in domain.verbs
            if not direct or "urge" not in after:
                return "told"
            return "了吧" if domain.dangerous else ""
        acted = letter if letter in domain.verbs else acted
    return ""


# Cutting


def _cut(clause: str, domain: Domain, skeleton: Skeleton) -> list[Chunk]:
    chunks = cut(clause, ("unknown", *domain.lists, *COMMON))
    marks = {Kind.PERSON: "p", Kind.DURATION: "d", **dict.fromkeys(domain.objects, "o")}
    return [
        replace(chunk, role=marks.get(skeleton.entities[chunk.text].kind, ""))
        if ANY_MARK.match(chunk.text)
        else chunk
        for chunk in chunks
    ]


def cut(text: str, lists: tuple[str, ...]) -> list[Chunk]:
    """The longest word at each place; nothing is tried twice, so that the time is linear."""
    roles, lengths = _index(lists)
    chunks: list[Chunk] = []
    at, lowered = 0, text.lower()
    while at < len(text):
        sizes = (size for size in lengths.get(lowered[at], ()) if lowered[at : at + size] in roles)
        size = next((size for size in sizes if not _is_glued(text, at, at + size)), 0)
        role, said = roles[lowered[at : at + size]] if size else "", text[at : at + max(size, 1)]
        if role and role not in _HIDING:
            chunks.append(Chunk(role, said, at))
        elif size or said not in _QUIET:
            loose = chunks and not (
                chunks[-1].role or ANY_MARK.match(chunks[-1].text) or ANY_MARK.match(said)
            )
            chunks[-1:] = (
                [Chunk("", chunks[-1].text + said, chunks[-1].at)]
                if loose
                else [*chunks[-1:], Chunk("", said, at)]
            )
        at += len(said)
    return chunks


def _is_glued(text: str, at: int, end: int) -> bool:
    """An English word counts only where no letter or digit touches it."""
    return bool(_JOINED.match(text, at - 1) if at else None) or bool(_JOINED.match(text, end - 1))


@cache
def _index(lists: tuple[str, ...]) -> tuple[dict[str, str], dict[str, list[int]]]:
    """The list of each word, the first that has it; and how long words with each first character are."""
    roles: dict[str, str] = {}
    for name in lists:
        for word in load("orders")[name]["words"]:
            for spelling in spell_out(word):
                roles.setdefault(spelling, name)
    lengths: dict[str, set[int]] = {}
    for word in roles:
        lengths.setdefault(word[0], set()).add(len(word))
    return roles, {char: sorted(sizes, reverse=True) for char, sizes in lengths.items()}


def spell_out(word: str) -> Iterator[str]:
    """Every word that a short way such as ``(a|b|)c`` stands for."""
    parts = [part.split("|") for part in re.split(r"[()]", word)]
    return ("".join(said) for said in product(*parts) if any(said))


# Arguments


def _note(value: object, *_: object) -> dict[str, Any]:
    return {"alert_id": value}


def _close(value: object, chunks: tuple[Chunk, ...], *_: object) -> dict[str, Any] | None:
    said = {chunk.role for chunk in chunks if chunk.role in VERDICTS}
    if len(said) > 1:
        return None
    return {"alert_id": value} | ({"verdict": said.pop()} if said else {})


def _assign(
    value: object, chunks: tuple[Chunk, ...], skeleton: Skeleton, asker: str
) -> dict[str, Any] | None:
    named = {skeleton.entities[chunk.text].value for chunk in chunks if chunk.role == "p"}
    if len(named) > 1 or not (named or asker):
        return None
    return {"alert_id": value, "assignee": named.pop() if named else asker}


def _block(value: object, chunks: tuple[Chunk, ...], skeleton: Skeleton, _: str) -> dict[str, Any]:
    lengths = [skeleton.entities[chunk.text].value for chunk in chunks if chunk.role == "d"]
    return {"ip": value} | ({"duration_minutes": lengths[0]} if lengths else {})


_ARGUMENTS: Mapping[str, Any] = {
    "acknowledge_alert": _note,
    "close_alert": _close,
    "assign_alert": _assign,
    "block_ip": _block,
    "isolate_host": lambda value, *_: {"asset": value},
    "delete_schedule": lambda value, *_: {"schedule_id": value},
}
