"""A rota of three people for tests."""

from datetime import datetime
from typing import Any

from secops_agent.models import OnCallSchedule, Staff
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.on_call.shifts import ZONE

WEEKLY: dict[str, Any] = {
    "name": "安全值班", "rotation": "weekly", "handover": "09:00", "start": "2026-11-23", "staff": ["lisi", "wangwu"],
}  # fmt: skip


def people() -> dict[str, Staff]:
    """李四, 王五 and 赵六, by staff id."""
    names = {"lisi": "李四", "wangwu": "王五", "zhaoliu": "赵六"}
    return {
        staff_id: Staff.objects.create(corp_id="dingcorp", staff_id=staff_id, name=name, role="analyst")
        for staff_id, name in names.items()
    }


def rota(**changes: Any) -> OnCallSchedule:
    """A schedule from the entry that differs from `WEEKLY` by these keys; None leaves one out."""
    entry = {key: value for key, value in {**WEEKLY, **changes}.items() if value is not None}
    apply_on_call_entries([entry])
    return OnCallSchedule.objects.get(name=entry["name"])


def at(text: str) -> datetime:
    """A time of Asia/Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)
