"""who_is_on_call: people by schedule, now or in any span of time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from secops_agent.services.on_call.schedules import enabled_schedules, find_schedule
from secops_agent.services.on_call.shifts import ZONE, Shift, on_call_at, shifts
from secops_agent.services.on_call.spans import HELP, read_span
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import told
from secops_agent.tools.markdown import foot, plain

_MOST_SHIFTS: Final = 20
_WEEKDAYS: Final = "一二三四五六日"


class WhoIsOnCall(Arguments):
    """Arguments of who_is_on_call."""

    schedule: str = argument("值班表的名称；只有一张或全部都要时不填", default="")
    at: str = argument(f"什么时候；现在则不填。{HELP}", default="")


def who_is_on_call(asker: Asker, given: WhoIsOnCall) -> ToolResult:
    """Who it is at that moment, or every shift of that span; gaps are told as such."""
    start, end = read_span(given.at, asker.now)
    schedules = (
        [find_schedule(given.schedule)] if given.schedule else enabled_schedules() or [find_schedule("")]
    )
    query = told(值班表=plain(given.schedule, 60), 时间=plain(given.at, 40) or "现在")
    lines: list[str] = []
    names: list[str] = []
    for schedule in schedules:
        now = (end - start).total_seconds() <= 60
        found = [on_call_at(schedule, start)] if now else shifts(schedule, start, end)
        names += [shift.staff.name for shift in found if shift.staff]
        lines += [f"**{plain(schedule.name, 60)}**", *_told(found), ""]
    return ToolResult("ok", query, "\n".join([*lines[:-1], *foot(query)]), list(dict.fromkeys(names)))


def _told(found: Sequence[Shift]) -> list[str]:
    lines = [f"- {_who(shift)}　{_when(shift.start)} 至 {_when(shift.end)}" for shift in found[:_MOST_SHIFTS]]
    rest = len(found) - _MOST_SHIFTS
    return [*lines, f"- 还有 {rest} 班没有列出，请缩短时间。"] if rest > 0 else lines


def _who(shift: Shift) -> str:
    if shift.staff is None:
        return "⚠️ **无人值班**"
    return f"**{plain(shift.staff.name, 40)}**" + ("（临时换班）" if shift.origin == "override" else "")


def _when(at: datetime) -> str:
    local = at.astimezone(ZONE)
    return f"{local:%m-%d} 周{_WEEKDAYS[local.weekday()]} {local:%H:%M}"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "who_is_on_call",
        "查询值班",
        "谁在值班：现在、某一天、某一周；没有人值班的时间会标出来。",
        WhoIsOnCall,
        who_is_on_call,
    ),
)
