"""接入: a format is written from a sample, corrected, tried, and switched on by an administrator."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, RecordScreen, badge, cell, extra, moment, shortened
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.requests.bodies import takes_file
from secops_agent.admin.inventory import actor_of
from secops_agent.importers.language.drafts import EVIDENCE, LARGEST, TableDraft, draft_of, written_table
from secops_agent.importers.language.table_files import LONGEST
from secops_agent.importers.language.words import LABELS
from secops_agent.models import DetectionRule, FormatTable
from secops_agent.models.choices import Severity
from secops_agent.services import format_tables
from secops_agent.services.alerts import detection_rules
from secops_agent.services.alerts.detection_rules import SUFFIXES
from secops_agent.uploads.body import SMALL, Upload
from secops_agent.uploads.entry_points import rules_later
from secops_agent.uploads.tables import adopt, kept_sample, recognised, sample_code, tried

BECOMES: Final = (
    ("", "不取用（留在原始记录里）"),
    ("title", LABELS["title"]),
    (EVIDENCE, "写进说明"),
    *list(LABELS.items())[1:],
)
_ADD: Final = "admin:secops_agent_formattable_add"
_ONE: Final = "admin:secops_agent_formattable_change"


@admin.register(FormatTable)
class FormatTableScreen(RecordScreen):
    """Every version of every table; the newest of a name first."""

    add_label = "写一个接入"
    purpose = "认不出的日志、JSON、CSV、XML：发一份样例，毕方写出字段表，改对以后由管理员启用，一分钟内在每个入口生效，不用重启。"
    when_empty = "还没有接入。拿一份认不出的样例（几十条就够），按「写一个接入」。"
    list_display = ("title_cell", "version", "state", "made", "decided")
    list_filter = ("enabled",)
    search_fields = ("name", "title")
    search_help_text = "按名称搜索"
    ordering = ("name", "-version")
    fields = ("title", "name", "version", "state", "made", "decided", "written")
    change_form_outer_after_template = "admin/secops_agent/table_acts.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may write one."""
        return request.user.has_perm("secops_agent.add_formattable")

    @takes_file(LARGEST, "secops_agent.add_formattable")
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A sample or a file of TOML; then the draft of the sample."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        context: dict[str, Any] = {"becomes": BECOMES, "severities": Severity.choices}
        try:
            if request.method == "POST" and "sample" not in request.POST:
                return _begun(request)
            if sample := request.POST.get("sample") or request.GET.get("sample"):
                done = _drafted(request, sample, context)
                if done is not None:
                    return redirect(_ONE, done.pk)
        except BifangError as error:
            context["error"] = error.message
        return self.page(request, "admin/secops_agent/table_draft.html", "写一个接入", **context)

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With what may be done about it."""
        return {
            "bf_table": row,
            "bf_may_write": self.has_add_permission(request),
            "bf_may_decide": self.has_operate_permission(request),
        }

    @extra("<int:pk>/act/", method="POST")
    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: on, off, delete, or a new version; who may is asked where it is done."""
        actor, act = actor_of(request), request.POST.get("act")
        try:
            row = format_tables.get(pk)
            if act == "delete":
                format_tables.delete(row.name, actor)
                messages.success(request, f"已删除接入「{row.title}」；它带来的告警都在。")
                return redirect("admin:secops_agent_formattable_changelist")
            if act == "save":
                row = adopt(request.POST.get("text", "").replace("\r\n", "\n"), actor, row.name)
                messages.success(request, f"版本 {row.version} 已保存，启用以后才生效。")
            elif act in ("on", "off"):
                row = (
                    format_tables.switch_on(pk, actor) if act == "on" else format_tables.switch_off(pk, actor)
                )
                messages.success(request, f"已{'启用' if row.enabled else '停用'}，一分钟内在每个入口生效。")
        except BifangError as error:
            messages.error(request, error.message)
        return (
            redirect(_ONE, row.pk)
            if FormatTable.objects.filter(pk=pk).exists()
            else redirect("admin:secops_agent_formattable_changelist")
        )

    @extra("<int:pk>/export/")
    def export_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The TOML file."""
        row = self.get_object(request, str(pk))
        if row is None:
            raise PermissionDenied
        headers = {
            "Content-Disposition": f'attachment; filename="{row.name}.toml"',
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(row.text, content_type="application/toml; charset=utf-8", headers=headers)

    @admin.display(description="接入", ordering="name")
    def title_cell(self, row: FormatTable) -> SafeString:
        """Name and format."""
        return format_html(
            '<span class="bf-cell">{}<span class="bf-note">{}</span></span>', row.title, row.name
        )

    state = cell(
        "状态", lambda row: badge("启用", "ok") if row.enabled else badge("没有启用"), ordering="enabled"
    )

    @admin.display(description="保存", ordering="made_at")
    def made(self, row: FormatTable) -> SafeString:
        """When, and who."""
        return format_html(
            '<span class="bf-cell">{}<span class="bf-note">{}</span></span>',
            moment(row.made_at),
            shortened(row.made_by, 30),
        )

    @admin.display(description="启用或停用", ordering="decided_at")
    def decided(self, row: FormatTable) -> SafeString | str:
        """When last, and by whom."""
        if row.decided_at is None:
            return NOTHING
        return format_html(
            '<span class="bf-cell">{}<span class="bf-note">{}</span></span>',
            moment(row.decided_at),
            shortened(row.decided_by, 30),
        )

    written = cell("字段表", lambda row: format_html('<pre class="bf-json">{}</pre>', row.text))


def _begun(request: HttpRequest) -> HttpResponse:
    """A file of TOML is kept as a table, Sigma rules for the alerts that name them; a sample is kept for its draft. Raises InvalidInput."""
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > LARGEST:
        raise InvalidInput(f"请选择一份样例（或字段表的 .toml 文件），最大 {LARGEST >> 20} MB。")
    if (file.name or "").lower().endswith(".toml"):
        if (file.size or 0) > 4 * LONGEST:
            raise InvalidInput(f"字段表超过 {LONGEST} 个字符。")
        text = file.read().decode("utf-8", "replace").replace("\r\n", "\n")
        return redirect(_ONE, adopt(text, actor_of(request), (file.name or "")[:-5]).pk)
    if (file.name or "").lower().endswith((*SUFFIXES, ".zip")):
        with Upload(file.name or "") as upload:
            upload.receive(file.chunks(SMALL))
            job = rules_later(upload, actor_of(request))
        return redirect("admin:secops_agent_importjob_change", job.id)
    with Upload(file.name or "") as upload:
        upload.receive(file.chunks(SMALL))
        draft_of(upload.source())
        code = sample_code(upload.keep(), file.name or "样例", request.user.pk)
    return redirect(f"{reverse(_ADD)}?{urlencode({'sample': code})}")


def _drafted(request: HttpRequest, sample: str, context: dict[str, Any]) -> FormatTable | None:
    """The draft, as far as the person has corrected it; the row where it is saved. Raises InvalidInput."""
    source = kept_sample(sample, request.user.pk)
    draft = draft_of(source)
    given = request.POST if request.method == "POST" else None
    fields, levels = _corrected(draft, given)
    format = given.get("format", "").strip() if given else draft.format
    context |= {
        "sample": sample, "draft": draft, "file": source.name, "format": format, "known": recognised(source),
        "name": given.get("name", "") if given else "", "ident": given.get("ident", "") if given else "",
        "keys": [(place, key, fields[key.path]) for place, key in enumerate(draft.keys)],
        "levels": [(place, word, level) for place, (word, level) in enumerate(levels.items())],
    }  # fmt: skip
    name = context["name"].strip() or "未命名"
    context["text"] = text = written_table(
        draft, name, context["ident"].strip(), fields=fields, levels=levels, format=format
    )
    context["told"] = tried(text, source)
    if given is None or given.get("act") != "save":
        return None
    if not context["name"].strip():
        raise InvalidInput("请给接入写一个名称，例如「某某 WAF」。")
    return adopt(text, actor_of(request))


def _corrected(draft: TableDraft, given: QueryDict | None) -> tuple[dict[str, str], Any]:
    """The field of each key and the level of each word: the draft's, or a person's."""
    fields = {
        key.path: given.get(f"field-{place}", "") if given else key.field
        for place, key in enumerate(draft.keys)
    }
    levels = {
        word: given.get(f"level-{place}", level) if given else level
        for place, (word, level) in enumerate(draft.levels.items())
    }
    return fields, levels


@admin.register(DetectionRule)
class DetectionRuleScreen(RecordScreen):
    """What Sigma rules say of themselves; uploaded where formats are, deleted here."""

    purpose = "Sigma 规则自己写的级别、说明、已知的误报和 ATT&CK，显示在写着它的告警上；规则本身不执行。"
    when_empty = "还没有。到「接入」按「写一个接入」，选 Sigma 规则的 .yml，或规则仓库的 .zip。"
    way = ("secops_agent.formattable", "接入")
    list_display = ("name", "weight", "attack", "uid")
    search_fields = ("name", "=uid")
    search_help_text = "按名称，或完整的编号搜索"
    fields = ("name", "uid", "weight", "attack", "description", "mistakes")
    ordering = ("name",)
    actions = ("forget",)

    @admin.action(description="删除", permissions=["operate"])
    def forget(self, request: HttpRequest, rows: QuerySet[DetectionRule]) -> None:
        """The chosen ones."""
        try:
            count = detection_rules.delete(rows.order_by().values_list("pk", flat=True), actor_of(request))
            messages.success(request, f"已删除检测规则 {count} 条；写着它们的告警都在。重新上传就会回来。")
        except BifangError as error:
            messages.error(request, error.message)

    weight = cell(
        "级别",
        lambda row: str(Severity(row.level).label) if row.level in Severity.values else row.level or NOTHING,
        ordering="level",
    )

    attack = cell("ATT&CK", lambda row: "、".join(row.techniques) or NOTHING)

    mistakes = cell("已知的误报", lambda row: "；".join(row.false_positives) or NOTHING)


__all__ = ["DetectionRuleScreen", "FormatTableScreen"]
