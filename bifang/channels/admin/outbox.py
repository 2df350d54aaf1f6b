"""发件箱: what was to be sent, and whether it arrived."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from bifang.channels.admin.addressees import call_receivers, group_of, person_of, receiver
from bifang.channels.admin.rows import RowScreen, link
from bifang.channels.models import OutboxRow
from bifang.channels.queues import outbox
from bifang.core.admin.base import NOTHING, cell, column, moment, once, preformatted, shortened


@admin.register(OutboxRow)
class OutboxScreen(RowScreen):
    """What was to be sent, and whether it arrived."""

    list_display = ("id", "created", "state_badge", "config", "who", "source", "words", "error")
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
    retry = "resend"
    retry_word = "重新发送"
    retry_means = (
        "消息回到队列，再发送一次。「结果未知」的可能已经送达：对方可能看到两遍。"
        "会话 Webhook 过期的改用接口发送，会计入接口用量。"
    )
    text_fields = ("words", "title", "whole_text")
    fields = (
        "key", "state_badge", "reason", "config_link", "source", "route_label", "receipt", "mentioned", "address",
        "title", "whole_text", "created", "sent", "attempts", "waits_until", "owner",
    )  # fmt: skip

    created = column("created_at", "创建时间", moment, ordering="id")
    sent = column("sent_at", "送达时间", moment)

    @admin.display(description="途径", ordering="route")
    def route_label(self, row: OutboxRow) -> str:
        """How it went out."""
        names = {
            "webhook": "会话 Webhook",
            "group": "群消息接口",
            "private": "单聊接口",
            "card": "卡片",
            "robot": "自定义机器人",
        }
        return names.get(row.route, row.route) or NOTHING

    source = cell(
        "来自",
        lambda row: link("channels_inboxrow", row.inbox_id, f"#{row.inbox_id}") if row.inbox_id else NOTHING,
    )

    def look_up(self, rows: Sequence[Any]) -> None:
        """Names of people and groups."""
        call_receivers(rows)

    who = cell("发给谁", lambda row: receiver(row) or NOTHING)

    @admin.display(description="地址")
    @once
    def address(self, row: OutboxRow) -> SafeString | str:
        """Conversation and person; no webhook."""
        target = row.target or {}
        if target.get("robot"):
            return "自定义机器人 ****"
        place, person = str(target.get("conversation_id") or ""), str(target.get("staff_id") or "")
        parts = ["群聊" if target.get("is_group") else "单聊"]
        parts += [group_of(row.config_id, place)] if place else []
        parts += [person_of(row.config_id, person)] if person else []
        return format_html_join(" · ", "{}", ((part,) for part in parts))

    @admin.display(description="@谁")
    @once
    def mentioned(self, row: OutboxRow) -> SafeString | str:
        """Who is mentioned in the group."""
        return person_of(row.config_id, row.at_staff_id)

    words = cell("内容", lambda row: shortened(row.said, 40))

    whole_text = column("said", "内容", preformatted)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxRow]:
        """The sealed column is not even read."""
        rows: QuerySet[OutboxRow] = super().get_queryset(request)
        return rows.defer("webhook")

    @admin.action(description="重新发送", permissions=["operate"])
    def resend(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> HttpResponse | None:
        """Rows that were given up go back to waiting."""
        return self.ask_or_do(request, queryset, outbox.resend, "只有「死信」和「结果未知」可以重新发送。")
