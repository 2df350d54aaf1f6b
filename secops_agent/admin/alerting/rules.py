"""通知规则: which alerts are told to whom, how often that would be, and what cannot be reached."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.core.admin import panels
from bifang.core.admin.base import NOTHING, badge, cell, once
from bifang.core.admin.panels import Step
from bifang.core.errors import BifangError
from secops_agent.admin.alerting.rule_form import (
    MODELS,
    ROBOT,
    STEPS,
    RuleForm,
    conditions_line,
    told_of,
)
from secops_agent.admin.inventory import actor_of, lines
from secops_agent.admin.previewed import Previewed
from secops_agent.models import NotificationRule, NotificationTarget, Role
from secops_agent.models.people.staff import allows
from secops_agent.services.clock import clock
from secops_agent.services.notifications import calls, rules, targets
from secops_agent.services.notifications.conditions import Grouping, Hours
from secops_agent.services.notifications.preview import preview
from secops_agent.services.notifications.robots import Grant
from secops_agent.services.people.logins import role_of

ROBOT_NOTE: Final = (
    "钉钉群的自定义机器人：没有 Stream 连接也能收到这条规则的告警。只有管理员可以添加，管理员们会收到通知。"
    "以后可以在「发给谁」和每一步的「通知谁」里选它；更换密钥时在这里重新填写。"
)
STEPS_NOTE: Final = (
    "一步一步往上找人，例如 5 分钟后单聊值班人，再 10 分钟后单聊主管；有人确认或关闭告警就停止。"
)
SELDOM: Final = ("importance", "asset_tags", "assets", "owners", "sources", "rules", "addresses")
LOOKED_AT: Final = ("name", "state", "about", "told_to", "grouped", "target_states", "preview_line")


def _fold(name: str, fields: Sequence[Any], description: str = "") -> tuple[str, dict[str, Any]]:
    return name, {"fields": fields, "description": description, "classes": ("collapse",)}


def _begin() -> SafeString:
    models = format_html_join(
        "、", '<a href="?like={}">{}</a>', ((key, words) for key, (words, _, _) in MODELS.items())
    )
    return format_html("从一个常用的开始：{}；或者自己填。", models)


@admin.register(NotificationRule)
class RuleScreen(Previewed):
    """Rules are written through their service; what the list shows of targets is what happened last."""

    records_itself = True
    form = RuleForm
    purpose = (
        "哪些告警、什么时候、发给谁，没有人处理时再找谁。总开关是聊天配置的「启用钉钉通知」「启用飞书通知」。"
    )
    when_empty = (
        "没有规则就没有人收到告警。新增一条，例如「严重和高危」发给值班群，5 分钟没有人处理就单聊值班人。"
    )
    way = ("channels.knowngroup", "已知的群")
    list_display = ("name", "state", "about", "told_to", "troubles")
    list_filter = ("enabled",)
    search_fields = ("name",)
    readonly_fields = ("preview_line", "grouped", "target_states")
    change_form_after_template = "admin/secops_agent/rule_form.html"
    preview_without = ROBOT

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """In the order in which one thinks; what is seldom needed is folded. In words for those who only look."""
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": LOOKED_AT})]
        steps = [(f"after_{step}", f"to_{step}", f"by_{step}") for step in STEPS]
        return [
            (None, {"fields": ("name", "enabled"), "description": "" if obj else _begin()}),
            ("哪些告警", {"fields": ("severities",)}),
            ("发给谁", {"fields": ("targets",)}),
            ("什么时候", {"fields": (("quiet_until", "quiet_from"), "waits")}),
            _fold("没有人处理时", [*steps, "repeat"], STEPS_NOTE),
            _fold("更多条件：什么事、资产、来源、检测规则", ("on", *SELDOM), "填了的都要符合，不填不限制。"),
            _fold("很多条同时发生时", (("size", "within_seconds"),)),
            _fold("哪些天，什么级别随时发送", ("days", "always")),
            *([_fold("添加自定义机器人", ROBOT, ROBOT_NOTE)] if _grant(request) != "none" else []),
            *([("现在能否送达", {"fields": ("target_states",)})] if obj else []),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Fields that the form adds itself are none of the model's."""
        kwargs["fields"] = ("name", "enabled")
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        made.grant, made.user = _grant(request), request.user
        made.like = "" if obj else request.GET.get("like", "")
        return made

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the one door; says how often the rule would have spoken."""
        saved = rules.save_rule(
            form.given(), actor_of(request), rule=obj if change else None, grant=_grant(request)
        )
        obj.pk = saved.pk
        obj.refresh_from_db()
        messages.info(request, f"{preview(obj)}。")

    def previewed(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The rule in words, and how often it would have spoken."""
        return told_of(self.get_form(request, row, change=bool(row)), request.POST, row)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Through the service."""
        rules.delete_rule(obj, actor_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationRule]:
        """With the targets."""
        found: QuerySet[NotificationRule] = super().get_queryset(request)
        return found.prefetch_related("targets__config", "targets__staff", "targets__schedule")

    def look_up(self, rows: Sequence[Any]) -> None:
        """The groups' names."""
        targets.know_groups(target for rule in rows for target in rule.targets.all())

    @admin.display(description="状态", ordering="enabled")
    def state(self, rule: NotificationRule) -> SafeString:
        """Does it speak?"""
        if not rule.enabled:
            return badge("未启用", "idle")
        if not rule.targets.all():
            return badge("没有目标", "warn")
        doubts = [doubt for each in rule.targets.all() if (doubt := targets.doubt(each))]
        return badge("目标有问题", "warn", " ".join(doubts)) if doubts else badge("启用", "ok")

    @admin.display(description="哪些告警")
    def about(self, rule: NotificationRule) -> str:
        """The conditions in words, and when it speaks."""
        hours = str(Hours(**rule.hours))
        return conditions_line(rule.conditions) + (f"；{hours}" if hours else "")

    told_to = cell(
        "发给谁", lambda rule: _block(lines(targets.describe(each) for each in rule.targets.all()))
    )

    grouped = cell("归并", lambda rule: f"{Grouping(**rule.group)}")

    @admin.display(description="最近的问题")
    def troubles(self, rule: NotificationRule) -> SafeString | str:
        """What could not be told, with the remedy."""
        found = [_trouble(each, text) for each in rule.targets.all() for text in _troubles(each)]
        return _block(lines(found)) if found else NOTHING

    @admin.display(description="预览")
    @once
    def preview_line(self, rule: NotificationRule) -> str:
        """As it is stored."""
        return str(preview(rule)) if rule.pk else NOTHING

    @admin.display(description="目标现在能否送达")
    @once
    def target_states(self, rule: NotificationRule) -> SafeString | str:
        """Asked at this moment."""
        return lines(_reached(each) for each in rule.targets.all())


