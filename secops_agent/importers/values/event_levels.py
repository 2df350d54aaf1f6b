"""Levels of a JSON event of any product: which key says it, in which scale and direction."""

import re
from collections.abc import Iterable
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
    r"integrity|confidence|scope|trust|hierarch|config|access_level|weight|z_score|enrich|reputation|certificate|cvss|epss|(?:^|[._])geo"
)
_ORDER: Final = (
    "sev",
    "level",
    "risk",
    "critic",
    "priority",
    "urgency",
    "hazard",
    "importance",
    "impact",
    "score",
)
_DOWN: Final = re.compile(r"priority|urgency")
_ID: Final = re.compile(r"severity_?id$")
_WORD: Final = re.compile(r"[a-z]+|[\u4e00-\u9fff]+")
_FILLING: Final = re.compile(r"(?:风险|级别|等级|级)+$")
_MORE: Final[dict[str, Severity]] = {
    "advisory": "low",
    "notable": "medium",
    "elevated": "high",
    "极高": "critical",
}
_NOTHING_GRAVE: Final = frozenset(
    ("info", "informational", "information", "informative", "debug", "verbose", "none", "信息", "提示")
)
_BY_RANK: Final[tuple[Severity, ...]] = ("high", "high", "medium", "low", "low", "info")  # 1 is the gravest
_BY_ID: Final[tuple[Severity, ...]] = (
    "info",
    "info",
    "low",
    "medium",
    "high",
    "critical",
    "critical",
)  # OCSF
_WINDOWS: Final[tuple[Severity, ...]] = ("info", "critical", "high", "medium", "low", "info")
_MICROSOFT: Final = frozenset(("operation_name", "provider_guid", "event_record_id", "channel"))


def level_of(leaves: Iterable[Leaf]) -> tuple[Leaf, Severity] | None:
    """The best key and what it says: severity before priority, shallow before deep, a word before a number."""
    leaves = list(leaves)
    names = {leaf.name for leaf in leaves}
    found = [
        (rank, leaf, severity)
        for leaf in leaves
        if _KEYS.search(leaf.name) and not _NO_LEVEL.search(leaf.whole)
        for rank, severity in _read(leaf, names)
    ]
    if not found:
        return None
    _, leaf, severity = min(found, key=lambda each: each[0])
    return leaf, severity


def _read(leaf: Leaf, names: set[str]) -> list[tuple[tuple[int, ...], Severity]]:
    log = leaf.whole.endswith("log.level")
    order = next((place for place, word in enumerate(_ORDER) if word in leaf.name), len(_ORDER))
    written = str(leaf.value).strip()
    if (severity := _word(written)) is not None:
        return [((log, order, leaf.depth, 0), severity)]
    try:
        value = float(written)
    except ValueError:
        return []
    if not 0 <= value <= 1000:
        return []
    return [((log, order, leaf.depth, 1), _number(leaf, value, names))]


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
    if _ID.search(leaf.name) and value <= 6:
        return _BY_ID[int(value)]
    if (
        whole
        and value <= 5
        and (_DOWN.search(leaf.name) or (leaf.whole.endswith("alert.severity") and "signature" in names))
    ):
        return _BY_RANK[int(value)]
    if whole and value <= 5 and leaf.name == "level" and names & _MICROSOFT:
        return _WINDOWS[int(value)]
    if 0 < value <= 1 and not (whole and isinstance(leaf.value, int)):
        value *= 100
    return severity_of_score(value / 10 if value > 10 else value)
