"""登录用户 and 用户组: who may log in. Only superusers give rights, and touch the logins of those who have more.

The login of somebody who is listed is edited on their page in 人员; here are those of nobody's.
"""

from copy import copy
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelect2MultipleWidget, UnfoldBooleanSwitchWidget

from bifang.core.admin.base import NOTHING, Screen, ago, author_of, badge, cell, extra
from bifang.core.logins import second_factor
from bifang.core.logins.invitations import invite
from bifang.core.models import SecondFactor
from secops_agent.models import Staff
from secops_agent.services.people.logins import is_guarded

RIGHTS = ("is_superuser", "groups")
GUARDED = (
    "这个登录用户的权限比您的多，或属于审批、处置、管理等角色的人，只有超级管理员可以修改，所以页面是只读的。"
)
SWITCHED_OFF = "停用一个登录用户，等于停用这个人：网页、API 令牌、对应的人员在聊天里的查询和审批都不行。"
INVITE: Final = (
    "保存后显示一个地址，他打开后自己设置密码（三天之内，一次）；以前的密码立即作废。忘了密码也用它。"
)
VERBS = {"add": "新增", "change": "修改", "delete": "删除", "view": "查看"}

admin.site.unregister(User)
admin.site.unregister(Group)


def invitation_field() -> forms.BooleanField:
    """The switch 「给一个登录邀请」."""
    return forms.BooleanField(
        label="给一个登录邀请", required=False, help_text=INVITE, widget=UnfoldBooleanSwitchWidget
    )


def second_step(user: User) -> SafeString:
    """Is it set up? With the way to take it back, which superusers alone may go."""
    row = second_factor.find(user.pk)
    if row is None:
        return badge("没有设置")
    way = reverse("admin:auth_user_second_factor", args=[user.pk])
    state = badge(f"已设置，还有 {second_factor.left(row)} 个恢复码", "ok")
    return format_html('{} <a class="bf-link" href="{}">重置（超级管理员）</a>', state, way)


class InvitingScreen(Screen):
    """A screen whose form may make an invitation, which is shown once: `to_invite` before the answer."""

    def to_invite(self, request: HttpRequest, user: User) -> None:
        """The answer to this request shows an invitation for `user`."""
        request.__dict__["bf_invited"] = (user, invite(user, request))

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Not by a redirect, which would have to keep the address somewhere."""
        return self._shown(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """As for a new one."""
        return self._shown(request, obj) or super().response_change(request, obj)

    def _shown(self, request: HttpRequest, obj: Any) -> HttpResponse | None:
        if "bf_invited" not in request.__dict__:
            return None
        user, address = request.__dict__.pop("bf_invited")
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        page = self.page(
            request, "admin/secops_agent/invited.html", "登录邀请", who=obj, username=user.get_username(), address=address, back=back,
        )  # fmt: skip
        page["Cache-Control"] = "no-store"
        return page


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Who it is and what they may do; passwords are chosen by those whose they are."""

    invite = invitation_field()

    class Meta:
        model = User
        fields = ("username", "last_name", "first_name", "is_active", *RIGHTS)
        help_texts = {
            "is_active": SWITCHED_OFF,
            "username": "登录时输入的名字：字母、数字和 @ . + - _。同事请在「人员」里登记，这里只给没有聊天账号的人。",
        }


