"""Conditions of a rule: which alerts it is about and when it may speak, its JSON as values."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from bifang.core.configuration.entries import Clock, Entry
from secops_agent.models import TargetKind
from secops_agent.models.choices import Severity
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.on_call.working_days import WorkingDays

Change = Literal["new", "risen", "reopened", "hit", "sla_at_risk", "sla_broken"]
Level = Literal["critical", "high", "medium", "low", "info"]
CHANGES: Final[Mapping[str, str]] = {
    "new": "新告警", "risen": "级别升高", "reopened": "重新打开", "hit": "命中情报",
    "sla_at_risk": "处理时限快到", "sla_broken": "处理时限已过",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions look at: an alert, and what is known of its assets."""

    severity: str
    source: str
    rules: tuple[str, ...]
    asset_names: frozenset[str] = frozenset()
    asset_tags: frozenset[str] = frozenset()
    importance: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


_KNOWN: Final[Mapping[str, Callable[[Facts], Collection[str]]]] = {
    "severities": lambda facts: (facts.severity,), "sources": lambda facts: (facts.source.casefold(),),
    "rules": lambda facts: facts.rules, "asset_tags": lambda facts: facts.asset_tags,
    "assets": lambda facts: facts.asset_names, "importance": lambda facts: facts.importance, "owners": lambda facts: facts.owners,
    "addresses": lambda facts: facts.addresses,
}  # fmt: skip


WORDS: Final = {
    "severities": "级别", "sources": "来源", "rules": "规则", "asset_tags": "标签", "assets": "资产", "importance": "重要性",
    "owners": "负责人", "addresses": "地址",
}  # fmt: skip


class Conditions(Entry):
    """What is empty does not restrict. ``rules`` are names or ids of detection rules, ``owners`` staff ids, ``addresses`` IP
    addresses among an alert's observables."""

    severities: tuple[Level, ...] = ()
    sources: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    asset_tags: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    importance: tuple[Level, ...] = ()
    owners: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    on: tuple[Change, ...] = ("new", "risen", "reopened")

    def match(self, facts: Facts, changes: Iterable[str]) -> bool:
        """Is this what the rule is about?"""
        restricted, wanted = self._wanted
        if wanted.isdisjoint(changes):
            return False
        return all(not listed.isdisjoint(_KNOWN[name](facts)) for name, listed in restricted)

    def missed(self, facts: Facts) -> list[str]:
        """What the rule restricts and the alert does not have, in words."""
        return [WORDS[name] for name, listed in self._wanted[0] if listed.isdisjoint(_KNOWN[name](facts))]

    @cached_property
    def _wanted(self) -> tuple[tuple[tuple[str, frozenset[str]], ...], frozenset[str]]:
        """What restricts, and on what changes: every alert is held against every rule."""
        wanted = {name: frozenset(getattr(self, name)) for name in _KNOWN}
        wanted["sources"] = frozenset(name.casefold() for name in self.sources)
        listed = wanted.items()
        return tuple((name, values) for name, values in listed if values), frozenset(self.on)


class QuietHours(Entry):
    """From when until when nothing is said; both or neither."""

    quiet_from: Clock | None = None
    quiet_until: Clock | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None) or (
            self.quiet_from is not None and self.quiet_from == self.quiet_until
        ):
            raise ValueError("开始和结束（quiet_from、quiet_until）要一起写，而且不同")
        return self

    def is_quiet(self, clock: time) -> bool:
        """Whether nothing is said at this time of the day."""
        start, end = self.quiet_from, self.quiet_until
        if start is None or end is None:
            return False
        return start <= clock < end if start < end else clock >= start or clock < end


