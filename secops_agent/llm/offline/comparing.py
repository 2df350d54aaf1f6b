"""Whose alerts a question is about and which word it looks for; and the two spans that it compares."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, MaskedName, Skeleton
from secops_agent.llm.offline.expressions.times import Since

from .filters import Asked, group_of, narrow
from .keywords import find_keyword
from .words import name_of, pattern

PEOPLE = ("assignee", "closer")
SPAN = ("since_hours", "until_hours", "period")
EARLIER = {"today": "yesterday", "this_week": "last_week", "this_month": "last_month"}
_LATER = {before: now for now, before in EARLIER.items()}
_COMPARED = ("severity", "asset", "environment", "importance", "exposed")
_LOOKED_FOR = (Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH, Kind.CVE, Kind.OBSERVABLE)


def sought(asked: Asked, said: Mapping[str, Any]) -> dict[str, Any]:
    """Whose they are, where they come from, and the word that is looked for."""
    skeleton = asked.skeleton
    owner = pattern("filters.owner").search(asked.text)
    person = skeleton.first(Kind.PERSON) if not owner else None
    named = (
        ("technique", Kind.TECHNIQUE),
        ("address", Kind.NETWORK),
        *([("owner", Kind.PERSON)] if owner else []),
    )
    found = {name: one.value for name, kind in named if (one := skeleton.first(kind))}
    whose = str(person.value) if person else asked.asker if pattern("filters.mine").search(asked.text) else ""
    keyword = _alert_keyword(asked, said) or ("" if whose else left_word(asked, "filters.alert_noun"))
    found |= {"assignee": whose} if whose and keyword else {}
    address = skeleton.first(Kind.IP) if asked.known and keyword == asked.known else None
    found |= {"address": address.value} if address and address.value != said.get("asset") else {}
    return found | ({"keyword": keyword or whose} if keyword or whose else {})


def _alert_keyword(asked: Asked, said: Mapping[str, Any]) -> str:
    """A rule, source or attack; else an indicator; else a word that is marked as one."""
    plain = pattern("filters.in_lists").sub(" ", asked.text)
    skeleton = Skeleton(pattern("filters.roles").sub(" ", plain), asked.skeleton.entities)
    named = skeleton.first(*_LOOKED_FOR)
    if named and named.value not in said.values() and not (asked.known and named.kind is Kind.IP):
        return str(named.value)
    return asked.known or find_keyword(skeleton, "filters.alert_noun")


def left_word(asked: Asked, nouns: str) -> str:
    """The one word of a slash command that neither a mark nor the noun explains."""
    words = ANY_MARK.sub(" ", pattern(nouns).sub(" ", asked.text)).split()
    return words[0] if asked.command and len(words) == 1 and len(words[0]) > 1 else ""


def comparison(asked: Asked) -> dict[str, Any]:
    """今天比昨天: the first of the two spans, unless the other one is said to be another; 谁更快 by person."""
    text = asked.text
    group = group_of(pattern("filters.grown").sub(" ", pattern("filters.alert_noun").sub(" ", text)))
    entities, times = asked.skeleton.entities, asked.skeleton.found(Kind.TIME)
    before = [one for one in times if one.raw.startswith("前一")]  # 上周比前一周: the one before it
    other = before[0] if len(before) == 1 else min(times, key=lambda one: one.value.start, default=None)
    earlier = other if len(times) == 2 else None  # 上个月和这个月比
    later = text.translate({ord(char): " " for char, one in entities.items() if one is earlier})
    skeleton = Skeleton(later if earlier else pattern("filters.than").sub(" ", text), entities)
    alone = times[0] if len(times) == 1 and not skeleton.found(Kind.TIME) else None
    said: dict[str, Any] = {
        name: name_of(f"filters.{name}", asked.skeleton.expand(text)) for name in ("metric", "against")
    }
    if group.get("group_by") in PEOPLE:
        group = {"group_by": "assignee"}  # of what was closed, who closed it
    said |= group if group.get("group_by") in ("severity", "assignee", "rule", "asset", "source") else {}
    said |= narrow(skeleton, asked.now, *SPAN, *_COMPARED)
    said |= {} if said["against"] else _other_span(times, earlier, asked.now)
    if alone and not said["against"]:  # 跟上周比: this week
        running = _LATER.get(alone.value.period)
        said |= {"period": running} if running else _span_said(alone.value, asked.now)
    return {name: value for name, value in (said | _of_whom(asked, skeleton, said)).items() if value}


def _of_whom(asked: Asked, skeleton: Skeleton, said: Mapping[str, Any]) -> dict[str, Any]:
    """Whose they are, and the word that is looked for beside."""
    bare = Skeleton(pattern("filters.grown").sub(" ", skeleton.text), skeleton.entities)
    found = sought(replace(asked, skeleton=bare, command=False), said)
    person = skeleton.first(Kind.PERSON)
    whose = str(person.value) if person else asked.asker if pattern("filters.mine").search(bare.text) else ""
    if whose and "owner" not in found:
        found["assignee"] = whose
    return {name: value for name, value in found.items() if name != "keyword" or value != whose}


def _other_span(times: Sequence[MaskedName], earlier: MaskedName | None, now: datetime) -> dict[str, int]:
    """The other of two spans, where it is not the usual one: 十月比八月, 今天和上周五比."""
    later = next((one.value for one in times if one is not earlier), None)
    if earlier is None or later is None or earlier.raw.startswith("前一"):
        return {}
    before = earlier.value
    if before.period and EARLIER.get(later.period) == before.period:
        return {}
    if before.end == later.start and later.period in EARLIER.values():
        return {}
    return _span_said(replace(before, end=before.end or later.start), now)


def _span_said(span: Since, now: datetime) -> dict[str, int]:
    end = span.hours_after(now)
    return {"other_since_hours": span.hours(now), "other_until_hours": end} if end else {}
