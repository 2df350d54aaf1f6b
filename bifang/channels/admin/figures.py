"""What the menu and the first page count."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import NOT_CHATS, OPEN, RETRIED, BoxRow, InboxRow, OutboxRow, State
from bifang.channels.workers.programs import heartbeats, troubles
from bifang.core.admin.panels import CARDS, Panel
from bifang.core.models import Switch, SystemConfig

MOST_COUNTED = 1000
MUTE = "mute:"
RETRYING = "retrying:"


def frame_counts(request: HttpRequest) -> Mapping[str, int]:
    """What the frame of every page and the cards of both boxes show: model name → dead letters of that box,
    with `RETRYING` before it → what failed and is tried again, counted no further than `MOST_COUNTED`,
    the name of each switch that is on, and `MUTE` with the name of each robot that only answers → its configuration. A page asks several times: one query, whose answer is kept on the request."""
    kept: dict[str, int] | None = request.__dict__.get("bf_frame_counts")
    if kept is None:
        on = Switch.objects.filter(on=True).order_by().values_list("name").annotate(number=Value(1))
        mute = (
            SystemConfig.objects.chats().filter(enabled=True, params__notifications_enabled=False).order_by()
        )
        named = mute.annotate(part=Concat(Value(MUTE), "name")).values_list("part").annotate(number=F("pk"))
        boxes = [part for model in (InboxRow, OutboxRow) for part in _standing(model)]
        kept = dict(boxes[0].union(*boxes[1:], on, named, all=True))
        request.__dict__["bf_frame_counts"] = kept
    return kept


def mute_robots(request: HttpRequest) -> list[tuple[str, int]]:
    """Name and id of the enabled chat configurations through which nothing is said unasked: their notifications are off."""
    found = frame_counts(request).items()
    return [(name.removeprefix(MUTE), pk) for name, pk in found if name.startswith(MUTE)]


def _dead_letters(request: HttpRequest) -> tuple[int, int]:
    """Of the inbox, of the outbox."""
    found = frame_counts(request)
    return found.get("inboxrow", 0), found.get("outboxrow", 0)


def _standing(model: type[BoxRow]) -> "list[QuerySet[Any, Any]]":
    rows, name = model._default_manager, str(model._meta.model_name)
    wanted = {name: rows.filter(state=State.DEAD), f"{RETRYING}{name}": rows.filter(RETRIED)}
    few = {part: found.order_by().values("pk")[:MOST_COUNTED] for part, found in wanted.items()}
    return [_named(part, rows.filter(pk__in=found)) for part, found in few.items()]


def _named(name: str, rows: "QuerySet[Any]") -> "QuerySet[Any, Any]":
    """One row, (name, how many); several of these are one query. No row for none."""
    named = rows.order_by().annotate(part=Value(name)).values_list("part")
    counted: QuerySet[Any, Any] = named.annotate(number=Count("pk"))
    return counted


def _figure(count: int) -> str:
    return f"{count}" if count < MOST_COUNTED else f"{MOST_COUNTED - 1}+"


def dead_letter_badge(request: HttpRequest) -> str:
    """For the menu: dead letters of both boxes, nothing if there are none."""
    count = sum(_dead_letters(request)) if request.user.has_perm("channels.view_inboxrow") else 0
    return _figure(count) if count else ""


def inbox_state(request: HttpRequest) -> tuple[str, str]:
    """For its card: dead letters of the inbox, what is tried again, and the tone."""
    return _state(request, "inboxrow")


def outbox_state(request: HttpRequest) -> tuple[str, str]:
    """As `inbox_state`, of the outbox."""
    return _state(request, "outboxrow")


def _state(request: HttpRequest, box: str) -> tuple[str, str]:
    found = frame_counts(request)
    parts = {"条死信": found.get(box, 0), "条正在重试": found.get(f"{RETRYING}{box}", 0)}
    told = "，".join(f"{_figure(count)} {what}" for what, count in parts.items() if count)
    return told or "没有死信", "bad" if parts["条死信"] else "warn" if told else "ok"


def message_cards(request: HttpRequest) -> list[Panel]:
    """The last 24 hours, what waits, what is dead, who works. Every count uses an index."""
    if not request.user.has_perm("channels.view_inboxrow"):
        return []
    inbox_page, outbox_page = (
        reverse(f"admin:channels_{name}_changelist") for name in ("inboxrow", "outboxrow")
    )
    seen = heartbeats()
    return [
        *_day_cards(inbox_page, outbox_page),
        _dead_card(request, inbox_page, outbox_page),
        _worker_card(sum(alive for kind, (alive, _) in seen.items() if kind not in NOT_CHATS)),
        *(
            Panel(each.program.label, "未运行" if not each.alive else "落后", each.trouble, "bad", "memory")
            for each in troubles(seen=seen)
        ),
    ]


def _day_cards(inbox_page: str, outbox_page: str) -> list[Panel]:
    day = timezone.now() - timedelta(days=1)
    waiting_now = _named("waiting", InboxRow.objects.filter(state__in=OPEN))
    lately = _named("handled", InboxRow.objects.filter(kind="chat", handled_at__gte=day))
    delivered = _named("sent", OutboxRow.objects.filter(sent_at__gte=day))
    found: dict[str, int] = dict(waiting_now.union(lately, delivered, all=True))
    waiting, handled, sent = (found.get(name, 0) for name in ("waiting", "handled", "sent"))
    tone = "ok" if sent else "idle"
    return [
        Panel(
            "收到消息",
            f"{handled + waiting}",
            f"近 24 小时；{waiting} 条等待处理",
            icon="inbox",
            link=inbox_page,
        ),
        Panel(
            "已发送",
            f"{sent}",
            f"近 24 小时送达的回复和通知；{handled} 条消息已处理",
            tone,
            "outbox",
            outbox_page,
        ),
    ]


def _dead_card(request: HttpRequest, inbox_page: str, outbox_page: str) -> Panel:
    received, unsent = _dead_letters(request)
    page = outbox_page if unsent and not received else inbox_page
    note = f"收件箱 {_figure(received)}，发件箱 {_figure(unsent)}" if received + unsent else "没有失败的消息"
    tone = "bad" if received + unsent else "ok"
    return Panel("死信", _figure(received + unsent), note, tone, "report", f"{page}?state__exact=dead")


def _worker_card(alive: int) -> Panel:
    note = "心跳正常" if alive else "没有工作进程，消息不会被处理"
    page = reverse("admin:channels_worker_changelist")
    return Panel("工作进程", f"{alive}", note, "ok" if alive else "bad", "memory", page)


CARDS.add(message_cards, place=20)
