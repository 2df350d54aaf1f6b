"""Contents of messages: the alerts that each tells of, read for many at once, and whether they have news."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bifang.channels.queues import outbox
from secops_agent.models import Alert, AlertMessage, AlertMessageItem, Investigation
from secops_agent.models.choices import AlertStatus
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.delivery import events, progress, wording
from secops_agent.services.notifications.delivery.events import KnownNews
from secops_agent.services.notifications.matching import facts_of


@dataclass(frozen=True, slots=True)
class Told:
    """A message with what it is about. ``facts`` by alert id: of the first alert of a group, of every one of a burst.

    ``on_card``: it is a card, and changing that disturbs nobody.
    """

    row: AlertMessage
    alerts: tuple[Alert, ...]
    facts: Mapping[int, Facts]
    known: KnownNews
    on_card: bool

    @property
    def level(self) -> str:
        """The gravest severity of its alerts."""
        return wording.gravest(self.alerts)

    @property
    def is_over(self) -> bool:
        """Is nothing left to do about it?"""
        return wording.is_over(self.alerts)

    @property
    def has_risen(self) -> bool:
        """Is it graver than what was told of it?"""
        return bool(self.row.level) and wording.rank(self.level) < wording.rank(self.row.level)

    @property
    def has_news(self) -> bool:
        """Is there anything that was not told?"""
        return self.digest != self.row.digest

    @property
    def digest(self) -> str:
        """What has to change for it to be told again."""
        parts = self._of_burst() if self.row.burst else self._of_group()
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def _of_group(self) -> tuple[object, ...]:
        """Level, state, people, size by its order of magnitude, what rules want told of its time limit, what was found out
        about it, if anything; on a card also what a model said of that, who was called, and the clock of its case."""
        parts: tuple[object, ...] = (
            self.level, wording.state_of(self.alerts), len(self.alerts).bit_length(),
        )  # fmt: skip
        found = events.finding(self.alerts, self.known)
        parts += tuple(filter(None, (self.row.sla, "" if found == Investigation.NOTHING_FOUND else found)))
        if not self.on_card:
            return parts
        told = events.reading, events.calls, events.limit
        return (*parts, *(each(self.alerts, self.known) for each in told))

    def _of_burst(self) -> tuple[object, ...]:
        """How many there are, and how many of them are open by its order of magnitude; on a card each step of them."""
        states = Counter(each.status for each in self.alerts)
        is_open = states[AlertStatus.OPEN]
        return (
            self.level, len(self.alerts), self.is_over, is_open.bit_length(), self.on_card and sorted(states.items()),
        )  # fmt: skip


def read(rows: Sequence[AlertMessage]) -> list[Told]:
    """Those of the messages that have an alert left. A few queries for all of them."""
    members: dict[int, list[Alert]] = defaultdict(list)
    items = AlertMessageItem.objects.filter(message_id__in=[row.pk for row in rows]).order_by("pk")
    for item in items.select_related("alert__assignee", "alert__case__owner"):
        members[item.message_id].append(item.alert)
    bursts = {row.pk for row in rows if row.burst}
    looked_at = {
        each.pk: each for pk, alerts in members.items() for each in (alerts if pk in bursts else alerts[:1])
    }
    facts = facts_of(list(looked_at.values()))
    known = events.latest({each.pk: each for alerts in members.values() for each in alerts}.values())
    return [
        Told(row, tuple(members[row.pk]), facts, known, _is_on_card(row)) for row in rows if members[row.pk]
    ]


def _is_on_card(row: AlertMessage) -> bool:
    return bool(row.shown) and row.burst in progress.PICTURED and outbox.is_on_card(progress.card_of(row))
