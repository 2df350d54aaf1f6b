"""What happened in a case, in one line of time: when its alerts occurred, and what people did, from the one history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from secops_agent.models import Case, History
from secops_agent.services.audit import history
from secops_agent.services.cases.views import CaseDetail, code_of

MOST: Final = 200  # entries that are shown
_OF_ALERTS: Final = ("acknowledge", "assign", "unassign", "close", "reopen", "comment", "escalate")
_FAMILY: Final = 20  # cases that were merged into one, and into those


@dataclass(frozen=True, slots=True)
class CaseMoment:
    """``subject``: "E3" or "A12"; ``changes``: (label, old, new); ``kind``: "note", "change" or "alert"."""

    at: datetime
    kind: str
    subject: str
    actor: str
    what: str
    changes: tuple[tuple[str, str, str], ...]
    note: str


def moments(detail: CaseDetail, limit: int = MOST) -> tuple[CaseMoment, ...]:
    """The newest first. Those of cases that were merged into this one are among them."""
    rows = list(_rows("case", _family(detail), (), limit))
    rows += _rows("alert", [each.id for each in detail.alerts], _OF_ALERTS, limit)
    told = [_moment(row) for row in rows]
    told += [
        CaseMoment(each.first_seen, "alert", f"A{each.id}", "", each.title, (), "") for each in detail.alerts
    ]
    return tuple(sorted(told, key=lambda each: each.at, reverse=True)[:limit])


def _family(detail: CaseDetail) -> list[int]:
    """The case, and those that were merged into it, or into one of them."""
    new = [each.id for each in detail.merged]
    known = [detail.summary.id, *new]
    while new and len(known) < _FAMILY:
        new = list(
            Case.objects.filter(merged_into__in=new).exclude(pk__in=known).values_list("pk", flat=True)
        )
        known += new
    return known


def _rows(entity: str, ids: Sequence[int], actions: Sequence[str], limit: int) -> "Iterable[History]":
    rows = History.objects.filter(entity=entity, entity_id__in=ids)
    return (rows.filter(action__in=actions) if actions else rows).order_by("-id")[:limit]


def _moment(row: History) -> CaseMoment:
    subject = code_of(row.entity_id) if row.entity == "case" else f"A{row.entity_id}"
    changes = history.worded(row.entity, {name: (old, new) for name, (old, new) in row.changes.items()})
    kind = "note" if row.action == "comment" else "change"
    what = history.ACTIONS.get(row.action, row.action)
    return CaseMoment(row.at, kind, subject, row.actor_name, what, changes, row.note)
