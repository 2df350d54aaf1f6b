"""list_findings: what scans found that no CVE tells: leaked keys, misconfigurations, flaws in code; or all of one asset."""

from collections.abc import Sequence
from typing import Final, Literal

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models.choices import FindingKind
from secops_agent.services.vulnerabilities import findings
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.services.vulnerabilities.views import FindingSummary
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import levels, limit_argument, rows, severity_argument, told, told_levels
from secops_agent.tools.markdown import SEVERITY, foot, joined, moment, page

_KINDS: Final = {str(value): str(label) for value, label in FindingKind.choices}
_NOT_FLAWS: Final = tuple(kind for kind in _KINDS if kind != FindingKind.VULNERABILITY)


class ListFindings(Arguments):
    """Arguments of list_findings."""

    kind: Literal["secret", "misconfiguration", "code", "vulnerability"] | None = argument(
        "种类；不填是漏洞以外的：泄露的密钥、错误配置、代码问题", labels=_KINDS, default=None
    )
    severity: str = severity_argument()
    asset: str = argument("只看这一台：资产的名称、IP 或编号", default="")
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
    text = page(
        "发现", len(found.items), found.total_text, [finding_line(each) for each in found.items], query
    )
    names = tuple(dict.fromkeys(each.asset.name for each in found.items))
    return ToolResult("ok", query, text, _ids(found.items), steps=(says.look_up(names[0]),), fields=names)


def _ids(found: Sequence[FindingSummary]) -> list[int]:
    return [each.id for each in found]


def finding_line(each: FindingSummary) -> str:
    """One finding in one line, its kind first."""
    said = [
        SEVERITY[each.severity],
        plain(each.title, 80),
        plain(each.asset.name, 80),
        "已超过修复时限" if each.overdue else f"修复时限 {moment(each.due_at)}" if each.due_at else "",
    ]
    return f"- **{_KINDS[each.kind]}** {joined(said)}"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_findings",
        "查询发现",
        "扫描发现里不是漏洞的：泄露的密钥、错误配置（没设密码、公开的存储）、代码问题。漏洞用 list_vulnerabilities。",
        ListFindings,
        list_findings,
    ),
)
