"""Silences: what they may cover and for how long, who decides that, and what they cover now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bifang.core.configuration.entries import EntryFaults
from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertMessage, MessageState, Role, Silence
from secops_agent.models.choices import AlertStatus
from secops_agent.models.people.staff import allows
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import Forbidden
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.coverage import known_value, parts_of, worst_known
from secops_agent.services.on_call.working_days import CLOSES, OPENS, WorkingDays
from secops_agent.services.people.authority import authority_of
from secops_agent.services.people.eligibility import staff_of

LONGEST: Final = timedelta(days=30)
MOST_WEEKS: Final = 26
SCOPES: Final = ("alert", "asset", "tag", "source", "rule", "rule_on", "all")
GRAVE_FOR: Final = timedelta(hours=24)  # 严重 for longer needs an approver
NEEDS_APPROVER: Final = (
    "{what}需要「审批」角色：请由审批人在「静默」页面设置，或{instead}。没有执行任何操作。"
)
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """A silence that may be made: its scope, what it names as we call it, when, and the gravest level that is known there."""

    scope: str
    value: str
    spans: tuple[Span, ...]
    worst: str


def active(now: datetime) -> list[Silence]:
    """Those in force."""
    return list(Silence.objects.filter(starts_at__lte=now, ends_at__gt=now).order_by("-ends_at"))


def look_at_assets(active: Iterable[Silence]) -> bool:
    """Does one of them depend on the assets of an alert?"""
    return any(each.scope in ("asset", "tag", "rule_on") for each in active)


def covering(
    silences: Iterable[Silence], alert: Alert, facts: Facts, *, any_level: bool = False
) -> Silence | None:
    """The silence that holds an alert back. ``any_level``: or would, if it had known of any as grave."""
    fitting = (each for each in silences if any_level or each.takes(alert.severity))
    return next((each for each in fitting if _covers(each, alert, facts)), None)


def covering_all(
    silences: Sequence[Silence],
    alerts: Sequence[Alert],
    facts: Mapping[int, Facts],
    *,
    any_level: bool = False,
) -> Silence | None:
    """The silence that holds a message back: all of it, or the alert that it is named after. Alerts of a group are like its
    first one, whose facts are there. ``any_level`` as in `covering`."""
    first = facts[alerts[0].pk]
    named = next(
        (each for each in silences if each.scope == "alert" and _covers(each, alerts[0], first)), None
    )
    # What is closed wakes nobody, and was no part of what was known when a silence was set.
    alerts = [each for each in alerts if each.status != AlertStatus.CLOSED] or alerts
    if named and (any_level or all(named.takes(each.severity) for each in alerts)):
        return named
    found = [covering(silences, each, facts.get(each.pk, first), any_level=any_level) for each in alerts]
    return found[0] if all(found) else None


def _covers(silence: Silence, alert: Alert, facts: Facts) -> bool:
    match silence.scope:
        case "all":
            return True
        case "alert":
            return str(alert.pk) == silence.value
        case "asset":
            return silence.value in facts.asset_names
        case "tag":
            return silence.value in facts.asset_tags
        case "source":
            return silence.value.casefold() == facts.source.casefold()
        case "rule":
            return silence.value in facts.rules
        case "rule_on":
            rule, asset = parts_of(silence.value)
            return rule in facts.rules and asset in facts.asset_names
    return False


def plan(
    scope: str, value: str, minutes: int, actor: Actor, *, start: datetime | None = None, weeks: int = 1
) -> SilencePlan:
    """What may be made, once or in each of so many weeks; the one place that decides who may. Raises InvalidInput:
    EntryFaults for impossible times, NotFound for what does not exist, Forbidden."""
    length, begin = timedelta(minutes=minutes), start or timezone.now()
    if scope not in SCOPES:
        raise InvalidInput(f"请说明静默什么：{'、'.join(SCOPES)} 之一。")
    if not timedelta(0) < length * weeks <= LONGEST:
        raise EntryFaults([("minutes", f"静默的时长合计应在 1 分钟到 {LONGEST.days} 天之间")])
    if not 1 <= weeks <= MOST_WEEKS or (weeks > 1 and length > timedelta(days=7)):
        raise EntryFaults([("weeks", f"每周重复最多 {MOST_WEEKS} 次，每次不超过 7 天")])
    if not timezone.now() - timedelta(days=1) <= begin <= timezone.now() + timedelta(days=366):
        raise EntryFaults([("starts_at", "开始时间应从现在起，在一年之内")])
    known = known_value(scope, value)
    spans = tuple(
        (begin + timedelta(weeks=week), begin + timedelta(weeks=week) + length) for week in range(weeks)
    )
    if _needs_approver(scope, known, spans) and not allows(authority_of(actor), Role.APPROVER):
        named = f"A{known}" if scope == "alert" else known
        grave = f"对「{named}」的静默合计超过 24 小时，"
        what = ("静默全部", "只静默一条规则或一台资产") if scope == "all" else (grave, "缩短到 24 小时以内")
        raise Forbidden(NEEDS_APPROVER.format(what=what[0], instead=what[1]))
    return SilencePlan(scope, known, spans, worst_known(scope, known))


def usual_ends(now: datetime) -> list[tuple[datetime, str]]:
    """When a silence of now, which is local, usually ends, with the words for it: the end of this day's work, the next morning and the
    next one of a working day; none that comes within two hours."""
    today = now.date()
    days, worth = WorkingDays.between(today, today + timedelta(days=16)), now + timedelta(hours=2)
    closes = datetime.combine(today, CLOSES, now.tzinfo)
    mornings = [
        (number, opens)
        for number in range(17)
        if (opens := datetime.combine(today + timedelta(days=number), OPENS, now.tzinfo)) >= worth
    ]
    working = next((each for each in mornings if days.is_working(each[1].date())), mornings[0])
    ends = [(closes, f"到今天 {CLOSES.hour} 点")] if closes >= worth and days.is_working(today) else []
    ends += [
        (opens, f"到{_morning(number, opens)} {OPENS.hour} 点") for number, opens in {mornings[0], working}
    ]
    return sorted(ends)


def _morning(days: int, at: datetime) -> str:
    """今早, 明早, 周一早上, 02-24 早上."""
    near = f"周{'一二三四五六日'[at.weekday()]}早上" if days < 7 else f" {at:%m-%d} 早上"
    return ("今早", "明早")[days] if days < 2 else near


def _needs_approver(scope: str, value: str, spans: Sequence[Span]) -> bool:
    """Is it too much for one person to decide? What the same thing is silent for already counts: two times a day is
    two days."""
    if scope == "all":
        return True
    rows = Silence.objects.filter(scope=scope, value=value, ends_at__gt=timezone.now())
    known = list(rows.values_list("starts_at", "ends_at"))
    total = _total([*known, *spans])
    return total > GRAVE_FOR and total > _total(known)


def _total(spans: Sequence[Span]) -> timedelta:
    """How long at least one of them lasts."""
    edges = sorted({edge for span in spans for edge in span})
    silent = (
        last - first for first, last in pairwise(edges) if any(a <= first and last <= b for a, b in spans)
    )
    return sum(silent, timedelta(0))


def silence(
    scope: str,
    value: str,
    minutes: int,
    actor: Actor,
    reason: str = "",
    *,
    start: datetime | None = None,
    weeks: int = 1,
) -> Silence:
    """Hold messages back from now, or from ``start`` (a maintenance window); the first one. Raises as `plan`."""
    with transaction.atomic():
        planned = plan(scope, value, minutes, actor, start=start, weeks=weeks)
        rows = [
            Silence.objects.create(
                scope=scope, value=planned.value, starts_at=first, ends_at=last, reason=reason[:300],
                made_by=actor.name, maker=staff_of(actor), worst=planned.worst,
            )
            for first, last in planned.spans
        ]  # fmt: skip
        detail = {"minutes": minutes, "reason": reason[:300]} | ({"weeks": weeks} if weeks > 1 else {})
        keep(actor, f"静默「{rows[0]}」", f"silence:{rows[0].pk}", detail)
    return rows[0]


def end(silence_id: int, actor: Actor) -> None:
    """End it now; what it held back is told at once. Raises InvalidInput if it has ended."""
    now = database_now()
    with transaction.atomic():
        if not Silence.objects.filter(pk=silence_id, ends_at__gt=now).update(ends_at=now):
            raise InvalidInput("这条静默已经结束。")
        keep(actor, "结束静默", f"silence:{silence_id}", {})
        told_later = AlertMessage.objects.filter(silence_id=silence_id, kind="silence")
        told_later.exclude(state=MessageState.ENDED).update(due_at=now)


def count(held: Sequence[Silence]) -> None:
    """One more message was held back by each."""
    for row in held:
        Silence.objects.filter(pk=row.pk).update(held=F("held") + 1)
