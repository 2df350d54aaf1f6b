"""安全报告: what was reported, with the numbers of then, as a page and as PDF."""

from typing import Any
from urllib.parse import quote

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from bifang.core.admin.base import NOTHING, RecordScreen, ago, author_of
from bifang.core.changes import Change, record
from bifang.core.errors import BifangError
from secops_agent.models import SecurityReport
from secops_agent.services.faults import NotFound
from secops_agent.services.reports import archive, pdf
from secops_agent.services.reports.charts import charts
from secops_agent.services.reports.figures import PeriodReport
from secops_agent.services.reports.outline import headline, notes, sections
from secops_agent.services.reports.periods import PERIODS


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
        """With making one, and the PDF of one."""
        make, download = (self.admin_site.admin_view(view) for view in (self.make_view, self.pdf_view))
        return [
            path("make/", make, name="secops_agent_securityreport_make"),
            path("<int:pk>/pdf/", download, name="secops_agent_securityreport_pdf"),
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
        report = self._read(request, object_id)
        shown = [(chart.title, mark_safe(chart.svg)) for chart in charts(report)]  # noqa: S308 - drawn from numbers
        page = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": f"安全{report.period.title}",
            "report": report, "headline": headline(report), "charts": shown, "sections": sections(report),
            "notes": notes(report), "pdf_missing": "" if pdf.is_available() else pdf.MISSING,
        }  # fmt: skip
        return TemplateResponse(request, "admin/secops_agent/report.html", page)

    def pdf_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The same as a file."""
        report = self._read(request, str(pk))
        try:
            content = pdf.render(report)
        except BifangError as error:
            messages.error(request, error.message)
            return redirect("admin:secops_agent_securityreport_change", pk)
        name = quote(f"安全{report.period.title}.pdf")
        disposition = f"attachment; filename=\"report-{pk}.pdf\"; filename*=UTF-8''{name}"
        return HttpResponse(
            content, content_type="application/pdf", headers={"Content-Disposition": disposition}
        )

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
        """As PDF, in one step."""
        page = reverse("admin:secops_agent_securityreport_pdf", args=[row.pk])
        return format_html('<a class="bf-link" href="{}">PDF</a>', page) if pdf.is_available() else NOTHING
