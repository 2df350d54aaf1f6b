"""search_runbook: what our own manuals say."""

import re
from typing import Final

from bifang.channels.ports import Suggestion
from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.services import runbooks
from secops_agent.services.alerts import triage
from secops_agent.services.runbooks import PageView, Reader, RunbookHit, RunbookView
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import told
from secops_agent.tools.markdown import joined, moment

_HITS: Final = 4
_LISTED: Final = 8  # references
_CLEAR: Final = 0.3  # as good as this, one is shown as a whole
_PLAIN: Final = 0.6  # as good as this, what is asked for comes before what fits the alert
_LEAD: Final = 0.6  # of two that are not, the second may have so much of the first's
_NAMED: Final = 3  # that only have the words somewhere
_BY_NAME: Final = "> 要看全文，请写手册的名称。"
_PAGE: Final = re.compile(r"[，,\s]*第\s*(?P<page>\d{1,4})\s*页\s*[。.]?\s*$")
_PATH: Final = re.compile(r"\s(?P<path>\S*[^\s/]\.(?:md|txt|rst|csv|json|ya?ml))\s*$", re.IGNORECASE)
_ALERT: Final = re.compile(r"(?:(?:告警|报警)\s*)?#?A?(?P<id>[1-9]\d{0,17})")


class SearchRunbook(Arguments):
    """Arguments of search_runbook."""

    query: str = argument(
        "要找的主题，用提问里的词；手册是英文的就再用英文词找；可以空着只给 alert_id", default=""
    )
    alert_id: int | None = argument(
        "为哪条告警找：它的技术和标题也用来找", default=None, minimum=1, maximum=2**62
    )
    file: str = argument("要读手册旁的哪份参考资料：结果里列出的路径", default="", max_length=200)
    page: int = argument("第几页", default=1, minimum=1)


def search_runbook(asker: Asker, given: SearchRunbook) -> ToolResult:
    """The manual that is written for what is named, a page of it, and others by name; several that hardly fit by name only."""
    asked = _asked(given)
    number, words = _number(asked)
    query = told(主题=plain(runbooks.topic(words), 80), 告警=says.code(number) if number else "")
    subject, hits = _find(asker, number, words)
    if not hits:
        return ToolResult("no_data", query, f"手册里没有与{subject}有关的内容。", [])
    found = [hit.id for hit in hits]
    written = hits if number or asked.file else tuple(hit for hit in hits if runbooks.names(hit, words))
    if not written:
        lines = [f"没有手册是写给{subject}的。里面有这些字的：", "", *map(_line, hits[:_NAMED]), "", _BY_NAME]
        return ToolResult("no_data", query, "\n".join(lines), [])
    hits = written
    if not (asked.file or _is_clear(hits)):
        lines = [f"与{subject}有关的手册：", "", *map(_line, hits), "", _BY_NAME]
        return ToolResult("ok", query, "\n".join(lines), found)
    if asked.file:
        page = runbooks.read_file(found[0], asked.file, asked.page, _reader(asker))
        return ToolResult(
            "ok", f"{query}，{plain(page.path, 80)}", _reference(page), found, steps=_next(page)
        )
    return _whole(asker, number, asked.page, query, subject, hits)


def _asked(given: SearchRunbook) -> SearchRunbook:
    """With the file and the page where the sentence ends with them."""
    said = _PAGE.search(given.query)
    query, page = (given.query[: said.start()], int(said["page"])) if said else (given.query, given.page)
    named = _PATH.search(query)
    file, query = (named["path"], query[: named.start()]) if named and not given.file else (given.file, query)
    return given.model_copy(
        update={"query": query.strip() or given.query, "file": file.strip(), "page": max(1, page)}
    )


