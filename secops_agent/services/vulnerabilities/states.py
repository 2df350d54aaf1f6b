"""The state of a finding."""

from secops_agent.models import Finding
from secops_agent.models.choices import FindingState

SETTLED = ("accepted", "false_positive")


def is_active(row: Finding) -> bool:
    """Does it still need someone?"""
    return row.state != FindingState.GONE and row.decision not in SETTLED and not row.suppressed
