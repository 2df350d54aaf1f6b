"""The feeds of vulnerability intelligence: which there are, where they come from, how old what we have is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from secops_agent.models import Component, Feed

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
    def family(self) -> str:
        """ "osv" of "osv:PyPI"."""
        return self.name.partition(":")[0]

    @property
    def address(self) -> str:
        """Of the operator, else the official one; "" where it is switched off."""
        found = settings.FEED_ADDRESSES[self.family].strip()
        ecosystem = self.name.partition(":")[2]
        rest = f"/{quote(ecosystem)}/all.zip" if ecosystem else ""
        return "" if found.lower() == OFF else f"{found.rstrip('/')}{rest}"


SOURCES: Final = (
    FeedSource("kev", "CISA KEV", "kev", 64 << 20),
    FeedSource("epss", "EPSS", "epss", 128 << 20),
)
# OSV's ecosystems, and how the purls of their packages begin.
ECOSYSTEMS: Final = {
    "PyPI": "pkg:pypi/", "npm": "pkg:npm/", "Go": "pkg:golang/", "Maven": "pkg:maven/", "crates.io": "pkg:cargo/",
    "NuGet": "pkg:nuget/", "RubyGems": "pkg:gem/", "Packagist": "pkg:composer/", "Hex": "pkg:hex/", "Pub": "pkg:pub/",
    "Debian": "pkg:deb/debian/", "Ubuntu": "pkg:deb/ubuntu/", "Alpine": "pkg:apk/alpine/", "Rocky Linux": "pkg:rpm/rocky",
    "AlmaLinux": "pkg:rpm/alma", "openEuler": "pkg:rpm/openeuler/",
}  # fmt: skip


def osv_source(ecosystem: str) -> FeedSource:
    """The archive of one ecosystem."""
    return FeedSource(f"osv:{ecosystem}", f"OSV {ecosystem}", "osv", 1 << 30)


def present_ecosystems() -> list[str]:
    """Those of which something is installed here."""
    rows = Component.objects.filter(active=True)
    return [
        name
        for name, prefix in ECOSYSTEMS.items()
        if rows.filter(ecosystem=prefix.split(":")[1].split("/")[0], purl__startswith=prefix).exists()
    ]


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
    known_ones = {source.name: source.title for source in SOURCES}
    return known_ones.get(name) or name.replace("osv:", "OSV ")


def enabled_sources() -> list[FeedSource]:
    """Those that have an address; of OSV what the estate has use for. Looks through its components."""
    osv = [osv_source(name) for name in present_ecosystems()] if osv_source("PyPI").address else []
    return [*(source for source in SOURCES if source.address), *osv]


def all_off() -> bool:
    """Is there nothing that could be fetched?"""
    return not any(source.address for source in (*SOURCES, osv_source("PyPI")))


def feed_statuses() -> list[FeedStatus]:
    """One query: what has an address, and of OSV what was ever looked for."""
    rows = {row.name: row for row in Feed.objects.all()}
    osv = [osv_source(name.partition(":")[2]) for name in rows if name.startswith("osv:")]
    return [
        FeedStatus(each.name, each.title, row.checked_at if row else None, row.last_error if row else "")
        for each in (*SOURCES, *osv)
        if each.address
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
