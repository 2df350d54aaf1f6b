"""What narrows a list: level, state, number of rows, time, patches; and by what alerts are counted."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from typing import Any

from secops_agent.llm.offline.expressions.entities import is_private
from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.expressions.skeletons import Kind, MaskedName, Skeleton, mark

from .lexicon import Lexicon
from .words import load, name_of, pattern

_LEVELS = ("critical", "high", "medium", "low", "info")
HOSTS = (Kind.ASSET, Kind.ASSET_IP, Kind.HOST)
_FIXED = {"no_fix": False, "fix": True}
_ORDERS = {"due": "by_due", "most": "most_often", "oldest": "oldest"}
_DUE = {"in_time": "in_time", "soon": "soon", "overdue": "late"}  # the first that is said
_SHORT = {"高": "high", "中": "medium", "低": "low"}
_UNITS = {"hour": 60, "day": 1440}
_NOBODYS = "nobodys"  # no state of an alert: nobody has it
_RUNNING = ("today", "this_week", "this_month")
_CLAUSE = re.compile(r"[^,，。;；!！?？]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's sentence with what it is read against; ``command``: it is the rest of a slash command,
    where any word that nothing explains is what to look for."""

    skeleton: Skeleton
    lexicon: Lexicon
    now: datetime
    asker: str = ""
    command: bool = False
    known: str = ""  # a rule, an attack or a product that was found already

    @property
    def text(self) -> str:
        """With marks."""
        return self.skeleton.text


def owner_of(asked: Asked) -> dict[str, str]:
    """Whose the assets are: a person who is named, or 我."""
    named = asked.skeleton.first(Kind.PERSON)
    whose = str(named.value) if named else asked.asker if pattern("filters.mine").search(asked.text) else ""
    return {"owner": whose} if whose else {}


def take_filters(skeleton: Skeleton) -> Skeleton:
    """A further skeleton with levels, states and row limits marked as well."""
    marked = Skeleton(skeleton.text, dict(skeleton.entities))
    if not pattern("filters.whole").search(marked.text):
        marked.take(Kind.STATUS, pattern("filters.status"), _state)
    marked.take(Kind.SEVERITY, pattern("filters.levels"), _severity)
    marked.take(Kind.LIMIT, pattern("filters.limit"), _limit)
    marked.take(Kind.ENVIRONMENT, pattern("filters.environment"), lambda match: match["name"])
    marked.text = _drop_asides(marked)
    return marked


def _drop_asides(skeleton: Skeleton) -> str:
    """Without the filters that are pushed aside: 低危先不看，今天高危告警都有啥; what it is about stays. Of levels alone
    (中危以下先不看) the others are meant."""
    text, levels = skeleton.text, re.compile(mark(Kind.SEVERITY))
    pushed, filtered, named = (pattern(f"filters.{name}") for name in ("pushed", "filter", "object"))
    clauses = _CLAUSE.findall(text)
    asides = [one for one in clauses if pushed.search(one) and (filtered.search(one) or named.search(one))]
    kept = "，".join(one for one in clauses if one not in asides)
    for char in () if levels.search(kept) or not filtered.search(kept) else levels.findall("".join(asides)):
        one = skeleton.entities[char]
        others = ",".join(level for level in _LEVELS if level not in one.value.split(","))
        skeleton.entities[char], kept = MaskedName(one.kind, one.raw, others), f"{kept}{char}"
    if asides and (filtered.search(kept) or pattern("filters.listed").search(kept)):
        aside, noun = "".join(asides), pattern("filters.noun")
        objects = "" if named.search(kept) else "".join(named.findall(aside))
        objects += "" if noun.search(kept) else "".join(noun.findall(aside)[:1])
        text = f"{objects}，{kept}"
    return text


def _state(match: re.Match[str]) -> str | None:
    """有人跟了吗 asks for the state, and is narrowed by none."""
    text = match.string
    asked = re.match(r"了?(?:吗|么|没|不)", text[match.end() :]) or re.search(
        "(?:有(?:没有|无)人?|谁)$", text[: match.start()]
    )
    return None if asked and match.lastgroup == "acknowledged" else match.lastgroup


