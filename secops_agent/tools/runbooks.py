"""search_runbook: what our own manuals say."""

from typing import Final

from bifang.channels.markup import plain
from secops_agent.services import runbooks
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.markdown import joined, moment

_HITS: Final = 4
_BODY: Final = 3000
_CLEAR: Final = 0.3


class SearchRunbook(Arguments):
    """Arguments of search_runbook."""

    query: str = argument("要找的主题，例如「勒索病毒」「隔离主机」")


def search_runbook(asker: Asker, given: SearchRunbook) -> ToolResult:
    """The best manual as a whole, the next ones by title."""
    query = f"主题={plain(given.query, 80)}"
    hits = runbooks.search(given.query, limit=_HITS)
    if not hits:
        return ToolResult("no_data", query, f"处置手册里没有与「{plain(given.query, 60)}」有关的内容。", [])
    best = runbooks.get(hits[0].id)
    body = best.body.strip()
    cut = (
        f"{body[:_BODY]}\n\n（手册较长，只显示前 {_BODY} 个字，全文见管理后台。）"
        if len(body) > _BODY
        else body
    )
    others = [f"- {plain(hit.title, 80)}：{plain(hit.excerpt)}" for hit in hits[1:] if hit.score >= _CLEAR]
    lines = [f"**处置手册：{plain(best.title, 100)}**", "", cut]
    lines += ["", "**相关手册**", "", *others] if others else []
    note = joined(
        [f"手册更新于 {moment(best.updated_at)}", "、".join(plain(each, 20) for each in best.techniques)]
    )
    return ToolResult("ok", query, "\n".join([*lines, "", f"> {note}"]), [hit.id for hit in hits])


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "search_runbook",
        "查找处置手册",
        "在本单位的处置手册里按主题查找，返回最合适的一篇全文。回答「怎么处置」「流程是什么」先用它。",
        SearchRunbook,
        search_runbook,
    ),
)
