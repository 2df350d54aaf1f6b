"""Urgency: which alert is worst, as points that a person can add up. The only declaration of that order."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.db.models import BooleanField, Case, Count, F, IntegerField, Q, Value, When
from django.utils import timezone

from secops_agent.models import Alert, AlertAsset, CaseStatus
from secops_agent.models import Case as Incident
from secops_agent.models.choices import AlertStatus, Importance, Outcome, Severity
from secops_agent.services.sla import overdue

if TYPE_CHECKING:
    from django.db.models import QuerySet

STILL: Final = timedelta(days=1)  # what happened so lately still happens
UNCLOSED: Final = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
OPEN_CASE: Final = ~Q(status=CaseStatus.CLOSED)
_GRAVE: Final = (Severity.CRITICAL, Severity.HIGH)
_OFTEN: Final = 100
URGENT: Final = "分数高的在前：级别，得手还是被拦下，同一资产上几种高危，还在发生，资产的重要性，没人处理，超时，次数；同分的看最近发生"


@dataclass(frozen=True, slots=True)
class Weight:
    """``points`` for every alert that ``holds``, told as ``words``."""

    words: str
    points: int
    holds: Q


def weights(now: datetime) -> tuple[Weight, ...]:
    """All that counts. To be blocked takes as much as the gravest level gives."""
    of_level = zip(Severity, (40, 30, 20, 10, 0), strict=True)
    of_outcome = zip(Outcome, (15, 5, -8, -40), strict=True)
    return (
        *(Weight(str(level.label), points, Q(severity=level)) for level, points in of_level),
        *(Weight(str(outcome.label), points, Q(outcome=outcome)) for outcome, points in of_outcome),
        Weight("同一资产 24 小时内几种高危告警", 8, _in_chain(now)),
        Weight("还在发生", 6, Q(last_seen__gte=now - STILL)),
        Weight("核心资产", 5, _on(Importance.CRITICAL)),
        Weight("重要资产", 2, _on(Importance.HIGH) & ~_on(Importance.CRITICAL)),
        Weight("没人处理", 3, unattended() & Q(status=AlertStatus.OPEN)),
        Weight("已超时", 2, overdue(now)),
        Weight(f"{_OFTEN} 次以上", 2, Q(count__gte=_OFTEN)),
    )


def unattended() -> Q:
    """Nobody has them in hand (`Alert.handler`)."""
    return Q(assignee=None) & ~Q(case__in=Incident.objects.filter(OPEN_CASE, owner__isnull=False))


def most_urgent(rows: "QuerySet[Alert]") -> "QuerySet[Alert]":
    """The worst first."""
    points = (
        Case(When(each.holds, then=Value(each.points)), default=Value(0), output_field=IntegerField())
        for each in weights(timezone.now())
        if each.points
    )
    return rows.order_by(sum(points, start=Value(0)).desc(), "-last_seen", "-id")


def weighed(rows: "QuerySet[Alert]") -> "QuerySet[Alert]":
    """With what `why` tells of each."""
    holds: dict[str, Any] = {
        f"holds_{place}": Case(
            When(each.holds, then=Value(True)), default=Value(False), output_field=BooleanField()
        )
        for place, each in enumerate(weights(timezone.now()))
    }
    return rows.annotate(**holds)


@cache
def _weighing() -> tuple[Weight, ...]:
    """Words and points, whenever that is."""
    return weights(timezone.now())


def why(row: Alert) -> str:
    """What counts for one that was read `weighed`: 68 分：严重 40、已得手 15、…; "" for what is closed."""
    if row.status == AlertStatus.CLOSED:
        return ""
    fitting = [each for place, each in enumerate(_weighing()) if getattr(row, f"holds_{place}", False)]
    parts = "、".join(f"{each.words} {each.points}" for each in fitting)
    return f"{sum(each.points for each in fitting)} 分：{parts}".replace("-", "−")


def reasons(ids: Collection[int]) -> dict[int, str]:
    """Alert → why. One query."""
    return {row.pk: why(row) for row in weighed(Alert.objects.filter(pk__in=ids).order_by())}


def _on(importance: Importance) -> Q:
    """They concern an asset that matters so much."""
    return Q(pk__in=AlertAsset.objects.filter(asset__importance=importance).order_by().values("alert_id"))


def _in_chain(now: datetime) -> Q:
    """Grave ones that lately happened on an asset with grave ones of another rule."""
    late = Q(severity__in=_GRAVE, status__in=UNCLOSED, last_seen__gte=now - STILL) & ~Q(
        outcome=Outcome.BLOCKED
    )
    pairs = AlertAsset.objects.filter(alert__in=Alert.objects.filter(late)).order_by()
    several = (
        pairs.values("asset_id")
        .annotate(kinds=Count(F("alert__rule_name"), distinct=True))
        .filter(kinds__gt=1)
    )
    return late & Q(pk__in=pairs.filter(asset__in=several.values("asset_id")).values("alert_id"))
