"""Reports: made once, kept, and shown with the same numbers for ever."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from django.utils import timezone
from pydantic import TypeAdapter

from secops_agent.models import SecurityReport
from secops_agent.services.faults import NotFound
from secops_agent.services.reports.alert_counting import count_alerts, standing
from secops_agent.services.reports.figures import Figures, OpenWork, PeriodReport, total
from secops_agent.services.reports.periods import Period, period_of
from secops_agent.services.reports.work_counting import (
    MOST_TOLD,
    cases_of,
    count_flaws,
    count_work,
    exploited_at,
    moments_of,
    rota_of,
)

_JSON: Final = TypeAdapter(Figures)


def make(name: str, now: datetime | None = None) -> PeriodReport:
    """The report of a period, kept. The same row again for a period that is over. Raises InvalidInput."""
    report = look(name, now)
    if report.pk is not None:
        return report
    period = report.period
    row, _ = SecurityReport.objects.get_or_create(
        kind=period.kind, starts_at=period.start, ends_at=period.end,
        defaults={name: _JSON.dump_python(getattr(report, name), mode="json") for name in ("figures", "earlier")},
    )  # fmt: skip
    return read(row)


def look(name: str, now: datetime | None = None) -> PeriodReport:
    """The same without keeping it: as it was made, or counted now. Raises InvalidInput."""
    moment = now or timezone.now()
    period = period_of(name, moment)
    row = _row(period)
    if row is not None:
        return read(row)
    earlier = _row(period.before)
    if earlier is not None:  # as its own report showed them
        return PeriodReport(None, period, count(period), read(earlier).figures, moment)
    figures, before = _count_each(period, period.before)
    return PeriodReport(None, period, figures, before, moment)


def get(pk: int) -> PeriodReport:
    """One that was made. Raises NotFound."""
    row = SecurityReport.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"没有编号为 {pk} 的报告。")
    return read(row)


def count(period: Period) -> Figures:
    """All numbers of a period, from what is stored now."""
    return _count_each(period)[0]


def _count_each(*periods: Period) -> list[Figures]:
    """`count` of several; the first is not only compared with."""
    rota, first = rota_of(*periods), periods[0]
    course = moments_of(first)
    moments = [*(each.end for each in periods[1:]), *course]
    left, exploited = standing(moments), exploited_at(moments)
    flaws = count_flaws(periods, exploited)
    counted = [
        Figures(
            count_alerts(each, *left[each.end], worst=each is first), of_flaws, count_work(each, rota if each is first else []),
        )
        for each, of_flaws in zip(periods, flaws, strict=True)
    ]  # fmt: skip
    cases = cases_of(first)
    works = (OpenWork(total(left[at][0]), total(left[at][1]), exploited[at].findings) for at in course)
    told = replace(counted[0], course=tuple(works), cases=cases[:MOST_TOLD], all_cases=len(cases))
    return [told, *counted[1:]]


def _row(period: Period) -> SecurityReport | None:
    return SecurityReport.objects.filter(kind=period.kind, starts_at=period.start, ends_at=period.end).first()


def read(row: SecurityReport) -> PeriodReport:
    """A row as it was made."""
    period = Period(row.kind, row.starts_at, row.ends_at)  # type: ignore[arg-type]  # one of its choices
    figures, earlier = (_JSON.validate_python(each) for each in (row.figures, row.earlier))
    return PeriodReport(row.pk, period, figures, earlier, row.made_at)
