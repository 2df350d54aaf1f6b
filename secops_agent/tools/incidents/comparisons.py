"""compare_periods: more or less than before, and how long people take. What is counted is what the report counts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from django.db.models import QuerySet

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.models import Alert
from secops_agent.services.alerts import timing
from secops_agent.services.alerts.queries.statistics import GROUPINGS, Statistics, labels, rows_of, statistics
from secops_agent.services.alerts.timing import TimeTaken
from secops_agent.services.clock import minutes_told
from secops_agent.services.records import SEVERITIES
from secops_agent.tools.arguments import argument, parse
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import TimeSpan, span
from secops_agent.tools.incidents.alert_filters import AlertConditions, AlertScope, Wanted, read
from secops_agent.tools.markdown import VERDICT, foot

_METRICS: Final = {
    "new": "新增告警", "closed": "关闭告警", "true_positive": "真实攻击", "false_positive": "误报", "acknowledge_time": "确认用时（MTTA）",
    "close_time": "关闭用时（MTTR）",
}  # fmt: skip
_STAGES: Final[dict[str, timing.Stage]] = {"acknowledge_time": "acknowledged", "close_time": "closed"}
_AGAINST: Final = {
    "before": "紧接着的前一段，今天比昨天同一时段",
    "yesterday": "前一天同一时段",
    "last_week": "上周同一时段",
}
_BACK: Final = {"yesterday": 1, "last_week": 7}
_GROUPS: Final = {"severity": "级别", "assignee": "处理人", "rule": "规则", "asset": "资产", "source": "来源"}
_SHOWN: Final = 10
_COUNTED: Final = 200  # groups; what grew most may be small
_WEEK: Final = 168


class ComparePeriods(AlertScope):
    """Arguments of compare_periods. ``other_since_hours`` and ``other_until_hours``: the other span, where it is no usual one."""

    metric: Literal["new", "closed", "true_positive", "false_positive", "acknowledge_time", "close_time"] = (
        argument("比什么；用时都从告警入库算起", labels=_METRICS, default="new")
    )
    against: Literal["before", "yesterday", "last_week"] = argument(
        "和什么比", labels=_AGAINST, default="before"
    )
    other_since_hours: int | None = argument(
        "代替 against：另一段从多少小时前起", default=None, minimum=1, maximum=100_000
    )
    other_until_hours: int | None = argument(
        "另一段到多少小时前为止", default=None, minimum=1, maximum=100_000
    )
    group_by: Literal["severity", "assignee", "rule", "asset", "source"] | None = argument(
        "再按什么分开；用时只能按级别、处理人", labels=_GROUPS, default=None
    )


def compare_periods(asker: Asker, given: ComparePeriods) -> ToolResult:
    """Both numbers, the difference, and both again for each group."""
    asked = _asked(asker, given)
    earlier = _earlier(given, asked, asker.now)
    before = replace(
        asked, time=earlier, filter=replace(asked.filter, since=earlier.since, until=earlier.until)
    )
    if given.group_by == "assignee" and asked.filter.clock == "closed":
        given = given.model_copy(update={"group_by": "closer"})  # what was closed, by who closed it
    query = asked.query(
        指标=_METRICS[given.metric],
        相比=earlier.told,
        分组=GROUPINGS[given.group_by] if given.group_by else "",
    )
    if given.metric in _STAGES:
        return _times(given, asked, before, query)
    return _counts(given, asked, before, query, asker.now)


def _earlier(given: ComparePeriods, asked: Wanted, now: datetime) -> TimeSpan:
    """The other span: the one that was said, else a usual one. Raises InvalidInput for one without a beginning or an end."""
    if not (given.other_since_hours or given.other_until_hours):
        return asked.time.back(_BACK[given.against]) if given.against in _BACK else asked.time.before()
    found = span(given.other_since_hours, given.other_until_hours, now)
    if found.since is None or found.until is None:
        raise InvalidInput("另一段时间要有开头和结尾：other_since_hours 大于 other_until_hours。")
    return found


def _asked(asker: Asker, given: ComparePeriods) -> Wanted:
    """Today, where no time is said; of how long things take a week."""
    stage = _STAGES.get(given.metric)
    shared = given.model_dump(include={*AlertScope.model_fields})
    if not (given.since_hours or given.period or given.since):
        shared |= {"since_hours": _WEEK} if stage else {"period": "today"}
    clock = stage or ("new" if given.metric == "new" else "closed")
    verdict = given.metric if given.metric in VERDICT else None
    asked = read(asker, parse(AlertConditions, {**shared, "time_of": clock, "verdict": verdict}), usual="all")
    time = asked.time.whole()
    return replace(asked, time=time, filter=replace(asked.filter, since=time.since))


def _unequal(one: TimeSpan, other: TimeSpan, at: datetime) -> str:
    """A note where one of the spans is much longer than the other: their numbers are no trend."""
    lengths = sorted((each.until or at) - each.since for each in (one, other) if each.since)
    return "> 两段时间长短不同，只能看总数。" if len(lengths) == 2 and lengths[0] < 0.8 * lengths[1] else ""


def _counts(given: ComparePeriods, asked: Wanted, before: Wanted, query: str, at: datetime) -> ToolResult:
    now, then = (statistics(each.filter, given.group_by or "severity", _COUNTED) for each in (asked, before))
    change = now.total - then.total
    share = f"（{change / then.total:+.0%}）" if then.total else ""
    word = f"多 {change} 条{share}" if change > 0 else f"少 {-change} 条{share}" if change else "一样多"
    heading = f"**{_METRICS[given.metric]}：{asked.time.told} {now.total} 条**，比{before.time.told}（{then.total} 条）{word}"
    data = {"now": now.total, "before": then.total, "change": change}
    lines = _groups(now, then) if given.group_by else ()
    seen = [_seen(asked, before)] if given.metric == "new" else []
    text = "\n".join([heading, "", *seen, *lines, *foot(query, _unequal(asked.time, before.time, at))])
    return ToolResult("ok" if now.total or then.total else "no_data", query, text, data)


def _seen(asked: Wanted, before: Wanted) -> str:
    """How many occurred last in each, the older ones too: the number that lists and statistics of a day have."""
    now, then = (
        statistics(replace(each.filter, clock="seen"), "severity", _COUNTED).total for each in (asked, before)
    )
    return f"- 按最近一次发生（以前开始的也算）：{now} 条，相比的那段 {then} 条"


def _groups(now: Statistics, then: Statistics) -> list[str]:
    """Each of either span with both numbers, those that grew most first; levels in their own order."""
    numbers = [{group.label: group.count for group in each.groups} for each in (now, then)]
    labels = [*dict.fromkeys([*numbers[0], *numbers[1]])]
    if now.group_by != "severity":
        labels.sort(key=lambda label: numbers[1].get(label, 0) - numbers[0].get(label, 0))
    return [
        f"- {plain(label, 60)}：{numbers[0].get(label, 0)}（之前 {numbers[1].get(label, 0)}）"
        for label in labels[:_SHOWN]
    ]


def _times(given: ComparePeriods, asked: Wanted, before: Wanted, query: str) -> ToolResult:
    rows, stage = [rows_of(each.filter) for each in (asked, before)], _STAGES[given.metric]
    now, then = (timing.time_taken(each, stage) for each in rows)
    heading = f"**{_METRICS[given.metric]}：{asked.time.told} {_taken(now)}**；{before.time.told} {_taken(then)}{_faster(now, then)}"
    lines = (
        _times_by(rows, stage, given.group_by) if given.group_by in ("severity", "assignee", "closer") else []
    )
    note = "> 从告警入库算起；来源自己恢复的和规则关闭的不算。"
    data = {"now": now and now.median, "before": then and then.median, "count": now.count if now else 0}
    return ToolResult(
        "ok" if now or then else "no_data", query, "\n".join([heading, "", *lines, *foot(query, note)]), data
    )


def _times_by(rows: Sequence[QuerySet[Alert]], stage: timing.Stage, group: str) -> list[str]:
    """By level or by person, with both."""
    now, then = (timing.times_by(each, stage, group) for each in rows)
    names = labels(group, [*now, *then])
    order = sorted(
        {*now, *then}, key=lambda value: (SEVERITIES.index(value) if value in SEVERITIES else 0, value)
    )
    return [
        f"- {plain(names.get(value, value), 40)}：{_taken(now.get(value))}（之前 {_taken(then.get(value))}）"
        for value in order[:_SHOWN]
    ]


def _taken(time: TimeTaken | None) -> str:
    if time is None:
        return "没有"
    return f"中位 {minutes_told(time.median)}，平均 {minutes_told(time.mean)}，九成在 {minutes_told(time.p90)} 内（{time.count} 条）"


def _faster(now: TimeTaken | None, then: TimeTaken | None) -> str:
    """By the median."""
    if now is None or then is None:
        return ""
    change = round(now.median - then.median, 1)
    return (
        f"，中位慢了 {minutes_told(change)}"
        if change > 0
        else f"，中位快了 {minutes_told(-change)}"
        if change
        else "，中位一样"
    )


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "compare_periods",
        "比较两段时间",
        "新增、关闭、误报、真实攻击的数量，或确认用时（MTTA）、关闭用时（MTTR），和另一段时间相比。回答「比昨天多吗」「平均多久才处理」。",
        ComparePeriods,
        compare_periods,
    ),
)
