"""安全报告: what was reported, with the numbers of then, as a page and as files; cases are shown and sent the same way."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from bifang.channels.admin.addressees import call_receivers, receiver
from bifang.channels.admin.explanations import explain
from bifang.channels.models import OPEN, OutboxRow, State
from bifang.channels.queues import outbox
from bifang.core.admin.base import RecordScreen, ago, author_of, badge, cell, column, extra
from bifang.core.changes import Change, record
from bifang.core.database.db import database_now
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Role, SecurityReport
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications import choices
from secops_agent.services.notifications.choices import Choice
from secops_agent.services.notifications.conditions import TargetEntry
from secops_agent.services.notifications.targets import read_target, resolve
from secops_agent.services.people.words import UNREADABLE
from secops_agent.services.reports import archive, typesetting
from secops_agent.services.reports.charts import sparkline
from secops_agent.services.reports.documents import Document
from secops_agent.services.reports.figures import PeriodReport
from secops_agent.services.reports.files import FORMATS, report_file, text
from secops_agent.services.reports.outline import document, headline
from secops_agent.services.reports.periods import PERIODS

AN_HOUR: Final = 10  # reports that one login sends
_SENT: Final = "report:sent:"
_WORSE: Final = (State.DEAD, State.UNKNOWN, *OPEN, State.DONE)


def show(
    request: HttpRequest,
    shown: Document,
    address: Callable[[str], str],
    back: str,
    sends: str = "",
    sent: Sequence[tuple[bool, SafeString]] = (),
) -> HttpResponse:
    """A document as a page. ``address``: of its file in a format; ``back``: of the page where it is kept; ``sends``: where
    it is asked to be sent to somebody, "" if it cannot be; ``sent``: what became of what was sent, as `_sent` has it."""
    missing = typesetting.missing()
    forms = [(name, each.label) for name, each in FORMATS.items() if not (each.typeset and missing)]
    files = [(label, address(name)) for name, label in forms]
    drawn = [(line, mark_safe(sparkline(line.course))) for line in shown.headline]  # noqa: S308 - drawn from numbers
    charts = [(chart.title, mark_safe(chart.svg)) for chart in shown.charts]  # noqa: S308 - drawn from numbers
    page = {
        "title": shown.title, "document": shown, "files": files, "missing": missing, "back": back, "headline": drawn,
        "charts": charts, "sends": sends, "forms": forms, "sent": sent, "places": _places(request.user) if sends else (),
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


def _places(user: Any) -> list[Choice]:
    """Groups, people and rotas that somebody can send a report to."""
    return [each for each in choices.choices(user) if each.entry["kind"] in ("group", "person", "on_call")]


def tell(shown: Document, pk: int, user: Any, key: str, form: str) -> str:
    """Send a report with a file to one of `_places`, by its key, in the caller's transaction; returns where.

    Raises BifangError, also for the one that is more than `AN_HOUR` of this login.
    """
    chosen = next((each for each in _places(user) if each.key == key), None)
    if chosen is None:
        raise InvalidInput("没有发送：请在列表里选择发给谁，只能选本企业的群、人员和值班表。")
    address = resolve(read_target(TargetEntry.model_validate(chosen.entry), None), timezone.now())
    if address.staff and address.staff.role == Role.NONE:
        raise InvalidInput(f"没有发送：{UNREADABLE.format(address.name)}")
    once = f"{_SENT}{user.pk}:r{pk}:{uuid4().hex}"
    _demand_pace(user)
    outbox.notify(address.config_id, address.target, text(shown)[1], key=once, title=shown.title)
    if form:
        file = report_file(shown, form)
        outbox.notify(
            address.config_id,
            address.target,
            f"「{file.name}」请到「报告」页面下载。",
            key=f"{once}:file",
            file=file,
        )
    return chosen.label


def _demand_pace(user: Any) -> None:
    """Raises InvalidInput. Whoever sends twice at once is counted one after the other."""
    get_user_model().objects.select_for_update().get(pk=user.pk)
    sent = OutboxRow.objects.filter(
        key__startswith=f"note:{_SENT}{user.pk}:", created_at__gt=database_now() - timedelta(hours=1)
    )
    if sent.exclude(key__endswith=":file").count() >= AN_HOUR:
        raise InvalidInput(
            f"没有发送：一小时内最多发 {AN_HOUR} 次报告，请过一会儿再发，或用「定时任务」按时发送。"
        )


def _sent(pk: int) -> list[tuple[bool, SafeString]]:
    """Whether it is on its way, and words: what was sent of a report and whether it arrived, the newest first; of message and file what is worse."""
    rows = OutboxRow.objects.filter(key__startswith=f"note:{_SENT}", key__contains=f":r{pk}:").order_by("-pk")
    worst: dict[str, OutboxRow] = {}
    for row in rows[: 2 * AN_HOUR]:
        once = row.key.removesuffix(":file")
        worst[once] = min(row, worst.get(once, row), key=lambda each: _WORSE.index(State(each.state)))
    call_receivers(list(worst.values()))
    return [
        (
            row.state in OPEN,
            format_html(
                "{} {}给 {}，{}{}", badge(row.standing, explain(row).tone), "文件" if row.file_name else "", receiver(row),
                ago(row.sent_at or row.created_at), f"：{row.last_error}" if row.last_error else "",
            ),
        )
        for row in worst.values()
    ]  # fmt: skip


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

    def has_make_permission(self, request: HttpRequest) -> bool:
        """Who makes one, and sends one."""
        return request.user.has_perm("secops_agent.add_securityreport")

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With what can be made."""
        may = self.has_make_permission(request)
        return {"bf_periods": PERIODS.items() if may else ()}

    @extra("make/", "make", "POST")
    def make_view(self, request: HttpRequest) -> HttpResponse:
        """POST: make one now."""
        report = archive.make(request.POST.get("period", ""))
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
        may = self.has_make_permission(request)
        sends = reverse("admin:secops_agent_securityreport_send", args=[object_id]) if may else ""
        sent = _sent(int(object_id)) if may else ()
        return show(request, shown, lambda form: _address(int(object_id), form), back, sends, sent)

    @extra("<int:pk>/send/", "make", "POST")
    def send_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``to``, ``form`` ("" for no file): send it now."""
        shown = document(self._read(request, str(pk)))
        with transaction.atomic():
            place = tell(shown, pk, request.user, request.POST.get("to", ""), request.POST.get("form", ""))
            what = f"发送安全报告「{shown.title}」给 {place}"
            record(Change(author_of(request), what[:200], f"securityreport:{pk}"))
        messages.success(request, f"正在发给 {place}，结果写在报告上面。")
        return redirect("admin:secops_agent_securityreport_change", pk)

    @extra("<int:pk>/file/<slug:form>/")
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

    name = cell("报告", lambda row: archive.read(row).period.title, ordering="ends_at")

    summary = cell(
        "要点",
        lambda row: "，".join(
            f"{line.label} {line.value} {line.change}" for line in headline(archive.read(row))
        ),
    )

    made = column("made_at", "生成时间", ago, ordering="made_at")

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
