"""手册（技能）: what people write, with versions, as files too."""

import difflib
import io
import zipfile
from itertools import zip_longest
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, Screen, ago, badge, once, shortened
from bifang.core.entries import EntryFaults
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.admin.assets import TagsField
from secops_agent.admin.inventory import actor_of, history_table
from secops_agent.models import Runbook
from secops_agent.services import runbooks
from secops_agent.services.runbooks import folders
from secops_agent.services.runbooks.skills import make_skill

VERSIONS_SHOWN: Final = 20
LONGEST_DIFFERENCE: Final = 8_000
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
    readonly_fields = ("updated_at", "history_of")
    fields = (
        "title", "when", "tags", "techniques", "tools", "role", "published", "body", "updated_at", "history_of",
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

    def get_urls(self) -> list[URLPattern]:
        """With restoring a version, and importing."""
        restore, read = (self.admin_site.admin_view(view) for view in (self.restore_view, self.import_view))
        return [
            path("import/", read, name="secops_agent_runbook_import"),
            path("<int:pk>/restore/<int:number>/", restore, name="secops_agent_runbook_restore"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """With the form for a zip."""
        may = self.has_add_permission(request) and self.has_change_permission(request)
        return super().changelist_view(request, {"bf_may_import": may} | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the versions, for those who may write."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None and self.has_change_permission(request, row):
            found = runbooks.versions(row.pk, self.reader(request))
            context = {"bf_versions": _differences(found), "bf_runbook": row.pk, "bf_may_restore": True}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def restore_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """POST: an old version becomes the newest."""
        self._require(request, self.has_change_permission(request))
        try:
            runbooks.restore(pk, number, actor_of(request))
            messages.success(request, f"已恢复版本 {number}。")
        except BifangError as error:
            messages.error(request, error.message)
        return redirect("admin:secops_agent_runbook_change", pk)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """POST: a zip."""
        self._require(request, self.has_add_permission(request) and self.has_change_permission(request))
        file = request.FILES.get("file")
        try:
            if file is None or (file.size or 0) > folders.TOTAL:
                raise InvalidInput("请选择一个 zip 文件，最大 20 MB。")
            outcome = folders.import_texts(folders.read_zip(file), actor_of(request))
            messages.success(request, folders.told(outcome))
        except BifangError as error:
            messages.error(request, error.message)
        return redirect("admin:secops_agent_runbook_changelist")

    @staticmethod
    def _require(request: HttpRequest, may: bool) -> None:
        if request.method != "POST" or not may:
            raise PermissionDenied

    @admin.action(description="导出为技能文件夹（zip）", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Runbook]) -> HttpResponse:
        """The chosen ones."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in folders.texts(list(queryset)):
                archive.writestr(each.place, each.text)
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

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Runbook]) -> None:
        """One after the other, each with its history."""
        for pk in list(queryset.values_list("pk", flat=True)):
            runbooks.delete(pk, actor_of(request))

    @admin.display(description="状态", ordering="published")
    def state(self, row: Runbook) -> SafeString:
        """Does the robot find it?"""
        return badge("已发布", "ok") if row.published else badge("草稿", "warn")

    @admin.display(description="什么时候用")
    def when_line(self, row: Runbook) -> SafeString | str:
        """In one line."""
        return shortened(row.when, 40)

    @admin.display(description="谁可以看", ordering="role")
    def reading(self, row: Runbook) -> str:
        """The lowest role."""
        return str(row.get_role_display())

    @admin.display(description="ATT&CK 技术")
    def technique_line(self, row: Runbook) -> str:
        """In one line."""
        return "、".join(row.techniques) or NOTHING

    @admin.display(description="修改时间", ordering="updated_at")
    def changed(self, row: Runbook) -> SafeString | str:
        """Last change."""
        return ago(row.updated_at)

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
            "difference": _difference(old.text, new.text) if old else new.text[:LONGEST_DIFFERENCE],
        }
        for new, old in pairs
        if new
    ]  # fmt: skip


def _difference(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=2, lineterm=""))[2:]
    text = "\n".join(lines)
    return text if len(text) <= LONGEST_DIFFERENCE else f"{text[:LONGEST_DIFFERENCE]}\n…"
