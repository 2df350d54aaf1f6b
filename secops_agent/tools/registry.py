"""All tools of the house, by name. A new tool is one more module of this package and one line here."""

from typing import Final

from secops_agent.tools import (
    alert_lists,
    alerts,
    assets,
    case_orders,
    cases,
    indicators,
    investigations,
    on_call,
    proposals,
    reports,
    response,
    runbooks,
    schedules,
    silences,
    status,
    triage,
    vulnerabilities,
)
from secops_agent.tools.definitions import ToolDefinition

DEFINITIONS: Final[tuple[ToolDefinition, ...]] = (
    *alert_lists.TOOLS,
    *alerts.TOOLS,
    *investigations.TOOLS,
    *triage.TOOLS,
    *cases.TOOLS,
    *case_orders.TOOLS,
    *assets.TOOLS,
    *vulnerabilities.TOOLS,
    *indicators.TOOLS,
    *runbooks.TOOLS,
    *silences.TOOLS,
    *on_call.TOOLS,
    *proposals.TOOLS,
    *reports.TOOLS,
    *schedules.TOOLS,
    *response.TOOLS,
    *status.TOOLS,
)
BY_NAME: Final[dict[str, ToolDefinition]] = {definition.name: definition for definition in DEFINITIONS}
