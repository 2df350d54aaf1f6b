"""资产 and 组件: what we have. Imports bring them, people correct them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from bifang.core.admin.base import NOTHING, CappedPaginator, RecordScreen, Screen, moment
from secops_agent.admin.inventory import actor_of, gravity, history_table, importance_badge, lines
from secops_agent.models import Asset, Component
from secops_agent.services.assets import inventory

KEYS = {
    "hostname": "主机名", "fqdn": "域名", "ip": "IP", "mac": "MAC 地址", "cloud_id": "云实例", "agent_id": "代理",
    "image": "镜像", "image_digest": "镜像摘要", "repo_url": "代码仓库", "url": "网址", "account": "账号",
    "application": "应用", "path": "路径", "other": "其他",
}  # fmt: skip
EDITED = ("name", "asset_type", "owner", "importance", "environment", "tags", "description")


class TagsField(forms.CharField):
    """A list of texts in one line."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        """For the page."""
        return "，".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]  # a list instead of a text
        """Divided by any comma."""
        parts = str(value or "").replace(",", "，").replace("、", "，").split("，")
        return list(dict.fromkeys(part.strip() for part in parts if part.strip()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares lists."""
        return (initial or []) != self.to_python(data)


class AssetForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What people know better than the sources."""

    tags = TagsField(label="标签", required=False, help_text="用逗号分隔。")

    class Meta:
        model = Asset
        fields = EDITED


@admin.register(Asset)
class AssetScreen(Screen):
    """List, filters, search; what is set here, imports keep."""

    history_on_page = True
    records_itself = True

    form = AssetForm
    paginator = CappedPaginator
    list_display = (
        "name",
        "asset_type",
        "addresses",
        "owner_name",
        "level",
        "environment",
        "tag_line",
        "seen",
    )
    list_filter = ("asset_type", "importance", "environment", "owner")
    search_fields = ("name", "owner__name", "=keys__value")
    search_help_text = "按名称、负责人搜索，或一个完整的 IP、域名等标识"
    list_select_related = ("owner",)
    autocomplete_fields = ("owner",)
    readonly_fields = ("addresses", "identity", "origin", "first_seen", "last_seen", "history_of")
    ordering = ("name", "id")
    fieldsets = (
        (None, {"fields": EDITED, "description": "在这里修改过的值，以后的导入不会覆盖。"}),
        ("来源", {"fields": ("addresses", "identity", "origin", "first_seen", "last_seen")}),
        ("历史", {"fields": ("history_of",)}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Imports bring assets (assets_csv for those that no tool knows)."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An asset carries alerts and findings."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service: locks the fields and writes the history."""
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        if values:
            inventory.update(obj.pk, actor_of(request), **values)

    @admin.display(description="IP 地址")
    def addresses(self, row: Asset) -> str:
        """The first ones."""
        return "、".join(row.ips[:3]) + (" …" if len(row.ips) > 3 else "") or NOTHING

    @admin.display(description="负责人", ordering="owner__name")
    def owner_name(self, row: Asset) -> str:
        """The person, else what the source says."""
        return row.owner.name if row.owner else row.owner_text or NOTHING

    @admin.display(description="重要性", ordering=gravity("importance"))
    def level(self, row: Asset) -> SafeString | str:
        """Coloured."""
        return importance_badge(row.importance)

    @admin.display(description="标签")
    def tag_line(self, row: Asset) -> str:
        """In one line."""
        return "、".join(row.tags[:5]) or NOTHING

    @admin.display(description="最近发现", ordering="last_seen")
    def seen(self, row: Asset) -> SafeString | str:
        """Last import that had it."""
        return moment(row.last_seen)

    @admin.display(description="标识")
    def identity(self, row: Asset) -> SafeString | str:
        """All keys."""
        return lines(f"{KEYS[key.kind]}：{key.value}" for key in row.keys.order_by("id")[:50])

    @admin.display(description="来源")
    def origin(self, row: Asset) -> str:
        """Which imports."""
        return "、".join(row.sources) or NOTHING

    @admin.display(description="变更历史")
    def history_of(self, row: Asset) -> SafeString | str:
        """The changes."""
        return history_table("asset", row.pk)


@admin.register(Component)
class ComponentScreen(RecordScreen):
    """Software on our assets."""

    list_display = ("name", "version", "asset", "component_type", "distro", "active", "source", "last_seen")
    list_filter = ("active", "ecosystem", "source")
    search_fields = ("name", "=purl", "asset__name")
    search_help_text = "按名称、资产搜索，或完整的 purl"
    list_select_related = ("asset",)
    ordering = ("name", "id")
    fields = (
        "name", "version", "asset", "purl", "component_type", "ecosystem", "distro", "location", "licenses", "active", "source",
        "first_seen", "last_seen",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Component]:
        """With their assets."""
        rows: QuerySet[Component] = super().get_queryset(request)
        return rows.select_related("asset")
