"""情报清单: which lists there are, what they name, and which alerts hit them."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import NOTHING, CappedPaginator, RecordScreen, Screen, ago, badge, cell, once
from secops_agent.admin.inventory import actor_of, severity_badge
from secops_agent.models import IndicatorList, ListedIndicator
from secops_agent.services import links
from secops_agent.services.intake import retrospect
from secops_agent.services.intelligence import comparing, lists
from secops_agent.services.intelligence.matching import hits_in_force, holding

SHOWN: Final = 50
GUARD: Final = "secops_agent.protect_indicatorlist"


def guards(request: HttpRequest) -> bool:
    """May this person say what must not be blocked?"""
    return request.user.has_perm(GUARD)


class IndicatorListForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What a list does, explained."""

    class Meta:
        model = IndicatorList
        fields = ("name", "enabled", "protects", "origin", "default_days", "severity")
        help_texts = {
            "name": "导入 CSV 时「来源的另一个名字」写它。",
            "protects": "里面的 IP 和网段不能封禁（合作伙伴、公共服务），不作为情报。只有「管理」角色的人可以勾选和修改这样的清单。",
            "origin": "谁给的，例如厂商或内部；给人看。",
            "default_days": "CSV 里没有写有效期的条目多久后失效；留空表示一直有效。",
            "severity": "命中的告警低于它时升到它；不选表示不改变级别。",
        }


@admin.register(IndicatorList)
class IndicatorListScreen(Screen):
    """What a list does; its entries come by import."""

    records_itself = True
    purpose = (
        "别人说是坏的 IP、网段、域名、URL、哈希、邮箱、账号：新告警入库时比对，导入后也回头比对已存的告警。"
        "在「导入任务」里导入 CSV（格式 indicators_csv），「来源的另一个名字」写清单的名称。"
    )
    when_empty = "把厂商或自己的清单存成 CSV（列名 value,type,note,expiry,source），在「导入任务」里导入，清单随之建立。"
    way = ("secops_agent.importjob", "导入任务")
    list_display = ("name", "state", "entry_count", "hit_count", "comparing_words", "severity", "updated_at")
    list_filter = ("enabled",)
    search_fields = ("name", "origin")
    form = IndicatorListForm
    readonly_fields = ("comparing_words", "entries_link", "hits_lately")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one has nothing to show yet."""
        return (*IndicatorListForm.Meta.fields, *(self.readonly_fields if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only an administrator says what must not be blocked."""
        return self.readonly_fields if guards(request) else (*self.readonly_fields, "protects")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of such a list only administrators."""
        free = obj is None or not obj.protects or guards(request)
        return free and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for changing."""
        free = obj is None or not obj.protects or guards(request)
        return free and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[IndicatorList]:
        """With how many entries hold."""
        fresh = Q(entries__expires_at=None) | Q(entries__expires_at__gt=timezone.now())
        rows: QuerySet[IndicatorList] = super().get_queryset(request)
        return rows.annotate(holding=Count("entries", filter=fresh))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Recorded; what is switched on is compared with what came meanwhile."""
        with transaction.atomic():
            lists.save(obj, form.changed_data, actor_of(request))
        retrospect.nudge()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """With its entries and what they hit, in the background."""
        lists.retire(obj, actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[IndicatorList]) -> None:
        """Each by itself."""
        for each in queryset if guards(request) else queryset.filter(protects=False):
            lists.retire(each, actor_of(request))

    @admin.display(description="状态")
    def state(self, row: IndicatorList) -> SafeString:
        """Does it count?"""
        word = "永不封禁" if row.protects else "启用"
        return badge(word, "ok") if row.enabled else badge("停用", "idle")

    entry_count = cell("有效条目", lambda row: f"{row.holding:,}", ordering="holding")

    @admin.display(description="命中的告警")
    def hit_count(self, row: IndicatorList) -> str:
        """Alerts, as long as the list counts."""
        hits = hits_in_force().filter(entry__list=row).values("alert_id").distinct().count()
        return f"{hits:,} 条" if hits else NOTHING

    @admin.display(description="比对已存的告警")
    def comparing_words(self, row: IndicatorList) -> str:
        """How far."""
        found = comparing.progress(row)
        return "已完成" if found.percent == 100 else f"进行中 {found.percent}%"

    @admin.display(description="条目")
    def entries_link(self, row: IndicatorList) -> SafeString:
        """Where they are."""
        url = reverse("admin:secops_agent_listedindicator_changelist")
        return format_html('<a class="bf-link" href="{}?list__id__exact={}">查看全部条目</a>', url, row.pk)

    @admin.display(description="最近命中的告警")
    @once
    def hits_lately(self, row: IndicatorList) -> SafeString | str:
        """The newest."""
        rows = (
            hits_in_force().filter(entry__list=row).select_related("alert", "entry").order_by("-pk")[:SHOWN]
        )
        return format_html_join(
            "", '<div><a class="bf-link" href="{}">A{}</a> {} {}（{}）{}</div>',
            ((links.alert(each.alert_id), each.alert_id, severity_badge(each.alert.severity), visible(each.alert.title)[:80],
              visible(each.entry.value)[:80], ago(each.at)) for each in rows),
        ) or NOTHING  # fmt: skip


class HoldingFilter(admin.SimpleListFilter):
    """Those that count, and those that are over."""

    title = "有效"
    parameter_name = "holding"

    def lookups(self, request: HttpRequest, _: Any) -> list[tuple[str, str]]:
        """As people say."""
        return [("yes", "有效"), ("no", "已过期或停用")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ListedIndicator]
    ) -> QuerySet[ListedIndicator]:
        """By expiry and list."""
        match self.value():
            case "yes":
                return queryset.filter(holding())
            case "no":
                return queryset.exclude(holding())
        return queryset


@admin.register(ListedIndicator)
class ListedIndicatorScreen(RecordScreen):
    """Entries are looked at, searched, and taken out one by one."""

    records_itself = True
    paginator = CappedPaginator
    purpose = "清单里的条目。误收的可以删除：它的命中随之消失；下次导入又会回来，除非从清单文件里去掉。"
    when_empty = "没有条目：在「导入任务」里导入 CSV。"
    way = ("secops_agent.indicatorlist", "情报清单")
    list_display = ("shown", "kind", "list", "note_words", "origin_words", "until")
    list_filter = (HoldingFilter, "kind", "list")
    search_fields = ("value__startswith",)
    search_help_text = "按值的开头搜索"
    fields = ("shown", "kind", "list", "note_words", "origin_words", "expires_at", "created_at")
    list_select_related = ("list",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may change lists."""
        free = obj is None or not obj.list.protects or guards(request)
        return free and request.user.has_perm("secops_agent.delete_listedindicator")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Recorded."""
        lists.drop_entry(obj, actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ListedIndicator]) -> None:
        """Each by itself."""
        for each in queryset if guards(request) else queryset.filter(list__protects=False):
            lists.drop_entry(each, actor_of(request))

    shown = cell("值", lambda row: visible(row.value), ordering="value")

    note_words = cell("说明", lambda row: visible(row.note) or NOTHING)

    origin_words = cell("出处", lambda row: visible(row.origin) or NOTHING)

    @admin.display(description="有效期至", ordering="expires_at")
    def until(self, row: ListedIndicator) -> SafeString | str:
        """When it ends."""
        if row.expires_at and row.expires_at <= timezone.now():
            return badge("已过期", "idle")
        return ago(row.expires_at) if row.expires_at else "长期"
