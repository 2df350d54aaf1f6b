"""The cards in the database: which card belongs to what, who completes it, and which were left unfinished."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q

from bifang.channels.cards.models import Card, CardState
from bifang.channels.cards.ports import CardPlace, CardRef
from bifang.channels.models import OPEN, InboxRow, OutboxRow, State
from bifang.channels.ports import Part, Turn
from bifang.channels.queues.claims import Remit
from bifang.core.database.db import database_now
from bifang.core.database.retention import Keeping

STALE: Final = timedelta(minutes=10)
JUST_BORN: Final = timedelta(minutes=1)  # its part may not have taken it yet
BETWEEN_TRIES: Final = timedelta(seconds=5)  # while cards fail, closing them must not add to the load
MOST_READERS: Final = 50  # of one card that were refused something since it last changed
GIVE_UP: Final = timedelta(days=1)  # of trying to close a card
UNFINISHED: Final = (CardState.OPEN, CardState.GIVEN_UP)
NameOf = Callable[
    [int, str], str
]  # the name of somebody who is listed, by configuration and staff id; else ""


@dataclass(frozen=True, slots=True)
class Held(CardRef):
    """A card in use. ``fresh``: nothing was ever sent about it; ``nick``: whom it answers, by name."""

    shown: bool = False
    fresh: bool = False
    finished: bool = False
    nick: str = ""
    digest: str = ""
    readers: tuple[str, ...] = ()


def open_for(turn: Turn, place: CardPlace) -> Held | None:
    """The turn's card, the same for every run of it; None if it is no longer to be changed."""
    track_id = _track_id(turn.config_id, turn.kind, turn.external_id)
    card, fresh = _find_or_add(track_id, turn.config_id, turn.inbox_id, place)
    if card.state != CardState.OPEN or card.part_key:
        return None
    return Held(*_ref(card), shown=card.shown, fresh=fresh)


def remote_of(track_id: str) -> str:
    """The platform's id of a card; "" where it has none of its own."""
    return Card.objects.filter(out_track_id=track_id).values_list("remote_id", flat=True).first() or ""


def take(part: Part, place: CardPlace, *, begin: bool = True) -> Held | None:
    """The card that this part completes; None if it goes out otherwise.

    The first part to a turn's own place completes the turn's card, which is begun for it if ``begin``; a later one has a
    card only for its buttons.
    """
    held = _take_of_turn(part, part.inbox_id, place, begin) if part.inbox_id is not None else None
    if held is None and part.buttons:
        held = _take(part, place, _track_id("part", part.key, part.created_ms), None)
    return held


def _take_of_turn(part: Part, inbox_id: int, place: CardPlace, begin: bool) -> Held | None:
    row = InboxRow.objects.filter(pk=inbox_id).first()
    if row is None or not _same_place(row, place):
        return None
    track_id = _track_id(row.config_id, row.kind, row.external_id)
    if not begin and not Card.objects.filter(out_track_id=track_id).exists():
        return None
    return _take(part, place, track_id, row.pk, str(row.payload.get("nick") or ""))


def _take(part: Part, place: CardPlace, track_id: str, inbox_id: int | None, nick: str = "") -> Held | None:
    card, fresh = _find_or_add(track_id, part.config_id, inbox_id, place)
    if not card.part_key:
        free = Card.objects.filter(pk=card.pk, part_key="", state=CardState.OPEN)
        if not free.update(part_key=part.key, updated_at=database_now()):
            return None
    elif card.part_key != part.key or card.state not in (CardState.OPEN, CardState.FINISHED):
        return None
    finished = card.state == CardState.FINISHED
    return Held(*_ref(card), shown=card.shown, fresh=fresh, finished=finished, nick=nick)


def take_standing(
    part: Part, place: CardPlace, name_of: NameOf, life: timedelta | None = None
) -> Held | None:
    """The card of what goes on in this place, the same one while it lives; None if it was given up."""
    track_id = _track_id("card", part.config_id, part.card, place.conversation_id, place.staff_id)
    card, fresh = _find_or_add(track_id, part.config_id, None, place)
    if life is not None and card.created_at < database_now() - life and _begin_again(card):
        card, fresh = Card.objects.get(pk=card.pk), True
    if card.state not in (CardState.OPEN, CardState.FINISHED):
        return None
    _update(Card.objects.filter(pk=card.pk), part_key=part.key)
    return Held(
        *_ref(card),
        shown=card.shown,
        fresh=fresh,
        nick=name_of(part.config_id, part.at_staff_id) if part.at_staff_id else "",
        digest=card.digest if card.state == CardState.FINISHED else "",
        readers=tuple(card.readers),
    )


