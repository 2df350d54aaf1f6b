"""导入: upload a file, and follow what runs in the background."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from bifang.core.admin.base import NOTHING, RecordScreen, badge, cell, column, extra, moment, shortened
from bifang.core.errors import BifangError
from bifang.core.requests.bodies import takes_file
from bifang.core.spreadsheets import csv_file
from secops_agent.admin.inventory import actor_of, door_word
from secops_agent.admin.sources import import_asked
from secops_agent.admin.sources.import_asked import AskedImport
from secops_agent.importers import registry
from secops_agent.models import ImportJob
from secops_agent.models.sources.job import JobPhase, JobState
from secops_agent.services import links
from secops_agent.services.assets.taking_back import changes_by
from secops_agent.services.intake import jobs
from secops_agent.services.intake.jobs import JobView
from secops_agent.services.intake.ledger import APART
from secops_agent.services.intake.receipts import COUNTS, requests_of
from secops_agent.uploads.body import LARGEST, SMALL, Upload
from secops_agent.uploads.choices import Choices
from secops_agent.uploads.preview import KINDS
from secops_agent.uploads.results import REJECTED_HEADS, page_of, rejected_rows

# Files around imports: templates to fill in, and what was rejected.

ASSETS: Final = (
    ("资产名称", "主机名", "IP", "类型", "负责人", "重要性", "环境", "标签", "备注"),
    ("官网前台", "web-01", "10.0.0.21, 203.0.113.5", "主机", "zhaoliu", "核心", "生产", "电商, 对外", "示例，请删除这一行"),
)  # fmt: skip
FLAWS: Final = (
    ("IP", "主机名", "漏洞名称", "CVE编号", "CNVD编号", "CNNVD编号", "风险等级", "CVSS", "端口", "协议", "组件", "当前版本", "修复版本", "修复建议", "描述", "发现时间", "状态"),
    ("10.0.0.21", "web-01", "Apache Log4j2 远程代码执行漏洞", "CVE-2021-44228", "CNVD-2021-95914", "CNNVD-202112-799", "严重", "10.0", "8080", "tcp", "log4j-core",
     "2.14.1", "2.15.0", "升级到 2.15.0 以上", "示例，请删除这一行", "2026-11-20 08:00:00", "未修复"),
)  # fmt: skip
EVENTS: Final = (
    ("告警名称", "级别", "时间", "告警编号", "告警类型", "资产IP", "主机名", "源IP", "目的IP", "账号", "描述", "处置建议", "状态"),
    ("SSH 暴力破解", "高危", "2026-11-20 08:00:00", "20261120-0001", "暴力破解", "10.0.0.21", "web-01", "198.51.100.7", "10.0.0.21", "root", "示例，请删除这一行",
     "在防火墙上封禁来源", "未处置"),
)  # fmt: skip
_TABLES: Final = {"assets": ASSETS, "findings_csv": FLAWS, "alerts_csv": EVENTS}
# Name in the address → what it is called.
TEMPLATES: Final = {
    "assets": "资产表（CSV）",
    "findings_csv": "漏洞清单（CSV）",
    "alerts_csv": "告警清单（CSV）",
}


def _unknown(error: BifangError) -> SafeString:
    """What is wrong with a file of no format that is known, and what can be done with it."""
    draft = reverse("admin:secops_agent_formattable_add")
    table = reverse("admin:secops_agent_importjob_template", args=["findings_csv"])
    text = '{}能读的都列在「格式」里（Nessus、OpenVAS、Nmap、Nuclei、Trivy 等）。别的可以照样例<a class="bf-link" href="{}">写一个接入</a>，漏洞也可以填进<a class="bf-link" href="{}">漏洞清单模板（CSV）</a>再导入。'
    return format_html(text, error.message, draft, table)


def template(name: str) -> HttpResponse:
    """One of `TEMPLATES`, with an example: it can be imported as it is."""
    head, *examples = _TABLES[name]
    return csv_file(f"{name.removesuffix('_csv')}-template", head, examples)


def format_title(name: str) -> str:
    """告警清单 for alerts_csv: what people call the format."""
    importer = registry.importers().get(name)
    return importer.title.partition("（")[0] if importer else name


def rejected(job: ImportJob) -> HttpResponse:
    """What was not taken, and why."""
    return csv_file(f"import-{job.pk}-rejected", REJECTED_HEADS, rejected_rows(job))


TONES = {JobState.QUEUED: "info", JobState.RUNNING: "info", JobState.DONE: "ok", JobState.FAILED: "bad"}
TYPES = (
    ("host", "主机"),
    ("container_image", "容器镜像"),
    ("repository", "代码仓库"),
    ("website", "网站"),
    ("application", "应用"),
)
MOST_REJECTED = 100


class ImportForm(forms.Form):
    """A file and what is said about it."""

    file = forms.FileField(
        label="文件",
        widget=UnfoldAdminFileFieldWidget,
        help_text="资产表、漏洞清单、告警清单和情报清单可以是 Excel（xlsx）；可以是 gzip，或只有一个文件的 zip；最大 200 MiB。",
    )
    format = forms.ChoiceField(label="格式", required=False, widget=UnfoldAdminSelectWidget)
    source = forms.CharField(
        label="来源的另一个名字", required=False, max_length=60, widget=UnfoldAdminTextInputWidget,
        help_text="情报清单写它的名称；其他文件一般留空，用来区分同一工具的两套部署。",
    )  # fmt: skip
    asset = forms.CharField(
        label="属于哪个资产", required=False, max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text="文件里没有写明资产时（例如 SARIF）填写：主机名、镜像名、仓库地址或网址。",
    )  # fmt: skip
    asset_type = forms.ChoiceField(
        label="它是", choices=TYPES, required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        formats = [(name, importer.title) for name, importer in registry.importers().items()]
        self.fields["format"].choices = [("", "自动识别"), *formats]  # type: ignore[attr-defined]  # a ChoiceField

    def choices(self) -> Choices:
        """As the doors take them."""
        values = self.cleaned_data
        return Choices(values["source"], values["asset"], values["asset_type"] or "host")


@admin.register(ImportJob)
class ImportScreen(RecordScreen):
    """The import page, and what came of everything that came in."""

    add_label = "导入文件"
    list_display = ("submitted", "what", "state_badge", "counts", "refused", "who", "reason")
    list_filter = ("state", "format", "created_at")
    search_fields = ("name", "actor_name")
    search_help_text = "按文件名、提交者或令牌名称搜索"
    ordering = ("-id",)
    list_before_template = "admin/secops_agent/imports.html"
    change_form_outer_before_template = "admin/secops_agent/progress.html"
    fields = (
        "read_as", "name", "requests", "size", "digest", "state_badge", "reason", "actor_name", "door", "submitted",
        "started_at", "finished_at",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may import."""
        return request.user.has_perm("secops_agent.add_importjob")

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With the templates."""
        return {"bf_templates": TEMPLATES}

    @extra("<int:job_id>/rejected/")
    def rejected_view(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """What was not taken, as a file."""
        row = self.get_object(request, str(job_id))
        if row is None:
            raise Http404
        return rejected(row)

    @extra("template/<str:name>/", need="")
    def template_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """A file to fill in."""
        if name not in TEMPLATES:
            raise Http404
        return template(name)

    @takes_file(LARGEST, "secops_agent.add_importjob")
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The import page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "POST" and "kept" in request.POST:
            return self._decided(request)
        form, asked = ImportForm(request.POST or None, request.FILES or None), None
        if request.method == "POST" and form.is_valid():
            try:
                done = self._import(request, form)
                if not isinstance(done, AskedImport):
                    return redirect("admin:secops_agent_importjob_change", done)
                asked = done
            except registry.UnknownFormat as error:
                form.add_error(None, _unknown(error))
            except BifangError as error:
                form.add_error(None, error.message)
        return self._asking(request, form, asked)

    def _asking(self, request: HttpRequest, form: ImportForm, asked: AskedImport | None) -> HttpResponse:
        return self.page(
            request,
            "admin/secops_agent/import.html",
            "导入文件",
            form=form,
            asked=asked,
            bf_templates=TEMPLATES,
        )

    def _decided(self, request: HttpRequest) -> HttpResponse:
        """Somebody has seen what would be changed."""
        try:
            done = import_asked.decide(request)
        except BifangError as error:
            messages.error(request, error.message)
            return redirect("admin:secops_agent_importjob_add")
        if isinstance(done, AskedImport):
            messages.success(request, "已认定是同一台，以后的导入也认得；它会改动的在下面，还没有导入。")
            return self._asking(request, ImportForm(), done)
        if done is None:
            messages.info(request, "没有导入，文件已删除。")
            return redirect("admin:secops_agent_importjob_changelist")
        return redirect("admin:secops_agent_importjob_change", done)

    def _import(self, request: HttpRequest, form: ImportForm) -> "int | AskedImport | None":
        """The number of the job that it came to, or what must be seen first."""
        file, choices, actor = form.cleaned_data["file"], form.choices(), actor_of(request)
        with Upload(file.name) as upload:
            upload.receive(file.chunks(SMALL))
            name = form.cleaned_data["format"] or registry.detect_or_ask(
                upload.source(), "请在「格式」中选择"
            )
            return import_asked.ask(request, upload, name, choices) or import_asked.carry_out(
                name, upload, choices, actor
            )

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the progress, or the result."""
        job = jobs.get(row.pk)
        table = _table(row, dict(job.outcome)) if job.outcome else {}
        return {
            "changed": [(each, links.asset(each.asset_id)) for each in changes_by(row)],
            "job": job,
            "job_text": _text(job),
            "job_open": job.state in (JobState.QUEUED, JobState.RUNNING),
            "job_url": reverse("admin:secops_agent_importjob_progress", args=[row.pk]),
            **table,
        }

    @extra("<int:job_id>/progress/")
    def progress_view(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """For the progress bar."""
        try:
            job = jobs.get(job_id)
        except BifangError as error:
            return JsonResponse({"error": error.message}, status=404)
        ended = job.state in (JobState.DONE, JobState.FAILED)
        return JsonResponse({"percent": job.percent, "text": _text(job), "ended": ended})

    @admin.display(description="来源与格式", ordering="format")
    def what(self, row: ImportJob) -> SafeString | str:
        """The format, and the file or how many requests."""
        times = requests_of(row.outcome)
        name = row.name or (f"Webhook × {times}" if times > 1 else "Webhook 或 API")
        return format_html(
            '<span class="bf-cell">{}<span class="bf-note">{}</span></span>',
            self.read_as(row),
            shortened(name, 40),
        )

    @admin.display(description="提交者", ordering="actor_name")
    def who(self, row: ImportJob) -> SafeString | str:
        """Whose file, which token; and the way that it came."""
        return format_html(
            '<span class="bf-cell">{}<span class="bf-note">{}</span></span>',
            shortened(row.actor_name, 30),
            self.door(row),
        )

    read_as = cell("格式", lambda row: format_title(row.format))
    requests = cell("合成这一行的请求", lambda row: NOTHING if row.name else requests_of(row.outcome))

    @admin.display(description="新建 · 更新 · 未变")
    def counts(self, row: ImportJob) -> str:
        """Things of all kinds; while it runs, how far it is."""
        if not row.outcome:
            return f"{row.done} / {row.total}" if row.total else NOTHING
        return " · ".join(str(sum(row.outcome.get(name, {}).values())) for name in COUNTS)

    @admin.display(description="拒绝")
    def refused(self, row: ImportJob) -> SafeString | str:
        """To the list of what was rejected."""
        count = len(row.outcome.get("rejected", ())) if row.outcome else 0
        return badge(f"{count} 条", "warn") if count else NOTHING

    state_badge = cell(
        "状态",
        lambda row: badge(str(JobState(row.state).label), TONES[JobState(row.state)]),
        ordering="state",
    )

    submitted = column("created_at", "时间", moment, ordering="id")

    door = cell("途径", lambda row: door_word(row.actor_via))

    reason = cell(
        "失败原因",
        lambda row: (
            format_html('<span class="bf-error">{}</span>', shortened(row.error, 80))
            if row.error
            else NOTHING
        ),
    )


def _text(job: JobView) -> str:
    """One line about a job."""
    if job.state != JobState.RUNNING:
        return str(JobState(job.state).label)
    phase = JobPhase(job.phase).label if job.phase else ""
    return f"{phase}：{job.done} / {job.total}" if job.total else f"{phase}：{job.done}"


def _table(row: ImportJob, outcome: dict[str, Any]) -> dict[str, Any]:
    """What the outcome's template shows."""
    rows = [
        (label, *numbers, page_of(row, kind))
        for kind, label in KINDS.items()
        for numbers in [[outcome.get(column, {}).get(kind, 0) for column in COUNTS]]
        if any(numbers)
    ]
    rejected = outcome["rejected"]
    address = reverse("admin:secops_agent_importjob_rejected", args=[row.pk])
    return {
        "rows": rows or [("合计", 0, 0, 0, "")], "rejected": rejected[:MOST_REJECTED], "rejected_count": len(rejected), "rejected_url": address,
        "apart": outcome.get("apart", ()), "apart_text": APART, "note": outcome.get("note", ""),
    }  # fmt: skip
