"""The feeds of vulnerability intelligence: which there are, where they come from, how old what we have is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from secops_agent.models import Feed

OFF: Final = "off"
STALE: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class FeedSource:
    """``format`` is the importer's; ``max_bytes`` of what is sent, after transfer decoding."""

    name: str
    title: str
    format: str
    max_bytes: int

    @property
    def address(self) -> str:
        """Of the operator, else the official one; "" where it is switched off."""
        found = settings.FEED_ADDRESSES[self.name].strip()
        return "" if found.lower() == OFF else found


SOURCES: Final = (
    FeedSource("kev", "CISA KEV", "kev", 64 << 20),
    FeedSource("epss", "EPSS", "epss", 128 << 20),
)


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """``checked_at``: when what we have was known to be the newest; None: never fetched."""

    name: str
    title: str
    checked_at: datetime | None
    error: str

    def age(self, now: datetime) -> timedelta | None:
        """How old what we have may be."""
        return now - self.checked_at if self.checked_at else None


def title_of(name: str) -> str:
    """As people call it."""
    return next((source.title for source in SOURCES if source.name == name), name)


def enabled_sources() -> list[FeedSource]:
    """Those that have an address."""
    return [source for source in SOURCES if source.address]


def feed_statuses() -> list[FeedStatus]:
    """One query."""
    rows = {row.name: row for row in Feed.objects.all()}
    return [
        FeedStatus(each.name, each.title, row.checked_at if row else None, row.last_error if row else "")
        for each in enabled_sources()
        for row in (rows.get(each.name),)
    ]


def known(source: FeedSource) -> Feed:
    """What is known of it, an unsaved row at first; of another address nothing."""
    row = Feed.objects.filter(name=source.name).first()
    if row is None or row.address != source.address:
        return Feed(pk=row.pk if row else None, name=source.name, address=source.address)
    return row


def note_error(source: FeedSource, message: str) -> None:
    """It could not be had now; what we have stays."""
    row, _ = Feed.objects.get_or_create(name=source.name, defaults={"address": source.address})
    Feed.objects.filter(pk=row.pk).update(last_error=message, last_error_at=timezone.now())


def note_success(row: Feed, *, changed: bool) -> None:
    """It is as the other side has it."""
    row.checked_at = timezone.now()
    row.changed_at = row.checked_at if changed else row.changed_at
    row.last_error, row.last_error_at = "", None
    with transaction.atomic():
        row.save()
