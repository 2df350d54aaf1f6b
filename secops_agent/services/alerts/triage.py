"""Triage of alerts: lists, one alert, statistics, and what people do with them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertPayload, Investigation, InvestigationState, Staff, handler_of
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.alerts.queries.filters import CURSOR_ORDERS, AlertFilter, matching, ordered
from secops_agent.services.alerts.queries.search import count_matches, find, narrowed
from secops_agent.services.alerts.queries.statistics import GROUPINGS, Statistics, rows_of, statistics
from secops_agent.services.alerts.views import (
    AlertDetail,
    AlertSummary,
    IndicatorView,
    indicator_views,
    mention_views,
    summaries,
    without_private,
)
from secops_agent.services.audit import history
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.intelligence.matching import hits_of
from secops_agent.services.notifications.matching import Changed, note_changes
from secops_agent.services.pages import Page, Total, count_of, cut, demand_limit, order_of
from secops_agent.services.people.directory import named_by
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.records import SEVERITIES
from secops_agent.services.sla import RiskClock, SlaLimits, overdue
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
    "count",
    "get",
    "reopen",
    "restore",
    "search",
    "set_severity",
    "several",
    "shares",
    "statistics",
    "unassign",
]  # fmt: skip


def search(wanted: AlertFilter) -> Page[AlertSummary]:
    """Newest first. Raises InvalidInput, NotFound for an asset that does not exist."""
    rows, keyword = matching(wanted, RiskClock(timezone.now())), wanted.sought
    demand_limit(wanted.limit)
    if wanted.order in ("urgent", "most", "oldest", "due"):
        asked = narrowed(rows, keyword)[0] if keyword.text else rows
        return _first(ordered(asked, wanted.order), wanted.limit)
    order = order_of(wanted.order, CURSOR_ORDERS)
    found = find(rows, order, wanted.limit, wanted.cursor, keyword) if keyword.text else None
    chosen = (found.rows if found else rows).select_related("assignee", "case__owner")
    return cut(chosen, order, wanted.limit, wanted.cursor, summaries, count=found.total if found else rows)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the alerts of a list: by severity, how many are over their limit, and by handler ("" for nobody), the most first."""

    levels: tuple[tuple[str, int], ...]
    late: int
    people: tuple[tuple[str, int], ...]


def shares(wanted: AlertFilter) -> Shares:
    """One query, beside that for a keyword. Raises InvalidInput, NotFound."""
    cells = rows_of(wanted).order_by().values_list("severity", handler_of("name"))
    levels, people, late = Counter[str](), Counter[str](), 0
    for severity, name, number, over in cells.annotate(
        number=Count("pk"), late=Count("pk", filter=overdue(timezone.now()))
    ):
        levels[severity] += number
        people[name or ""] += number
        late += over
    return Shares(
        tuple((each, levels[each]) for each in SEVERITIES if levels[each]), late, tuple(people.most_common())
    )


def count(*wanted: AlertFilter) -> list[Total]:
    """How many `search` would find for each of these. Raises InvalidInput, NotFound."""
    runs = groupby(wanted, key=lambda each: each.sought)
    counted = (
        count_matches(map(matching, run), CURSOR_ORDERS["-last_seen"], keyword) for keyword, run in runs
    )
    return [total for run in counted for total in run]


def _first(rows: QuerySet[Alert], limit: int) -> Page[AlertSummary]:
    """Only as many as are shown: there is no second page by cursor."""
    total = count_of(rows)
    return Page(
        tuple(summaries(list(rows.select_related("assignee", "case__owner")[:limit]))),
        total.count,
        total.capped,
    )


def get(alert_id: int, *, private: bool = False, raw: bool = True) -> AlertDetail:
    """Everything about one alert; ``private``: who reads it may read private parts (`privacy`); ``raw``: the source's own event
    too. Raises NotFound."""
    row = _read(alert_id)
    closed = row.status == AlertStatus.CLOSED
    detail = AlertDetail(
        summary=summaries([row])[0],
        description=row.description,
        indicators=indicator_views(alert_id),
        techniques=tuple(row.techniques),
        references=tuple(row.references),
        acknowledged_at=row.acknowledged_at,
        closed_at=row.closed_at,
        closed_by=row.closer,
        recurred=max(0, row.count - row.closed_count) if closed else 0,
        finding=_finding(alert_id),
        listed=tuple(hits_of(alert_id)),
        suppressed_by=row.suppressed_by.name if row.suppressed_by and closed else "",
        mentions=mention_views(alert_id),
        raw=AlertPayload.objects.filter(alert_id=alert_id).values_list("raw", flat=True).first()
        if raw
        else None,
        history=history.entries("alert", alert_id),
    )
    return detail if private else without_private(detail)


def several(alert_ids: Sequence[int]) -> dict[int, AlertSummary | None]:
    """The lines of these alerts, in this order; None for what does not exist. As many queries as for one."""
    rows = Alert.objects.select_related("assignee", "case__owner").in_bulk(list(alert_ids))
    found = {each.id: each for each in summaries([rows[pk] for pk in alert_ids if pk in rows])}
    return {pk: found.get(pk) for pk in alert_ids}


