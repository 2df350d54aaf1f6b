"""Levels of a JSON event of any product: which key says it, in which scale and direction."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from secops_agent.services.records import Severity, severity_of, severity_of_score

from .event_keys import Leaf

_KEYS: Final = re.compile(
    r"(?:^|_)(?:severity|sev)(?:_?(?:name|label|text|level|id|value|string|score))?$"
    r"|^(?:alert|threat|risk|event|attack|urgency|danger)?_?level$|^hazard_\w+$|(?:^|_)risk(?:_?(?:level|score|rating))?$"
    r"|(?:^|_)(?:priority|urgency|criticality|importance|impact)(?:_?(?:level|score|id))?$|^(?:threat_?|alert_?|anomaly_?)?score$"
    r"|级别|等级|严重"
)
_NO_LEVEL: Final = re.compile(
    r"integrity|confidence|scope|trust|hierarch|config|access_level|weight|z_score|enrich|ui_|reputation|certificate|cvss|epss|(?:^|[._])geo"
)
_ORDER: Final = ("sev", "level", "risk", "critic", "priority", "urgency", "hazard", "importance", "impact", "score")  # fmt: skip
_MOST: Final = 1000
_DOWN: Final = re.compile(r"priority|urgency")
_ID: Final = re.compile(r"severity_?id$")
_WORD: Final = re.compile(r"[a-z]+|[\u4e00-\u9fff]+")
_RANK: Final = re.compile(r"(?:p|sev-?)([1-5])", re.IGNORECASE)  # "P1" is the gravest
_FILLING: Final = re.compile(r"(?:风险|级别|等级|级)+$")
_MORE: Final[dict[str, Severity]] = {"advisory": "low", "med": "medium", "notable": "medium", "elevated": "high", "极高": "critical"}  # fmt: skip
_NOTHING_GRAVE: Final = frozenset(
    ("info", "informational", "information", "informative", "debug", "verbose", "none", "信息", "提示")
)
_BY_RANK: Final[tuple[Severity, ...]] = ("high", "high", "medium", "low", "low", "info")  # 1 is the gravest
_BY_WORD: Final[tuple[Severity, ...]] = ("critical", "high", "medium", "low", "info")  # P1 to P5
_BY_ID: Final[dict[int, Severity]] = {1: "info", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "critical"}  # fmt: skip  # OCSF
_WINDOWS: Final[tuple[Severity, ...]] = ("info", "critical", "high", "medium", "low", "info")
_MICROSOFT: Final = frozenset(("operation_name", "provider_guid", "event_record_id", "channel"))


def level_of(leaves: list[Leaf]) -> tuple[Leaf, Severity] | None:
    """The best key and what it says: severity before priority, shallow before deep, a word before a number."""
    names = {leaf.name for leaf in leaves}
    named = (leaf for leaf in leaves if _KEYS.search(leaf.name) and not _NO_LEVEL.search(leaf.whole))
    read = [(leaf, severity, is_word) for leaf in named for severity, is_word in _read(leaf, names)]
    best = min(read, key=lambda each: _rank(each[0], is_word=each[2]), default=None)
    return best[:2] if best else None


def _rank(leaf: Leaf, *, is_word: bool) -> tuple[bool, int, int, bool]:
    order = next((place for place, word in enumerate(_ORDER) if word in leaf.name), len(_ORDER))
    return leaf.whole.endswith("log.level"), order, leaf.depth, not is_word


def _read(leaf: Leaf, names: set[str]) -> Iterator[tuple[Severity, bool]]:
    """The severity, if it says one, and whether by a word."""
    written = str(leaf.value).strip()
    if (severity := _word(written)) is not None:
        yield severity, True
        return
    if ranked := _RANK.fullmatch(written):
        yield _BY_WORD[int(ranked[1]) - 1], True
        return
    with suppress(ValueError):
        if 0 <= (value := float(written)) <= _MOST:
            yield _number(leaf, value, names), False


def _word(written: str) -> Severity | None:
    """ "HIGH", "E_MEDIUM", "Sev: Low", "1 - critical", "高风险"; None for what is no level, a number too."""
    if len(written) > 40:
        return None
    words = [_FILLING.sub("", word) for word in _WORD.findall(written.lower())]
    if not words or len(words) > 3:
        return None
    graded = [each for word in words if (each := _MORE.get(word) or severity_of(word)) != "info"]
    return graded[0] if graded else "info" if words[-1] in _NOTHING_GRAVE else None


def _number(leaf: Leaf, value: float, names: set[str]) -> Severity:
    whole = value == int(value)
    if _ID.search(leaf.name):
        return _BY_ID.get(int(value), "medium")
    ranked = _DOWN.search(leaf.name) or (leaf.whole.endswith("alert.severity") and "signature" in names)
    if whole and value <= 5 and ranked:
        return _BY_RANK[int(value)]
    if whole and value <= 5 and leaf.name == "level" and names & _MICROSOFT:
        return _WINDOWS[int(value)]
    if 0 < value <= 1 and not (whole and isinstance(leaf.value, int)):
        value *= 100
    return severity_of_score(value / 10 if value > 10 else value)
