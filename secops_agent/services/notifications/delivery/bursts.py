"""Bursts: from so many alerts of one notification rule and one detection rule on there is one message instead of many.

Whatever is told of alerts passes `gather` with one declaration of what belongs together (`_key`): new alerts and
escalations by detection rule; what waited (a quota, a target, quiet hours, time limits) and what comes in a crowd,
whatever its rule; what rose; what people and sources did. Each by destination. The numbers are the notification rule's.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from django.db.models import F, Q, QuerySet

from bifang.channels.queues import outbox
from secops_agent.models import AlertMessage, AlertMessageItem, Burst, MessageState, TargetKind
from secops_agent.services.notifications.conditions import Grouping
from secops_agent.services.notifications.delivery import progress, wording
from secops_agent.services.notifications.delivery.contents import Told
from secops_agent.services.notifications.matching import UNDO, WINDOW

SETTLE: Final = timedelta(seconds=2)  # for the rest of what comes together with the first
LONGEST_SETTLE: Final = timedelta(seconds=5)
CROWD: Final = 3  # times as many messages of any detection rules are too many, too
CROWD_OF_ROBOT: Final = 15  # DingTalk blocks a custom robot after 20 a minute
JOINED: Final = "已归并为一条消息"
UPDATES: Final = (Burst.RISEN, Burst.CHANGED)  # what was told already changed
_NO_MESSAGE: Final = Q(summary__kind__in=("digest", "silence")) | Q(summary__burst=Burst.RULE)


@dataclass(frozen=True, slots=True)
class _Place:
    """What belongs together, where: ``key`` is the digest of both rules for `Burst.RULE`, else empty."""

    destination: str
    kind: str
    burst: Burst
    key: str = ""

    @property
    def group_key(self) -> str:
        """By which the burst is found again."""
        parts = f"{self.kind}\x1f{self.burst}\x1f{self.key}"
        return blake2b(parts.encode(), digest_size=16).hexdigest()

    @property
    def rows(self) -> "QuerySet[AlertMessage]":
        """Messages of this kind for this destination, bursts aside."""
        rows = AlertMessage.objects.filter(destination=self.destination)
        return rows if self.burst in UPDATES else rows.filter(kind=self.kind, burst=Burst.NONE)


def gather(found: Sequence[Told], now: datetime) -> list[Told]:
    """Join what belongs to a burst; returns what is told by itself. In the caller's transaction."""
    alone, left = [told for told in found if _stands_alone(told)], []
    for place, mine in _sorted((told for told in found if not _stands_alone(told)), now).items():
        rest = _settle(place, mine, now)
        if rest is None and place.burst == Burst.RULE:
            left += mine
        else:
            alone += mine if rest is None else rest
    return alone + list(_crowds(left, now))


def _stands_alone(told: Told) -> bool:
    """A card that changes disturbs nobody; what joined a burst is told by it."""
    row = told.row
    if not row.digest:
        return bool(row.burst)
    return told.on_card or bool(row.joined_at and row.sent_at and row.joined_at >= row.sent_at)


def _sorted(found: Iterable[Told], now: datetime) -> Mapping[_Place, list[Told]]:
    by_place: dict[_Place, list[Told]] = defaultdict(list)
    for told in sorted(found, key=lambda each: (each.row.opened_at, each.row.pk)):
        by_place[_place(told, now)].append(told)
    return by_place


def _place(told: Told, now: datetime) -> _Place:
    """The one declaration of what belongs together."""
    row = told.row
    if row.digest:
        return _Place(row.destination, "group", Burst.RISEN if told.has_risen else Burst.CHANGED)
    if row.sla or now - row.opened_at > _numbers(row).within:
        return _Place(row.destination, row.kind, Burst.LATE)
    return _Place(row.destination, row.kind, Burst.RULE, row.burst_key)


def _numbers(row: AlertMessage) -> Grouping:
    return Grouping(**row.target.rule.group)


