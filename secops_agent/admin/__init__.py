"""The admin of security operations, one module per noun."""

from secops_agent.admin.alerting import (
    alert_messages,
    corrections,
    investigations,
    reporting,
    rules,
    silences,
    sla,
    suppressions,
)
from secops_agent.admin.automation import (
    config_pages,
    mcp,
    reports,
    runbooks,
    schedules,
)
from secops_agent.admin.people import (
    accounts,
    audit,
    calendar,
    calendar_files,
    groups,
    on_call,
    preferences,
    staff,
    tokens,
    usage,
)
from secops_agent.admin.sources import (
    assets,
    brokers,
    data_sources,
    imports,
    intelligence,
    pulls,
    syslog,
    syslog_processes,
    tables,
)

__all__ = [
    "accounts", "alert_messages", "assets", "audit", "brokers", "calendar", "calendar_files", "config_pages", "corrections",
    "data_sources",
    "groups", "imports", "intelligence", "investigations", "mcp", "on_call", "preferences", "pulls", "reporting", "reports", "rules",
    "runbooks",
    "schedules", "silences", "sla", "staff", "suppressions", "syslog", "syslog_processes", "tables", "tokens", "usage",
]  # fmt: skip
