"""What each role of the staff may do on the pages and in the API. The applications say it; roles nest.

Rights are looked up by role whenever they are needed, never copied to a user or a group: a role that changes
changes them at once.
"""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

LADDER: Final = ("viewer", "analyst", "responder", "approver", "admin")  # each includes the ones before it
_patterns: list[tuple[str, str]] = []


def allow(role: str, *permissions: str) -> None:
    """`permissions` are patterns like ``channels.view_*``; called when an application's `rights` are loaded, at the start."""
    if role not in LADDER:
        raise ValueError(role)
    _patterns.extend((role, permission) for permission in permissions)


@lru_cache(maxsize=len(LADDER) + 1)
def rights_of(role: str) -> frozenset[str]:
    """Django's names of what a role may do; nothing for a role that is not on the ladder."""
    if role not in LADDER:
        return frozenset()
    included = LADDER[: LADDER.index(role) + 1]
    wanted = [pattern for held, pattern in _patterns if held in included]
    return frozenset(name for name in _all_permissions() if any(fnmatchcase(name, one) for one in wanted))


def first_role(permission: str) -> str:
    """The lowest role that has a right; "" for what no role has."""
    return next((role for role in LADDER if permission in rights_of(role)), "")


def _all_permissions() -> list[str]:
    from django.apps import apps

    return [
        f"{model._meta.app_label}.{codename}"
        for model in apps.get_models()
        for codename in (
            *(f"{verb}_{model._meta.model_name}" for verb in model._meta.default_permissions),
            *(codename for codename, _ in model._meta.permissions),
        )
    ]


allow("admin", "core.*", "auth.view_*", "admin.view_logentry", "django_q.view_*")
