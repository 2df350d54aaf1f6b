"""Calendar feeds: secret addresses from which calendar programs read a rota, shown once, revocable."""

import secrets
from collections.abc import Callable
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import CalendarFeed, OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.people.logins import valid_user
from secops_agent.services.people.tokens import PREFIX, digest_of

MOST_LIVE: Final = 50  # of one schedule
_BYTES: Final = 32
FALLEN: Final = "创建它的人已离职、不能再看值班表，或不知道是谁：请新建一个。"
SEE: Final = "secops_agent.view_oncallschedule"


def make_feed(
    schedule: OnCallSchedule, staff: Staff | None, actor: Actor, maker_id: int | None = None
) -> str:
    """The secret of a new address; nobody can read it again. ``maker_id``: of the login that gets it. Raises InvalidInput."""
    if CalendarFeed.objects.filter(schedule=schedule, revoked_at=None).count() >= MOST_LIVE:
        raise InvalidInput(f"这张值班表已有 {MOST_LIVE} 个有效的订阅地址：请先作废不用的。")
    secret = PREFIX + secrets.token_urlsafe(_BYTES)  # so that logs know it for a secret
    with transaction.atomic():
        row = CalendarFeed.objects.create(
            schedule=schedule,
            staff=staff,
            digest=digest_of(secret),
            made_by=actor.name[:200],
            maker_id=maker_id,
        )
        what = f"新建值班表「{schedule.name}」的日历订阅"
        keep(actor, what, f"calendar_feed:{row.pk}", {"staff": staff.name if staff else ""})
    return secret


def revoke_feed(feed_id: int, actor: Actor) -> None:
    """From now on it answers nothing. Raises InvalidInput if it did not before."""
    with transaction.atomic():
        live = CalendarFeed.objects.filter(pk=feed_id, revoked_at=None)
        if not live.update(revoked_at=timezone.now()):
            raise InvalidInput("这个订阅地址已经作废。")
        keep(actor, "作废日历订阅", f"calendar_feed:{feed_id}", {})


def find_feed(secret: str) -> CalendarFeed | None:
    """The live feed of that secret; None for anything else, and once whose it is has left or may not see the rota."""
    if len(secret) > 100:
        return None
    rows = CalendarFeed.objects.filter(digest=digest_of(secret), revoked_at=None, schedule__enabled=True)
    row = rows.select_related("schedule", "staff").first()
    return row if row is not None and stands(row) else None


def stands(feed: CalendarFeed, may: Callable[[int], bool] | None = None) -> bool:
    """Is whoever has the address still here, and whose shifts it tells of? Who has one of all shifts must be known.

    ``may``: as `sees_rotas`, for whoever asks about many.
    """
    if feed.staff is not None and not feed.staff.active:
        return False
    return feed.staff is not None if feed.maker_id is None else (may or sees_rotas)(feed.maker_id)


def sees_rotas(user_id: int) -> bool:
    """May this login look at rotas now?"""
    user = valid_user(user_id)
    return user is not None and bool(user.has_perm(SEE))
