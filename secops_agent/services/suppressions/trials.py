"""Trial of a suppression rule: what it would have suppressed over the last days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from secops_agent.models import Alert
from secops_agent.models.choices import Verdict
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.notifications.conditions import Conditions
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.source_names import spelled

DAYS: Final = 7
MOST: Final = 20_000  # alerts that are looked at, the newest
SHOWN: Final = 10
_PIECE: Final = 500


@dataclass(frozen=True, slots=True)
class TriedAlert:
    """One that it would have hit."""

    id: int
    title: str
    severity: str
    verdict: str
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class SuppressionTrial:
    """``alerts`` would have been suppressed; ``attacks`` of them people judged 真实攻击; ``listed``: not suppressed,
    because a list of indicators names them. ``capped``: at least so many."""

    days: int
    alerts: int
    attacks: int
    listed: int
    capped: bool
    examples: tuple[TriedAlert, ...]
    attack_examples: tuple[TriedAlert, ...]

    def __str__(self) -> str:
        least = "至少 " if self.capped else ""
        text = f"按最近 {self.days} 天的告警，这条规则会抑制 {least}{self.alerts} 条"
        return text + (f"；另有 {self.listed} 条命中情报，不会抑制" if self.listed else "")

    def as_dict(self) -> dict[str, Any]:
        """For the rule and the audit trail."""
        return {
            "at": timezone.now().isoformat(), "days": self.days, "alerts": self.alerts, "attacks": self.attacks,
            "listed": self.listed, "attack_examples": [each.id for each in self.attack_examples],
        }  # fmt: skip


def try_out(conditions: Conditions, now: datetime | None = None) -> SuppressionTrial:
    """Of conditions that need not be stored; alerts that came in within the last days."""
    since = (now or timezone.now()) - timedelta(days=DAYS)
    rows = _candidates(conditions, since)
    looked = list(rows.values_list("pk", flat=True)[:MOST])
    found, listed = [], 0
    for alert in _matching(conditions, looked):
        if alert.is_listed:  # type: ignore[attr-defined]  # annotated
            listed += 1
        else:
            found.append(TriedAlert(alert.pk, alert.title, alert.severity, alert.verdict, alert.last_seen))
    attacks = [each for each in found if each.verdict == Verdict.TRUE_POSITIVE]
    return SuppressionTrial(
        DAYS,
        len(found),
        len(attacks),
        listed,
        len(looked) >= MOST,
        tuple(found[:SHOWN]),
        tuple(attacks[:SHOWN]),
    )


def _candidates(conditions: Conditions, since: datetime) -> "QuerySet[Alert]":
    """The newest first."""
    rows = Alert.objects.filter(created_at__gte=since)
    rows = rows.filter(severity__in=conditions.severities) if conditions.severities else rows
    return (rows.filter(source__in=spelled(conditions.sources)) if conditions.sources else rows).order_by(
        "-pk"
    )


def _matching(conditions: Conditions, ids: list[int]) -> Iterator[Alert]:
    for start in range(0, len(ids), _PIECE):
        piece = ids[start : start + _PIECE]
        hit = Exists(hits_in_force().filter(alert_id=OuterRef("pk")))
        alerts = list(Alert.objects.filter(pk__in=piece).annotate(is_listed=hit).order_by("-pk"))
        facts = facts_of(alerts, cautious=True)
        yield from (each for each in alerts if conditions.match(facts[each.pk], ("new",)))
