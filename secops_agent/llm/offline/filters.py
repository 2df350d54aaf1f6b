"""What narrows a list: level, state, number of rows, time, patches; and by what alerts are counted."""

import re
from datetime import datetime
from typing import Any

from .numerals import read_integer
from .skeletons import Entity, Kind, Skeleton, mark
from .words import load, pattern

LEVELS = ("critical", "high", "medium", "low", "info")
_SHORT = {"高": "high", "中": "medium", "低": "low"}
_CLAUSE = re.compile(r"[^,，。;；!！?？]+")


def take_filters(skeleton: Skeleton) -> Skeleton:
    """A further skeleton with levels, states and row limits marked as well."""
    marked = Skeleton(skeleton.text, dict(skeleton.entities))
    marked.text = pattern("filters.speaker").sub(lambda match: " " * len(match.group()), marked.text)
    marked.take(Kind.STATUS, pattern("filters.status"), lambda match: match.lastgroup)
    marked.take(Kind.SEVERITY, pattern("filters.levels"), _severity)
    marked.take(Kind.LIMIT, pattern("filters.limit"), _limit)
    marked.text = _drop_asides(marked.text)
    return marked


def _drop_asides(text: str) -> str:
    """Without the filters that are pushed aside: 低危先不看，今天高危告警都有啥; what it is about stays."""
    pushed, filtered, named = (pattern(f"filters.{name}") for name in ("pushed", "filter", "object"))
    clauses = _CLAUSE.findall(text)
    asides = [one for one in clauses if pushed.search(one) and (filtered.search(one) or named.search(one))]
    kept = "，".join(one for one in clauses if one not in asides)
    if asides and (filtered.search(kept) or pattern("filters.listed").search(kept)):
        objects = "" if named.search(kept) else "".join(named.findall("".join(asides)))
        text = f"{objects}，{kept}"
    return pattern("filters.but").sub(" ", text) if len(re.findall(mark(Kind.SEVERITY), text)) > 1 else text


def _severity(match: re.Match[str]) -> str:
    """Comma-joined levels in descending order."""
    if match["short"]:
        return _SHORT[match["short"]]
    found = {one.lastgroup or "" for one in pattern("filters.severity").finditer(match.group())}
    said = [level for level in LEVELS if level in found]
    if match["above"] or match.group().startswith(">"):
        said = list(LEVELS[: LEVELS.index(said[-1]) + 1])
    elif match["below"]:
        said = list(LEVELS[LEVELS.index(said[0]) :])
    return ",".join(said)


def _limit(match: re.Match[str]) -> int | None:
    """来一份, 有一条 name no number of rows; 最近 5 without a unit must be in digits."""
    number = next((said for name, said in match.groupdict().items() if name != "unit" and said), "")
    value = read_integer(number)
    bare = match["n"] and not match["unit"] and not match.group().isascii() and not match["n"].isdigit()
    single = "一" in (match["n2"], match["n3"]) or (match["n"] == "一" and match["unit"] in ("份", "次"))
    return value if value and value <= 1000 and not bare and not single else None


def severity_of(skeleton: Skeleton) -> dict[str, Any]:
    """``severity`` if it was said; several mentions are joined."""
    said = {level for entity in skeleton.found(Kind.SEVERITY) for level in entity.value.split(",")}
    return {"severity": ",".join(level for level in LEVELS if level in said)} if said else {}


def status_of(skeleton: Skeleton) -> dict[str, Any]:
    """``status`` if exactly one was said."""
    said = {entity.value for entity in skeleton.found(Kind.STATUS)}
    return {"status": said.pop()} if len(said) == 1 else {}


def limit_of(skeleton: Skeleton) -> dict[str, Any]:
    """``limit`` if it was said."""
    entity = skeleton.first(Kind.LIMIT)
    return {"limit": entity.value} if entity else {}


def since_of(skeleton: Skeleton, now: datetime) -> dict[str, Any]:
    """``since_hours`` from the time range that goes with the noun, or from a bare duration."""
    said = _times(skeleton)
    if said:
        return {"since_hours": max(entity.value.hours(now) for entity in said)}
    duration = skeleton.first(Kind.DURATION)
    return {"since_hours": max(1, -(-duration.value // 60))} if duration and duration.value else {}


def _times(skeleton: Skeleton) -> list[Entity]:
    """Those in the clause of the noun (昨天没睡好，今天的告警…); without any there the first one that was said."""
    text = pattern("filters.errand").sub("", skeleton.text)
    measured = pattern("filters.measured").search(text)
    if measured:
        return [skeleton.entities[measured["by"] or measured["as"]]]
    for clause in _CLAUSE.findall(text):
        found = Skeleton(clause, skeleton.entities).found(Kind.TIME)
        if found and pattern("filters.alert_noun").search(clause):
            return found
    said = Skeleton(text, skeleton.entities).found(Kind.TIME)
    wanted = pattern("filters.of_time").search(text)
    return [skeleton.entities[wanted["time"]]] if wanted and len(said) > 1 else said[:1]


def kev_of(text: str) -> dict[str, Any]:
    """``kev_only`` if exploited ones were asked for."""
    return {"kev_only": True} if pattern("filters.kev").search(text) else {}


def fix_of(text: str) -> dict[str, Any]:
    """``fix_available`` if patches were spoken of."""
    if pattern("filters.no_fix").search(text):
        return {"fix_available": False}
    return {"fix_available": True} if pattern("filters.fix").search(text) else {}


def group_of(text: str) -> dict[str, str]:
    """``group_by`` if it was said: the first in the order of the file."""
    names = load("filters")["group_by"]
    return next(
        ({"group_by": name} for name in names if pattern(f"filters.group_by.{name}").search(text)), {}
    )


def type_of(text: str) -> dict[str, str]:
    """``asset_type``: the last one that was said."""
    found = [
        (match.start(), name)
        for name in load("filters")["asset_type"]
        for match in pattern(f"filters.asset_type.{name}").finditer(text)
    ]
    return {"asset_type": max(found)[1]} if found else {}
