"""手册: what people write, with versions, as files too."""

import io
import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from bifang.core.admin.base import NOTHING, Screen, ago, badge, cell, column, extra, once, shortened
from bifang.core.configuration.entries import EntryFaults
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.requests.bodies import takes_file
from secops_agent.admin.inventory import actor_of, history_table
from secops_agent.admin.sources.assets import TagsField
from secops_agent.models import Runbook, RunbookFile
from secops_agent.services import runbooks
from secops_agent.services.intake import jobs
from secops_agent.services.runbooks import folders, importing, trees
from secops_agent.services.runbooks.importing import ArrivingSkill, SkillPlan, cut
from secops_agent.services.runbooks.skills import SkillFile, make_skill, whole_skill_of
from secops_agent.uploads.body import SMALL, Upload

# A zip of skills on the page: kept until an approver has seen what it would write, then written or erased.

LARGEST: Final = 20 << 20  # bytes of a zip
_SALT: Final = "bifang.skills"
_KEPT_S: Final = 24 * 3600  # then `jobs.sweep` erases the file
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_GONE: Final = "要确认的手册已经不在了：已经导入过、放弃了，或超过一天。没有导入任何内容，请重新选择文件。"


@dataclass(frozen=True, slots=True)
class AskedSkills:
    """``kept``: the file, signed for whoever sent it, with the seal of what is shown."""

    kept: str
    plan: SkillPlan

    @property
    def changed(self) -> list[tuple[ArrivingSkill, str]]:
        """Each with its difference, as much of it as a page shows."""
        return [(each, cut(each.difference)) for each in self.plan.changed]


def ask(request: HttpRequest) -> AskedSkills:
    """What a zip would write. Raises InvalidInput."""
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > LARGEST:
        raise InvalidInput(f"请选择一个 zip 文件，最大 {LARGEST >> 20} MB。")
    found = importing.plan(trees.read_zip(file), actor_of(request))
    if not (found.new or found.changed):
        raise InvalidInput(f"没有要导入的：{found.told}")
    file.seek(0)
    with Upload(file.name or "") as upload:
        upload.receive(file.chunks(SMALL))
        told = {"key": upload.keep(), "seal": found.seal, "user": request.user.pk}
    return AskedSkills(signing.dumps(told, salt=_SALT), found)


def decide(request: HttpRequest) -> str:
    """Write what was shown, or erase it; tells which. Raises InvalidInput."""
    try:
        told = signing.loads(request.POST["kept"], salt=_SALT, max_age=_KEPT_S)
    except signing.BadSignature:
        raise InvalidInput(_GONE) from None
    path = jobs.directory() / str(told["key"])
    if told["user"] != request.user.pk or not _KEY.fullmatch(told["key"]) or not path.is_file():
        raise InvalidInput(_GONE)
    try:
        if "drop" in request.POST:
            return "没有导入，文件已删除。"
        with path.open("rb") as stream:
            return importing.carry_out_sealed(trees.read_zip(stream), told["seal"], actor_of(request))
    finally:
        path.unlink(missing_ok=True)


def files_table(rows: Iterable[RunbookFile]) -> SafeString:
    """A line each; those that may be read lead to their text."""
    return format_html_join("", "<div>{} <span class='bf-note'>{} 字节{}</span></div>", map(_line, rows))


def _line(row: RunbookFile) -> tuple[SafeString | str, int, str]:
    file = SkillFile(row.path, row.size, row.digest)
    if file.is_reference:
        address = reverse("admin:secops_agent_runbook_file", args=[row.runbook_id, row.pk])
        return format_html("<a href='{}'>{}</a>", address, row.path), row.size, ""
    return row.path, row.size, "，只列出，不运行"


VERSIONS_SHOWN: Final = 20
_COLUMNS: Final = {"name": "title", "roles": "role"}


class RunbookForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Markdown, and what stands in the front matter of a SKILL.md."""

    tags = TagsField(label="标签", required=False, help_text="用逗号分隔。")
    techniques = TagsField(label="ATT&CK 技术", required=False, help_text="编号，例如 T1110；用逗号分隔。")
    tools = TagsField(
        label="相关查询", required=False,
        help_text="查询工具的名称，例如 list_alerts、lookup_indicator；用逗号分隔。只是提示，不给任何权限。",
    )  # fmt: skip

    class Meta:
        model = Runbook
        fields = ("title", "when", "tags", "techniques", "tools", "role", "published", "body")
        help_texts = {
            "title": "例如 SSH 暴力破解处置。",
            "when": "一句话：看到什么时用它，例如「登录日志中同一来源大量失败」。查找时和标题一起用。",
            "role": "有这个角色（或更高）的人才看得到；在群里只显示「查看」角色能看的。",
            "published": "不勾选是草稿：智能体找不到，只有能修改手册的人看得到。",
        }

    def clean(self) -> dict[str, Any]:
        """As every other door checks it, told at the field."""
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        head = {
            "name": values["title"], "when": values["when"], "tags": values["tags"], "techniques": values["techniques"],
            "tools": values["tools"], "roles": [values["role"]], "published": values["published"],
        }  # fmt: skip
        try:
            make_skill(head, values["body"])
        except EntryFaults as faults:
            for place, text in faults.faults:
                name = place.partition(".")[0]
                self.add_error(_COLUMNS.get(name, name), text.partition("：")[2] or text)
        except BifangError as fault:
            self.add_error("body", fault.message)
        return values


@admin.register(Runbook)
class RunbookScreen(Screen):
    """Written and found here; the robot finds them by their Chinese text."""

    history_on_page = True
    records_itself = True

    form = RunbookForm
    purpose = "本单位自己的做法。毕方按主题、ATT&CK 技术和告警找到它们，答复和调查里引用。手册给不了任何权限：操作仍只由人提出。"
    when_empty = "还没有手册。写一份，例如「勒索病毒应急处置」；已有 SKILL.md 文件夹的，打成 zip 在上面导入。"
    list_display = ("title", "state", "when_line", "technique_line", "reading", "changed")
    list_filter = ("published", "role")
    search_fields = ("title", "when", "body")
    search_help_text = "按标题、什么时候用和正文搜索"
    ordering = ("title", "id")
    actions = ("export",)
    readonly_fields = ("imported", "other_keys", "files_of", "updated_at", "history_of")
    fields = (
        "title", "when", "tags", "techniques", "tools", "role", "published", "body", "imported", "other_keys", "files_of",
        "updated_at", "history_of",
    )  # fmt: skip
    list_before_template = "admin/secops_agent/skills.html"
    change_form_outer_after_template = "admin/secops_agent/versions.html"

    def reader(self, request: HttpRequest) -> runbooks.Reader:
        """The person at the keyboard."""
        known = request.__dict__  # asked again for every part of the page
        if "reader" not in known:
            drafts = request.user.has_perm("secops_agent.change_runbook")
            known["reader"] = runbooks.reader_of(actor_of(request), drafts=drafts)
        found: runbooks.Reader = known["reader"]
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Runbook]:
        """What this person may read."""
        found: QuerySet[Runbook] = super().get_queryset(request)
        return found.filter(pk__in=runbooks.visible(self.reader(request)).values("pk"))

    def formfield_for_choice_field(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Nobody writes what they could not read."""
        if db_field.name == "role":
            allowed = self.reader(request).roles
            kwargs["choices"] = [pair for pair in db_field.flatchoices if pair[0] in allowed]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With the form for a zip."""
        return {"bf_may_import": importing.may_import(actor_of(request))}

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the versions, for those who may write."""
        if row is None or not self.has_change_permission(request, row):
            return {}
        found = runbooks.versions(row.pk, self.reader(request))
        return {"bf_versions": _differences(found), "bf_runbook": row.pk, "bf_may_restore": True}

    @extra("<int:pk>/restore/<int:number>/", "change", "POST")
    def restore_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """POST: an old version becomes the newest."""
        runbooks.restore(pk, number, actor_of(request))
        messages.success(request, f"已恢复版本 {number}。")
        return redirect("admin:secops_agent_runbook_change", pk)

    @extra("import/", "", "POST")
    @takes_file(LARGEST, "secops_agent.add_runbook", "secops_agent.change_runbook")
    def import_view(self, request: HttpRequest) -> HttpResponse:
        """POST: a zip, or the decision about one that was shown."""
        if not importing.may_import(actor_of(request)):
            raise PermissionDenied
        if "kept" not in request.POST:
            return self.page(request, "admin/secops_agent/skill_import.html", "导入手册", asked=ask(request))
        messages.success(request, decide(request))
        return redirect("admin:secops_agent_runbook_changelist")

    @extra("<int:pk>/file/<int:number>/")
    def file_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """A reference of a skill, a page of it."""
        try:
            page = runbooks.read_file(pk, number, _number(request.GET.get("page", "")), self.reader(request))
        except BifangError as error:
            messages.error(request, error.message)
            return redirect("admin:secops_agent_runbook_changelist")
        return self.page(request, "admin/secops_agent/skill_file.html", page.path, page=page)

    @admin.action(description="导出为手册文件夹（zip）", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Runbook]) -> HttpResponse:
        """The chosen ones."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in folders.texts(list(queryset)):
                for path_in_zip, text in folders.written(each):
                    archive.writestr(path_in_zip, text)
        headers = {"Content-Disposition": 'attachment; filename="skills.zip"'}
        return HttpResponse(packed.getvalue(), content_type="application/zip", headers=headers)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service: keeps the search index, the versions and the history."""
        values = form.cleaned_data
        saved = runbooks.save(
            values["title"], values["body"], tuple(values["tags"]), tuple(values["techniques"]),
            actor_of(request), obj.pk if change else None,
            when=values["when"], tools=tuple(values["tools"]), role=values["role"], published=values["published"],
        )  # fmt: skip
        obj.pk = saved.id
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Through the service."""
        runbooks.delete(obj.pk, actor_of(request))

    state = cell(
        "状态",
        lambda row: badge("已发布", "ok") if row.published else badge("草稿", "warn"),
        ordering="published",
    )

    when_line = cell("什么时候用", lambda row: shortened(row.when, 40))

    reading = cell("谁可以看", lambda row: str(row.get_role_display()), ordering="role")

    technique_line = cell("ATT&CK 技术", lambda row: "、".join(row.techniques) or NOTHING)

    changed = column("updated_at", "修改时间", ago, ordering="updated_at")

    @admin.display(description="来历")
    @once
    def imported(self, row: Runbook) -> str:
        """Written here, or imported: as an approver saw it, or changed since?"""
        if not row.digest:
            return "在这里写的"
        same = row.pk and whole_skill_of(row).digest == row.digest
        return (
            f"导入的手册，{'和导入时一样' if same else '导入以后改过'}；导入时的摘要（SHA-256）{row.digest}"
        )

    @admin.display(description="其他的键")
    def other_keys(self, row: Runbook) -> SafeString | str:
        """Kept for the export; they grant nothing."""
        lines = [(key, json.dumps(value, ensure_ascii=False)) for key, value in row.extra.items()]
        return format_html_join(mark_safe("<br>"), "{}：{}", lines) or NOTHING

    @admin.display(description="文件")
    @once
    def files_of(self, row: Runbook) -> SafeString | str:
        """References may be read; scripts are listed, and never run."""
        rows = row.files.defer("text").all() if row.pk else ()
        return files_table(rows) or NOTHING

    @admin.display(description="变更历史")
    @once
    def history_of(self, row: Runbook) -> SafeString | str:
        """The changes."""
        return history_table("runbook", row.pk) if row.pk else NOTHING


def _differences(found: tuple[runbooks.VersionView, ...]) -> list[dict[str, Any]]:
    """The newest ones, each with what it changed."""
    pairs = zip_longest(found[:VERSIONS_SHOWN], found[1 : VERSIONS_SHOWN + 1])
    return [
        {
            "number": new.number, "author": new.author, "note": new.note, "at": new.at,
            "difference": importing.cut(importing.compare(old.text, new.text) if old else new.text),
        }
        for new, old in pairs
        if new
    ]  # fmt: skip


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 1
