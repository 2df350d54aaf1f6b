"""Targets of dangerous actions: what they may be aimed at, kept when proposed, compared before anything is done.

`require_allowed` is the one gate: every proposal passes it when it is made, by whatever door, and every action when it begins.
"""

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import Asset, AssetKey, ListedIndicator
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.faults import Conflict
from secops_agent.services.intelligence.matching import lists_in_force, named
from secops_agent.services.mcp.mappings import mapped_aim
from secops_agent.services.mcp.orders import CALL
from secops_agent.services.records.identity import FORMER

# The arguments that name what an action is aimed at, and by which two requests are for the same.
TARGETS: Final = {"block_ip": "ip", "isolate_host": "asset"}
AIMS: Final = {"block_ip": "ip", "isolate_host": "asset_id", "unblock_ip": "ip", "release_host": "asset_id"}
_MOST_ADDRESSES: Final = 64  # of one asset
_AGAIN = "没有执行。需要的话请核对后重新提出。"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Written out: Python's is_private also holds for the documentation networks, which stand in for the Internet
# in every example.
_NOT_OUTSIDE: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/96", "64:ff9b:1::/48",
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def kept(asset: AssetSummary) -> dict[str, Any]:
    """The asset as a proposal keeps it and a connector gets it: a name alone could come to mean another machine."""
    return {"asset": asset.name, "asset_id": asset.id, "addresses": stated_addresses(asset.id)}


def stated_addresses(asset_id: int) -> list[str]:
    """The addresses of an asset that an inventory, a scanner or a person names, which are all that a device gets: what only
    alerts name may be an outsider's word."""
    keys = AssetKey.objects.filter(asset_id=asset_id, kind="ip", stated=True).order_by("id")
    return list(keys.values_list("value", flat=True)[:_MOST_ADDRESSES])


def is_stated_name(asset_id: int, text: str) -> bool:
    """Is that a name or an address of the asset, by more than alerts?"""
    keys = AssetKey.objects.filter(asset_id=asset_id, value__in={text, text.lower()}, stated=True)
    return keys.exclude(kind=FORMER).exists()


def aimed_at(tool: str, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """Which of `TARGETS` it is, and at what: also of a foreign tool that carries one of them out; None for everything else."""
    if tool in TARGETS:
        return tool, str(arguments.get(TARGETS[tool], ""))
    if tool != CALL:
        return None
    config = SystemConfig.objects.filter(pk=arguments["config"]).first()
    aim = mapped_aim(config, arguments["tool"], arguments["arguments"]) if config else None
    return aim if aim and aim[0] in TARGETS else None


def require_allowed(tool: str, arguments: Mapping[str, Any]) -> None:
    """May it be aimed at that? Raises InvalidInput with the reason."""
    aim = aimed_at(tool, arguments)
    if aim and aim[0] == "block_ip":
        require_blockable(aim[1])


def require_blockable(text: str) -> str:
    """The one address as it is kept. Raises InvalidInput with the reason why it must not be blocked."""
    address = str(address_of(text))
    if refusal := refusals([address]).get(address):
        raise InvalidInput(f"{address} {refusal}，不能封禁。没有执行任何操作。")
    return address


def address_of(text: str) -> Address:
    """An address without a zone, an IPv4 one also where IPv6 only carries it. Raises InvalidInput."""
    try:
        found: Address = ipaddress.ip_address("" if "%" in text else text.strip())
    except ValueError:
        hint = "只能逐个封禁 IP，不能封禁网段。" if "/" in text else "请写一个完整的 IP 地址。"
        raise InvalidInput(f"「{plain(text, 60)}」不是 IP 地址：{hint}没有执行任何操作。") from None
    return getattr(found, "ipv4_mapped", None) or found


def refusals(addresses: Collection[str]) -> dict[str, str]:
    """Address → why it must not be blocked, itself or an IPv4 one that it carries, of those that must not; a few queries for all."""
    forms = {each: tuple(map(str, _forms(each))) for each in addresses}
    why = _refused(list(dict.fromkeys(chain.from_iterable(forms.values()))))
    return {each: why[hit] for each, its in forms.items() if (hit := next(filter(why.__contains__, its), ""))}


def _refused(addresses: Sequence[str]) -> dict[str, str]:
    found = dict.fromkeys(filter(_is_inside, addresses), "是内网或保留地址")
    keys = AssetKey.objects.filter(value__in=addresses, stated=True).exclude(kind=FORMER)
    for value, name in keys.order_by("-asset_id").values_list("value", "asset__name"):
        found.setdefault(value, f"是我们自己的资产「{name[:60]}」")
    observed = [("ip", each) for each in addresses]
    hits = named(observed, lists_in_force(protects=True), timezone.now())
    entries = ListedIndicator.objects.in_bulk([each[0].pk for each in hits.values()])
    for (_, value), (first, *_) in hits.items():
        note = (
            f"：{plain(entries[first.pk].note, 80)}" if first.pk in entries and entries[first.pk].note else ""
        )
        found.setdefault(value, f"在永不封禁的名单「{plain(first.list.name, 60)}」里（{first.value}{note}）")
    return found


def _is_inside(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return any(address.version == network.version and address in network for network in _NOT_OUTSIDE)


def _forms(text: str) -> Iterator[Address]:
    """The address, and those of IPv4 in it: 6to4, Teredo (its server and its client), NAT64."""
    yield (address := ipaddress.ip_address(text))
    if isinstance(address, ipaddress.IPv6Address):
        yield from filter(None, (address.sixtofour, *(address.teredo or ())))
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def require_same(arguments: Mapping[str, Any]) -> None:
    """What people decided about is still that. Raises Conflict, InvalidInput."""
    if "asset_id" in arguments:
        _require_same_asset(arguments)
    elif "asset" in arguments:
        raise InvalidInput(f"这个申请没有写明是哪一个资产，{_AGAIN}")


def _require_same_asset(arguments: Mapping[str, Any]) -> None:
    name, kept_ips = str(arguments.get("asset", "")), list(arguments.get("addresses", []))
    row = Asset.objects.filter(pk=arguments["asset_id"]).first()
    if row is None:
        raise Conflict(f"资产「{name}」（#{arguments['asset_id']}）已从资产库删除或合并，{_AGAIN}")
    if row.name != name:
        raise Conflict(f"资产 #{row.pk} 在提出之后改名：「{name}」→「{row.name}」，{_AGAIN}")
    if set(now := stated_addresses(row.pk)) != set(kept_ips):
        raise Conflict(
            f"资产「{name}」（#{row.pk}）的地址在提出之后变了：{_listed(kept_ips)} → {_listed(now)}，{_AGAIN}"
        )


def _listed(ips: Sequence[str]) -> str:
    return "、".join(ips) or "无"
