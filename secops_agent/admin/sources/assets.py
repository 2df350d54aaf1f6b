"""组件: the software that we have. Imports bring it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from bifang.core.admin.base import RecordScreen, shortened
from secops_agent.models import Component
from secops_agent.services import links


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


@admin.register(Component)
class ComponentScreen(RecordScreen):
    """Software on our assets."""

    list_display = ("name", "version", "where", "component_type", "distro", "active", "source", "last_seen")
    list_filter = ("active", "ecosystem", "source")
    search_fields = ("name", "=purl", "asset__name")
    search_help_text = "按名称、资产搜索，或完整的 purl"
    list_select_related = ("asset",)
    ordering = ("name", "id")
    fields = (
        "name", "version", "where", "purl", "component_type", "ecosystem", "distro", "location", "licenses", "active", "source",
        "first_seen", "last_seen",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Component]:
        """With their assets."""
        rows: QuerySet[Component] = super().get_queryset(request)
        return rows.select_related("asset")

    @admin.display(description="资产", ordering="asset__name")
    def where(self, row: Component) -> SafeString:
        """Linked."""
        return format_html(
            '<a class="bf-link" href="{}">{}</a>', links.asset(row.asset_id), shortened(row.asset.name, 40)
        )
