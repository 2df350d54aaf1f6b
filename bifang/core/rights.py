"""Rights: what each role of the staff, and each of two groups of the system's own logins, may do on the pages and in the API.

Rights are looked up by role whenever they are needed, never copied to a user or a group: a role that changes
changes them at once.
"""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

from django.apps import AppConfig

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


OPERATOR = "运维操作员"
AUDITOR = "审计员"
GROUPS = (OPERATOR, AUDITOR)

_grants: list[tuple[str, str]] = []


def grant(group: str, *permissions: str) -> None:
    """`permissions` are patterns like ``channels.view_*``; called when an application's `rights` are loaded, at the start."""
    if group not in GROUPS:
        raise ValueError(group)
    _grants.extend((group, permission) for permission in permissions)


def ensure_groups(sender: AppConfig, using: str = "default", **_: Any) -> None:
    """Receiver of ``post_migrate``: make the groups and give them the permissions on the sender's models."""
    from django.contrib.auth.models import Group, Permission

    patterns = [(group, name) for group, name in _grants if name.startswith(f"{sender.label}.")]
    if not patterns:
        return
    groups = {name: Group.objects.using(using).get_or_create(name=name)[0] for name in GROUPS}
    known = list(Permission.objects.using(using).filter(content_type__app_label=sender.label))
    for group, pattern in patterns:
        codename = pattern.partition(".")[2]
        wanted = [permission for permission in known if fnmatchcase(permission.codename, codename)]
        groups[group].permissions.add(*wanted)


grant(OPERATOR, "core.view_*", "core.add_systemconfig", "core.change_systemconfig", "core.change_switch")
grant(AUDITOR, "core.view_*", "auth.view_*", "admin.view_logentry", "django_q.view_*")
