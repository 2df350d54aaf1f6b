"""list_alerts: what is open unless something else is said, and what the conditions left out."""

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from bifang.channels.markup import plain
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.alerts.views import AlertSummary
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page
from secops_agent.services.records import SEVERITIES
from secops_agent.tools.alerts import accounts_of, alert_line, fields_of
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import (
    TimeSpan,
    beyond,
    levels,
    limit_argument,
    more,
    offset_argument,
    person_named,
    severity_argument,
    since_argument,
    span,
    told,
    told_levels,
    until_argument,
    window,
)
from secops_agent.tools.markdown import SEVERITY, STATUS, foot, page
from secops_agent.tools.masking import for_group

SOON: Final = timedelta(hours=4)  # before its time limit an alert is at risk
_STATES: Final[dict[str, tuple[str, ...]]] = {
    "unclosed": (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED), "all": (), **{each: (each,) for each in AlertStatus.values},
}  # fmt: skip
_SAID: Final = {**STATUS, "unclosed": "未关闭", "all": "不限"}
_DUE: Final = {"overdue": "已超时", "soon": "4 小时内到时限"}


class ListAlerts(Arguments):
    """Arguments of list_alerts."""

    severity: str = severity_argument()
    status: Literal["open", "acknowledged", "closed", "unclosed", "all"] | None = argument(
        "状态；不填只看未关闭的（未处理和处理中）", labels=_SAID, default=None
    )
    since_hours: int | None = since_argument()
    keyword: str = argument(
        "标题、规则、来源里的词，或一个 IP、域名、哈希；也可以是人名或员工 ID，表示指派给这个人的告警",
        default="",
    )
    asset: str = argument("资产的名称、IP 或编号，只看这台资产的告警", default="")
    limit: int = limit_argument()
    until_hours: int | None = until_argument()
    due: Literal["overdue", "soon"] | None = argument("处理时限", labels=_DUE, default=None)
    unassigned: bool | None = argument("只看没有处理人的", default=None)
    urgent: bool | None = argument("按紧急程度排：级别高的在前，再看时限", default=None)
    listed: bool | None = argument("只看命中情报清单的", default=None)
    offset: int = offset_argument()


def list_alerts(asker: Asker, given: ListAlerts) -> ToolResult:
    """Newest first, or the most urgent, with the number of all that match."""
    time = span(given.since_hours, given.until_hours, asker.now)
    wanted, query = _filter(asker, given, time)
    found = _search(wanted)
    shown = found.items[given.offset :]
    if not shown:
        text = beyond("告警", found) if found.items else _none(wanted, query)
        return ToolResult("no_data", query, text, [])
    lines = [alert_line(alert, asker) for alert in shown]
    text = page(
        "告警", len(lines), found.total_text, lines, query, offset=given.offset, beside=_beside(wanted)
    )
    steps = (*more(found, given.offset + len(shown)), f"查看 A{shown[0].id}")
    result = ToolResult(
        "ok", query, text, [alert.id for alert in shown], steps=steps, fields=fields_of(shown)
    )
    return for_group(result, accounts_of(shown)) if asker.is_group else result


def _filter(asker: Asker, given: ListAlerts, time: TimeSpan) -> tuple[AlertFilter, str]:
    """What is searched, and how it is told."""
    wanted, status = levels(given.severity), given.status or "unclosed"
    person = person_named(given.keyword)
    search = AlertFilter(
        severities=wanted,
        statuses=_STATES[status],
        since=time.since,
        until=time.until,
        keyword="" if person else given.keyword,
        asset=given.asset,
        assignee_id=person.pk if person else None,
        unassigned=bool(given.unassigned),
        overdue=given.due == "overdue",
        due_by=asker.now + SOON if given.due == "soon" else None,
        urgent=bool(given.urgent),
        listed=bool(given.listed),
        limit=window(given.limit, given.offset),
    )
    query = told(
        级别=told_levels(wanted),
        状态=_SAID[status],
        时间=time.told,
        时限=_DUE[given.due] if given.due else "",
        处理人=person.name if person else "没有" if given.unassigned else "",
        情报="命中情报清单" if given.listed else "",
        关键字="" if person else plain(given.keyword, 60),
        资产=plain(given.asset, 60),
        排序="紧急的在前" if given.urgent else "",
    )
    return search, query


def _beside(wanted: AlertFilter) -> str:
    """What somebody may take for part of the list: graver ones, closed ones."""
    gravest = min((SEVERITIES.index(each) for each in wanted.severities), default=0)
    graver = replace(wanted, severities=SEVERITIES[:gravest], urgent=False) if gravest else None
    names = "、".join(SEVERITY[each] for each in SEVERITIES[:gravest])
    closed = replace(wanted, statuses=(AlertStatus.CLOSED,), urgent=False)
    hides = wanted.statuses == _STATES["unclosed"] and not (wanted.overdue or wanted.due_by)
    others = [(names, graver), ("关闭的", closed if hides else None)]
    said = [f"{name} {_count(other)} 条" for name, other in others if other and _count(other) != "0"]
    return f"另有{'、'.join(said)}" if said else ""


def _count(wanted: AlertFilter) -> str:
    return _search(replace(wanted, limit=1)).total_text


def _none(wanted: AlertFilter, query: str) -> str:
    """Nothing fits: how much would without one of the conditions."""
    counted = ((name, _count(other)) for name, other in _wider(wanted))
    said = [f"{name}有 {count} 条" for name, count in counted if count != "0"]
    wider = f"放宽一项：{'；'.join(said[:3])}。" if said else ""
    return "\n".join([f"没有符合全部条件的告警。{wider}", *foot(query)])


def _wider(wanted: AlertFilter) -> Iterator[tuple[str, AlertFilter]]:
    if wanted.statuses == (AlertStatus.OPEN,):
        yield "算上处理中的", replace(wanted, statuses=_STATES["unclosed"])
    elif wanted.statuses:
        yield "算上关闭的", replace(wanted, statuses=())
    if wanted.severities:
        yield "不限级别", replace(wanted, severities=())
    if wanted.since:
        yield "不限时间", replace(wanted, since=None, until=None)
    if wanted.listed:
        yield "不论命中情报", replace(wanted, listed=False)
    if wanted.keyword:
        yield f"不要「{plain(wanted.keyword, 20)}」", replace(wanted, keyword="")
    if wanted.overdue or wanted.due_by or wanted.unassigned:
        yield "不限时限和处理人", replace(wanted, overdue=False, due_by=None, unassigned=False)


def _search(wanted: AlertFilter) -> Page[AlertSummary]:
    """An address that no asset has may still be in alerts."""
    try:
        return triage.search(wanted)
    except NotFound:
        if wanted.keyword or not _is_address(wanted.asset):
            raise
        return triage.search(replace(wanted, asset="", keyword=wanted.asset))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return True


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_alerts",
        "查询告警",
        "列出告警，最近的在前，并给出符合条件的总数。只要数量或分布时用 alert_statistics。",
        ListAlerts,
        list_alerts,
    ),
)
