"""Replays (shadow mode): verdicts that would have been suggested for alerts that people closed, by what was known then."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Count, Q
from pydantic import TypeAdapter

from bifang.core.database.db import database_now
from secops_agent.models import (
    Alert,
    Investigation,
    InvestigationOpinion,
    InvestigationReplay,
    InvestigationState,
)
from secops_agent.models.choices import Verdict
from secops_agent.services.investigations.dossiers import compile_dossier, load_dossier

JOB: Final = f"{__name__}.run"
SPAN: Final = timedelta(days=90)
MOST: Final = 2000  # alerts of one comparison
LONGEST_S: Final = 300.0
UNMEASURED: Final = "未测"


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """Alerts of one rule that people judged, and what was suggested. ``abstained``: 证据不足, a miss. ``harmless``: real
    attacks for which something else was suggested. ``live``: of those, how many were looked into when they arrived."""

    source: str
    rule: str
    judged: int = 0
    agreed: int = 0
    abstained: int = 0
    attacks: int = 0
    recalled: int = 0
    harmless: int = 0
    live: int = 0
    useful: int = 0
    useless: int = 0

    @property
    def agreement(self) -> float | None:
        """Percent of the judged; None: unmeasured."""
        return _percent(self.agreed, self.judged)

    @property
    def recall(self) -> float | None:
        """Percent of the real attacks that were called so; None: unmeasured."""
        return _percent(self.recalled, self.attacks)

    @property
    def has_earned(self) -> bool:
        """Enough judged, enough agreement, hardly an attack missed, none called harmless, and people find it useful."""
        return not self.lacking

    @property
    def lacking(self) -> tuple[str, ...]:
        """What stands between the rule and showing suggestions, in words. What is unmeasured has not been shown."""
        judged, agreed, known = settings.SUGGEST_JUDGED, settings.SUGGEST_AGREEMENT, settings.SUGGEST_RECALL
        agreement, recall = percent_words(self.agreement), percent_words(self.recall)
        found = (
            (self.judged < judged, f"还差 {judged - self.judged} 条有结论的"),
            ((self.agreement or 0) < agreed, f"一致 {agreement}，要 {agreed:g}%"),
            (self.recall is None, "还没有真实攻击可比"),
            (self.recall is not None and self.recall < known, f"认出 {recall}，要 {known:g}%"),
            (self.harmless > 0, f"{self.harmless} 次把真实攻击说成别的"),
            (self.useless > self.useful, "👎 比 👍 多"),
        )
        return tuple(words for so, words in found if so)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of a span of time; ``rules`` by the number of judged alerts. ``whole``: all together."""

    since: datetime
    until: datetime
    made_at: datetime
    rules: tuple[RuleRecord, ...]

    @property
    def whole(self) -> RuleRecord:
        """All rules together."""
        names = [name for name in RuleRecord.__dataclass_fields__ if name not in ("source", "rule")]
        return RuleRecord("", "", **{name: sum(getattr(each, name) for each in self.rules) for name in names})


_RULES: Final = TypeAdapter(tuple[RuleRecord, ...])


def rule_of(alert: Alert) -> str:
    """The name under which a rule is compared."""
    return (alert.rule_name or alert.rule_id or alert.title)[:200]


def percent_words(value: float | None) -> str:
    """83 %, or 未测: never nought for what was not measured."""
    return UNMEASURED if value is None else f"{value:.0f}%"


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def latest() -> Comparison | None:
    """The newest comparison that was made."""
    row = InvestigationReplay.objects.order_by("-id").first()
    return read(row) if row else None


def read(row: InvestigationReplay) -> Comparison:
    """A stored one."""
    return Comparison(row.since, row.until, row.made_at, _RULES.validate_python(row.figures["rules"]))


def run(days: int = SPAN.days, most: int = MOST, seconds: float = LONGEST_S) -> str:
    """Compare and store; a daily job. Returns what came out in a line."""
    now = database_now()
    since = now - timedelta(days=days)
    rules = compare(since, now, most, seconds)
    row = InvestigationReplay.objects.create(
        since=since, until=now, figures={"rules": _RULES.dump_python(rules, mode="json")}
    )
    InvestigationReplay.objects.filter(pk__lt=row.pk - 100).delete()
    whole = Comparison(since, now, now, rules).whole
    return (
        f"对照 {whole.judged} 条：一致 {percent_words(whole.agreement)}，"
        f"真实攻击认出 {percent_words(whole.recall)}，证据不足 {whole.abstained} 条"
    )


def compare(since: datetime, until: datetime, most: int, seconds: float) -> tuple[RuleRecord, ...]:
    """The newest first, as far as number and time allow. Reads only."""
    rows = Alert.objects.filter(closed_at__gte=since, closed_at__lt=until).exclude(verdict="")
    end, tallies = (
        time.monotonic() + seconds,
        defaultdict[tuple[str, str], dict[str, int]](lambda: defaultdict(int)),
    )
    for alert in rows.order_by("-closed_at", "-id")[:most].iterator(chunk_size=200):
        if time.monotonic() > end:
            break
        verdict, live = _suggested(alert)
        _count(tallies[alert.source, rule_of(alert)], alert.verdict, verdict, live)
    _add_opinions(tallies, since)
    found = (RuleRecord(source, rule, **counts) for (source, rule), counts in tallies.items())
    return tuple(sorted(found, key=lambda each: (-each.judged, each.rule)))


def _suggested(alert: Alert) -> tuple[str, bool]:
    """By today's table, from the facts of its arrival where they were kept, else from what was known at that time."""
    done = Investigation.objects.filter(
        alert=alert, trigger=Investigation.ARRIVAL, state=InvestigationState.DONE
    ).first()
    if done is not None:
        return load_dossier(done.facts).assessment.verdict, True
    return compile_dossier(alert.pk, at=alert.created_at).assessment.verdict, False


def _count(counts: dict[str, int], decided: str, suggested: str, live: bool) -> None:
    is_attack = decided == Verdict.TRUE_POSITIVE
    for name, holds in (
        ("judged", True),
        ("agreed", suggested == decided),
        ("abstained", not suggested),
        ("attacks", is_attack),
        ("recalled", is_attack and suggested == decided),
        ("harmless", is_attack and suggested not in ("", decided)),
        ("live", live),
    ):
        counts[name] += int(holds)


def _add_opinions(tallies: Mapping[tuple[str, str], dict[str, int]], since: datetime) -> None:
    """What people say of the investigations themselves."""
    rows: Iterable[tuple[str, str, str, str, int, int]] = (
        InvestigationOpinion.objects.filter(at__gte=since)
        .values_list(
            "investigation__alert__source", "investigation__alert__rule_name", "investigation__alert__rule_id",
            "investigation__alert__title",
        )
        .annotate(useful_ones=Count("pk", filter=Q(useful=True)), useless_ones=Count("pk", filter=Q(useful=False)))
    )  # fmt: skip
    for source, name, rule_id, title, useful, useless in rows:
        key = (source, (name or rule_id or title)[:200])
        if key in tallies:
            tallies[key]["useful"] += useful
            tallies[key]["useless"] += useless
