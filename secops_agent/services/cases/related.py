"""Suggestions for a case: alerts of the same asset, indicator or rule within a day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from django.db.models import Q, QuerySet

from secops_agent.models import Alert, AlertAsset, AlertIndicator
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts.views import AlertSummary, summaries
from secops_agent.services.cases.views import CaseRef, cases_of

SPAN: Final = timedelta(hours=24)
MOST: Final = 10
_EACH: Final = 200  # what one reason may bring before the newest are chosen
_TELLING: Final = ("ip", "domain", "url", "hash", "email")  # a process or a file name is everywhere


@dataclass(frozen=True, slots=True)
class CaseCandidate:
    """``why``: what it has in common. ``case``: where it is already."""

    alert: AlertSummary
    why: tuple[str, ...]
    case: CaseRef | None


def related_to_alert(alert_id: int) -> tuple[CaseCandidate, ...]:
    """Others, the newest first."""
    return _related(Alert.objects.filter(pk=alert_id))


def related_to_case(case_id: int) -> tuple[CaseCandidate, ...]:
    """Those that are in no case yet."""
    return _related(Alert.objects.filter(case_id=case_id), free=True)


def _related(mine: "QuerySet[Alert]", *, free: bool = False) -> tuple[CaseCandidate, ...]:
    rows = list(
        mine.order_by("-last_seen").values_list("pk", "last_seen", "source", "rule_id", "rule_name")[:50]
    )
    if not rows:
        return ()
    ids = [pk for pk, *_ in rows]
    near = _near(ids, [seen for _, seen, *_ in rows])
    near = near.filter(case=None) if free else near
    # Read first: PostgreSQL would look them up again for every alert that is near.
    assets = set(AlertAsset.objects.filter(alert_id__in=ids).values_list("asset_id", flat=True))
    telling = AlertIndicator.objects.filter(kind__in=_TELLING)
    values = set(telling.filter(alert_id__in=ids).values_list("value", flat=True))
    found: dict[int, list[str]] = {}
    for why, some in (
        ("同一资产", near.filter(pk__in=AlertAsset.objects.filter(asset_id__in=assets).values("alert_id"))),
        ("同一指标", near.filter(pk__in=telling.filter(value__in=values).values("alert_id"))),
        ("同一规则", near.filter(_same_rule([(source, rule, name) for *_, source, rule, name in rows]))),
    ):
        for pk in some.order_by("-last_seen", "-id").values_list("pk", flat=True)[:_EACH]:
            found.setdefault(pk, []).append(why)
    return _views(found, free)


def _near(ids: Sequence[int], seen: Sequence[datetime]) -> "QuerySet[Alert]":
    """Within `SPAN` of one of them: those of a case may lie weeks apart."""
    near = Q()
    for first, last in _runs(sorted(seen)):
        near |= Q(last_seen__gte=first - SPAN, last_seen__lte=last + SPAN)
    return Alert.objects.filter(near).exclude(pk__in=ids)


def _runs(seen: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """The first and the last of those that leave no gap."""
    gaps = [at for at, (one, other) in enumerate(pairwise(seen), 1) if other - one > 2 * SPAN]
    for begin, end in pairwise((0, *gaps, len(seen))):
        yield seen[begin], seen[end - 1]


def _same_rule(rules: Sequence[tuple[str, str, str]]) -> Q:
    same = Q(pk=None)
    for source, rule_id, name in dict.fromkeys(rules):
        if rule_id or name:
            same |= Q(source=source, rule_id=rule_id) if rule_id else Q(source=source, rule_name=name)
    return same


def _views(found: dict[int, list[str]], free: bool) -> tuple[CaseCandidate, ...]:
    """What has the most in common first, then what is still open, then the newest."""
    rows = (
        Alert.objects.select_related("assignee", "case__owner")
        .filter(pk__in=list(found))
        .order_by("-last_seen", "-id")
    )
    best = sorted(rows, key=lambda row: (-len(found[row.pk]), row.status == AlertStatus.CLOSED))[:MOST]
    cases = {} if free else cases_of(row.pk for row in best)
    return tuple(CaseCandidate(view, tuple(found[view.id]), cases.get(view.id)) for view in summaries(best))
