"""Home page (工作台): what needs somebody now, what is exposed, whether everything runs; each number links to the list that was counted."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bifang.core.admin import dashboard, panels
from bifang.core.admin.panels import Panel
from secops_agent.admin.alerting.alert_messages import reaching_cards
from secops_agent.admin.alerting.silences import silencing, with_silences
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services import links as records
from secops_agent.services.alerts import backlog
from secops_agent.services.cases.reporting.clock import running
from secops_agent.services.decisions import pending
from secops_agent.services.investigations import noise
from secops_agent.services.on_call.duties import duties
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.pages import COUNT_CAP
from secops_agent.services.vulnerabilities import tallies
from secops_agent.web.access import page
from secops_agent.web.on_call import people_of, waiting_swaps
from secops_agent.web.triage.alert_query import TABS


def alert_list(tab: str = "all", **query: str) -> str:
    """告警处置: the alerts of a tab that are not closed, narrowed by `query` (severity, asset, …)."""
    return _alerts([("tab", tab), *query.items()])


def alerts_of_day(day: date, severity: str) -> str:
    """The alerts of one severity whose last occurrence was on a day, closed ones too."""
    states = [("status", value) for value in AlertStatus.values]
    query = [
        ("tab", "all"),
        ("severity", severity),
        *states,
        ("from", day.isoformat()),
        ("to", day.isoformat()),
    ]
    return _alerts(query)


def approval_list() -> str:
    """审批: all that waits for a decision."""
    return f"{reverse('web:approvals')}?tab=waiting"


def finding_list(**query: str) -> str:
    """发现: those that are still to be mended, narrowed by `query`."""
    return f"{reverse('web:findings')}?{urlencode({'tab': 'open'} | query)}"


def _alerts(query: list[tuple[str, str]]) -> str:
    return f"{reverse('web:alerts')}?{urlencode(query)}"


# 工作台, what is exposed: flaws that attackers use, what is left to mend, where alerts gather, which rules are loud.

SHOWN: Final = 5


def risks(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What this person may see of it."""
    user, found = request.user, dict[str, Any]()
    if user.has_perm("secops_agent.view_finding"):
        found |= _exposure(now)
        if user.has_perm("secops_agent.view_asset"):
            count, rows = tallies.attacked_assets(SHOWN)
            found |= {"attacked_count": count, "attacked": [(each, records.asset(each.id)) for each in rows]}
    if user.has_perm("secops_agent.view_alert"):
        loud = with_silences(noise.noisy_rules(now, most=SHOWN), now)
        found["may_silence"] = user.has_perm("secops_agent.add_silence")
        found["noise"] = [
            (each, alert_list(source=each.source, rule=each.rule), silence) for each, silence in loud
        ]
        if user.has_perm("secops_agent.view_asset"):
            found["busy"] = [(each, alert_list(asset=str(each.id))) for each in backlog.busy_assets(SHOWN)]
    return found


def _exposure(now: datetime) -> dict[str, Any]:
    found = tallies.worklist(now)
    return {
        "exposure": [
            Panel("KEV", f"{found.kev:,}", "现在未修复", "bad" if found.kev else "ok", link=finding_list(kev="1")),
            *(_risks_level(severity, count) for severity, count in found.levels if severity != Severity.INFO),
        ],
        "limits": [
            Panel("已超时", f"{found.late:,}", "超过修复时限", "bad" if found.late else "ok", link=finding_list(tab="overdue")),
            Panel("7 天内到期", f"{found.due:,}", "修复时限", "warn" if found.due else "ok", link=finding_list(tab="due", sort="due")),
            Panel("接受快到期", f"{found.ending:,}", "7 天内恢复为待处理", "warn" if found.ending else "ok", link=finding_list(tab="ending")),
        ],
    }  # fmt: skip


TILE_TONES: Final = {"critical": "critical", "high": "high", "medium": "warn"}  # as the chart paints them


def _risks_level(severity: str, count: int) -> Panel:
    tone = TILE_TONES.get(severity, "idle") if count else "idle"
    return Panel(str(Severity(severity).label), f"{count:,}", "", tone, link=finding_list(severity=severity))


# 工作台, what needs somebody now: open alerts, time limits, who is on call, what waits for a decision.

DAYS: Final = 14
MOST_PROPOSALS: Final = 5


