"""The admin of core: configurations, switches, background jobs, and the first page."""

from bifang.core.admin import configs, jobs, logins, switches

__all__ = ["configs", "jobs", "logins", "switches"]
