"""告警: what the sources report, and what people make of it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, HouseList, as_json, badge, moment, preformatted, shortened
from secops_agent.admin.acts import Act, InventoryScreen
from secops_agent.admin.alert_messages import message_badge
from secops_agent.admin.inventory import gravity, lines, severity_badge
from secops_agent.admin.investigations import INVESTIGATE, OPINIONS, panel
from secops_agent.models import Alert, AlertPayload
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.search import narrowed
from secops_agent.services.alerts.timeline import coming
from secops_agent.services.alerts.views import silenced_until
from secops_agent.services.notifications import views
from secops_agent.services.pages import COUNT_CAP

STATUS_TONES = {"open": "warn", "acknowledged": "info", "closed": "idle"}
VERDICT_TONES = {"true_positive": "bad", "false_positive": "idle", "benign": "ok", "duplicate": "idle"}


def _close(verdict: str, pk: int, actor: Actor, note: str, person: str) -> object:
    return triage.close(pk, verdict, actor, note)


_ACKNOWLEDGE = Act("acknowledge", "确认", lambda pk, actor, note, person: triage.acknowledge(pk, actor, note))
_ASSIGN = Act(
    "assign",
    "指派",
    lambda pk, actor, note, person: triage.assign(pk, person, actor, note),
    needs_person=True,
)
_UNASSIGN = Act("unassign", "取消指派", lambda pk, actor, note, person: triage.unassign(pk, actor, note))
_REOPEN = Act("reopen", "重新打开", lambda pk, actor, note, person: triage.reopen(pk, actor, note))
_COMMENT = Act("comment", "添加备注", lambda pk, actor, note, person: triage.comment(pk, actor, note))
_CLOSE = tuple(
    Act(f"close_{value}", f"关闭：{label}", partial(_close, value), final=True)
    for value, label in Verdict.choices
)


class AlertList(HouseList):
    """The house's list; its rows know whether they are silenced."""

    def get_results(self, request: HttpRequest) -> None:
        """As Django's."""
        super().get_results(request)
        rows = list(self.result_list)
        quiet = silenced_until(rows, timezone.now())
        for row in rows:
            row.silenced_until = quiet.get(row.pk)
        self.result_list = rows


