"""Which cards still ask for what has been decided."""

import pytest
from django.utils import timezone

from bifang.channels.cards.models import Card, CardState
from bifang.channels.models import OutboxRow
from bifang.channels.queues.claims import EVERYTHING
from secops_agent.models import Proposal
from secops_agent.services.decisions import settled_cards
from tests.channels.boxes import answered
from tests.secops.decisions_aid import company, decide, propose

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def card(config_id: int, part_key: str) -> None:
    """A finished card of this message."""
    now = timezone.now()
    Card.objects.create(
        out_track_id=part_key, config_id=config_id, part_key=part_key, state=CardState.FINISHED,
        created_at=now, updated_at=now,
    )  # fmt: skip


def outdated() -> set[str]:
    return {one.track_id for one in settled_cards.outdated(EVERYTHING)}


def test_cards_told_outside_of_a_turn_are_found_for_every_approver() -> None:
    config = company()
    code = propose(config, "zhao")
    pk = Proposal.objects.get().pk
    asked = f"note:proposal:{pk}:asked"
    mine = {asked, f"{asked}:1", f"{asked}:987654"}
    for key in (*mine, f"note:proposal:{pk}1:asked", f"note:proposal:{pk}:result"):
        card(config.pk, key)
    assert outdated() == set(), "nothing is decided yet"
    decide(config, code, "reject", "wang")
    assert outdated() == mine


def test_only_the_cards_with_its_own_buttons_are_found_in_its_turn() -> None:
    """One turn may propose two things."""
    config = company()
    code, other = propose(config, "zhao"), propose(config, "zhao", arguments={"ip": "203.0.113.6"})
    parts = answered("一", "二", "三")
    for part, shown in zip(parts, (code, other, ""), strict=True):
        buttons = [{"id": "approve", "text": "同意", "params": {"code": shown}}] if shown else None
        OutboxRow.objects.filter(pk=part.outbox_id).update(buttons=buttons)
        card(config.pk, part.key)
    Proposal.objects.update(inbox_id=parts[0].inbox_id)
    decide(config, code, "reject", "wang")
    assert outdated() == {parts[0].key}
