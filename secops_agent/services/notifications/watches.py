"""Watches: notification rules that somebody set for a while in a chat, and that end by themselves."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import Alert, NotificationRule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.chats import name_of
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications import rules, targets
from secops_agent.services.people.words import demand_pace

SCOPES: Final = {
    "asset": "assets",
    "tag": "asset_tags",
    "source": "sources",
    "rule": "rules",
    "address": "addresses",
    "severity": "severities",
}
_MOST_RULES: Final = 20  # of one watch
_LOOKED_AT: Final = 5000  # alerts, for the names of their rules
MOST: Final = 20  # of one person
KEPT: Final = timedelta(days=7)  # after its end, for who asks what was told


def is_alert(text: str) -> bool:
    """A291, 告警 291: one alert."""
    return re.fullmatch(r"(?:告警|alert)?[:：]?\s*[A#]\s?\d{1,9}", text.strip(), re.IGNORECASE) is not None


def rules_like(wanted: str) -> list[str]:
    """The names of the rules of alerts that are so called, or have these words in their names. Raises NotFound."""
    seen = Alert.objects.exclude(rule_name="").order_by("-last_seen").values_list("rule_name", flat=True)
    names = list(dict.fromkeys(seen[:_LOOKED_AT]))
    key = wanted.replace(" ", "").casefold()
    found = [name for name in names if key in name.replace(" ", "").casefold()]
    exact = [name for name in found if name == wanted]
    if not found:
        raise NotFound(f"没有规则「{wanted[:60]}」，请写规则的完整名称（告警详情里的「规则」）。")
    return (exact or found)[:_MOST_RULES]


def begin(
    conditions: Mapping[str, Sequence[str]],
    told: str,
    hours: int,
    owner: Staff,
    config: SystemConfig,
    group: str,
    actor: Actor,
    places: Sequence[Mapping[str, Any]] = (),
) -> NotificationRule:
    """Tell ``owner``, the group, or these ``places``, of what happens from now on; the same again is prolonged. ``conditions`` by scope,
    ``told`` in words. Raises InvalidInput."""
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
        others = sum(each.get("staff_id") != owner.staff_id for each in places)
        if others:
            demand_pace(owner, others)
        told_there = [
            str(each.get("staff_id") or each.get("schedule") or each.get("conversation_id"))[-20:]
            for each in places
        ]
        where = "、".join(told_there)[:60] or (f"群 {group[-20:]}" if group else "")
        name = f"盯着 {told.removeprefix('资产 ')[:50]}（{owner.name[:15]} {owner.pk}{f'，{where}' if where else ''}）"
        if mine.exclude(name=name).count() >= MOST:
            raise InvalidInput(f"您已经盯着 {MOST} 样：请先取消不用的。")
        given = {
            "name": name,
            "conditions": {SCOPES[scope]: list(values) for scope, values in conditions.items()},
            "targets": list(places) or [{**place, "config": name_of(config)}],
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
