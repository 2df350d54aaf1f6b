"""What people did in a period: decisions, actions, silences, escalations, shifts."""

from collections import Counter

from django.db.models import Count, Sum

from secops_agent.models import Action, Alert, AlertMessage, Proposal, ProposalState, Risk, Silence
from secops_agent.services.on_call.schedules import enabled_schedules
from secops_agent.services.on_call.shifts import Shift, shifts
from secops_agent.services.reports.alert_counting import GRAVE, TOP, by_severity, public_name
from secops_agent.services.reports.figures import Counts, DutyLoad, WorkFigures
from secops_agent.services.reports.periods import Period


def count_work(period: Period) -> WorkFigures:
    """All numbers about what was done."""
    decided = _decisions(period)
    quiet = Silence.objects.filter(starts_at__lt=period.end, ends_at__gt=period.start)
    raised = AlertMessage.objects.filter(
        kind="escalation", opened_at__gte=period.start, opened_at__lt=period.end
    )
    return WorkFigures(
        approved=decided[ProposalState.APPROVED],
        rejected=decided[ProposalState.REJECTED],
        expired=decided[ProposalState.EXPIRED],
        actions=_actions(period),
        silences=quiet.count(),
        held=quiet.aggregate(held=Sum("held"))["held"] or 0,
        escalations=raised.count(),
        duty=_duty(period),
    )


def _decisions(period: Period) -> "Counter[str]":
    """Of dangerous operations, by when they were decided, or were over without."""
    dangerous = Proposal.objects.filter(risk=Risk.DANGEROUS)
    decided = dangerous.filter(decided_at__gte=period.start, decided_at__lt=period.end)
    return Counter(dict(decided.order_by().values_list("state").annotate(number=Count("pk"))))


def _actions(period: Period) -> Counts:
    rows = Action.objects.filter(created_at__gte=period.start, created_at__lt=period.end)
    return tuple(rows.order_by().values_list("state").annotate(number=Count("pk")).order_by("state"))


def _duty(period: Period) -> tuple[DutyLoad, ...]:
    hours: Counter[int] = Counter()
    alerts: Counter[int] = Counter()
    names: dict[int, str] = {}
    for shift in _shifts(period):
        if shift.staff is None:
            continue
        names[shift.staff.pk] = shift.staff.name
        hours[shift.staff.pk] += round((shift.end - shift.start).total_seconds() / 60)
        begun = Alert.objects.filter(first_seen__gte=shift.start, first_seen__lt=shift.end)
        alerts[shift.staff.pk] += sum(number for level, number in by_severity(begun) if level in GRAVE)
    return tuple(
        DutyLoad(public_name(names[pk]), round(minutes / 60, 1), alerts[pk])
        for pk, minutes in hours.most_common(TOP)
    )


def _shifts(period: Period) -> list[Shift]:
    if period.start == period.end:  # midnight itself
        return []
    return [each for rota in enabled_schedules() for each in shifts(rota, period.start, period.end)]
