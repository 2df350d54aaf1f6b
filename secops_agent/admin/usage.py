"""模型用量 and 模型价格: what was spent, and what it is reckoned by."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, RecordScreen, Screen, moment
from bifang.core.admin.panels import Panel, register_cards
from secops_agent.models import Action, ActionState, ModelPrice, TurnUsage
from secops_agent.services.operations.usage import MICRO, spent_today


@admin.register(TurnUsage)
class UsageScreen(RecordScreen):
    """One line a turn that asked a model."""

    list_display = ("id", "when", "model", "person", "input_tokens", "output_tokens", "cached_tokens", "yuan")
    list_filter = ("model", "day")
    search_fields = ("=person", "=inbox_id")
    search_help_text = "按提问人（企业:员工 ID）或消息编号搜索（完整匹配）"
    date_hierarchy = None
    fields = (
        "id", "when", "model", "person", "input_tokens", "output_tokens", "cached_tokens", "yuan", "config_id",
        "ai_config_id", "inbox_id",
    )  # fmt: skip

    @admin.display(description="时间", ordering="id")
    def when(self, row: TurnUsage) -> SafeString | str:
        """When the turn ended."""
        return moment(row.at)

    @admin.display(description="费用（元）", ordering="cost")
    def yuan(self, row: TurnUsage) -> str:
        """What it cost; a dash for a model without a price."""
        return NOTHING if row.cost is None else f"{row.cost / MICRO:.4f}"


@admin.register(ModelPrice)
class PriceScreen(Screen):
    """Editable: prices change. Past turns keep their cost."""

    list_display = ("prefix", "input_price", "output_price", "cached_price")
    search_fields = ("prefix",)


def decision_cards(request: HttpRequest) -> list[Panel]:
    """What nobody knows the result of, and what today cost."""
    pages = {name: reverse(f"admin:secops_agent_{name}_changelist") for name in ("action", "turnusage")}
    cards = []
    if request.user.has_perm("secops_agent.view_action"):
        unknown = Action.objects.filter(state=ActionState.UNKNOWN).count()
        page, tone = f"{pages['action']}?state__exact=unknown", "bad" if unknown else "ok"
        cards.append(Panel("结果未知的动作", f"{unknown}", "需要人工核实", tone, "help", page))
    if request.user.has_perm("secops_agent.view_turnusage"):
        cards.append(_spent(pages["turnusage"]))
    return cards


def _spent(page: str) -> Panel:
    spent = spent_today()
    note = f"{spent.turns} 次，{spent.tokens} token"
    return Panel("今日模型费用", f"{spent.cost / MICRO:.2f} 元", note, "idle", "payments", page)


register_cards(30, decision_cards)
