"""Deliveries of message brokers: which are stored, which are being tried, which are left to people.

A message is dealt with once its mark is stored, in the transaction of what it brought. Only then is it confirmed to
the broker; one that comes again is known by its mark.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bifang.core.database.rows import insert_many
from bifang.core.secrets.redaction import redact
from secops_agent.models import BrokerLetter, BrokerMark, LetterState
from secops_agent.services.records.identity import digest

TRIES: Final = 5
LARGEST: Final = 8 << 20  # bytes of a message
KEPT: Final = 256 << 10  # bytes of a dead letter
MOST_DEAD: Final = 1000  # of one configuration: then it stops, and the broker keeps the rest


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as a broker gave it.

    ``origin``: the stream, so that a new one of the same name is another; ``position``: its number in there; ``at``:
    when it came into the stream; ``again``: it was given to somebody before. ``problem``: why it cannot be read at all.
    """

    origin: str
    position: str
    at: datetime
    data: bytes = field(repr=False)
    again: bool = False
    problem: str = ""
    known_as: str = ""

    @property
    def mark(self) -> str:
        """What it is known by; a dead letter by what it was known by."""
        return self.known_as or digest(self.origin, self.position)


def known_marks(config_id: int, deliveries: Sequence[Delivery]) -> set[str]:
    """Of these, the marks of those that are dealt with."""
    marks = [each.mark for each in deliveries]
    rows = BrokerMark.objects.filter(config=config_id, mark__in=marks)
    return set(rows.values_list("mark", flat=True))


def remember(config_id: int, deliveries: Collection[Delivery]) -> None:
    """They are dealt with; in the caller's transaction. IntegrityError if somebody else was quicker."""
    now = timezone.now()
    insert_many(BrokerMark, [{"config_id": config_id, "mark": each.mark, "at": now} for each in deliveries])


def begin_try(config_id: int, delivery: Delivery) -> int:
    """Which try this is; stored before it begins, because the try may be the end of this process."""
    now = timezone.now()
    with transaction.atomic():
        mine = BrokerLetter.objects.filter(config=config_id, mark=delivery.mark)
        if not mine.filter(state=LetterState.TRYING).update(tries=F("tries") + 1, failed_at=now):
            BrokerLetter.objects.create(**_row(config_id, delivery), tries=1, failed_at=now)
        return int(mine.values_list("tries", flat=True).get())


def take_back_try(config_id: int, mark: str) -> None:
    """The last try was none: it ended for a reason that lies elsewhere."""
    mine = BrokerLetter.objects.filter(config=config_id, mark=mark, state=LetterState.TRYING, tries__gt=0)
    mine.update(tries=F("tries") - 1)


def note_failure(config_id: int, delivery: Delivery, error: str) -> None:
    """Why a try failed."""
    mine = BrokerLetter.objects.filter(config=config_id, mark=delivery.mark, state=LetterState.TRYING)
    mine.update(error=redact(error)[:2000], failed_at=timezone.now())


def settle(config_id: int, delivery: Delivery, refusal: str = "") -> None:
    """It is dealt with; in the caller's transaction. ``refusal``: what of it was not taken, for people to see."""
    remember(config_id, [delivery])
    mine = BrokerLetter.objects.filter(config=config_id, mark=delivery.mark)
    if not refusal:
        mine.delete()
        return
    dead = {"state": LetterState.DEAD, "error": redact(refusal)[:2000], "failed_at": timezone.now()}
    if not mine.update(**dead):
        BrokerLetter.objects.create(**_row(config_id, delivery) | dead)


def bury(config_id: int, delivery: Delivery, reason: str) -> None:
    """It becomes a dead letter."""
    with transaction.atomic():
        settle(config_id, delivery, reason)


def _row(config_id: int, delivery: Delivery) -> dict[str, Any]:
    return {
        "config_id": config_id, "mark": delivery.mark, "position": delivery.position[:100],
        "size": len(delivery.data), "payload": delivery.data[:KEPT], "received_at": delivery.at,
    }  # fmt: skip


def count_dead(config_id: int) -> int:
    """Dead letters of a configuration; no more are counted than make it stop."""
    dead = BrokerLetter.objects.filter(config=config_id, state=LetterState.DEAD)
    return dead[:MOST_DEAD].count()


def drop(letters: Sequence[int]) -> int:
    """Throw dead letters away; returns how many there were."""
    return BrokerLetter.objects.filter(pk__in=letters, state=LetterState.DEAD).delete()[0]


def tell(letter: int, error: str) -> None:
    """Why a dead letter is still one."""
    BrokerLetter.objects.filter(pk=letter).update(error=redact(error)[:2000], failed_at=timezone.now())
