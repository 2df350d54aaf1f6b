"""Check of related alerts: on the same asset before and after, and by the same rule, with people's verdicts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from secops_agent.models import Alert, AlertAsset
from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services.clock import clock
from secops_agent.services.investigations.checks.base import (
    DISMISSED,
    Check,
    Counted,
    Signal,
    Statement,
    alert_evidence,
    is_mostly_dismissed,
    nothing,
    verdict_words,
)
from secops_agent.services.investigations.subject import PRECEDENTS, Examined

_AROUND: Final = timedelta(hours=24)
_SAME: Final = timedelta(hours=4)
_READ: Final = 200
_SHOWN: Final = 4
_GRAVE: Final = (Severity.CRITICAL, Severity.HIGH)
_FEW: Final = 3  # judgements that say something
_MANY: Final = 5


@dataclass(frozen=True, slots=True)
class NearAlert:
    """Another alert of the asset, within a day."""

    id: int
    title: str
    rule: str
    severity: str
    first_seen: datetime
    verdict: str


@dataclass(frozen=True, slots=True)
class RelatedFacts:
    """``before`` and ``after`` count within a day, ``near`` are the gravest of them. ``judged``: how many of the rule
    people found to be what, in 90 days, some of them ``precedents``; ``judged_here``, ``precedents_here``: on the same asset.
    ``twin``: an older one that is still open."""

    alert_id: int
    before: int
    after: int
    near: tuple[NearAlert, ...]
    grave_rules: int
    rule_alerts: int
    rule_assets: int
    judged: Counted
    judged_here: Counted
    precedents: tuple[int, ...]
    twin: int | None = None
    precedents_here: tuple[int, ...] = ()


def look(subject: Examined) -> RelatedFacts:
    """Within bounded windows."""
    alert = subject.alert
    near = _around(subject)
    before = [each for each in near if each.first_seen <= alert.first_seen]
    mine = {each.pk for each in subject.assets}
    family = _family(subject)
    judged = [(pk, verdict) for pk, verdict, _ in family if verdict]
    links = AlertAsset.objects.filter(alert_id__in=[pk for pk, _, _ in family])
    pairs = list(links.values_list("alert_id", "asset_id"))
    here = {alert_id for alert_id, asset_id in pairs if asset_id in mine}
    told = sorted(near, key=lambda each: (list(Severity.values).index(each.severity), -each.id))
    other = {each.rule for each in before if each.severity in _GRAVE} - {_rule(alert)}
    return RelatedFacts(
        alert_id=alert.pk,
        before=len(before),
        after=len(near) - len(before),
        near=tuple(told[:_SHOWN]),
        grave_rules=len(other),
        rule_alerts=len(family),
        rule_assets=len({asset_id for _, asset_id in pairs} - mine),
        judged=dict(Counter(verdict for _, verdict in judged)),
        judged_here=dict(Counter(verdict for pk, verdict in judged if pk in here)),
        precedents=_cited(judged),
        twin=_twin(subject, here),
        precedents_here=_cited([(pk, verdict) for pk, verdict in judged if pk in here]),
    )


def _cited(judged: Sequence[tuple[int, str]]) -> tuple[int, ...]:
    """Three of them, those that were attacks if there are any."""
    attacks = [pk for pk, verdict in judged if verdict == Verdict.TRUE_POSITIVE]
    return tuple((attacks or [pk for pk, _ in judged])[:3])


def _rule(alert: Alert) -> str:
    return alert.rule_name or alert.rule_id or alert.title


def _around(subject: Examined) -> list[NearAlert]:
    """On the same assets, from a day before it began until a day after."""
    alert = subject.alert
    rows = subject.others.filter(
        last_seen__gte=alert.first_seen - _AROUND, first_seen__lte=min(alert.first_seen + _AROUND, subject.at)
    )
    mine = AlertAsset.objects.filter(asset_id__in=[each.pk for each in subject.assets]).values("alert_id")
    found = rows.filter(pk__in=mine).order_by("-last_seen", "-id")[:_READ]
    return [
        NearAlert(
            row.pk, row.title, _rule(row), row.severity, row.first_seen,
            subject.verdict_of(row.verdict, row.closed_at),
        )
        for row in found
    ]  # fmt: skip


def _family(subject: Examined) -> list[tuple[int, str, datetime]]:
    """The newest alerts of the rule, with what people had found by then."""
    rows: QuerySet[Alert] = subject.others.filter(subject.rule, last_seen__gte=subject.at - PRECEDENTS)
    if subject.replayed:
        rows = rows.filter(first_seen__lte=subject.at)
    found = rows.order_by("-last_seen", "-id").values_list("pk", "verdict", "closed_at", "first_seen")[:_READ]
    return [(pk, subject.verdict_of(verdict, closed), first) for pk, verdict, closed, first in found]


def _twin(subject: Examined, here: set[int]) -> int | None:
    """The same rule on the same asset a short time before, and nobody has closed it."""
    if not here:
        return None
    start = subject.alert.first_seen
    rows = Alert.objects.filter(pk__in=here, first_seen__lt=start, last_seen__gte=start - _SAME)
    for pk, status, closed_at in rows.order_by("pk").values_list("pk", "status", "closed_at"):
        if status != AlertStatus.CLOSED or (closed_at is not None and closed_at > subject.at):
            return int(pk)
    return None


def tell(facts: RelatedFacts) -> Sequence[Statement]:
    """First the asset, then the rule."""
    mine = alert_evidence(facts.alert_id)
    told = []
    if facts.near:
        names = "；".join(
            f"{Severity(each.severity).label} {each.title}（{clock(each.first_seen)}{_found(each.verdict)}）"
            for each in facts.near
        )
        cited = tuple(alert_evidence(each.id) for each in facts.near)
        told.append(
            Statement(
                f"同一资产前后 24 小时另有告警：之前 {facts.before} 条，之后 {facts.after} 条。较重的：{names}",
                cited,
            )
        )
    else:
        told.append(nothing("同一资产前后 24 小时没有其他告警", mine))
    told.append(_of_rule(facts))
    if facts.twin:
        told.append(Statement("同一规则、同一资产有更早的、还没有关闭的告警", (alert_evidence(facts.twin),)))
    return told


def _found(verdict: str) -> str:
    return f"，{Verdict(verdict).label}" if verdict else ""


def _of_rule(facts: RelatedFacts) -> Statement:
    cited = tuple(alert_evidence(pk) for pk in facts.precedents) or (alert_evidence(facts.alert_id),)
    if not facts.rule_alerts:
        return nothing("这条规则 90 天内没有别的告警", *cited)
    number = f"{facts.rule_alerts}+" if facts.rule_alerts >= _READ else str(facts.rule_alerts)
    where = f"，涉及另外 {facts.rule_assets} 个资产" if facts.rule_assets else ""
    found = verdict_words(facts.judged)
    here = verdict_words(facts.judged_here)
    result = f"人员的结论：{found}" + (f"（本资产：{here}）" if here else "") if found else "还没有人下过结论"
    return Statement(f"这条规则 90 天内另有 {number} 条{where}；{result}", cited)


def weigh(facts: RelatedFacts) -> Sequence[Signal]:
    """What people found of the like; a chain of different rules; a twin."""
    found = [*_precedents(facts)]
    if facts.grave_rules >= 2:
        near = tuple(alert_evidence(each.id) for each in facts.near if each.severity in _GRAVE)
        found.append(Signal("several_rules", f"{facts.grave_rules} 种", near))
    if facts.twin:
        found.append(Signal("open_twin", "", (alert_evidence(facts.twin),)))
    return found


def _precedents(facts: RelatedFacts) -> Sequence[Signal]:
    for counts, least, suffix, alike in (
        (facts.judged_here, _FEW, "_here", facts.precedents_here),
        (facts.judged, _MANY, "", facts.precedents),
    ):
        total, attacks = sum(counts.values()), counts.get(Verdict.TRUE_POSITIVE, 0)
        cited = tuple(map(alert_evidence, alike))
        detail = verdict_words(counts)
        if total >= least and attacks >= 0.7 * total:
            return [Signal(f"judged_attack{suffix}", detail, cited)]
        if total >= least and counts.get(Verdict.DUPLICATE, 0) >= 0.5 * total:
            return [Signal("judged_duplicate", detail, cited)]
        if is_mostly_dismissed(counts, least):
            most = max(DISMISSED, key=lambda each: counts.get(each, 0))
            return [Signal(f"judged_{most.value}{suffix}", detail, cited)]
    return ()


CHECK: Final = Check("related", "相关的告警", RelatedFacts, look, tell, weigh)
