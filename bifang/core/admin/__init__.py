"""The admin of core: configurations, switches, accounts, background jobs, and the first page."""

from bifang.core.admin import accounts, configs, jobs, logins, switches
from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.rights import allow

__all__ = ["accounts", "configs", "jobs", "logins", "switches"]

grant(OPERATOR, "core.view_*", "core.add_systemconfig", "core.change_systemconfig", "core.change_switch")
grant(AUDITOR, "core.view_*", "auth.view_*", "admin.view_logentry", "django_q.view_*")
allow("admin", "core.*", "auth.view_*", "admin.view_logentry", "django_q.view_*")
