"""Reading assets: list_assets, get_asset."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from secops_agent.models.choices import AssetType
from secops_agent.services.assets import inventory
from secops_agent.services.assets.choices import describe
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.assets.views import AssetDetail, AssetSummary
from secops_agent.services.pages import Page
from secops_agent.services.vulnerabilities.products import related_flaws, software_named
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import beyond, limit_argument, offset_argument, person_named, told, window
from secops_agent.tools.markdown import (
    ASSET_TYPE,
    IMPORTANCE,
    SEVERITY,
    counts,
    foot,
    joined,
    moment,
    page,
    plain,
)
from secops_agent.tools.masking import for_group


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
    unowned: bool | None = argument("只看没有负责人的", default=None)
    offset: int = offset_argument()


class GetAsset(Arguments):
    """Arguments of get_asset."""

    asset: str = argument("资产的名称、IP、域名或编号")


def list_assets(asker: Asker, given: ListAssets) -> ToolResult:
    """By name, with the number of all that match; a word that none has in its names may be software on them."""
    wanted = AssetFilter(
        keyword=given.keyword,
        asset_type=given.asset_type or "",
        unowned=bool(given.unowned),
        limit=window(given.limit, given.offset),
    )
    query = told(
        关键字=plain(given.keyword, 60),
        资产类型=ASSET_TYPE[given.asset_type] if given.asset_type else "",
        负责人="没有" if given.unowned else "",
    )
    found, installed = _search(wanted), {}
    if not found.items and given.keyword:
        found = inventory.search(replace(wanted, keyword="", software=given.keyword))
        installed = software_named(given.keyword, [asset.id for asset in found.items])
    shown = found.items[given.offset :]
    if not shown:
        text = beyond("资产", found) if found.items else _none(given.keyword, query)
        return ToolResult("no_data", query, text, [])
    lines = [joined([asset_line(asset), installed.get(asset.id, "")]) for asset in shown]
    title = f"装有 {plain(given.keyword, 40)} 的资产" if installed else "资产"
    text = page(title, len(lines), found.total_text, lines, query, offset=given.offset)
    more = ("更多",) if found.capped or given.offset + len(shown) < found.total else ()
    flaws = related_flaws(given.keyword) if installed else ()
    steps = (*more, *(f"影响 {flaw}" for flaw in flaws)) or (f"{shown[0].name} 有哪些告警",)
    return _shown(ToolResult("ok", query, text, [asset.id for asset in shown], steps=steps), shown, asker)


def _none(keyword: str, query: str) -> str:
    """An advisory may name what no inventory lists."""
    flaws = related_flaws(keyword) if keyword else ()
    if not flaws:
        said = (
            f"资产的名称、标签、负责人和软件清单里都没有「{plain(keyword, 60)}」。"
            if keyword
            else "没有符合条件的资产。"
        )
        return "\n".join([said, *foot(query)])
    names = "、".join(flaws)
    return f"软件清单里没有「{plain(keyword, 60)}」，但有与它有关的漏洞：{names}。发送「影响 {flaws[0]}」看影响哪些资产。"


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
        steps = (f"{found.asset.name} 有哪些告警", f"{found.asset.name} 有哪些漏洞")
        result = ToolResult("ok", query, _detail(inventory.get(found.asset.id)), known, steps=steps)
        return _shown(result, [found.asset], asker)
    if not found.candidates:
        return ToolResult(
            "no_data", query, f"资产里没有「{plain(given.asset, 60)}」。可以写名称、IP、域名或编号。", []
        )
    lines = [f"- {each}" for each in describe(found.candidates)]
    same = sum(each.name.lower() == given.asset.strip().lower() for each in found.candidates)
    asked = f"有 {same} 个资产叫" if same > 1 else "没有正好叫"
    how = "请写 IP 或编号：" if same > 1 else "是不是其中一个？"
    text = "\n".join(
        [f"{asked}「{plain(given.asset, 60)}」{'，' if same > 1 else '的资产，'}{how}", "", *lines]
    )
    result = ToolResult("no_data", query, text, [asset.id for asset in found.candidates])
    return _shown(result, found.candidates, asker)


def _detail(detail: AssetDetail) -> str:
    """The first line tells whose it is and how much it matters."""
    asset = detail.summary
    names = {plain(key.value, 80) for key in detail.keys if key.kind != "ip"} - {asset.name}
    weight = IMPORTANCE.get(asset.importance, asset.importance)
    stand = joined(
        [
            f"负责人 {plain(asset.owner, 60)}" if asset.owner else "没有登记负责人",
            f"重要性 {weight}" if weight else "",
            ASSET_TYPE.get(asset.asset_type, asset.asset_type),
            "、".join(asset.ips),
        ]
    )
    facts = [
        ("未关闭告警", counts(detail.open_alerts, SEVERITY)),
        ("未修复问题", counts(detail.open_findings, SEVERITY)),
        ("其中在野利用（KEV）", str(detail.kev_findings) if detail.kev_findings else ""),
        (
            "环境与标签",
            joined([plain(asset.environment, 40), "、".join(plain(tag, 30) for tag in asset.tags)]),
        ),
        ("其他名称", "、".join(sorted(names)[:8])),
        ("软件组件", str(detail.components) if detail.components else ""),
        ("数据来源", plain("、".join(detail.sources), 100)),
        ("发现时间", f"{moment(detail.first_seen)}，最近 {moment(asset.last_seen)}；编号 {asset.id}"),
    ]
    lines = [
        f"**资产 {plain(asset.name, 100)}：{stand}**",
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
