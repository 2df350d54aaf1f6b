"""Reading alerts: list_alerts, get_alert, alert_statistics."""

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from bifang.channels.markup import plain
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.statistics import GROUPINGS, Statistics
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.alerts.views import AlertDetail, AlertSummary
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page
from secops_agent.services.privacy import account_names, public
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import (
    NARROW,
    levels,
    limit_argument,
    person_named,
    rows,
    severity_argument,
    since,
    since_argument,
    told,
    told_hours,
    told_levels,
)
from secops_agent.tools.markdown import (
    INDICATOR,
    SEVERITY,
    STATUS,
    VERDICT,
    ago,
    foot,
    joined,
    moment,
    page,
)
from secops_agent.tools.masking import for_group

_HISTORY: Final = 5
_INDICATORS: Final = 30
_BARS: Final = 12


class ListAlerts(Arguments):
    """Arguments of list_alerts."""

    severity: str = severity_argument()
    status: Literal["open", "acknowledged", "closed"] | None = argument(
        "状态；不限状态时不填", labels=STATUS, default=None
    )
    since_hours: int | None = since_argument()
    keyword: str = argument(
        "标题、规则、来源里的词，或一个 IP、域名、哈希；也可以是人名或员工 ID，表示指派给这个人的告警",
        default="",
    )
    asset: str = argument("资产的名称、IP 或编号，只看这台资产的告警", default="")
    limit: int = limit_argument()


class GetAlert(Arguments):
    """Arguments of get_alert."""

    alert_id: int = argument("告警编号", minimum=1, maximum=2**62)


class AlertStatistics(Arguments):
    """Arguments of alert_statistics."""

    since_hours: int | None = since_argument()
    group_by: Literal[
        "severity", "status", "source", "rule", "asset", "verdict", "assignee", "day", "hour"
    ] = argument("按什么分组", labels=GROUPINGS, default="severity")


def list_alerts(asker: Asker, given: ListAlerts) -> ToolResult:
    """Newest first, with the number of all that match."""
    wanted = levels(given.severity)
    person = person_named(given.keyword)
    search = AlertFilter(
        severities=wanted,
        statuses=(given.status,) if given.status else (),
        since=since(given.since_hours, asker.now),
        keyword="" if person else given.keyword,
        asset=given.asset,
        assignee_id=person.pk if person else None,
        limit=rows(given.limit),
    )
    query = told(
        级别=told_levels(wanted),
        状态=STATUS[given.status] if given.status else "",
        时间=told_hours(given.since_hours),
        处理人=person.name if person else "",
        关键字="" if person else plain(given.keyword, 60),
        资产=plain(given.asset, 60),
    )
    found = _search(search)
    if not found.items:
        return ToolResult("no_data", query, "\n".join(["没有符合条件的告警。", *foot(query)]), [])
    lines = [alert_line(alert, asker) for alert in found.items]
    text = page("告警", len(lines), found.total_text, lines, query, narrow=NARROW)
    result = ToolResult("ok", query, text, [alert.id for alert in found.items])
    return for_group(result, accounts_of(found.items)) if asker.is_group else result


def accounts_of(found: Sequence[AlertSummary]) -> tuple[str, ...]:
    """The people's accounts among the assets of these alerts."""
    return account_names(asset.id for alert in found for asset in alert.assets)


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


def alert_line(alert: AlertSummary, asker: Asker) -> str:
    """One alert in one line; begins with its number, which is how a follow-up finds it."""
    assets = "、".join(plain(each.name, 40) for each in alert.assets[:3]) + (
        "…" if len(alert.assets) > 3 else ""
    )
    said = joined(
        [
            SEVERITY.get(alert.severity, alert.severity),
            state(alert),
            plain(alert.title, 80),
            assets,
            alert.assignee and f"处理人 {plain(alert.assignee, 20)}",
            ago(alert.last_seen, asker.now),
            f"{alert.count} 次" if alert.count > 1 else "",
            "已超时" if alert.overdue else "",
            f"静默到 {moment(alert.silenced_until)}" if alert.silenced_until else "",
        ]
    )
    return f"- **#{alert.id}** {said}"


def state(alert: AlertSummary) -> str:
    """Status, and the verdict of a closed one."""
    label = STATUS.get(alert.status, alert.status)
    return f"{label}（{VERDICT.get(alert.verdict, alert.verdict)}）" if alert.verdict else label


def get_alert(asker: Asker, given: GetAlert) -> ToolResult:
    """Everything about one alert; in a group without accounts and addresses of people."""
    detail = triage.get(given.alert_id)
    result = ToolResult("ok", f"告警编号={given.alert_id}", _detail(detail), {"alert_id": given.alert_id})
    if not asker.is_group:
        return result
    hidden = [each.value for each in detail.indicators if each.is_private]
    shown = replace(result, text=_detail(public(detail)), private_text=result.text if hidden else "")
    return for_group(shown, [*hidden, *accounts_of([detail.summary])])


