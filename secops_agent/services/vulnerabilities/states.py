"""States of findings, and what two persons decide."""

from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Q

from secops_agent.models import Finding
from secops_agent.models.choices import FindingDecision, FindingState, Importance

SETTLED = ("accepted", "false_positive", "not_affected", "fixed")
# What nobody decides alone, by whatever door: of which findings, which decisions.
_OF_TWO: Final = (
    ("已被利用（KEV）的", Q(vulnerability__kev=True), ("accepted", "false_positive", "not_affected")),
    ("核心资产上的", Q(asset__importance=Importance.CRITICAL), ("accepted",)),
)
SECONDED: Final = frozenset(decision for *_, decisions in _OF_TWO for decision in decisions)
SECOND: Final = "；".join(
    f"{what}，{'、'.join(str(FindingDecision(each).label) for each in decisions)}" for what, _, decisions in _OF_TWO
) + "，要另一位审批人同意"  # fmt: skip
ALONE: Final = Q(seconded=False) & reduce(
    or_, (rows & Q(decision__in=decisions) for _, rows, decisions in _OF_TWO)
)  # decided by one where it takes two
REFUTED = {
    "false_positive": "已判定为误报",
    "not_affected": "已判定为不受影响",
    "fixed": "已标为修复",
}  # not affected, and why
DECIDED = ("decision", "justification", "until", "decided_at", "seconded")  # the columns of a decision


def needs_second(decision: str) -> Q:
    """The findings of which nobody decides this alone."""
    return reduce(or_, (rows for _, rows, decisions in _OF_TWO if decision in decisions), Q(pk__in=()))


def is_active(row: Finding) -> bool:
    """Does it still need someone?"""
    return row.state != FindingState.GONE and row.decision not in SETTLED and not row.suppressed
