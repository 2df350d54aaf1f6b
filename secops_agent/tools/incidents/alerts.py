"""Reading alerts: get_alert, alert_statistics; one alert in one line."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from bifang.channels.ports import Suggestion
from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models import DetectionRule
from secops_agent.models.choices import AlertStatus, AssetType
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.detection_rules import named_rule
from secops_agent.services.alerts.related import Concerned, concerned, still_open
from secops_agent.services.alerts.spread import Judged, closed_before
from secops_agent.services.alerts.views import (
    AlertDetail,
    AlertOrigin,
    AlertSummary,
    IndicatorView,
    origins_of,
)
from secops_agent.services.audit.history import ACTIONS, HistoryEntry
from secops_agent.services.cases.views import code_of
from secops_agent.services.clock import left_told
from secops_agent.services.decisions.ledger.blocks import find_blocks
from secops_agent.services.intelligence.locations import place_of
from secops_agent.services.intelligence.matching import ListedView
from secops_agent.services.investigations.wording import is_grave_attack
from secops_agent.services.outcomes import course
from secops_agent.services.privacy import account_names, public
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.incidents.alert_questions import asked_of, calls_of, codes, messages_of
from secops_agent.tools.markdown import (
    INDICATOR,
    SEVERITY,
    STATUS,
    VERDICT,
    ago,
    joined,
    limit_told,
    moment,
    roughly,
)
from secops_agent.tools.masking import for_reader
from secops_agent.tools.operations.blocks import block_line

_HISTORY: Final = 3
_INDICATORS: Final = 8
_ORIGINS: Final = 2
_CODES: Final = 3
_MESSAGES: Final = 3
_MOST: Final = 20
_DAY: Final = timedelta(days=1)
_NUMBER: Final = re.compile(r"\d{1,18}")
_NOWHERE: Final = AlertOrigin()


class GetAlert(Arguments):
    """Arguments of get_alert."""

    alert_id: int = argument("告警编号", minimum=1, maximum=2**62)
    alert_ids: str = argument("一起比较的其他编号，用英文逗号分隔", default="", max_length=400)
    about: Literal["", "order", "delivery", "calling", "gravity", "elsewhere"] = argument(
        "只问一件事：order 为什么排在这里，delivery 消息为什么没有到，calling 通知了谁、还会叫谁，gravity 严不严重，"
        "elsewhere 它的哈希别的机器有没有",
        default="",
    )


def accounts_of(found: Sequence[AlertSummary]) -> tuple[str, ...]:
    """The people's accounts among the assets of these alerts."""
    return account_names(asset.id for alert in found for asset in alert.assets)


def fields_of(found: Sequence[AlertSummary]) -> tuple[str, ...]:
    """Numbers, and names of assets and rules."""
    return tuple(
        word
        for alert in found
        for word in (str(alert.id), *(asset.name for asset in alert.assets), *_rule_of(alert))
    )


def _rule_of(alert: AlertSummary) -> list[str]:
    """As a silence names it."""
    return [f"规则:{alert.rule_name}"] * bool(alert.rule_name)


def _sources(detail: AlertDetail) -> list[str]:
    return [each.value for each in detail.indicators if each.kind == "ip" and not each.is_private]


def subject_of(detail: AlertDetail) -> dict[str, dict[str, str]]:
    """What 那台, 那个 IP, 他 and 同类的 mean behind it: its only machine, its only address, who has it, its rule."""
    assets = detail.summary.assets
    if len(assets) > 1:  # beside its system: 那台 is the machine
        assets = tuple(each for each in assets if each.asset_type == AssetType.HOST)
    sources = _sources(detail)
    about = {"asset": assets[0].name} if len(assets) == 1 else {}
    about |= {"ip": sources[0]} if len(sources) == 1 else {}
    about |= {"person": detail.summary.assignee} if detail.summary.assignee_id else {}
    about |= {"rule": detail.summary.rule_name} if detail.summary.rule_name else {}
    return {"subject": about} if about else {}