def _begin_again(card: Card) -> bool:
    """The platform changes the old one no more: it keeps what it shows. One process wins."""
    now, old = database_now(), Card.objects.filter(pk=card.pk, created_at=card.created_at)
    unborn = {"remote_id": "", "shown": False, "digest": "", "readers": [], "last_error": ""}
    return bool(old.update(state=CardState.OPEN, created_at=now, updated_at=now, **unborn))


def part_shown(config_id: int, track_id: str, place: CardPlace) -> str:
    """The key of the message that a card showed last where it was clicked: in the group that it was sent to (or in one
    that the platform does not name), or by the person to whom it was sent; "" for every other card."""
    sent = Q(shown=True) | Q(state=CardState.OPEN)  # it may be clicked before its delivery is written down
    group = Q(is_group=True, **({"conversation_id": place.conversation_id} if place.conversation_id else {}))
    cards = Card.objects.filter(sent, group | Q(is_group=False, staff_id=place.staff_id), config_id=config_id)
    return cards.filter(out_track_id=track_id).values_list("part_key", flat=True).first() or ""


def add_reader(config_id: int, track_id: str, staff_id: str) -> None:
    """Somebody sees a title of their own on this card until it changes."""
    with transaction.atomic():
        card = Card.objects.select_for_update().filter(config_id=config_id, out_track_id=track_id).first()
        if card is not None and staff_id not in card.readers:
            card.readers = [*card.readers, staff_id][-MOST_READERS:]
            card.save(update_fields=["readers"])


def _same_place(row: InboxRow, place: CardPlace) -> bool:
    if row.is_group or place.is_group:
        return row.is_group and place.is_group and row.conversation_id == place.conversation_id
    return bool((row.target or {}).get("staff_id") == place.staff_id)


def _find_or_add(track_id: str, config_id: int, inbox_id: int | None, place: CardPlace) -> tuple[Card, bool]:
    now = database_now()
    born = {
        "config_id": config_id,
        "inbox_id": inbox_id,
        "conversation_id": place.conversation_id,
        "is_group": place.is_group,
        "staff_id": place.staff_id,
        "created_at": now,
        "updated_at": now,
    }
    return Card.objects.get_or_create(out_track_id=track_id, defaults=born)


def _track_id(*identity: object) -> str:
    """Stable, and new in a new database: message ids are the platform's, part keys hold a random lease."""
    return f"bf-{hashlib.sha256(':'.join(map(str, identity)).encode()).hexdigest()[:32]}"


def _ref(card: Card) -> tuple[int, int, str, str, int]:
    age_ms = int((database_now() - card.created_at).total_seconds() * 1000)
    return card.pk, card.config_id, card.out_track_id, card.remote_id, max(age_ms, 0)


def remember(pk: int, remote_id: str) -> None:
    """How the platform calls the card, before anybody sees it."""
    _update(Card.objects.filter(pk=pk), remote_id=remote_id[:200])


def mark_shown(pk: int, text: str) -> None:
    """The platform accepted the card."""
    _update(Card.objects.filter(pk=pk), shown=True, digest=_digest(text))


def finish(pk: int, text: str) -> None:
    """The card shows the whole answer."""
    values = {"state": CardState.FINISHED, "shown": True, "digest": _digest(text), "last_error": ""}
    _update(Card.objects.filter(pk=pk, state=CardState.OPEN), **values)


def finish_standing(held: Held, text: str) -> None:
    """The card shows how it stands, to all who saw a title of their own too."""
    values = {"state": CardState.FINISHED, "shown": True, "digest": _digest(text), "last_error": ""}
    _update(Card.objects.filter(pk=held.pk), **values)
    Card.objects.filter(pk=held.pk, readers=list(held.readers)).update(readers=[])


def give_up(pk: int, reason: str, *, standing: bool = False) -> None:
    """The answer goes out as text; the reaper closes what the platform may show of the card."""
    states = (CardState.OPEN, CardState.FINISHED) if standing else (CardState.OPEN,)
    _update(Card.objects.filter(pk=pk, state__in=states), state=CardState.GIVEN_UP, last_error=reason[:2000])


