"""Views of proposals: exact target, effect of an approval, result; for the API."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from secops_agent.models import Action, Proposal, ProposalState
from secops_agent.services.decisions.proposals import prospect_of
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page, cut


@dataclass(frozen=True, slots=True)
class ProposalView:
    """``prospect`` is "" once it is decided; ``action_state`` and ``action_result`` are of the action it became."""

    code: str
    tool: str
    title: str
    risk: str
    state: str
    summary: str
    arguments: Mapping[str, Any]
    prospect: str
    corp_id: str
    asker: str
    asker_id: str
    decider: str
    reason: str
    result: str
    action_state: str
    action_result: str
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None


def seen_by(homes: Collection[str] | None) -> "QuerySet[Proposal]":
    """What people of these corporations may see; None: who looks after the whole installation."""
    rows = Proposal.objects.all()
    return rows if homes is None else rows.filter(corp_id__in=("", *homes))


def search(
    homes: Collection[str] | None, state: str = "", limit: int = 20, cursor: str = ""
) -> Page[ProposalView]:
    """The newest first. Raises InvalidInput."""
    rows = seen_by(homes).filter(state=state) if state else seen_by(homes)
    return cut(rows, ("-id",), limit, cursor, _views, count=rows)


def find(code: str, homes: Collection[str] | None) -> Proposal:
    """By its code. Raises NotFound."""
    row = seen_by(homes).filter(code=code.upper()).first()
    if row is None:
        raise NotFound(f"没有代码为 {code[:20]} 的操作。")
    return row


def get(code: str, homes: Collection[str] | None) -> ProposalView:
    """By its code. Raises NotFound."""
    return _views([find(code, homes)])[0]


def _views(rows: Iterable[Proposal]) -> list[ProposalView]:
    proposals = list(rows)
    actions = {one.proposal_id: one for one in Action.objects.filter(proposal__in=proposals)}
    return [_view(row, actions.get(row.pk)) for row in proposals]


def _view(row: Proposal, action: Action | None) -> ProposalView:
    prospect = prospect_of(row) if row.state == ProposalState.PROPOSED else ""
    return ProposalView(
        row.code, row.tool, row.title, row.risk, row.state, row.summary, row.arguments, prospect, row.corp_id,
        row.asker_name, row.asker_id, row.decider_name, row.reason, row.result, action.state if action else "",
        action.result if action else "", row.created_at, row.expires_at, row.decided_at,
    )  # fmt: skip
