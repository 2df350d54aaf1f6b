"""Mistakes of rules: of what was closed of each, how much was 误报. The one list of it, for the chat, the pages and the reports."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q, QuerySet

from secops_agent.models import Alert
from secops_agent.models.choices import Verdict
from secops_agent.services.alerts.queries.clocks import within
from secops_agent.services.alerts.queries.filters import RULE

MONTH: Final = timedelta(days=30)  # where no time is said
MOST: Final = 10  # that the chat and the pages list
_NAMELESS: Final = "（没有写明规则）"


@dataclass(frozen=True, slots=True)
class MistakenRule:
    """A rule of a source: of its alerts that were ``closed``, these were ``wrong``."""

    source: str
    rule: str
    closed: int
    wrong: int

    @property
    def told(self) -> str:
        """关闭 12 条，误报 7 条（58%）."""
        return f"关闭 {self.closed} 条，误报 {self.wrong} 条（{self.share}）"

    @property
    def lately(self) -> str:
        """What a silence would have covered, of `mistaken_lately`."""
        return f"近 30 天{self.told}"

    @property
    def share(self) -> str:
        """58%."""
        return f"{self.wrong / self.closed:.0%}"


def mistaken_lately(until: datetime, span: timedelta = MONTH, most: int = MOST) -> tuple[MistakenRule, ...]:
    """Of what was closed in the month, or so long, before that moment."""
    return mistaken_rules(Alert.objects.filter(within("closed", until - span, until)), most)


def mistaken_rules(closed: QuerySet[Alert], most: int) -> tuple[MistakenRule, ...]:
    """Those with most 误报 among these alerts, all of them closed (`clocks.within`); one query."""
    wrong = Count("pk", filter=Q(verdict=Verdict.FALSE_POSITIVE))
    counted = closed.annotate(rule=RULE).order_by().values_list("source", "rule")
    rows = counted.annotate(number=Count("pk"), wrong=wrong).filter(wrong__gt=0)
    found = rows.order_by("-wrong", "number", "source", "rule")[:most]
    return tuple(MistakenRule(source, rule or _NAMELESS, number, bad) for source, rule, number, bad in found)
