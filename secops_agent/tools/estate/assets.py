"""Tools of assets: list_assets, get_asset, set_owner."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models.choices import AssetType, Importance
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter, describe, environment_named
from secops_agent.services.assets.lower import is_below
from secops_agent.services.assets.open_counts import OpenCounts, open_counts
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.faults import Conflict
from secops_agent.services.pages import Page
from secops_agent.services.people.staff import Person
from secops_agent.services.vulnerabilities.catalogue import Installed, related_flaws, software_named
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, ValidatedAction, action, reading
from secops_agent.tools.estate.asset_card import ASPECTS, card_of
from secops_agent.tools.filters import (
    NETWORK,
    WEIGHTS,
    beyond,
    colleague,
    environment_argument,
    exposed_argument,
    importance_argument,
    limit_argument,
    more,
    offset_argument,
    people_named,
    told,
    window,
)
from secops_agent.tools.markdown import (
    ASSET_TYPE,
    IMPORTANCE,
    foot,
    joined,
    page,
)
from secops_agent.tools.masking import for_reader

_IMPORTANT: Final[dict[str, tuple[str, ...]]] = {
    "核心": (Importance.CRITICAL,), "重要": (Importance.CRITICAL, Importance.HIGH), "关键": (Importance.CRITICAL,),
}  # fmt: skip


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
    unassigned: bool | None = argument("只看没有负责人的", default=None)
    owner: str = argument("资产负责人", default="")
    environment: str = environment_argument()
    network: str = argument("IP 或网段（10.0.0.0/24）", default="", max_length=50)
    offset: int = offset_argument()
    importance: Literal["critical", "high"] | None = importance_argument()
    exposed: bool | None = exposed_argument()
    kev: bool | None = argument("只看有已被利用（KEV）漏洞的", default=None)
    riskiest: bool | None = argument("风险最高的在前", default=None)
    version_below: str = argument("keyword 是软件名时，只看版本低于它的，例如 8.3", default="", max_length=40)


class GetAsset(Arguments):
    """Arguments of get_asset."""

    asset: str = argument("资产的名称、IP、域名或编号")
    about: Literal["network", "alerts", "vulnerabilities", "cases", "owner", "gravity"] | None = argument(
        "先看哪一项", labels=ASPECTS, default=None
    )
    software: str = argument("只问这台上的一个软件时填名称", default="", max_length=80)


def list_assets(asker: Asker, given: ListAssets) -> ToolResult:
    """By name, with the number of all that match; a word that none has in its names may be software on them."""
    wanted = _wanted(asker, given)
    query = told(
        关键字=plain(given.keyword, 60),
        资产类型=ASSET_TYPE[given.asset_type] if given.asset_type else "",
        负责人="没有" if given.unassigned else plain(given.owner, 40),
        环境=wanted.environment,
        网段=plain(given.network, 50),
        重要性=WEIGHTS[given.importance] if given.importance else "",
        对外="可能对外的" if given.exposed else "",
        已被利用="有 KEV 漏洞的" if given.kev else "",
        排序="风险最高的在前" if given.riskiest else "",
        版本=f"低于 {plain(given.version_below, 40)}" if given.version_below else "",
    )
    if given.version_below:
        if not given.keyword or is_below("0", given.version_below) is None:
            raise InvalidInput("请写软件名和一个版本号，例如 curl 8.3 以下。")
        software = replace(wanted, keyword="", software=given.keyword, below=given.version_below)
        return _with_software(asker, software, query, given.offset)
    found = _search(wanted)
    if not found.items and wanted.keyword:
        return _with_software(asker, replace(wanted, keyword="", software=given.keyword), query, given.offset)
    shown = found.items[given.offset :]
    if not shown:
        text = beyond("资产", found) if found.items else "\n".join(["没有符合条件的资产。", *foot(query)])
        return ToolResult("no_data", query, text, [])
    counted = open_counts([each.id for each in shown])
    lines = [f"{asset_line(each)}{_open_told(counted[each.id])}" for each in shown]
    text = page("资产", len(shown), found.total_text, lines, query, offset=given.offset)
    steps = (*more(found, given.offset + len(shown)), says.alerts_of(shown[0].name))
    return _shown(ToolResult("ok", query, text, _handles(shown), steps=steps), shown, asker)


def _open_told(found: OpenCounts) -> str:
    """What is open on it, after the other facts."""
    kev = f"（KEV {found.kev}）" if found.kev else ""
    said = [
        f"告警 {found.alerts}" if found.alerts else "",
        f"未修复 {found.findings}{kev}" if found.findings else "",
    ]
    return f" · {joined(said)}" if any(said) else ""


def _wanted(asker: Asker, given: ListAssets) -> AssetFilter:
    """核心 as a keyword is an importance, 10.0.0.0/24 a network. Raises NotFound for who or what there is not."""
    importance = _IMPORTANT.get(given.keyword, ())
    weight = tuple(dict.fromkeys(("critical", given.importance))) if given.importance else importance
    network = given.network or (given.keyword if NETWORK.fullmatch(given.keyword) else "")
    return AssetFilter(
        keyword="" if importance or network == given.keyword else given.keyword,
        network=network,
        environment=environment_named(given.environment) if given.environment else "",
        owner_id=colleague(given.owner, asker.person).pk if given.owner else None,
        importance=weight,
        exposed=bool(given.exposed),
        kev=bool(given.kev),
        order="risk" if given.riskiest else "name",
        asset_type=given.asset_type or "",
        unowned=bool(given.unassigned),
        limit=window(given.limit, given.offset),
    )


def _with_software(asker: Asker, wanted: AssetFilter, query: str, offset: int) -> ToolResult:
    """No name holds the word: the assets on which software of that name is, the vulnerable ones told."""
    found = inventory.search(wanted)
    shown, flaws, name = found.items[offset:], related_flaws(wanted.software), plain(wanted.software, 40)
    if not shown:
        text = (
            beyond("资产", found) if found.items else _none_older(wanted, query) or _none(name, flaws, query)
        )
        return ToolResult("no_data", query, text, [])
    installed = software_named(wanted.software, [asset.id for asset in shown], wanted.below)
    hit = sum(bool(each.flaws) for each in installed.values())
    beside = f"这里面 {hit} 台有未修复的漏洞" if hit else "没有发现未修复的漏洞"
    lower = f"（版本低于 {plain(wanted.below, 40)}）" if wanted.below else ""
    lines = [_installed_line(each, installed[each.id]) for each in shown]
    text = page(
        f"装有 {name}{lower} 的资产", len(lines), found.total_text, lines, query, offset=offset, beside=beside
    )
    steps = (*more(found, offset + len(shown)), *(says.affected(flaw) for flaw in flaws))
    return _shown(ToolResult("ok", query, text, _handles(shown), steps=steps), shown, asker)


def _installed_line(asset: AssetSummary, found: Installed) -> str:
    software = plain("、".join(found.components[:2]), 80)
    others = f" 等 {len(found.flaws)} 个漏洞" if len(found.flaws) > 1 else ""
    flaws = f"**{plain(found.flaws[0], 40)}**{others}" if found.flaws else "未发现漏洞"
    owner = f"负责人 {plain(asset.owner, 40)}" if asset.owner else "无负责人"
    return f"- **{plain(asset.name, 80)}** {joined([software, flaws, owner])}"


def _none_older(wanted: AssetFilter, query: str) -> str:
    """The software is there, but in no lower version; "" where none is, or none was asked for."""
    there = inventory.search(replace(wanted, below="")) if wanted.below else None
    if not there or not there.items:
        return ""
    name, bound = plain(wanted.software, 40), plain(wanted.below, 40)
    said = f"{there.total_text} 个资产装有 {name}，版本都不低于 {bound}，或没有能比较的版本号。"
    return "\n".join([said, *foot(query)])


def _none(name: str, flaws: Sequence[str], query: str) -> str:
    """An advisory may name what no inventory lists."""
    if not flaws:
        said = f"资产的名称、标签、负责人和软件清单里都没有「{name}」。"
        return "\n".join([said, *foot(query)])
    names = "、".join(flaws)
    return f"软件清单里没有「{name}」，但有与它有关的漏洞：{names}。发送「{says.affected(flaws[0])}」看影响哪些资产。"


def _handles(shown: Sequence[AssetSummary]) -> list[str]:
    """What each is asked for with: its name, or what only it has where several share that."""
    names = Counter(asset.name for asset in shown)
    return [asset.name if names[asset.name] == 1 else next(iter(asset.ips), str(asset.id)) for asset in shown]


def _shown(
    result: ToolResult, found: Sequence[AssetSummary], asker: Asker, keys: Sequence[str] = ()
) -> ToolResult:
    """People's accounts are not for a group, nor for whoever lacks the role."""
    result = replace(result, fields=(*result.fields, *fields_of(found)))
    accounts = [asset.name for asset in found if asset.asset_type == AssetType.ACCOUNT]
    return (
        for_reader(result, asker, (*accounts, *(keys if accounts else ()))) if asker.hides_private else result
    )


