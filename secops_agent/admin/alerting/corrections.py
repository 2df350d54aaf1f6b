"""改进建议: answers and investigations that somebody found useless, and what becomes of them."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminSelectWidget

from bifang.channels.admin.rows import MAY_NOT_READ
from bifang.channels.rights import READ_TEXT
from bifang.core.admin.asking import asked_once
from bifang.core.admin.base import Screen, ago, badge, cell, column, preformatted, shortened
from bifang.core.errors import BifangError
from secops_agent.admin.inventory import actor_of
from secops_agent.admin.sources.assets import TagsField
from secops_agent.models import Correction, CorrectionState
from secops_agent.services import corrections
from secops_agent.tools.registry import DEFINITIONS

TONES = {CorrectionState.OPEN: "warn", CorrectionState.DONE: "ok", CorrectionState.DISMISSED: "idle"}
TOOLS = [
    ("", "还没有写"), (Correction.NO_TOOL, "什么都不该查"), *((each.name, f"{each.title}（{each.name}）") for each in DEFINITIONS),
]  # fmt: skip

RIGHT = ("tool", "arguments", "facts")
RIGHT_NOTE = (
    "写出应该查什么、回答里应有什么，就能在列表里导出为评测用例：以后每次改动都用它检查，不会再答错。"
)


class CorrectionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What would have been right: it makes the case to evaluate."""

    tool = forms.ChoiceField(label="应该查", choices=TOOLS, required=False, widget=UnfoldAdminSelectWidget)
    facts = TagsField(label="回答里应有", required=False, help_text="用逗号分隔，例如 web-01、3 台。")

    class Meta:
        model = Correction
        fields = ("tool", "arguments", "facts")
        help_texts = {"arguments": '例如 {"severity": "high"}。'}

    def clean_arguments(self) -> dict[str, Any]:
        """By name."""
        given = self.cleaned_data["arguments"] or {}
        if not isinstance(given, dict):
            raise forms.ValidationError('应为映射，例如 {"severity": "high"}。')
        return given


@admin.register(Correction)
class CorrectionScreen(Screen):
    """The queue. What people wrote is for those who may read it; only they decide."""

    form = CorrectionForm
    purpose = "有人说没用的回答和调查（👎）。看看为什么，写成手册草稿让以后答得对，或者写出怎样才对、导出为评测用例；没有道理的不采纳。"
    when_empty = "没有人说过没用。在聊天里对回答说「没用，原因是……」，或在告警的调查上按 👎，就会出现在这里。"
    way = ("secops_agent.runbook", "手册")
    list_before_template = "admin/channels/states.html"
    change_form_outer_before_template = "admin/secops_agent/correction.html"
    list_display = ("words", "why", "state_badge", "name", "when")
    list_filter = ("state", "is_group")
    search_fields = ("name",)
    actions = ("write_draft", "export_cases", "dismiss")
    readonly_fields = (
        "state_badge",
        "at",
        "name",
        "is_group",
        "alert",
        "asked",
        "answered",
        "why_whole",
        "runbook",
    )
    fields = (
        "state_badge", "at", "name", "is_group", "alert", "asked", "answered", "why_whole", "runbook", "tool", "arguments",
        "facts",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People say them in the chat."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Retention does."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may not read it decides nothing about it."""
        return request.user.has_perm(READ_TEXT) and super().has_change_permission(request, obj)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without private text where it may not be read."""
        return _readable(request, self.list_display)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without private text where it may not be read."""
        return _readable(request, self.fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What was said, and what would have been right."""
        shown = self.get_fields(request, obj)
        said = [name for name in shown if name not in RIGHT]
        right = [name for name in RIGHT if name in shown]
        return [
            (None, {"fields": said}),
            *([("怎样才对", {"fields": right, "description": RIGHT_NOTE})] if right else []),
        ]

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With one click to each state."""
        return self.pills(request, CorrectionState.choices)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the words that stand for private text."""
        return (*self.readonly_fields, "hidden_text")

    @admin.action(description="写成手册草稿", permissions=["change"])
    def write_draft(self, request: HttpRequest, queryset: QuerySet[Correction]) -> None:
        """One for each."""
        self._each(request, queryset, lambda row: corrections.draft(row, actor_of(request)))

    @admin.action(description="不采纳", permissions=["change"])
    @asked_once("它们不再算待处理，也不能再写成手册草稿；说的人不会收到通知。")
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Correction]) -> None:
        """Nothing comes of them."""
        self._each(request, queryset, lambda row: corrections.dismiss(row, actor_of(request)))

    @admin.action(description="导出为评测用例（JSON Lines）", permissions=["change"])
    def export_cases(self, request: HttpRequest, queryset: QuerySet[Correction]) -> HttpResponse | None:
        """As lines of tests/secops/eval/questions.jsonl."""
        try:
            lines = [f"{corrections.case_of(row)}\n" for row in queryset.order_by("pk")]
        except BifangError as error:
            messages.error(request, error.message)
            return None
        headers = {"Content-Disposition": 'attachment; filename="questions.jsonl"'}
        return HttpResponse(
            "".join(lines), content_type="application/x-ndjson; charset=utf-8", headers=headers
        )

    @staticmethod
    def _each(
        request: HttpRequest, queryset: QuerySet[Correction], act: Callable[[Correction], object]
    ) -> None:
        done = 0
        for row in queryset.order_by("pk"):
            try:
                act(row)
                done += 1
            except BifangError as error:
                messages.error(request, f"{row.pk}：{error.message}")
        if done:
            messages.success(request, f"已处理 {done} 条。")

    state_badge = cell(
        "状态",
        lambda row: badge(str(row.get_state_display()), TONES[CorrectionState(row.state)]),
        ordering="state",
    )

    when = column("at", "时间", ago, ordering="at")

    words = cell("问题", lambda row: shortened(row.question, 40))

    why = cell("原因", lambda row: shortened(row.reason, 40))

    asked = column("question", "问题", preformatted)
    answered = column("answer", "回答", preformatted)
    why_whole = column("reason", "原因", preformatted)

    hidden_text = cell("内容", lambda row: MAY_NOT_READ)


def _readable(request: HttpRequest, names: Any) -> list[str]:
    if request.user.has_perm(READ_TEXT):
        return list(names)
    private = (
        "words",
        "why",
        "alert",
        "asked",
        "answered",
        "why_whole",
        "runbook",
        "tool",
        "arguments",
        "facts",
    )
    return [*(name for name in names if name not in private), "hidden_text"]
