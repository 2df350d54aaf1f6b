"""alert_statistics: how many alerts, and by what."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from bifang.channels.text.markup import plain
from secops_agent.services.alerts.queries.clocks import CLOCKS
from secops_agent.services.alerts.queries.filters import matching
from secops_agent.services.alerts.queries.mistakes import MONTH, MOST, MistakenRule, mistaken_rules
from secops_agent.services.alerts.queries.statistics import (
    GROUPINGS,
    AlertCount,
    Statistics,
    count,
    statistics,
)
from secops_agent.services.privacy import account_names
from secops_agent.tools.arguments import argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.incidents.alert_filters import AlertConditions, Wanted, read
from secops_agent.tools.markdown import SEVERITY, foot
from secops_agent.tools.masking import for_reader

_BARS: Final = 12
_GROUPS: Final = 10
_MOST: Final = 50
_TIMES: Final = ("day", "hour", "severity_day")
_PARTS: Final = ("address", "indicator")
_NAMED: Final = (*_PARTS, "asset", "assignee", "closer", "owner")  # what a follow-up may point at


class AlertStatistics(AlertConditions):
    """Arguments of alert_statistics: without ``status`` closed ones are counted too."""

    group_by: Literal[
        "severity",
        "status",
        "source",
        "rule",
        "asset",
        "verdict",
        "assignee",
        "day",
        "hour",
        "severity_day",
        "owner",
        "address",
        "indicator",
        "technique",
        "closer",
    ] = argument("按什么分组", default="severity")
    limit: int | None = argument("最多列出几组", default=None, minimum=1, maximum=_MOST)


def alert_statistics(asker: Asker, given: AlertStatistics) -> ToolResult:
    """Numbers counted by the database."""
    if given.group_by == "rule" and given.verdict == "false_positive" and not given.keyword:
        return _mistaken(asker, given)
    asked = read(asker, given, usual="closed" if given.group_by == "closer" else "all")
    found = statistics(asked.filter, given.group_by, given.limit or _GROUPS)
    query = asked.query(分组=GROUPINGS[given.group_by])
    data = {"total": found.total, "groups": {group.label: group.count for group in found.groups}}
    beside = _new_among(asked)
    if not found.total and not beside:
        return ToolResult("no_data", query, "\n".join(["没有符合条件的告警。", *foot(query)]), data)
    heading = f"**告警统计：{_counted(found, asked)}**{beside}，按{GROUPINGS[found.group_by]}"
    fields = tuple(group.value if given.group_by in _PARTS else group.label for group in found.groups)
    result = ToolResult(
        "ok",
        query,
        _statistics(found, heading, query),
        data,
        fields=fields if given.group_by in _NAMED else (),
    )
    return for_reader(result, asker, _accounts(found)) if asker.hides_private else result


def _mistaken(asker: Asker, given: AlertStatistics) -> ToolResult:
    """Which rules were wrong most: of what was closed, in the last 30 days where no time is said."""
    asked = read(asker, given.model_copy(update={"verdict": None, "time_of": "closed"}), usual="all")
    wanted, told = asked.filter, asked.told | {"结论": "误报"}
    if wanted.since is None and wanted.until is None:
        wanted, told = replace(wanted, since=asker.now - MONTH), told | {"关闭时间": "最近 30 天"}
    found = mistaken_rules(matching(wanted), given.limit or MOST)
    query = replace(asked, told=told).query(分组=GROUPINGS["rule"])
    data = {"total": sum(each.wrong for each in found), "groups": {each.rule: each.wrong for each in found}}
    if not found:
        return ToolResult("no_data", query, "\n".join(["没有按误报关闭的告警。", *foot(query)]), data)
    return ToolResult("ok", query, "\n".join([*mistaken_lines(found), *foot(query)]), data)


def mistaken_lines(found: Sequence[MistakenRule]) -> list[str]:
    """The heading, and a line for each."""
    lines = [f"- {plain(each.rule, 60)}（{plain(each.source, 30)}）：{each.told}" for each in found]
    return [f"**误报最多的规则 {len(found)} 条**", "", *lines]


def _accounts(found: Statistics) -> tuple[str, ...]:
    """The people's accounts among the assets."""
    return account_names(int(group.value) for group in found.groups) if found.group_by == "asset" else ()


def _counted(found: Statistics, asked: Wanted) -> str:
    clock = asked.filter.clock
    least = "至少 " if found.sampled else ""
    return f"{CLOCKS[clock] if asked.time.told else '共'} {least}{found.total} 条"


def _new_among(asked: Wanted) -> str:
    """Of what occurred in a span, how much was new in it: the number of the reports."""
    wanted = asked.filter
    if wanted.clock != "seen" or (wanted.since is None and wanted.until is None):
        return ""
    new = count(replace(wanted, clock="new"))
    return f"，新增 {new} 条" if new else ""


def _statistics(found: Statistics, heading: str, query: str) -> str:
    """Days and hours the newest first."""
    is_time = found.group_by in _TIMES
    groups = _days(found.groups) if found.group_by == "severity_day" else found.groups
    groups = groups[::-1] if is_time else groups
    most = max((group.count for group in groups), default=1)
    lines = [
        f"- {plain(group.label, 60) or '（空）'}：**{group.count}** {'▇' * max(1, round(_BARS * group.count / most))}{_levels(found, group)}"
        for group in groups
    ]
    rest = found.group_count - len(lines)
    note = f"> 只列出{'最近' if is_time else '最多'}的 {len(lines)} 组，另有 {rest} 组。" if rest > 0 else ""
    judged = {group.value: group.count for group in found.groups} if found.group_by == "verdict" else {}
    done = sum(number for verdict, number in judged.items() if verdict)
    wrong = judged.get("false_positive", 0)
    rate = f"> 误报率＝误报 {wrong} ÷ 下了结论的 {done} 条＝{wrong / done:.1%}" if done else ""
    part = f"> 各组只数了最近的 {found.newest} 条告警。" if found.newest else ""
    return "\n".join([heading, "", *lines, *foot(query, note, rate, part)])


def _days(groups: Sequence[AlertCount]) -> tuple[AlertCount, ...]:
    """Of days with levels, the days."""
    days: Counter[str] = Counter()
    for group in groups:
        days[group.label.split()[0]] += group.count
    return tuple(AlertCount(day, day, number) for day, number in days.items())


def _levels(found: Statistics, day: AlertCount) -> str:
    """严重 4、高危 12, of a day; nothing where days have no levels."""
    if found.group_by != "severity_day":
        return ""
    inside = {
        group.label.split()[1]: group.count for group in found.groups if group.label.split()[0] == day.label
    }
    return " " + "、".join(f"{name} {inside[name]}" for name in SEVERITY.values() if name in inside)


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "alert_statistics",
        "统计告警",
        "统计告警数量并分组，条件与 list_alerts 相同；"
        "关了多少用 time_of=closed，谁关的用 group_by=closer，新增多少用 time_of=new。数字由数据库算出。",
        AlertStatistics,
        alert_statistics,
    ),
)
