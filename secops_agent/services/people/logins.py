"""Logins: Django users and the people behind them; what one may do follows from the roles in 人员, at once."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import Q

from bifang.core.errors import InvalidInput
from bifang.core.rights import rights_of
from secops_agent.models import Role, Staff
from secops_agent.models.people.staff import RANK, allows
from secops_agent.services.people.staff import administrators, only_corporation


def accounts(user: Any) -> list[Staff]:
    """Every row in 人员 that is this user's, looked up once for a user object, which lives for one request."""
    rows: list[Staff] | None = getattr(user, "_bifang_accounts", None)  # a request's user is a proxy of it
    if rows is None:
        rows = list(Staff.objects.filter(user_id=user.pk).order_by("pk")) if user.pk else []
        user._bifang_accounts = rows
    return rows


def homes_of(user: Any) -> frozenset[str] | None:
    """The corporations whose person this login is, looked up once as `accounts` are; None for nobody's, and of a token without
    owner: of the installation."""
    rows = [row for row in accounts(user) if row.active] if user else []
    if rows and not hasattr(user, "_bifang_homes"):
        user._bifang_homes = frozenset(row.corp_id or only_corporation() for row in rows)
    return user._bifang_homes if rows else None


def has_left(user: Any) -> bool:
    """Is this the login of somebody who is listed, and nowhere as active?"""
    rows = accounts(user)
    return bool(rows) and not any(row.active for row in rows)


def role_of(user: Any) -> Role:
    """The highest role of the person's active rows."""
    roles = (Role(row.role) for row in accounts(user) if row.active)
    return max(roles, key=RANK.__getitem__, default=Role.NONE)


def is_guarded(user: Any) -> bool:
    """Is this somebody whose login only a superuser touches: one who asks for or approves actions, now or once
    they come back, or who has several accounts, which being one person keeps apart from four eyes?"""
    rows = accounts(user)
    return len(rows) > 1 or any(allows(row.role, Role.RESPONDER) for row in rows)


def may_do_something(user: Any) -> bool:
    """Does the login have any right at all?"""
    return bool(user.is_superuser or user.get_all_permissions())


class StaffBackend(ModelBackend):
    """Django's, with the rights of the person's role; who has left logs in nowhere, and is logged out everywhere."""

    def get_user(self, user_id: int) -> Any:
        """With their `accounts`, in one query where there are any."""
        rows = list(Staff.objects.filter(user_id=user_id).select_related("user").order_by("pk"))
        user: Any = rows[0].user if rows else super().get_user(user_id)
        if user is not None:
            user._bifang_accounts = rows
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Asked at the login, and by `get_user` for every request of a session."""
        return super().user_can_authenticate(user) and not has_left(user)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Those of groups, and those of the role."""
        if user_obj.is_anonymous or not user_obj.is_active or obj is not None or has_left(user_obj):
            return set()
        return self._granted(user_obj) | rights_of(role_of(user_obj))

    def _granted(self, user: Any) -> set[str]:
        """By groups and by hand; of who has not everything in one query, where Django takes two."""
        if not user.is_superuser and not hasattr(user, "_perm_cache"):
            rows = Permission.objects.filter(Q(user=user) | Q(group__user=user)).order_by()
            names = rows.values_list("content_type__app_label", "codename")
            user._perm_cache = {f"{app}.{name}" for app, name in names}
        return super().get_all_permissions(user)


def valid_user(user_id: int) -> Any:
    """The user, if they could log in now; else None."""
    return StaffBackend().get_user(user_id)


class NotAdmitted(InvalidInput):
    """Somebody whom another system recognised does not enter here; the message says whom to ask."""


def user_behind(corp_id: str, staff_id: str) -> Any:
    """The user to whom an account of a corporation is tied, if they could log in now. NotAdmitted.

    Exactly this account: no name, no address, no row whose corporation is not known, and nobody is made.
    """
    row = Staff.objects.filter(corp_id=corp_id, staff_id=staff_id).first() if corp_id and staff_id else None
    if row is None:
        yours = (
            f"请把您的员工 ID「{staff_id}」告诉{_whom(corp_id)}" if staff_id else f"请联系{_whom(corp_id)}"
        )
        raise NotAdmitted(f"您还没有登记，不能登录：{yours}，请其在「人员」里登记您。")
    if not row.active:
        raise NotAdmitted(f"您在「人员」里已经停用，不能登录：如果弄错了，请联系{_whom(corp_id)}。")
    if row.user_id is None:
        raise NotAdmitted(
            f"您已登记为「{row.name}」，但还没有对应的登录用户：请联系{_whom(corp_id)}，"
            "由超级管理员在「人员」里给您一个用户名。"
        )
    user = valid_user(row.user_id)
    if user is None:
        raise NotAdmitted(f"您的登录用户已经停用，不能登录：如果弄错了，请联系{_whom(corp_id)}。")
    return user


def _whom(corp_id: str) -> str:
    names = administrators(corp_id)
    return f"管理员 {'、'.join(names)}" if names else "安装毕方的管理员"
