"""Dangerous tools: block_ip, isolate_host. They only ask; another person approves, and a connector acts."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.services.assets import inventory
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.decisions import targets
from secops_agent.services.decisions.carriers import require_fit
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ASKS, ToolDefinition, ValidatedAction, action
from secops_agent.tools.markdown import ASSET_TYPE, IMPORTANCE, duration

_REASON: Final = 500
_YEAR: Final = 366 * 24 * 60
_ISOLABLE: Final = frozenset({"host", "cloud", "other"})
# Written out: Python's is_private also holds for the documentation networks, which stand in for the Internet
# in every example.
_NOT_OUTSIDE: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    """A single address outside, and none of ours."""
    address = _outside(given.ip)
    targets.require_not_ours(str(address))
    arguments = {"ip": str(address)}
    given_minutes = given.duration_minutes
    span = "按默认时长" if given_minutes is None else duration(given_minutes) if given_minutes else "永久"
    plan = arguments | ({} if given_minutes is None else {"duration_minutes": given_minutes})
    plan |= _reason(given.reason)
    require_fit("block_ip", plan)
    return ValidatedAction(plan, f"封禁 IP {address}，时长：{span}{_told(given.reason)}")


def _outside(text: str) -> _Address:
    """The address if it may be blocked. Raises InvalidInput."""
    try:
        address: _Address = ipaddress.ip_address(text.strip())
    except ValueError:
        hint = "只能逐个封禁 IP，不能封禁网段。" if "/" in text else "请写一个完整的 IP 地址。"
        raise InvalidInput(f"「{plain(text, 60)}」不是 IP 地址：{hint}没有执行任何操作。") from None
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if any(address.version == network.version and address in network for network in _NOT_OUTSIDE):
        raise InvalidInput(f"{address} 是内网或保留地址，不能封禁。没有执行任何操作。")
    return address


def check_isolate(given: IsolateHost, person: Person | None) -> ValidatedAction:
    """A machine that we know, named exactly."""
    found = inventory.find(given.asset)
    wanted = given.asset.strip().lower()
    if found.asset is None or not _is_named(found.asset.id, wanted):
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
    where = "、".join(asset.ips) or f"{kind}，没有登记地址"
    summary = f"隔离主机 {plain(asset.name, 60)}（资产 #{asset.id}，{where}{weight}{owner}）{_told(reason)}"
    plan = targets.kept(asset) | _reason(reason)
    require_fit("isolate_host", plan)
    return ValidatedAction(plan, summary, (asset.name, *asset.ips))


def recheck_isolate(stored: Mapping[str, Any]) -> ValidatedAction:
    """Still the machine that people decided about."""
    targets.require_same(stored)
    return _isolation(inventory.get(int(stored["asset_id"])).summary, str(stored.get("reason", "")))


def _is_named(asset_id: int, wanted: str) -> bool:
    detail = inventory.get(asset_id)
    names = {detail.summary.name, str(asset_id), *detail.summary.ips, *(key.value for key in detail.keys)}
    return wanted in {name.lower() for name in names}


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
