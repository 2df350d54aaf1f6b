"""The admin of security operations, one module per noun."""

from bifang.core.groups import ADMINISTRATOR, AUDITOR, OPERATOR, grant
from secops_agent.admin import (
    alerts,
    assets,
    audit,
    decisions,
    findings,
    imports,
    runbooks,
    staff,
    tokens,
    usage,
)

__all__ = [
    "alerts", "assets", "audit", "decisions", "findings", "imports", "runbooks", "staff", "tokens", "usage",
]  # fmt: skip

# Not what people said to the robot: that needs the permission to read private text.
grant(OPERATOR, "secops_agent.view_[!c]*", "secops_agent.view_component", "secops_agent.add_importjob")
grant(AUDITOR, "secops_agent.view_*")
grant(ADMINISTRATOR, "secops_agent.*")
