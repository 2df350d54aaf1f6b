"""Silences: what they cover, how they are made, and what is told at their end."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, Silence
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.notifications.conditions import Facts

LONGEST: Final = timedelta(days=30)
SCOPES: Final = ("alert", "asset", "tag", "source", "rule", "all")
GRAVE_FOR: Final = timedelta(hours=24)  # 严重 for longer needs an approver


def active(now: datetime) -> list[Silence]:
    """Those in force."""
    return list(Silence.objects.filter(starts_at__lte=now, ends_at__gt=now).order_by("-ends_at"))


def covering(silences: Iterable[Silence], alert: Alert, facts: Facts) -> Silence | None:
    """The silence that covers an alert."""
    return next((each for each in silences if _covers(each, alert, facts)), None)


def covering_all(silences: Sequence[Silence], alerts: Sequence[Alert], facts: Facts) -> Silence | None:
    """The silence that covers a group: all of it, or the alert that its message is named after."""
    named = covering([each for each in silences if each.scope == "alert"], alerts[0], facts)
    found = [covering(silences, each, facts) for each in alerts]
    return named or (found[0] if all(found) else None)


def _covers(silence: Silence, alert: Alert, facts: Facts) -> bool:
    match silence.scope:
        case "all":
            return True
        case "alert":
            return str(alert.pk) == silence.value
        case "asset":
            return silence.value in facts.asset_names
        case "tag":
            return silence.value in facts.asset_tags
        case "source":
            return silence.value == facts.source
        case "rule":
            return silence.value in facts.rules
    return False


def needs_approval(scope: str, length: timedelta) -> bool:
    """Too much for one person to decide: everything, or longer than a day (严重 could be among it)."""
    return scope == "all" or length > GRAVE_FOR


def silence(
    scope: str, value: str, minutes: int, actor: Actor, reason: str = "", *, start: datetime | None = None
) -> Silence:
    """Hold messages back from now, or from ``start`` (a maintenance window). Raises InvalidInput."""
    length, begin = timedelta(minutes=minutes), start or timezone.now()
    if scope not in SCOPES or (scope != "all" and not value.strip()):
        raise InvalidInput(f"请说明静默什么：{'、'.join(SCOPES)} 之一，以及它的名称。")
    if not timedelta(0) < length <= LONGEST:
        raise InvalidInput(f"静默的时长应在 1 分钟到 {LONGEST.days} 天之间。")
    with transaction.atomic():
        row = Silence.objects.create(
            scope=scope, value=value.strip()[:300], starts_at=begin, ends_at=begin + length, reason=reason[:300],
            made_by=actor.name,
        )  # fmt: skip
        keep(actor, f"静默「{row}」", f"silence:{row.pk}", {"minutes": minutes, "reason": reason[:300]})
    return row


def end(silence_id: int, actor: Actor) -> None:
    """End it now. Raises InvalidInput if it has ended."""
    now = timezone.now()
    with transaction.atomic():
        if not Silence.objects.filter(pk=silence_id, ends_at__gt=now).update(ends_at=now):
            raise InvalidInput("这条静默已经结束。")
        keep(actor, "结束静默", f"silence:{silence_id}", {})


def count(held: Sequence[Silence]) -> None:
    """One more message was held back by each."""
    for row in held:
        Silence.objects.filter(pk=row.pk).update(held=F("held") + 1)
