"""Check of occurrences: since when, how often, and whether the alert became graver."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from secops_agent.models import AlertEvent, History
from secops_agent.models.choices import Severity
from secops_agent.services.clock import clock
from secops_agent.services.investigations.checks.base import (
    Check,
    Signal,
    Statement,
    alert_evidence,
)
from secops_agent.services.investigations.subject import Examined
from secops_agent.services.vulnerabilities.priority import rank

_STEADY: Final = timedelta(days=3)
_OFTEN: Final = 100


@dataclass(frozen=True, slots=True)
class OccurrenceFacts:
    """``risen_from``: the severity that it came with, if it is a graver one now. ``recovered``: its source said it is over."""

    alert_id: int
    source: str
    rule: str
    severity: str
    first_seen: datetime
    last_seen: datetime
    count: int
    confidence: int | None
    techniques: tuple[str, ...]
    risen_from: str = ""
    risen_at: datetime | None = None
    recovered: bool = False


def look(subject: Examined) -> OccurrenceFacts:
    """From the alert and its history."""
    alert, at = subject.alert, subject.at
    steps = _severities(alert.pk)
    severity, risen_from, risen_at = _as_of(alert.severity, steps, at)
    count, last = _counted(alert.pk, at) if subject.replayed else (alert.count, alert.last_seen)
    return OccurrenceFacts(
        alert.pk, alert.source, alert.rule_name or alert.rule_id, severity, alert.first_seen,
        min(last or alert.first_seen, max(at, alert.first_seen)), count, alert.confidence, tuple(alert.techniques),
        risen_from, risen_at, alert.closed_by_source and alert.closed_at is not None and alert.closed_at <= at,
    )  # fmt: skip


def _severities(alert_id: int) -> list[tuple[datetime, str, str]]:
    rows = History.objects.filter(entity="alert", entity_id=alert_id, action="import").order_by("id")
    found = ((row.at, row.changes["severity"]) for row in rows if "severity" in row.changes)
    return [(at, old, new) for at, (old, new) in found]


def _as_of(
    now: str, steps: Sequence[tuple[datetime, str, str]], at: datetime
) -> tuple[str, str, datetime | None]:
    """The severity at that moment, the one before it rose, and when it did."""
    past, later = [each for each in steps if each[0] <= at], [each for each in steps if each[0] > at]
    severity = later[0][1] if later else now
    if past and rank(past[-1][2]) > rank(past[0][1]):
        return severity, past[0][1], past[-1][0]
    return severity, "", None


def _counted(alert_id: int, at: datetime) -> tuple[int, datetime | None]:
    """By the marks of single occurrences, as long as those are kept."""
    times = list(
        AlertEvent.objects.filter(alert_id=alert_id, at__lte=at)
        .order_by("-at")
        .values_list("at", flat=True)[:1000]
    )
    return max(1, len(times)), times[0] if times else None


def tell(facts: OccurrenceFacts) -> Sequence[Statement]:
    """When, how often, by what rule."""
    cited = (alert_evidence(facts.alert_id),)
    span = clock(facts.first_seen)
    if facts.last_seen > facts.first_seen:
        span += f" 至 {clock(facts.last_seen)}"
    rule = f"规则「{facts.rule}」" if facts.rule else "没有写明规则"
    told = [Statement(f"{span} 发生 {facts.count} 次，来自 {facts.source}，{rule}", cited)]
    if facts.risen_from and facts.risen_at:
        old, new = Severity(facts.risen_from).label, Severity(facts.severity).label
        told.append(Statement(f"级别由{old}升为{new}（{clock(facts.risen_at)}）", cited))
    if facts.techniques:
        told.append(Statement(f"ATT&CK 技术：{'、'.join(facts.techniques[:5])}", cited))
    if facts.recovered:
        told.append(Statement("来源已报告恢复", cited))
    return told


def weigh(facts: OccurrenceFacts) -> Sequence[Signal]:
    """Graver than at first; steady noise; over by itself."""
    cited, found = (alert_evidence(facts.alert_id),), []
    if facts.risen_from:
        found.append(Signal("severity_risen", "", cited))
    elif facts.count >= _OFTEN and facts.last_seen - facts.first_seen >= _STEADY:
        days = (facts.last_seen - facts.first_seen).days
        found.append(Signal("steady_repeats", f"{days} 天 {facts.count} 次", cited))
    if facts.recovered:
        found.append(Signal("recovered", "", cited))
    return found


CHECK: Final = Check("occurrences", "发生了什么", OccurrenceFacts, look, tell, weigh)
