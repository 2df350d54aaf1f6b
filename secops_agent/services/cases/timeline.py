"""Timeline of a case: when its alerts occurred, what people did, and what was blocked for it, in one order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from secops_agent.models import ActionState, BlockRecord, BlockState, Case, History, Proposal
from secops_agent.models.automation.action import ACTION_OPEN
from secops_agent.models.automation.proposal import ProposalState
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
    """``subject``: "E3", "A12" or the code of a proposal; ``changes``: (label, old, new); ``kind``: "note", "change", "alert" or
    "block", what was asked for, decided and carried out."""

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


def moments(
    detail: CaseDetail, limit: int = MOST, *, private: bool = False, asked: "QuerySet[Proposal] | None" = None
) -> tuple[CaseMoment, ...]:
    """The newest first. Those of cases that were merged into this one are among them. ``private``: as in `views.get`;
    ``asked``: the proposals that the reader may see, None for none."""
    family = _family(detail)
    of_case = Q(entity="case", entity_id__in=family)
    of_alerts = Q(entity="alert", entity_id__in=[each.id for each in detail.alerts], action__in=_OF_ALERTS)
    rows = History.objects.filter(of_case | of_alerts).order_by("-id")
    told = [_moment(row) for row in rows[:limit]]
    told += [
        CaseMoment(each.first_seen, "alert", f"A{each.id}", "", each.title, (), "") for each in detail.alerts
    ]
    told += _blocks(family, asked, limit) if asked is not None else ()
    newest = sorted(told, key=lambda each: each.at, reverse=True)[:limit]
    return tuple(newest if private else _without_private(newest, private_values(family)))


def _blocks(family: Sequence[int], asked: "QuerySet[Proposal]", limit: int) -> Iterator[CaseMoment]:
    """What was blocked or isolated for it: asked for, decided, carried out, ended. Two queries."""
    ordered = Q(action__proposal__in=asked) | Q(action__batch__in=asked)
    rows = BlockRecord.objects.filter(ordered, case_id__in=family)
    rows = rows.select_related("action__proposal", "action__batch")
    by_proposal: dict[Proposal, list[BlockRecord]] = {}
    for row in rows.order_by("-pk")[:limit]:
        if first := row.action.ordered_by:
            by_proposal.setdefault(first, []).append(row)
    # Only a batch names its case; what is not approved has no row of the ledger.
    batches = asked.filter(arguments__case_id__in=family, tool="batch").order_by("-pk")
    for proposal in batches[:limit]:
        by_proposal.setdefault(proposal, [])
    for first, mine in by_proposal.items():  # of one moment the last step first, as all of the timeline
        yield from _carried_out(first, mine)
        if first.decided_at:
            word, why = ProposalState(first.state).label, first.reason
            yield CaseMoment(first.decided_at, "block", first.code, first.decider_name, word, (), why)
        yield CaseMoment(
            first.created_at, "block", first.code, first.asker_name, f"提出：{first.title}", (), ""
        )


def _carried_out(first: Proposal, rows: Sequence[BlockRecord]) -> Iterator[CaseMoment]:
    """One moment for all of a proposal that ended, or that came to the same when it was carried out."""
    found: dict[tuple[str, str], list[tuple[datetime, BlockRecord]]] = {}
    for row in rows:
        if row.state in (BlockState.EXPIRED, BlockState.LIFTED):
            ended = (str(BlockState(row.state).label), row.ended_by)
            found.setdefault(ended, []).append((row.ended_at or row.since, row))
    for row in rows:
        if row.action.state not in ACTION_OPEN:
            done = (str(ActionState(row.action.state).label), "")
            found.setdefault(done, []).append((row.action.finished_at or row.since, row))
    for (word, by), mine in found.items():
        at, told = max(at for at, _ in mine), f"{_targets([row for _, row in mine])}：{word}"
        yield CaseMoment(at, "block", first.code, by, told, (), "")


def _targets(rows: Sequence[BlockRecord]) -> str:
    """封禁 IP 203.0.113.5、203.0.113.6 等 9 个."""
    names = "、".join(row.target for row in rows[:_NAMING])
    more = f" 等 {len(rows)} 个" if len(rows) > _NAMING else ""
    return f"{rows[0].action.title} {names}{more}"


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
