"""工作台, what is exposed: flaws that attackers use, what is left to mend, where alerts gather, which rules are loud."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest

from bifang.core.admin.panels import Panel
from secops_agent.admin.inventory import SEVERITY_TONES
from secops_agent.models.choices import Severity
from secops_agent.services import links as records
from secops_agent.services.alerts import backlog
from secops_agent.services.investigations import noise
from secops_agent.services.vulnerabilities import worklist
from secops_agent.web import links

SHOWN: Final = 5


def risks(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What this person may see of it."""
    user, found = request.user, dict[str, Any]()
    if user.has_perm("secops_agent.view_finding"):
        found |= _exposure(now)
        if user.has_perm("secops_agent.view_asset"):
            count, rows = worklist.attacked_assets(SHOWN)
            found |= {"attacked_count": count, "attacked": [(each, records.asset(each.id)) for each in rows]}
    if user.has_perm("secops_agent.view_alert"):
        loud = noise.noisy_rules(now, most=SHOWN)
        found["noise"] = [(each, links.alerts(source=each.source, rule=each.rule)) for each in loud]
        if user.has_perm("secops_agent.view_asset"):
            found["busy"] = [(each, links.alerts(asset=str(each.id))) for each in backlog.busy_assets(SHOWN)]
    return found


def _exposure(now: datetime) -> dict[str, Any]:
    found = worklist.worklist(now)
    return {
        "exposure": [
            Panel("KEV", f"{found.kev:,}", "", "bad" if found.kev else "ok", link=links.findings(kev="1")),
            *(_level(severity, count) for severity, count in found.levels if severity != Severity.INFO),
        ],
        "late": found.late,
    }  # fmt: skip


def _level(severity: str, count: int) -> Panel:
    tone = SEVERITY_TONES[severity] if count else "idle"
    return Panel(
        str(Severity(severity).label), f"{count:,}", "", tone, link=links.findings(severity=severity)
    )
