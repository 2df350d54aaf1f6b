"""The login on a person's page in 人员: superusers give it, name it, switch it off."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from bifang.core.changes import Author, Change, record
from secops_agent.admin.people.accounts import SWITCHED_OFF, invitation_field

_LOGIN_HELP = "要登录网页的填写：保存后得到一个登录邀请，交给他自己设置密码，他按上面的角色使用网页。只在聊天里用的留空。"
_SAME_HELP = "他的几个账号（钉钉和飞书，或几个企业）对应到同一个登录，就是一个人，不能互相审批。"
RIGHTS = ("is_active", "is_superuser", "groups")


class LoginFields(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A form of a person; without these fields for whoever is no superuser."""

    superuser = False  # is the person at the keyboard one
    login = forms.CharField(
        label="用户名", required=False, max_length=150, help_text=_LOGIN_HELP,
        validators=[UnicodeUsernameValidator()], widget=UnfoldAdminTextInputWidget(),
    )  # fmt: skip
    same = forms.BooleanField(
        label="是同一个人", required=False, help_text=_SAME_HELP, widget=UnfoldBooleanSwitchWidget
    )
    invite = invitation_field()
    is_active = forms.BooleanField(
        label="登录有效", required=False, help_text=SWITCHED_OFF, widget=UnfoldBooleanSwitchWidget
    )
    is_superuser = forms.BooleanField(
        label="超级管理员", required=False, help_text="什么都可以，不受角色限制；只有他们能授予处置、审批、管理角色。",
        widget=UnfoldBooleanSwitchWidget,
    )  # fmt: skip
    groups = forms.ModelMultipleChoiceField(
        Group.objects.all(), label="用户组", required=False, widget=UnfoldAdminSelect2MultipleWidget(),
        help_text="一般不用选：权限来自角色。",
    )  # fmt: skip

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        user = self.instance.user
        if not self.superuser:
            kept: tuple[str, ...] = ()
        else:
            kept = ("login", "same", *(("invite", *RIGHTS) if user else ()))
        for name in {"login", "same", "invite", *RIGHTS} - set(kept):
            self.fields.pop(name, None)
        if user is not None:
            rights = {
                "is_active": user.is_active,
                "is_superuser": user.is_superuser,
                "groups": user.groups.all(),
            }
            self.initial.update(login=user.username, **rights)

    def clean(self) -> dict[str, Any]:
        """A name that is somebody's is theirs only if that is said."""
        values: dict[str, Any] = super().clean() or {}
        self.known = User.objects.filter(username__iexact=values.get("login") or "").first()
        if self.known is not None and self.known.pk != self.instance.user_id and not values.get("same"):
            names = "、".join(self.known.staff_rows.values_list("name", flat=True)) or "不在人员名单里的人"
            self.add_error(
                "login",
                f"「{self.known.username}」已经是{names}的用户名：是同一个人就选「是同一个人」，不是就换一个用户名。",
            )
        return values


def give_login(form: Any, author: Author) -> User | None:
    """Tie, make, rename, change or untie the login of the person whose form was filled in, before the person is saved.

    Returns the user who is to be invited: one that is new, or one for whom it was wished.
    """
    values, person = form.cleaned_data, form.instance
    if not form.superuser:
        return None
    if not values["login"]:
        person.user = None
        return None
    if form.known is not None and form.known.pk != person.user_id:
        person.user = form.known
        return None
    if person.user is None:
        made = person.user = User.objects.create_user(values["login"])
        _record(author, "新增", made, [])
        return made
    return _changed(form, author)


def _changed(form: Any, author: Author) -> User | None:
    values: dict[str, Any] = form.cleaned_data
    user: User = form.instance.user
    changed = [name for name in ("login", "invite", *RIGHTS) if name in form.changed_data]
    user.username = values["login"]
    user.is_active, user.is_superuser = values["is_active"], values["is_superuser"]
    user.save(update_fields=["username", "is_active", "is_superuser"])
    user.groups.set(values["groups"])
    if changed:
        _record(author, "修改", user, [str(form.fields[name].label) for name in changed])
    return user if values["invite"] else None


def _record(author: Author, verb: str, user: User, fields: list[str]) -> None:
    detail = {
        "name": user.username,
        "fields": fields,
        "superuser": user.is_superuser,
        "active": user.is_active,
    }
    record(Change(author, f"{verb}登录用户", f"user:{user.pk}", detail))