def alerts(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """The numbers and the chart."""
    if not request.user.has_perm("secops_agent.view_alert"):
        return {}
    levels = backlog.levels()
    days = backlog.days(now, DAYS, ZONE)
    burden = backlog.burden(now, people_of(request))
    return {
        "levels": [_total(levels), *(_level(each) for each in levels)],
        "burden": _burden(burden),
        "suppressed": backlog.suppressed(now - timedelta(days=1)),
        "trend": _chart(days),
        "trend_words": [f"{day:%m-%d} {counts.total()} 条" for day, counts in days.items()],
        "quiet": not any(counts.total() for counts in days.values())
        and not sum(each.total for each in levels),
    }


def _total(levels: Sequence[backlog.Level]) -> Panel:
    opened, taken = sum(each.open for each in levels), sum(each.acknowledged for each in levels)
    return _alert_tile("未关闭的告警", opened, taken, "idle", alert_list())


def _level(level: backlog.Level) -> Panel:
    tone = TILE_TONES.get(level.severity, "idle") if level.total else "idle"
    link = alert_list(severity=level.severity)
    return _alert_tile(str(Severity(level.severity).label), level.open, level.acknowledged, tone, link)


def _alert_tile(title: str, opened: int, taken: int, tone: str, link: str) -> Panel:
    return Panel(title, f"{opened + taken:,}", f"未处理 {opened:,}，处理中 {taken:,}", tone, link=link)


def _burden(found: backlog.Burden) -> list[Panel]:
    parts = f"已超时 {_figure(found.broken)}，快超时 {_figure(found.at_risk)}"
    tone = "bad" if found.broken else "warn" if found.at_risk else "ok"
    return [
        Panel(TABS["at_risk"], _figure(found.broken + found.at_risk), parts, tone, "timer", alert_list("at_risk")),
        Panel("我的", _figure(found.mine), "指派给我的，和我负责的事件里的", "info", "person", alert_list("mine")),
        Panel("未分配", _figure(found.unassigned), "没有处理人", "warn" if found.unassigned else "ok", "person_off",
             alert_list("unassigned")),
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
    return {"value": count, "link": alerts_of_day(day, severity)}


def people(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Who is on call, what waits for whose decision, and which case must be reported until when."""
    found: dict[str, Any] = {}
    if request.user.has_perm("secops_agent.view_case"):
        found["clocks"] = [(each, each.left(now), each.due_at <= now) for each in running()[:SHOWN]]
    if request.user.has_perm("secops_agent.view_oncallschedule"):
        found["duties"] = duties(now)
        swaps = waiting_swaps(request, people_of(request), now)
        found["swaps"] = [each for each in swaps if each.role]
    if request.user.has_perm("secops_agent.view_proposal"):
        waiting = pending.everything(people_of(request))
        found |= {
            "waiting": waiting[:MOST_PROPOSALS],
            "waiting_count": len(waiting),
            "approvals": approval_list(),
        }
    return found


def _now(request: HttpRequest) -> dict[str, Any]:
    """The part that is there at once and asked for again most often."""
    now = timezone.now()
    return {
        "at": timezone.localtime(now),
        "troubles": reaching_cards(request),
        **alerts(request, now),
        **people(request, now),
    }


def _risks(request: HttpRequest) -> dict[str, Any]:
    return risks(request, timezone.now())


def _system(request: HttpRequest) -> dict[str, Any]:
    connections = dashboard.connections(request)
    return {
        "cards": panels.cards(request),
        "connections": connections,
        "connected": sum(live.tone == "ok" for _, live in connections),
    }


def _steps(request: HttpRequest) -> dict[str, Any]:
    steps = panels.steps(request)
    left = sum(not step.done for step in steps)
    return {"steps": steps, "left": left, "begun": left * 2 < len(steps)}


PARTS: Final[Mapping[str, Callable[[HttpRequest], dict[str, Any]]]] = {
    "now": _now, "risks": _risks, "system": _system, "steps": _steps,
}  # fmt: skip


@page()
def home(request: HttpRequest) -> HttpResponse:
    """The whole page, or the ``part`` of it that its own polling asks for."""
    name = request.GET.get("part", "")
    if not name:
        context = {"title": "工作台"} | silencing(request.user, timezone.now()) | _now(request)
        if context.get("quiet"):  # where there is no alert yet, what is to be set up comes first
            context |= _steps(request)
        return render(request, "pages/home.html", context)
    if name not in PARTS:
        raise Http404
    return render(request, f"pages/home_{name}.html", PARTS[name](request))
