"""One finding: what it is, how urgent and why, what was decided."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from bifang.channels.admin.rows import READ_TEXT
from bifang.channels.visible import visible
from secops_agent.models import Finding
from secops_agent.services import links
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.vulnerabilities import statements
from secops_agent.web.access import page
from secops_agent.web.alert_rows import plain_line
from secops_agent.web.changes import changes_of
from secops_agent.web.findings import ACT, SEE, deciding
from secops_agent.web.flaw_rows import advice_of, exploit_line, line, said_lines, web_links
from secops_agent.web.risk import Urgency, risk_of

_WITH: Final = ("asset__owner", "component", "vulnerability")
HIDDEN: Final = "〔需要「分析」角色〕"


@require_safe
@page(SEE)
def finding(request: HttpRequest, pk: int) -> HttpResponse:
    """The page."""
    row = Finding.objects.select_related(*_WITH).filter(pk=pk).first() if pk < 2**63 else None
    if row is None:
        raise Http404(f"no finding {pk}")
    now = timezone.now()
    may_act = request.user.has_perm(ACT)
    private = may_act or request.user.has_perm(READ_TEXT)
    context = {
        "title": plain_line(row.title), "row": row, "line": line(row, now), "risk": _risk(row), "now": now,
        "flaw_url": links.record("vulnerability", row.vulnerability_id) if row.vulnerability_id else "",
        "about": visible(row.description), "place": visible(row.location), "remedy": visible(row.remediation),
        "evidence": (visible(row.evidence) if private else HIDDEN) if row.evidence else "",
        "references": web_links(row.references[:30]), "changes": changes_of("finding", pk), "said": said_lines(statements.about_finding(row)), "exploit": exploit_line(row.vulnerability),
        "owner": visible(row.asset.owner.name if row.asset.owner else row.asset.owner_text), "may_act": may_act, **deciding(now),
    }  # fmt: skip
    return render(request, "pages/finding.html", context)


def _risk(row: Finding) -> Urgency | None:
    """Only of vulnerabilities: the tree asks about exploitation."""
    flaw: Any = row.vulnerability
    if flaw is None:
        return None
    return risk_of(flaw, advice_of(flaw, row.asset.importance), row.asset.importance, exposure_of(row.asset))
