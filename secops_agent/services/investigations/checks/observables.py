"""Check of indicators: whether the alert's are our own, and where else they were seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from secops_agent.models import AlertAsset, AlertIndicator, AssetKey
from secops_agent.models.choices import IndicatorKind, Verdict
from secops_agent.services.clock import clock
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.investigations.checks.base import (
    Check,
    Counted,
    Evidence,
    Signal,
    Statement,
    alert_evidence,
    is_mostly_dismissed,
    nothing,
    verdict_words,
)
from secops_agent.services.investigations.subject import Examined, Observed
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.services.reading import values_by
from secops_agent.services.records.identity import FORMER

_WINDOW: Final = timedelta(days=30)
_READ: Final = 200
_SHORT: Final = 32  # characters of an indicator in a reason
_WIDE: Final = 3  # assets that the same stranger touched
_CAMPAIGN: Final = timedelta(days=7)
# What names one thing in the world; a process "bash" or the account root is everywhere.
_ENDS: Final = ("ip", "domain", "url")
TELLING: Final = frozenset(["ip", "domain", "url", "hash"])


@dataclass(frozen=True, slots=True)
class Sighted:
    """``alerts`` and ``assets`` count elsewhere, in 30 days; ``lately``: assets within 7 days before; ``own``: it is ours,
    ``struck``: and is what the alert happened to, as it does in every attack; ``listed``: the lists of indicators that name it, each with its note."""

    kind: str
    value: str
    alerts: int
    assets: int
    lately: int
    first_seen: datetime | None
    judged: Counted
    some: tuple[int, ...]
    own: Evidence | None = None
    listed: tuple[str, ...] = ()
    struck: bool = False

    @property
    def is_private(self) -> bool:
        """Is it left out in a group?"""
        return self.kind in PRIVATE_INDICATORS


@dataclass(frozen=True, slots=True)
class ObservableFacts:
    """Every indicator of the alert, the first ones."""

    alert_id: int
    indicators: tuple[Sighted, ...]


def look(subject: Examined) -> ObservableFacts:
    """Indicators keep no time of their own: those of later occurrences count too."""
    own, listed = _own(subject.indicators), _listed(subject)
    struck = {each.pk for each in subject.assets}
    elsewhere = {each: _elsewhere(subject, each[1]) for each in subject.indicators}
    among = {pk for found in elsewhere.values() for pk in found}
    assets: dict[int, set[int]] = {}
    for pk, asset in values_by(AlertAsset, ["alert_id", "asset_id"], alert_id=among):
        assets.setdefault(pk, set()).add(asset)
    seen = []
    for each, found in elsewhere.items():
        ours = own.get(each[1].lower())
        is_struck = ours is not None and ours.id in struck
        sighted = _sighted(subject, each, found, assets)
        seen.append(replace(sighted, own=ours, struck=is_struck, listed=listed.get(each, ())))
    return ObservableFacts(subject.alert.pk, tuple(seen))


def _listed(subject: Examined) -> dict[Observed, tuple[str, ...]]:
    """As known at the time; what was listed later is left out."""
    rows = hits_in_force([subject.alert.pk]).filter(at__lte=subject.at).order_by("pk")
    found: dict[Observed, tuple[str, ...]] = {}
    for kind, value, name, note in rows.values_list("kind", "value", "entry__list__name", "entry__note")[
        :_READ
    ]:
        found[kind, value] = (*found.get((kind, value), ()), f"「{name}」{note[:80]}")
    return found


def _own(observed: Sequence[Observed]) -> dict[str, Evidence]:
    values = {value.lower() for kind, value in observed if kind in ("ip", "domain")}
    keys = AssetKey.objects.filter(value__in=values, stated=True).exclude(kind=FORMER).order_by("-id")
    rows = keys.values_list("value", "asset_id", "asset__name")
    return {value.lower(): Evidence("asset", pk, name) for value, pk, name in rows}


def _elsewhere(subject: Examined, value: str) -> dict[int, tuple[str, datetime]]:
    """The other alerts that name it, with their verdicts and when they began."""
    rows = AlertIndicator.objects.filter(value=value).exclude(alert_id=subject.alert.pk).order_by("-id")
    read = rows.values_list(
        "alert_id", "alert__verdict", "alert__closed_at", "alert__first_seen", "alert__created_at"
    )[:_READ]
    since = subject.at - _WINDOW
    return {
        pk: (subject.verdict_of(verdict, closed), first)
        for pk, verdict, closed, first, stored in read
        if stored <= subject.at and first >= since
    }


def _sighted(
    subject: Examined,
    observed: Observed,
    found: Mapping[int, tuple[str, datetime]],
    assets: Mapping[int, set[int]],
) -> Sighted:
    """``found``: `_elsewhere`; ``assets``: of every alert."""
    mine = {each.pk for each in subject.assets}
    lately = [pk for pk, (_, first) in found.items() if first >= subject.at - _CAMPAIGN]
    attacks = [pk for pk, (verdict, _) in found.items() if verdict == Verdict.TRUE_POSITIVE]
    return Sighted(
        kind=observed[0],
        value=observed[1],
        alerts=len(found),
        assets=len(set[int]().union(*(assets.get(pk, ()) for pk in found)) - mine),
        lately=len(set[int]().union(*(assets.get(pk, ()) for pk in lately)) - mine),
        first_seen=min((first for _, first in found.values()), default=None),
        judged=dict(Counter(verdict for verdict, _ in found.values() if verdict)),
        some=tuple((attacks or sorted(found, reverse=True))[:3]),
    )


def tell(facts: ObservableFacts) -> Sequence[Statement]:
    """One sentence an indicator."""
    if not facts.indicators:
        return [nothing("告警里没有可观察对象（IP、域名、哈希等）", alert_evidence(facts.alert_id))]
    return [_line(facts, each) for each in facts.indicators]


def _line(facts: ObservableFacts, seen: Sighted) -> Statement:
    name = f"{IndicatorKind(seen.kind).label} {seen.value}"
    cited = tuple(alert_evidence(pk) for pk in seen.some) or (alert_evidence(facts.alert_id),)
    if seen.own is not None:
        name, cited = f"{name} 是我们自己的资产 {seen.own.name}", (seen.own, *cited)
    if seen.listed:
        name = f"{name} 在情报清单{'、'.join(seen.listed)} 里"
    if not seen.alerts:
        return Statement(f"{name}：30 天内没有在别的告警里出现", cited, seen.is_private)
    number = f"{seen.alerts}+" if seen.alerts >= _READ else str(seen.alerts)
    since = f"，最早 {clock(seen.first_seen)}" if seen.first_seen else ""
    where = f"，涉及另外 {seen.assets} 个资产" if seen.assets else ""
    found = verdict_words(seen.judged)
    result = f"；人员的结论：{found}" if found else ""
    return Statement(
        f"{name}：30 天内还在 {number} 条告警里出现{where}{since}{result}", cited, seen.is_private
    )


def _short(seen: Sighted) -> str:
    return seen.value if len(seen.value) <= _SHORT else f"{seen.value[:_SHORT]}…"


def weigh(facts: ObservableFacts) -> Sequence[Signal]:
    """Known from an attack, known from false alarms, seen in many places, our own where no stranger is beside it: then ours is
    what the stranger went for, or what went to the stranger."""
    found: list[Signal] = []
    strangers = any(each.own is None and each.kind in _ENDS for each in facts.indicators)
    for seen in facts.indicators:
        if seen.kind not in TELLING:
            continue
        cited = tuple(alert_evidence(pk) for pk in seen.some)
        attacks = seen.judged.get(Verdict.TRUE_POSITIVE, 0)
        if attacks and attacks >= 0.5 * sum(seen.judged.values()):
            found.append(Signal("indicator_attack", f"{_short(seen)}：{verdict_words(seen.judged)}", cited))
        elif is_mostly_dismissed(seen.judged, 3):
            found.append(
                Signal("indicator_dismissed", f"{_short(seen)}：{verdict_words(seen.judged)}", cited)
            )
        if seen.listed:
            detail = f"{_short(seen)} 在 {len(seen.listed)} 份清单里"
            found.append(Signal("listed_indicator", detail, (alert_evidence(facts.alert_id),)))
        if seen.own is not None and not seen.struck and not strangers:
            found.append(Signal("own_indicator", f"{_short(seen)} 是 {seen.own.name}", (seen.own,)))
        elif seen.own is None and seen.lately >= _WIDE:
            found.append(Signal("wide_indicator", f"{_short(seen)}：另外 {seen.lately} 个资产", cited))
    return list({each.reason: each for each in reversed(found)}.values())


CHECK: Final = Check("observables", "可观察对象", ObservableFacts, look, tell, weigh)
