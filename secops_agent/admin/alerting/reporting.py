"""报告时限 and 分级问题: whom an incident must be reported to within which time, and what makes it that grave."""

from typing import Any

from django import forms
from django.contrib import admin

from bifang.core.admin.base import Screen, cell
from secops_agent.models import GradingQuestion, ReportingDuty


@admin.register(ReportingDuty)
class ReportingDutyScreen(Screen):
    """Kept by an administrator; the official text decides."""

    purpose = "网络安全事件要报给谁、多久之内：事件的「报告时钟」从这里取时限。条款以官方文本为准，有变化由管理员修改。"
    list_display = ("name", "body", "minutes", "closing_days", "article", "enabled")
    fields = ("name", "body", "minutes", "closing_days", "article", "enabled")


class QuestionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Thresholds that grow, and at least one."""

    class Meta:
        model = GradingQuestion
        fields = ("text", "unit", "moderate", "major", "severe", "article", "enabled")

    def clean(self) -> dict[str, Any]:
        """A question without a threshold would grade nothing, and look as if it did."""
        values: dict[str, Any] = super().clean() or {}
        steps = [values[name] for name in ("moderate", "major", "severe") if values.get(name) is not None]
        if not steps or min(steps) < 1 or steps != sorted(set(steps)):
            raise forms.ValidationError("请至少填写一项，从 1 起，越重的数越大。")
        return values


@admin.register(GradingQuestion)
class GradingQuestionScreen(Screen):
    """Asked on the page of a case; graded by code."""

    form = QuestionForm
    purpose = "事件分级时问什么、达到多少算较大以上：由代码判定，依据写在旁边。条款以官方文本为准。"
    list_display = ("text", "thresholds", "article", "enabled")

    thresholds = cell("达到多少", lambda row: row.thresholds)
