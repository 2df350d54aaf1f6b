"""The report of a case: a page to print, a Markdown file, a PDF; and its alerts as a table."""

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from bifang.core.errors import BifangError
from bifang.core.spreadsheets import csv_file
from secops_agent.models import Alert
from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services.alerts.views import summaries
from secops_agent.services.cases.views import read
from secops_agent.services.faults import NotFound
from secops_agent.services.reports import pdf
from secops_agent.services.reports.incidents import IncidentReport, as_markdown, incident_report
from secops_agent.web.access import page
from secops_agent.web.cases import VIEW

_MOST_ROWS = 5000


def _report(pk: int) -> IncidentReport:
    try:
        return incident_report(pk)
    except NotFound as error:
        raise Http404(error.message) from None


def _file(content: bytes | str, kind: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": disposition})


@page(VIEW)
def case_report(request: HttpRequest, pk: int) -> HttpResponse:
    """To read and to print."""
    report = _report(pk)
    context = {
        "title": report.title,
        "report": report,
        "pk": pk,
        "pdf_missing": "" if pdf.is_available() else pdf.MISSING,
    }
    return render(request, "pages/case_report.html", context)


@page(VIEW)
def case_markdown(request: HttpRequest, pk: int) -> HttpResponse:
    """To keep or to send on."""
    return _file(as_markdown(_report(pk)), "text/markdown; charset=utf-8", f"case-{pk}.md")


@page(VIEW)
def case_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The same, set."""
    report = _report(pk)
    try:
        content = pdf.render_incident(report)
    except BifangError as error:
        messages.error(request, error.message)
        return redirect("web:case_report", pk)
    return _file(content, "application/pdf", f"case-{pk}.pdf")


@page(VIEW)
def case_alerts(request: HttpRequest, pk: int) -> HttpResponse:
    """Its alerts as a table for a spreadsheet."""
    try:
        read(pk)
    except NotFound as error:
        raise Http404(error.message) from None
    rows = Alert.objects.select_related("assignee").filter(case_id=pk).order_by("first_seen", "pk")
    heads = (
        "编号",
        "标题",
        "级别",
        "状态",
        "结论",
        "来源",
        "规则",
        "资产",
        "处理人",
        "首次发生",
        "最近发生",
        "次数",
    )
    table = (
        (
            f"A{each.id}", each.title, Severity(each.severity).label, AlertStatus(each.status).label,
            Verdict(each.verdict).label if each.verdict else "", each.source, each.rule_name,
            "、".join(asset.name for asset in each.assets), each.assignee, _clock(each.first_seen),
            _clock(each.last_seen), each.count,
        )
        for each in summaries(list(rows[:_MOST_ROWS]))
    )  # fmt: skip
    return csv_file(f"case-{pk}-alerts", heads, table)


def _clock(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"
