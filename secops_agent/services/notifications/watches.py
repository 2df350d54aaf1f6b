"""Watches: notification rules that somebody set for a while in a chat, and that end by themselves."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationRule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.chats import name_of
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications import rules, targets

SCOPES: Final = {
    "asset": "assets",
    "tag": "asset_tags",
    "source": "sources",
    "rule": "rules",
    "address": "addresses",
}
MOST: Final = 20  # of one person
KEPT: Final = timedelta(days=7)  # after its end, for who asks what was told


def begin(
    scope: str, value: str, hours: int, owner: Staff, config: SystemConfig, group: str, actor: Actor
) -> NotificationRule:
    """Tell ``owner``, or the group, of what happens from now on; the same again is prolonged. Raises InvalidInput."""
    now = timezone.now()
    place = (
        {"kind": "group", "conversation_id": group}
        if group
        else {"kind": "person", "staff_id": owner.staff_id}
    )
    with transaction.atomic():
        for over in NotificationRule.objects.filter(ends_at__lt=now - KEPT):
            rules.delete_rule(over, Actor.system("watches"))
        mine = current(now).filter(owner=owner)
        name = f"盯着 {value[:40]}（{owner.name[:15]} {owner.pk}{f'，群 {group[-20:]}' if group else ''}）"
        if mine.exclude(name=name).count() >= MOST:
            raise InvalidInput(f"您已经盯着 {MOST} 样：请先取消不用的。")
        given = {
            "name": name,
            "conditions": {SCOPES[scope]: [value]},
            "targets": [{**place, "config": name_of(config)}],
        }
        return rules.save_rule(given, actor, ends_at=now + timedelta(hours=hours), owner=owner)


def current(now: datetime) -> "QuerySet[NotificationRule]":
    """Those that have not ended."""
    return NotificationRule.objects.filter(ends_at__gt=now).select_related("owner").order_by("pk")


def of_corporation(corp_id: str) -> list[NotificationRule]:
    """Those of people of this corporation, with their places."""
    rows = current(timezone.now()).filter(owner__corp_id__in=("", corp_id))
    return list(rows.prefetch_related("targets__config", "targets__staff"))


def place_of(row: NotificationRule) -> str:
    """Where it is told."""
    return "、".join(map(targets.place_of, row.targets.all()))


def get(watch_id: int) -> NotificationRule:
    """Raises NotFound."""
    if (row := current(timezone.now()).filter(pk=watch_id).first()) is None:
        raise NotFound(f"没有编号为 {watch_id} 的「盯着」，或已经结束。")
    return row
