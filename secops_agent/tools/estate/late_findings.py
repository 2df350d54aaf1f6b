"""Findings over their time limit, as the chat tells of them: also those that are no vulnerability."""

from dataclasses import dataclass, replace
from typing import Final

from django.db.models import Count, Q

from bifang.channels.text.markup import plain
from secops_agent.models.choices import FindingKind
from secops_agent.services import links
from secops_agent.services.vulnerabilities import findings
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.services.vulnerabilities.views import FindingSummary
from secops_agent.tools.markdown import SEVERITY, joined, moment

_FEW: Final = 8
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
    found = findings.search(replace(about, kinds=others, limit=_FEW)).items if others else ()
    where = links.named("发现页", f"{links.listing('finding')}?tab=overdue")
    lines = ("", "不是漏洞的发现：", "", *map(_finding_line, found), "", f"全部见{where}。") if found else ()
    text = f"超过修复时限的发现 {sum(number.values())} 处（{kinds}）"
    return LateFindings(text, lines, tuple(each.asset.name for each in found))


def _finding_line(each: FindingSummary) -> str:
    said = [
        SEVERITY[each.severity],
        plain(each.title, 80),
        plain(each.asset.name, 80),
        f"修复时限 {moment(each.due_at)}",
    ]
    return f"- **{FindingKind(each.kind).label}** {joined(said)}"
