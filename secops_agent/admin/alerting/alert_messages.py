"""告警消息: what was told of alerts, what was held back and why, what could not be delivered."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import CharField, Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.channels.admin.rows import AGAIN, RetriedScreen
from bifang.channels.models import ON_ITS_WAY, OPEN, RETRIED, TRIED_AGAIN, OutboxRow
from bifang.core.admin.base import NOTHING, RecordScreen, badge, column, moment
from bifang.core.admin.panels import Panel
from secops_agent.admin.inventory import actor_of
from secops_agent.models import AlertMessage, AlertMessageItem, MessageState, NotificationTarget, WakeCall
from secops_agent.services import links
from secops_agent.services.lost_messages import tell_again
from secops_agent.services.notifications.delivery.progress import MADE_GOOD
from secops_agent.services.notifications.targets import describe, know_groups, place_of
from secops_agent.services.notifications.views import called_of

TONES = {
    MessageState.WAITING: "info", MessageState.SHOWN: "ok", MessageState.HELD: "warn", MessageState.UNDELIVERABLE: "bad",
    MessageState.UNKNOWN: "warn", MessageState.ENDED: "idle",
}  # fmt: skip
SHOWN = 20
MOST_COUNTED = 100


def message_badge(state: str) -> SafeString:
    """Where a message stands, coloured."""
    return badge(str(MessageState(state).label), TONES[MessageState(state)])


def reaching_cards(request: HttpRequest) -> list[Panel]:
    """Targets of enabled rules that nobody can be told at, if there are any; for the top of the first page."""
    if not request.user.has_perm("secops_agent.view_notificationrule"):
        return []
    rows = (
        NotificationTarget.objects.filter(rule__enabled=True).exclude(last_error="").order_by("last_error_at")
    )
    troubled = list(rows.select_related("config", "staff", "schedule")[:MOST_COUNTED])
    if not troubled:
        return []
    note = f"{place_of(troubled[0])}：{troubled[0].last_error}"[:160]
    page = reverse("admin:secops_agent_notificationrule_changelist")
    return [Panel("无法送达的目标", f"{len(troubled)}", note, "bad", "notifications_off", page)]


WEEK = timedelta(days=7)


def message_state(request: HttpRequest) -> tuple[str, str]:
    """For its card: how many could not be delivered in a week, why the last one, and the tone."""
    kinds = [value for value, _ in AlertMessage._meta.get_field("kind").choices or ()]  # for the index
    recent = AlertMessage.objects.filter(kind__in=kinds, opened_at__gt=timezone.now() - WEEK)
    lost = recent.filter(state=MessageState.UNDELIVERABLE).values_list("reason", flat=True)
    if reasons := list(lost[:MOST_COUNTED]):
        return f"一周内 {_counted(reasons)} 条无法送达：{reasons[0]}"[:120], "bad"
    trying = OutboxRow.objects.filter(RETRIED, key__startswith="note:alert:").values_list(
        "last_error", flat=True
    )
    if reasons := list(trying[:MOST_COUNTED]):
        return f"{_counted(reasons)} 条正在重试：{reasons[0]}"[:120], "warn"
    late = recent.filter(state__in=(MessageState.SHOWN, MessageState.ENDED), reason__startswith=MADE_GOOD)
    if made_good := list(late.values_list("reason", flat=True)[:MOST_COUNTED]):
        return f"一周内 {_counted(made_good)} 条{made_good[0]}"[:120], "ok"
    return "一周内没有无法送达的", "ok"


def _counted(found: Sequence[str]) -> str:
    return f"{len(found)}{'+' * (len(found) == MOST_COUNTED)}"


@admin.register(AlertMessage)
class AlertMessageScreen(RetriedScreen):
    """The system writes these; people see where each message stands."""

    list_display = ("opened", "about", "state_badge", "place", "trouble")
    actions = ("try_again",)
    retry = "try_again"
    states = MessageState
    list_filter = ("state", "kind", "target__rule", "opened_at")
    list_select_related = ("target__rule", "target__config", "target__staff", "target__schedule", "staff")
    search_fields = ("=alerts__id", "reason")
    search_help_text = "按告警编号（A12）或原因搜索"
    fields = ("kind", "state_badge", "reason", "rule", "place", "alert_lines", "opened", "due", "sent")
    list_before_template = "admin/channels/states.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertMessage]:
        """With the number of alerts, and the first one."""
        found: QuerySet[AlertMessage] = super().get_queryset(request).prefetch_related("calls__staff")
        first = AlertMessageItem.objects.filter(message=OuterRef("pk")).order_by("pk")
        may = Value(self.has_operate_permission(request))
        number, shown = (Cast(OuterRef(name), CharField()) for name in ("pk", "shown"))
        key = Concat(Value("note:alert:"), number, Value(":"), shown)
        alert, title = (Subquery(first.values(name)[:1]) for name in ("alert_id", "alert__title"))
        return found.annotate(
            alert_number=Count("items"),
            first_alert=alert,
            first_title=title,
            may_operate=may,
            attempts=Subquery(OutboxRow.objects.filter(key=key, state__in=OPEN).values("attempts")[:1]),
        )

    def look_up(self, rows: Sequence[Any]) -> None:
        """The groups' names."""
        know_groups(row.target for row in rows)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """A12 as people write it."""
        bare = re.sub(r"^[Aa](?=[0-9]+$)", "", search_term.strip())
        return super().get_search_results(request, queryset, bare)

    @admin.action(description="立即重试", permissions=["operate"])
    def try_again(self, request: HttpRequest, rows: QuerySet[AlertMessage]) -> None:
        """Those that could not be delivered."""
        asked, done = rows.count(), tell_again(rows, actor_of(request))
        if done:
            messages.success(request, f"{done} 条马上重试，几秒后刷新看结果；仍无法送达的会写明原因。")
        if left := asked - done:
            messages.warning(request, f"{left} 条没有变化：只有「无法送达」的可以重试。")

    @admin.display(description="开始", ordering="id")
    def opened(self, row: AlertMessage) -> SafeString | str:
        """When there was something to tell, when it was told, and when that was changed last."""
        more = format_html("，更新 {}", moment(row.updated_at)) if row.updated_at else ""
        sent = moment(row.first_sent_at)
        return format_html('{}<div class="bf-note">发送 {}{}</div>', moment(row.opened_at), sent, more)

    due = column("due_at", "最早发送", moment)
    sent = column("sent_at", "最近发送", moment, ordering="sent_at")

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: Any) -> SafeString:
        """Where it stands; on its way, whether it failed before."""
        if row.attempts is None:
            return message_badge(row.state)
        return badge(TRIED_AGAIN, "warn") if row.attempts else badge(ON_ITS_WAY, "info")

    @admin.display(description="规则")
    def rule(self, row: AlertMessage) -> SafeString:
        """The first rule that wanted it."""
        address = reverse("admin:secops_agent_notificationrule_change", args=[row.target.rule_id])
        return format_html('<a class="bf-link" href="{}">{}</a>', address, row.target.rule)

    @admin.display(description="发给谁")
    def place(self, row: AlertMessage) -> SafeString:
        """The target, or the one of several that is meant, and the rule that wanted it."""
        said = f"个人 {row.staff}" if row.staff else describe(row.target)
        return format_html('{}<div class="bf-note">规则 {}</div>', said, self.rule(row))

    @admin.display(description="原因")
    def trouble(self, row: Any) -> SafeString:
        """Why it stands so; with a button where somebody can do something."""
        again = row.state == MessageState.UNDELIVERABLE and row.may_operate
        button = format_html('<button type="submit" class="bf-button bf-small" name="{}" value="{}">立即重试</button>', AGAIN, row.pk)  # fmt: skip
        due = row.state == MessageState.UNDELIVERABLE and row.wanted > row.shown and row.due_at
        when = format_html(" {}自动再试", moment(due)) if due else ""
        return format_html("{}{} {}", row.reason or called_of(row.calls.all()), when, button if again else "")

    @admin.display(description="告警", ordering="alert_number")
    def about(self, row: Any) -> SafeString | str:
        """The first alert that it tells of, and how many they are."""
        if not row.alert_number:
            return NOTHING
        more = f" 等 {row.alert_number} 条" if row.alert_number > 1 else ""
        words = (links.alert(row.first_alert), row.first_alert, (row.first_title or "")[:60], more)
        return format_html(
            '<a class="bf-link" href="{}">A{} {}</a>{}<div class="bf-note">{}</div>',
            *words,
            row.get_kind_display(),
        )

    @admin.display(description="告警")
    def alert_lines(self, row: AlertMessage) -> SafeString | str:
        """Linked."""
        rows = row.alerts.order_by("pk")[:SHOWN].values_list("pk", "title")
        told = ((links.alert(pk), pk, title) for pk, title in rows)
        return format_html_join("", '<div><a class="bf-link" href="{}">A{} {}</a></div>', told) or NOTHING


@admin.register(WakeCall)
class WakeCallScreen(RecordScreen):
    """Whom an escalation called; the system writes these."""

    when_empty = "还没有叫过谁：在通知规则的升级步骤里选「同时怎么叫」，或在「我的」页试拨一次。"
    list_display = ("created", "staff", "means", "standing", "called", "reason", "config")
    list_filter = ("state", "means", "created_at")
    list_select_related = ("staff", "config")
    search_fields = ("staff__name", "reason")
    fields = ("created", "staff", "means", "standing", "called", "reason", "text", "config", "recalled_at")

    created = column("created_at", "提出", moment, ordering="id")
    standing = column("standing", "状态", str, ordering="state")
    called = column("called_at", "呼叫时间", moment, ordering="called_at")
