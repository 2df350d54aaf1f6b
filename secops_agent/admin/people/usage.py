"""模型用量 and 模型价格: what was spent, and what it is reckoned by."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Greatest, StrIndex, Substr
from django.http import HttpRequest
from django.urls import reverse

from bifang.core.admin.base import NOTHING, RecordScreen, Screen, ago, cell, column
from bifang.core.admin.panels import CARDS, Panel
from secops_agent.models import Action, ActionState, ModelPrice, Staff, TurnUsage
from secops_agent.services.operations.usage import MICRO, spending, spent_today, unpriced_models


@admin.register(TurnUsage)
class UsageScreen(RecordScreen):
    """One line a turn that asked a model."""

    purpose = "每问模型一次记一行：谁问的、用了多少、花了多少。费用按问的时候的价格算，以后改价格不影响它。"
    when_empty = "还没有问过模型。添加通义千问或自建模型的配置并在聊天配置里选用以后，每次提问都记在这里；离线模式不花钱，也不记。"
    way = ("secops_agent.modelprice", "模型价格")
    list_before_template = "admin/secops_agent/usage.html"
    list_display = ("when", "model", "asker", "tokens", "yuan")
    list_display_links = ("when",)
    list_filter = ("model", "day")
    search_fields = ("=person", "=inbox_id")
    search_help_text = "按提问人（企业:员工 ID）或消息编号搜索（完整匹配）"
    date_hierarchy = None
    fields = (
        "id", "at", "model", "asker", "input_tokens", "output_tokens", "cached_tokens", "yuan", "config_id",
        "ai_config_id", "inbox_id",
    )  # fmt: skip

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With what it adds up to."""
        return {"bf_spending": spending()}

    when = column("at", "时间", ago, ordering="id")

    asker = cell("提问人", lambda row: row.name or row.person or NOTHING, ordering="person")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TurnUsage]:
        """With the names of those who asked: ``person`` is corporation:staff id."""
        colon = StrIndex("person", Value(":"))
        told = (
            super()
            .get_queryset(request)
            .annotate(corp=Substr("person", 1, Greatest(colon - 1, 0)), staff_id=Substr("person", colon + 1))
        )
        of = Staff.objects.filter(Q(corp_id="") | Q(corp_id=OuterRef("corp")), staff_id=OuterRef("staff_id"))
        found: QuerySet[TurnUsage] = told.annotate(name=Subquery(of.order_by("-corp_id").values("name")[:1]))
        return found

    @admin.display(description="Token（输入 / 输出）", ordering="input_tokens")
    def tokens(self, row: TurnUsage) -> str:
        """In and out; how much of what went in was cached."""
        cached = f"，缓存 {row.cached_tokens:,}" if row.cached_tokens else ""
        return f"{row.input_tokens:,} / {row.output_tokens:,}{cached}"

    yuan = cell(
        "费用（元）", lambda row: NOTHING if row.cost is None else f"{row.cost / MICRO:.4f}", ordering="cost"
    )


@admin.register(ModelPrice)
class PriceScreen(Screen):
    """Editable: prices change. Past turns keep their cost."""

    purpose = "模型每百万 token 多少元，用来算费用和每天的预算。按模型名的开头找，最长的优先：qwen-plus-latest 用 qwen-plus 的价格。"
    when_empty = "没有价格，就不知道花了多少，也不会因预算停下。照服务商的价目表填，例如 qwen-plus：输入 0.8、输出 2、缓存 0.16。"
    way = ("secops_agent.turnusage", "模型用量")
    list_before_template = "admin/secops_agent/prices.html"
    list_display = ("prefix", "input_price", "output_price", "cached_price")
    search_fields = ("prefix",)

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With the models that were asked and have none."""
        return {"bf_unpriced": unpriced_models(), "bf_may_add": self.has_add_permission(request)}


def decision_cards(request: HttpRequest) -> list[Panel]:
    """What nobody knows the result of, and what today cost."""
    cards = []
    if request.user.has_perm("secops_agent.view_action"):
        unknown = Action.objects.filter(state=ActionState.UNKNOWN).count()
        page, tone = f"{reverse('web:approvals')}?tab=unknown", "bad" if unknown else "ok"
        cards.append(Panel("结果未知的动作", f"{unknown}", "需要人工核实", tone, "help", page))
    if request.user.has_perm("secops_agent.view_turnusage"):
        cards.append(_spent(reverse("admin:secops_agent_turnusage_changelist")))
    return cards


def _spent(page: str) -> Panel:
    spent = spent_today()
    note = f"{spent.turns} 次，{spent.tokens} token"
    return Panel("今日模型费用", f"{spent.cost / MICRO:.2f} 元", note, "idle", "payments", page)


CARDS.add(decision_cards, place=30)
