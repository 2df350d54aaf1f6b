"""What became of an import that was asked for in a conversation: told there, once; what was rejected comes as a file."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction

from bifang.channels.models import InboxRow
from bifang.channels.ports import FileToSend, ReplyTarget
from bifang.channels.queues import outbox
from bifang.channels.text.markup import literal, plain
from bifang.core.spreadsheets import csv_text
from secops_agent.models import ImportJob, JobState
from secops_agent.services import links
from secops_agent.services.decisions.notices import target_of
from secops_agent.services.intake.ledger import NOTHING
from secops_agent.services.privacy import mask_personal
from secops_agent.uploads.preview import KINDS

REJECTED_HEADS: Final = ("位置", "原因")
_COLUMNS: Final = {"created": "新建", "updated": "更新", "unchanged": "未变"}
_AT_ONCE: Final = 100
# Where each kind is listed, and the name of the list's filter by tool.
_LISTS: Final = {
    "asset": ("asset", "source"), "component": ("component", "source"), "vulnerability": ("vulnerability", ""),
    "finding": ("finding", "source"), "alert": ("alert", "source"), "statement": ("vulnerability", ""),
    "indicator": ("indicatorlist", ""), "rule": ("detectionrule", ""),
}  # fmt: skip


def page_of(row: ImportJob, kind: str) -> str:
    """The list where what came in can be looked at: of its tool where the list tells, else the whole list."""
    listed, name = _LISTS[kind]
    if kind == "vulnerability" and any(row.outcome.get(each, {}).get("finding") for each in _COLUMNS):
        name = "source"
    told = {name: row.options.get("source") or row.format} if name and row.format != "generic" else {}
    query = urlencode(({"tab": "all"} if kind in ("alert", "vulnerability") else {}) | told)
    page = links.listing(listed)
    return f"{page}?{query}" if query else page


def rejected_rows(row: ImportJob) -> Sequence[tuple[str, str]]:
    """Under `REJECTED_HEADS`."""
    return [(each.get("position", ""), each.get("reason", "")) for each in row.outcome.get("rejected", [])]


def tell_finished() -> int:
    """Tell of the imports that are over, whatever ended them; returns how many. Every minute, and after each one."""
    over = ImportJob.objects.filter(
        inbox_id__isnull=False, told=False, state__in=(JobState.DONE, JobState.FAILED)
    )
    return sum(_tell(row) for row in over.order_by("id")[:_AT_ONCE])


def _tell(row: ImportJob) -> int:
    """Of those who see it, one does it."""
    with transaction.atomic():
        if not ImportJob.objects.filter(pk=row.pk, told=False).update(told=True):
            return 0
        message = InboxRow.objects.filter(pk=row.inbox_id or 0).first()
        target = target_of(message) if message else None
        if message is None or target is None:
            return 0
        text, key = _text(row, is_group=target.is_group), f"import:{row.pk}"
        config_id, asker = message.config_id, target.staff_id
        outbox.notify(config_id, target, text, key=key, title="导入结果", at_staff_id=asker)
        if row.outcome.get("rejected"):
            own = ReplyTarget("", is_group=False, staff_id=asker, robot_code=target.robot_code)
            where = own if target.is_group else target
            outbox.notify(config_id, where, _instead(row), key=f"{key}:rejected", file=_rejected(row))
    return 1


def _rejected(row: ImportJob) -> FileToSend:
    text = csv_text(REJECTED_HEADS, rejected_rows(row))
    return FileToSend(f"导入{row.pk}-未接受.csv", text.encode())


def _instead(row: ImportJob) -> str:
    return f"未接受的记录在导入任务 {row.pk} 的页面上可以下载。"


def _text(row: ImportJob, *, is_group: bool) -> str:
    name = f"「{plain(row.name, 100)}」（{row.format}）"
    if row.state == JobState.FAILED:
        reason = literal(row.error)
        return f"**没有导入**{name}：{mask_personal(reason) if is_group else reason}{_job_link(row)}{_refused(row, is_group)}"
    lines = [line for kind in KINDS if (line := _counts(row, kind))]
    body = "\n".join(lines) or f"{NOTHING}。"
    return f"**导入完成**{name}\n\n{body}{_refused(row, is_group)}{_job_link(row)}"


def _counts(row: ImportJob, kind: str) -> str:
    numbers = {column: int(row.outcome.get(column, {}).get(kind, 0)) for column in _COLUMNS}
    if not any(numbers.values()):
        return ""
    label = (
        f"[{KINDS[kind]}]({settings.PUBLIC_URL}{page_of(row, kind)})" if settings.PUBLIC_URL else KINDS[kind]
    )
    return f"- {label}：" + "，".join(
        f"{_COLUMNS[column]} {number}" for column, number in numbers.items() if number
    )


def _refused(row: ImportJob, is_group: bool) -> str:
    rejected: Sequence[Any] = row.outcome.get("rejected", ())
    if not rejected:
        return ""
    how = "已私聊发给您" if is_group else "见下面的文件"
    return f"\n\n{len(rejected)} 条没有接受，原因{how}。"


def _job_link(row: ImportJob) -> str:
    if not settings.PUBLIC_URL:
        return f"\n\n导入任务 {row.pk}"
    page = links.record("importjob", row.pk)
    return f"\n\n[导入任务 {row.pk}]({settings.PUBLIC_URL}{page})"
