"""Reading alerts: get_alert, alert_statistics; one alert in one line."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bifang.channels.ports import Suggestion
from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.views import AlertDetail, AlertSummary, IndicatorView
from secops_agent.services.audit.history import ACTIONS, HistoryEntry
from secops_agent.services.cases.views import cases_of
from secops_agent.services.intelligence.locations import location_of
from secops_agent.services.intelligence.matching import ListedView
from secops_agent.services.investigations.wording import is_grave_attack
from secops_agent.services.privacy import account_names, public
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.markdown import (
    INDICATOR,
    SEVERITY,
    STATUS,
    VERDICT,
    ago,
    joined,
    moment,
)
from secops_agent.tools.masking import for_reader

_HISTORY: Final = 3
_INDICATORS: Final = 8


class GetAlert(Arguments):
    """Arguments of get_alert."""

    alert_id: int = argument("告警编号", minimum=1, maximum=2**62)


def accounts_of(found: Sequence[AlertSummary]) -> tuple[str, ...]:
    """The people's accounts among the assets of these alerts."""
    return account_names(asset.id for alert in found for asset in alert.assets)


def fields_of(found: Sequence[AlertSummary]) -> tuple[str, ...]:
    """Numbers, and names of assets."""
    return tuple(word for alert in found for word in (str(alert.id), *(asset.name for asset in alert.assets)))


def detail_fields(detail: AlertDetail) -> tuple[str, ...]:
    """Of one alert its rule, who has it and its observables, too."""
    alert = detail.summary
    named = [alert.assignee] * bool(alert.assignee) + [f"规则:{alert.rule_name}"] * bool(alert.rule_name)
    return (*fields_of([alert]), *named, *(each.value for each in detail.indicators))


def alert_line(alert: AlertSummary, asker: Asker) -> str:
    """One alert in one line; begins with its number, which is how a follow-up finds it."""
    named = [plain(each.name, 40) for each in alert.assets if each.name not in alert.title]
    assets = "、".join(named[:3]) + ("…" if len(named) > 3 else "")
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
    """Everything about one alert, as the asker may read it here."""
    detail = triage.get(given.alert_id, private=True)
    assets = detail.summary.assets
    sources = [each.value for each in detail.indicators if each.kind == "ip" and not each.is_private]
    about = {"asset": assets[0].name} if len(assets) == 1 else {}
    about |= {"ip": sources[0]} if len(sources) == 1 else {}
    subject = {"subject": about} if about else {}
    query, data = f"告警编号={given.alert_id}", {"alert_id": given.alert_id, **subject}
    case = cases_of([given.alert_id]).get(given.alert_id)
    told = f"{case.code} {plain(case.title, 60)}" if case else ""
    result = ToolResult(
        "ok", query, _detail(detail, told), data, steps=_steps(detail.summary), fields=detail_fields(detail)
    )
    if not asker.hides_private:
        return result
    hidden = [each.value for each in detail.indicators if each.is_private]
    shown = replace(result, text=_detail(public(detail), told), private_text=result.text if hidden else "")
    return for_reader(shown, asker, [*hidden, *accounts_of([detail.summary])])


def _detail(detail: AlertDetail, case: str) -> str:
    """The first line tells what it is, how it stands and who has it. ``case``: which one it belongs to."""
    alert = detail.summary
    stand = joined(
        [
            SEVERITY.get(alert.severity, alert.severity),
            state(alert),
            f"处理人 {plain(alert.assignee, 40)}" if alert.assignee else "还没有处理人",
            "已超时" if alert.overdue else "",
        ]
    )
    lines = [f"**告警 #{alert.id}：{stand}**", "", plain(alert.title, 200), ""]
    lines += [f"- {name}：{value}" for name, value in _facts_of(detail, case) if value]
    lines += ["", plain(detail.description, 300)] if detail.description else []
    return "\n".join([*lines, *_history(detail)])


def _facts_of(detail: AlertDetail, case: str) -> list[tuple[str, str]]:
    """Name and value; what is empty is left out by whoever shows them."""
    alert = detail.summary
    named = alert.rule_id if alert.rule_id != alert.rule_name else ""
    return [
        ("资产", "、".join(plain(each.name, 60) for each in alert.assets) or "未关联"),
        ("事件", case),
        ("次数", f"{alert.count}（{moment(alert.first_seen)} 至 {moment(alert.last_seen)}）"),
        ("确认时间", moment(detail.acknowledged_at) if detail.acknowledged_at else ""),
        ("时限", moment(alert.due_at) if alert.due_at and alert.status != AlertStatus.CLOSED else ""),
        ("静默", f"到 {moment(alert.silenced_until)}，期间不发消息" if alert.silenced_until else ""),
        ("来源", joined([plain(alert.source, 60), plain(alert.rule_name, 80), plain(named, 60)])),
        ("ATT&CK", "、".join(plain(each, 20) for each in detail.techniques)),
        ("调查", f"{plain(detail.finding, 200)}（全文：调查告警 {alert.id}）" if detail.finding else ""),
        ("关闭后再次出现", f"{detail.recurred} 次" if detail.recurred else ""),
        ("命中情报", "；".join(_listed(each) for each in detail.listed[:_INDICATORS])),
        (
            "抑制",
            f"由规则「{plain(detail.suppressed_by, 60)}」关闭，没有人看过" if detail.suppressed_by else "",
        ),
        ("可观察对象", _observables(detail.indicators)),
        ("文字里提到", _observables(detail.mentions)),
    ]


def _observables(found: Sequence[IndicatorView]) -> str:
    shown = found[:_INDICATORS]
    said = "、".join(_observable(each) for each in shown)
    rest = len(found) - len(shown)
    return f"{said}，另有 {rest} 个" if rest else said


def _observable(each: IndicatorView) -> str:
    place = location_of(each.value) if each.kind == "ip" else ""
    return f"{INDICATOR.get(each.kind, each.kind)} {plain(each.value, 100)}" + (
        f"（{place}）" if place else ""
    )


def _listed(each: ListedView) -> str:
    note = f"（{plain(each.note, 80)}）" if each.note else ""
    return f"{plain(each.observed[1], 100)} 在清单「{plain(each.list, 60)}」里{note}"


def _steps(alert: AlertSummary) -> tuple[Suggestion, ...]:
    """How it is handled, and while it is open what most people do with it."""
    how = says.handle(alert.id)
    if alert.status == AlertStatus.CLOSED:
        return (how,)
    ack = (says.acknowledge(alert.id),) if alert.status == AlertStatus.OPEN else ()
    is_attack = is_grave_attack(alert.id, alert.severity)
    return (how, *ack) if is_attack else (how, *ack, says.close(alert.id, "false_positive"))


def _history(detail: AlertDetail) -> list[str]:
    recent = detail.history[:_HISTORY]
    if not recent:
        return []
    lines = [
        f"- {joined([moment(each.at), plain(each.actor, 30), _act(each), plain(each.note)])}"
        for each in recent
    ]
    return ["", "**处理记录**", "", *lines]


def _act(each: HistoryEntry) -> str:
    """关闭（误报）: the act, with the verdict that it gave."""
    _, verdict = each.changes.get("verdict", ("", ""))
    label = ACTIONS.get(each.action, each.action)
    return f"{label}（{VERDICT.get(verdict, verdict)}）" if verdict else label


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading("get_alert", "查看告警", "一条告警的全部信息：资产、可观察对象、处理记录。", GetAlert, get_alert),
)
