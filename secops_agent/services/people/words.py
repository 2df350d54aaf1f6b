"""Words and results that one of the staff has told to others: without secrets, and so many in an hour."""

import re
import unicodedata
from datetime import timedelta
from typing import Final

from django.db.models import F, Q

from bifang.channels.models import OutboxRow
from bifang.channels.text.markup import literal
from bifang.channels.text.visible import visible
from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from bifang.core.secrets.redaction import redact
from secops_agent.models import NotificationTarget, RunState, ScheduledTask, Staff, TargetKind, TaskRun
from secops_agent.models.automation.schedule import REMINDER
from secops_agent.services.faults import Conflict

UNREADABLE: Final = (
    "「{}」没有查看权限，请管理员在「人员」里给一个角色。"  # of a result for somebody without a role
)
AN_HOUR: Final = 20  # messages of one sender
_SECRET: Final = re.compile(
    r"(?:密码|口令|密钥|私钥|验证码|(?<![a-z])(?:pin|pwd|pass|p[a@]ssw[o0]?r?d)(?![a-z]))"
    r"(?:\s*(?:已经?)?(?:(?:[改换设]|设置|重置)?[成为是]了?|[:=])\s*[\"'“‘「『]?[!-~]{4,}"
    r"|\s+(?=[!-~]*\d)(?=[!-~]*[a-z])[a-z0-9!@#$%^&*+]{6,}(?![-._/a-z0-9])|\s*\d{4,8}(?![\d年月日次]))"
    r"|(?=\S*\d)[!-~]{6,}\s*(?:就是|是|作?为)[新旧]?(?:密码|口令|密钥)(?!\w)",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"__+|~~+|^[=-]+$")
_WIDE: Final = str.maketrans("_~=-", "＿～＝－")
_OWN: Final = Q(kind=TargetKind.PERSON, staff=F("owner"))
_TOLD: Final = ~_OWN & ~Q(kind="") & (Q(task=REMINDER) | ~Q(kind=TargetKind.GROUP))


def cleaned(text: str, undone: str = "") -> str:
    """What is said to others: what can be seen, without secrets. ``undone`` ends what a refusal says. Raises InvalidInput."""
    said = visible(text).strip()
    if not said:
        raise InvalidInput(f"请写明要说什么。{undone}")
    if redact(said) != said or _SECRET.search(unicodedata.normalize("NFKC", said)):
        raise InvalidInput(f"内容里有像密码、密钥或令牌的文字：请去掉再发。{undone}")
    return said


def quoted(text: str) -> str:
    """Words as a quotation in which nothing formats, line by line."""
    wide = (_MARKS.sub(lambda found: found[0].translate(_WIDE), literal(line)) for line in text.splitlines())
    return "\n".join(f"> {line}" for line in wide if line)


def told_lately(sender: Staff) -> int:
    """How often others were told something in their name within an hour: each of several, and each time."""
    since = database_now() - timedelta(hours=1)
    sent = OutboxRow.objects.filter(key__startswith=f"note:message:{sender.pk}:", created_at__gt=since)
    own = Q(task__kind=TargetKind.PERSON, task__staff=F("task__owner"))
    runs = TaskRun.objects.filter(
        ~own, task__owner=sender, task__task=REMINDER, state=RunState.DONE, finished_at__gt=since
    )
    return sent.exclude(key__endswith=":file").count() + runs.count()


def demand_pace(sender: Staff, more: int = 1) -> None:
    """``more`` are to be told, or are set in the calendar or watched for, whatever the door, in the caller's transaction: whoever does two things at
    once is counted one after the other. Raises Conflict."""
    Staff.objects.select_for_update().get(pk=sender.pk)
    since = database_now() - timedelta(hours=1)
    tasks = ScheduledTask.objects.filter(_TOLD, owner=sender, created_at__gt=since, last_at=None)
    others = ~Q(kind=TargetKind.PERSON, staff=sender) & ~Q(kind=TargetKind.GROUP)
    watched = NotificationTarget.objects.filter(
        others, rule__owner=sender, rule__ends_at__isnull=False, rule__created_at__gt=since
    )
    if told_lately(sender) + tasks.count() + watched.count() + more > AN_HOUR:
        raise Conflict(f"一小时内最多代发 {AN_HOUR} 条，请过一会儿再试。没有执行任何操作。")