def _finding(alert_id: int) -> str:
    done = Investigation.objects.filter(alert_id=alert_id, state=InvestigationState.DONE)
    return done.order_by("-finished_at").values_list("conclusion", flat=True).first() or ""


def _read(alert_id: int) -> Alert:
    row = (
        Alert.objects.select_related("assignee", "case__owner", "closed_by", "suppressed_by")
        .filter(pk=alert_id)
        .first()
    )
    if row is None:
        raise NotFound(f"没有编号为 {alert_id} 的告警。")
    return row


def acknowledge(alert_id: int, actor: Actor, note: str = "") -> AlertSummary:
    """Someone looks after it: open → acknowledged; a person owns it if nobody did. Raises NotFound, Conflict."""
    person = staff_of(actor)

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN)
        taken = {"assignee": person} if person and row.assignee_id is None else {}
        return {"status": AlertStatus.ACKNOWLEDGED, "acknowledged_at": now, **taken}

    return _change(alert_id, actor, "acknowledge", act, note)


def assign(alert_id: int, assignee: Staff | str, actor: Actor, note: str = "") -> AlertSummary:
    """Give it to someone (a Staff, a name or a staffId); who takes it looks after it, and is not asked again.

    Raises NotFound, Conflict for a closed alert.
    """
    person, own = named_by(actor, assignee), staff_of(actor)

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        begun = row.status == AlertStatus.OPEN and person == own
        looked_after = {"status": AlertStatus.ACKNOWLEDGED, "acknowledged_at": now} if begun else {}
        return {"assignee": person, **looked_after}

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

    person = staff_of(actor)

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        closed = {"status": AlertStatus.CLOSED, "verdict": verdict, "closed_at": now, "closed_by": person}
        via = actor.name[:200] if actor.kind == "token" else ""
        return closed | {"closed_count": row.count, "closed_by_source": False, "closed_via": via}

    return _change(alert_id, actor, "close", act, note)


def set_severity(alert_id: int, severity: str, actor: Actor, note: str = "") -> AlertSummary:
    """A person knows better, until the source says something graver than it ever did: its time limit follows; a graver
    one begins now. Raises InvalidInput, NotFound, Conflict."""
    if severity not in SEVERITIES:
        raise InvalidInput(f"级别应为 {'、'.join(SEVERITIES)} 之一。")

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        if row.severity == severity:
            raise Conflict(f"告警 {row.pk} 的级别已经是「{row.get_severity_display()}」。")
        graver = _is_graver(severity, row.severity)
        due = SlaLimits().alert_due(severity, now if graver else row.first_seen)
        due = min(filter(None, (row.due_at, due)), default=None) if graver else due
        told = row.sla_told if due and due <= now else ""
        reported = row.reported_severity or row.severity
        return {"severity": severity, "due_at": due, "sla_told": told, "reported_severity": reported}

    return _change(alert_id, actor, "update", act, note)


def _is_graver(one: str, other: str) -> bool:
    return SEVERITIES.index(one) < SEVERITIES.index(other)


def reopen(alert_id: int, actor: Actor, note: str = "") -> AlertSummary:
    """Open again, without verdict: it was not over (who had it keeps it), or nobody looks after it. Raises NotFound,
    Conflict."""

    def act(row: Alert, now: datetime) -> dict[str, Any]:
        _demand(row, AlertStatus.CLOSED, AlertStatus.ACKNOWLEDGED)
        taken_back = {"acknowledged_at": None, "assignee": None} if row.status != AlertStatus.CLOSED else {}
        again = {"status": AlertStatus.OPEN, "verdict": "", "closed_at": None, "closed_by": None}
        return again | {"closed_by_source": False, "closed_via": ""} | taken_back

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
    """One conditional update and its history, together."""
    with transaction.atomic():
        row = Alert.objects.select_for_update().filter(pk=alert_id).first()
        if row is None:
            raise NotFound(f"没有编号为 {alert_id} 的告警。")
        old_status, old_name, old_severity = row.status, _name(row), row.severity
        changes = set_values(row, act(row, timezone.now()))
        if changes:
            new = {name: value for name, (_, value) in changes.items()}
            if not Alert.objects.filter(pk=alert_id, status=old_status).update(**new):
                raise Conflict(f"告警 {alert_id} 刚刚被别人改过，请再看一次。")
        if "assignee" in changes or "assignee_id" in changes:
            changes["assignee"] = (old_name, _name(row))
        history.record("alert", alert_id, actor, action, _told(changes), note)
        is_back = old_status == AlertStatus.CLOSED and row.status != AlertStatus.CLOSED
        undone = action == "undo"
        is_risen = _is_graver(row.severity, old_severity)
        now_so = {name for name, is_so in (("reopened", is_back), ("risen", is_risen)) if is_so}
        happened = set() if undone else now_so
        note_changes([Changed(row, frozenset(happened), deed=True, undone=undone)], timezone.now())
    return summaries([_read(alert_id)])[0]


def _name(row: Alert) -> str:
    return row.assignee.name if row.assignee else ""


def _told(changes: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    return {
        name: change
        for name, change in changes.items()
        if name in ("status", "verdict", "assignee", "severity")
    }