def _whole(
    asker: Asker, number: int, page_number: int, query: str, subject: str, hits: tuple[RunbookHit, ...]
) -> ToolResult:
    best = runbooks.get(hits[0].id, _reader(asker))
    page = runbooks.read_body(best.id, page_number, _reader(asker))
    when = f"什么时候用：{plain(best.when)}\n\n" if best.when and page.number == 1 else ""
    others = [_line(hit) for hit in hits[1:] if hit.score >= _CLEAR]
    about = f"{subject}：" if number else ""
    head = f"**{about}按手册《{plain(best.title, 100)}》**"
    lines = [head, "", when + page.text.strip(), *_place(page)]
    lines += ["", "**相关手册**", "", *others] if others and page.number == 1 else []
    text = "\n".join([*lines, "", f"> {_note(best)}"])
    return ToolResult("ok", query, text, [hit.id for hit in hits], steps=(*_next(page), *_steps(number)))


def _reference(page: PageView) -> str:
    head = f"**《{plain(page.title, 100)}》的参考资料 {plain(page.path, 100)}**"
    return "\n".join([head, "", page.text.strip(), *_place(page)])


def _place(page: PageView) -> list[str]:
    return [] if page.pages == 1 else ["", f"（第 {page.number} 页，共 {page.pages} 页）"]


def _next(page: PageView) -> tuple[Suggestion, ...]:
    """The page that follows."""
    return (says.runbook(page.title, page.path, page.number + 1),) if page.number < page.pages else ()


def _reader(asker: Asker) -> Reader:
    """In a group only what everyone may read."""
    return runbooks.EVERYONE if asker.is_group else Reader(asker.person.role)


def _find(asker: Asker, number: int, words: str) -> tuple[str, tuple[RunbookHit, ...]]:
    """What it is about in words, and the hits: of an alert, first what is plainly asked for beside it. Raises NotFound."""
    reader = _reader(asker)
    named = runbooks.search(words, _HITS, reader) if words or not number else ()
    if not number:
        return f"「{plain(runbooks.topic(words), 60)}」", named
    alert = triage.get(number)
    plainly = tuple(hit for hit in named if hit.score >= _PLAIN)
    fitting = runbooks.search_for(alert.techniques, alert.summary.title, _HITS, reader)
    others = tuple(hit for hit in fitting if hit.id not in {each.id for each in plainly})
    return f"告警 {says.code(number)}（{plain(alert.summary.title, 80)}）", (*plainly, *others)[:_HITS]


def _is_clear(hits: tuple[RunbookHit, ...]) -> bool:
    best, *others = hits
    return best.score >= _CLEAR or not others or others[0].score < best.score * _LEAD


def _number(given: SearchRunbook) -> tuple[int, str]:
    """The alert that is meant, 0 for none, and what is asked beside it. Raises InvalidInput for neither."""
    query = given.query.strip()
    found = _ALERT.fullmatch(query)
    if not query and not given.alert_id:
        raise InvalidInput("请说明要找什么手册，例如「勒索病毒」，或给出告警编号。")
    return given.alert_id or (int(found["id"]) if found else 0), "" if found else query


def _steps(number: int) -> tuple[Suggestion, ...]:
    return (says.show(number), says.acknowledge(number)) if number else ()


def _line(hit: RunbookHit) -> str:
    return f"- {plain(hit.title, 80)}：{plain(hit.when or hit.excerpt)}"


def _note(best: RunbookView) -> str:
    return joined(
        [
            f"手册更新于 {moment(best.updated_at)}",
            "、".join(plain(each, 20) for each in best.techniques),
            f"相关查询：{'、'.join(plain(each, 40) for each in best.tools)}" if best.tools else "",
            _beside(best),
        ]
    )


def _beside(best: RunbookView) -> str:
    """The references that may be read, as much as is worth telling."""
    paths = runbooks.references(best.id)
    listed = "、".join(plain(each, 80) for each in paths[:_LISTED])
    more = f"等 {len(paths)} 份" if len(paths) > _LISTED else ""
    return f"参考资料：{listed}{more}（发「{says.runbook(best.title, paths[0])}」查看）" if paths else ""


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "search_runbook",
        "查找手册",
        "在本单位的手册里按主题、ATT&CK 技术或告警查找，返回最合适的一篇；长的分页，旁边的参考资料用 file 读。回答「怎么处置」「流程是什么」先用它。",
        SearchRunbook,
        search_runbook,
    ),
)
