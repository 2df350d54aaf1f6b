"""Dead letters in the hands of a person: tried again at once, or thrown away."""

from collections.abc import Sequence

from bifang.core.configuration import configs
from bifang.core.errors import BifangError
from secops_agent.brokers.reading import items_of
from secops_agent.brokers.storing import actor_of, left_out
from secops_agent.models import BrokerLetter, LetterState
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.intake import deliveries, ingest, unmerged
from secops_agent.services.intake.deliveries import Delivery
from secops_agent.services.switches import refuse_when_read_only


def try_again(letters: Sequence[int], actor: Actor) -> int:
    """Returns how many are gone because all of it was taken; those that are left say why. Raises BifangError."""
    refuse_when_read_only()
    rows = BrokerLetter.objects.filter(pk__in=letters, state=LetterState.DEAD).select_related("config")
    done = sum(_try(row) for row in rows)
    if done:
        keep(actor, f"重试消息流死信，成功 {done} 条", "broker_letter", {"ids": list(letters)[:200]})
    return done


def is_whole(letter: BrokerLetter) -> bool:
    """Was all of it kept?"""
    return 0 < letter.size == len(letter.payload)


def _try(letter: BrokerLetter) -> bool:
    if not is_whole(letter):
        return False
    try:
        settings = configs.load(letter.config)
        body, at = bytes(letter.payload), letter.received_at
        message = Delivery(settings.topic, letter.position, at, body, known_as=letter.mark)
        outcome = ingest.store(items_of(settings, message), actor_of(settings), received_at=at)
        unmerged.note(letter.config_id, outcome.apart)
    except BifangError as error:
        deliveries.tell(letter.pk, error.message)
        return False
    if refusal := left_out(outcome):
        deliveries.tell(letter.pk, refusal)
        return False
    return bool(deliveries.drop([letter.pk]))


def drop(letters: Sequence[int], actor: Actor) -> int:
    """Returns how many there were. Raises BifangError."""
    refuse_when_read_only()
    count = deliveries.drop(letters)
    if count:
        keep(actor, f"丢弃消息流死信 {count} 条", "broker_letter", {"ids": list(letters)[:200]})
    return count
