"""Comparisons after an import: what it stored is compared with advisories and VEX; a dead import's are taken over.

What is to be compared is a row, in the transaction that stores it. The import compares it at its end and deletes the
row last. Until then the row is claimed; the claim of a process that died ends, and a task process goes on.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from bifang.channels.models import State
from bifang.channels.queues import claims
from bifang.core.database.db import database_now, is_unavailable
from bifang.core.database.rows import insert_many
from bifang.core.processes import process_name
from secops_agent.models import Uncompared
from secops_agent.services.actors import Actor
from secops_agent.services.vulnerabilities.comparison import matching
from secops_agent.services.vulnerabilities.openvex import statements

log = logging.getLogger(__name__)
JOB: Final = f"{__name__}.compare_left"
HOLD: Final = timedelta(seconds=15)  # how long an import may be silent before it is taken for dead
_RENEW_S: Final = 5.0
_LONGEST: Final = timedelta(minutes=10)
_AT_ONCE: Final = 20  # rows; each names what one transaction stored
_ACTOR: Final = Actor.system("schedule")
Ids = Mapping[str, Collection[int]]


class Remainder:
    """What one import has yet to compare."""

    def __init__(self) -> None:
        self._token = ""
        self._noted: list[Ids] = []
        self._held_at = 0.0

    def note(self, news: Ids) -> None:
        """Keep what a transaction stored, by kind; in that transaction. Also holds what is kept already."""
        if news:
            now = database_now()
            self._token = self._token or claims.new_token(now)
            claim = {"owner": process_name()[:80], "token": self._token, "claimed_until": now + HOLD}
            insert_many(Uncompared, [{"state": State.CLAIMED, "ids": news, **claim}])
            self._noted.append(news)
        if self._token and time.monotonic() - self._held_at > _RENEW_S:
            self._hold(HOLD)

    def _hold(self, span: timedelta) -> None:
        self._held_at = time.monotonic()
        claims.hold(Uncompared.objects.filter(token=self._token), span)

    def compare(self, actor: Actor) -> tuple[int, set[int]]:
        """What `compare` does, of all that was noted, in short transactions."""
        if not self._noted:
            return 0, set()
        if len(self._noted) > 1:
            self._hold(min(HOLD * len(self._noted), _LONGEST))
        found = compare(actor, self._noted)
        Uncompared.objects.filter(token=self._token).delete()
        return found


def compare(actor: Actor, noted: Iterable[Ids]) -> tuple[int, set[int]]:
    """Returns how many findings are new, and those that a supplier's word changed. Again, it changes nothing more."""
    ids: dict[str, set[int]] = defaultdict(set)
    for each in noted:
        for kind, some in each.items():
            ids[kind].update(some)
    added = matching.refresh(
        vulnerability_ids=ids["vulnerability"], component_ids=ids["component"], actor=actor
    )
    return added, statements.apply(actor, statements.flaws_of(ids["statement"], ids["finding"]))


def compare_left(seconds: float = 40.0) -> int:
    """What dead imports left, until all is compared or the time is over; the next run goes on. Returns how many rows."""
    claims.release_expired(Uncompared)
    deadline, done = time.monotonic() + seconds, 0
    while time.monotonic() < deadline and (
        rows := claims.claim(Uncompared, process_name(), _AT_ONCE, hold=_LONGEST)
    ):
        done += _compare_rows(rows)
    if done:
        log.warning("补做了中断的导入没有做完的比对（%d 段）", done)
    return done


def _compare_rows(rows: Sequence[Uncompared]) -> int:
    """Returns how many. One that cannot be compared is left claimed, and tried again later; the others go on."""
    try:
        compare(_ACTOR, (row.ids for row in rows))
    except Exception as error:
        if is_unavailable(error):
            raise
        if len(rows) > 1:
            return sum(_compare_rows([row]) for row in rows)
        log.exception("有一段没有比对成（%s），稍后再试", rows[0].pk)
        return 0
    return Uncompared.objects.filter(pk__in=[row.pk for row in rows]).delete()[0]
