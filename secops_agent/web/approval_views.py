"""What a page shows of a proposal: the line of a list, what it is aimed at, and its course."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone

from secops_agent.admin.actions import ACTION_TONES
from secops_agent.models import Action, ActionState, Proposal, ProposalState
from secops_agent.models.proposal import Risk
from secops_agent.services.alerts import indicators
from secops_agent.services.assets import inventory
from secops_agent.services.assets.views import AssetDetail
from secops_agent.services.decisions.carriers import UNDO
from secops_agent.services.faults import NotFound
from secops_agent.services.mcp.orders import CALL

TONES: Final = {
    ProposalState.PROPOSED: "warn", ProposalState.CONFIRMED: "ok", ProposalState.APPROVED: "ok",
    ProposalState.REJECTED: "bad", ProposalState.CANCELLED: "idle", ProposalState.EXPIRED: "idle",
}  # fmt: skip
NAMES: Final = {
    "ip": "地址", "duration_minutes": "时长（分钟）", "reason": "理由", "asset": "资产", "asset_id": "资产编号",
    "addresses": "资产的地址", "alert_id": "告警", "verdict": "结论", "note": "备注", "assignee": "处理人",
    "action_id": "处置动作", "service": "MCP 服务", "tool": "工具", "minutes": "时长（分钟）", "scope": "范围",
}  # fmt: skip
ALERTS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class ProposalLine:
    """A proposal in a list. ``outcome``: of the action it became, "" if none."""

    row: Proposal
    state: str
    tone: str
    dangerous: bool
    is_open: bool
    outcome: str
    outcome_tone: str


@dataclass(frozen=True, slots=True)
class Aim:
    """What a proposal is aimed at, as far as this person may see it: values, an asset of ours, sightings of an address."""

    values: tuple[tuple[str, str], ...]
    asset: AssetDetail | None
    gone: str
    sightings: indicators.Sightings | None


@dataclass(frozen=True, slots=True)
class CourseStep:
    """One point of the course. ``tone``: ok, bad or ""."""

    at: datetime
    text: str
    detail: str = ""
    tone: str = ""


def card(row: Proposal) -> ProposalLine:
    """The line of a list; `row` was read with its action."""
    state = ProposalState(row.state)
    action: Action | None = getattr(row, "action", None)
    is_open = state == ProposalState.PROPOSED and row.expires_at > timezone.now()
    late = state == ProposalState.PROPOSED and not is_open
    shown = ProposalState.EXPIRED if late else state
    return ProposalLine(
        row, str(shown.label), TONES[shown], row.risk == Risk.DANGEROUS, is_open,
        str(ActionState(action.state).label) if action else "", ACTION_TONES[ActionState(action.state)] if action else "",
    )  # fmt: skip


def target(request: HttpRequest, row: Proposal) -> Aim:
    """What it is aimed at."""
    arguments = _aimed(row)
    asset, gone = _asset(request, arguments)
    address = next(_addresses(arguments), "") if request.user.has_perm("secops_agent.view_alert") else ""
    seen = indicators.lookup(address, limit=ALERTS_SHOWN) if address and asset is None else None
    return Aim(tuple(_values(row.arguments)), asset, gone, seen)


def _aimed(row: Proposal) -> Mapping[str, Any]:
    """The arguments; those of the action for what takes it back, those of the tool for a call of it."""
    arguments: Mapping[str, Any] = row.arguments
    if row.tool == UNDO:
        first = Action.objects.filter(pk=int(arguments["action_id"])).first()
        arguments = first.arguments if first else {}
    inner = arguments.get("arguments")
    return inner if row.tool == CALL and isinstance(inner, dict) else arguments


def _asset(request: HttpRequest, arguments: Mapping[str, Any]) -> tuple[AssetDetail | None, str]:
    wanted = arguments.get("asset_id")
    if not isinstance(wanted, int) or not request.user.has_perm("secops_agent.view_asset"):
        return None, ""
    try:
        return inventory.get(wanted), ""
    except NotFound as error:
        return None, error.message


def _addresses(arguments: Mapping[str, Any]) -> Iterator[str]:
    for value in arguments.values():
        try:
            yield str(ipaddress.ip_address(str(value)))
        except ValueError:
            continue


def _values(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in arguments.items():
        if isinstance(value, dict):
            yield from _values(value)
        else:
            shown = "、".join(map(str, value)) if isinstance(value, list) else str(value)
            yield NAMES.get(name, name), shown or "—"


def story(row: Proposal, action: Action | None) -> list[CourseStep]:
    """Its course so far, the oldest first."""
    place = "群聊" if row.is_group else "单聊"
    where = place if row.conversation_id else "API 或页面"
    course = [CourseStep(row.created_at, f"{row.asker_name} 提出（{where}）")]
    if row.decided_at is not None:
        tone = "ok" if row.state in (ProposalState.CONFIRMED, ProposalState.APPROVED) else "bad"
        said = f"理由：{row.reason}" if row.reason else ""
        course.append(
            CourseStep(row.decided_at, f"{row.decider_name} {ProposalState(row.state).label}", said, tone)
        )
    elif row.expires_at <= timezone.now():
        course.append(CourseStep(row.expires_at, "没有人决定，已过期"))
    return [*course, *(_carried_out(action) if action else ())]


def _carried_out(action: Action) -> Iterator[CourseStep]:
    if action.started_at is not None:
        through = "演练" if action.connector == "dry_run" else action.connector
        yield CourseStep(action.started_at, f"开始执行（{through}）" if through else "开始执行")
    if action.finished_at is not None:
        tone = {"done": "ok", "failed": "bad", "unknown": "bad"}.get(action.state, "")
        yield CourseStep(action.finished_at, str(ActionState(action.state).label), action.result, tone)
    if action.settled_by:
        yield CourseStep(action.finished_at or action.created_at, f"{action.settled_by} 核实了结果")
