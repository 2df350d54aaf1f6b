"""search_runbook: what our own manuals say."""

import re
from typing import Final

from bifang.channels.markup import plain
from secops_agent.services import runbooks
from secops_agent.services.alerts import triage
from secops_agent.services.runbooks import Reader, RunbookHit, RunbookView
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.markdown import joined, moment

_HITS: Final = 4
_BODY: Final = 3000
_CLEAR: Final = 0.3  # as good as this, one is shown as a whole
_LEAD: Final = 0.6  # of two that are not, the second may have so much of the first's
_ALERT: Final = re.compile(r"(?:(?:告警|报警)\s*)?#?A?(?P<id>[1-9]\d{0,17})")


class SearchRunbook(Arguments):
    """Arguments of search_runbook."""

    query: str = argument("要找的主题，用提问里的词；提问里有告警编号时写「告警」和那个编号")


def search_runbook(asker: Asker, given: SearchRunbook) -> ToolResult:
    """The manual that fits as a whole and others by name; several that hardly fit by name only."""
    query = f"主题={plain(runbooks.topic(given.query), 80)}"
    subject, hits = _find(asker, given.query)
    if not hits:
        return ToolResult("no_data", query, f"处置手册里没有与{subject}有关的内容。", [])
    found = [hit.id for hit in hits]
    if not _is_clear(hits):
        lines = [
            f"与{subject}有关的处置手册：",
            "",
            *(_line(hit) for hit in hits),
            "",
            "> 要看全文，请写手册的名称。",
        ]
        return ToolResult("ok", query, "\n".join(lines), found)
    best = runbooks.get(hits[0].id, _reader(asker))
    others = [_line(hit) for hit in hits[1:] if hit.score >= _CLEAR]
    lines = [_heading(subject, best, given.query), "", _text(best)]
    lines += ["", "**相关手册**", "", *others] if others else []
    text = "\n".join([*lines, "", f"> {_note(best)}"])
    return ToolResult("ok", query, text, found, steps=_steps(given.query))


def _reader(asker: Asker) -> Reader:
    """In a group only what everyone may read."""
    return runbooks.EVERYONE if asker.is_group else Reader(asker.person.role)


def _find(asker: Asker, query: str) -> tuple[str, tuple[RunbookHit, ...]]:
    """What it is about in words, and the hits."""
    number = _number(query)
    if not number:
        return f"「{plain(runbooks.topic(query), 60)}」", runbooks.search(query, _HITS, _reader(asker))
    alert = triage.get(number)
    title = f"告警 #{alert.summary.id}（{plain(alert.summary.title, 80)}）"
    return title, runbooks.search_for(alert.techniques, alert.summary.title, _HITS, _reader(asker))


def _is_clear(hits: tuple[RunbookHit, ...]) -> bool:
    best, *others = hits
    return best.score >= _CLEAR or not others or others[0].score < best.score * _LEAD


def _heading(subject: str, best: RunbookView, query: str) -> str:
    about = f"{subject}：" if _number(query) else ""
    return f"**{about}按处置手册《{plain(best.title, 100)}》**"


def _number(query: str) -> int:
    """Of the alert that is meant; 0 for anything else."""
    found = _ALERT.fullmatch(query.strip())
    return int(found["id"]) if found else 0


def _steps(query: str) -> tuple[str, ...]:
    number = _number(query)
    return (f"查看 A{number}", f"确认 A{number}") if number else ()


def _line(hit: RunbookHit) -> str:
    return f"- {plain(hit.title, 80)}：{plain(hit.when or hit.excerpt)}"


def _text(best: RunbookView) -> str:
    body = best.body.strip()
    when = f"什么时候用：{plain(best.when)}\n\n" if best.when else ""
    if len(body) <= _BODY:
        return when + body
    return f"{when}{body[:_BODY]}\n\n（手册较长，只显示前 {_BODY} 个字，全文见管理后台。）"


def _note(best: RunbookView) -> str:
    return joined(
        [
            f"手册更新于 {moment(best.updated_at)}",
            "、".join(plain(each, 20) for each in best.techniques),
            f"相关查询：{'、'.join(plain(each, 40) for each in best.tools)}" if best.tools else "",
        ]
    )


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "search_runbook",
        "查找处置手册",
        "在本单位的处置手册里按主题、ATT&CK 技术或告警查找，返回最合适的一篇全文。回答「怎么处置」「流程是什么」先用它。",
        SearchRunbook,
        search_runbook,
    ),
)