class Hours(QuietHours):
    """When a rule may speak: on these days, outside of the quiet hours; ``always``: levels that it tells at any time.

    ``waits``: what happens meanwhile is told once it may speak; else not by this rule (a rule for nights only).
    """

    days: Literal["all", "working", "rest"] = "all"
    always: tuple[Level, ...] = ("critical",)
    waits: bool = True

    def __str__(self) -> str:
        """只在 08:00 到 22:00 发，严重随时发，其余时间的不补发; "" if it always speaks."""
        days = {"working": "只在工作日", "rest": "只在休息日"}.get(self.days, "")
        quiet = (
            f"只在 {self.quiet_until:%H:%M} 到 {self.quiet_from:%H:%M} 发"
            if self.quiet_from and self.quiet_until
            else ""
        )
        levels = "、".join(str(Severity(each).label) for each in self.always)
        always = f"{levels}随时发" if levels and (days or quiet) else ""
        dropped = "其余时间的不补发" if not self.waits and (days or quiet) else ""
        return "，".join(filter(None, (days, quiet, always, dropped)))

    def takes(self, now: datetime, severity: str) -> bool:
        """Is what happens now told by the rule, now or later?"""
        return self.waits or self.opens_at(now, severity) <= now

    def opens_at(self, now: datetime, severity: str) -> datetime:
        """Now, or the next moment at which the rule may speak (within 16 days)."""
        if severity in self.always or (self.days == "all" and self.quiet_from is None):
            return now
        local = now.astimezone(ZONE)
        days = WorkingDays.between(local.date(), local.date() + timedelta(days=16))
        for number in range(17):
            start = (
                local
                if not number
                else datetime.combine(local.date() + timedelta(days=number), time(0), ZONE)
            )
            if self._fits(start, days) and (opening := self._opening(start)).date() == start.date():
                return opening
        return now + timedelta(days=16)

    def _fits(self, at: datetime, days: WorkingDays) -> bool:
        return self.days == "all" or days.is_working(at.date()) == (self.days == "working")

    def _opening(self, at: datetime) -> datetime:
        """The end of the quiet hours that ``at`` lies in; ``at`` itself outside of them."""
        if self.quiet_until is None or not self.is_quiet(at.time()):
            return at
        day = at.date() if at.time() < self.quiet_until else at.date() + timedelta(days=1)
        return datetime.combine(day, self.quiet_until, ZONE)


class Grouping(Entry):
    """From how many alerts of one detection rule within how many seconds they are one message."""

    size: int = Field(default=10, ge=2, le=1000, alias="from")
    within_seconds: int = Field(default=60, ge=10, le=3600)

    @property
    def within(self) -> timedelta:
        """The window."""
        return timedelta(seconds=self.within_seconds)

    @property
    def pace(self) -> timedelta:
        """The time between two alerts that are just not yet too many."""
        return self.within / self.size

    def __str__(self) -> str:
        return f"同一条检测规则 {self.within_seconds} 秒内从第 {self.size} 条起归并为一条消息"


class TargetEntry(Entry):
    """One target, as files write it. A webhook has an ``url``, or is the one that is kept under ``uid``; a gateway calls
    ``staff_id``, or who is on call in ``schedule``."""

    kind: TargetKind
    config: str = ""
    conversation_id: str = ""
    staff_id: str = ""
    schedule: str = ""
    role: str = ""
    url: str = ""
    secret: str = ""
    name: str = Field("", max_length=100)
    uid: str = ""


By = Literal[
    "", "ding_app", "ding_sms", "ding_call", "urgent_app", "urgent_sms", "urgent_call", "gateway_call"
]
CALLED: Final = ("person", "on_call", "next")  # who may be called: somebody by name, or on duty


class StepEntry(Entry):
    """A step of escalation. ``to`` may be empty: then the administrators are told. ``by``: they are called, too."""

    after_minutes: int = Field(ge=1, le=7 * 24 * 60)
    to: tuple[TargetEntry, ...] = ()
    by: By = ""

    @model_validator(mode="after")
    def _callable(self) -> Self:
        if self.by and (not self.to or any(each.kind not in CALLED for each in self.to)):
            raise ValueError(
                "写了 by（呼叫）的一步，to 只能是值班人（on_call、next）和点名的人（person），至少一位"
            )
        return self
