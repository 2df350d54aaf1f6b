"""收件箱, 发件箱 and 工作进程: what came in, what went out, who works."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.channels import handling, outbox
from bifang.channels.models import OPEN, InboxRow, LeasedRow, OutboxRow, State, Worker
from bifang.core.admin.base import (
    NOTHING,
    RecordScreen,
    as_json,
    badge,
    moment,
    preformatted,
    shortened,
)
from bifang.core.admin.panels import Card, register_cards
from bifang.core.groups import ADMINISTRATOR, AUDITOR, OPERATOR, grant

READ_TEXT = "channels.read_private_text"
MAY_NOT_READ = "无权查看聊天内容"
TONES = {State.PENDING: "info", State.LEASED: "info", State.DONE: "ok", State.DEAD: "bad"}
MOST_COUNTED = 1000
ALIVE = timedelta(seconds=30)

grant(OPERATOR, "channels.view_*", "channels.change_inboxrow", "channels.change_outboxrow")
grant(AUDITOR, "channels.view_*", READ_TEXT)
grant(ADMINISTRATOR, "channels.*")


class RowScreen(RecordScreen):
    """Common to both boxes. Text is for those with the permission; a webhook is never shown to anyone."""

    list_select_related = ("config",)
    ordering = ("-id",)
    list_before_template = "admin/channels/states.html"
    text_fields: tuple[str, ...] = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With one click to each state."""
        chosen = request.GET.get("state__exact", "")
        pills = [("", "全部"), *State.choices]
        context = {"bf_pills": [(value, label, value == chosen) for value, label in pills]}
        return super().changelist_view(request, context | (extra_context or {}))

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: LeasedRow) -> SafeString:
        """The state, coloured."""
        return badge(str(State(row.state).label), TONES[State(row.state)])

    @admin.display(description="最近错误")
    def error(self, row: LeasedRow) -> SafeString | str:
        """Short, whole when pointed at."""
        return shortened(row.last_error, 40)

    @admin.display(description="原因")
    def reason(self, row: LeasedRow) -> SafeString | str:
        """Whole, with its time."""
        if not row.last_error:
            return NOTHING
        return format_html('<div class="bf-error">{}</div>{}', row.last_error, moment(row.last_error_at))

    @admin.display(description="最早处理时间")
    def waits_until(self, row: LeasedRow) -> SafeString | str:
        """When it is tried again."""
        return moment(row.not_before)

    @admin.display(description="配置")
    def config_link(self, row: LeasedRow) -> SafeString | str:
        """To the configuration, if it is not archived."""
        if row.config.archived_at:
            return f"{row.config}（已归档）"
        return link("core_systemconfig", row.config_id, str(row.config))

    @admin.display(description="内容")
    def hidden_text(self, row: LeasedRow) -> str:
        """Instead of the text."""
        return MAY_NOT_READ

    def readable(self, request: HttpRequest, names: Iterable[str]) -> list[str]:
        """`names`, with the private ones replaced for those who may not read them."""
        if request.user.has_perm(READ_TEXT):
            return list(names)
        kept = [name for name in names if name not in self.text_fields]
        place = next((i for i, name in enumerate(names) if name in self.text_fields), len(kept))
        return [*kept[:place], "hidden_text", *kept[place:]]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without private text where it may not be read."""
        return self.readable(request, self.list_display)  # type: ignore[arg-type]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without private text where it may not be read."""
        return self.readable(request, self.fields)  # type: ignore[arg-type]


def link(page: str, pk: Any, text: str) -> SafeString:
    """A link to a change page; `page` is app_model."""
    return format_html(
        '<a class="bf-link" href="{}">{}</a>', reverse(f"admin:{page}_change", args=[pk]), text
    )


