"""All tools of the house, by name. A new tool is one more module of this package and one line here."""

from typing import Final

from secops_agent.tools import (
    alerts,
    assets,
    casework,
    indicators,
    on_call,
    reports,
    response,
    runbooks,
    status,
    vulnerabilities,
)
from secops_agent.tools.blueprints import Blueprint

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (
    *alerts.TOOLS,
    *casework.TOOLS,
    *assets.TOOLS,
    *vulnerabilities.TOOLS,
    *indicators.TOOLS,
    *runbooks.TOOLS,
    *on_call.TOOLS,
    *reports.TOOLS,
    *response.TOOLS,
    *status.TOOLS,
)
BY_NAME: Final[dict[str, Blueprint]] = {blueprint.name: blueprint for blueprint in BLUEPRINTS}
