"""search_events: the sources' own events, searched for a word."""

from typing import Final

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models.people.staff import Role
from secops_agent.services.alerts.queries.events import EventSearch, FoundEvent, search_events
from secops_agent.services.alerts.queries.filters import AlertFilter
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import asset_argument, rows, span, told
from secops_agent.tools.markdown import foot, joined, moment

_DAY: Final = 24
_MONTH: Final = 720
_FOR_ROLE: Final = f"原始事件需要「{Role.ANALYST.label}」角色才能查。"
_IN_GROUP: Final = "原始事件里有个人信息，群里不显示。请在与我的单聊里查询。"


class SearchEvents(Arguments):
    """Arguments of search_events."""

    keyword: str = argument("原始事件里的一段文字：IP、进程、路径、报文", max_length=200)
    asset: str = asset_argument()
    since_hours: int = argument("最近多少小时，默认 24，最多 720", default=_DAY, minimum=1, maximum=_MONTH)
    limit: int = argument("最多几条，默认 10，最多 50", default=10, minimum=1, maximum=1000)


def find_events(asker: Asker, given: SearchEvents) -> ToolResult:
    """For whoever may read private parts, and in a group for their own chat only: whether there is any is told nobody else."""
    query = told(
        原始事件含=plain(given.keyword, 60),
        资产=plain(given.asset, 60),
        时间=f"最近 {given.since_hours} 小时",
    )
    if not asker.reads_private:
        return ToolResult("ok", query, _FOR_ROLE)
    time = span(given.since_hours, None, asker.now)
    wanted = AlertFilter(since=time.since, asset=given.asset, private=True)
    found = search_events(wanted, given.keyword, rows(given.limit))
    text = _text(found, query)
    if asker.is_group:
        return ToolResult("ok", query, _IN_GROUP, private_text=text)
    ids = [each.alert_id for each in found.found]
    names = tuple(name for each in found.found for name in (str(each.alert_id), *each.assets))
    steps = (says.show(ids[0]),) if ids else ()
    return ToolResult("ok" if ids else "no_data", query, text, ids, steps=steps, fields=names)


def _text(found: EventSearch, query: str) -> str:
    many = "" if found.whole else "至少 "
    heading = f"**原始事件：{many}{len(found.found)} 条**" if found.found else "没有含有它的原始事件。"
    bound = (
        ""
        if found.whole
        else f"> 从新到旧看了 {found.read} 条，没有看完。要看更早的，请缩短时间、指定资产或换更少见的词。"
    )
    note = "> 每条告警只存最近一次的原始事件；内容是来源写的，没有核实。"
    return "\n".join([heading, "", *map(_line, found.found), *foot(query, bound, note)])


def _line(each: FoundEvent) -> str:
    said = joined(
        [moment(each.at), plain(each.source, 40), "、".join(plain(name, 40) for name in each.assets[:3])]
    )
    return f"- **{says.code(each.alert_id)}** {said}：{plain(each.excerpt, 240)}"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "search_events",
        "搜索原始事件",
        "在来源的原始事件（日志、报文）里找一段文字，新的在前。告警的标题、规则、说明用 list_alerts 的 keyword。",
        SearchEvents,
        find_events,
        slow=True,
    ),
)