@admin.register(User)
class UserScreen(InvitingScreen):
    """Those that belong to nobody in 人员; closed to those who would raise themselves."""

    form = UserForm
    purpose = "没有聊天账号的登录，例如审计员和安装时的管理员。同事在「人员」里登记，登录也在那里给。"
    way = ("secops_agent.staff", "人员")
    list_display = ("username", "full_name", "awake", "rights", "second", "seen")
    list_filter = ("is_active", "is_superuser", "groups")
    search_fields = ("username", "last_name", "first_name")
    ordering = ("username",)
    one_by_one = True
    autocomplete_fields = ("groups",)
    readonly_fields = ("last_login", "date_joined", "second_step")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With the groups and the second steps; the list is of those who are not in 人员."""
        found: QuerySet[User] = super().get_queryset(request)
        if request.resolver_match is not None and request.resolver_match.url_name == "auth_user_changelist":
            found = found.filter(staff_rows=None)
        return found.prefetch_related("groups").annotate(
            has_second=Exists(SecondFactor.objects.filter(user=OuterRef("pk")))
        )

    full_name = cell(
        "姓名", lambda user: f"{user.last_name}{user.first_name}" or NOTHING, ordering="last_name"
    )

    awake = cell(
        "状态",
        lambda user: badge("可以登录", "ok") if user.is_active else badge("已停用", "idle"),
        ordering="is_active",
    )

    @admin.display(description="权限", ordering="is_superuser")
    def rights(self, user: User) -> SafeString | str:
        """Everything, or what their groups give."""
        if user.is_superuser:
            return badge("超级管理员", "warn", "不受角色和用户组限制")
        return "、".join(group.name for group in user.groups.all()) or "按人员的角色"

    @admin.display(description="两步验证")
    def second(self, user: Any) -> SafeString:
        """Set up or not; the more somebody may, the more it matters."""
        if user.has_second:
            return badge("已设置", "ok")
        return badge("没有设置", "warn" if user.is_superuser else "idle")

    seen = cell(
        "上次登录", lambda user: ago(user.last_login) if user.last_login else "从未", ordering="last_login"
    )

    second_step = cell("两步验证", second_step)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one is always invited."""
        return (*UserForm.Meta.fields, "invite", *self.readonly_fields) if obj else UserForm.Meta.fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With an invitation: for a new one always, else if it is wanted."""
        super().save_model(request, obj, form, change)
        if not change or form.cleaned_data.get("invite"):
            self.to_invite(request, obj)

    @extra("<int:user_id>/second-factor/", need="")
    def second_factor_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Asked once, done by POST, recorded."""
        if not request.user.is_superuser:
            raise PermissionDenied
        user = User.objects.filter(pk=user_id).first()
        if user is None:
            raise Http404
        if request.method == "POST":
            if second_factor.reset(user, author_of(request)):
                messages.success(request, f"已重置「{user}」的两步验证，请告诉他重新设置。")
            return redirect("admin:auth_user_change", user.pk)
        return self.page(
            request, "admin/auth/user/reset_second_factor.html", "重置两步验证", object=user, row=second_factor.find(user.pk),
            demanded=settings.REQUIRE_TOTP,
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Rights are a superuser's business."""
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may set somebody's password has their rights."""
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for a change."""
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Of somebody who is listed: their page in 人员. Says why a page is read-only."""
        user = self.get_object(request, object_id)
        person = Staff.objects.filter(user=user).first() if user else None
        if person is not None and self.has_view_permission(request):
            return redirect("admin:secops_agent_staff_change", person.pk)
        allowed = super().has_change_permission(request, user)
        if request.method == "GET" and allowed and not _may_touch(request, user):
            messages.info(request, GUARDED)
        return super().change_view(request, object_id, form_url, extra_context)


def _may_touch(request: HttpRequest, user: Any) -> bool:
    if request.user.is_superuser or user is None:
        return True
    return not is_guarded(user) and may_touch_rights(request, user)


def may_touch_rights(request: HttpRequest, user: Any) -> bool:
    """Has the person at the keyboard every right of this user?"""
    if request.user.is_superuser:
        return True
    return not user.is_superuser and _rights_if_active(user) <= request.user.get_all_permissions()


def _rights_if_active(user: User) -> set[str]:
    """Also of one who is switched off: whoever may touch a login can switch it on."""
    awake = copy(user)
    awake.is_active = True
    for kept in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        awake.__dict__.pop(kept, None)
    return awake.get_all_permissions()


class _Permissions(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    def label_from_instance(self, obj: Any) -> str:
        """Django's own names of permissions are English."""
        model = obj.content_type.model_class()
        noun = model._meta.verbose_name if model else obj.content_type.model
        verb, _, name = obj.codename.partition("_")
        known = model is not None and verb in VERBS and name == model._meta.model_name
        return f"{noun}：{VERBS[verb] if known else obj.name}"


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Name and permissions."""

    permissions = _Permissions(
        Permission.objects.select_related("content_type").order_by("content_type", "codename"),
        label="权限", required=False, widget=UnfoldAdminSelect2MultipleWidget(),
    )  # fmt: skip

    class Meta:
        model = Group
        fields = ("name", "permissions")


@admin.register(Group)
class GroupScreen(GroupAdmin, Screen):
    """Groups hold rights: superusers alone change them."""

    form = GroupForm
    filter_horizontal = ()
    list_display = ("name", "people", "permission_count")
    purpose = (
        "只给不在人员名单里的登录用户用，例如审计员。处置告警的人不用分组：他们的权限来自「人员」的角色。"
    )
    when_empty = "不用建：给人员一个角色就够了。"
    way = ("secops_agent.staff", "人员与角色")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """With the numbers."""
        found: QuerySet[Group] = super().get_queryset(request)
        return found.annotate(
            members=Count("user", distinct=True), allowed=Count("permissions", distinct=True)
        )

    people = cell(
        "登录用户", lambda group: f"{group.members} 位" if group.members else "没有人", ordering="members"
    )

    permission_count = cell("权限", lambda group: f"{group.allowed} 项", ordering="allowed")

    def response_action(self, *given: Any, **more: Any) -> Any:
        """As Django's; deleting many and its record in one."""
        with transaction.atomic():
            return super().response_action(*given, **more)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return request.user.is_superuser
