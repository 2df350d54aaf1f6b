"""收件箱: what was received, and what became of it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from bifang.channels.addressees import names_of
from bifang.channels.admin.addressees import call, group_of, hinted, short_person, whole
from bifang.channels.admin.explanations import raw
from bifang.channels.admin.rows import RowScreen, link
from bifang.channels.models import OPEN, InboxRow, State
from bifang.channels.queues import inbox
from bifang.core.admin.base import NOTHING, as_json, cell, column, moment, once, preformatted, shortened


@admin.register(InboxRow)
class InboxScreen(RowScreen):
    """What was received, and what became of it."""

    list_display = ("id", "received", "what", "state_badge", "config", "who", "words", "error")
    list_filter = ("state", "kind", "config", "is_group", "received_at")
    search_fields = ("=external_id", "=conversation_id", "=sender_id")
    search_help_text = "按消息 ID、会话 ID、发送人 ID 或事件类型（如 user_leave_org）搜索（完整匹配）"
    actions = ("reprocess",)
    retry = "reprocess"
    retry_word = "重新处理"
    retry_means = (
        "消息回到队列，由工作进程从头再处理一遍：提问的人会再收到一次回答（已经回答过的会收到第二遍），"
        "其中的写操作会再提出一次，仍要本人确认或他人审批。"
    )
    text_fields = ("words", "whole_text", "data")
    states = (*OPEN, State.DONE, State.DEAD)
    fields = (
        "external_id", "what", "state_badge", "reason", "config_link", "place", "sender", "chat_kind", "priority",
        "whole_text", "data", "replies", "received", "handled", "attempts", "waits_until", "owner",
    )  # fmt: skip

    received = column("received_at", "收到时间", moment, ordering="id")

    @admin.display(description="种类", ordering="kind")
    def what(self, row: InboxRow) -> str:
        """What it is; the type of an event is no private text."""
        kind = str(row.get_kind_display())
        return f"{kind} {row.text}" if row.kind == "event" and row.text else kind

    handled = column("handled_at", "完成时间", moment)

    @admin.display(description="发送人")
    def who(self, row: InboxRow) -> SafeString | str:
        """The sender, short, and whether in a group."""
        kind = self.chat_kind(row)
        place = hinted(row.room or kind, row.conversation_id) if kind else ""  # type: ignore[attr-defined]  # of the list
        parts = [(part,) for part in (short_person(row, row.sender_id) or NOTHING, place) if part]
        return format_html_join(" · ", "{}", parts)

    @admin.display(description="发送人")
    @once
    def sender(self, row: InboxRow) -> SafeString | str:
        """By name; who is not listed, as they call themselves."""
        known = names_of({(row.config_id, row.sender_id)}).get((row.config_id, row.sender_id), "")
        return whole(known or str(row.payload.get("nick") or ""), row.sender_id)

    @admin.display(description="会话")
    @once
    def place(self, row: InboxRow) -> SafeString | str:
        """Where it was said."""
        return group_of(row.config_id, row.conversation_id)

    def look_up(self, rows: Sequence[Any]) -> None:
        """Names."""
        call(rows, "sender_id")

    chat_kind = cell(
        "会话类型", lambda row: ("群聊" if row.is_group else "单聊") if row.conversation_id else ""
    )

    priority = cell("优先", lambda row: "是（不排在处理中的消息之后）" if row.urgent else "否")

    words = cell("内容", lambda row: NOTHING if row.kind == "event" else shortened(row.text, 40))

    whole_text = column("text", "内容", preformatted)
    data = column("payload", "数据", as_json)

    @admin.display(description="回复")
    @once
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
        rows = rows.defer("webhook", "unreadable").annotate(is_raw=raw())
        return (
            rows
            if request.resolver_match and "object_id" in request.resolver_match.kwargs
            else rows.defer("payload")
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[InboxRow], search_term: str
    ) -> tuple[QuerySet[InboxRow], bool]:
        """Also the events of a type: the text of an event is its type."""
        found, several = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        return (found | queryset.filter(kind="event", text=term) if term else found), several

    @admin.action(description="重新处理", permissions=["operate"])
    def reprocess(self, request: HttpRequest, queryset: QuerySet[InboxRow]) -> HttpResponse | None:
        """Dead rows go back to waiting; handled ones by superusers: their senders say it again, unasked."""
        act = partial(inbox.reprocess, handled=request.user.is_superuser)
        rule = "正在处理的和无法读取的消息不能重新处理；处理过的，只有超级管理员可以：那是以发送人的名义再说一遍。"
        return self.ask_or_do(request, queryset, act, rule)
