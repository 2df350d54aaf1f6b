"""接口用量: both quotas with their forecast, what each purpose took, and what was held back."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse

from bifang.core.admin.base import RecordScreen
from bifang.core.admin.panels import CARDS, Panel
from dingtalk_integration.models import ApiUsage, Purpose
from dingtalk_integration.quotas.quota import MEANINGS, Standing, quota_usage
from dingtalk_integration.quotas.quota_warnings import WARN_AT
from dingtalk_integration.webhook.page import callback_page
from secops_agent.services.notifications.delivery import digests


def _tone(one: Standing) -> str:
    return "bad" if one.percent >= WARN_AT[2] else "warn" if one.percent >= WARN_AT[0] else "info"


def _row(one: Standing) -> dict[str, Any]:
    return {
        "corp": one.corp_id,
        "ledger": one.ledger.label,
        "total": f"{one.total:,}",
        "limit": f"{one.limit:,}" if one.limit else "",
        "percent": one.percent,
        "tone": _tone(one),
        "forecast": f"{one.forecast:,}",
        "over": bool(one.limit) and one.forecast >= one.limit,
        "resets": one.month.resets,
        "purposes": [(each.label, f"{one.used.get(each, 0):,}") for each in Purpose],
        "refused_at": one.refused_at,
        "step": MEANINGS[one.step],
    }


@admin.register(ApiUsage)
class ApiUsageScreen(RecordScreen):
    """Calls by day, application, kind and purpose; above them what they add up to."""

    when_empty = "还没有调用过钉钉的接口：收到第一条消息、发出第一条通知以后，这里按天记数。"
    way = ("core.systemconfig", "系统配置（额度与重置日）")
    list_display = ("day", "client_id", "family", "purpose", "calls")
    list_filter = ("family", "purpose", "day")
    search_fields = ("client_id",)
    fields = ("day", "client_id", "family", "purpose", "calls")
    list_before_template = "admin/dingtalk_integration/quota.html"

    def get_urls(self) -> list[URLPattern]:
        """With the page of a configuration's HTTP callbacks, which has no list of its own."""
        view = self.admin_site.admin_view(callback_page)
        return [path("callbacks/<int:config_id>/", view, name="dingtalk_callback_page"), *super().get_urls()]

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With both quotas of each organisation."""
        return {"bf_quotas": [_row(one) for one in quota_usage()], "bf_held": digests.waiting()}


def quota_cards(request: HttpRequest) -> Iterable[Panel]:
    """The quota that is nearest to its end, as soon as something was used."""
    if not request.user.has_perm("dingtalk_integration.view_apiusage"):
        return []
    found = [one for one in quota_usage() if one.total or one.refused_at]
    if not found:
        return []
    one = max(found, key=lambda each: (each.percent, each.total))
    page = reverse("admin:dingtalk_integration_apiusage_changelist")
    value = f"{one.percent}%" if one.limit or one.refused_at else f"{one.total:,}"
    held = digests.waiting() if one.step != "full" else 0
    note = one.describe() + (f"。有 {held} 条告警消息留到下一次汇总" if held else "")
    return [Panel("钉钉额度", value, note, _tone(one), "data_usage", page)]


CARDS.add(quota_cards, place=15)
