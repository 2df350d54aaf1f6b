"""Timeline of a case: when its alerts occurred and what people did, in one order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db.models import Q

from secops_agent.models import Case, History
from secops_agent.services.audit import history
from secops_agent.services.cases.views import CaseDetail, code_of, private_values
from secops_agent.services.privacy import NEEDS_ROLE, mask

MOST: Final = 200  # entries that are shown
_OF_ALERTS: Final = ("acknowledge", "assign", "unassign", "close", "reopen", "comment", "escalate")
_SAID: Final = ("comment", "add_task", "finish_task", "resume_task")
_NAMING: Final = 3  # moments that name one thing
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

    @property
    def text(self) -> str:
        """What a note says, or which task it was."""
        return self.note or "、".join(new for label, _, new in self.changes if label == "任务")


def moments(detail: CaseDetail, limit: int = MOST, *, private: bool = False) -> tuple[CaseMoment, ...]:
    """The newest first. Those of cases that were merged into this one are among them. ``private``: as in `views.get`."""
    family = _family(detail)
    of_case = Q(entity="case", entity_id__in=family)
    of_alerts = Q(entity="alert", entity_id__in=[each.id for each in detail.alerts], action__in=_OF_ALERTS)
    rows = History.objects.filter(of_case | of_alerts).order_by("-id")
    told = [_moment(row) for row in rows[:limit]]
    told += [
        CaseMoment(each.first_seen, "alert", f"A{each.id}", "", each.title, (), "") for each in detail.alerts
    ]
    newest = sorted(told, key=lambda each: each.at, reverse=True)[:limit]
    return tuple(newest if private else _without_private(newest, private_values(family)))


def naming(case_ids: Sequence[int], word: str) -> tuple[CaseMoment, ...]:
    """The last notes and tasks of these cases that name something, each task once, the newest first. One query."""
    rows = History.objects.filter(entity="case", entity_id__in=case_ids, action__in=_SAID).order_by("-id")
    found: dict[str, CaseMoment] = {}
    for each in map(_moment, rows[:MOST]) if case_ids else ():
        text = each.text
        if word.lower() in text.lower():
            found.setdefault(text, each)
    return tuple(found.values())[:_NAMING]


def _without_private(told: Sequence[CaseMoment], hidden: Sequence[str]) -> Iterator[CaseMoment]:
    for each in told:
        changes = tuple(
            (label, mask(old, hidden, NEEDS_ROLE), mask(new, hidden, NEEDS_ROLE))
            for label, old, new in each.changes
        )
        yield replace(each, changes=changes, note=mask(each.note, hidden, NEEDS_ROLE))


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


def _moment(row: History) -> CaseMoment:
    subject = code_of(row.entity_id) if row.entity == "case" else f"A{row.entity_id}"
    changes = history.worded(row.entity, {name: (old, new) for name, (old, new) in row.changes.items()})
    kind = "note" if row.action == "comment" else "change"
    what = history.ACTIONS.get(row.action, row.action)
    return CaseMoment(row.at, kind, subject, row.actor_name, what, changes, row.note)
