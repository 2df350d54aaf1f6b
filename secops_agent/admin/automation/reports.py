"""安全报告: what was reported, with the numbers of then, as a page and as files; cases are shown and sent the same way."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from bifang.core.admin.base import RecordScreen, ago, author_of
from bifang.core.changes import Change, record
from bifang.core.errors import BifangError
from secops_agent.models import SecurityReport
from secops_agent.services.faults import NotFound
from secops_agent.services.reports import archive, typesetting
from secops_agent.services.reports.charts import sparkline
from secops_agent.services.reports.documents import Document
from secops_agent.services.reports.figures import PeriodReport
from secops_agent.services.reports.files import FORMATS, report_file
from secops_agent.services.reports.outline import document, headline
from secops_agent.services.reports.periods import PERIODS


def show(request: HttpRequest, shown: Document, address: Callable[[str], str], back: str) -> HttpResponse:
    """A document as a page. ``address``: of its file in a format; ``back``: of the page where it is kept."""
    missing = typesetting.missing()
    files = [(each.label, address(name)) for name, each in FORMATS.items() if not (each.typeset and missing)]
    drawn = [(line, mark_safe(sparkline(line.course))) for line in shown.headline]  # noqa: S308 - drawn from numbers
    charts = [(chart.title, mark_safe(chart.svg)) for chart in shown.charts]  # noqa: S308 - drawn from numbers
    page = {
        "title": shown.title, "document": shown, "files": files, "missing": missing, "back": back, "headline": drawn,
        "charts": charts,
    }  # fmt: skip
    return render(request, "pages/report.html", page)


def send(request: HttpRequest, shown: Document, name: str, back: str) -> HttpResponse:
    """A document as a file; ``back``: where to tell why there is none. Raises Http404 for an unknown format."""
    if name not in FORMATS:
        raise Http404
    try:
        file = report_file(shown, name)
    except BifangError as error:
        messages.error(request, error.message)
        return redirect(back)
    disposition = (
        f"attachment; filename=\"report.{FORMATS[name].extension}\"; filename*=UTF-8''{quote(file.name)}"
    )
    headers = {"Content-Disposition": disposition}
    return HttpResponse(file.content, content_type=FORMATS[name].content_type, headers=headers)


@admin.register(SecurityReport)
class ReportScreen(RecordScreen):
    """Made by schedules and here; never changed."""

    records_itself = True
    purpose = "一段时间的告警、漏洞和处置的数字。生成以后不再变化：以后再看，和当时发出的一样。要按时自动发到群里，设置一个"
    when_empty = "还没有报告。在上面选一段时间，按「生成报告」；要每天、每周自动生成，新增一个定时任务。"
    way = ("secops_agent.scheduledtask", "定时任务")
    list_display = ("name", "summary", "made", "files")
    list_filter = ("kind",)
    list_before_template = "admin/secops_agent/reports.html"

    def get_urls(self) -> list[URLPattern]:
        """With making one, and the files of one."""
        make, download = (self.admin_site.admin_view(view) for view in (self.make_view, self.file_view))
        return [
            path("make/", make, name="secops_agent_securityreport_make"),
            path("<int:pk>/file/<slug:form>/", download, name="secops_agent_securityreport_file"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """With what can be made."""
        may = request.user.has_perm("secops_agent.add_securityreport")
        return super().changelist_view(
            request, {"bf_periods": PERIODS.items() if may else ()} | (extra_context or {})
        )

    def make_view(self, request: HttpRequest) -> HttpResponse:
        """POST: make one now."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("secops_agent.add_securityreport"):
            raise PermissionDenied
        try:
            report = archive.make(request.POST.get("period", ""))
        except BifangError as error:
            messages.error(request, error.message)
            return redirect("admin:secops_agent_securityreport_changelist")
        record(
            Change(
                author_of(request), f"生成安全报告「{report.period.title}」", f"securityreport:{report.pk}"
            )
        )
        return redirect("admin:secops_agent_securityreport_change", report.pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The report itself."""
        shown = document(self._read(request, object_id))
        back = reverse("admin:secops_agent_securityreport_changelist")
        return show(request, shown, lambda form: _address(int(object_id), form), back)

    def file_view(self, request: HttpRequest, pk: int, form: str) -> HttpResponse:
        """The same as a file."""
        page = reverse("admin:secops_agent_securityreport_change", args=[pk])
        return send(request, document(self._read(request, str(pk))), form, page)

    def _read(self, request: HttpRequest, pk: str) -> PeriodReport:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return archive.get(int(pk))
        except (NotFound, ValueError) as error:
            raise Http404 from error

    @admin.display(description="报告", ordering="ends_at")
    def name(self, row: SecurityReport) -> str:
        """What it tells of."""
        return archive.read(row).period.title

    @admin.display(description="要点")
    def summary(self, row: SecurityReport) -> str:
        """Its first numbers."""
        return "，".join(f"{line.label} {line.value} {line.change}" for line in headline(archive.read(row)))

    @admin.display(description="生成时间", ordering="made_at")
    def made(self, row: SecurityReport) -> SafeString | str:
        """When."""
        return ago(row.made_at)

    @admin.display(description="下载")
    def files(self, row: SecurityReport) -> SafeString | str:
        """As a file, in one step."""
        missing = typesetting.missing()
        made = [
            (_address(row.pk, name), each.label)
            for name, each in FORMATS.items()
            if not (each.typeset and missing)
        ]
        return format_html_join(" ", '<a class="bf-link" href="{}">{}</a>', made)


def _address(pk: int, form: str) -> str:
    return reverse("admin:secops_agent_securityreport_file", args=[pk, form])