def _severity(match: re.Match[str]) -> str | None:
    """Comma-joined levels in descending order; 严重优先 is an order of rows."""
    if pattern("filters.first").match(match.string, match.end()):
        return None
    if pattern("filters.urgent").match(match.string, match.start() - 1):  # 最严重的是哪条
        return None
    if match["short"]:
        return _SHORT[match["short"]]
    found = {one.lastgroup or "" for one in pattern("filters.severity").finditer(match.group())}
    said = [level for level in _LEVELS if level in found]
    if match["above"] or match.group().startswith(">"):
        said = list(_LEVELS[: _LEVELS.index(said[-1]) + 1])
    elif match["below"]:
        said = list(_LEVELS[_LEVELS.index(said[0]) :])
    return ",".join(said)


def _limit(match: re.Match[str]) -> int | None:
    """来一份, 有一条 name no number of rows; 最近 5 without a unit must be in digits."""
    number = next((said for name, said in match.groupdict().items() if name != "unit" and said), "")
    value = read_integer(number)
    bare = match["n"] and not match["unit"] and not match.group().isascii() and not match["n"].isdigit()
    single = "一" in (match["n2"], match["n3"]) or (match["n"] == "一" and match["unit"] in ("份", "次"))
    return value if value and value <= 1000 and not bare and not single else None


def narrow(skeleton: Skeleton, now: datetime, *names: str) -> dict[str, Any]:
    """The arguments of these names that were said."""
    said = {name: _READERS[name](skeleton, now) for name in names}
    return {name: value for name, value in said.items() if value not in (None, "")}


def _asset(skeleton: Skeleton, _: datetime) -> str:
    """A name of the company, an address of it, or what looks like a host."""
    entity = skeleton.first(*HOSTS)
    address = skeleton.first(Kind.IP)
    return str(entity.value) if entity else address.value if address and is_private(address.value) else ""


def _status(skeleton: Skeleton) -> str:
    """Two of them are a comparison; 包括已关闭的 is none, nor is 没人管."""
    states = _values(skeleton, Kind.STATUS)
    states -= {_NOBODYS, "acknowledged"} if _NOBODYS in states else set()  # 谁在处理, 没人接的有几条
    return "all" if _says("whole", skeleton) else "".join(states) if len(states) == 1 else ""


