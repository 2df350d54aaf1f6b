"""Two duties beside the ladder of roles (`bifang.core.rights`), for logins that work on the system, not in it.

运维操作员 runs the system and never reads what people wrote; 审计员 reads everything, including what people wrote,
and changes nothing. Everything else comes from the role in 人员. Accounts, approvers and administrators are given
by superusers alone, because whoever gives rights has them all.

The applications say what their models mean to the groups (`grant`); the groups are made after each migration.
What is taken from a group by hand comes back with the next migration: make a group of your own instead.
"""

from fnmatch import fnmatchcase
from typing import Any

from django.apps import AppConfig

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