@admin.register(InboxRow)
class InboxScreen(RowScreen):
    """What was received, and what became of it."""

    list_display = ("id", "received", "kind", "state_badge", "config", "who", "words", "error")
    list_filter = ("state", "kind", "config", "is_group", "received_at")
    search_fields = ("=external_id", "=conversation_id", "=sender_id")
    search_help_text = "按消息 ID、会话 ID 或发送人 ID 搜索（完整匹配）"
    actions = ("reprocess",)
    text_fields = ("words", "whole_text", "data")
    fields = (
        "external_id", "kind", "state_badge", "reason", "config_link", "conversation_id", "sender_id", "chat_kind", "priority",
        "whole_text", "data", "replies", "received", "handled", "attempts", "waits_until", "owner",
    )  # fmt: skip

    @admin.display(description="收到时间", ordering="id")
    def received(self, row: InboxRow) -> SafeString | str:
        """When it was stored."""
        return moment(row.received_at)

    @admin.display(description="完成时间")
    def handled(self, row: InboxRow) -> SafeString | str:
        """When it was answered or given up."""
        return moment(row.handled_at)

    @admin.display(description="发送人")
    def who(self, row: InboxRow) -> str:
        """The sender, and whether in a group."""
        return " · ".join(part for part in (row.sender_id, self.chat_kind(row)) if part) or NOTHING

    @admin.display(description="会话类型")
    def chat_kind(self, row: InboxRow) -> str:
        """Group or private."""
        return ("群聊" if row.is_group else "单聊") if row.conversation_id else ""

    @admin.display(description="优先")
    def priority(self, row: InboxRow) -> str:
        """Whether it went before running turns."""
        return "是（不排在处理中的消息之后）" if row.urgent else "否"

    @admin.display(description="内容")
    def words(self, row: InboxRow) -> SafeString | str:
        """The beginning of the text."""
        return shortened(row.text, 40)

    @admin.display(description="内容")
    def whole_text(self, row: InboxRow) -> SafeString | str:
        """The text."""
        return preformatted(row.text)

    @admin.display(description="数据")
    def data(self, row: InboxRow) -> SafeString | str:
        """What the channel kept of the frame; addresses with a token in them are not part of it."""
        return as_json(row.payload)

    @admin.display(description="回复")
    def replies(self, row: InboxRow) -> SafeString | str:
        """The replies, linked."""
        rows = row.replies.only("id", "state", "created_at")
        lines = [
            (
                link("channels_outboxrow", reply.pk, f"#{reply.pk}"),
                self.state_badge(reply),
                moment(reply.created_at),
            )
            for reply in rows
        ]
        return format_html_join("", "<div>{} {} {}</div>", lines) or NOTHING

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxRow]:
        """Sealed columns are not even read; the big ones only on the page of one row."""
        rows: QuerySet[InboxRow] = super().get_queryset(request)
        rows = rows.defer("webhook", "unreadable")
        return (
            rows
            if request.resolver_match and "object_id" in request.resolver_match.kwargs
            else rows.defer("payload")
        )

    @admin.action(description="重新处理", permissions=["operate"])
    def reprocess(self, request: HttpRequest, queryset: QuerySet[InboxRow]) -> None:
        """Dead and handled rows go back to waiting."""
        report(request, handling.reprocess, queryset, "重新处理", "正在处理的和无法读取的消息不能重新处理。")