def detail_fields(detail: AlertDetail) -> tuple[str, ...]:
    """Of one alert who has it and its observables, too."""
    alert = detail.summary
    named = [alert.assignee] * bool(alert.assignee)
    return (*fields_of([alert]), *named, *(each.value for each in detail.indicators))


def alert_line(alert: AlertSummary, asker: Asker, origin: AlertOrigin = _NOWHERE) -> str:
    """One alert in one line; begins with its number, which is how a follow-up finds it."""
    named = [plain(each.name, 40) for each in alert.assets if each.name not in alert.title]
    assets = "、".join(named[:3]) + ("…" if len(named) > 3 else "")
    is_open = alert.status != AlertStatus.CLOSED
    said = joined(
        [
            SEVERITY.get(alert.severity, alert.severity),
            state(alert),
            plain(alert.title, 80),
            assets,
            from_where(replace(origin, addresses=()) if alert.way else origin),
            course(alert.way, alert.outcome),
            handler_words(alert),
            f"首次 {moment(alert.first_seen)}" if alert.last_seen - alert.first_seen > _DAY else "",
            ago(alert.last_seen, asker.now),
            f"{alert.count} 次" if alert.count > 1 else "",
            limit_told(alert.due_at, asker.now) if is_open else "",
            f"静默到 {moment(alert.silenced_until)}" if alert.silenced_until else "",
        ]
    )
    return f"- **{says.code(alert.id)}** {said}"


def handler_words(alert: AlertSummary) -> str:
    """处理人 赵六, 处理人 赵六（事件负责人）, 未分配; "" for a closed one of nobody."""
    if not alert.assignee:
        return "" if alert.status == AlertStatus.CLOSED else "未分配"
    return f"处理人 {plain(alert.assignee, 40)}{'（事件负责人）' if alert.by_case else ''}"


def from_where(origin: AlertOrigin) -> str:
    """The addresses and the accounts, the first ones."""
    addresses = [plain(each, 45) for each in origin.addresses[:_ORIGINS]]
    accounts = [f"账号 {plain(each, 40)}" for each in origin.accounts[:_ORIGINS]]
    return joined(["、".join(addresses), "、".join(accounts)])


def alert_lines(
    found: Sequence[AlertSummary], asker: Asker
) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """A line for each with where it came from; the people's accounts in them; what may be pointed at."""
    origins = origins_of([alert.id for alert in found])
    addresses = [address for origin in origins.values() for address in origin.addresses]
    people = [name for origin in origins.values() for name in origin.accounts]
    lines = [alert_line(alert, asker, origins.get(alert.id, _NOWHERE)) for alert in found]
    private = (*people, *accounts_of(found)) if asker.hides_private else ()
    return lines, private, (*fields_of(found), *addresses)


def judged_text(judged: Sequence[Judged]) -> str:
    """真实攻击 8 条（A106、A84…，最近一次赵六：已加固）、误报 2 条（A61）."""
    said = []
    for each in judged:
        last = "：".join(filter(None, [plain(each.by, 20), plain(each.note, 60)]))
        told = "，最近一次".join(filter(None, [codes(each.ids), last]))
        said.append(f"{VERDICT.get(each.verdict, each.verdict)} {len(each.ids)} 条（{told}）")
    return "；".join(said)


def state(alert: AlertSummary) -> str:
    """Status, and the verdict of a closed one."""
    label = STATUS.get(alert.status, alert.status)
    return f"{label}（{VERDICT.get(alert.verdict, alert.verdict)}）" if alert.verdict else label


