"""静默: what is held back until when, and its end."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
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
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from bifang.core.admin.asking import asked_once
from bifang.core.admin.base import NOTHING, RecordScreen, ago, badge, cell, column, extra, once
from bifang.core.configuration.entries import EntryFaults
from bifang.core.errors import BifangError
from secops_agent import says
from secops_agent.admin.inventory import actor_of
from secops_agent.admin.previewed import Previewed
from secops_agent.models import Silence
from secops_agent.services.actors import Actor
from secops_agent.services.clock import exact
from secops_agent.services.faults import Forbidden, NotFound
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.coverage import coverage, known_value, told_anyway, worst_known

LENGTHS: Final = ((30, "半小时"), (60, "1 小时"), (240, "4 小时"), (1440, "1 天"), (10_080, "1 周"))


def _lengths() -> SafeString:
    """Usual lengths and ends, to be tapped."""
    now = timezone.localtime()
    till = [(-((now - end) // timedelta(minutes=1)), words) for end, words in silences.usual_ends(now)]
    chip = '<button type="button" class="bf-chip" data-sets="id_minutes" data-value="{}">{}</button>'
    return format_html(
        '<span class="bf-chips">{}</span>最多 43200 分钟（30 天）。静默的告警仍在列表里，只是不发消息；超过一天的每天汇总一次，结束时再汇总一次。',
        format_html_join("", chip, (*LENGTHS[:3], *till, *LENGTHS[3:])),
    )


def silencing(user: Any, now: datetime) -> dict[str, Any]:
    """What the forms that silence on other pages ask: whether this person may, and the usual ends with their words."""
    ends = silences.usual_ends(timezone.localtime(now)) if user.has_perm("secops_agent.add_silence") else []
    return {
        "may_silence": user.has_perm("secops_agent.add_silence"),
        "silence_ends": [(f"{end:%Y-%m-%dT%H:%M}", words) for end, words in ends],
    }


def with_silences(rules: Sequence[Any], now: datetime) -> list[tuple[Any, Silence | None]]:
    """Each of these rules (``rule``: its name) with the silence of it that is in force."""
    found = {each.value: each for each in silences.active(now) if each.scope == "rule"} if rules else {}
    return [(each, found.get(each.rule)) for each in rules]


class SilenceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new silence; ``actor`` is at the keyboard. What the service refuses stands at its field."""

    actor: Actor
    minutes = forms.IntegerField(
        label="多少分钟", min_value=1, max_value=30 * 24 * 60, initial=60, widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    weeks = forms.IntegerField(
        label="每周一次，共几周", min_value=1, max_value=silences.MOST_WEEKS, initial=1, widget=UnfoldAdminIntegerFieldWidget,
        help_text="定期维护：从开始时间起，每周同一时间各一次，每次是单独的一条，可以单独结束。",
    )  # fmt: skip

    class Meta:
        model = Silence
        fields = ("scope", "value", "starts_at", "reason")
        help_texts = {
            "value": "按范围写告警编号、资产名称、标签、来源或规则的名称，例如 A123、web-01、生产；范围是「全部」时留空。",
            "starts_at": "现在，或将来的维护时间。",
            "reason": "给同事看，例如「数据库升级，李四负责」。",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "minutes" in self.fields:  # absent for those who only look
            self.fields["minutes"].help_text = _lengths()

    def clean(self) -> dict[str, Any]:
        """Asks the service, which decides."""
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        values["starts_at"] = max(values["starts_at"], timezone.now())
        try:
            silences.plan(
                values["scope"], values["value"], values["minutes"], self.actor,
                start=values["starts_at"], weeks=values["weeks"],
            )  # fmt: skip
        except EntryFaults as error:
            for place, text in error.faults:
                self.add_error(place, text)
        except Forbidden as error:
            self.add_error("minutes" if values["scope"] != "all" else "scope", error.message)
        except NotFound as error:
            self.add_error("value", error.message)
        return values


class StateFilter(admin.SimpleListFilter):
    """In force, to come, over."""

    title = "状态"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, _: Any) -> list[tuple[str, str]]:
        """As the list calls them."""
        return [("now", "生效中"), ("later", "未开始"), ("over", "已结束")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Silence]) -> QuerySet[Silence]:
        """By both ends."""
        now = timezone.now()
        match self.value():
            case "now":
                return queryset.filter(starts_at__lte=now, ends_at__gt=now)
            case "later":
                return queryset.filter(starts_at__gt=now)
            case "over":
                return queryset.filter(ends_at__lte=now)
        return queryset


