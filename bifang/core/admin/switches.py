"""系统开关: the switches of the whole system, changed without a restart; three of them are what stops everything."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from bifang.core.admin.base import Screen, author_of, extra
from bifang.core.changes import Change, record
from bifang.core.models import Switch


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a switch is called, what it stops and what goes on all the same. ``emergency``: 「全部停下」 turns it on."""

    name: str
    label: str
    icon: str
    stops: str
    goes_on: str
    emergency: bool = False


MEANINGS = (
    Meaning("no_actions", "停止动作", "front_hand",
            "对外的动作（封禁、隔离、外部系统的写入）一律不执行，不能确认也不能批准；已经批准还没有开始的和到期的解封等到恢复以后（批准一天以后还没有开始的不再执行，会告诉提出人和批准人）；呼叫（DING、加急、短信、电话）先不叫，恢复时仍没有人处理的再叫。",
            "接收告警、告警消息和升级（要它们也停，用「不主动说话」）、只读的自动调查、定时任务；人照常确认、指派、关闭告警，照常提出和拒绝操作。", emergency=True),
    Meaning("no_model", "停用模型", "psychology_alt", "不再调用任何大模型，不产生模型费用。", "所有提问由离线模式回答，指令照常听懂。", emergency=True),
    Meaning("no_speech", "不主动说话", "voice_over_off", "告警消息、升级、呼叫、提醒、交接、定时报告都先不发；恢复时每个群、每个人只收一条汇总，没有人处理的几分钟后继续升级。", "有人问就答，人做的事（审批、换班、转告、确认）照常告诉当事人，系统故障照常告诉管理员；告警照常接收和入库。", emergency=True),
    Meaning("maintenance", "维护模式", "construction", "聊天里的消息暂不处理：每个会话告知一次「稍后回复」，关闭后依次补上。", "保持连接、保存消息，告警照收照发，网页照常。"),
    Meaning("read_only", "只读", "lock", "人也不能改：确认、关闭告警，提出和批准操作，换班，一律拒绝并说明原因。只想停下对外的动作，用「停止动作」。", "查询、接收告警、告警消息、升级和呼叫。"),
)  # fmt: skip

ALL = "all"
LONGEST = 200  # characters of a reason


@admin.register(Switch)
class SwitchScreen(Screen):
    """One page with all switches instead of a list with rows."""

    records_itself = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The switches are what the program knows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The switches are what the program knows."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All switches."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = {row.name: row for row in Switch.objects.select_related("changed_by")}
        on = [meaning for meaning in MEANINGS if meaning.name in rows and rows[meaning.name].on]
        return self.page(
            request, "admin/core/switch/change_list.html", "系统开关", on=on,
            switches=[(meaning, rows.get(meaning.name)) for meaning in MEANINGS],
            emergency=[meaning for meaning in MEANINGS if meaning.emergency],
            may_change=self.has_change_permission(request), **(extra_context or {}),
        )  # fmt: skip

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        """There is only the one page."""
        return redirect("admin:core_switch_changelist")

    @extra("<str:name>/set/", "change", "POST")
    def set_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """POST ``on`` = 1 or 0, ``reason``, for one switch or `ALL`: the wanted state, so that a double click changes nothing twice.

        `ALL` on: those of the emergency; `ALL` off: whatever is on.
        """
        on = request.POST.get("on") == "1"
        chosen = [one for one in MEANINGS if name == one.name or (name == ALL and (one.emergency or not on))]
        if not chosen:
            raise Http404
        with transaction.atomic():
            stood = set(Switch.objects.select_for_update().filter(on=True).values_list("name", flat=True))
            turned = [meaning for meaning in chosen if (meaning.name in stood) != on]
            for meaning in turned:
                self._turn(request, meaning, on=on)
        labels = "」「".join(meaning.label for meaning in turned)
        word = "打开" if on else "关闭"
        messages.success(
            request, f"已{word}「{labels}」，几秒内对所有进程生效。" if turned else f"本来就是{word}的。"
        )
        return redirect("admin:core_switch_changelist")

    def _turn(self, request: HttpRequest, meaning: Meaning, *, on: bool) -> None:
        what = f"{'打开' if on else '关闭'}「{meaning.label}」"
        reason = "".join(filter(str.isprintable, request.POST.get("reason", ""))).strip()[:LONGEST]
        given = {"on": on, "changed_by": request.user, "reason": reason}
        row, _ = Switch.objects.update_or_create(name=meaning.name, defaults=given)
        self.log_change(request, row, f"{what}。{reason}")
        detail = {"on": on, "reason": reason}
        record(Change(author_of(request), what, f"switch:{meaning.name}", detail))
