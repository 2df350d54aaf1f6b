"""A signature of a click is good for one click: a button may approve, and whoever saw one could press others."""

from datetime import timedelta
from typing import Final

from bifang.core.db import database_now
from dingtalk_integration.models import UsedSignature
from dingtalk_integration.webhook.signatures import WINDOW_MS, Refused

_KEPT: Final = timedelta(milliseconds=3 * WINDOW_MS)  # valid for two, early and late


def claim(config_id: int, timestamp: str, message_id: str) -> None:
    """The first body stands, whoever comes at the same moment; the same one may come again. Raises Refused."""
    now = database_now()
    row = UsedSignature(config_id=config_id, timestamp=timestamp, message_id=message_id, at=now)
    UsedSignature.objects.bulk_create([row], ignore_conflicts=True)
    mine = UsedSignature.objects.filter(config_id=config_id, timestamp=timestamp, message_id=message_id)
    if not mine.exists():
        raise Refused
    UsedSignature.objects.filter(at__lt=now - _KEPT).delete()