def _settle(place: _Place, mine: Sequence[Told], now: datetime) -> list[Told] | None:
    """Join them if they are too many; returns what stands alone, graver than what was told. None if they are not."""
    numbers = _numbers(mine[0].row)
    lately, burst = _lately(place, numbers, now), _going_on(place, numbers, now)
    if burst is None and not _are_too_many(place, mine, lately):
        return None
    graver = list(_graver(place, mine, burst, lately))
    joining = [told for told in mine if told not in graver]
    if joining:
        _join(place, joining, burst or _begin(place, joining, lately, now), now)
    return graver


def _are_too_many(place: _Place, mine: Sequence[Told], lately: "QuerySet[AlertMessage]") -> bool:
    """Messages of a crowd are counted, else alerts; one message is never too many."""
    pks = {*lately.values_list("pk", flat=True), *(told.row.pk for told in mine)}
    like = mine[0].row
    size = _numbers(like).size
    if place.burst == Burst.CROWD:
        return len(pks) >= (min(CROWD * size, CROWD_OF_ROBOT) if _is_robot(like) else CROWD * size)
    items = AlertMessageItem.objects.filter(message_id__in=pks)
    return len(pks) > 1 and items.values("alert_id").distinct().count() >= size


def _is_robot(row: AlertMessage) -> bool:
    return row.target.kind == TargetKind.WEBHOOK


def _lately(place: _Place, numbers: Grouping, now: datetime) -> "QuerySet[AlertMessage]":
    """What else belongs there and was told within the window, or waits for no more than its turn."""
    since, soon = now - numbers.within, now + max(numbers.pace, UNDO)
    waiting = Q(wanted__gt=F("shown"), due_at__lte=soon)
    if place.burst == Burst.LATE:
        return place.rows.filter(waiting, ~Q(sla="") | Q(opened_at__lte=since), digest="")
    if place.burst in UPDATES:
        told_again = Q(Q(sent_at__gt=F("told_at")), sent_at__gt=since, burst=Burst.NONE)
        followed = place.rows.filter(burst__in=progress.PICTURED).exclude(digest="")
        return followed.filter(waiting | told_again).exclude(state=MessageState.HELD)
    rows = place.rows.filter(waiting | ~Q(digest=""), opened_at__gt=since).exclude(_NO_MESSAGE)
    return rows if place.burst == Burst.CROWD else rows.filter(burst_key=place.key)


def _going_on(place: _Place, numbers: Grouping, now: datetime) -> AlertMessage | None:
    """The burst that takes these in: something joined it within the window."""
    rows = AlertMessage.objects.filter(
        destination=place.destination, group_key=place.group_key, burst=place.burst, opened_at__gt=now - WINDOW,
        joined_at__gt=now - numbers.within,
    )  # fmt: skip
    return rows.exclude(state=MessageState.HELD).order_by("-pk").first()


def _graver(
    place: _Place, mine: Sequence[Told], burst: AlertMessage | None, lately: "QuerySet[AlertMessage]"
) -> Iterator[Told]:
    """One for each level above what was told of the burst, or above its own while nothing was."""
    if place.burst == Burst.CHANGED:
        return
    levels = [burst.level] if burst else []
    levels += lately.exclude(digest="").values_list("level", flat=True)
    gravest_first = sorted(mine, key=lambda told: wording.rank(told.level))
    own = gravest_first[min(_numbers(mine[0].row).size, len(mine)) - 1].level
    highest = min((wording.rank(level) for level in levels if level), default=wording.rank(own))
    for told in gravest_first:
        if wording.rank(told.level) < highest:
            highest = wording.rank(told.level)
            yield told


def _begin(
    place: _Place, mine: Sequence[Told], lately: "QuerySet[AlertMessage]", now: datetime
) -> AlertMessage:
    """A burst; it tells of the few too that were told one by one before it began, and its first message waits for the end
    of its window then, unless it is a card."""
    like = mine[0].row
    before = list(lately.exclude(digest="")) if place.burst == Burst.RULE else []
    on_card = {row.pk for row in before if outbox.is_on_card(progress.card_of(row))}
    opened_at = min(row.opened_at for row in (like, *before)) if place.burst == Burst.RULE else now
    closes_at = opened_at + _numbers(like).within
    burst = AlertMessage.objects.create(
        target=like.target, staff_id=like.staff_id, destination=place.destination, kind=place.kind, burst=place.burst,
        group_key=place.group_key, burst_key=place.key, opened_at=opened_at, joined_at=now, wanted=0,
        due_at=max(closes_at, now + SETTLE) if before and not on_card else now + SETTLE,
    )  # fmt: skip
    _add(burst, [each.pk for told in mine for each in told.alerts])
    alike = [
        row for row in before if wording.rank(row.level) >= min(wording.rank(told.level) for told in mine)
    ]
    items = AlertMessageItem.objects.filter(message__in=alike).order_by("pk")
    _add(burst, list(items.values_list("alert_id", flat=True)))
    _hold(burst, [row.pk for row in alike if row.pk not in on_card])
    lately.filter(digest="", wanted__gt=F("shown")).update(due_at=now)  # they waited to see whether it is one
    return burst


