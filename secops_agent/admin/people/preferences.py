"""通知偏好: how each person wants to be told. Everyone sees and changes their own, administrators those of all."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bifang.core.admin.base import Screen
from secops_agent.admin.inventory import actor_of
from secops_agent.models import NotificationPreference, Role, Staff
from secops_agent.models.people.staff import allows
from secops_agent.services.notifications import preferences
from secops_agent.services.people.logins import accounts, role_of


def _sees_all(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser or allows(role_of(request.user), Role.ADMIN))


def _own(request: HttpRequest) -> QuerySet[Staff]:
    return Staff.objects.filter(pk__in=[row.pk for row in accounts(request.user)])


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Both ends of the quiet hours or none."""

    class Meta:
        model = NotificationPreference
        fields = ("staff", "usual", "urgent", "quiet_from", "quiet_until", "calls", "reminders")
        help_texts = {
            "usual": "群里已经发了同一条告警时，还要不要单聊告诉您。升级总是单聊。",
            "quiet_from": "免打扰时段里，严重以下的告警等到结束再单聊；严重告警、升级、您值班时的告警照常。",
            "calls": "升级规则要打电话、发短信叫您时，最多用到哪一种；选得比规则低的，就用您选的。",
            "reminders": "您负责、没有确认或已超时的告警，工作时间或您值班时提醒；0 表示不提醒。",
        }

    def clean(self) -> dict[str, Any]:
        """In pairs, and different."""
        values: dict[str, Any] = super().clean() or {}
        first, last = values.get("quiet_from"), values.get("quiet_until")
        if (first is None) != (last is None) or (first is not None and first == last):
            self.add_error("quiet_until", "「免打扰从」和「免打扰到」要一起填写，而且不同。")
        return values


@admin.register(NotificationPreference)
class PreferenceScreen(Screen):
    """One row a person; who has none is told by the defaults."""

    records_itself = True
    form = PreferenceForm
    purpose = "每个人想怎样收到自己的告警：群里发了还要不要单聊、什么时段免打扰、每天最多提醒几次。每个人改自己的，管理员能改所有人的。"
    when_empty = "还没有人设置过：大家都按默认，一般和严重告警都单聊，没有免打扰时段，每天最多提醒 3 次。"
    way = ("secops_agent.staff", "人员")
    list_display = ("staff", "usual", "urgent", "quiet", "reminders")
    list_select_related = ("staff",)
    search_fields = ("staff__name", "staff__staff_id")

    @admin.display(description="免打扰")
    def quiet(self, row: NotificationPreference) -> str:
        """From when until when."""
        if row.quiet_from is None or row.quiet_until is None:
            return "没有"
        return f"{row.quiet_from:%H:%M} 到 {row.quiet_until:%H:%M}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationPreference]:
        """One's own, or all."""
        rows: QuerySet[NotificationPreference] = super().get_queryset(request)
        return rows if _sees_all(request) else rows.filter(staff__in=_own(request))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Nobody chooses for somebody else."""
        if not _sees_all(request):
            kwargs["queryset"] = _own(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With its record."""
        before = preferences.described(NotificationPreference.objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)
        preferences.keep_change(actor_of(request), obj, before)