def _since(skeleton: Skeleton, now: datetime) -> int | None:
    """From the time range that goes with the noun, or from a bare duration."""
    said: list[int] = [entity.value.hours(now) for entity in _times(skeleton)]
    if said:
        return max(said)
    duration = skeleton.first(Kind.DURATION)
    if duration is None or not duration.value or _says("conditions.age", skeleton):
        return None
    return max(1, -(-int(duration.value) // 60))


def _until(skeleton: Skeleton, now: datetime) -> int | None:
    times = _times(skeleton)
    return times[0].value.hours_after(now) if len(times) == 1 else None


def _times(skeleton: Skeleton) -> list[MaskedName]:
    """Those in the clause of the noun (昨天没睡好，今天的告警…); without any there the first one that was said."""
    text = pattern("filters.hearsay").sub("", skeleton.text)  # 刚才听说…: when it was told
    for clause in _CLAUSE.findall(text):
        found = Skeleton(clause, skeleton.entities).found(Kind.TIME)
        if found and pattern("filters.alert_noun").search(clause):
            return found
    return Skeleton(text, skeleton.entities).found(Kind.TIME)[:1]


def _due_within(skeleton: Skeleton, now: datetime) -> int | None:
    """Days from now in which something must be mended: 这周到期, 7 天内到期."""
    if not _says("due_word", skeleton):
        return None
    said = skeleton.first(Kind.TIME, Kind.DURATION)
    if said is None or said.kind is Kind.DURATION:
        return max(1, int(said.value) // 1440) if said and said.value else None
    if "内" in said.raw:
        return max(1, int((now - said.value.start).total_seconds() / 86400 + 0.5))
    ahead: dict[str, int] = {"today": 1, "this_week": 7 - now.weekday()}
    return ahead.get(said.value.period)


def _age(unit: int, kind: str, skeleton: Skeleton, _: datetime) -> int | None:
    """超过两天没动的, 三十天以上没修的, 逾期三十天以上的: in units of so many minutes, whole ones only. ``kind``: "older", "idle" or "late"."""
    found = pattern("filters.late_by" if kind == "late" else "filters.age").search(skeleton.text)
    marks = [skeleton.entities[char] for char in found.group() if char in skeleton.entities] if found else []
    marks = [one for one in marks if not one.raw.startswith("几")]  # 超时几天了 is asked
    if not marks or (kind != "late" and _says("late_by", skeleton)):
        return None
    is_idle = pattern("filters.idle").search(skeleton.expand(skeleton.text)) is not None
    whole, rest = divmod(int(marks[0].value), unit)
    return whole if whole and not rest and (kind == "late" or is_idle is (kind == "idle")) else None


def _score(skeleton: Skeleton, _: datetime) -> int | None:
    """九分以上."""
    found = pattern("filters.score").search(skeleton.text)
    return read_integer(found["score"] or found["score2"]) if found else None


def _period(skeleton: Skeleton, _: datetime) -> str:
    """The day, week or month of the calendar that was said: hours are rounded, and reach into the day before."""
    times = _times(skeleton)
    said = times[0].value if len(times) == 1 else None
    if said is None or said.start.time() != time() or (said.end is None and said.period not in _RUNNING):
        return ""
    return str(said.period)


def _time_of(skeleton: Skeleton, now: datetime) -> str:
    """What happened in the time that was said: 关了多少, 新增了哪些; 李四关了几条, 李四关的 at any time."""
    whose = pattern("filters.closed_whose").search(skeleton.text)
    states = {one.value for one in skeleton.found(Kind.STATUS)}
    if whose and states <= {"closed"}:
        return "closed"
    if _since(skeleton, now) is None:
        return "closed" if _says("closed_by", skeleton) and _says("closed_in", skeleton) else ""
    shut = any(pattern("filters.shut").fullmatch(each.raw) for each in skeleton.found(Kind.STATUS))
    return "closed" if shut or _says("closed_in", skeleton) else "new" if _says("new_in", skeleton) else ""


def _says(name: str, skeleton: Skeleton, _: datetime | None = None) -> bool | None:
    return True if pattern(f"filters.{name}").search(skeleton.text) else None


def is_nobodys(skeleton: Skeleton, now: datetime | None = None) -> bool | None:
    """没人管, 没有处理人."""
    return True if _NOBODYS in _values(skeleton, Kind.STATUS) else _says("unassigned", skeleton, now)


_READERS: Mapping[str, Callable[[Skeleton, datetime], Any]] = {
    "severity": lambda said, _: ",".join(level for level in _LEVELS if level in _values(said, Kind.SEVERITY)),
    "status": lambda said, _: _status(said),
    "since_hours": _since,
    "until_hours": _until,
    "period": _period,
    "time_of": _time_of,
    "asset": _asset,
    "verdict": lambda said, _: name_of("filters.judged", said.text),
    "importance": lambda said, _: name_of("filters.important", said.text),
    "environment": lambda said, _: next((str(each.value) for each in said.found(Kind.ENVIRONMENT)), ""),
    "limit": lambda said, _: next((entity.value for entity in said.found(Kind.LIMIT)), None),
    "due": lambda said, _: next((name for name, words in _DUE.items() if _says(words, said)), ""),
    "unassigned": is_nobodys,
    **{name: partial(_says, name) for name in ("urgent", "kev_only", "widest", "riskiest")},
    "overdue": partial(_says, "late"),
    "order": lambda said, _: next((name for name, words in _ORDERS.items() if _says(words, said)), ""),
    "exposed": partial(_says, "exposed_words"),
    "due_within": lambda said, now: _due_within(said, now),
    "listed": lambda said, _: _says("in_lists", said),
    **{
        f"{kind}_{unit}s": partial(_age, minutes, kind)
        for kind in ("older", "idle", "late")
        for unit, minutes in _UNITS.items()
    },
    "cvss": _score,
    "fix_available": lambda said, _: _FIXED.get(name_of("filters.patched", said.text)),
}


def _values(skeleton: Skeleton, kind: Kind) -> set[str]:
    return {value for entity in skeleton.found(kind) for value in entity.value.split(",")}


def group_of(text: str) -> dict[str, str]:
    """``group_by`` if it was said: the first in the order of the file."""
    name = name_of("filters.group_by", text)
    return {"group_by": name} if name else {}


def type_of(text: str) -> dict[str, str]:
    """``asset_type``: the last one that was said."""
    kinds = load("filters")["asset_type"]
    found = [
        (at.start(), kind) for kind in kinds for at in pattern(f"filters.asset_type.{kind}").finditer(text)
    ]
    return {"asset_type": max(found)[1]} if found else {}