def fields_of(found: Iterable[AssetSummary]) -> tuple[str, ...]:
    """Names, addresses and owners."""
    return tuple(word for asset in found for word in (asset.name, *asset.ips, asset.owner) if word)


def _search(wanted: AssetFilter) -> Page[AssetSummary]:
    """A person's name or staffId means what they look after, if they look after anything."""
    for person in people_named(wanted.keyword):
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
    query = told(
        资产=plain(given.asset, 60),
        先看=ASPECTS[given.about] if given.about else "",
        软件=plain(given.software, 40),
    )
    found = inventory.find(given.asset)
    if found.asset is not None:
        owner = {"person": found.asset.owner} if found.asset.owner_id else {}  # not the text of a source
        known = {"asset_id": found.asset.id, "name": found.asset.name, "subject": owner}
        steps = (says.alerts_of(found.asset.name), says.flaws_of(found.asset.name))
        card = card_of(
            found.asset, found.description, asker, about=given.about or "", software=given.software
        )
        known |= {} if given.about else {"alerts": [*card.alerts]}  # another aspect shows others first
        result = ToolResult("ok", query, card.text, known, steps=steps, fields=card.fields)
        result = for_reader(result, asker, card.private) if asker.hides_private else result
        return _shown(result, [found.asset], asker, card.keys)
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
    result = ToolResult("no_data", query, text, _handles(found.candidates))
    return _shown(result, found.candidates, asker)


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
        "一台资产的全部信息：负责人、IP、重要性、断网了没、未关闭告警、漏洞和升到哪版、软件版本、有关的事件。",
        GetAsset,
        get_asset,
    ),
)


