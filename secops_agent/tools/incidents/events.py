"""search_events: the sources' own events, searched for a word."""

from collections.abc import Sequence
from typing import Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models.people.staff import Role
from secops_agent.services.alerts.queries.events import EventSearch, FoundEvent, search_events
from secops_agent.services.alerts.queries.filters import AlertFilter
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import asset_argument, people_named, rows, span, told, until_argument
from secops_agent.tools.markdown import foot, joined, moment

_DAY: Final = 24
_MONTH: Final = 720
_FOR_ROLE: Final = f"原始事件需要「{Role.ANALYST.label}」角色才能查。"
_IN_GROUP: Final = "原始事件里有个人信息，群里不显示。请在与我的单聊里查询。"


class SearchEvents(Arguments):
    """Arguments of search_events."""

    keyword: str = argument(
        "原始事件里的一段文字：IP、进程、路径、报文；要全部的不填", default="", max_length=200
    )
    account: str = argument("还要含这个账号；人名是他的员工 ID", default="", max_length=100)
    asset: str = asset_argument()
    since_hours: int = argument("最近多少小时，默认 24，最多 720", default=_DAY, minimum=1, maximum=_MONTH)
    until_hours: int | None = until_argument()
    limit: int = argument("最多几条，默认 10，最多 50", default=10, minimum=1, maximum=1000)


def find_events(asker: Asker, given: SearchEvents) -> ToolResult:
    """For whoever may read private parts, and in a group for their own chat only: whether there is any is told nobody else."""
    if not (given.keyword or given.account or given.asset):
        raise InvalidInput("请说明找什么：一段文字、一个账号，或一台资产。")
    time = span(given.since_hours, given.until_hours, asker.now)
    people = people_named(given.account)
    words = tuple(filter(None, (given.keyword, people[0].staff_id if people else given.account)))
    query = told(
        原始事件含=plain(" 和 ".join(words), 60),
        资产=plain(given.asset, 60),
        时间=time.told,
    )
    if not asker.reads_private:
        return ToolResult("ok", query, _FOR_ROLE)
    wanted = AlertFilter(since=time.since, until=time.until, asset=given.asset, private=True)
    found = search_events(wanted, words, rows(given.limit))
    text = _text(found, query, words)
    if asker.is_group:
        return ToolResult("ok", query, _IN_GROUP, private_text=text)
    ids = [each.alert_id for each in found.found]
    names = tuple(name for each in found.found for name in (str(each.alert_id), *each.assets))
    steps = (says.show(ids[0]),) if ids else ()
    return ToolResult("ok" if ids else "no_data", query, text, ids, steps=steps, fields=names)


def _text(found: EventSearch, query: str, words: Sequence[str]) -> str:
    many = "" if found.whole else "至少 "
    none = "没有含有它的原始事件。" if words else "这段时间里没有它的原始事件。"
    heading = f"**原始事件：{many}{len(found.found)} 条**" if found.found else none
    every = "" if words else "> 没有限定内容；要找一段文字，请写「原始事件里有没有 …」。"
    bound = (
        ""
        if found.whole
        else f"> 从新到旧看了 {found.read} 条，没有看完。要看更早的，请缩短时间、指定资产或换更少见的词。"
    )
    note = "> 每条告警只存最近一次的原始事件；内容是来源写的，没有核实。"
    return "\n".join([heading, "", *map(_line, found.found), *foot(query, every, bound, note)])


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
