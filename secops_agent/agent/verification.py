"""Nothing is invented: an address, domain, URL, hash or vulnerability id in an answer must have been seen before.

What is not in the question, the history or a result of this turn is marked 未核实. No Django here.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MARK: Final = "（未核实）"
_GENERIC: Final = (
    "com|net|org|info|biz|edu|gov|mil|int|xyz|top|site|online|club|shop|store|app|dev|cloud|tech|live|vip|work|icu|"
    "space|website|link|pro|name|mobi|asia|local|internal|onion|test|example|invalid"
)
# Endings that are files far more often than countries.
_FILES: Final = frozenset(
    [
        "js",
        "ts",
        "py",
        "sh",
        "md",
        "rb",
        "go",
        "rs",
        "cs",
        "pl",
        "so",
        "gz",
        "xz",
        "ps",
        "db",
        "vb",
        "kt",
        "hs",
        "pm",
    ]
)
_URL: Final = r"(?P<url>\b[a-z][a-z0-9+.-]{1,15}://[^\s<>\"'`）（，。；、！？」』】\]|]+)"
_IPV6: Final = r"(?P<ipv6>(?<![\w:.])(?=[0-9a-f:]*:[0-9a-f:]*:)[0-9a-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\w:]))"
_ENTITY: Final = re.compile(
    "|".join(
        (
            _URL,
            r"(?P<flaw>\b(?:CVE|CNVD|CNNVD)-\d{4,6}-\d{3,8}\b|\bGHSA(?:-[0-9a-z]{4}){3}\b)",
            r"(?P<hash>\b(?:[0-9a-f]{128}|[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})\b)",
            r"(?P<ipv4>(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d))",
            _IPV6,
            rf"(?P<domain>(?<![\w.@-])(?:[a-z0-9_](?:[a-z0-9_-]{{0,61}}[a-z0-9])?\.)+(?:{_GENERIC}|[a-z]{{2}})(?![\w-]|\.\w))",
        )
    ),
    re.IGNORECASE | re.ASCII,
)
_DEFANGED: Final = re.compile(r"\[\.\]|\(\.\)|［\.］|\[:\]|hxxp", re.IGNORECASE)
_PLAIN: Final = {"[.]": ".", "(.)": ".", "［.］": ".", "[:]": ":", "hxxp": "http"}
# A word that may be an entity has a dot, a colon, or 4 digits or 32 hex digits in a row: most answers have none.
_HINT: Final = re.compile(
    r"[a-z0-9_]\.[a-z0-9]|:[0-9a-f]*:|://|-\d{4}|[0-9a-f]{32}|GHSA", re.IGNORECASE | re.ASCII
)
_TAIL: Final = ".,;:!?)]}*_~"


@dataclass(frozen=True, slots=True)
class Entity:
    """``value`` is canonical; ``end`` is where it ends in the text."""

    kind: str
    value: str
    end: int


def find_entities(text: str) -> Iterator[Entity]:
    """Addresses, domains, URLs, hashes and vulnerability ids, in order."""
    if not _HINT.search(text):
        return
    for match in _ENTITY.finditer(text):
        kind = match.lastgroup or ""
        written = match.group().rstrip(_TAIL) if kind == "url" else match.group()
        value = _canonical(kind, written)
        if value:
            yield Entity(kind, value, match.start() + len(written))


def _canonical(kind: str, text: str) -> str:
    """How the same thing is always written; "" for what only looks like one."""
    if kind in ("ipv4", "ipv6"):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return ""
    lower = text.lower()
    if kind == "domain" and lower.rpartition(".")[2] in _FILES:
        return ""
    return lower.rstrip("/") if kind == "url" else lower


def known_values(texts: Iterable[str]) -> set[str]:
    """All entities of the texts, defanged forms too; what was marked before stays unknown."""
    known: set[str] = set()
    for text in texts:
        plain = _DEFANGED.sub(lambda match: _PLAIN[match.group().lower()], text)
        for entity in find_entities(plain):
            if not plain.startswith(MARK, entity.end):
                known.add(entity.value)
                known |= _inside(entity)
    return known


def _inside(entity: Entity) -> set[str]:
    """A URL makes its host known, a name the domains above it."""
    if entity.kind == "url":
        host = re.sub(r"^[^/]*//(?:[^/@]*@)?|[/?#].*$|:\d+(?=[/?#]|$)", "", entity.value)
        return {host} | _parents(host)
    return _parents(entity.value) if entity.kind == "domain" else set()


def _parents(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[start:]) for start in range(1, len(parts) - 1)}


def mark_unknown(answer: str, sources: Iterable[str]) -> str:
    """The answer with 未核实 behind everything that no source has. ``sources`` is only read when needed."""
    return mark_beyond(answer, lambda: known_values(sources))


def mark_beyond(answer: str, known_now: Callable[[], set[str]]) -> str:
    """The same, given a function that tells what is known; it is only called when needed."""
    found = list(find_entities(answer))
    if not found:
        return answer
    known = known_now()
    doubtful = [entity for entity in found if entity.value not in known]
    for entity in reversed(doubtful):
        place = _after_markup(answer, entity.end)
        if not answer.startswith(MARK, place):
            answer = f"{answer[:place]}{MARK}{answer[place:]}"
    return answer


def _after_markup(text: str, place: int) -> int:
    """Behind what closes a link or a code span, so that the mark breaks neither."""
    for closing in (")", "`", "**"):
        if text.startswith(closing, place) and (
            closing != ")" or text.rfind("](", 0, place) > text.rfind(")", 0, place)
        ):
            place += len(closing)
    return place
