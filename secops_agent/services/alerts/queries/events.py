"""Source events: the newest raw event of each alert as its source sent it, searched for a word within bounds.

They are private parts (`privacy`): whoever asks must have been asked for the right to read them before.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bifang.core.secrets.redaction import redact
from secops_agent.models import Alert, AlertPayload
from secops_agent.services.alerts.queries.filters import AlertFilter, matching
from secops_agent.services.alerts.queries.words import folded

MOST_EVENTS: Final = 3000
MOST_CHARACTERS: Final = 16_000_000
SECONDS: Final = 2.0
_PIECE: Final = 100
_LONGEST: Final = 200_000  # characters of one event that are looked through
_BEFORE, _AROUND = 60, 240


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """``excerpt``: what stands around the word, secrets taken out; text that somebody else wrote."""

    alert_id: int
    source: str
    at: datetime
    assets: tuple[str, ...]
    excerpt: str


@dataclass(frozen=True, slots=True)
class EventSearch:
    """The newest first; ``read``: how many events were looked through, ``whole``: all that there are in the span."""

    found: tuple[FoundEvent, ...]
    read: int
    whole: bool


def search_events(wanted: AlertFilter, words: Sequence[str], limit: int) -> EventSearch:
    """Events of these alerts that hold all the words, A to Z in either case. Stops at `limit` found, or at the bounds.

    A word that stands in a secret only is not found. Raises NotFound for an unknown asset.
    """
    newest = matching(wanted).order_by("-last_seen", "-id").values_list("pk", flat=True)
    ids, bounds, sought = list(newest[: MOST_EVENTS + 1]), _Bounds(), [*map(folded, words)]
    hits: dict[int, str] = {}
    for alert_id, text in _events(ids[:MOST_EVENTS], bounds):
        if not all(word in folded(text) for word in sought):
            continue
        shown = folded(clean := redact(text))
        if all(word in shown for word in sought):
            place = shown.find(sought[0]) if sought else 0
            hits[alert_id] = clean[max(0, place - _BEFORE) :][:_AROUND]
        if len(hits) == limit:
            break
    whole = len(ids) <= MOST_EVENTS and not bounds.used_up and len(hits) < limit
    return EventSearch(tuple(_found(hits)), bounds.events, whole)


class _Bounds:
    """How much has been looked through."""

    def __init__(self) -> None:
        self.events, self._characters, self._end = 0, 0, time.monotonic() + SECONDS

    def add(self, text: str) -> None:
        """One event more."""
        self.events += 1
        self._characters += len(text)

    @property
    def used_up(self) -> bool:
        return self._characters > MOST_CHARACTERS or time.monotonic() > self._end


def _events(ids: list[int], bounds: _Bounds) -> Iterator[tuple[int, str]]:
    """Alert and event, as text, in this order."""
    for start in range(0, len(ids), _PIECE):
        piece = ids[start : start + _PIECE]
        stored = dict(AlertPayload.objects.filter(alert_id__in=piece).values_list("pk", "raw"))
        for alert_id in filter(stored.__contains__, piece):
            if bounds.used_up:
                return
            text = json.dumps(stored[alert_id], ensure_ascii=False)[:_LONGEST]
            bounds.add(text)
            yield alert_id, text


def _found(hits: dict[int, str]) -> Iterator[FoundEvent]:
    rows = Alert.objects.prefetch_related("assets").in_bulk(list(hits))
    for alert_id, excerpt in hits.items():
        if row := rows.get(alert_id):
            names = tuple(asset.name for asset in row.assets.all())
            yield FoundEvent(alert_id, row.source, row.last_seen, names, excerpt)
