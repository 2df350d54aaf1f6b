"""The form of a scheduled task: what a file says in YAML, as fields."""

from typing import Any, Final

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from bifang.core.errors import BifangError
from secops_agent.models import ScheduledTask
from secops_agent.services.notifications import choices
from secops_agent.services.schedules.cron import HELP, describe, read_cron
from secops_agent.services.schedules.schedules import NOWHERE, destination_of
from secops_agent.services.schedules.tasks import ATTACHMENTS, QUESTION, REPORTS, TASKS, read_task, title_of

ASK: Final = "一句查询"
WHAT: Final = (
    *((word, word) for word in REPORTS.values()),
    (ASK, ASK),
    *((kind.title, kind.title) for kind in TASKS if not kind.told),
)


class TaskForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What it says goes through the one door of scheduled tasks; errors stand at their fields."""

    what = forms.ChoiceField(label="做什么", choices=WHAT, widget=UnfoldAdminSelectWidget)
    question = forms.CharField(
        label="查询", required=False, max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text="做什么选「一句查询」时填写离线模式能回答的一句话，例如 未处理的高危告警、昨天的告警统计。",
    )  # fmt: skip
    when = forms.CharField(
        label="时间", max_length=200, widget=UnfoldAdminTextInputWidget, help_text=f"北京时间，{HELP}。"
    )
    target = forms.ChoiceField(
        label="发到", required=False, widget=UnfoldAdminSelectWidget,
        help_text="群要先在「已知的群」里：在群里 @ 机器人一次即可。更新情报和重新比对可以不选。",
    )  # fmt: skip

    attachment = forms.ChoiceField(
        label="附件", required=False, choices=tuple(ATTACHMENTS.items()), widget=UnfoldAdminSelectWidget,
        help_text="日报、周报、月报可以同时作为文件发送。",
    )  # fmt: skip

    class Meta:
        model = ScheduledTask
        fields = ("name", "enabled")
        help_texts = {"name": "留空则按任务命名。"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if name := self.fields.get("name"):  # absent for those who only look
            name.required = False
        stored = destination_of(self.instance) if self.instance.pk else None
        known = [*([choices.choice_of(stored)] if stored else []), *choices.choices()]
        self._known = {each.key: each for each in known}
        sections: dict[str, list[tuple[str, str]]] = {}
        for each in self._known.values():
            sections.setdefault(each.section, []).append((each.key, each.label))
        self.fields["target"].choices = [("", f"{NOWHERE}，只留执行记录"), *sections.items()]  # type: ignore[attr-defined]  # a ChoiceField
        if self.instance.pk:
            self._fill(choices.choice_of(stored).key if stored else "")

    def _fill(self, target: str) -> None:
        row = self.instance
        title, asks = title_of(row.task, row.arguments), row.task == QUESTION
        spoken = describe(row.cron)
        self.initial.update(
            what=ASK if asks else title,
            question=title if asks else "",
            when=row.cron if spoken.startswith("cron") else spoken,
            target=target,
            attachment=row.attachment,
        )

    def given(self) -> dict[str, Any]:
        """As the one door takes it."""
        values = self.cleaned_data
        chosen = self._known.get(values.get("target") or "")
        return {
            "name": values["name"], "task": self._task(values), "cron": values["when"], "enabled": values["enabled"],
            "target": chosen.entry if chosen else None, "attachment": values.get("attachment") or "",
        }  # fmt: skip

    @staticmethod
    def _task(values: dict[str, Any]) -> str:
        return str(values.get("question") if values.get("what") == ASK else values.get("what"))

    def clean(self) -> dict[str, Any]:
        """Everything that the door would refuse, at its field."""
        values: dict[str, Any] = super().clean() or {}
        self._try("when", lambda: read_cron(values.get("when", "")))
        asks = values.get("what") == ASK
        if asks and not values.get("question"):
            self.add_error("question", "请写一句查询。")
        kind = self._try("question" if asks else "what", lambda: read_task(self._task(values)))
        if kind and values.get("attachment") and kind[0].name != "report":
            self.add_error("attachment", "只有日报、周报、月报可以附文件。")
        if kind and kind[0].told and not values.get("target"):
            self.add_error("target", "请选择发到哪里。")
        return values

    def _try(self, field: str, read: Any) -> Any:
        try:
            return None if field in self.errors else read()
        except BifangError as error:
            self.add_error(field, error.message)
            return None
