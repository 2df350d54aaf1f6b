"""Findings over their time limit, and what was mended in a period."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import Count, Q

from bifang.channels.text.markup import plain
from secops_agent.models import Finding
from secops_agent.models.choices import FindingKind
from secops_agent.services import links
from secops_agent.services.records import SEVERITIES
from secops_agent.services.vulnerabilities import findings
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.services.vulnerabilities.views import FindingSummary
from secops_agent.tools.base import ToolResult
from secops_agent.tools.filters import TimeSpan, told
from secops_agent.tools.markdown import SEVERITY, counts, foot, joined, moment

_SHOWN: Final = 8
_FEW_LATE: Final = 8
_FLAW: Final = FindingKind.VULNERABILITY


@dataclass(frozen=True, slots=True)
class LateFindings:
    """The findings over their limit in one sentence; ``lines``: those that are no vulnerability, on the ``assets``."""

    text: str
    lines: tuple[str, ...]
    assets: tuple[str, ...]


def late_findings(wanted: VulnerabilityFilter) -> LateFindings | None:
    """What the reports and pages count: a vulnerability may be on several assets, a secret is none. None: not asked."""
    if not wanted.overdue or wanted.keyword.strip() or wanted.fix_available is not None or wanted.epss:
        return None
    if wanted.not_kev or wanted.due_before or wanted.found_before or wanted.score or wanted.on:
        return None
    about = FindingFilter(
        severities=wanted.severities,
        kev_only=wanted.kev_only,
        asset=wanted.asset,
        owner_id=wanted.owner_id,
        overdue=True,
    )
    counts = {
        kind.value: Count("pk", filter=Q(kind=kind)) for kind in FindingKind
    }  # along the index of limits
    rows = findings.matching(about).aggregate(**counts)
    number = {kind: rows[kind.value] for kind in FindingKind}
    kinds = "、".join(f"{kind.label} {many}" for kind, many in number.items() if many or kind == _FLAW)
    others = tuple(kind for kind, many in number.items() if many and kind != _FLAW)
    found = findings.search(replace(about, kinds=others, limit=_FEW_LATE)).items if others else ()
    where = links.named("发现页", f"{links.listing('finding')}?tab=overdue")
    lines = ("", "不是漏洞的发现：", "", *map(_finding_line, found), "", f"全部见{where}。") if found else ()
    text = f"超过修复时限的发现 {sum(number.values())} 处（{kinds}）"
    return LateFindings(text, lines, tuple(each.asset.name for each in found))


def _finding_line(each: FindingSummary) -> str:
    said = [
        SEVERITY[each.severity],
        plain(each.title, 80),
        plain(each.asset.name, 80),
        f"负责人 {plain(each.owner, 40)}" if each.owner else "没有负责人",
        f"修复时限 {moment(each.due_at)}",
    ]
    return f"- **{FindingKind(each.kind).label}** {joined(said)}"


def mended(time: TimeSpan) -> ToolResult:
    """How many findings were mended in a period, by level, and which vulnerabilities most often."""
    rows = Finding.objects.filter(kind=_FLAW, active=False, gone_at__gte=time.since)
    rows = rows.filter(gone_at__lt=time.until) if time.until else rows
    levels = Counter(rows.values_list("severity", flat=True))
    query = told(修复时间=time.told)
    if not levels:
        return ToolResult("no_data", query, "\n".join(["这段时间没有修复漏洞。", *foot(query)]), [])
    often = (
        rows.values_list("vulnerability__vuln_id").annotate(number=Count("pk")).order_by("-number")[:_SHOWN]
    )
    flaws = rows.values("vulnerability").distinct().count()
    lines = [f"- **{plain(name or '（没有编号）', 40)}** {number} 处" for name, number in often]
    shares = counts([(level, levels[level]) for level in SEVERITIES if levels[level]], SEVERITY)
    text = "\n".join(
        [f"**修复的漏洞：{flaws} 个，{levels.total()} 处**（{shares}）", "", *lines, *foot(query)]
    )
    return ToolResult("ok", query, text, [name for name, _ in often if name])