@admin.register(Alert)
class AlertScreen(InventoryScreen):
    """List, filters, search; state changes with history."""

    entity = "alert"
    acts = (_ACKNOWLEDGE, _ASSIGN, _UNASSIGN, *_CLOSE, _REOPEN, INVESTIGATE, *OPINIONS)
    comment = _COMMENT
    change_form_outer_before_template = "admin/secops_agent/alert_panels.html"
    list_display = ("id", "headline", "level", "state", "where", "assignee", "seen", "count", "due")
    list_display_links = ("id", "headline")
    list_filter = ("severity", "status", "verdict", "source", "assignee", "last_seen")
    search_fields = ("title",)  # that there is a search; `get_search_results` says what it finds
    search_help_text = "标题、规则、来源、说明中的文字，或一个完整的 IP、域名、哈希"
    list_select_related = ("assignee",)
    ordering = ("-last_seen", "-id")
    fields = (
        "title", "level", "state", "verdict_badge", "assignee", "source", "rule_id", "rule_name", "confidence", "where",
        "about", "techniques_text", "observed", "links", "first_seen", "last_seen", "count", "due", "acknowledged_at",
        "closed_at", "told", "history_of", "payload_json",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        """With the assets of all rows in one query."""
        rows: QuerySet[Alert] = super().get_queryset(request)
        return rows.prefetch_related("assets")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The one that knows of silences."""
        return AlertList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """As Django's; it knows whether it is silenced."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.silenced_until = silenced_until([row], timezone.now()).get(row.pk)
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Alert], search_term: str
    ) -> tuple[QuerySet[Alert], bool]:
        """As the API and the chat find them."""
        term = search_term.strip()
        return (narrowed(queryset, term) if term else queryset), False

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *rest: Any, **more: Any
    ) -> Any:
        """A search counts no further than the lists of the API do."""
        pages = super().get_paginator(request, queryset, per_page, *rest, **more)
        if request.GET.get("q", "").strip():
            pages.cap = COUNT_CAP  # type: ignore[attr-defined]  # the house's paginator
        return pages

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With what was found out about it."""
        row = self.get_object(request, object_id)
        shown = row is not None and self.has_view_permission(request, row)
        context = {"bf_investigation": panel(row)} if shown else {}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def possible(self, row: Any) -> Sequence[Act]:
        """By its state."""
        if row.status == AlertStatus.CLOSED:
            return (_REOPEN,)
        first = (_ACKNOWLEDGE,) if row.status == AlertStatus.OPEN else ()
        return (*first, _ASSIGN, *((_UNASSIGN,) if row.assignee_id else ()), *_CLOSE)

    @admin.display(description="标题", ordering="title")
    def headline(self, row: Alert) -> SafeString | str:
        """Short, whole when pointed at."""
        return shortened(row.title, 50)

    @admin.display(description="级别", ordering=gravity("severity"))
    def level(self, row: Alert) -> SafeString | str:
        """Coloured."""
        return severity_badge(row.severity)

    @admin.display(description="状态", ordering="status")
    def state(self, row: Alert) -> SafeString:
        """Coloured; silenced ones are marked."""
        shown = badge(str(AlertStatus(row.status).label), STATUS_TONES[row.status])
        until: datetime | None = getattr(row, "silenced_until", None)
        if until is None:
            return shown
        told = f"到 {timezone.localtime(until):%m-%d %H:%M} 不发送它的消息"
        return format_html("{} {}", shown, badge("静默", "idle", told))

    @admin.display(description="结论", ordering="verdict")
    def verdict_badge(self, row: Alert) -> SafeString | str:
        """What a person found."""
        return badge(str(Verdict(row.verdict).label), VERDICT_TONES[row.verdict]) if row.verdict else NOTHING

    @admin.display(description="资产")
    def where(self, row: Alert) -> SafeString | str:
        """The assets, linked."""
        from django.urls import reverse

        links = (
            (reverse("admin:secops_agent_asset_change", args=[each.pk]), each.name)
            for each in row.assets.all()
        )
        return format_html_join(" ", '<a class="bf-link" href="{}">{}</a>', links) or NOTHING

    @admin.display(description="最近发生", ordering="last_seen")
    def seen(self, row: Alert) -> SafeString | str:
        """The last occurrence."""
        return moment(row.last_seen)

    @admin.display(description="处理时限", ordering="due_at")
    def due(self, row: Alert) -> SafeString | str:
        """Red when it has passed."""
        late = row.due_at is not None and row.due_at < timezone.now() and row.status != AlertStatus.CLOSED
        return (
            format_html('<span class="bf-error">{}</span>', moment(row.due_at))
            if late
            else moment(row.due_at)
        )

    @admin.display(description="说明")
    def about(self, row: Alert) -> SafeString | str:
        """With line breaks."""
        return preformatted(row.description)

    @admin.display(description="ATT&CK 技术")
    def techniques_text(self, row: Alert) -> str:
        """In one line."""
        return "、".join(row.techniques) or NOTHING

    @admin.display(description="指标")
    def observed(self, row: Alert) -> SafeString | str:
        """Kind and value."""
        return lines(f"{each.get_kind_display()} {each.value}" for each in row.indicators.all())

    @admin.display(description="参考链接")
    def links(self, row: Alert) -> SafeString | str:
        """As text: they come from outside."""
        return lines(row.references)

    @admin.display(description="通知")
    def told(self, row: Alert) -> SafeString | str:
        """Who was told of it, who could not be, what to do, and whose turn it is next."""
        return lines([*(_told(each) for each in views.told_of(row.pk)), *coming(row)])

    @admin.display(description="原始事件")
    def payload_json(self, row: Alert) -> SafeString | str:
        """The source's own event."""
        payload = AlertPayload.objects.filter(alert=row).first()
        return as_json(payload.raw if payload else None)


def _told(view: views.ToldView) -> SafeString:
    shown = badge("正在重试", "warn") if view.retrying else message_badge(view.state)
    return format_html(
        '{} {} {} <span class="bf-error">{}</span>',
        view.place,
        shown,
        moment(view.sent_at) if view.sent_at else "",
        view.reason,
    )
