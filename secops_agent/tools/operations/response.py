"""Dangerous tools: block_ip, isolate_host. They only ask; another person approves, and a connector acts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bifang.channels.text.markup import plain
from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.services.assets import inventory
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.clock import span_told
from secops_agent.services.decisions import targets
from secops_agent.services.decisions.carriers import require_fit
from secops_agent.services.decisions.ledger.blocks import STATE, find_blocks, for_reader
from secops_agent.services.faults import Conflict
from secops_agent.services.intelligence.locations import resolver_of
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ASKS, ToolDefinition, ValidatedAction, action
from secops_agent.tools.markdown import ASSET_TYPE, IMPORTANCE, moment

_REASON: Final = 500
_YEAR: Final = 366 * 24 * 60
_TAKEN: Final = ("active", "lifting", "unknown", "running")
_ISOLABLE: Final = frozenset({"host", "cloud", "other"})


class BlockIp(Arguments):
    """Arguments of block_ip; ``duration_minutes`` None leaves it to the connector, 0 is for good."""

    ip: str = argument("要封禁的公网 IP", max_length=60)
    duration_minutes: int | None = argument(
        "封禁多少分钟，0 表示永久；没有说时长时不填", default=None, minimum=0, maximum=_YEAR
    )
    reason: str = argument("理由", default="", max_length=_REASON)


class IsolateHost(Arguments):
    """Arguments of isolate_host."""

    asset: str = argument("要隔离的主机：资产库里的名称、IP 或编号")
    reason: str = argument("理由", default="", max_length=_REASON)


def check_block(given: BlockIp, person: Person | None) -> ValidatedAction:
    """A single address outside, and none of ours; one that is blocked already is blocked for longer, or not again."""
    address = targets.require_blockable(given.ip)
    given_minutes = given.duration_minutes
    plan = {"ip": address} | ({} if given_minutes is None else {"duration_minutes": given_minutes})
    plan |= _reason(given.reason)
    before = _demand_longer(address, given_minutes, person)
    require_fit("block_ip", plan)
    if before is not None:
        end = moment(database_now() + timedelta(minutes=given_minutes or 0)) if given_minutes else "永久"
        return ValidatedAction(
            plan, f"延长封禁 IP {address}：原到 {moment(before)}，改到 {end}{_told(given.reason)}"
        )
    known = resolver_of(address)
    known = known and f"（{known}：封了以后，用它的机器解析不了域名；攻击的来源写成它，常是伪造的）"
    return ValidatedAction(
        plan, f"封禁 IP {address}{known}，时长：{span_told(given_minutes)}{_told(given.reason)}"
    )


def _demand_longer(address: str, minutes: int | None, person: Person | None) -> datetime | None:
    """Until when it is blocked now, if it is and would be for longer; None if it is not. Raises Conflict if nothing would change."""
    found = next((each for each in find_blocks([address]) if each.state in _TAKEN), None)
    if found is None:
        return None
    found = for_reader(found, (person.corp_id,) if person else None)
    if found.state != "active":
        raise Conflict(f"{address} 的封禁{STATE[found.state]}：等它有结果再说。没有执行任何操作。")
    wanted = database_now() + timedelta(minutes=minutes) if minutes else None
    if minutes is None or found.until is None or (wanted and wanted <= found.until):
        until = (
            f"到 {moment(found.until)}" if found.until else "永久" if found.minutes == 0 else "时长按设备默认"
        )
        longer = says.block(address, 1440) if found.until else says.unblock(address)
        raise Conflict(
            f"{address} 已经封禁（{until}，{found.asked_by} 提出，在「{found.device}」），不用再封。"
            f"要{'延长' if found.until else '改'}，写明更长的时长或先解除，例如「{longer}」。没有执行任何操作。"
        )
    return found.until


def check_isolate(given: IsolateHost, person: Person | None) -> ValidatedAction:
    """A machine that we know, named exactly."""
    found = inventory.find(given.asset)
    if found.asset is None or not _is_named(found.asset, given.asset.strip()):
        near = [found.asset] if found.asset else list(found.candidates)
        names = "、".join(plain(each.name, 40) for each in near[:5])
        hint = f"是否指：{names}？请写完整的名称。" if names else "请先登记或导入该资产。"
        raise InvalidInput(f"资产里没有「{plain(given.asset, 60)}」，不能隔离。{hint}没有执行任何操作。")
    return _isolation(found.asset, given.reason)


def _isolation(asset: AssetSummary, reason: str) -> ValidatedAction:
    kind = ASSET_TYPE.get(asset.asset_type, asset.asset_type)
    if asset.asset_type not in _ISOLABLE:
        raise InvalidInput(f"「{plain(asset.name, 60)}」是{kind}，只有主机可以隔离。没有执行任何操作。")
    weight = asset.importance and f"，重要性 {IMPORTANCE.get(asset.importance, asset.importance)}"
    owner = asset.owner and f"，负责人 {plain(asset.owner, 30)}"
    plan = targets.kept(asset) | _reason(reason)
    where = "、".join(plan["addresses"]) or f"{kind}，没有登记地址"
    heard = _hearsay([each for each in asset.ips if each not in plan["addresses"]])
    summary = (
        f"隔离主机 {plain(asset.name, 60)}（资产 #{asset.id}，{where}{weight}{owner}）{heard}{_told(reason)}"
    )
    require_fit("isolate_host", plan)
    return ValidatedAction(plan, summary, (asset.name, *asset.ips))


def recheck_isolate(stored: Mapping[str, Any]) -> ValidatedAction:
    """Still the machine that people decided about."""
    targets.require_same(stored)
    return _isolation(inventory.get(int(stored["asset_id"])).summary, str(stored.get("reason", "")))


def _hearsay(addresses: Sequence[str]) -> str:
    """What no device gets, for those who approve."""
    some = "、".join(addresses[:3]) + (f" 等 {len(addresses)} 个地址" if len(addresses) > 3 else "")
    return f"，{some} 只在告警里出现过，不交给设备" if addresses else ""


def _is_named(asset: AssetSummary, wanted: str) -> bool:
    return wanted.lower() in (asset.name.lower(), str(asset.id)) or targets.is_stated_name(asset.id, wanted)


def _reason(text: str) -> dict[str, str]:
    return {"reason": text} if text else {}


def _told(reason: str) -> str:
    return f"，理由：{plain(reason, _REASON)}" if reason else "，没有写理由"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action("block_ip", "封禁 IP", f"申请封禁一个公网 IP。{ASKS}", "dangerous", BlockIp, check_block),
    action(
        "isolate_host",
        "隔离主机",
        f"申请把一台主机从网络隔离。{ASKS}",
        "dangerous",
        IsolateHost,
        check_isolate,
        recheck=recheck_isolate,
    ),
)
