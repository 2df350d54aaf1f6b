"""Rotas as .ics files: downloaded and imported on the page of the rota, subscribed to by secret addresses."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminFileFieldWidget

from bifang.core.admin.asking import asked_once
from bifang.core.admin.base import RecordScreen, Screen, ago, badge, cell, column, extra
from bifang.core.errors import BifangError
from secops_agent.admin.inventory import actor_of
from secops_agent.models import CalendarFeed, OnCallSchedule
from secops_agent.services.on_call import calendars, feeds

MOST_TOLD: Final = 10
WHO: Final = "标题里写姓名或员工 ID，例如「王五 夜班」。成为临时换人；同一个日历再导入一次，只更新。"


class CalendarForm(forms.Form):
    """One file."""

    file = forms.FileField(label="日历文件（.ics）", widget=UnfoldAdminFileFieldWidget, help_text=WHO)


class CalendarFiles(Screen):
    """The part of the rotas' screen that reads and writes files."""

    @extra("<int:pk>/export.ics")
    def export_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The file."""
        schedule = get_object_or_404(OnCallSchedule, pk=pk)
        answer = HttpResponse(calendars.write_calendar(schedule), content_type="text/calendar; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="on-call-{pk}.ics"'
        return answer

    @extra("<int:pk>/import/", "change")
    def import_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The import page."""
        schedule = get_object_or_404(OnCallSchedule, pk=pk)
        form = CalendarForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
        if form.is_valid() and self._import(request, schedule, form):
            return redirect("web:on_call")
        return self.page(
            request, "admin/secops_agent/import.html", f"导入日历到「{schedule.name}」", form=form
        )

    def _import(self, request: HttpRequest, schedule: OnCallSchedule, form: CalendarForm) -> bool:
        content = form.cleaned_data["file"].read(calendars.MOST_BYTES + 1)
        try:
            done = calendars.import_calendar(schedule, content, actor_of(request))
        except BifangError as error:
            form.add_error("file", error.message)
            return False
        messages.success(request, f"已导入 {done.shifts} 段临时换人。")
        for line in done.skipped[:MOST_TOLD]:
            messages.warning(request, f"没有导入 {line}。")
        if len(done.skipped) > MOST_TOLD:
            messages.warning(request, f"还有 {len(done.skipped) - MOST_TOLD} 个事件没有导入。")
        return True


@admin.register(CalendarFeed)
class CalendarFeedScreen(RecordScreen):
    """Made on the page 值班, where its address is shown once; revoked here."""

    records_itself = True
    purpose = (
        "把值班表订阅到手机或电脑的日历。地址只在新建时显示一次，谁有它谁就能看，所以泄露了要作废，再建一个。"
    )
    when_empty = "还没有订阅地址。在「值班」页点「订阅日历」，把得到的地址粘贴到日历的「添加订阅日历」。"
    way = ("secops_agent.oncallschedule", "值班表")
    list_display = ("schedule", "of_whom", "state", "made_by", "created")
    list_select_related = ("schedule", "staff")
    list_filter = ("schedule",)
    fields = ("schedule", "of_whom", "state", "made_by", "created_at")
    actions = ("revoke",)

    def look_up(self, rows: Sequence[Any]) -> None:
        """Which of them answer; once for each login that made some."""
        may = cache(feeds.sees_rotas)
        for row in rows:
            row.stands = feeds.stands(row, may)

    @admin.action(description="作废", permissions=["operate"])
    @asked_once("用这些地址订阅的日历立即不再更新，不能恢复；需要时新建一个订阅。")
    def revoke(self, request: HttpRequest, queryset: QuerySet[CalendarFeed]) -> None:
        """From now on."""
        for row in queryset:
            try:
                feeds.revoke_feed(row.pk, actor_of(request))
            except BifangError as error:
                messages.warning(request, error.message)

    of_whom = cell("谁的班次", lambda row: row.staff.name if row.staff else "所有人")

    @admin.display(description="状态")
    def state(self, row: CalendarFeed) -> SafeString:
        """Does it answer?"""
        if row.revoked_at:
            return badge("已作废", "idle")
        stands = row.stands if hasattr(row, "stands") else feeds.stands(row)
        return badge("有效", "ok") if stands else badge("失效", "warn", feeds.FALLEN)

    created = column("created_at", "创建时间", ago, ordering="id")
