"""Hits on indicator lists: what follows when an alert names an entry (a row, perhaps a graver level, a line of history)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bifang.core.database.rows import insert_many, update_rows
from secops_agent.models import Alert, History, IndicatorHit
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.intelligence.matching import (
    COMPARED,
    ListInForce,
    MatchedEntry,
    Observed,
    by_list,
    lists_in_force,
    named,
)
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.services.reading import values_by
from secops_agent.services.sla import SlaLimits
from secops_agent.services.vulnerabilities.priority import rank


@dataclass
class HitSearch:
    """One comparison: when, who, with what lists."""

    now: datetime
    actor: Actor
    limits: SlaLimits
    lists: Sequence[ListInForce] = field(default_factory=lists_in_force)


def note_hits(
    alerts: Mapping[int, Alert], observed: Mapping[int, Collection[Observed]], scene: HitSearch
) -> set[int]:
    """Alerts (by id) with what is new of their observables. Returns those that hit something for the first time.

    In the caller's transaction; levels are raised in the rows too.
    """
    wanted = (
        {each for all_ in observed.values() for each in all_ if each[0] in COMPARED} if scene.lists else ()
    )
    found = named(wanted, scene.lists, scene.now) if wanted else {}
    if not found:
        return set()
    mine = {pk: {each: found[each] for each in all_ if each in found} for pk, all_ in observed.items()}
    mine = {pk: hits for pk, hits in mine.items() if hits}
    known = {tuple(row) for row in values_by(IndicatorHit, ["alert_id", "entry_id"], alert_id=list(mine))}
    fresh = {pk: new for pk, hits in mine.items() if (new := _unknown(pk, hits, known))}
    insert_many(IndicatorHit, _rows(fresh, scene.now), skip_existing=True)
    changes = {pk: _raise(alerts[pk], hits, scene) for pk, hits in fresh.items()}
    update_rows(Alert, ["severity", "due_at"], [alerts[pk] for pk, change in changes.items() if change])
    History.objects.bulk_create(
        history.entry("alert", pk, scene.actor, "hit", changes[pk], _told(hits)) for pk, hits in fresh.items()
    )
    return set(fresh)


def _unknown(
    pk: int, hits: Mapping[Observed, Sequence[MatchedEntry]], known: set[tuple[Any, ...]]
) -> dict[Observed, list[MatchedEntry]]:
    new = {each: [one for one in entries if (pk, one.pk) not in known] for each, entries in hits.items()}
    return {each: entries for each, entries in new.items() if entries}


def _rows(
    found: Mapping[int, Mapping[Observed, Sequence[MatchedEntry]]], now: datetime
) -> list[dict[str, Any]]:
    return [
        {"alert_id": pk, "entry_id": entry.pk, "kind": kind, "value": value[:500], "at": now}
        for pk, hits in found.items()
        for (kind, value), entries in hits.items()
        for entry in entries
    ]


def _raise(
    row: Alert, hits: Mapping[Observed, Sequence[MatchedEntry]], scene: HitSearch
) -> dict[str, tuple[Any, Any]]:
    """To the gravest level that a list asks for. Nothing a list says makes an alert harmless."""
    asked = {entry.list.severity for entries in hits.values() for entry in entries} - {""}
    gravest = max(asked, key=rank, default="")
    if not gravest or rank(gravest) <= rank(row.severity):
        return {}
    old, row.severity = row.severity, gravest
    due = scene.limits.alert_due(gravest, scene.now)
    row.due_at = min(filter(None, (row.due_at, due)), default=None)
    return {"severity": (old, gravest)}


def _told(hits: Mapping[Observed, list[MatchedEntry]]) -> str:
    """清单「某厂商」：203.0.113.9. Accounts and addresses of people are not repeated."""
    lines = (
        f"清单「{name}」：{'、'.join(dict.fromkeys(_shown(each) for each in seen))}"
        for name, seen in by_list(dict(hits)).items()
    )
    return "；".join(lines)[:1000]


def _shown(observed: Observed) -> str:
    return "账号或邮箱" if observed[0] in PRIVATE_INDICATORS else observed[1][:120]
