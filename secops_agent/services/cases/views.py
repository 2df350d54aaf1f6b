"""Views of cases: frozen values for tools, pages and the API."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from secops_agent.models import Alert, AlertAsset, AlertIndicator, Asset, Case, CaseStatus, CaseTask
from secops_agent.models.choices import AlertStatus, AssetType
from secops_agent.services.alerts.views import AlertSummary, IndicatorView
from secops_agent.services.alerts.views import summaries as alert_summaries
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.assets.views import summaries as asset_summaries
from secops_agent.services.faults import NotFound
from secops_agent.services.privacy import NEEDS_ROLE, PRIVATE_INDICATORS, mask, public
from secops_agent.services.vulnerabilities.priority import graver, rank

MOST_ALERTS: Final = 200  # shown of one case
MOST_INDICATORS: Final = 200
MOST_ASSETS: Final = 200


def code_of(case_id: int) -> str:
    """E12: how a case is named everywhere."""
    return f"E{case_id}"


def unknown(case_id: int) -> NotFound:
    """To raise for a number that no case has."""
    return NotFound(f"没有编号为 {code_of(case_id)} 的事件。")


@dataclass(frozen=True, slots=True)
class CaseRef:
    """Just enough to name it."""

    id: int
    title: str
    status: str

    @property
    def code(self) -> str:
        """E12."""
        return code_of(self.id)

    @property
    def is_closed(self) -> bool:
        """Is it over?"""
        return self.status == CaseStatus.CLOSED


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One line of a list. ``severity`` "": it has no alerts, and nobody said how grave it is."""

    id: int
    title: str
    severity: str
    status: str
    verdict: str
    owner: str
    owner_id: int | None
    created_at: datetime
    closed_at: datetime | None
    alerts: int
    open_alerts: int
    tasks: int
    open_tasks: int
    merged_into: int | None

    @property
    def code(self) -> str:
        """E12."""
        return code_of(self.id)

    @property
    def is_closed(self) -> bool:
        """Is it over?"""
        return self.status == CaseStatus.CLOSED

    @property
    def ref(self) -> CaseRef:
        """Its name alone."""
        return CaseRef(self.id, self.title, self.status)


@dataclass(frozen=True, slots=True)
class CaseTaskView:
    """Something to do; ``done_by`` is a name."""

    id: int
    text: str
    assignee: str
    assignee_id: int | None
    due_at: datetime | None
    done_at: datetime | None
    done_by: str

    @property
    def is_late(self) -> bool:
        """Should it be done by now?"""
        return self.done_at is None and self.due_at is not None and self.due_at < timezone.now()


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """Everything about one case but its timeline. ``lost``: alerts that it had when it was closed, and that are gone
    or in another case by now. ``people``: who has something of it in hand."""

    summary: CaseSummary
    text: str
    made_by: str
    severity_set: bool
    lost: int
    alerts: tuple[AlertSummary, ...]
    tasks: tuple[CaseTaskView, ...]
    merged: tuple[CaseRef, ...]
    assets: tuple[AssetSummary, ...]
    indicators: tuple[IndicatorView, ...]
    techniques: tuple[str, ...]
    people: tuple[str, ...] = field(default=())


def ref_of(row: Case) -> CaseRef:
    """The name of a row."""
    return CaseRef(row.pk, row.title, row.status)


def cases_of(alert_ids: Iterable[int]) -> dict[int, CaseRef]:
    """Alert id → its case, of those that have one."""
    rows = Alert.objects.filter(pk__in=set(alert_ids), case__isnull=False)
    told = rows.values_list("pk", "case_id", "case__title", "case__status")
    return {pk: CaseRef(case_id, title, status) for pk, case_id, title, status in told if case_id}


def summaries(rows: Sequence[Case]) -> list[CaseSummary]:
    """Views of rows that were read with their owner; two queries for the counts of all."""
    return _summaries(rows, _task_counts([row.pk for row in rows]))


def _summaries(rows: Sequence[Case], to_do: Mapping[int, tuple[int, int]]) -> list[CaseSummary]:
    counts, gravest = _alert_counts([row.pk for row in rows])
    return [
        CaseSummary(
            id=row.pk, title=row.title, severity=row.severity or gravest.get(row.pk, ""), status=row.status,
            verdict=row.verdict, owner=row.owner.name if row.owner else "", owner_id=row.owner_id,
            created_at=row.created_at, closed_at=row.closed_at, alerts=counts[row.pk, True],
            open_alerts=counts[row.pk, False], tasks=to_do.get(row.pk, (0, 0))[0],
            open_tasks=to_do.get(row.pk, (0, 0))[1], merged_into=row.merged_into_id,
        )
        for row in rows
    ]  # fmt: skip


