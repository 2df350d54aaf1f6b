"""节假日与调休: the days that are not what their weekday says, imported as a table."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from bifang.core.admin.base import Screen, author_of, badge, cell, extra
from bifang.core.changes import Change, record
from bifang.core.errors import BifangError
from secops_agent.models import CalendarDay
from secops_agent.services.on_call.working_days import WorkingDays, import_days

MOST_BYTES = 1_000_000
COMING = 5
WEEKDAYS = "一二三四五六日"


class TableForm(forms.Form):
    """A file, or its text."""

    file = forms.FileField(
        label="CSV 文件", required=False, widget=UnfoldAdminFileFieldWidget, help_text="UTF-8 编码。"
    )
    text = forms.CharField(
        label="或者粘贴内容", required=False, max_length=MOST_BYTES, widget=UnfoldAdminTextareaWidget,
        help_text="第一行 date,working,name；例如 2027-01-01,0,元旦（放假），2027-02-07,1,春节调休（上班）。",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Exactly one of both, as text."""
        values: dict[str, Any] = super().clean() or {}
        file = values.get("file")
        if bool(file) == bool(values.get("text")):
            raise forms.ValidationError("请选择文件，或者粘贴内容。")
        if file:
            try:
                values["text"] = file.read(MOST_BYTES).decode("utf-8-sig")
            except UnicodeDecodeError:
                raise forms.ValidationError("文件不是 UTF-8 编码，请另存为 UTF-8。") from None
        return values


@admin.register(CalendarDay)
class CalendarScreen(Screen):
    """What is imported replaces what is known of the same days; other days stay."""

    purpose = "周一到周五上班、周末休息，这里写的日子除外：排班、「工作日」的定时任务和提醒都看它。自带今明两年的放假安排。"
    when_empty = "没有例外的日子：就按周一到周五上班。可以导入一张表。"
    list_display = ("day", "kind", "name")
    list_filter = ("working",)
    search_fields = ("name",)
    ordering = ("-date",)
    date_hierarchy = "date"
    list_before_template = "admin/secops_agent/calendar.html"

    day = cell("日期", lambda row: f"{row.date:%Y-%m-%d} 周{WEEKDAYS[row.date.weekday()]}", ordering="date")

    kind = cell(
        "这一天",
        lambda row: badge("上班", "info", "调休") if row.working else badge("放假", "ok"),
        ordering="working",
    )

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With the days that come next."""
        today = timezone.localdate()
        coming = CalendarDay.objects.filter(date__gte=today).order_by("date")[:COMING]
        days = WorkingDays.between(today, today)
        return {
            "bf_coming": [(self.day(each), self.kind(each), each.name) for each in coming],
            "bf_today": badge("上班", "info") if days.is_working(today) else badge("休息", "ok"),
            "bf_known_until": CalendarDay.objects.aggregate(last=Max("date"))["last"],
        }

    @extra("import/", "add")
    def import_view(self, request: HttpRequest) -> HttpResponse:
        """The import page."""
        form = TableForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
        if request.method == "POST" and form.is_valid():
            try:
                count = import_days(form.cleaned_data["text"].splitlines())
            except BifangError as error:
                form.add_error(None, error.message)
            else:
                record(Change(author_of(request), f"导入节假日 {count} 天", "calendarday", {"days": count}))
                messages.success(request, f"已导入 {count} 天。")
                return redirect("admin:secops_agent_calendarday_changelist")
        return self.page(request, "admin/secops_agent/import.html", "导入节假日与调休", form=form)
