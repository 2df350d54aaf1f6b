"""Addresses from which calendar programs read a rota: secret, shown once, revocable."""

import secrets
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import CalendarFeed, OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.people.tokens import PREFIX, digest_of

MOST_LIVE: Final = 50  # of one schedule
_BYTES: Final = 32


def make_feed(schedule: OnCallSchedule, staff: Staff | None, actor: Actor) -> str:
    """The secret of a new address; nobody can read it again. Raises InvalidInput."""
    if CalendarFeed.objects.filter(schedule=schedule, revoked_at=None).count() >= MOST_LIVE:
        raise InvalidInput(f"这张值班表已有 {MOST_LIVE} 个有效的订阅地址：请先作废不用的。")
    secret = PREFIX + secrets.token_urlsafe(_BYTES)  # so that logs know it for a secret
    with transaction.atomic():
        row = CalendarFeed.objects.create(
            schedule=schedule, staff=staff, digest=digest_of(secret), made_by=actor.name[:200]
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
    """The live feed of that secret; None for anything else, and for one of somebody who left."""
    if len(secret) > 100:
        return None
    rows = CalendarFeed.objects.filter(digest=digest_of(secret), revoked_at=None, schedule__enabled=True)
    row = rows.select_related("schedule", "staff").first()
    return None if row is None or (row.staff is not None and not row.staff.active) else row
