"""Announcer: the loop of a worker that has due messages about alerts written to the outbox."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Final

from bifang.core.database import db
from secops_agent.services.cases.reporting import reminding
from secops_agent.services.investigations import work
from secops_agent.services.notifications.delivery import (
    announcing,
    digests,
    escalation,
    outages,
    reaching,
    silence_lines,
    troubles,
)
from secops_agent.services.on_call import swaps
from secops_agent.services.operations import deadlines, handover, reminders
from secops_agent.services.switches import NO_SPEECH, read_switches

log = logging.getLogger(__name__)
EVERY_S: Final = 1.0
LOOK_S: Final = 1.0  # for investigations, of each round
STEPS: Final[tuple[Callable[[], int], ...]] = (
    announcing.step, digests.tell_digests, deadlines.watch, silence_lines.tell_silences,
    reaching.note_failures, reaching.heal, escalation.step,
)  # fmt: skip
REPEATED: Final = (announcing.step, escalation.step)  # until nothing is due: it is told together
STARTING: Final[tuple[Callable[[], int], ...]] = (reaching.catch_up,)
SELDOM: Final[tuple[Callable[[], int], ...]] = (
    swaps.expire,
    handover.step,
    reminders.step,
    reminding.step,
    outages.step,
    outages.tell_programs,
    troubles.step,
    reaching.settle_dead_letters,
)  # nobody waits for a second here
SELDOM_ROUNDS: Final = 20
UNASKED: Final = (
    digests.tell_digests,
    silence_lines.tell_silences,
    handover.step,
    reminders.step,
    reminding.step,
)  # they only speak, and what is due waits while 不主动说话 is on


def _steps(number: int, *, silent: bool) -> list[Callable[[], int]]:
    """Those of a round."""
    steps = (*STEPS, *(SELDOM if number % SELDOM_ROUNDS == 0 else ()))
    return [step for step in steps if not (silent and step in UNASKED)]


class Announcer:
    """One per process; several processes share the work by locking rows."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a database that does not answer is tried again at the next round."""
        first = STARTING
        for number in count():
            if stop.is_set():
                return
            await self._look_into()
            try:
                silent = NO_SPEECH in await db.call(read_switches)
                for step in (*first, *_steps(number, silent=silent)):
                    while await db.call(step) and step in REPEATED and not stop.is_set():
                        pass
                first = ()
            except Exception:
                log.exception("通知告警出错，稍后重试")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_S)

    async def _look_into(self) -> None:
        """First what was found out about new alerts, so that their first message says it; but none waits long for it."""
        try:
            await asyncio.wait_for(db.call_apart(work.step, LOOK_S), 2 * LOOK_S)
        except TimeoutError:
            pass  # it goes on; the message is changed when it is done
        except Exception:
            log.exception("调查告警出错，稍后重试")