def get_alert(asker: Asker, given: GetAlert) -> ToolResult:
    """Everything about one alert, as the asker may read it here; of several what they share and what differs."""
    others = [int(number) for number in _NUMBER.findall(given.alert_ids)]
    if several := list(dict.fromkeys([given.alert_id, *others]))[1:]:
        return _compared(asker, [given.alert_id, *several][:_MOST])
    detail = triage.get(given.alert_id, private=True, raw=False)
    query, data = f"告警编号={given.alert_id}", {"alert_id": given.alert_id, **subject_of(detail)}
    told, found = asked_of(detail, given.about, asker), concerned(given.alert_id)
    past = () if told else _past(detail, _sources(detail), asker)
    result = ToolResult(
        "ok",
        query,
        _said(detail, found, past, asker, told),
        data,
        steps=_steps(detail.summary),
        fields=detail_fields(detail),
    )
    if not asker.hides_private:
        return result
    hidden = [each.value for each in detail.indicators if each.is_private]
    shown = _said(public(detail), found, past, asker, told)
    result = replace(result, text=shown, private_text=result.text if hidden else "")
    return for_reader(result, asker, [*hidden, *(name for name, _, is_account in found.assets if is_account)])


def _said(
    detail: AlertDetail, found: Concerned, past: Sequence[tuple[str, str]], asker: Asker, told: str
) -> str:
    """All of it, or what was ``told`` of the one thing that was asked and the alert in a line."""
    return f"{told}\n\n{alert_line(detail.summary, asker)}" if told else _detail(detail, found, past, asker)


def _compared(asker: Asker, ids: Sequence[int]) -> ToolResult:
    """Each in a line; then the assets, addresses, accounts and rules that all have, and what only some have."""
    rows = triage.several(ids)
    found = [row for row in rows.values() if row]
    query, origins = f"告警编号={'、'.join(map(str, ids))}", origins_of(ids)
    if not found:
        return ToolResult("no_data", query, f"没有编号为 {'、'.join(map(str, ids))} 的告警。", [])
    lines, people, fields = alert_lines(found, asker)
    lines += [f"- 没有编号为 {pk} 的告警" for pk, row in rows.items() if row is None]
    parts: dict[str, list[set[str]]] = {
        "资产": [{plain(each.name, 60) for each in row.assets} for row in found],
        "地址": [set(origins.get(row.id, _NOWHERE).addresses) for row in found],
        "账号": [{plain(each, 40) for each in origins.get(row.id, _NOWHERE).accounts} for row in found],
        "规则": [{plain(row.rule_name or row.title, 80)} for row in found],
        "处理人": [{row.assignee or "未分配"} for row in found],
    }
    same = {name: set.intersection(*each) for name, each in parts.items()}
    shared = [f"{name} {'、'.join(sorted(values))}" for name, values in same.items() if values]
    differing = [
        f"{name} {' / '.join('、'.join(sorted(values)) or '无' for values in each)}"
        for name, each in parts.items()
        if len({frozenset(values) for values in each}) > 1
    ]
    span = max(row.last_seen for row in found) - min(row.last_seen for row in found)
    lines += ["", f"- 相同：{'；'.join(shared) or '没有'}", f"- 不同：{'；'.join(differing) or '没有'}"]
    lines += [f"- 最近一次发生相隔 {roughly(span)}"]
    if same["地址"] and len(found) > 1:
        lines.append("- 地址相同，可能有关；是不是同一个人，只凭告警不能断定")
    text = "\n".join([f"**{'、'.join(f'A{row.id}' for row in found)}：{len(found)} 条告警**", "", *lines])
    result = ToolResult("ok", query, text, [row.id for row in found], fields=fields)
    return for_reader(result, asker, people) if asker.hides_private else result


