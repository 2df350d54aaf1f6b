"""list_findings: what scans found that no CVE tells: leaked keys, misconfigurations, flaws in code; or all of one asset. assign_finding: who works on some."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models.choices import FindingKind
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Conflict
from secops_agent.services.people.staff import Person
from secops_agent.services.vulnerabilities import findings, resolutions
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.services.vulnerabilities.views import FindingSummary
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, ValidatedAction, action, reading
from secops_agent.tools.filters import (
    SEPARATORS,
    asset_argument,
    colleague,
    levels,
    limit_argument,
    rows,
    severity_argument,
    told,
    told_levels,
)
from secops_agent.tools.markdown import SEVERITY, foot, joined, moment, page

_KINDS: Final = {str(value): str(label) for value, label in FindingKind.choices}
_MOST: Final = 50  # findings of one call
_TITLES: Final = 5
_CODE: Final = re.compile(r"F?(\d{1,18})", re.IGNORECASE)
_NOT_FLAWS: Final = tuple(kind for kind in _KINDS if kind != FindingKind.VULNERABILITY)


class ListFindings(Arguments):
    """Arguments of list_findings."""

    kind: Literal["secret", "misconfiguration", "code", "vulnerability"] | None = argument(
        "种类；不填是漏洞以外的：泄露的密钥、错误配置、代码问题", labels=_KINDS, default=None
    )
    severity: str = severity_argument()
    asset: str = asset_argument()
    keyword: str = argument("标题、规则、位置里的词", default="")
    overdue: bool | None = argument("只看超过修复时限的", default=None)
    limit: int = limit_argument()


def list_findings(asker: Asker, given: ListFindings) -> ToolResult:
    """Open ones, the most pressing first."""
    wanted = levels(given.severity)
    found = findings.search(
        FindingFilter(
            kinds=(given.kind,) if given.kind else _NOT_FLAWS,
            severities=wanted,
            asset=given.asset,
            keyword=given.keyword,
            overdue=bool(given.overdue),
            limit=rows(given.limit),
        )
    )
    query = told(
        种类=_KINDS[given.kind] if given.kind else "、".join(_KINDS[kind] for kind in _NOT_FLAWS),
        级别=told_levels(wanted),
        资产=plain(given.asset, 60),
        关键字=plain(given.keyword, 60),
        修复时限="已超过" if given.overdue else "",
    )
    if not found.items:
        return ToolResult("no_data", query, "\n".join(["没有符合条件的发现。", *foot(query)]), [])
    lines = [finding_line(each) for each in found.items]
    names = tuple(dict.fromkeys(each.asset.name for each in found.items))
    steps = (says.look_up(names[0]), says.claim_finding(found.items[0].id))
    text = page("发现", len(lines), found.total_text, lines, query)
    return ToolResult("ok", query, text, [each.id for each in found.items], steps=steps, fields=names)


def finding_line(each: FindingSummary) -> str:
    """One finding in one line, its kind first."""
    said = [
        SEVERITY[each.severity],
        plain(each.title, 80),
        plain(each.asset.name, 80),
        f"负责人 {plain(each.owner, 40)}" if each.owner else "没有负责人",
        "已超过修复时限" if each.overdue else f"修复时限 {moment(each.due_at)}" if each.due_at else "",
    ]
    return f"- **F{each.id} {_KINDS[each.kind]}** {joined(said)}"


class AssignFinding(Arguments):
    """Arguments of assign_finding."""

    finding_ids: str = argument(
        f"发现的编号，例如 F12，几个之间用英文逗号分隔，最多 {_MOST} 条", default="", max_length=600
    )
    cve: str = argument("一个漏洞的全部待处理发现：它的编号", default="", max_length=100)
    asset: str = argument("只要这个资产上的：名称、IP 或编号", default="", max_length=200)
    assignee: str = argument("交给谁：姓名或员工 ID；不填或「我」表示提问者", default="我", max_length=100)


def _meant(given: AssignFinding) -> Sequence[FindingSummary]:
    """The findings that are meant. Raises InvalidInput for none, too many, or what is no number; NotFound."""
    words = [word for word in SEPARATORS.split(given.finding_ids) if word]
    codes = [_CODE.fullmatch(word) for word in words]
    if not all(codes) or not (words or given.cve or given.asset):
        raise InvalidInput("请写明是哪些发现：编号（例如 F12）、漏洞编号或资产。没有执行任何操作。")
    if not words:
        wanted = FindingFilter(vulnerability=given.cve, asset=given.asset, limit=_MOST)
        found = findings.search(wanted)
        if found.total > _MOST or not found.items:
            raise InvalidInput(
                f"这样的待处理发现有 {found.total_text} 条，一次 1 到 {_MOST} 条：更多的请在网页「发现」里做。"
            )
        return found.items
    ids = list(dict.fromkeys(int(code[1]) for code in codes if code))[: _MOST + 1]
    if len(ids) > _MOST:
        raise InvalidInput(f"一次最多 {_MOST} 条：请分几次。没有执行任何操作。")
    return [findings.get(pk).summary for pk in ids]


def check_assign(given: AssignFinding, person: Person | None) -> ValidatedAction:
    """What is meant, and one person of the staff."""
    found, staff = _meant(given), colleague(given.assignee, person)
    named = "、".join(
        f"F{each.id}「{plain(each.title, 40)}」（{plain(each.asset.name, 40)}）" for each in found[:_TITLES]
    )
    rest = f" 等 {len(found)} 条" if len(found) > _TITLES else ""
    stored = {"finding_ids": ",".join(f"F{each.id}" for each in found), "assignee": staff.staff_id}
    names = tuple(dict.fromkeys(each.asset.name for each in found))
    return ValidatedAction(stored, f"把发现 {named}{rest} 交给 {plain(staff.name, 40)}", names)


def assign(given: AssignFinding, actor: Actor) -> str:
    """Done for a confirmed proposal. Raises Conflict for none."""
    staff = colleague(given.assignee, actor)
    done = resolutions.assign_many([each.id for each in _meant(given)], staff, actor)
    left = "".join(f"\n- {number} 条没有做：{why}" for why, number in done.refused.items())
    if not done.done:
        raise Conflict(f"没有执行任何操作。{left}")
    return f"已把 {done.done} 条发现交给 {plain(staff.name, 40)}。{left}"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_findings",
        "查询发现",
        "扫描发现里不是漏洞的：泄露的密钥、错误配置（没设密码、公开的存储）、代码问题。漏洞用 list_vulnerabilities。",
        ListFindings,
        list_findings,
    ),
    action(
        "assign_finding",
        "指派发现",
        "把发现（漏洞、错误配置……）交给一位同事，或由提问者自己处理。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。",
        "write",
        AssignFinding,
        check_assign,
        assign,
    ),
)
