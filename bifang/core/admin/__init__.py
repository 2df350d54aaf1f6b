"""The admin of core: configurations, switches, accounts, background jobs, and the first page."""

from bifang.core.admin import accounts, configs, jobs, logins, switches

__all__ = ["accounts", "configs", "jobs", "logins", "switches"]