_NOBODY: Final = frozenset({"无", "没有", "空", "无人", "清空"})


class SetOwner(Arguments):
    """Arguments of set_owner."""

    asset: str = argument("资产：名称、IP 或编号")
    owner: str = argument("负责人的姓名或员工 ID；「我」表示提问者，「清空」表示没有负责人", max_length=100)


def check_owner(given: SetOwner, person: Person | None) -> ValidatedAction:
    """One asset, one colleague. Raises NotFound, InvalidInput, Conflict."""
    asset = inventory.require(given.asset)
    staff = None if given.owner in _NOBODY else colleague(given.owner, person)
    if asset.owner_id == (staff.pk if staff else None):
        raise Conflict(
            f"资产「{plain(asset.name, 60)}」的负责人已经是{_owner(staff.name if staff else '')}。没有执行任何操作。"
        )
    now = f"{_owner(asset.owner)} → {_owner(staff.name if staff else '')}"
    summary = f"改资产 {plain(asset.name, 60)}（#{asset.id}）的负责人：{now}；以后的导入不会改回"
    return ValidatedAction({"asset": given.asset, "owner": staff.staff_id if staff else "清空"}, summary)


def _owner(name: str) -> str:
    return plain(name, 40) if name else "无"


def set_owner(given: SetOwner, actor: Actor) -> str:
    """Done for a confirmed proposal, as on the page of the asset."""
    before = inventory.require(given.asset)
    staff = None if given.owner in _NOBODY else colleague(given.owner, actor)
    after = inventory.update(before.id, actor, owner=staff)
    back = says.set_owner(after.name, before.owner if before.owner_id else "清空")
    return f"资产「{plain(after.name, 60)}」的负责人：{_owner(before.owner)} → {_owner(after.owner)}。要改回请发送「{back}」。"


OWNER_TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "set_owner", "改资产负责人", "改一个资产的负责人。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。", "write", SetOwner, check_owner, set_owner
    ),
)  # fmt: skip
