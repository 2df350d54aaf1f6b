"""Noisy rules: those that cost more attention than they are worth, with a remedy for each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, inf
from typing import Any, Final

from django.db.models import Count, Q

from secops_agent.models import SUPPRESSED, Alert, Asset
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.alerts.queries.filters import RULE

MONTH: Final = timedelta(days=30)
MOST: Final = 20
_LEAST: Final = 10  # alerts in the month
_JUDGED: Final = 5
_CROWDED: Final = 0.7  # of a rule's alerts, on one asset
_OLD: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)
_Rule = tuple[str, str]  # source, rule


@dataclass(frozen=True, slots=True)
class NoisyDetection:
    """A rule in one month, and what is proposed for it. ``asset``: which most of its alerts concern, ``asset_alerts`` of
    them; "" where that is no reason for a proposal. ``day``, ``week``: new ones of the last 24 hours and 7 days."""

    source: str
    rule: str
    alerts: int
    attacks: int
    dismissed: int
    duplicates: int
    untouched: int
    day: int
    week: int
    asset: str
    asset_alerts: int

    @property
    def judged(self) -> int:
        """How many of them people decided."""
        return self.attacks + self.dismissed + self.duplicates

    @property
    def lately(self) -> str:
        """What a silence would have covered."""
        return f"近 24 小时新增 {self.day} 条，近 7 天新增 {self.week} 条"

    @property
    def proposals(self) -> tuple[str, ...]:
        """In words; nothing is changed by itself. What has found a real attack is not to be muted."""
        return tuple(self._proposals())

    def _proposals(self) -> Iterator[str]:
        if self.judged >= _JUDGED and not self.attacks and self.dismissed >= 0.8 * self.judged:
            yield "没有一条是真实攻击：在来源调高阈值、加白名单，或降低级别"
        if self.duplicates >= 0.3 * max(self.judged, _JUDGED):
            yield "重复很多：在来源加长去重时间，或按攻击来源合并"
        if self.asset:
            yield f"{self.asset_alerts} 条来自 {self.asset}：先看这台资产，或只对它设例外"
        if self.untouched >= 0.5 * self.alerts:
            instead = "" if self.attacks else "，或不再通知"
            yield f"{self.untouched} 条一周多没有人处理：指定负责人{instead}"


def noisy_rules(until: datetime, span: timedelta = MONTH, most: int = MOST) -> tuple[NoisyDetection, ...]:
    """Of the month before that moment: those of the loudest for which there is something to propose; three queries."""
    inside = Q(first_seen__gte=until - span, first_seen__lt=until)
    counted = (
        Alert.objects.filter(inside).exclude(SUPPRESSED).annotate(rule=RULE).order_by()
        .values_list("source", "rule")
        .annotate(
            number=Count("pk"),
            attacks=Count("pk", filter=Q(verdict=Verdict.TRUE_POSITIVE)),
            dismissed=Count("pk", filter=Q(verdict__in=(Verdict.FALSE_POSITIVE, Verdict.BENIGN))),
            duplicates=Count("pk", filter=Q(verdict=Verdict.DUPLICATE)),
            untouched=Count("pk", filter=Q(status=AlertStatus.OPEN, first_seen__lt=until - _OLD)),
            day=Count("pk", filter=Q(first_seen__gte=until - _DAY)),
            week=Count("pk", filter=Q(first_seen__gte=until - _OLD)),
        )
    )  # fmt: skip
    loud: list[tuple[Any, ...]] = list(counted.filter(number__gte=_LEAST).order_by("-number", "rule")[:most])
    harmless = {(source, rule): number for source, rule, number, attacks, *_ in loud if not attacks}
    assets = _crowded_assets(harmless, inside) if harmless else {}
    nothing = ("", 0)
    found = (NoisyDetection(*(*row, *assets.get((row[0], row[1]), nothing))) for row in loud)
    return tuple(each for each in found if each.proposals)


def _crowded_assets(rules: Mapping[_Rule, int], inside: Q) -> dict[_Rule, tuple[str, int]]:
    """For each source and rule, of so many alerts: the asset that _CROWDED of them concern, and how many do."""
    mine = Alert.objects.filter(inside, source__in={source for source, _ in rules}).exclude(SUPPRESSED)
    mine = mine.annotate(rule=RULE).filter(rule__in={rule for _, rule in rules}).order_by()
    counted = mine.values_list("source", "rule", "asset_links__asset_id").annotate(
        number=Count("asset_links__asset_id")  # and no other column of theirs: an index has these
    )
    rows = counted.filter(number__gte=ceil(_CROWDED * min(rules.values()))).order_by(
        "number", "-asset_links__asset_id"
    )
    crowded = {
        (source, rule): (asset_id, number)  # of a rule with several, the last
        for source, rule, asset_id, number in rows
        if number >= _CROWDED * rules.get((source, rule), inf)
    }
    names: dict[int, str] = dict(
        Asset.objects.filter(pk__in=[pk for pk, _ in crowded.values()]).values_list("pk", "name")
    )
    return {key: (names.get(pk, ""), number) for key, (pk, number) in crowded.items()}
