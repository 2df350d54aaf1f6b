"""Alerts: lists, one alert, statistics, and what people do with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, QuerySet, When
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertAsset, AlertPayload, Investigation, InvestigationState, Staff
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import tallies
from secops_agent.services.alerts.search import find, narrowed
from secops_agent.services.alerts.statistics import GROUPINGS, Statistics, statistics
from secops_agent.services.alerts.tallies import Counted
from secops_agent.services.alerts.views import (
    AlertDetail,
    AlertSummary,
    IndicatorView,
    indicator_views,
    summaries,
)
from secops_agent.services.assets import inventory
from secops_agent.services.audit import history
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.intelligence.matching import hits_in_force, hits_of
from secops_agent.services.notifications.matching import Changed, note_changes
from secops_agent.services.pages import Page, count_of, cut, demand_limit, order_of
from secops_agent.services.people.directory import find_staff
from secops_agent.services.people.eligibility import listed
from secops_agent.services.records import SEVERITIES
from secops_agent.services.writing import assign as set_values

__all__ = [
    "GROUPINGS",
    "AlertDetail",
    "AlertFilter",
    "AlertSummary",
    "IndicatorView",
    "Statistics",
    "acknowledge",
    "assign",
    "close",
    "comment",
    "get",
    "reopen",
    "restore",
    "search",
    "statistics",
    "unassign",
]  # fmt: skip
# Both directions of the one index.
ORDERS = {"-last_seen": ("-last_seen", "-id"), "last_seen": ("last_seen", "id")}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Empty values do not filter. ``since`` (inclusive) and ``until`` (exclusive) are of ``last_seen``.

    ``keyword``: part of title, rule, source or description (`alert_words`), or an indicator. ``asset``: name, IP or id.
    ``listed``: something in them is on a list of indicators in force.
    ``due_by``: not closed, the time limit not yet over but before then. ``urgent``: gravest first, then by time limit.
    """

    severities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    keyword: str = ""
    asset: str = ""
    asset_id: int | None = None
    source: str = ""
    verdicts: tuple[str, ...] = ()
    assignee_id: int | None = None
    unassigned: bool = False
    overdue: bool = False
    due_by: datetime | None = None
    urgent: bool = False
    listed: bool = False
    order: str = "-last_seen"
    limit: int = 20
    cursor: str = ""


def search(wanted: AlertFilter) -> Page[AlertSummary]:
    """Newest first. Raises InvalidInput, NotFound for an asset that does not exist."""
    rows, order, keyword = _matching(wanted), order_of(wanted.order, ORDERS), wanted.keyword.strip()
    demand_limit(wanted.limit)
    if wanted.urgent:
        return _most_urgent(narrowed(rows, keyword) if keyword else rows, wanted.limit)
    found = find(rows, order, wanted.limit, wanted.cursor, keyword) if keyword else None
    chosen = (found.rows if found else rows).select_related("assignee")
    return cut(chosen, order, wanted.limit, wanted.cursor, summaries, count=found.total if found else rows)


def _most_urgent(rows: QuerySet[Alert], limit: int) -> Page[AlertSummary]:
    """Only as many as are shown: there is no second page by cursor."""
    grave = Case(*(When(severity=each, then=rank) for rank, each in enumerate(SEVERITIES)))
    first = rows.order_by(grave, F("due_at").asc(nulls_last=True), "-last_seen", "-id").select_related(
        "assignee"
    )
    total = count_of(rows)
    return Page(tuple(summaries(list(first[:limit]))), total.count, total.capped)


def _matching(wanted: AlertFilter) -> QuerySet[Alert]:
    conditions = {
        "severity__in": wanted.severities,
        "status__in": wanted.statuses,
        "verdict__in": wanted.verdicts,
        "last_seen__gte": wanted.since,
        "last_seen__lt": wanted.until,
        "source": wanted.source,
        "assignee_id": wanted.assignee_id,
    }
    rows = Alert.objects.filter(**{name: value for name, value in conditions.items() if value})
    if wanted.unassigned:
        rows = rows.filter(assignee=None)
    if wanted.overdue:
        rows = rows.filter(due_at__lt=timezone.now()).exclude(status=AlertStatus.CLOSED)
    if wanted.due_by:
        soon = {"due_at__gte": timezone.now(), "due_at__lt": wanted.due_by}
        rows = rows.filter(**soon).exclude(status=AlertStatus.CLOSED)
    if wanted.listed:
        rows = rows.filter(pk__in=hits_in_force().order_by().values("alert_id"))
    asset_id = wanted.asset_id or (inventory.require(wanted.asset).id if wanted.asset.strip() else None)
    if asset_id:
        rows = rows.filter(pk__in=AlertAsset.objects.filter(asset_id=asset_id).values("alert_id"))
    return rows


def get(alert_id: int) -> AlertDetail:
    """Everything about one alert. Raises NotFound."""
    row = _read(alert_id)
    payload = AlertPayload.objects.filter(alert_id=alert_id).first()
    return AlertDetail(
        summary=summaries([row])[0],
        description=row.description,
        indicators=indicator_views(alert_id),
        techniques=tuple(row.techniques),
        references=tuple(row.references),
        acknowledged_at=row.acknowledged_at,
        closed_at=row.closed_at,
        recurred=max(0, row.count - row.closed_count) if row.status == AlertStatus.CLOSED else 0,
        finding=_finding(alert_id),
        listed=tuple(hits_of(alert_id)),
        suppressed_by=row.suppressed_by.name
        if row.suppressed_by and row.status == AlertStatus.CLOSED
        else "",
        raw=payload.raw if payload else None,
        history=history.entries("alert", alert_id),
    )


