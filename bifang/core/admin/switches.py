"""系统开关: three switches of the whole system, changed without a restart."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from bifang.core.admin.base import Screen, author_of
from bifang.core.changes import Change, record
from bifang.core.models import Switch


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a switch is called and does."""

    name: str
    label: str
    icon: str
    text: str


MEANINGS = (
    Meaning("maintenance", "维护模式", "construction", "保持连接、照常保存消息，但暂不处理：每个会话告知一次「稍后回复」，关闭后依次补上。"),
    Meaning("read_only", "只读", "lock", "机器人只回答查询；确认、关闭告警和封禁、隔离等操作一律拒绝并说明原因。"),
    Meaning("no_model", "停用模型", "psychology_alt", "不再调用任何大模型，所有提问由离线模式回答；不产生模型费用。"),
)  # fmt: skip

ALL = "all"


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
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "系统开关",
            "switches": [(meaning, rows.get(meaning.name)) for meaning in MEANINGS],
            "may_change": self.has_change_permission(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/core/switch/change_list.html", context)

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        """There is only the one page."""
        return redirect("admin:core_switch_changelist")

    def get_urls(self) -> list[URLPattern]:
        """With the address that the toggles post to."""
        toggle = path("<str:name>/set/", self.admin_site.admin_view(self.set_view), name="core_switch_set")
        return [toggle, *super().get_urls()]

    def set_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """POST ``on`` = 1 or 0 for one switch or `ALL`: the wanted state, so that a double click changes nothing twice."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        chosen = [meaning for meaning in MEANINGS if name in (meaning.name, ALL)]
        if not chosen:
            raise Http404
        on = request.POST.get("on") == "1"
        word = "打开" if on else "关闭"
        with transaction.atomic():
            for meaning in chosen:
                self._turn(request, meaning, word, on=on)
        labels = "」「".join(meaning.label for meaning in chosen)
        messages.success(request, f"已{word}「{labels}」，几秒内对所有进程生效。")
        return redirect("admin:core_switch_changelist")

    def _turn(self, request: HttpRequest, meaning: Meaning, word: str, *, on: bool) -> None:
        given = {"on": on, "changed_by": request.user}
        row, _ = Switch.objects.update_or_create(name=meaning.name, defaults=given)
        self.log_change(request, row, f"{word}「{meaning.label}」。")
        record(Change(author_of(request), f"{word}「{meaning.label}」", f"switch:{meaning.name}", {"on": on}))