def _detail(detail: AlertDetail) -> str:
    alert = detail.summary
    facts = [
        ("级别", SEVERITY.get(alert.severity, alert.severity)),
        ("状态", state(alert)),
        ("处理人", plain(alert.assignee, 40) or "未指派"),
        ("来源", plain(alert.source, 60)),
        (
            "规则",
            plain(joined([alert.rule_name, alert.rule_id if alert.rule_id != alert.rule_name else ""]), 120),
        ),
        ("资产", "、".join(plain(each.name, 60) for each in alert.assets) or "未关联"),
        ("次数", f"{alert.count}（{moment(alert.first_seen)} 至 {moment(alert.last_seen)}）"),
        ("接手时间", moment(detail.acknowledged_at) if detail.acknowledged_at else ""),
        ("时限", f"{moment(alert.due_at)}{'，已超时' if alert.overdue else ''}" if alert.due_at else ""),
        ("静默", f"到 {moment(alert.silenced_until)}，期间不发消息" if alert.silenced_until else ""),
        ("ATT&CK", "、".join(plain(each, 20) for each in detail.techniques)),
        ("关闭后再次出现", f"{detail.recurred} 次" if detail.recurred else ""),
    ]
    lines = [f"**告警 #{alert.id}** {plain(alert.title, 200)}", ""]
    lines += [f"- {name}：{value}" for name, value in facts if value]
    lines += ["", plain(detail.description, 600)] if detail.description else []
    lines += _observables(detail)
    lines += _history(detail)
    return "\n".join(lines)


def _observables(detail: AlertDetail) -> list[str]:
    shown = detail.indicators[:_INDICATORS]
    if not shown:
        return []
    lines = [f"- {INDICATOR.get(each.kind, each.kind)}：{plain(each.value, 200)}" for each in shown]
    rest = len(detail.indicators) - len(shown)
    return ["", "**可观察对象**", "", *lines, *([f"- 另有 {rest} 个"] if rest else [])]


def _history(detail: AlertDetail) -> list[str]:
    recent = detail.history[:_HISTORY]
    if not recent:
        return []
    lines = [
        f"- {joined([moment(each.at), plain(each.actor, 30), ACTIONS.get(each.action, each.action), plain(each.note)])}"
        for each in recent
    ]
    return ["", "**处理记录**", "", *lines]


ACTIONS: Final = {
    "acknowledge": "接手", "assign": "指派", "unassign": "取消指派", "close": "关闭", "reopen": "重新打开",
    "comment": "备注", "create": "创建", "update": "更新", "import": "导入", "merge": "合并",
}  # fmt: skip


def alert_statistics(asker: Asker, given: AlertStatistics) -> ToolResult:
    """Numbers counted by the database."""
    found = triage.statistics(since=since(given.since_hours, asker.now), group_by=given.group_by, limit=20)
    query = told(时间=told_hours(given.since_hours), 分组=GROUPINGS[given.group_by])
    data = {"total": found.total, "groups": {group.label: group.count for group in found.groups}}
    if not found.total:
        return ToolResult("no_data", query, "\n".join(["没有符合条件的告警。", *foot(query)]), data)
    return ToolResult("ok", query, _statistics(found, query), data)


def _statistics(found: Statistics, query: str) -> str:
    label = GROUPINGS[found.group_by]
    most = max(group.count for group in found.groups)
    lines = [
        f"- {plain(group.label, 60) or '（空）'}：**{group.count}** {'▇' * max(1, round(_BARS * group.count / most))}"
        for group in found.groups
    ]
    rest = found.group_count - len(found.groups)
    note = f"> 只列出最多的 {len(found.groups)} 组，另有 {rest} 组。" if rest > 0 else ""
    return "\n".join([f"**告警统计：共 {found.total} 条**，按{label}", "", *lines, *foot(query, note)])


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_alerts",
        "查询告警",
        "列出告警，最近的在前，并给出符合条件的总数。只要数量或分布时用 alert_statistics。",
        ListAlerts,
        list_alerts,
    ),
    reading("get_alert", "查看告警", "一条告警的全部信息：资产、可观察对象、处理记录。", GetAlert, get_alert),
    reading(
        "alert_statistics",
        "统计告警",
        "统计告警数量，按级别、状态、来源、规则、资产、结论、处理人、日期或小时分组。数字由数据库算出。",
        AlertStatistics,
        alert_statistics,
    ),
)
