"""静默: what is held back until when, and its end."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from bifang.core.admin.base import RecordScreen, badge, moment
from bifang.core.errors import BifangError
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Role, Silence
from secops_agent.models.staff import allows
from secops_agent.services.notifications import silences
from secops_agent.services.people.logins import role_of

NEEDS_APPROVER: Final = "静默全部，或超过 24 小时，需要「审批」角色：请由审批人来设置。"


class SilenceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new silence. ``sole``: may this person silence anything for as long as they like?"""

    sole = False
    minutes = forms.IntegerField(
        label="多少分钟", min_value=1, max_value=30 * 24 * 60, initial=60, widget=UnfoldAdminIntegerFieldWidget,
        help_text="最多 43200 分钟（30 天）。静默的告警仍在列表里，只是不发消息。",
    )  # fmt: skip

    class Meta:
        model = Silence
        fields = ("scope", "value", "starts_at", "reason")
        help_texts = {
            "value": "告警编号、资产名称、标签、来源或规则的名称；范围是「全部」时留空。",
            "starts_at": "现在，或将来的维护时间。",
        }

    def clean(self) -> dict[str, Any]:
        """What the service or the roles refuse, at its field."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("scope") != "all" and not str(values.get("value", "")).strip():
            self.add_error("value", "请写明静默什么。")
        length = timedelta(minutes=values.get("minutes") or 0)
        if silences.needs_approval(values.get("scope", ""), length) and not self.sole:
            self.add_error("minutes" if values.get("scope") != "all" else "scope", NEEDS_APPROVER)
        return values


@admin.register(Silence)
class SilenceScreen(RecordScreen):
    """Made and ended here, in the chat and through the API; never changed."""

    records_itself = True
    list_display = ("covers", "state", "starts", "ends", "held", "made_by", "reason")
    fields = ("covers", "state", "starts", "ends", "held", "made_by", "reason")
    list_filter = ("scope", "ends_at")
    search_fields = ("value", "made_by", "reason")
    actions = ("end_now",)
    change_form_outer_before_template = "admin/secops_agent/silence.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Analysts."""
        return request.user.has_perm("secops_agent.add_silence")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is asked of a new one."""
        return self.fields if obj else ("scope", "value", "starts_at", "minutes", "reason")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of a new one, told who is at the keyboard."""
        if obj:
            return super().get_form(request, obj, change=change, **kwargs)
        kwargs |= {"form": SilenceForm, "fields": SilenceForm.Meta.fields}
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        made.sole = request.user.is_superuser or allows(role_of(request.user), Role.APPROVER)
        return made

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """From now."""
        return {"starts_at": timezone.now().replace(second=0, microsecond=0)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service."""
        values = form.cleaned_data
        made = silences.silence(
            values["scope"], values["value"], values["minutes"], actor_of(request), values["reason"],
            start=max(values["starts_at"], timezone.now()),
        )  # fmt: skip
        obj.pk = made.pk
        obj.refresh_from_db()

    def get_urls(self) -> list[URLPattern]:
        """With the address of the button."""
        view = self.admin_site.admin_view(self.end_view)
        return [path("<int:silence_id>/end/", view, name="secops_agent_silence_end"), *super().get_urls()]

    def end_view(self, request: HttpRequest, silence_id: int) -> HttpResponse:
        """POST: end it now."""
        if request.method != "POST" or not self.has_operate_permission(request):
            return HttpResponseNotAllowed(["POST"]) if request.method != "POST" else HttpResponse(status=403)
        self._end(request, [silence_id])
        return redirect("admin:secops_agent_silence_change", silence_id)

    @admin.action(description="结束", permissions=["operate"])
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

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the button while it lasts."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None and row.ends_at > timezone.now() and self.has_operate_permission(request):
            context = {"bf_end_url": reverse("admin:secops_agent_silence_end", args=[row.pk])}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    @admin.display(description="静默什么", ordering="scope")
    def covers(self, row: Silence) -> str:
        """What it covers."""
        return str(row)

    @admin.display(description="状态")
    def state(self, row: Silence) -> SafeString:
        """Before, in force, over."""
        now = timezone.now()
        if row.ends_at <= now:
            return badge("已结束", "idle")
        return badge("生效中", "warn") if row.starts_at <= now else badge("未开始", "info")

    @admin.display(description="开始", ordering="starts_at")
    def starts(self, row: Silence) -> SafeString | str:
        """From."""
        return moment(row.starts_at)

    @admin.display(description="结束", ordering="ends_at")
    def ends(self, row: Silence) -> SafeString | str:
        """Until."""
        return moment(row.ends_at)
