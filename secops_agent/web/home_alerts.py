"""工作台, what needs somebody now: open alerts, time limits, who is on call, what waits for a decision."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest

from bifang.core.admin.panels import Panel
from secops_agent.admin.inventory import SEVERITY_TONES
from secops_agent.models import Staff
from secops_agent.models.choices import Severity
from secops_agent.services.alerts import backlog
from secops_agent.services.decisions import pending
from secops_agent.services.on_call.duties import duties
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.pages import COUNT_CAP
from secops_agent.services.people.logins import accounts
from secops_agent.services.vulnerabilities.sla import SlaLimits
from secops_agent.web import links

DAYS: Final = 14
MOST_PROPOSALS: Final = 5


def alerts(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """The numbers and the chart."""
    if not request.user.has_perm("secops_agent.view_alert"):
        return {}
    levels = backlog.levels()
    days = backlog.days(now, DAYS, ZONE)
    burden = backlog.burden(now, active_accounts(request), SlaLimits().at_risk(now))
    return {
        "levels": [_total(levels), *(_level(each) for each in levels)],
        "burden": _burden(burden),
        "suppressed": backlog.suppressed(now - timedelta(days=1)),
        "trend": _chart(days),
        "trend_words": [f"{day:%m-%d} {counts.total()} 条" for day, counts in days.items()],
        "quiet": not any(counts.total() for counts in days.values())
        and not sum(each.total for each in levels),
    }


def active_accounts(request: HttpRequest) -> list[Staff]:
    """The rows in 人员 as which this person works."""
    return [each for each in accounts(request.user) if each.active]


def _total(levels: Sequence[backlog.Level]) -> Panel:
    opened, taken = sum(each.open for each in levels), sum(each.acknowledged for each in levels)
    return _alert_tile("未关闭的告警", opened, taken, "idle", links.alerts())


def _level(level: backlog.Level) -> Panel:
    tone = SEVERITY_TONES[level.severity] if level.total else "idle"
    link = links.alerts(severity=level.severity)
    return _alert_tile(str(Severity(level.severity).label), level.open, level.acknowledged, tone, link)


def _alert_tile(title: str, opened: int, taken: int, tone: str, link: str) -> Panel:
    return Panel(title, f"{opened + taken:,}", f"未处理 {opened:,}，处理中 {taken:,}", tone, link=link)


def _burden(found: backlog.Burden) -> list[Panel]:
    late = f"其中 {_figure(found.broken)} 条已超时" if found.broken else "没有超时的"
    tone = "bad" if found.broken else "warn" if found.at_risk else "ok"
    return [
        Panel("快超时", _figure(found.broken + found.at_risk), late, tone, "timer", links.alerts("at_risk")),
        Panel("我的", _figure(found.mine), "指派给我，没有关闭", "info", "person", links.alerts("mine")),
        Panel("未分配", _figure(found.unassigned), "还没有处理人", "warn" if found.unassigned else "ok", "person_off",
             links.alerts("unassigned")),
    ]  # fmt: skip


def _figure(count: int) -> str:
    return f"{count}" if count <= COUNT_CAP else f"{COUNT_CAP}+"


def _chart(days: Mapping[date, Counter[str]]) -> dict[str, Any]:
    """An option of ECharts: a bar a day, its severities stacked, every piece leading to its alerts."""
    return {
        "xAxis": {"type": "category", "data": [f"{day:%m-%d}" for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "legend": {},
        "series": [
            {
                "name": str(severity.label), "type": "bar", "stack": "alerts", "tone": severity.value, "barMaxWidth": 32,
                "data": [_point(day, counts[severity.value], severity.value) for day, counts in days.items()],
            }
            for severity in Severity
        ],
    }  # fmt: skip


def _point(day: date, count: int, severity: str) -> dict[str, Any]:
    return {"value": count, "link": links.alerts_of_day(day, severity)}


def people(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Who is on call, and what waits for whose decision."""
    found: dict[str, Any] = {}
    if request.user.has_perm("secops_agent.view_oncallschedule"):
        found["duties"] = duties(now)
    if request.user.has_perm("secops_agent.view_proposal"):
        waiting = pending.everything(active_accounts(request))
        found |= {
            "waiting": waiting[:MOST_PROPOSALS],
            "waiting_count": len(waiting),
            "approvals": links.approvals(),
        }
    return found
