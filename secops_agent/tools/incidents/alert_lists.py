"""list_alerts: what is open unless something else is said, and what the conditions left out."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries.filters import AlertFilter
from secops_agent.services.alerts.queries.urgency import reasons
from secops_agent.services.assets import inventory
from secops_agent.services.decisions.ledger import blocks
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Total
from secops_agent.services.records import SEVERITIES
from secops_agent.tools.arguments import argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import beyond, limit_argument, more, offset_argument, window
from secops_agent.tools.incidents.alert_filters import STATES, AlertConditions, read
from secops_agent.tools.incidents.alerts import alert_lines
from secops_agent.tools.markdown import SEVERITY, counts, foot, moment, page
from secops_agent.tools.masking import for_reader
from secops_agent.tools.operations.blocks import standing_words

_ORDERS: Final = {"most": "次数多的在前", "oldest": "最早发生的在前", "due": "时限最近的在前"}
_PEOPLE: Final = 4
_NEXT: Final = 2  # beside the one that is most urgent
_TOLD_APART: Final = 3  # alerts that need no counts
_CUT_OFF: Final = 5  # blocks and isolations told behind the alerts
_TIMES: Final = {"since_hours", "until_hours", "period", "since", "until", "limit", "status"}


class ListAlerts(AlertConditions):
    """Arguments of list_alerts: without ``status`` only what is not closed."""

    limit: int = limit_argument()
    urgent: bool | None = argument("按紧急程度排", default=None)
    order: Literal["most", "oldest", "due"] | None = argument("次数多的、最早的或时限近的在前", default=None)
    offset: int = offset_argument()


def list_alerts(asker: Asker, given: ListAlerts) -> ToolResult:
    """Newest first, or the most urgent, with the number of all that match."""
    asked = read(asker, given, usual="unclosed")
    usual = "due" if given.due or given.due_within else asked.filter.order
    order = "urgent" if given.urgent else given.order or usual
    wanted = replace(asked.filter, order=order, limit=window(given.limit, given.offset))
    query = asked.query(排序="最要紧的在前" if given.urgent else _ORDERS.get(order, ""))
    wanted = with_asset(wanted)
    if given.urgent and given.limit == 1 and not given.offset:
        return _most_urgent(asker, replace(wanted, limit=1 + _NEXT), query)
    found = triage.search(wanted)
    shown = found.items[given.offset :]
    if not shown:
        if not found.items and (older := _older(asker, wanted, query)):
            return older
        text = beyond("告警", found) if found.items else _none(wanted, query)
        return ToolResult("no_data", query, "\n".join([text, *_cut_off(given, wanted)]), [])
    lines, people, fields = alert_lines(shown, asker)
    summary = "" if found.capped or given.offset or found.total <= _TOLD_APART else _shares(wanted)
    text = page(
        "告警",
        len(lines),
        found.total_text,
        [*lines, *_cut_off(given, wanted)],
        query,
        offset=given.offset,
        beside=_beside(wanted),
        summary=summary,
    )
    steps = (*more(found, given.offset + len(shown)), says.show(shown[0].id))
    result = ToolResult("ok", query, text, [alert.id for alert in shown], steps=steps, fields=fields)
    return for_reader(result, asker, people) if asker.hides_private else result


def _most_urgent(asker: Asker, wanted: AlertFilter, query: str) -> ToolResult:
    """The one alert that comes first, why, and the next two in a line."""
    found = triage.search(wanted)
    if not found.items:
        return ToolResult("no_data", query, _none(wanted, query), [])
    first, *others = found.items
    lines, people, fields = alert_lines([first], asker)
    why = reasons([each.id for each in found.items])
    following = "；".join(
        f"{says.code(each.id)} {plain(each.title, 40)}（{why[each.id]}）" for each in others
    )
    points = why[first.id].partition("：")[0]
    even = "、".join(says.code(each.id) for each in others if why[each.id].startswith(points))
    tie = f"；与 {even} 同分，最近发生的在前" if even else ""
    lines += [f"- 为什么是它：{why[first.id]}{tie}", *([f"- 接着：{following}"] if following else [])]
    text = "\n".join([f"**最要紧的是 {says.code(first.id)}**", "", *lines, *foot(query)])
    result = ToolResult("ok", query, text, [first.id], steps=(says.show(first.id),), fields=fields)
    return for_reader(result, asker, people) if asker.hides_private else result


def _shares(wanted: AlertFilter) -> str:
    """What they are by level, over their limit and by handler, as far as the conditions do not tell."""
    found = triage.shares(wanted)
    people = [(name or "未分配", number) for name, number in found.people[:_PEOPLE]]
    said = [
        counts(found.levels, SEVERITY) if len(found.levels) > 1 else "",
        f"已超时 {found.late}" if found.late and not wanted.overdue else "",
        f"处理人：{counts(people)}" if len(found.people) > 1 else "",
    ]
    return "；".join(filter(None, said))


def _cut_off(given: ListAlerts, wanted: AlertFilter) -> list[str]:
    """What was blocked and isolated meanwhile: behind a list of all that happened, not behind one of some alerts."""
    is_all = set(given.model_dump(exclude_defaults=True)) <= _TIMES and given.status in (
        None,
        "all",
        "unclosed",
    )
    found = blocks.begun(wanted.since, wanted.until) if is_all else []
    said = [
        f"{plain(each.target, 60)} {standing_words(each)}（{moment(each.at)}）" for each in found[:_CUT_OFF]
    ]
    more = f" 等 {len(found)} 个" if len(found) > _CUT_OFF else ""
    return ["", f"**封禁和隔离**：{'、'.join(said)}{more}"] if said else []


def _beside(wanted: AlertFilter) -> str:
    """What somebody may take for part of the list: graver ones, closed ones."""
    gravest = min((SEVERITIES.index(each) for each in wanted.severities), default=0)
    others = []
    if not wanted.statuses and not wanted.verdicts and wanted.clock in ("seen", "new"):
        left = triage.count(replace(wanted, statuses=STATES["unclosed"]))[0]
        return f"没有关闭的 {left.text} 条" if left.count else "都已关闭"
    if gravest:
        names = "、".join(SEVERITY[each] for each in SEVERITIES[:gravest])
        others.append((names, replace(wanted, severities=SEVERITIES[:gravest])))
    if wanted.statuses == STATES["unclosed"] and not (wanted.overdue or wanted.at_risk):
        others.append(("关闭的", replace(wanted, statuses=(AlertStatus.CLOSED,))))
    said = [f"{name} {total.text} 条" for name, total in _counted(others)]
    return f"另有{'、'.join(said)}" if said else ""


def _counted(others: Sequence[tuple[str, AlertFilter]]) -> list[tuple[str, Total]]:
    """Name and number of those that find anything."""
    totals = triage.count(*(wanted for _, wanted in others))
    return [(name, total) for (name, _), total in zip(others, totals, strict=True) if total.count]


def _older(asker: Asker, wanted: AlertFilter, query: str) -> ToolResult | None:
    """Nothing new, but what is older happens still."""
    found = triage.search(replace(wanted, clock="seen", limit=_TOLD_APART)) if wanted.clock == "new" else None
    if not found or not found.items:
        return None
    lines, people, fields = alert_lines(found.items, asker)
    heading = f"**没有新的。更早就有、这段时间又发生的：{found.total_text} 条**"
    text = "\n".join([heading, "", *lines, *foot(query)])
    result = ToolResult("ok", query, text, [each.id for each in found.items], fields=fields)
    return for_reader(result, asker, people) if asker.hides_private else result


def _none(wanted: AlertFilter, query: str) -> str:
    """Nothing fits: how much would without one of the conditions."""
    said = [f"{name}有 {total.text} 条" for name, total in _counted(list(_wider(wanted)))]
    wider = f"放宽一项：{'；'.join(said[:3])}。" if said else ""
    return "\n".join([f"没有符合全部条件的告警。{wider}", *foot(query)])


def _wider(wanted: AlertFilter) -> Iterator[tuple[str, AlertFilter]]:
    if wanted.statuses == (AlertStatus.OPEN,):
        yield "算上处理中的", replace(wanted, statuses=STATES["unclosed"])
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
    if wanted.technique or wanted.address or wanted.on:
        yield "不限技术、地址和资产的属性", replace(wanted, technique="", address="", on=None)
    if wanted.overdue or wanted.at_risk or wanted.unassigned:
        yield "不限时限和处理人", replace(wanted, overdue=False, at_risk=False, unassigned=False)


def with_asset(wanted: AlertFilter) -> AlertFilter:
    """The asset found once for all that is asked; an address that no asset has may still be in alerts. Raises NotFound."""
    if not wanted.asset.strip():
        return wanted
    try:
        return replace(wanted, asset="", assets=inventory.meant(wanted.asset))
    except NotFound:
        if wanted.keyword or not _is_address(wanted.asset):
            raise
        return replace(wanted, asset="", keyword=wanted.asset)


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
