"""用户 and 用户组: who may log in. Only superusers give rights."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from bifang.core.admin.base import Screen

RIGHTS = ("is_staff", "is_superuser", "groups")
VERBS = {"add": "新增", "change": "修改", "delete": "删除", "view": "查看"}

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserScreen(UserAdmin, Screen):  # type: ignore[type-arg]  # not subscriptable at run time
    """Django's, with unfold's forms, and closed to those who would raise themselves. Rights come from groups."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
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
        """Whoever may set a superuser's password is a superuser."""
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers are deleted by superusers."""
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

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


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return request.user.is_superuser or user is None or not user.is_superuser


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
