"""抑制规则: what is kept and counted without being put before anybody, tried before it is switched on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldBooleanSwitchWidget

from bifang.channels.text.visible import visible
from bifang.core.admin.asking import asked_once
from bifang.core.admin.base import NOTHING, ago, badge, cell, column, once
from bifang.core.configuration.entries import EntryFaults
from bifang.core.errors import BifangError
from secops_agent.admin.alerting.rule_form import choice_boxes, conditions_line
from secops_agent.admin.inventory import actor_of, severity_badge
from secops_agent.admin.previewed import Previewed
from secops_agent.admin.sources.assets import TagsField
from secops_agent.models import Alert, SuppressionRule
from secops_agent.models.choices import AlertStatus, Importance, Severity, Verdict
from secops_agent.services import links
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Forbidden
from secops_agent.services.notifications.conditions import Conditions
from secops_agent.services.suppressions import rules
from secops_agent.services.suppressions.rules import CONDITIONS, demand, read_suppression
from secops_agent.services.suppressions.trials import SuppressionTrial, TriedAlert, try_out

# The form of a suppression rule: the conditions of notification rules, and what the last days say of them.

ACKNOWLEDGE: Final = "acknowledge_attacks"


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What it says goes through the one door of suppression rules; ``actor`` is at the keyboard."""

    actor: Actor
    severities = choice_boxes(
        "级别", Severity.choices, "不选表示所有级别；含严重、高危时启用需要「审批」角色。"
    )
    sources = TagsField(label="来源", required=False, help_text="例如 waf，suricata；留空表示所有来源。")
    rules = TagsField(label="检测规则", required=False, help_text="名称或编号；留空表示所有规则。")
    asset_tags = TagsField(label="资产标签", required=False, help_text="告警的资产有其中任何一个标签。")
    importance = choice_boxes("资产重要性", Importance.choices, "不选表示不论重要性。")
    owners = TagsField(label="资产负责人", required=False, help_text="员工 ID；留空表示不论负责人。")
    acknowledge_attacks = forms.BooleanField(
        label="我知道它会抑制判为真实攻击的告警",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="只有试算里出现「真实攻击」时才需要；会记入审计。",
    )

    class Meta:
        model = SuppressionRule
        fields = ("name", "enabled", "reason", "expires_at")
        help_texts = {
            "enabled": "启用前先看下面的试算：最近 7 天它会抑制哪些告警。",
            "reason": "给同事和以后的自己看，例如「每周三的漏洞扫描」。",
            "expires_at": "到时自动失效；留空表示一直有效。",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        conditions = Conditions(**self.instance.conditions)
        self.initial.update({name: list(getattr(conditions, name)) for name in CONDITIONS})

    def given(self) -> dict[str, Any]:
        """As the one door takes it."""
        values = self.cleaned_data
        plain = ("name", "enabled", "reason", "expires_at", ACKNOWLEDGE)
        return {name: values[name] for name in plain} | {name: values[name] for name in CONDITIONS}

    def clean(self) -> dict[str, Any]:
        """Everything that the door would refuse, at its field."""
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        try:
            demand(read_suppression(self.given()), self.actor)
        except EntryFaults as error:
            for place, text in error.faults:
                self.add_error(_field(place), text)
        except Forbidden as error:
            self.add_error("enabled", error.message)
        except BifangError as error:
            self.add_error(None, error.message)
        return values


def _field(place: str) -> str | None:
    """The field of a place like ``conditions.owners.1``."""
    named = [
        part
        for part in place.split(".")
        if part in (*CONDITIONS, "name", "reason", "expires_at", ACKNOWLEDGE)
    ]
    return named[0] if named else None


def draft(given: Mapping[str, Any]) -> dict[str, Any]:
    """A form that nobody has saved: what it lacks for a trial does not matter."""
    data = given.copy() if hasattr(given, "copy") else dict(given)
    data.pop("enabled", None)
    data["name"], data["reason"] = data.get("name") or "草稿", data.get("reason") or "草稿"
    data.pop("expires_at_0", None)
    data.pop("expires_at_1", None)
    return data


DAY: Final = timedelta(hours=24)
SHOWN: Final = 50
TRY: Final = "填写条件后，这里写明最近 7 天的告警里会抑制哪些。"
SELDOM: Final = ("importance", "owners")


@admin.register(SuppressionRule)
class SuppressionScreen(Previewed):
    """Written through their service."""

    records_itself = True
    one_by_one = True
    form = SuppressionForm
    purpose = (
        "符合条件的告警照样入库、计数、留作依据，但直接关闭：不通知、不调查、不进待处理的列表。"
        "命中情报清单的、有人在处理的、属于事件的告警不抑制。只想暂时不发消息，用「静默」。"
    )
    when_empty = (
        "没有抑制规则：所有告警都进列表。例行扫描、已知的误报可以新增一条，启用前会用最近 7 天的告警试算。"
    )
    way = ("secops_agent.silence", "静默")
    list_display = ("name", "state", "about", "hit_words", "last_hit", "until", "last_day")
    list_filter = ("enabled",)
    search_fields = ("name", "reason")
    readonly_fields = ("trial_words", "suppressed_lately", "people")
    actions = ("switch_off",)
    change_form_after_template = "admin/secops_agent/preview.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[SuppressionRule]:
        """With what each suppressed in the last day; one query."""
        mine = Q(alerts__last_seen__gte=timezone.now() - DAY, alerts__status=AlertStatus.CLOSED)
        rows: QuerySet[SuppressionRule] = super().get_queryset(request)
        return rows.annotate(lately=Count("alerts", filter=mine))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """In the order in which one thinks."""
        about = {
            "fields": ("severities", "sources", "rules", "asset_tags", *SELDOM),
            "description": "填了的都要符合；至少填一项。",
        }
        if obj and not self.has_change_permission(request, obj):
            return [
                (
                    None,
                    {
                        "fields": (
                            "name",
                            "enabled",
                            "reason",
                            "expires_at",
                            "people",
                            "trial_words",
                            "suppressed_lately",
                        )
                    },
                )
            ]
        seen = [("做过什么", {"fields": ("people", "trial_words", "suppressed_lately")})] if obj else []
        return [
            (None, {"fields": ("name", "reason")}),
            ("哪些告警", about),
            ("启用", {"fields": ("enabled", "acknowledge_attacks", "expires_at")}),
            *seen,
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, told who is at the keyboard."""
        kwargs["fields"] = SuppressionForm.Meta.fields
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        made.actor = actor_of(request)
        return made

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the one door; says what the trial found."""
        kept = SuppressionRule.objects.get(pk=obj.pk) if change else None
        saved = rules.save_suppression(form.given(), actor_of(request), rule=kept)
        obj.pk = saved.pk
        obj.refresh_from_db()
        if saved.enabled:
            messages.info(request, f"{try_out(form_conditions(form))}。已启用，从现在起的告警按它抑制。")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Through the one door; says why it may not."""
        try:
            rules.delete_suppression(obj, actor_of(request))
        except BifangError as error:
            messages.error(request, error.message)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of one that suppressed nothing."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.alerts.exists())

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """May this person use the screen's actions?"""
        return request.user.has_perm("secops_agent.change_suppressionrule")

    @admin.action(description="停用", permissions=["operate"])
    @asked_once("停用后，新发生的告警照常进列表和通知；已经抑制的保持关闭，再次发生时回到列表。")
    def switch_off(self, request: HttpRequest, queryset: QuerySet[SuppressionRule]) -> None:
        """Several."""
        for pk in queryset.values_list("pk", flat=True):
            try:
                rules.switch_off(pk, actor_of(request))
            except BifangError as error:
                messages.warning(request, error.message)

    def previewed(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Which alerts of the last days it would have suppressed."""
        form = self.get_form(request, row, change=bool(row))(draft(request.POST), instance=row)
        if not form.is_valid():
            if lacks_conditions(form):
                return {"known": True, "text": TRY}
            return {"known": False, "text": str(next(iter(form.errors.values()))[0])}
        trial = try_out(form_conditions(form))
        return {"known": not trial.attacks, "text": "\n".join(trial_lines(trial))}

    @admin.display(description="状态")
    def state(self, row: SuppressionRule) -> SafeString:
        """In force or not."""
        if not row.enabled:
            return badge("未启用", "idle")
        if row.expires_at and row.expires_at <= timezone.now():
            return badge("已过期", "idle")
        return badge("生效中", "warn")

    about = cell("哪些告警", lambda row: conditions_line(row.conditions))

    hit_words = cell("抑制", lambda row: f"{row.hits:,} 次" if row.hits else NOTHING, ordering="hits")

    last_day = cell(
        "最近 24 小时", lambda row: f"{row.lately} 条" if row.lately else NOTHING, ordering="lately"
    )

    last_hit = column("last_hit_at", "最近一次", ago, ordering="last_hit_at")
    until = column("expires_at", "有效期至", ago, ordering="expires_at")

    @admin.display(description="谁")
    def people(self, row: SuppressionRule) -> str:
        """Who made it and who switched it on."""
        on = f"，{row.enabled_by} 启用" if row.enabled_by else ""
        return f"{row.made_by} 创建{on}，共抑制 {row.hits:,} 次"

    @admin.display(description="启用时的试算")
    def trial_words(self, row: SuppressionRule) -> str:
        """What the days before said."""
        found = row.trial
        if not found:
            return NOTHING
        attacks = f"，其中 {found['attacks']} 条人员判为真实攻击" if found["attacks"] else ""
        return f"启用前 {found['days']} 天：会抑制 {found['alerts']} 条{attacks}"

    @admin.display(description="最近抑制的告警")
    @once
    def suppressed_lately(self, row: SuppressionRule) -> SafeString | str:
        """The newest, for a sweep: they open as any alert does."""
        rows = Alert.objects.filter(suppressed_by=row).order_by("-last_seen", "-id")[:SHOWN]
        return format_html_join(
            "", '<div><a class="bf-link" href="{}">A{}</a> {} {} {} 次 {}</div>',
            ((links.alert(each.pk), each.pk, severity_badge(each.severity), visible(each.title)[:80], each.count, ago(each.last_seen))
             for each in rows),
        ) or NOTHING  # fmt: skip


def form_conditions(form: Any) -> Any:
    """Of a form that is valid."""
    return rules.read_suppression(form.given()).conditions


def lacks_conditions(form: Any) -> bool:
    """Is the one thing wrong with it that nothing has been filled in yet?"""
    return set(form.errors) == {"__all__"} and not any(
        form.cleaned_data.get(name) for name in rules.CONDITIONS
    )


def trial_lines(trial: SuppressionTrial) -> list[str]:
    """In words; the attacks first, which is what matters."""
    found = []
    if trial.attacks:
        some = "、".join(map(_named, trial.attack_examples[:5]))
        found.append(f"注意：其中 {trial.attacks} 条人员判为「真实攻击」，启用前要明确确认：{some}")
    found.append(f"{trial}。")
    return [*found, *map(_named, trial.examples)]


def _named(each: TriedAlert) -> str:
    verdict = f"，{Verdict(each.verdict).label}" if each.verdict else ""
    return f"A{each.id} {visible(each.title)[:60]}{verdict}"
