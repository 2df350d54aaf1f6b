"""Which cards count as left behind, on both databases."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.cards import repository
from bifang.channels.cards.models import Card, CardState
from bifang.channels.cards.ports import CardPlace
from bifang.channels.models import InboxRow, State
from bifang.channels.queues.claims import EVERYTHING, Remit
from tests.channels.boxes import answered, claim, incoming, store
from tests.databases import Database

pytestmark = pytest.mark.both_databases
PLACE = CardPlace("", False, "lisi")


def begun(minutes: int = 0) -> tuple[Card, InboxRow]:
    """The card of a turn that runs, begun some minutes ago."""
    store(incoming())
    (turn,) = claim()
    held = repository.open_for(turn, PLACE)
    assert held is not None
    born = timezone.now() - timedelta(minutes=minutes)
    Card.objects.filter(pk=held.pk).update(created_at=born, updated_at=born, shown=True)
    return Card.objects.get(pk=held.pk), InboxRow.objects.get(pk=turn.inbox_id)


def test_card_of_a_running_turn_is_left_alone_however_old(database: Database) -> None:
    begun(minutes=60)
    assert repository.orphans(EVERYTHING) == []


def test_card_of_a_turn_that_waits_is_left_alone_for_ten_minutes(database: Database) -> None:
    card, row = begun(minutes=9)
    InboxRow.objects.filter(pk=row.pk).update(state=State.PENDING)
    assert repository.orphans(EVERYTHING) == []
    Card.objects.filter(pk=card.pk).update(created_at=timezone.now() - timedelta(minutes=11))
    (orphan,) = repository.orphans(EVERYTHING)
    assert (orphan.track_id, orphan.stopped) == (card.out_track_id, False)
    assert repository.orphans(Remit("", card.config_id + 1)) == []


def test_card_is_left_alone_while_its_answer_is_under_way(database: Database) -> None:
    (part,) = answered("好")
    held = repository.take(part, PLACE)
    assert held is not None
    assert repository.orphans(EVERYTHING) == []


def test_one_turn_has_one_card_and_the_first_part_takes_it(database: Database) -> None:
    first, second = answered("一", "二")
    held, again, other = (
        repository.take(first, PLACE),
        repository.take(first, PLACE),
        repository.take(second, PLACE),
    )
    assert held is not None
    assert again is not None
    assert (held.pk, held.fresh, again.fresh, other) == (again.pk, True, False, None)
    repository.finish(held.pk, "一")
    done = repository.take(first, PLACE)
    assert done is not None
    assert done.finished
    assert Card.objects.get().state == CardState.FINISHED


def test_given_up_card_is_not_taken_again(database: Database) -> None:
    (part,) = answered("好")
    held = repository.take(part, PLACE)
    assert held is not None
    repository.give_up(held.pk, "卡片被拒绝")
    assert repository.take(part, PLACE) is None
    assert repository.orphans(EVERYTHING) == []
    Card.objects.update(updated_at=timezone.now() - timedelta(seconds=6))
    assert [orphan.pk for orphan in repository.orphans(EVERYTHING)] == [held.pk]
    assert repository.orphans(EVERYTHING) == []  # held by the first to look


def test_card_of_another_place_is_not_taken(database: Database) -> None:
    (part,) = answered("好")
    assert repository.take(part, CardPlace("cidOther==", True)) is None
    assert not Card.objects.exists()
