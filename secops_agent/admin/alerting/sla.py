"""处理时限: within what time something must be dealt with."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from bifang.core.admin.base import Screen, cell
from secops_agent.admin.inventory import gravity, severity_badge
from secops_agent.models import SlaTarget
from secops_agent.models.choices import Severity
from secops_agent.services import sla


class SlaForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """At least one of both limits."""

    class Meta:
        model = SlaTarget
        fields = ("severity", "alert_hours", "finding_days")
        help_texts = {
            "alert_hours": "例如 8。留空表示这个级别的告警没有时限。",
            "finding_days": "例如 30。留空表示这个级别的发现没有时限。",
        }

    def clean(self) -> dict[str, Any]:
        """An empty row would say nothing, and look like one that does."""
        values: dict[str, Any] = super().clean() or {}
        if not any(values.get(name) for name in ("alert_hours", "finding_days")):
            raise forms.ValidationError("请至少填写一项时限；要恢复默认的时限，请删除这一行。")
        return values


def limit_state(request: HttpRequest) -> tuple[str, str]:
    """For its card: the limits of the two gravest severities, and whether somebody set them; and the tone."""
    limits, whose = sla.SlaLimits(), "" if SlaTarget.objects.exists() else "默认："
    hours = [(each.label, limits.of(each)[0]) for each in (Severity.CRITICAL, Severity.HIGH)]
    return whose + "，".join(f"{label} {f'{each} 小时' if each else '不限'}" for label, each in hours), "idle"


def _way_to(severity: str, pk: str | None) -> str:
    """Where one sets the limits of a severity."""
    if pk is not None:
        return reverse("admin:secops_agent_slatarget_change", args=[pk])
    return f"{reverse('admin:secops_agent_slatarget_add')}?severity={severity}"


@admin.register(SlaTarget)
class SlaScreen(Screen):
    """Within what time something must be dealt with; what is not listed has the defaults."""

    form = SlaForm
    purpose = "多久之内要处理完。告警从发生算起，发现从看到算起；快到和超过时会提醒，超时的排在最前面。修改只影响以后的告警和发现。"
    list_display = ("level", "alert_hours", "finding_days")
    list_before_template = "admin/secops_agent/sla.html"

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With what holds for every severity, the defaults too."""
        limits, mine = sla.SlaLimits(), {row.severity: row.pk for row in SlaTarget.objects.all()}
        may = self.has_change_permission(request)
        rows = [
            (
                severity_badge(each),
                *limits.of(each),
                each in mine,
                _way_to(each, mine.get(each)) if may else "",
            )
            for each in Severity.values
        ]
        return {"bf_limits": rows}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The severity is the row."""
        return ("severity",) if obj else ()

    level = cell("级别", lambda row: severity_badge(row.severity), ordering=gravity("severity"))
