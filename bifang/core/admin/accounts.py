"""用户 and 用户组: who may log in. Only superusers give rights, and touch the logins of those who have more."""

from collections.abc import Callable
from copy import copy
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from bifang.core.admin.base import Screen

RIGHTS = ("is_superuser", "groups")
GUARDED = (
    "这个登录用户的权限比您的多，或属于审批、处置、管理等角色的人，只有超级管理员可以修改，所以页面是只读的。"
)
VERBS = {"add": "新增", "change": "修改", "delete": "删除", "view": "查看"}

_guards: list[Callable[[User], bool]] = []


def register_guard(guard: Callable[[User], bool]) -> None:
    """`guard` says which logins only a superuser may touch, whatever their rights on the pages are."""
    _guards.append(guard)


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserScreen(UserAdmin, Screen):  # type: ignore[type-arg]  # not subscriptable at run time
    """Django's, with unfold's forms, and closed to those who would raise themselves. Rights come from groups."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("个人信息", {"fields": ("last_name", "first_name", "email")}),
        ("权限", {"fields": ("is_active", *RIGHTS)}),
        ("记录", {"fields": ("last_login", "date_joined")}),
    )
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    readonly_fields = ("last_login", "date_joined")

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
        """Says why a page is read-only."""
        user = self.get_object(request, object_id)
        allowed = super().has_change_permission(request, user)
        if request.method == "GET" and allowed and not _may_touch(request, user):
            messages.info(request, GUARDED)
        return super().change_view(request, object_id, form_url, extra_context)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """As Django's; a new password and its record in one."""
        if request.method != "POST":
            return super().user_change_password(request, id, form_url)
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def get_actions(self, request: HttpRequest) -> Any:
        """No deleting in bulk: it would not ask about each user."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


def _may_touch(request: HttpRequest, user: Any) -> bool:
    if request.user.is_superuser or user is None:
        return True
    return not any(guard(user) for guard in _guards) and may_touch_rights(request, user)


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
