"""Which asset is meant, where a name does not tell: each with what only it has."""

from collections.abc import Sequence

from secops_agent import says
from secops_agent.models import AssetKey
from secops_agent.services.assets.views import AssetSummary

_MOST = 5


def told_apart(text: str, candidates: Sequence[AssetSummary]) -> str:
    """What to write instead of a name that several have, or that none has exactly."""
    names = "、".join(describe(candidates[:_MOST]))
    if sum(each.name.lower() == text.strip().lower() for each in candidates) > 1:
        first = candidates[0]
        handle = first.ips[0] if first.ips else str(first.id)
        return f"有 {len(candidates)} 个资产叫「{text}」：{names}。请写 IP 或编号，例如「{says.asset(handle)}」。"
    return f"没有叫「{text}」的资产。是否指：{names}？"


def describe(assets: Sequence[AssetSummary]) -> list[str]:
    """web-01（10.0.0.5，web-01.corp.example，编号 12）."""
    domains = dict(
        AssetKey.objects.filter(asset__in=[each.id for each in assets], kind="fqdn").values_list(
            "asset_id", "value"
        )
    )
    return [
        f"{each.name}（{'，'.join([*each.ips[:2], *filter(None, [domains.get(each.id)]), f'编号 {each.id}'])}）"
        for each in assets
    ]
