"""States of findings."""

from secops_agent.models import Finding
from secops_agent.models.choices import FindingState

SETTLED = ("accepted", "false_positive", "not_affected", "fixed")
SECONDED = ("accepted", "false_positive", "not_affected")  # of what is exploited, by two persons
REFUTED = {
    "false_positive": "已判定为误报",
    "not_affected": "已判定为不受影响",
    "fixed": "已标为修复",
}  # not affected, and why
DECIDED = ("decision", "justification", "until", "decided_at", "seconded")  # the columns of a decision


def is_active(row: Finding) -> bool:
    """Does it still need someone?"""
    return row.state != FindingState.GONE and row.decision not in SETTLED and not row.suppressed
