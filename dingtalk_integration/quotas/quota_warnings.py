"""Tells the administrators of an organisation that its quota gets scarce: once a month and quota at each threshold."""

import logging
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db import transaction

from bifang.core.changes import PROGRAM, Change, record
from bifang.core.models import SystemConfig
from dingtalk_integration.models import QuotaLedger
from dingtalk_integration.quotas.quota import Standing, state_of
from secops_agent.services.chats import speaks
from secops_agent.services.notifications.delivery import administrators

log = logging.getLogger(__name__)
WARN_AT: Final = (60, 80, 95, 100)  # percent


def warn(found: Iterable[Standing]) -> None:
    """Warn of what nobody was warned of yet; safe on several workers."""
    for one in found:
        level = max((each for each in WARN_AT if one.percent >= each), default=0)
        if level > one.told:
            with transaction.atomic():
                state = state_of(one.corp_id, one.ledger, one.month.first)
                if state.filter(told__lt=level).update(told=level):
                    _tell(one, level)


def _tell(one: Standing, level: int) -> None:
    text = one.describe()
    log.warning("dingtalk 额度已用 %d%%：%s", level, text)
    detail = {"percent": one.percent, "used": one.total, "limit": one.limit, "forecast": one.forecast}
    subject = f"quota:{one.corp_id}:{one.ledger}:{one.month.first}"
    record(Change(PROGRAM, f"钉钉额度已用 {level}%", subject, detail))
    used_up = one.ledger == QuotaLedger.CALLS and level >= 100  # then a message would only be refused
    if settings.RATE_LIMITS and not used_up:
        _tell_administrators(one, level, text)


def _tell_administrators(one: Standing, level: int, text: str) -> None:
    config = _speaker(one.config_ids)
    if config is None:
        return
    key = f"quota:{one.corp_id}:{one.ledger}:{one.month.first}:{level}"[-90:]
    title = f"钉钉额度已用 {level}%"
    administrators.tell(config, title, f"**{title}**\n\n{text}。", key=key)


def _speaker(config_ids: Iterable[int]) -> SystemConfig | None:
    """The configuration through which the organisation is told; None where nothing is said unasked."""
    rows = SystemConfig.objects.enabled("dingtalk").filter(pk__in=list(config_ids)).order_by("pk")
    return next(filter(speaks, rows), None)
