"""Usage of the monthly quotas: calls counted in memory by application, kind and purpose, and saved in a moment."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

from django.db import transaction
from django.db.models import F

from bifang.channels.allowance import FULL, SendingAllowance
from bifang.channels.ports import Part
from bifang.core.database import db
from bifang.core.database.rows import insert_many
from dingtalk_integration.models import ApiFamily, ApiUsage, Purpose, QuotaLedger
from dingtalk_integration.quotas import quota
from dingtalk_integration.quotas.quota_warnings import warn

_spending: ContextVar[Purpose] = ContextVar("spending", default=Purpose.ANSWER)
# Messages outside of a turn, by how their keys begin; what is not listed is said unasked.
_NOTES: Final = {
    "proposal": Purpose.ANSWER,
    "action": Purpose.ANSWER,
    "swap": Purpose.ANSWER,
    "import": Purpose.ANSWER,
    "report": Purpose.REPORT,
}


def current() -> Purpose:
    """What is spent now is spent on this."""
    return _spending.get()


@contextmanager
def spending(purpose: Purpose) -> Iterator[None]:
    """Calls within it are made for this purpose."""
    token = _spending.set(purpose)
    try:
        yield
    finally:
        _spending.reset(token)


def purpose_of(part: Part) -> Purpose:
    """An answer to a turn, or a note that somebody waits for; else an alert or a report."""
    note, _, rest = part.key.partition(":")
    if part.inbox_id is not None or note != "note":
        return Purpose.ANSWER
    return _NOTES.get(rest.partition(":")[0], Purpose.ALERT)


log = logging.getLogger(__name__)
SAVE_EVERY_S: Final = 5.0  # a process that is killed forgets at most so much
# What works again when a quota is not used up; tokens and sessionWebhooks work even then.
PROOF: Final = (ApiFamily.ROBOT, ApiFamily.CARD, ApiFamily.STREAM)
Counts = Mapping[tuple[str, str, str], int]  # by client id, family, purpose


def add(counts: Counts) -> None:
    """Add to this day."""
    day = quota.today()
    born = [
        {"day": day, "client_id": who, "family": family, "purpose": purpose, "calls": 0}
        for who, family, purpose in counts
    ]
    with transaction.atomic():
        insert_many(ApiUsage, born, skip_existing=True)
        for (who, family, purpose), calls in counts.items():
            rows = ApiUsage.objects.filter(day=day, client_id=who, family=family, purpose=purpose)
            rows.update(calls=F("calls") + calls)


class CallCounter:
    """Counts for one event loop, and knows what the quota leaves room for. In the loop's thread."""

    def __init__(self, every: float = SAVE_EVERY_S) -> None:
        self._every = every
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._verdicts: dict[tuple[str, str], bool] = {}  # what DingTalk said last of a quota: used up or not
        self._used_up: set[tuple[str, str]] = set()
        self._allowances: Mapping[int, SendingAllowance] = {}
        self._hurry = asyncio.Event()

    def count(self, client_id: str, family: str) -> None:
        """One call was answered, or one message came."""
        self._counts[client_id, family, current()] += 1
        key = (client_id, QuotaLedger.of(family))
        if key in self._used_up and family in PROOF:
            self._say(key, used_up=False)

    def used_up(self, client_id: str, ledger: str) -> None:
        """DingTalk refused because this quota is used up."""
        key = (client_id, ledger)
        if key not in self._used_up:
            self._say(key, used_up=True)

    def _say(self, key: tuple[str, str], *, used_up: bool) -> None:
        self._verdicts[key] = used_up
        (self._used_up.add if used_up else self._used_up.discard)(key)
        self._hurry.set()

    def allowance(self, config_id: int) -> SendingAllowance:
        """What the quota leaves room for, as it was a moment ago; everything before it was looked at."""
        return self._allowances.get(config_id, FULL)

    async def run(self, stop: asyncio.Event) -> None:
        """Save and warn until `stop`; what comes later is for a last `save`."""
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            await self.save()
            hurrying = asyncio.create_task(self._hurry.wait())
            await asyncio.wait({stopping, hurrying}, timeout=self._every, return_when=asyncio.FIRST_COMPLETED)
            hurrying.cancel()
        stopping.cancel()

    async def save(self) -> None:
        """Write what was counted and heard, warn, look again; kept for the next time if the database does not answer."""
        counts, self._counts = self._counts, Counter()
        verdicts, self._verdicts = self._verdicts, {}
        self._hurry.clear()
        try:
            found = await db.call(_write, counts, verdicts)
        except Exception:
            log.exception("dingtalk 记录接口用量失败，稍后重试")
            self._counts.update(counts)
            self._verdicts = verdicts | self._verdicts
            return
        self._allowances = quota.allowances(found)
        refused = {(who, one.ledger) for one in found if one.refused_at for who in one.client_ids}
        self._used_up = {key for key in refused | self._used_up if self._verdicts.get(key, key in refused)}


def probe(client_id: str) -> None:
    """A check asked for a token; it is no reason to fail that this cannot be written down."""
    with suppress(Exception):
        add({(client_id, ApiFamily.BASE, Purpose.PROBE): 1})


def _write(counts: Counts, verdicts: Mapping[tuple[str, str], bool]) -> list[quota.Standing]:
    with transaction.atomic():  # kept for the next time as a whole
        if counts:
            add(counts)
        for (client_id, ledger), refused in verdicts.items():
            quota.judge(client_id, ledger, refused=refused)
    found = quota.quota_usage()
    warn(found)
    return found