def _past(detail: AlertDetail, sources: Sequence[str], asker: Asker) -> list[tuple[str, str]]:
    """How its like was closed here before, what else is open from there, and whether that is blocked."""
    alert = detail.summary
    rule, assets = alert.rule_name or alert.rule_id or alert.title, [each.id for each in alert.assets]
    judged = judged_text(closed_before(rule, assets, alert.id)) if assets else ""
    accounts = [each.value for each in detail.indicators if each.kind == "account"]
    others = still_open(alert.id, [*sources, *accounts])
    blocks = find_blocks(list(sources)) if sources else []
    told = "；".join(f"{plain(value, 45)} {len(ids)} 条（{codes(ids)}）" for value, ids in others.items())
    return [
        ("检测规则", _rule_text(named_rule(alert.rule_id, alert.rule_name, alert.title))),
        ("同规则同资产以前", judged or ("没有关闭过" if assets else "")),
        ("同地址或账号的其他未关闭告警", told),
        ("封禁", "；".join(block_line(each, asker.person) for each in blocks)),
    ]


def _rule_text(rule: DetectionRule | None) -> str:
    """What the rule says of itself; the source may have graded this alert otherwise."""
    if rule is None:
        return ""
    wrong = (
        f"已知的误报：{'、'.join(plain(one, 80) for one in rule.false_positives[:5])}"
        if rule.false_positives
        else ""
    )
    parts = [plain(rule.description, 200), wrong, "、".join(rule.techniques)]
    return f"{plain(rule.name, 80)}（Sigma {plain(rule.level, 20)}）：{'；'.join(filter(None, parts))}"


def _detail(detail: AlertDetail, found: Concerned, past: Sequence[tuple[str, str]], asker: Asker) -> str:
    """The first line tells what it is, how it stands and who has it."""
    alert = detail.summary
    is_open = alert.status != AlertStatus.CLOSED
    stand = joined(
        [
            SEVERITY.get(alert.severity, alert.severity),
            state(alert),
            handler_words(alert),
            limit_told(alert.due_at, asker.now) if is_open else "",
        ]
    )
    lines = [f"**告警 {says.code(alert.id)}：{stand}**", "", plain(alert.title, 200), ""]
    lines += [f"- {name}：{value}" for name, value in (*_facts_of(detail, found, asker), *past) if value]
    lines += ["", plain(detail.description, 300)] if detail.description else []
    return "\n".join([*lines, *_history(detail)])


def _facts_of(detail: AlertDetail, found: Concerned, asker: Asker) -> list[tuple[str, str]]:
    """Name and value; what is empty is left out by whoever shows them."""
    alert = detail.summary
    named = alert.rule_id if alert.rule_id != alert.rule_name else ""
    owned = [
        f"{plain(name, 60)}（{f'负责人 {plain(owner, 30)}' if owner else '没有负责人'}）"
        for name, owner, _ in found.assets
    ]
    case = f"{code_of(found.case[0])} {plain(found.case[1], 60)}" if found.case else ""
    return [
        ("资产", "、".join(owned) or "未关联"),
        ("事件", case),
        ("方向", course(alert.way, alert.outcome)),
        ("次数", f"{alert.count}（{moment(alert.first_seen)} 至 {moment(alert.last_seen)}）"),
        ("确认时间", moment(detail.acknowledged_at) if detail.acknowledged_at else ""),
        ("关闭人", plain(detail.closed_by, 40)),
        ("时限", _limit(alert, asker)),
        ("通知", messages_of(alert.id)),
        ("叫人", calls_of(alert)),
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


def _limit(alert: AlertSummary, asker: Asker) -> str:
    if alert.due_at is None or alert.status == AlertStatus.CLOSED:
        return ""
    return f"{moment(alert.due_at)}（{left_told(alert.due_at, asker.now)}）"


def _observables(found: Sequence[IndicatorView]) -> str:
    shown = found[:_INDICATORS]
    said = "、".join(_observable(each) for each in shown)
    rest = len(found) - len(shown)
    return f"{said}，另有 {rest} 个" if rest else said


def _observable(each: IndicatorView) -> str:
    place = place_of(each.value) if each.kind == "ip" else ""
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
    reading(
        "get_alert",
        "查看告警",
        "一条告警的全部信息：资产、可观察对象、处理记录、以前怎么关的；几条的异同。",
        GetAlert,
        get_alert,
    ),
)
