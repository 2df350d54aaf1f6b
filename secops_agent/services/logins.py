"""Django users and the people behind them: what a login may do follows from the roles in 人员, at once."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from bifang.core.rights import rights_of
from secops_agent.models import Role, Staff
from secops_agent.models.staff import RANK, allows


def accounts(user: Any) -> list[Staff]:
    """Every row in 人员 that is this user's, looked up once for a user object, which lives for one request."""
    rows: list[Staff] | None = user.__dict__.get("_bifang_accounts")
    if rows is None:
        rows = list(Staff.objects.filter(user_id=user.pk).order_by("pk")) if user.pk else []
        user.__dict__["_bifang_accounts"] = rows
    return rows


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

    def user_can_authenticate(self, user: Any) -> bool:
        """Asked at the login, and by `get_user` for every request of a session."""
        return super().user_can_authenticate(user) and not has_left(user)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Those of groups, and those of the role."""
        if user_obj.is_anonymous or not user_obj.is_active or obj is not None or has_left(user_obj):
            return set()
        return super().get_all_permissions(user_obj) | rights_of(role_of(user_obj))


def valid_user(user_id: int) -> Any:
    """The user, if they could log in now; else None."""
    return StaffBackend().get_user(user_id)
