"""Targets of dangerous actions: kept when proposed, compared before anything is done."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.models import Asset
from secops_agent.services.alerts import indicators
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.faults import Conflict

# The arguments that name what an action is aimed at, and by which two requests are for the same.
TARGETS: Final = {"block_ip": "ip", "isolate_host": "asset"}
AIMS: Final = {"block_ip": "ip", "isolate_host": "asset_id", "unblock_ip": "ip", "release_host": "asset_id"}
_AGAIN = "没有执行。需要的话请核对后重新提出。"


def kept(asset: AssetSummary) -> dict[str, Any]:
    """The asset as a proposal keeps it and a connector gets it: a name alone could come to mean another machine."""
    return {"asset": asset.name, "asset_id": asset.id, "addresses": list(asset.ips)}


def require_same(arguments: Mapping[str, Any]) -> None:
    """What people decided about is still that. Raises Conflict, InvalidInput."""
    if "asset_id" in arguments:
        _require_same_asset(arguments)
    elif "asset" in arguments:
        raise InvalidInput(f"这个申请没有写明是哪一个资产，{_AGAIN}")
    if "ip" in arguments:
        require_not_ours(str(arguments["ip"]))


def _require_same_asset(arguments: Mapping[str, Any]) -> None:
    name, kept_ips = str(arguments.get("asset", "")), list(arguments.get("addresses", []))
    row = Asset.objects.filter(pk=arguments["asset_id"]).first()
    if row is None:
        raise Conflict(f"资产「{name}」（#{arguments['asset_id']}）已从资产库删除或合并，{_AGAIN}")
    if row.name != name:
        raise Conflict(f"资产 #{row.pk} 在提出之后改名：「{name}」→「{row.name}」，{_AGAIN}")
    if set(row.ips) != set(kept_ips):
        raise Conflict(
            f"资产「{name}」（#{row.pk}）的地址在提出之后变了：{_listed(kept_ips)} → {_listed(row.ips)}，{_AGAIN}"
        )


def _listed(ips: Sequence[str]) -> str:
    return "、".join(ips) or "无"


def require_not_ours(address: str) -> None:
    """Raises InvalidInput if an asset of ours bears the address."""
    ours = indicators.lookup(address, limit=1, private=True).assets
    if ours:
        raise InvalidInput(f"{address} 是我们自己的资产「{ours[0].name[:60]}」，不能封禁。没有执行任何操作。")
