"""Settled cards: those that still ask for what was decided elsewhere are updated."""

from datetime import timedelta
from typing import Final

from django.db.models import Q

from bifang.channels.cards import repository
from bifang.channels.cards.models import CardState
from bifang.channels.cards.repository import Settled
from bifang.channels.models import OutboxRow
from bifang.channels.queues.claims import Remit
from bifang.core.database.db import database_now
from secops_agent.models import Proposal, ProposalState

RECENT: Final = 100  # proposals looked at
LOOK_BACK: Final = timedelta(minutes=20)  # what was decided longer ago is no longer looked at


def outdated(scope: Remit) -> list[Settled]:
    """Cards with the buttons of recently decided proposals, that do not show the decision yet."""
    if not repository.within(scope).exists():
        return []
    recent = list(Proposal.objects.order_by("-pk")[:RECENT])
    since = database_now() - LOOK_BACK
    decided = [one for one in recent if one.decided_at is not None and one.decided_at > since]
    return [card for one in decided for card in _cards_of(one, scope)]


def _cards_of(proposal: Proposal, scope: Remit) -> list[Settled]:
    text = proposal.result or f"{proposal.code} {ProposalState(proposal.state).label}。"
    cards = repository.within(scope).filter(
        _carried(proposal), config_id=proposal.config_id, state=CardState.FINISHED
    )
    title = f"{proposal.title}：{ProposalState(proposal.state).label}"
    return [
        repository.settled(card, title, text)
        for card in cards
        if not repository.shows(card, text) and repository.hold(card)
    ]


def _carried(proposal: Proposal) -> Q:
    """The messages that carried its buttons: of the turn that proposed it, or told outside of a turn."""
    # Told to where it was asked, and with one more number to each approver.
    outside = Q(part_key__startswith=f"note:proposal:{proposal.pk}:asked")
    if proposal.inbox_id is None:
        return outside
    rows = OutboxRow.objects.filter(inbox_id=proposal.inbox_id, buttons__isnull=False)
    own = [key for key, buttons in rows.values_list("key", "buttons") if _code(buttons) == proposal.code]
    return outside | Q(part_key__in=own)


def _code(buttons: object) -> str:
    first = buttons[0] if isinstance(buttons, list) and buttons else {}
    return str(first.get("params", {}).get("code", ""))
