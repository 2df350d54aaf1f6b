"""定时任务 and 漏洞情报: what is done when, for whom, what came of it; how old the feeds are."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from bifang.core.admin.base import (
    NOTHING,
    RecordScreen,
    ago,
    badge,
    cell,
    column,
    extra,
    moment,
    once,
    preformatted,
    shortened,
)
from bifang.core.errors import BifangError
from secops_agent import says
from secops_agent.admin.inventory import actor_of, lines
from secops_agent.admin.previewed import Previewed
from secops_agent.models import Feed, RunState, ScheduledTask, Staff, TargetKind, TaskRun
from secops_agent.services.notifications import choices
from secops_agent.services.people.eligibility import account_of
from secops_agent.services.people.logins import homes_of
from secops_agent.services.schedules import feeds, runs, schedules
from secops_agent.services.schedules.cron import HELP, describe, next_runs, read_cron
from secops_agent.services.schedules.delivery import sending_of
from secops_agent.services.schedules.schedules import NOWHERE, destination_of, home_of, told_to, told_when
from secops_agent.services.schedules.tasks import ATTACHMENTS, QUESTION, REPORTS, TASKS, read_task, title_of

# The form of a scheduled task: what a file says in YAML, as fields.

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

    user: Any = None  # the one who chooses

    class Meta:
        model = ScheduledTask
        fields = ("name", "enabled")
        help_texts = {"name": "留空则按任务命名。"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if name := self.fields.get("name"):  # absent for those who only look
            name.required = False
        stored = destination_of(self.instance) if self.instance.pk else None
        known = [*([choices.choice_of(stored)] if stored else []), *choices.choices(self.user)]
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
        again = row.cron if row.once or spoken.startswith("cron") else spoken
        self.initial.update(
            what=ASK if asks else title,
            question=title if asks else "",
            when=again,
            target=target,
            attachment=row.attachment,
        )

    def given(self) -> dict[str, Any]:
        """As the one door takes it."""
        values = self.cleaned_data
        chosen = self._known.get(values.get("target") or "")
        return {
            "name": values["name"], "task": self._task(values), "cron": values["when"], "once": self.instance.once, "enabled": values["enabled"],
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


RUNS_SHOWN: Final = 20
TONES: Final = {
    RunState.QUEUED: "info", RunState.RUNNING: "info", RunState.HELD: "warn", RunState.DONE: "ok", RunState.FAILED: "bad",
}  # fmt: skip


@admin.register(ScheduledTask)
class ScheduledTaskScreen(Previewed):
    """Written through their service; with the next runs and what the last ones came to."""

    records_itself = True
    form = TaskForm
    purpose = "到时间做一件事，结果发到群、个人或值班人：日报、周报、一句查询、更新漏洞情报。停机期间错过的只补一次。"
    when_empty = f"还没有定时任务。新增一个，例如「日报」「工作日 9:00」发到安全群；在群里也可以说「{says.DAILY_EVERY_DAY}」。"
    way = ("channels.knowngroup", "已知的群")
    list_display = ("name", "state", "what", "when", "place", "next_run", "outcome")
    list_filter = ("enabled", "kind")
    search_fields = ("name",)
    readonly_fields = ("what", "when", "place", "who", "next_runs", "run_table")
    change_form_outer_before_template = "admin/secops_agent/schedule.html"
    change_form_after_template = "admin/secops_agent/preview.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """In words for those who only look."""
        if obj and not self.has_change_permission(request, obj):
            return [
                (
                    None,
                    {"fields": ("name", "enabled", "what", "when", "place", "who", "next_runs", "run_table")},
                )
            ]
        fields = ("name", "enabled", "what", "question", "when", "target", "attachment")
        shown = [("执行", {"fields": ("who", "next_runs", "run_table")})] if obj else []
        return [(None, {"fields": fields}), *shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form has fields of the same names."""
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return ("who", "next_runs", "run_table") if may else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Fields that the form adds itself are none of the model's."""
        kwargs["fields"] = ("name", "enabled")
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        made.user = request.user
        return made

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledTask]:
        """With the places; those of the login's own corporations."""
        found: QuerySet[ScheduledTask] = super().get_queryset(request)
        homes = None if request.user.is_superuser else homes_of(request.user)
        rows = found.select_related("config", "staff", "rota", "owner")
        ours = [row.pk for row in rows if home_of(row) in ("", *homes)] if homes else None
        return rows if ours is None else rows.filter(pk__in=ours)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What the door refuses is told."""
        try:
            shown: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except BifangError as error:
            messages.error(request, error.message)
            return redirect(request.path)
        return shown

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the one door."""
        row = ScheduledTask.objects.get(pk=obj.pk) if change else None
        saved = schedules.save_task(form.given(), actor_of(request), row=row, owner=_owner(request, row))
        obj.pk = saved.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Through the service."""
        schedules.delete_task(obj, actor_of(request))

    @extra("<int:pk>/start/", "change", "POST")
    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: once more, now."""
        runs.start_now(schedules.get_task(pk), actor_of(request))
        messages.success(request, "已排队，几秒后开始；刷新页面查看结果。")
        return redirect("admin:secops_agent_scheduledtask_change", pk)

    def previewed(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """``when``: the time in words and the next runs; "" while nothing is written. Raises BifangError."""
        words = request.POST.get("when", "")[:200].strip()
        return {"known": True, "text": _runs_of(words) if words else ""}

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the button."""
        told = super().beside_form(request, row)
        if row is None or not self.has_change_permission(request, row):
            return told
        return told | {"bf_start_url": reverse("admin:secops_agent_scheduledtask_start", args=[row.pk])}

    @admin.display(description="状态", ordering="enabled")
    def state(self, row: ScheduledTask) -> SafeString:
        """Does it run, and did it work?"""
        if not row.enabled:
            return badge("已停用", "idle")
        return badge("有问题", "bad", row.last_error) if row.last_error else badge("启用", "ok")

    what = cell(
        "做什么", lambda row: told_to(row, None), ordering="task"
    )  # a reminder is seen in the chat of whom it is for

    when = cell("时间", told_when)

    place = cell("发到", schedules.place_of)

    who = cell(
        "设置人",
        lambda row: (
            f"{row.owner}（按这位人员的权限查询）"
            if row.owner
            else f"{row.made_by or '系统'}（按查看权限查询）"
        ),
    )

    next_run = cell("下次执行", lambda row: ago(row.next_at) if row.enabled else NOTHING, ordering="next_at")

    @admin.display(description="上次执行", ordering="last_at")
    def outcome(self, row: ScheduledTask) -> SafeString | str:
        """When, and what went wrong, with its remedy."""
        if not row.last_error:
            return ago(row.last_at)
        told = shortened(row.last_error, 40)
        return format_html('<div>{}<div class="bf-error">{}</div></div>', ago(row.last_at), told)

    @admin.display(description="接下来三次")
    @once
    def next_runs(self, row: ScheduledTask) -> SafeString | str:
        """From now."""
        return lines(moment(each) for each in schedules.when_of(row, timezone.now()))

    @admin.display(description="执行记录")
    @once
    def run_table(self, row: ScheduledTask) -> SafeString | str:
        """The last ones: when, how long, what was sent, what went wrong."""
        found = row.runs.all()[:RUNS_SHOWN]
        private = row.kind == TargetKind.PERSON
        rows = ((moment(each.due_at), _state(each), _took(each), _told(each, private)) for each in found)
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        if not body:
            return NOTHING
        head = "".join(f"<th>{name}</th>" for name in ("应执行时间", "状态", "用时", "结果"))
        return format_html('<table class="bf-table"><tr>{}</tr>{}</table>', SafeString(head), body)


def _runs_of(words: str) -> str:
    """Raises InvalidInput for what is no time."""
    cron = read_cron(words)
    runs = "，".join(
        f"{each:%m-%d %H:%M}" for each in map(timezone.localtime, next_runs(cron, timezone.now()))
    )
    return f"{describe(cron)}：接下来是 {runs}。"


def _owner(request: HttpRequest, row: ScheduledTask | None) -> Staff | None:
    return account_of(request.user.pk, home_of(row) if row else "")


def _state(run: TaskRun) -> SafeString:
    return badge(run.get_state_display(), TONES[RunState(run.state)])


def _took(run: TaskRun) -> str:
    if not run.started_at or not run.finished_at:
        return NOTHING
    return f"{(run.finished_at - run.started_at).total_seconds():.1f} 秒"


def _told(run: TaskRun, private: bool) -> SafeString | str:
    """What it came to; what was sent can be opened, unless it was for one person."""
    parts = [part for part in (run.note, sending_of(run)) if part]
    found = [format_html("<div>{}</div>", "；".join(parts))] if parts else []
    if run.error:
        found.append(format_html('<div class="bf-error">{}</div>', run.error))
    if run.text and not private:
        found.append(
            format_html("<details><summary>查看发送的内容</summary>{}</details>", preformatted(run.text))
        )
    return format_html_join("", "{}", ((each,) for each in found)) or NOTHING


@admin.register(Feed)
class FeedScreen(RecordScreen):
    """What the last good copy of each feed was."""

    purpose = "哪些漏洞已被利用（CISA KEV）、多可能被利用（EPSS）。发现的优先级按它们排；过期的情报不会被当成「没有被利用」。"
    when_empty = (
        "还没有获取过情报。新增一个「更新漏洞情报」的定时任务，例如每天早上6点；不能上网的，把文件导入进来。"
    )
    way = ("secops_agent.scheduledtask", "定时任务")
    list_display = ("title", "freshness", "checked", "changed", "entries", "trouble")
    fields = (
        "title", "address", "freshness", "checked_at", "changed_at", "entries", "size", "digest", "etag", "modified", "last_error",
    )  # fmt: skip

    title = cell("来源", lambda row: feeds.title_of(row.name), ordering="name")

    @admin.display(description="新旧")
    def freshness(self, row: Feed) -> SafeString:
        """Is it up to date?"""
        if row.checked_at is None:
            return badge("还没有获取", "warn")
        return badge("过期", "bad") if timezone.now() - row.checked_at > feeds.STALE else badge("最新", "ok")

    checked = column("checked_at", "确认最新", ago, ordering="checked_at")
    changed = column("changed_at", "内容更新", ago, ordering="changed_at")

    trouble = cell("最近的问题", lambda row: shortened(row.last_error, 80))