def _join(place: _Place, mine: Sequence[Told], burst: AlertMessage, now: datetime) -> None:
    """The burst tells of these instead."""
    _add(burst, [each.pk for told in mine for each in told.alerts])
    if place.burst in UPDATES:
        for told in mine:
            told.row.digest, told.row.level = told.digest, told.level
            progress.mark(told.row, told.is_over, now)
    else:
        _hold(burst, [told.row.pk for told in mine])
    level = min((burst.level, *(told.level for told in mine)), key=wording.rank)
    AlertMessage.objects.filter(pk=burst.pk).update(
        wanted=F("wanted") + 1, joined_at=now, level=level, due_at=_due(burst, now)
    )


def _add(burst: AlertMessage, alert_ids: Sequence[int]) -> None:
    items = (AlertMessageItem(message=burst, alert_id=pk) for pk in dict.fromkeys(alert_ids))
    AlertMessageItem.objects.bulk_create(items, ignore_conflicts=True)


def _hold(burst: AlertMessage, pks: Sequence[int]) -> None:
    AlertMessage.objects.filter(pk__in=pks).update(
        state=MessageState.HELD, reason=JOINED, summary=burst, shown=F("wanted")
    )


def _due(burst: AlertMessage, now: datetime) -> datetime:
    """On a card soon; else when the window closes, and then when nothing more has come for as long."""
    if (
        not burst.sent_at
    ):  # its first message tells of all that comes together, and does not wait long for the rest
        return max(burst.due_at, min(now + SETTLE, burst.opened_at + LONGEST_SETTLE))
    if outbox.is_on_card(progress.card_of(burst)):
        return now + SETTLE
    within = _numbers(burst).within
    return max(burst.opened_at + within, now + (SETTLE if now < burst.opened_at + within else within))


def _crowds(left: Sequence[Told], now: datetime) -> Iterator[Told]:
    """New messages of many detection rules: too many of them are a burst, too; of one rule they keep their distance."""
    by_place: dict[_Place, list[Told]] = defaultdict(list)
    for told in left:
        by_place[_Place(told.row.destination, told.row.kind, Burst.CROWD)].append(told)
    for place, mine in by_place.items():
        rest = _settle(place, mine, now)
        yield from _paced(mine, now) if rest is None else rest


def _paced(mine: Sequence[Told], now: datetime) -> Iterator[Told]:
    """The first at once; what follows it closely waits a few seconds, in which it may turn out to be a burst."""
    last: dict[tuple[str, str, str], int] = {}
    for told in mine:
        row, numbers = told.row, _numbers(told.row)
        key = (row.destination, row.kind, row.burst_key)
        if key not in last:
            last[key] = _rank_told(row, now - numbers.pace)
        is_fresh = bool(row.burst_key) and now - row.opened_at < numbers.pace
        if is_fresh and last[key] <= wording.rank(told.level):
            AlertMessage.objects.filter(pk=row.pk).update(due_at=now + numbers.pace)
        else:
            last[key] = min(last[key], wording.rank(told.level))
            yield told


def _rank_told(row: AlertMessage, since: datetime) -> int:
    """How grave what was told of the same rule since then was; more than any if nothing was."""
    rows = AlertMessage.objects.filter(
        destination=row.destination, kind=row.kind, burst_key=row.burst_key, told_at__gt=since
    )
    return min((wording.rank(level) for level in rows.values_list("level", flat=True) if level), default=99)
