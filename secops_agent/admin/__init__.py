"""The admin of security operations, one module per noun."""

from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.rights import allow
from secops_agent.admin import (
    actions,
    alert_messages,
    alerts,
    assets,
    audit,
    calendar,
    destinations,
    findings,
    groups,
    imports,
    mcp,
    on_call,
    proposals,
    reports,
    rules,
    runbooks,
    silences,
    staff,
    tokens,
    usage,
)

__all__ = [
    "actions", "alert_messages", "alerts", "assets", "audit", "calendar", "destinations", "findings", "groups", "imports", "mcp", "on_call",
    "proposals", "reports", "rules", "runbooks", "silences", "staff", "tokens", "usage",
]  # fmt: skip

# Not what people said to the robot: that needs the permission to read private text.
grant(OPERATOR, "secops_agent.view_[!c]*", "secops_agent.view_component", "secops_agent.add_importjob")
grant(AUDITOR, "secops_agent.view_*")

_ESTATE = (
    "alert",
    "asset",
    "component",
    "vulnerability",
    "finding",
    "runbook",
    "slatarget",
    "importjob",
    "securityreport",
)
_WORKED_ON = ("alert", "asset", "finding", "runbook")
allow("viewer", *(f"secops_agent.view_{name}" for name in _ESTATE))
allow("analyst", *(f"secops_agent.change_{name}" for name in _WORKED_ON), "secops_agent.add_runbook")
allow("analyst", "secops_agent.add_importjob", "secops_agent.view_proposal", "secops_agent.change_proposal")
allow("analyst", "secops_agent.view_action", "secops_agent.view_mcpcatalogue")
_TOLD = (
    "notificationrule",
    "oncallschedule",
    "oncalllayer",
    "oncalloverride",
    "silence",
    "alertmessage",
    "calendarday",
)
allow("analyst", *(f"secops_agent.view_{name}" for name in _TOLD))
allow("analyst", "secops_agent.add_silence", "secops_agent.change_silence", "secops_agent.add_securityreport")
allow("responder", "secops_agent.change_action")
allow("admin", "secops_agent.*")
