"""Reading assets: list_assets, get_asset."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from bifang.channels.markup import plain
from secops_agent.models.choices import AssetType
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.assets.views import AssetDetail, AssetSummary
from secops_agent.services.pages import Page
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import limit_argument, person_named, rows, told
from secops_agent.tools.markdown import (
    ASSET_TYPE,
    IMPORTANCE,
    SEVERITY,
    counts,
    foot,
    joined,
    moment,
    page,
)
from secops_agent.tools.masking import for_group

_NARROW: Final = "请用关键字（名称、IP、标签、负责人）或资产类型缩小范围，或用 limit 多看几条（最多 50 条）。"


class ListAssets(Arguments):
    """Arguments of list_assets."""

    keyword: str = argument("名称、IP、标签里的词，或负责人的姓名、员工 ID；不限时不填", default="")
    asset_type: (
        Literal[
            "host",
            "container_image",
            "repository",
            "application",
            "account",
            "website",
            "network",
            "cloud",
            "other",
        ]
        | None
    ) = argument("资产类型；不限时不填", labels=ASSET_TYPE, default=None)
    limit: int = limit_argument()


class GetAsset(Arguments):
    """Arguments of get_asset."""

    asset: str = argument("资产的名称、IP、域名或编号")


def list_assets(asker: Asker, given: ListAssets) -> ToolResult:
    """By name, with the number of all that match."""
    found = _search(
        AssetFilter(keyword=given.keyword, asset_type=given.asset_type or "", limit=rows(given.limit))
    )
    query = told(
        关键字=plain(given.keyword, 60), 资产类型=ASSET_TYPE[given.asset_type] if given.asset_type else ""
    )
    if not found.items:
        return ToolResult("no_data", query, "\n".join(["没有符合条件的资产。", *foot(query)]), [])
    lines = [asset_line(asset) for asset in found.items]
    text = page("资产", len(lines), found.total_text, lines, query, narrow=_NARROW)
    return _shown(ToolResult("ok", query, text, [asset.id for asset in found.items]), found.items, asker)


def _shown(result: ToolResult, found: Sequence[AssetSummary], asker: Asker) -> ToolResult:
    """People's accounts are not for a group."""
    accounts = [asset.name for asset in found if asset.asset_type == AssetType.ACCOUNT]
    return for_group(result, accounts) if asker.is_group else result


def _search(wanted: AssetFilter) -> Page[AssetSummary]:
    """A person's name or staffId means what they look after, if they look after anything."""
    person = person_named(wanted.keyword)
    if person is not None:
        owned = inventory.search(replace(wanted, keyword="", owner_id=person.pk))
        if owned.items:
            return owned
        wanted = replace(wanted, keyword=person.name)
    return inventory.search(wanted)


def asset_line(asset: AssetSummary) -> str:
    """One asset in one line; its name comes first, which is how a follow-up finds it."""
    return f"- **{plain(asset.name, 80)}** {asset_facts(asset)}"


def asset_facts(asset: AssetSummary) -> str:
    """What one line tells beside the name."""
    return joined(
        [
            ASSET_TYPE.get(asset.asset_type, asset.asset_type),
            "、".join(asset.ips[:3]),
            f"负责人 {plain(asset.owner, 40)}" if asset.owner else "无负责人",
            asset.importance and f"重要性 {IMPORTANCE.get(asset.importance, asset.importance)}",
            plain(asset.environment, 20),
        ]
    )


def get_asset(asker: Asker, given: GetAsset) -> ToolResult:
    """One asset, or those that may have been meant."""
    query = f"资产={plain(given.asset, 60)}"
    found = inventory.find(given.asset)
    if found.asset is not None:
        known = {"asset_id": found.asset.id, "name": found.asset.name}
        result = ToolResult("ok", query, _detail(inventory.get(found.asset.id)), known)
        return _shown(result, [found.asset], asker)
    if not found.candidates:
        return ToolResult(
            "no_data", query, f"资产里没有「{plain(given.asset, 60)}」。可以写名称、IP、域名或编号。", []
        )
    lines = [asset_line(asset) for asset in found.candidates]
    text = "\n".join([f"没有正好叫「{plain(given.asset, 60)}」的资产，是不是其中一个？", "", *lines])
    result = ToolResult("no_data", query, text, [asset.id for asset in found.candidates])
    return _shown(result, found.candidates, asker)


def _detail(detail: AssetDetail) -> str:
    asset = detail.summary
    names = {plain(key.value, 80) for key in detail.keys if key.kind != "ip"} - {asset.name}
    facts = [
        ("编号", str(asset.id)),
        ("类型", ASSET_TYPE.get(asset.asset_type, asset.asset_type)),
        ("IP", "、".join(asset.ips)),
        ("其他名称", "、".join(sorted(names)[:8])),
        ("负责人", plain(asset.owner, 60) or "未登记"),
        ("重要性", IMPORTANCE.get(asset.importance, asset.importance) or "未登记"),
        ("环境", plain(asset.environment, 40)),
        ("标签", "、".join(plain(tag, 30) for tag in asset.tags)),
        ("未关闭告警", counts(detail.open_alerts, SEVERITY)),
        ("未修复问题", counts(detail.open_findings, SEVERITY)),
        ("其中在野利用（KEV）", str(detail.kev_findings) if detail.kev_findings else ""),
        ("软件组件", str(detail.components) if detail.components else ""),
        ("数据来源", plain("、".join(detail.sources), 100)),
        ("发现时间", f"{moment(detail.first_seen)}，最近 {moment(asset.last_seen)}"),
    ]
    lines = [
        f"**资产 {plain(asset.name, 100)}**",
        "",
        *(f"- {name}：{value}" for name, value in facts if value),
    ]
    return "\n".join([*lines, *(["", plain(detail.description, 400)] if detail.description else [])])


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_assets",
        "查询资产",
        "列出资产，可按关键字、负责人、类型筛选，并给出总数。",
        ListAssets,
        list_assets,
    ),
    reading(
        "get_asset",
        "查看资产",
        "一台资产的全部信息：负责人、IP、重要性、未关闭告警数和未修复问题数。问「谁负责」「这个 IP 是哪台机器」用它。",
        GetAsset,
        get_asset,
    ),
)