def give_up_of(part: Part, reason: str) -> None:
    """The same for the card that a turn may have begun."""
    if part.inbox_id is None:
        return
    begun = Card.objects.filter(inbox_id=part.inbox_id, state=CardState.OPEN, part_key="")
    if begun.exists():
        _update(begun, state=CardState.GIVEN_UP, part_key=part.key, last_error=reason[:2000])


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan(CardRef):
    """A card nobody will complete, held for closing: nobody else closes it meanwhile."""

    state: str
    stopped: bool  # its turn was ended on purpose
    old: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(CardRef):
    """A card whose question was answered elsewhere, held: no other process changes it meanwhile."""

    title: str
    text: str


def settled(card: Card, title: str, text: str) -> Settled:
    """The card as it is to be changed."""
    return Settled(*_ref(card), title=title, text=text)


def within(scope: Remit) -> "models.QuerySet[Card]":
    """The cards of these configurations: another platform's are no business of this one."""
    cards = Card.objects.all()
    cards = cards.filter(config__kind=scope.kind) if scope.kind else cards
    return cards if scope.config_id is None else cards.filter(config_id=scope.config_id)


def orphans(scope: Remit) -> list[Orphan]:
    """Unfinished cards without a turn that runs, waits to run again soon, or has an answer under way."""
    now = database_now()
    unfinished = within(scope).filter(state__in=UNFINISHED)
    if not unfinished.exists():
        return []
    _settle_delivered(unfinished)
    lost = _lost(unfinished, now).select_related("inbox")
    return [_orphan(card, now) for card in lost[:100] if hold(card)]


def _settle_delivered(unfinished: "models.QuerySet[Card]") -> None:
    """Completed by a process that died before it wrote so."""
    sent = OutboxRow.objects.filter(key=OuterRef("part_key"), state=State.DONE, route="card")
    done = unfinished.filter(Exists(sent), state=CardState.OPEN).exclude(part_key="")
    _update(Card.objects.filter(pk__in=list(done.values_list("pk", flat=True))), state=CardState.FINISHED)


def _lost(unfinished: "models.QuerySet[Card]", now: datetime) -> "models.QuerySet[Card]":
    answer = OutboxRow.objects.filter(inbox_id=OuterRef("inbox_id"), state__in=OPEN)
    message = OutboxRow.objects.filter(key=OuterRef("part_key"), state__in=OPEN)
    over = Q(inbox__state__in=(State.DONE, State.DEAD)) | Q(inbox=None, created_at__lt=now - JUST_BORN)
    stale = Q(created_at__lt=now - STALE) & ~Q(inbox__state=State.CLAIMED)
    alive = Exists(answer) | Exists(message)
    given_up = Q(state=CardState.GIVEN_UP, updated_at__lt=now - BETWEEN_TRIES)
    return unfinished.filter(given_up | (Q(state=CardState.OPEN) & (over | stale) & ~alive))


def hold(card: Card) -> bool:
    """One process wins."""
    mine = Card.objects.filter(pk=card.pk, updated_at=card.updated_at)
    return bool(mine.update(updated_at=database_now()))


def shows(card: Card | Held, text: str) -> bool:
    """Is this what the card showed last?"""
    return card.digest == _digest(text)


def settle(pk: int, text: str) -> None:
    """The card shows the decision."""
    _update(Card.objects.filter(pk=pk), digest=_digest(text))


def _orphan(card: Card, now: datetime) -> Orphan:
    stopped = card.inbox is not None and card.inbox.state == State.DONE
    old = card.created_at < now - GIVE_UP
    return Orphan(*_ref(card), state=card.state, stopped=stopped, old=old)


def close(pk: int, reason: str) -> None:
    """The platform shows that the card is over, or knows no such card."""
    _update(
        Card.objects.filter(pk=pk, state__in=UNFINISHED), state=CardState.FAILED, last_error=reason[:2000]
    )


def _dropped(before: datetime) -> "models.QuerySet[Card]":
    """Cards of messages; those of turns go with their inbox row."""
    rows = Card.objects.filter(inbox=None, updated_at__lt=before)
    return rows.exclude(state__in=UNFINISHED).order_by("id")


KEEPING: Final = Keeping("卡片", "RETENTION_DAYS", _dropped, "updated_at")


def _update(rows: "models.QuerySet[Card]", **values: Any) -> int:
    return rows.update(updated_at=database_now(), **values)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
