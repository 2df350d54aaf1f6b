"""The admin of core: configurations, switches, accounts, background jobs, and the first page."""

from bifang.core.admin import accounts, configs, jobs, logins, switches
from bifang.core.groups import ADMINISTRATOR, AUDITOR, OPERATOR, grant

__all__ = ["accounts", "configs", "jobs", "logins", "switches"]

grant(OPERATOR, "core.view_*", "core.add_systemconfig", "core.change_systemconfig", "core.change_switch")
grant(AUDITOR, "core.view_*", "auth.view_*", "admin.view_logentry", "django_q.view_*")
grant(
    ADMINISTRATOR,
    "core.*",
    "auth.view_*",
    "axes.view_accessattempt",
    "admin.view_logentry",
    "django_q.view_*",
)
