"""Messages into the database: many together, one by itself where something is wrong with it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from django.db import Error, transaction

from bifang.core.database.db import is_unavailable
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.monitoring.disk import require_room
from secops_agent.brokers.config import BrokerSettings
from secops_agent.brokers.reading import items_of
from secops_agent.services.actors import Actor
from secops_agent.services.intake import deliveries as letters
from secops_agent.services.intake import ingest, unmerged
from secops_agent.services.intake.deliveries import TRIES, Delivery
from secops_agent.services.intake.ledger import ImportOutcome
from secops_agent.services.records import Item, Rejected

log = logging.getLogger(__name__)
TOGETHER: Final = 16 << 10  # bytes: a larger one is a document, which is written piece by piece
KILLER: Final = "处理这条消息时，进程每次都意外结束。请检查它的内容。"
_owed: Final = set[tuple[int, str]]()  # tries that ended with the database: (configuration, mark)


class _Unfit(Exception):
    """This message cannot go with the others."""


def store_together(settings: BrokerSettings, messages: Sequence[Delivery]) -> list[Delivery]:
    """Store what is whole and new in one transaction; returns those that have to be looked at one by one.

    Raises what the database raises when it does not answer; then nothing is stored.
    """
    _give_back()
    known = letters.known_marks(settings.id, messages)
    rest, together, items = list[Delivery](), list[Delivery](), list[Item]()
    for message in (each for each in messages if each.mark not in known):
        try:
            items += _whole(settings, message)
            together.append(message)
        except Exception:
            rest.append(message)  # alone, it will say why
    return rest + (_stored(settings, together, items) if together else [])


def _whole(settings: BrokerSettings, message: Delivery) -> list[Item]:
    if message.again or message.problem or len(message.data) > TOGETHER:
        raise _Unfit
    found = list(items_of(settings, message))
    if not found or any(isinstance(each, Rejected) for each in found):
        raise _Unfit
    return found


def _stored(settings: BrokerSettings, messages: list[Delivery], items: list[Item]) -> list[Delivery]:
    """Those that were not."""

    def remember(outcome: ImportOutcome) -> None:
        letters.remember(settings.id, messages)
        unmerged.note(settings.id, outcome.apart)

    try:
        ingest.store_at_once(
            items, actor_of(settings), received_at=min(each.at for each in messages), beside=remember
        )
    except Exception as error:
        if is_unavailable(error):
            raise
        log.warning(
            "consume_alerts 一批消息没有写入，改为逐条处理", extra={"config": settings.id}, exc_info=True
        )
        return messages
    return []


def store_alone(settings: BrokerSettings, message: Delivery) -> float | None:
    """Store one message, or make it a dead letter. None: it is dealt with; else seconds until it should be tried again.

    Raises what the database raises when it does not answer; that is no try of the message.
    """
    _give_back()
    if letters.known_marks(settings.id, [message]):
        return None
    require_room()  # a full disk is no try: it would bury what has nothing wrong with it
    tries = letters.begin_try(settings.id, message)
    if message.problem or tries > TRIES:
        letters.bury(settings.id, message, message.problem or KILLER)
        return None
    try:
        _store(settings, message)
    except Exception as error:
        if is_unavailable(error):
            _owed.add((settings.id, message.mark))
            with suppress(Error):
                _give_back()
            raise
        reason = _reason_of(error, settings, message)
        if tries >= TRIES or (isinstance(error, BifangError) and error.permanent):
            letters.bury(settings.id, message, reason)
            return None
        return _later(settings, message, tries, reason)
    return None


def _give_back() -> None:
    """What the database has to answer for is no try of a message: known here until it can be written down."""
    while _owed:
        each = _owed.pop()
        try:
            letters.take_back_try(*each)
        except Exception:
            _owed.add(each)
            raise


def _reason_of(error: Exception, settings: BrokerSettings, message: Delivery) -> str:
    if isinstance(error, BifangError):
        return error.message
    log.error(
        "consume_alerts 消息 %s 处理失败", message.position, extra={"config": settings.id}, exc_info=error
    )
    return f"处理时出现意外错误（{type(error).__name__}），详情见 logs/bifang.log。"


def _later(settings: BrokerSettings, message: Delivery, tries: int, reason: str) -> float:
    letters.note_failure(settings.id, message, reason)
    return float(2**tries)


def _store(settings: BrokerSettings, message: Delivery) -> None:
    """Of a document its mark is written last. What came before, when a process ends midway, is known again by itself."""
    actor = actor_of(settings)

    def settle(outcome: ImportOutcome) -> None:
        letters.settle(settings.id, message, left_out(outcome))
        unmerged.note(settings.id, outcome.apart)

    if len(message.data) <= TOGETHER:
        items = _taken(settings, message)
        ingest.store_at_once(items, actor, received_at=message.at, beside=settle)
        return
    outcome = ingest.store(_taken(settings, message), actor, received_at=message.at)
    with transaction.atomic():
        settle(outcome)


def _taken(settings: BrokerSettings, message: Delivery) -> Iterator[Item]:
    if not message.data.strip():
        raise InvalidInput("消息是空的。")
    return items_of(settings, message)


def left_out(outcome: ImportOutcome) -> str:
    """For people, where not all of it was taken."""
    if not outcome.rejected:
        return ""
    first = outcome.rejected[0]
    rest = "，其余已经导入" if outcome.counts_anything else ""
    return f"{len(outcome.rejected)} 条记录没有导入{rest}。第一条（{first.position}）：{first.reason}"


def actor_of(settings: BrokerSettings) -> Actor:
    """Who writes."""
    return Actor.system(settings.source)