def _task_counts(ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Case → tasks, and those that are not done."""
    rows = CaseTask.objects.filter(case_id__in=ids).order_by().values_list("case_id")
    counted = rows.annotate(every=Count("pk"), undone=Count("pk", filter=Q(done_at=None)))
    return {pk: (every, undone) for pk, every, undone in counted}


def _alert_counts(ids: Sequence[int]) -> tuple[Counter[tuple[int, bool]], dict[int, str]]:
    """(case, all or only open ones) → how many alerts; case → its gravest severity."""
    counts: Counter[tuple[int, bool]] = Counter()
    gravest: dict[int, str] = {}
    rows = Alert.objects.filter(case_id__in=ids).order_by().values_list("case_id", "severity", "status")
    for case_id, severity, status, number in rows.annotate(Count("pk")):
        assert case_id is not None
        counts[case_id, True] += number
        counts[case_id, False] += number if status != AlertStatus.CLOSED else 0
        gravest[case_id] = graver(severity, gravest.get(case_id, severity))
    return counts, gravest


def read(case_id: int) -> Case:
    """The row with its owner. Raises NotFound."""
    row = Case.objects.select_related("owner").filter(pk=case_id).first()
    if row is None:
        raise unknown(case_id)
    return row


def get(case_id: int, *, private: bool = False) -> CaseDetail:
    """Everything about one case; ``private``: who reads it may read private parts (`privacy`). Raises NotFound."""
    detail = _whole(case_id)
    if private:
        return detail
    hidden = private_values([case_id])
    tasks = tuple(replace(each, text=mask(each.text, hidden, NEEDS_ROLE)) for each in detail.tasks)
    return replace(public(detail), text=mask(detail.text, hidden, NEEDS_ROLE), tasks=tasks)


def _whole(case_id: int) -> CaseDetail:
    row, merged = _with_merged(case_id)
    tasks = task_views(case_id)
    summary = _summaries([row], {case_id: (len(tasks), sum(not each.done_at for each in tasks))})[0]
    rows = _alerts_of(case_id)
    alerts = tuple(alert_summaries(rows))
    names = (summary.owner, *(each.assignee for each in alerts), *(each.assignee for each in tasks))
    return CaseDetail(
        summary=summary,
        text=row.summary,
        made_by=row.made_by,
        severity_set=bool(row.severity),
        lost=max(0, row.closed_count - summary.alerts) if summary.is_closed and not row.merged_into_id else 0,
        alerts=alerts,
        tasks=tasks,
        merged=tuple(map(ref_of, merged)),
        assets=_assets_of(case_id),
        indicators=_indicators_of(case_id),
        techniques=_joined(alert.techniques for alert in rows),
        people=tuple(dict.fromkeys(name for name in names if name)),
    )


def _with_merged(case_id: int) -> tuple[Case, list[Case]]:
    """The row with its owner, and those that were merged into it. Raises NotFound."""
    rows = Case.objects.select_related("owner").filter(Q(pk=case_id) | Q(merged_into=case_id)).order_by("pk")
    found = list(rows)
    row = next((each for each in found if each.pk == case_id), None)
    if row is None:
        raise unknown(case_id)
    return row, [each for each in found if each is not row]


def _alerts_of(case_id: int) -> list[Alert]:
    """The oldest first."""
    rows = (
        Alert.objects.select_related("assignee", "case__owner")
        .filter(case_id=case_id)
        .order_by("first_seen", "pk")
    )
    return list(rows[:MOST_ALERTS])


def task_views(case_id: int) -> tuple[CaseTaskView, ...]:
    """What is to be done first, in the order in which it was added."""
    rows = CaseTask.objects.select_related("assignee").filter(case_id=case_id).order_by("pk")
    views = [_task(row) for row in rows]
    return (*(each for each in views if not each.done_at), *(each for each in views if each.done_at))


def _task(row: CaseTask) -> CaseTaskView:
    name = row.assignee.name if row.assignee else ""
    return CaseTaskView(row.pk, row.text, name, row.assignee_id, row.due_at, row.done_at, row.done_by)


def _of_its_alerts(case_id: int) -> "QuerySet[Alert]":
    return Alert.objects.filter(case_id=case_id)


def _assets_of(case_id: int) -> tuple[AssetSummary, ...]:
    """The most important first."""
    linked = AlertAsset.objects.filter(alert__in=_of_its_alerts(case_id)).values("asset_id")
    rows = Asset.objects.select_related("owner").filter(pk__in=linked).order_by("name", "pk")
    found = asset_summaries(rows[:MOST_ASSETS])
    return tuple(sorted(found, key=lambda each: -rank(each.importance)))


def _indicators_of(case_id: int) -> tuple[IndicatorView, ...]:
    rows = AlertIndicator.objects.filter(alert__in=_of_its_alerts(case_id)).order_by("kind", "value")
    found = rows.values_list("kind", "value").distinct()[:MOST_INDICATORS]
    return tuple(IndicatorView(kind, value) for kind, value in found)


def techniques_of(case_id: int) -> tuple[str, ...]:
    """Of its alerts."""
    return _joined(_of_its_alerts(case_id).values_list("techniques", flat=True)[:MOST_ALERTS])


def _joined(lists: Iterable[Iterable[object]]) -> tuple[str, ...]:
    return tuple(sorted({str(each) for found in lists for each in found}))


def private_values(case_ids: Iterable[int]) -> tuple[str, ...]:
    """Accounts and addresses of people in the alerts of these cases: what a group and a report do not read."""
    mine = Alert.objects.filter(case_id__in=set(case_ids))
    told = AlertIndicator.objects.filter(alert__in=mine, kind__in=PRIVATE_INDICATORS)
    linked = AlertAsset.objects.filter(alert__in=mine).values("asset_id")
    accounts = Asset.objects.filter(pk__in=linked, asset_type=AssetType.ACCOUNT)
    return tuple(
        value
        for (value,) in told.order_by().values_list("value").union(accounts.order_by().values_list("name"))
    )
