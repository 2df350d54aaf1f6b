"""Assets: list, detail, what people know better, software, and one asset by any of its names."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import Counts, Form, PageQuery, Remark, Text, choices, order, row_id, word
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import HistoryOut, Output, Ref, flat
from secops_agent.models import Asset
from secops_agent.models.choices import AssetType, Importance
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import ORDERS, AssetFilter, ComponentView
from secops_agent.services.assets.views import AssetDetail, AssetSummary
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page

TAG: Final = "资产"


class AssetQuery(PageQuery):
    """Filters of the list."""

    asset_type = serializers.ChoiceField(
        choices=AssetType.choices, default="", allow_blank=True, help_text="类型。"
    )
    importance = choices(Importance.choices, "重要性；可重复，或用逗号分隔。")
    environment = word("环境，完整匹配，例如 生产。")
    owner_id = row_id("负责人的编号。")
    tag = word("标签，完整匹配。")
    source = word("来源，完整匹配。")  # type: ignore[assignment]  # a declared field
    keyword = word("名称、IP、域名、标签、负责人、说明中的文字。")
    ordering = order(ORDERS, "name", "排序：name 按名称，-name 倒序。")


class AssetOut(Output):
    """An asset in a list."""

    view: ClassVar[type] = AssetSummary
    told = {
        "id": "编号",
        "name": "名称",
        "asset_type": serializers.ChoiceField(choices=AssetType.choices, help_text="类型"),
        "ips": "IP 地址",
        "owner": "负责人",
        "owner_id": "负责人的编号",
        "importance": serializers.ChoiceField(
            choices=Importance.choices, allow_blank=True, help_text="重要性"
        ),
        "environment": "环境",
        "tags": "标签",
        "source": "来源",
        "last_seen": "最近发现",
    }


class KeyOut(Form):
    """A name or address."""

    kind = serializers.CharField(help_text="种类")
    value = serializers.CharField(help_text="值")


class AssetDetailOut(AssetOut):
    """An asset with all that is known."""

    view = AssetDetail
    told = {
        "keys": KeyOut(many=True, help_text="标识"),
        "description": "说明",
        "sources": "来源",
        "first_seen": "首次发现",
        "open_alerts": Counts(help_text="未关闭的告警：级别 → 数量"),
        "open_findings": Counts(help_text="未修复的发现：级别 → 数量"),
        "kev_findings": "其中已被利用（KEV）的漏洞数",
        "components": "组件数",
        "history": HistoryOut(many=True, help_text="变更历史，新的在前"),
    }


class AssetIn(Form):
    """What people set; imports keep it."""

    name = Text(max_length=300, required=False, help_text="名称")
    asset_type = serializers.ChoiceField(choices=AssetType.choices, required=False, help_text="类型")
    owner = Remark(max_length=100, required=False, help_text="负责人的员工 ID 或姓名；空：没有负责人")
    importance = serializers.ChoiceField(
        choices=Importance.choices, required=False, allow_blank=True, help_text="重要性"
    )
    environment = Remark(max_length=50, required=False, help_text="环境")
    tags = serializers.ListField(child=Text(max_length=100), max_length=50, required=False, help_text="标签")
    description = Remark(max_length=10000, required=False, help_text="说明")


class FindQuery(Form):
    """Any name."""

    name = Text(max_length=300, help_text="名称、IP、域名或编号。")


class FoundOut(Form):
    """One asset, or those that may have been meant."""

    asset = AssetOut(allow_null=True, help_text="找到的资产；null：没有唯一的答案")
    candidates = AssetOut(many=True, help_text="可能指的资产")


class ComponentQuery(PageQuery):
    """Filters of the software."""

    keyword = word("名称或 purl 中的文字。")


class ComponentOut(Output):
    """Software on an asset."""

    view = ComponentView
    told = {
        "id": "编号",
        "asset": Ref(help_text="资产"),
        "name": "名称",
        "version": "版本",
        "purl": "purl",
        "component_type": "类型",
        "distro": "发行版",
        "location": "位置",
        "licenses": "许可证",
        "source": "来源",
        "last_seen": "最近发现",
    }


def _list(caller: Caller, importance: Sequence[str], ordering: str, **asked: Any) -> Page[AssetSummary]:
    return inventory.search(AssetFilter(importance=tuple(importance), order=ordering, **asked))


def _components(caller: Caller, asset_id: int, **asked: Any) -> Page[ComponentView]:
    if not Asset.objects.filter(pk=asset_id).exists():
        raise NotFound(f"没有编号为 {asset_id} 的资产。")
    return inventory.components(asset_id, **asked)


PATHS: Final = {
    "assets/": view_of(TAG, Endpoint(
        "GET", access.READ_ASSETS, "assets_list", "资产列表", "按筛选条件列出资产，按名称排序，游标翻页。", _list, AssetOut, AssetQuery, paged=True,
    )),
    "assets/find/": view_of(TAG, Endpoint(
        "GET", access.READ_ASSETS, "assets_find", "查找资产", "按名称、IP、域名或编号找一个资产；不唯一时给出候选。",
        lambda caller, name: inventory.find(name), FoundOut, FindQuery,
    )),
    "assets/<int:asset_id>/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_ASSETS, "assets_get", "资产详情", "一个资产的全部内容：标识、未关闭的告警和发现的数量、变更历史。",
            lambda caller, asset_id: flat(inventory.get(asset_id)), AssetDetailOut,
        ),
        Endpoint(
            "PATCH", access.WRITE_ASSETS, "assets_update", "修改资产",
            "只改给出的字段；之后的导入不会覆盖人设置的值。接口不合并资产：两个是同一个时，在网页的资产页「合并到…」里做。",
            lambda caller, asset_id, **given: inventory.update(asset_id, caller.actor, **given), AssetOut, AssetIn, partial=True,
            example=("负责人与重要性", {"owner": "lisi", "importance": "critical"}),
        ),
    ),
    "assets/<int:asset_id>/components/": view_of(TAG, Endpoint(
        "GET", access.READ_ASSETS, "assets_components", "资产上的组件", "一个资产上现有的软件组件，按名称排序，游标翻页。",
        _components, ComponentOut, ComponentQuery, paged=True,
    )),
}  # fmt: skip
