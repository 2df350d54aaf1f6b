"""处置手册 and 处理时限: what people write."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, Screen, moment
from secops_agent.admin.assets import TagsField
from secops_agent.admin.inventory import actor_of, gravity, history_table, severity_badge
from secops_agent.models import Runbook, SlaTarget
from secops_agent.models.choices import Severity
from secops_agent.services import runbooks
from secops_agent.services.vulnerabilities import sla


class RunbookForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Markdown."""

    tags = TagsField(label="标签", required=False, help_text="用逗号分隔。")
    techniques = TagsField(label="ATT&CK 技术", required=False, help_text="编号，例如 T1110；用逗号分隔。")

    class Meta:
        model = Runbook
        fields = ("title", "tags", "techniques", "body")


@admin.register(Runbook)
class RunbookScreen(Screen):
    """Written and found here; the robot finds them by their Chinese text."""

    history_on_page = True
    records_itself = True

    form = RunbookForm
    list_display = ("title", "tag_line", "technique_line", "changed")
    search_fields = ("title", "body")
    search_help_text = "按标题和正文搜索"
    ordering = ("title", "id")
    readonly_fields = ("changed", "history_of")
    fields = ("title", "tags", "techniques", "body", "changed", "history_of")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service: keeps the search index and the history."""
        values = form.cleaned_data
        saved = runbooks.save(
            values["title"], values["body"], tuple(values["tags"]), tuple(values["techniques"]),
            actor_of(request), obj.pk if change else None,
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

    @admin.display(description="标签")
    def tag_line(self, row: Runbook) -> str:
        """In one line."""
        return "、".join(row.tags) or NOTHING

    @admin.display(description="ATT&CK 技术")
    def technique_line(self, row: Runbook) -> str:
        """In one line."""
        return "、".join(row.techniques) or NOTHING

    @admin.display(description="修改时间", ordering="updated_at")
    def changed(self, row: Runbook) -> SafeString | str:
        """Last change."""
        return moment(row.updated_at)

    @admin.display(description="变更历史")
    def history_of(self, row: Runbook) -> SafeString | str:
        """The changes."""
        return history_table("runbook", row.pk) if row.pk else NOTHING


class SlaForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """At least one of both limits."""

    class Meta:
        model = SlaTarget
        fields = ("severity", "alert_hours", "finding_days")
        help_texts = {
            "alert_hours": "留空表示这个级别的告警没有时限。",
            "finding_days": "留空表示这个级别的发现没有时限。",
        }

    def clean(self) -> dict[str, Any]:
        """An empty row would say nothing, and look like one that does."""
        values: dict[str, Any] = super().clean() or {}
        if not any(values.get(name) for name in ("alert_hours", "finding_days")):
            raise forms.ValidationError("请至少填写一项时限；要恢复默认的时限，请删除这一行。")
        return values


@admin.register(SlaTarget)
class SlaScreen(Screen):
    """Within what time something must be dealt with; what is not listed has the defaults."""

    form = SlaForm
    list_display = ("level", "alert_hours", "finding_days")
    list_before_template = "admin/secops_agent/sla.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With what holds for every severity, the defaults too."""
        limits, mine = sla.SlaLimits(), set(SlaTarget.objects.values_list("severity", flat=True))
        rows = [(severity_badge(each), *limits.of(each), each in mine) for each in Severity.values]
        return super().changelist_view(request, {"bf_limits": rows} | (extra_context or {}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The severity is the row."""
        return ("severity",) if obj else ()

    @admin.display(description="级别", ordering=gravity("severity"))
    def level(self, row: SlaTarget) -> SafeString | str:
        """Coloured."""
        return severity_badge(row.severity)
