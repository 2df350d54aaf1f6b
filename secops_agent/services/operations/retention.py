"""Retention of security records: which go and when. Alerts, cases, assets, findings and decisions stay."""

import time
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from bifang.core.database.retention import Keeping, breathe
from secops_agent.models import (
    AlertEvent,
    AlertMessage,
    AuditRecord,
    AuditSegment,
    BrokerLetter,
    BrokerMark,
    ChatFile,
    ConversationMessage,
    Correction,
    Escalation,
    History,
    Investigation,
    KeptApart,
    ListedIndicator,
    RunState,
    TaskRun,
    TurnUsage,
    WebLine,
)
from secops_agent.services.audit import chain

_BATCH = 500


def drop_old(before: datetime, end: float = float("inf")) -> int:
    """Drop marks from before that moment, the oldest first, in small transactions. Returns how many.

    Those of alerts that came in since then stay: a file with old events that was read yesterday still counts once
    when it is read today. What is left at the ``end`` (of the monotonic clock) goes the next time.
    """
    old = AlertEvent.objects.filter(at__lt=before, alert__created_at__lt=before).order_by("at", "pk")
    count = 0
    while time.monotonic() < end and (found := list(old.values_list("pk", "at")[:_BATCH])):
        count += AlertEvent.objects.filter(pk__in=[pk for pk, _ in found]).delete()[0]
        old = old.filter(at__gte=found[-1][1])  # what stays is not looked at again
        breathe()
    return count


Rows = QuerySet[Any]


def _told(before: datetime) -> Rows:
    """Messages with nothing left to tell, and on whose account nobody is called any more."""
    going_on = Escalation.objects.filter(message=OuterRef("pk"), next_at__isnull=False)
    quiet = AlertMessage.objects.filter(opened_at__lt=before, wanted=F("shown")).exclude(sent_at__gte=before)
    return quiet.filter(~Exists(going_on)).order_by("id")


def _counted(before: datetime) -> Rows:
    return AlertEvent.objects.filter(at__lt=before, alert__created_at__lt=before).order_by("at")


def _audited(before: datetime) -> Rows:
    whole = AuditSegment.objects.filter(closed=True, day__lt=timezone.localdate(before))
    return AuditRecord.objects.filter(segment__in=whole.values("pk")).order_by("segment", "position")


def _done(before: datetime) -> Rows:
    return TaskRun.objects.filter(due_at__lt=before, state__in=(RunState.DONE, RunState.FAILED)).order_by(
        "due_at"
    )


KEEPINGS: Final = (
    Keeping("告警消息", "RETENTION_DAYS", _told, "opened_at"),
    Keeping.of("会话记忆", "RETENTION_DAYS", ConversationMessage, "created_at"),
    Keeping.of("网页聊天", "RETENTION_DAYS", WebLine, "at"),
    Keeping.of("会话里的文件记录", "RETENTION_DAYS", ChatFile, "at"),
    Keeping.of("改进建议", "RETENTION_DAYS", Correction, "at"),
    Keeping.of("告警调查", "RETENTION_DAYS", Investigation, "requested_at"),
    Keeping("定时任务的执行记录", "RETENTION_DAYS", _done, "due_at"),
    Keeping.of("过期的情报条目", "RETENTION_DAYS", ListedIndicator, "expires_at"),
    Keeping("告警事件标记", "ALERT_EVENT_RETENTION_DAYS", _counted, "at", drop_old),
    Keeping.of("消息流标记", "ALERT_EVENT_RETENTION_DAYS", BrokerMark, "at"),
    Keeping.of("消息流死信", "RETENTION_DAYS", BrokerLetter, "failed_at"),
    Keeping.of("没有合并的资产", "RETENTION_DAYS", KeptApart, "at"),
    Keeping("审计记录", "AUDIT_RETENTION_DAYS", _audited, "at", chain.drop_before),
    Keeping.of("变更历史", "HISTORY_RETENTION_DAYS", History, "at"),
    Keeping.of("模型用量", "HISTORY_RETENTION_DAYS", TurnUsage, "at"),
)
