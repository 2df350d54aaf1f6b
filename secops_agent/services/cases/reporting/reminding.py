"""Reminders of the reporting clock: to who has the case and who is on call, each once, whoever of them left."""

from typing import Final

from django.db import transaction

from bifang.channels.text.markup import plain
from bifang.core.database.db import database_now
from secops_agent.models import OnCallSchedule, Staff
from secops_agent.models.alerting.reporting import ReportingReminder, ReportStage
from secops_agent.services import links
from secops_agent.services.cases.reporting.clock import OFFICIAL, standing, tell_alerts
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.on_call.shifts import on_call_at
from secops_agent.services.people.messages import tell

ROUND: Final = 50
_HEADS: Final = {"half": "时限过半", "last": "快到期", "late": "已到期"}


def step() -> int:
    """Tell what is due; returns how many. Safe on several workers, and killed at any moment. Raises DatabaseError."""
    now = database_now()
    due = ReportingReminder.objects.filter(told_at=None, due_at__lte=now)
    if not due.exists():  # asked every few seconds: without SQLite's one write lock
        return 0
    count = 0
    for row in due.select_related("reporting__case__owner").order_by("due_at", "pk")[:ROUND]:
        with transaction.atomic():
            if due.filter(pk=row.pk).update(told_at=now):
                ReportingReminder.objects.filter(pk=row.pk).update(told_to=_tell(row)[:500])
                count += 1
    return count


def _tell(row: ReportingReminder) -> str:
    """The names of whom it was said to; "" if nothing reaches anybody."""
    case = row.reporting.case
    view = standing(case.pk)
    if view is None:
        return ""
    page = f"{links.record('case', case.pk)}reporting/"
    head = f"事件 E{case.pk} {ReportStage(row.stage).label}{_HEADS[row.mark]}"
    text = (
        f"⏰ **{head}**\n\n{plain(case.title, 120)}\n\n- {view.line(database_now())}\n- 依据：{plain(view.duty.article, 120)}（{OFFICIAL}）\n"
        f"- 草稿和登记：{links.named('报告时钟', page)}\n\n毕方不会自己向外报告：报完以后请登记。"
    )
    tell_alerts(case.pk)
    key = f"reporting:{row.pk}"
    people = _people(case.owner)
    told = [each.name for each in people if tell(each, head, text, key=f"{key}:{each.pk}")]
    if not told and administrators.tell(None, head, text, key=key):
        told = ["管理员"]
    return "、".join(told)


def _people(owner: Staff | None) -> list[Staff]:
    """Who has it, and everybody of the same corporation who is on call now, once; nobody who left."""
    now, home = database_now(), owner.corp_id if owner else ""
    shifts = (on_call_at(each, now) for each in OnCallSchedule.objects.filter(enabled=True))
    found = [owner, *(shift.staff for shift in shifts)]
    ours = [
        each
        for each in found
        if each is not None and each.active and (not home or each.corp_id in ("", home))
    ]
    return list({each.pk: each for each in ours}.values())