def _grant(request: HttpRequest) -> Grant:
    if request.user.is_superuser:
        return "all"
    return "literal" if allows(role_of(request.user), Role.ADMIN) else "none"


def _block(content: SafeString | str) -> SafeString:
    """One piece, also where a narrow list puts pieces beside each other."""
    return format_html("<div>{}</div>", content)


def _troubles(target: NotificationTarget) -> Iterator[str]:
    """What could not be told there, and whom nobody could call."""
    if target.last_error:
        yield target.last_error
    if target.by:
        yield from calls.problems_of(target, timezone.now())


def _reached(target: NotificationTarget) -> SafeString:
    try:
        targets.resolve(target, timezone.now())
    except BifangError as error:
        return _trouble(target, error.message)
    if trouble := next(_troubles(target), "") or ("" if target.schedule else targets.doubt(target)):
        return _trouble(target, trouble)
    return format_html("{} {}", targets.describe(target), badge("可以送达", "ok"))


def _trouble(target: NotificationTarget, text: str) -> SafeString:
    times = [("自", target.last_error_at), ("下次尝试", target.next_try_at)]
    when = "，".join(f"{word} {clock(at)}" for word, at in times if at and target.last_error)
    told = format_html('{} <span class="bf-error">{}</span>', targets.describe(target), text)
    return format_html('{} <span class="bf-note">{}</span>', told, when) if when else told


def first_steps(request: HttpRequest) -> Iterable[Step]:
    """Somebody has to be told of alerts."""
    if not request.user.has_perm("secops_agent.add_notificationrule"):
        return []
    done = NotificationRule.objects.filter(enabled=True).exists()
    text = "说明哪些告警发给哪个群、谁值班时发给谁；没有规则时毕方只回答，不主动说话。"
    return [Step("添加通知规则", text, done, reverse("admin:secops_agent_notificationrule_add"))]


panels.STEPS.add(first_steps, place=30)
