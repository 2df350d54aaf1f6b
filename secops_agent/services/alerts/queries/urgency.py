"""Urgency: which alert is worst, as points that a person can add up. The only declaration of that order."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from secops_agent.models import Alert, AlertAsset, CaseStatus
from secops_agent.models import Case as Incident
from secops_agent.models.choices import AlertStatus, Importance, Outcome, Severity
from secops_agent.services.containment import not_contained
from secops_agent.services.sla import overdue

Links = QuerySet[AlertAsset]
STILL: Final = timedelta(days=1)  # what happened so lately may still go on
UNCLOSED: Final = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
OPEN_CASE: Final = ~Q(status=CaseStatus.CLOSED)
_GRAVE: Final = (Severity.CRITICAL, Severity.HIGH)
_OFTEN: Final = 100
_WORDS: Final = 4  # reasons in a sentence
GRAVE: Final = 40  # points: what is 严重 and still goes on, or 高危 that got through
URGENT: Final = "分数高的在前：级别，得手还是被拦下，同一资产上几种高危，处置以后又发生，24 小时内发生过，资产的重要性，没人处理，超时，次数；同分的最近发生的在前，再同的编号大的在前"


def unattended() -> Q:
    """Nobody has them in hand (`Alert.handler`)."""
    owned = Incident.objects.filter(OPEN_CASE, owner__isnull=False)
    return Q(assignee=None) & ~Q(status__in=UNCLOSED, case__in=owned)


def _on(importance: Importance, links: Links) -> Q:
    """They concern an asset that matters so much."""
    return Q(pk__in=links.filter(asset__importance=importance).values("alert_id"))


def _in_chain(now: datetime, links: Links) -> Q:
    """Grave ones that lately happened on an asset with grave ones of another rule."""
    late = Q(severity__in=_GRAVE, status__in=UNCLOSED, last_seen__gte=now - STILL) & ~Q(
        outcome=Outcome.BLOCKED
    )
    lately = Q(alert__in=Alert.objects.filter(late))
    of_assets = AlertAsset.objects.filter(lately).order_by().values("asset_id")
    several = of_assets.annotate(kinds=Count(F("alert__rule_name"), distinct=True)).filter(kinds__gt=1)
    return late & Q(pk__in=links.filter(lately, asset__in=several.values("asset_id")).values("alert_id"))


@dataclass(frozen=True, slots=True)
class Weight:
    """``points`` for an alert that ``holds`` at a moment, told as ``words``; assets are looked for among some links."""

    words: str
    points: int
    holds: Callable[[datetime, Links], Q]


def _graded(name: str, grades: Iterable[Any], points: Sequence[int]) -> tuple[Weight, ...]:
    """By a column of the alert."""
    return tuple(
        Weight(str(grade.label), each, lambda now, links, grade=grade: Q(**{name: grade}))  # type: ignore[misc]
        for grade, each in zip(grades, points, strict=True)
    )


# All that counts: of each line the first that holds. To be blocked takes as much as the gravest level gives.
WEIGHTS: Final[tuple[tuple[Weight, ...], ...]] = (
    _graded("severity", Severity, (40, 30, 20, 10, 0)),
    _graded("outcome", Outcome, (15, 5, -8, -40)),
    (Weight("同一资产 24 小时内几种高危告警", 8, _in_chain),),
    (Weight("处置以后又发生", 10, lambda now, links: not_contained(links)),),
    (Weight("24 小时内发生过", 6, lambda now, links: Q(last_seen__gte=now - STILL)),),
    (Weight("核心资产", 5, lambda now, links: _on(Importance.CRITICAL, links)), Weight("重要资产", 2, lambda now, links: _on(Importance.HIGH, links))),
    (Weight("没人处理", 3, lambda now, links: unattended() & Q(status=AlertStatus.OPEN)),),
    (Weight("已超时", 2, lambda now, links: overdue(now)),),
    (Weight(f"{_OFTEN} 次以上", 2, lambda now, links: Q(count__gte=_OFTEN)),),
)  # fmt: skip


def most_urgent(rows: "QuerySet[Alert]") -> "QuerySet[Alert]":
    """The worst first."""
    now, links = timezone.now(), AlertAsset.objects.order_by()
    points = (_first_of(line, now, links, [each.points for each in line], 0) for line in WEIGHTS)
    return rows.order_by(sum(points, start=Value(0)).desc(), "-last_seen", "-id")


def weighed(rows: "QuerySet[Alert]", ids: Collection[int]) -> "QuerySet[Alert]":
    """Those with these ids, with what `why` tells of each."""
    now, links = timezone.now(), AlertAsset.objects.filter(alert_id__in=ids).order_by()
    places = (_first_of(line, now, links, range(len(line)), None) for line in WEIGHTS)
    found = rows.filter(pk__in=ids)
    return found.annotate(**{f"weight_{number}": place for number, place in enumerate(places)})


def _first_of(
    line: Sequence[Weight], now: datetime, links: Links, values: Iterable[int], otherwise: int | None
) -> Case:
    """The value that belongs to the first weight of a line that holds."""
    whens = (
        When(each.holds(now, links), then=Value(value)) for each, value in zip(line, values, strict=True)
    )
    return Case(*whens, default=Value(otherwise), output_field=IntegerField())


def why(row: Alert) -> str:
    """What counts for one that was read `weighed`: 68 分：严重 40、已得手 15、…; "" for what is closed."""
    if row.status == AlertStatus.CLOSED:
        return ""
    fitting = _fitting(row)
    parts = "、".join(f"{each.words} {each.points}" for each in fitting)
    return f"{_sum(fitting)} 分：{parts}".replace("-", "−")


def words(row: Alert) -> str:
    """What counts most for it, without points: 严重、已得手、24 小时内发生过."""
    return "、".join([each.words for each in _fitting(row) if each.points > 0][:_WORDS])


def _fitting(row: Alert) -> list[Weight]:
    places = ((line, getattr(row, f"weight_{number}", None)) for number, line in enumerate(WEIGHTS))
    return [line[place] for line, place in places if place is not None]


def _sum(fitting: Iterable[Weight]) -> int:
    return sum(each.points for each in fitting)


def judgement(alert_id: int) -> str:
    """严重吗 of one that is not closed: 严重（40 分起算严重）：68 分：严重 40、…, or 不算严重（…）. One query."""
    row = weighed(Alert.objects.order_by(), [alert_id]).get()
    is_grave = _sum(_fitting(row)) >= GRAVE
    return f"{'严重' if is_grave else '不算严重'}（{GRAVE} 分起算严重）：{why(row)}"


def reasons(ids: Collection[int]) -> dict[int, str]:
    """Alert → why. One query."""
    return {row.pk: why(row) for row in weighed(Alert.objects.order_by(), ids)}