def _until(given: Mapping[str, str]) -> str:
    """When it would end; "" while that cannot be told."""
    asked = forms.SplitDateTimeField(required=False), forms.IntegerField(min_value=1, max_value=30 * 24 * 60)
    try:
        start = asked[0].clean([given.get("starts_at_0"), given.get("starts_at_1")])
        minutes = asked[1].clean(given.get("minutes"))
    except forms.ValidationError:
        return ""
    start = max(start or timezone.now(), timezone.now())
    return f"到 {exact(start + timedelta(minutes=minutes))} 结束。"


@admin.register(Silence)
class SilenceScreen(Previewed, RecordScreen):
    """Made and ended here, in the chat and through the API; never changed."""

    records_itself = True
    purpose = "维护或已知的事，暂时不发消息：告警照样入库、照样在列表里，结束时把留存的消息汇总成一条发出。"
    when_empty = (
        f"没有静默：所有消息照常发送。要做维护时新增一个；在聊天里也可以说「{says.silence(says.NUMBER)}」。"
    )
    way = ("secops_agent.notificationrule", "通知规则")
    list_display = ("covers", "state", "starts", "ends", "held_words", "made_by", "reason")
    fields = ("covers", "state", "covered_now", "starts_at", "ends_at", "held", "made_by", "reason")
    list_filter = (StateFilter, "scope")
    search_fields = ("value", "made_by", "reason")
    actions = ("end_now",)
    change_form_outer_before_template = "admin/secops_agent/silence.html"
    change_form_after_template = "admin/secops_agent/preview.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Analysts."""
        return request.user.has_perm("secops_agent.add_silence")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is asked of a new one."""
        return self.fields if obj else ("scope", "value", "starts_at", "minutes", "weeks", "reason")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of a new one, told who is at the keyboard."""
        if obj:
            return super().get_form(request, obj, change=change, **kwargs)
        kwargs |= {"form": SilenceForm, "fields": SilenceForm.Meta.fields}
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        made.actor = actor_of(request)
        return made

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """From now."""
        return {"starts_at": timezone.now().replace(second=0, microsecond=0)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service."""
        values = form.cleaned_data
        made = silences.silence(
            values["scope"], values["value"], values["minutes"], actor_of(request), values["reason"],
            start=values["starts_at"], weeks=values["weeks"],
        )  # fmt: skip
        obj.pk = made.pk
        obj.refresh_from_db()
        messages.info(request, f"{self.covered_now(obj)}。")

    def previewed(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """``scope, value``: what a silence would cover now; "" while nothing is named. Raises BifangError."""
        given = request.POST
        scope, value = given.get("scope", ""), given.get("value", "")[:300].strip()
        if scope not in silences.SCOPES:
            return {"known": False, "text": "请选择范围。"}
        if scope != "all" and not value:
            return {"known": True, "text": ""}
        planned = Silence(
            scope=scope, value=(known := known_value(scope, value)), worst=worst_known(scope, known)
        )
        return {"known": True, "text": f"{self.covered_now(planned)}。{_until(given)}"}

    @extra("<int:silence_id>/end/", "operate", "POST")
    def end_view(self, request: HttpRequest, silence_id: int) -> HttpResponse:
        """POST: end it now."""
        self._end(request, [silence_id])
        return redirect("admin:secops_agent_silence_change", silence_id)

    @admin.action(description="结束", permissions=["operate"])
    @asked_once("静默立即结束：留存的消息汇总成一条发出，以后的新消息照常发送。")
    def end_now(self, request: HttpRequest, queryset: QuerySet[Silence]) -> None:
        """Several."""
        self._end(request, list(queryset.values_list("pk", flat=True)))

    def _end(self, request: HttpRequest, ids: list[int]) -> None:
        done = 0
        for pk in ids:
            try:
                silences.end(pk, actor_of(request))
                done += 1
            except BifangError as error:
                messages.warning(request, error.message)
        if done:
            messages.success(request, f"已结束 {done} 条静默。")

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the button while it lasts."""
        told = super().beside_form(request, row)
        if row is None or row.ends_at <= timezone.now() or not self.has_operate_permission(request):
            return told
        return told | {"bf_end_url": reverse("admin:secops_agent_silence_end", args=[row.pk])}

    covers = cell("静默什么", str, ordering="scope")

    @admin.display(description="覆盖什么")
    @once
    def covered_now(self, row: Silence) -> str:
        """Open alerts and assets, and what is told all the same."""
        return f"{coverage(row.scope, row.value)}{told_anyway(row.worst)}"

    @admin.display(description="状态")
    def state(self, row: Silence) -> SafeString:
        """Before, in force, over."""
        now = timezone.now()
        if row.ends_at <= now:
            return badge("已结束", "idle")
        return badge("生效中", "warn") if row.starts_at <= now else badge("未开始", "info")

    held_words = cell("留存消息", lambda row: f"{row.held} 条" if row.held else NOTHING, ordering="held")

    starts = column("starts_at", "开始", ago, ordering="starts_at")
    ends = column("ends_at", "结束", ago, ordering="ends_at")
