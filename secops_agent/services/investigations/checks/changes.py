"""Check of changes: what people changed shortly before (the alert, its assets, their software) and what they silenced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from secops_agent.models import Component, History, Silence
from secops_agent.models.choices import ActorKind
from secops_agent.services.audit.history import ACTIONS
from secops_agent.services.clock import clock
from secops_agent.services.investigations.checks.base import (
    Check,
    Evidence,
    Signal,
    Statement,
    alert_evidence,
    nothing,
)
from secops_agent.services.investigations.subject import Examined
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.matching import facts_of

_WINDOW: Final = timedelta(days=7)
_SHOWN: Final = 4
_BY_IMPORTS: Final = ("import", "merge", "hit")  # whoever brought the file, it is no work on the asset


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """What somebody did to the alert or one of its assets."""

    what: Evidence
    at: datetime
    actor: str
    action: str
    note: str


@dataclass(frozen=True, slots=True)
class QuietSpan:
    """A silence that covered the alert at that moment."""

    what: Evidence
    reason: str
    made_by: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """Of the last seven days. ``new_software``: components that were first seen then."""

    alert_id: int
    changes: tuple[ChangeNote, ...]
    new_software: int
    software_on: tuple[Evidence, ...]
    silence: QuietSpan | None = None


def look(subject: Examined) -> ChangeFacts:
    """Changes by people; what imports write is no change of ours."""
    since, at = subject.at - _WINDOW, subject.at
    assets = {each.pk: Evidence("asset", each.pk, each.name) for each in subject.assets}
    about = Q(entity="alert", entity_id=subject.alert.pk) | Q(entity="asset", entity_id__in=list(assets))
    rows = History.objects.filter(about, at__gt=since, at__lte=at).exclude(action__in=_BY_IMPORTS)
    rows = rows.exclude(actor_kind=ActorKind.SYSTEM)
    mine = alert_evidence(subject.alert.pk)
    notes = tuple(
        ChangeNote(
            mine if row.entity == "alert" else assets[row.entity_id],
            row.at,
            row.actor_name,
            row.action,
            row.note[:200],
        )
        for row in rows.order_by("-id")[:_SHOWN]
    )
    fresh = Component.objects.filter(asset_id__in=list(assets), first_seen__gt=since, first_seen__lte=at)
    older = Component.objects.filter(asset_id__in=list(assets), first_seen__lte=since)
    number = fresh.count() if older.exists() else 0  # a first scan is no change
    return ChangeFacts(subject.alert.pk, notes, number, tuple(assets.values()), _silence(subject))


def _silence(subject: Examined) -> QuietSpan | None:
    active = [
        each
        for each in Silence.objects.filter(starts_at__lte=subject.at, ends_at__gt=subject.at)
        if each.created_at <= subject.at
    ]
    if not active:
        return None
    found = silences.covering(active, subject.alert, facts_of([subject.alert])[subject.alert.pk])
    if found is None:
        return None
    return QuietSpan(
        Evidence("silence", found.pk, f"静默 {found.pk}"), found.reason, found.made_by, found.ends_at
    )


def tell(facts: ChangeFacts) -> Sequence[Statement]:
    """The newest first."""
    told = [
        Statement(
            f"{clock(each.at)} {each.actor} {ACTIONS.get(each.action, each.action)} {each.what.name}"
            + (f"：{each.note}" if each.note else ""),
            (each.what,),
        )
        for each in facts.changes
    ]
    if facts.new_software:
        told.append(Statement(f"7 天内新出现 {facts.new_software} 个软件组件", facts.software_on))
    if facts.silence is not None:
        why = f"，原因：{facts.silence.reason}" if facts.silence.reason else ""
        told.append(
            Statement(
                f"{facts.silence.made_by} 已静默到 {clock(facts.silence.ends_at)}{why}", (facts.silence.what,)
            )
        )
    return told or [nothing("7 天内没有人改过这条告警和它的资产", alert_evidence(facts.alert_id))]


def weigh(facts: ChangeFacts) -> Sequence[Signal]:
    """Work that people planned or did."""
    found = []
    if facts.silence is not None and facts.silence.reason:  # that it was loud says nothing of what it is
        found.append(Signal("silenced", facts.silence.reason, (facts.silence.what,)))
    changed = tuple(each.what for each in facts.changes if each.what.kind == "asset")
    if changed:
        found.append(Signal("asset_changed", "", changed[:1]))
    return found


CHECK: Final = Check("changes", "最近的变更", ChangeFacts, look, tell, weigh)