def _finding(alert_id: int) -> str:
    done = Investigation.objects.filter(alert_id=alert_id, state=InvestigationState.DONE)
    return done.order_by("-finished_at").values_list("conclusion", flat=True).first() or ""


def _read(alert_id: int) -> Alert:
    row = Alert.objects.select_related("assignee", "suppressed_by").filter(pk=alert_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {alert_id} 的告警。")
    return row


def acknowledge(alert_id: int, actor: Actor, note: str = "") -> AlertSummary:
    """Someone looks after it: open → acknowledged; a person owns it if nobody did. Raises NotFound, Conflict."""
    person = _staff_of(actor)

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN)
        taken = {"assignee": person} if person and row.assignee_id is None else {}
        return {"status": AlertStatus.ACKNOWLEDGED, "acknowledged_at": now, **taken}

    return _change(alert_id, actor, "acknowledge", act, note)


def _staff_of(actor: Actor) -> Staff | None:
    corp_id, _, staff_id = actor.ident.partition(":")
    return listed(corp_id, staff_id) if actor.kind == "person" else None


def assign(alert_id: int, assignee: Staff | str, actor: Actor, note: str = "") -> AlertSummary:
    """Give it to someone (a Staff, a name or a staffId). Raises NotFound, Conflict for a closed alert."""
    person = find_staff(assignee) if isinstance(assignee, str) else assignee

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        return {"assignee": person}

    return _change(alert_id, actor, "assign", act, note)


def unassign(alert_id: int, actor: Actor, note: str = "") -> AlertSummary:
    """Take it from whoever has it. Raises NotFound, Conflict."""

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        return {"assignee": None}

    return _change(alert_id, actor, "unassign", act, note)


def close(alert_id: int, verdict: str, actor: Actor, note: str = "") -> AlertSummary:
    """A person's verdict ends it. Raises InvalidInput, NotFound, Conflict."""
    if verdict not in Verdict.values:
        raise InvalidInput(
            f"结论应为 {'、'.join(f'{key}（{label}）' for key, label in Verdict.choices)} 之一。"
        )

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        closed = {"status": AlertStatus.CLOSED, "verdict": verdict, "closed_at": now}
        return closed | {"closed_count": row.count, "closed_by_source": False}

    return _change(alert_id, actor, "close", act, note)


def reopen(alert_id: int, actor: Actor, note: str = "") -> AlertSummary:
    """Open again, without verdict: it was not over (who had it keeps it), or nobody looks after it. Raises NotFound,
    Conflict."""

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.CLOSED, AlertStatus.ACKNOWLEDGED)
        taken_back = {"acknowledged_at": None, "assignee": None} if row.status != AlertStatus.CLOSED else {}
        again = {"status": AlertStatus.OPEN, "verdict": "", "closed_at": None, "closed_by_source": False}
        return again | taken_back

    return _change(alert_id, actor, "reopen", act, note)


def restore(alert_id: int, before: Mapping[str, Any], after: Mapping[str, Any], actor: Actor) -> AlertSummary:
    """Take back what somebody did, if the alert still is as they left it. Raises NotFound, Conflict."""

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        if any(getattr(row, name) != value for name, value in after.items()):
            raise Conflict(f"告警 {row.pk} 之后又被改过，没有撤销。")
        return dict(before)

    return _change(alert_id, actor, "undo", act, "")


def comment(alert_id: int, actor: Actor, note: str) -> AlertSummary:
    """Only a note in the history. Raises NotFound, InvalidInput."""
    if not note.strip():
        raise InvalidInput("备注不能为空。")
    return _change(alert_id, actor, "comment", lambda row, now: {}, note)


def _demand(row: Alert, *allowed: AlertStatus) -> None:
    if row.status not in allowed:
        label = AlertStatus(row.status).label
        raise Conflict(f"告警 {row.pk} 现在是「{label}」，不能这样做。")


def _change(
    alert_id: int, actor: Actor, action: str, act: Callable[[Alert, datetime], dict[str, Any]], note: str
) -> AlertSummary:
    """One conditional update, its history and its counts, together."""
    with transaction.atomic():
        row = Alert.objects.select_for_update().filter(pk=alert_id).first()
        if row is None:
            raise NotFound(f"没有编号为 {alert_id} 的告警。")
        linked = list(AlertAsset.objects.filter(alert_id=alert_id).values_list("asset_id", flat=True))
        before, old_status, old_name = Counted.of(row, linked), row.status, _name(row)
        changes = set_values(row, act(row, timezone.now()))
        if changes:
            new = {name: value for name, (_, value) in changes.items()}
            if not Alert.objects.filter(pk=alert_id, status=old_status).update(**new):
                raise Conflict(f"告警 {alert_id} 刚刚被别人改过，请再看一次。")
        if "assignee" in changes or "assignee_id" in changes:
            changes["assignee"] = (old_name, _name(row))
        history.record("alert", alert_id, actor, action, _told(changes), note)
        tallies.change([(before, Counted.of(row, linked))])
        is_back = old_status == AlertStatus.CLOSED and row.status != AlertStatus.CLOSED
        happened = {"reopened"} if is_back else set()
        note_changes([Changed(row, frozenset(happened))], timezone.now())
    return summaries([_read(alert_id)])[0]


def _name(row: Alert) -> str:
    return row.assignee.name if row.assignee else ""


def _told(changes: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    return {name: change for name, change in changes.items() if name in ("status", "verdict", "assignee")}