@admin.register(OutboxRow)
class OutboxScreen(RowScreen):
    """What was to be sent, and whether it arrived."""

    list_display = ("id", "created", "state_badge", "config", "source", "words", "error")
    list_filter = ("state", "config", "route", "created_at")
    search_fields = (
        "=key",
        "=receipt",
        "=inbox__external_id",
        "=inbox__sender_id",
        "=inbox__conversation_id",
    )
    search_help_text = "按标识、回执、来源消息 ID、会话 ID 或发送人 ID 搜索（完整匹配）"
    actions = ("resend",)
    text_fields = ("words", "title", "whole_text")
    fields = (
        "key", "state_badge", "reason", "config_link", "source", "route_label", "receipt", "at_staff_id", "address",
        "title", "whole_text", "created", "sent", "attempts", "waits_until", "owner",
    )  # fmt: skip

    @admin.display(description="创建时间", ordering="id")
    def created(self, row: OutboxRow) -> SafeString | str:
        """When it was written."""
        return moment(row.created_at)

    @admin.display(description="送达时间")
    def sent(self, row: OutboxRow) -> SafeString | str:
        """When the remote side accepted it."""
        return moment(row.sent_at)

    @admin.display(description="途径", ordering="route")
    def route_label(self, row: OutboxRow) -> str:
        """How it went out."""
        names = {"webhook": "会话 Webhook", "group": "群消息接口", "private": "单聊接口", "card": "卡片"}
        return names.get(row.route, row.route) or NOTHING

    @admin.display(description="来自")
    def source(self, row: OutboxRow) -> SafeString | str:
        """The message it answers."""
        return link("channels_inboxrow", row.inbox_id, f"#{row.inbox_id}") if row.inbox_id else NOTHING

    @admin.display(description="地址")
    def address(self, row: OutboxRow) -> str:
        """Conversation and person; no webhook."""
        target = row.target or {}
        kind = "群聊" if target.get("is_group") else "单聊"
        return " · ".join(
            part for part in (kind, target.get("conversation_id"), target.get("staff_id")) if part
        )

    @admin.display(description="内容")
    def words(self, row: OutboxRow) -> SafeString | str:
        """The beginning of the text."""
        return shortened(row.text, 40)

    @admin.display(description="内容")
    def whole_text(self, row: OutboxRow) -> SafeString | str:
        """The text."""
        return preformatted(row.text)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxRow]:
        """The sealed column is not even read."""
        rows: QuerySet[OutboxRow] = super().get_queryset(request)
        return rows.defer("webhook")

    @admin.action(description="重新发送", permissions=["operate"])
    def resend(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """Dead rows go back to waiting."""
        report(request, outbox.resend, queryset, "重新发送", "只有「死信」可以重新发送。")


def report(request: HttpRequest, act: Any, rows: QuerySet[Any], word: str, rule: str) -> None:
    """Run `act` on the rows and say how many it took and how many it left."""
    asked = rows.count()
    # The list's order and joins have no place in an UPDATE.
    done = act(rows.model.objects.filter(pk__in=list(rows.order_by().values_list("pk", flat=True))))
    if done:
        messages.success(request, f"已将 {done} 条放回队列，等待{word}。")
    if asked > done:
        messages.warning(request, f"{asked - done} 条没有变化：{rule}")


@admin.register(Worker)
class WorkerScreen(RecordScreen):
    """Who works right now."""

    list_display = (
        "owner",
        "alive",
        "host",
        "pid",
        "scope_label",
        "started",
        "heartbeat",
        "running",
        "waiting",
    )
    fields = list_display
    search_fields = ("owner", "host")
    ordering = ("-heartbeat_at",)

    @admin.display(description="状态")
    def alive(self, worker: Worker) -> SafeString:
        """By the heartbeat."""
        return (
            badge("运行中", "ok") if timezone.now() - worker.heartbeat_at < ALIVE else badge("已失联", "bad")
        )

    @admin.display(description="范围")
    def scope_label(self, worker: Worker) -> str:
        """What it serves."""
        return f"配置 {worker.scope}" if worker.scope.isdecimal() else worker.scope or "全部配置"

    @admin.display(description="启动时间", ordering="started_at")
    def started(self, worker: Worker) -> SafeString | str:
        """Start of the process."""
        return moment(worker.started_at)

    @admin.display(description="心跳", ordering="heartbeat_at")
    def heartbeat(self, worker: Worker) -> SafeString | str:
        """Last sign of life."""
        return moment(worker.heartbeat_at)


def dead_letters(model: type[LeasedRow]) -> int:
    """How many dead letters a box holds, counted no further than `MOST_COUNTED`."""
    return model._default_manager.filter(state=State.DEAD).order_by()[:MOST_COUNTED].count()


def _figure(count: int) -> str:
    return f"{count}" if count < MOST_COUNTED else f"{MOST_COUNTED - 1}+"


def inbox_badge(request: HttpRequest) -> str:
    """For the menu: dead letters of the inbox, nothing if there are none."""
    return _badge(request, InboxRow)


def outbox_badge(request: HttpRequest) -> str:
    """For the menu: dead letters of the outbox, nothing if there are none."""
    return _badge(request, OutboxRow)


def _badge(request: HttpRequest, model: type[LeasedRow]) -> str:
    """The menu asks for the same badge several times a page; the answer is kept on the request."""
    kept: dict[type[LeasedRow], str] = request.__dict__.setdefault("bf_dead_letters", {})
    if model not in kept:
        allowed = request.user.has_perm(f"channels.view_{model._meta.model_name}")
        count = dead_letters(model) if allowed else 0
        kept[model] = _figure(count) if count else ""
    return kept[model]


def message_cards(request: HttpRequest) -> list[Card]:
    """The last 24 hours, what waits, what is dead, who works. Every count uses an index."""
    if not request.user.has_perm("channels.view_inboxrow"):
        return []
    day = timezone.now() - timedelta(days=1)
    waiting = InboxRow.objects.filter(state__in=OPEN).count()
    answered = InboxRow.objects.filter(kind="chat", handled_at__gte=day, state=State.DONE).count()
    sent = OutboxRow.objects.filter(sent_at__gte=day).count()
    inbox_page, outbox_page = (
        reverse(f"admin:channels_{name}_changelist") for name in ("inboxrow", "outboxrow")
    )
    return [
        Card(
            "收到消息",
            f"{answered + waiting}",
            f"近 24 小时；{waiting} 条等待处理",
            icon="inbox",
            link=inbox_page,
        ),
        Card(
            "已回复",
            f"{sent}",
            f"近 24 小时送达；{answered} 条消息已处理",
            "ok" if sent else "idle",
            "outbox",
            outbox_page,
        ),
        *_dead_cards(inbox_page, outbox_page),
        _worker_card(),
    ]


def _dead_cards(inbox_page: str, outbox_page: str) -> list[Card]:
    received, unsent = dead_letters(InboxRow), dead_letters(OutboxRow)
    page = outbox_page if unsent and not received else inbox_page
    note = f"收件箱 {_figure(received)}，发件箱 {_figure(unsent)}" if received + unsent else "没有失败的消息"
    tone = "bad" if received + unsent else "ok"
    return [Card("死信", _figure(received + unsent), note, tone, "report", f"{page}?state__exact=dead")]


def _worker_card() -> Card:
    alive = Worker.objects.filter(heartbeat_at__gte=timezone.now() - ALIVE).count()
    note = "心跳正常" if alive else "没有工作进程，消息不会被处理"
    page = reverse("admin:channels_worker_changelist")
    return Card("工作进程", f"{alive}", note, "ok" if alive else "bad", "memory", page)


register_cards(20, message_cards)
