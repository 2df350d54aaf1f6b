"""Recurring times: a cron expression in Beijing time, read from Chinese words too, told in Chinese.

The days of the week ``1-5`` are 工作日: working days of the calendar of holidays and 调休, not just Monday to Friday
(who wants those writes ``1,2,3,4,5``).
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final

from cronsim import CronSim, CronSimError

from bifang.core.errors import InvalidInput
from secops_agent.llm.offline.expressions.normalization import normalize
from secops_agent.llm.offline.expressions.recurrence import read_recurrence
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.on_call.working_days import WorkingDays

WORKING: Final = "1-5"
SHORTEST: Final = timedelta(minutes=5)
AHEAD: Final = timedelta(days=1500)  # the rarest day of a month comes within four years
LOOKED_AT: Final = 60  # runs of which no two may be too close
HELP: Final = "例如 每天早上9点、工作日 9:30、每周一 10:00、每月1号、每30分钟，或 cron 表达式 30 9 * * 1-5（1-5 表示工作日）"
_DAYS: Final = "日一二三四五六日"
_CRON: Final = re.compile(r"[\d*,/-]{1,60}(?: [\d*,/-]{1,60}){4}")


def read_cron(text: str) -> str:
    """The expression that the words, or the expression itself, stand for. Raises InvalidInput."""
    plain = normalize(text[:200])
    cron = plain if _CRON.fullmatch(plain) else _spoken(plain)
    fields = cron.split()
    if fields[2] != "*" and fields[4] != "*":
        raise InvalidInput("日和星期不能同时限定：请改用两个定时任务。")
    now = datetime.now(ZONE)
    try:
        found = list(islice(_all_runs(cron, now), LOOKED_AT))
    except CronSimError:
        raise _unclear(text) from None
    if not found:
        raise InvalidInput(f"「{text[:60]}」不会到来，请检查日期。")
    if any(second - first < SHORTEST for first, second in pairwise(found)):
        raise InvalidInput("两次之间至少间隔 5 分钟。")
    return cron


def _spoken(plain: str) -> str:
    found = read_recurrence(plain)
    if found is None or plain[found.end :].strip(" ,，。"):
        raise _unclear(plain)
    return found.cron


def _unclear(text: str) -> InvalidInput:
    return InvalidInput(f"看不懂时间「{text[:60]}」。请写成{HELP}。")


def next_runs(cron: str, after: datetime, number: int = 3) -> list[datetime]:
    """The next moments, all later than ``after``; fewer if there are none."""
    return list(islice(_all_runs(cron, after), number))


def _all_runs(cron: str, after: datetime) -> Iterator[datetime]:
    fields = cron.split()
    start = after.astimezone(ZONE)
    end = start + AHEAD
    days = None
    if fields[4] == WORKING:
        days = WorkingDays.between(start.date(), end.date())
        cron = " ".join([*fields[:4], "*"])
    for moment in CronSim(cron, start):
        if moment > end:
            return
        if days is None or days.is_working(moment.date()):
            yield moment


def describe(cron: str) -> str:
    """每天 09:00, 工作日 09:30, 每周一、三 10:00, 每月 1 日 09:00, 每 30 分钟; what is none of these as it stands."""
    minute, hour, day, month, weekday = cron.split()
    every = _interval(minute, hour) if (day, month, weekday) == ("*", "*", "*") else ""
    days = _spoken_days(day, month, weekday)
    hours = hour.split(",")
    if every or not days or not minute.isdigit() or not all(each.isdigit() for each in hours):
        return every or f"cron {cron}"
    return f"{days} {'、'.join(f'{int(each):02}:{int(minute):02}' for each in hours)}"


def _interval(minute: str, hour: str) -> str:
    if hour == "*" and minute.startswith("*/"):
        return f"每 {minute[2:]} 分钟"
    if minute != "0":
        return ""
    return "每小时" if hour == "*" else f"每 {hour[2:]} 小时" if hour.startswith("*/") else ""


def _spoken_days(day: str, month: str, weekday: str) -> str:
    if month != "*":
        return f"每年 {month} 月 {day} 日" if (month + day).isdigit() and weekday == "*" else ""
    if weekday == WORKING:
        return "工作日"
    if (day, weekday) == ("*", "*"):
        return "每天"
    if weekday == "*":
        return f"每月 {day.replace(',', '、')} 日" if re.fullmatch(r"[\d,]+", day) else ""
    named = [_DAYS[int(each)] for each in weekday.split(",") if each.isdigit()]
    if len(named) != weekday.count(",") + 1:
        first, _, last = weekday.partition("-")
        return f"每周{_DAYS[int(first)]}至周{_DAYS[int(last)]}" if first.isdigit() and last.isdigit() else ""
    return "每周末" if sorted(weekday.split(",")) == ["0", "6"] else f"每周{'、'.join(named)}"


def monthly(cron: str, now: datetime) -> int:
    """About how many runs a month has."""
    end = now + timedelta(days=30)
    return sum(1 for moment in next_runs(cron, now, 10_000) if moment <= end)
