"""Counts of people's work in a period: decisions, actions, silences, escalations, shifts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from bifang.core.database.rows import count_each
from secops_agent.models import (
    Action,
    ActionState,
    Alert,
    AlertMessage,
    Asset,
    BlockRecord,
    BlockState,
    Case,
    Finding,
    Investigation,
    InvestigationState,
    Proposal,
    ProposalState,
    Risk,
    Silence,
)
from secops_agent.models.choices import FindingState, Importance
from secops_agent.services.alerts.queries import clocks
from secops_agent.services.cases.views import private_values, summaries
from secops_agent.services.clock import clock
from secops_agent.services.on_call.schedules import enabled_schedules
from secops_agent.services.on_call.shifts import Shift, on_call_at, shifts_of, within
from secops_agent.services.privacy import mask
from secops_agent.services.reports.alert_counting import GRAVE, TOP, ordered, place, public_name
from secops_agent.services.reports.figures import (
    ActionTold,
    CaseTold,
    Counts,
    DutyLoad,
    ExploitedFlaw,
    FlawFigures,
    LateFlaw,
    WorkFigures,
)
from secops_agent.services.reports.periods import Period
from secops_agent.services.vulnerabilities.priority import graver, rank
from secops_agent.services.vulnerabilities.states import SETTLED
from secops_agent.services.vulnerabilities.tallies import standing

MOST_TOLD: Final = 10  # actions and cases that are named
MOST_CASES: Final = 500  # that are looked through, the newest
MOST_HOSTS: Final = 2  # that are named of one flaw
MOMENTS: Final = 8  # of a course
_DECIDED: Final = (ProposalState.APPROVED, ProposalState.REJECTED, ProposalState.EXPIRED)


def count_work(period: Period, rota: Sequence[Shift]) -> WorkFigures:
    """All numbers about what was done. ``rota``: the shifts of all schedules, in the period and beside it."""
    shifts = within(rota, period.start, period.end)
    duty = [shift for shift in shifts if shift.staff and shift.start < shift.end]
    quiet = Silence.objects.filter(starts_at__lt=period.end, ends_at__gt=period.start)
    raised = AlertMessage.objects.filter(
        kind="escalation", burst="", opened_at__gte=period.start, opened_at__lt=period.end
    )
    begun = Action.objects.filter(created_at__gte=period.start, created_at__lt=period.end)
    states = sorted(ActionState.values)
    actions = [begun.filter(state=state) for state in states]
    looked = Investigation.objects.filter(
        state=InvestigationState.DONE, requested_at__gte=period.start, requested_at__lt=period.end
    )
    asked = [*(_decided(period, state) for state in _DECIDED), quiet, raised, looked, *actions]
    approved, rejected, expired, silences, escalations, investigations, *done = count_each(
        [rows.values("pk") for rows in asked]
    )
    return WorkFigures(
        approved=approved,
        rejected=rejected,
        expired=expired,
        actions=tuple(pair for pair in zip(states, done, strict=True) if pair[1]),
        silences=silences,
        held=quiet.aggregate(held=Sum("held"))["held"] or 0,
        escalations=escalations,
        duty=_duty(zip(duty, _begun(period, duty), strict=True)),
        investigations=investigations,
        told=tuple(_told(each) for each in begun.order_by("-created_at", "-pk")[:MOST_TOLD]),
        blocks=_blocks(period),
        on_call=_on_call() if rota else "",
    )


def _on_call() -> str:
    """Who is on call when the report is made, of all schedules."""
    shifts = (on_call_at(schedule, timezone.now()) for schedule in enabled_schedules())
    return "、".join(dict.fromkeys(public_name(each.staff.name) for each in shifts if each.staff))


def _blocks(period: Period) -> Counts:
    """Of the ledger: what began and what ended in the period, and what is in force now, with what its device does not confirm."""
    rows = BlockRecord.objects.exclude(state__in=(BlockState.DRY, BlockState.EXTENDED))
    begun = rows.filter(since__gte=period.start, since__lt=period.end)
    ended = rows.filter(ended_at__gte=period.start, ended_at__lt=period.end)
    standing = rows.filter(state=BlockState.ACTIVE, since__lt=period.end)
    every = {
        "封禁 IP": begun.filter(kind="block_ip").exclude(state=BlockState.FAILED),
        "隔离主机": begun.filter(kind="isolate_host").exclude(state=BlockState.FAILED),
        "没有成功": begun.filter(state=BlockState.FAILED), "到期解除": ended.filter(state=BlockState.EXPIRED),
        "人工解除": ended.filter(state=BlockState.LIFTED), "误封": ended.exclude(mistaken_by=""),
        "生效中": standing, "设备上没有": standing.filter(stands=False), "没有核实": standing.filter(stands=None),
    }  # fmt: skip
    counted = count_each([each.values("pk") for each in every.values()])
    return tuple((word, number) for word, number in zip(every, counted, strict=True) if number)


def _told(row: Action) -> ActionTold:
    return ActionTold(clock(row.created_at), public_name(row.summary), row.state, row.asker, row.approver)


def cases_of(period: Period) -> tuple[CaseTold, ...]:
    """Those that went on in the period, what is open and grave first."""
    rows = Case.objects.select_related("owner").filter(merged_into=None, created_at__lt=period.end)
    found = summaries(list(rows.filter(Q(closed_at=None) | Q(closed_at__gte=period.start))[:MOST_CASES]))
    hidden = private_values(each.id for each in found)
    return tuple(
        CaseTold(
            each.code, mask(each.title, hidden, "〔个人信息〕"), each.severity, each.status, each.verdict, each.owner,
            each.alerts, not each.is_closed, each.created_at >= period.start,
        )
        for each in sorted(found, key=lambda each: (each.is_closed, -rank(each.severity), -each.id))
    )  # fmt: skip


def _decided(period: Period, state: ProposalState) -> QuerySet[Proposal]:
    """Dangerous operations by when they were decided, or were over without."""
    span = {"decided_at__gte": period.start, "decided_at__lt": period.end}
    return Proposal.objects.filter(risk=Risk.DANGEROUS, state=state, **span)


def _begun(period: Period, duty: Sequence[Shift]) -> list[int]:
    """How many grave alerts began in each shift, of those that began in the period: their severity names too many."""
    if not duty:
        return []
    begun = [clocks.within("new", each.start, each.end) & Q(severity__in=GRAVE) for each in duty]
    counts = {f"of_{place}": Count("pk", filter=each) for place, each in enumerate(begun)}
    found = Alert.objects.filter(clocks.within("new", period.start, period.end)).aggregate(**counts)
    return [found[name] for name in counts]


def _duty(shifts: Iterable[tuple[Shift, int]]) -> tuple[DutyLoad, ...]:
    """``shifts``: each with its alerts."""
    minutes: Counter[int] = Counter()
    alerts: Counter[int] = Counter()
    names: dict[int, str] = {}
    for shift, begun in shifts:
        assert shift.staff is not None
        names[shift.staff.pk] = shift.staff.name
        minutes[shift.staff.pk] += round((shift.end - shift.start).total_seconds() / 60)
        alerts[shift.staff.pk] += begun
    return tuple(
        DutyLoad(public_name(names[pk]), round(number / 60, 1), alerts[pk])
        for pk, number in minutes.most_common(TOP)
    )


def rota_of(*periods: Period) -> list[Shift]:
    """The shifts of all schedules in use, from the first of these periods to the last."""
    start, end = min(each.start for each in periods), max(each.end for each in periods)
    if start == end:  # midnight itself
        return []
    found = shifts_of(enabled_schedules(), start, end)
    return [shift for each in found.values() for shift in each]


# What the findings and assets of a period come to.

_IMPORTANT: Final = (Importance.CRITICAL, Importance.HIGH)
_BY_IMPORTANCE: Final = {value: place for place, value in enumerate(Importance.values)}


def count_flaws(periods: Sequence[Period], exploited: Mapping[datetime, "Exploited"]) -> list[FlawFigures]:
    """All numbers about findings. ``exploited``: those of `exploited_at` the ends. What is worst is of the first only."""
    counted, hosts = _by_level(periods), _new_assets(periods)
    found = [
        FlawFigures(
            **counts,
            kev_findings=exploited[each.end].findings,
            kev_assets=exploited[each.end].assets,
            kev_important=exploited[each.end].important,
            exploited=(),
            new_assets=new,
        )
        for each, counts, new in zip(periods, counted, hosts, strict=True)
    ]
    end = periods[0].end
    left = Finding.objects.filter(_open(end), first_seen__lt=end)
    worst = left.filter(vulnerability__kev=True, asset__importance__in=_IMPORTANT)
    late = _late(left.filter(due_at__lte=end), end)
    levels, kev = standing()
    first = replace(
        found[0], exploited=_most_exploited(worst), late=late, open_now=sum(levels.values()), kev_now=kev
    )
    return [first, *found[1:]]


def _by_level(periods: Sequence[Period]) -> list[dict[str, Any]]:
    """What began, is gone, was open and overdue of each period: the findings are read once."""
    asked: list[tuple[int, str, Q]] = []
    for number, each in enumerate(periods):
        left = _open(each.end) & Q(first_seen__lt=each.end)
        gone = Q(state=FindingState.GONE, gone_at__gte=each.start, gone_at__lt=each.end)
        parts = {"new": Q(first_seen__gte=each.start, first_seen__lt=each.end), "gone": gone, "open": left}
        asked += [(number, name, of) for name, of in parts.items()]
        asked.append((number, "overdue", left & Q(due_at__lte=each.end)))
    counts = {f"{name}_{number}": Count("pk", filter=of) for number, name, of in asked}
    found: list[dict[str, Any]] = [{"gone": 0, "new": {}, "open": {}, "overdue": {}} for _ in periods]
    rows = Finding.objects.order_by().values_list("severity").annotate(**counts)
    for severity, *numbers in rows:
        for (number, name, _), counted in zip(asked, numbers, strict=True):
            if name == "gone":
                found[number][name] += counted
            else:
                found[number][name][severity] = counted
    return [each | {name: ordered(each[name]) for name in ("new", "open", "overdue")} for each in found]


def _new_assets(periods: Sequence[Period]) -> list[int]:
    return count_each(
        [
            Asset.objects.filter(first_seen__gte=each.start, first_seen__lt=each.end).values("pk")
            for each in periods
        ]
    )


def _open(at: datetime) -> Q:
    """What was open then, of findings that had begun."""
    since_gone = Q(state=FindingState.GONE, gone_at__gte=at, suppressed=False) & ~Q(decision__in=SETTLED)
    return Q(active=True) | since_gone


def _late(rows: QuerySet[Finding], at: datetime) -> tuple[LateFlaw, ...]:
    """By vulnerability; of what is none, by its title."""
    named = rows.annotate(
        name=Coalesce("vulnerability__vuln_id", "title"), kev=Coalesce("vulnerability__kev", False)
    ).order_by()
    counted = named.values_list("name", "kev").annotate(
        most=Max("priority"), number=Count("asset_id", distinct=True), oldest=Min("due_at")
    )
    found = list(counted.order_by("-kev", "-most", "oldest", "name")[:TOP])
    names = [name for name, *_ in found]
    levels, owners = dict[str, str](), dict[str, Counter[str]]()
    each = named.filter(name__in=names).values_list("name", "severity", "asset__owner__name")
    for name, severity, owner, number in each.annotate(Count("asset_id", distinct=True)):
        levels[name] = graver(severity, levels.get(name, severity))
        owners.setdefault(name, Counter())[owner or ""] += number
    return tuple(
        LateFlaw(
            public_name(name),
            levels[name],
            kev,
            number,
            (at - oldest).days,
            owners[name].most_common(1)[0][0],
            _hosts(named.filter(name=name)) if name == names[0] else (),
        )
        for name, kev, _, number, oldest in found
    )


def moments_of(period: Period) -> list[datetime]:
    """The ends of `MOMENTS` equal parts of the period."""
    step = (period.end - period.start) / MOMENTS
    return [period.start + step * number for number in range(1, MOMENTS)] + [period.end]


class Exploited(NamedTuple):
    """Open findings of the KEV catalogue, on how many assets, on how many important ones."""

    findings: int
    assets: int
    important: int


def exploited_at(moments: Sequence[datetime]) -> dict[datetime, Exploited]:
    """What there was at each moment, the earliest first; the findings are read once."""
    begun = Finding.objects.filter(_open(moments[0]), first_seen__lt=moments[-1], vulnerability__kev=True)
    ended = place("gone_at__lt", moments, never=Q(active=True))
    rows = begun.annotate(began=place("first_seen__lt", moments), ended=ended).order_by()
    numbers, hosts = [0] * len(moments), [dict[int, str]() for _ in moments]
    for asset, importance, first, last, number in rows.values_list(
        "asset_id", "asset__importance", "began", "ended"
    ).annotate(Count("pk")):
        for at in range(first, last):
            numbers[at] += number
            hosts[at][asset] = importance
    return {
        at: Exploited(number, len(known), sum(each in _IMPORTANT for each in known.values()))
        for at, number, known in zip(moments, numbers, hosts, strict=True)
    }


def _most_exploited(rows: QuerySet[Finding]) -> tuple[ExploitedFlaw, ...]:
    names = ("vulnerability__vuln_id", "vulnerability__ransomware")
    counted = rows.order_by().values_list(*names).annotate(number=Count("asset_id", distinct=True))
    found = [
        ExploitedFlaw(vuln_id, number, ransomware)
        for vuln_id, ransomware, number in counted.order_by("-number", names[0])[:TOP]
    ]
    of_first = rows.filter(vulnerability__vuln_id=found[0].vuln_id) if found else rows
    return tuple(replace(each, hosts=_hosts(of_first), owner=_owner(of_first)) for each in found[:1]) + tuple(
        found[1:]
    )


def _hosts(rows: QuerySet[Finding]) -> tuple[str, ...]:
    """The first assets that they are on, those that matter most before the others."""
    named = rows.order_by().values_list("asset__name", "asset__importance").distinct()
    found = sorted(named, key=lambda each: (_BY_IMPORTANCE.get(each[1], len(_BY_IMPORTANCE)), each[0]))
    return tuple(public_name(name) for name, _ in found[:MOST_HOSTS])


def _owner(rows: QuerySet[Finding]) -> str:
    """Who has most of their assets, "" where nobody has."""
    owners = (
        rows.order_by().values_list("asset__owner__name").annotate(number=Count("asset_id", distinct=True))
    )
    name = (
        owners.order_by("-number", "asset__owner__name").values_list("asset__owner__name", flat=True).first()
    )
    return public_name(name or "")
