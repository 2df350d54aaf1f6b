"""Membership in cases: an alert is in one case at most, and whoever takes it first has it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, Case, CaseStatus, History
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.cases.locks import demand_open, lock_open, locked, text_of
from secops_agent.services.cases.views import CaseRef, code_of, ref_of, unknown
from secops_agent.services.faults import Conflict, NotFound

MOST: Final = 200  # alerts of one call: they are taken in one transaction


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of it: ``added`` alerts, and in ``text`` what was not taken and why."""

    case: CaseRef
    added: tuple[int, ...]
    text: str


@dataclass(slots=True)
class _Sorted:
    """The wanted alerts by what can be done with them; ``free``: old case (None: none) → ids."""

    free: dict[int | None, list[int]] = field(default_factory=dict)
    already: list[int] = field(default_factory=list)
    elsewhere: dict[int, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)


def alert_codes(ids: Iterable[int]) -> str:
    """A12、A15."""
    return "、".join(f"A{pk}" for pk in ids)


def demand_ids(alert_ids: Iterable[int]) -> tuple[int, ...]:
    """Each once, in order. Raises InvalidInput for none or too many."""
    ids = tuple(dict.fromkeys(alert_ids))
    if not ids:
        raise InvalidInput("请先选择告警。")
    if len(ids) > MOST:
        raise InvalidInput(f"一次最多 {MOST} 条告警，这里有 {len(ids)} 条：请分几次。")
    return ids


def collect(case_id: int, alert_ids: Iterable[int], actor: Actor, note: str = "") -> Collected:
    """Alerts into an open case. Raises InvalidInput, NotFound, Conflict when nothing was added."""
    ids = demand_ids(alert_ids)
    with transaction.atomic():
        return take(case_id, ids, actor, note)


def take(case_id: int, ids: Sequence[int], actor: Actor, note: str = "") -> Collected:
    """The same in the caller's transaction. Those of closed cases leave them; those of open ones stay there."""
    seen = dict(Alert.objects.filter(pk__in=ids).values_list("pk", "case_id"))
    cases = locked({case_id, *(held for held in seen.values() if held)})
    case = cases.get(case_id)
    if case is None:
        raise unknown(case_id)
    demand_open(case)
    found = _sort(case_id, ids, cases)
    now, added = timezone.now(), []
    for old, mine in found.free.items():
        added += _move(mine, old, case_id)
        _tell_alerts(mine, old, case_id, actor, now)
        if old is not None:
            told = {"alerts": ("", alert_codes(mine)), "into": ("", code_of(case_id))}
            history.record("case", old, actor, "drop_alerts", told)
    text = _told(case, added, found)
    if not added:
        raise Conflict(text) if found.already or found.elsewhere else NotFound(text)
    history.record("case", case_id, actor, "add_alerts", {"alerts": ("", alert_codes(added))}, text_of(note))
    return Collected(ref_of(case), tuple(added), text)


def _sort(case_id: int, ids: Sequence[int], cases: Mapping[int, Case]) -> _Sorted:
    """Alerts are locked after the cases, in the order of their keys."""
    rows = Alert.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    held = dict(rows.values_list("pk", "case_id"))
    found = _Sorted()
    for pk in ids:
        old = held.get(pk)
        if pk not in held:
            found.missing.append(pk)
        elif old == case_id:
            found.already.append(pk)
        elif old is None or (old in cases and cases[old].status == CaseStatus.CLOSED):
            found.free.setdefault(old, []).append(pk)
        else:
            found.elsewhere[pk] = old
    return found


def _move(ids: Sequence[int], old: int | None, new: int | None) -> list[int]:
    """The row count says whether they still were where they had been seen."""
    rows = Alert.objects.filter(pk__in=ids)
    still = rows.filter(case_id=old) if old else rows.filter(case=None)
    if still.update(case_id=new) != len(ids):
        raise Conflict("这些告警刚刚被别人归入或移出事件，没有改动，请再看一次。")
    return list(ids)


def move_all(old: int, new: int) -> list[int]:
    """Every alert of one case into another, in the caller's transaction; returns which."""
    ids = list(
        Alert.objects.select_for_update().filter(case_id=old).order_by("pk").values_list("pk", flat=True)
    )
    return _move(ids, old, new) if ids else []


def _tell_alerts(
    ids: Iterable[int], old: int | None, new: int | None, actor: Actor, now: datetime, note: str = ""
) -> None:
    """In the history of each alert; the audit trail has it once, with the case."""
    change = {"case": (code_of(old) if old else "", code_of(new) if new else "")}
    action = "gather" if new else "part"
    History.objects.bulk_create([history.entry("alert", pk, actor, action, change, note, now) for pk in ids])


def move(ids: Sequence[int], old: int, new: int | None, actor: Actor, note: str = "") -> None:
    """Chosen alerts of a case into another one or into none, in the caller's transaction. Raises Conflict."""
    rows = Alert.objects.select_for_update().filter(pk__in=ids, case_id=old).order_by("pk")
    absent = set(ids) - set(rows.values_list("pk", flat=True))
    if absent:
        raise Conflict(
            f"{alert_codes(sorted(absent))} 不在 {code_of(old)} 里（可能刚刚被别人移走），没有改动。"
        )
    _move(ids, old, new)
    _tell_alerts(ids, old, new, actor, timezone.now(), note)


def part(case_id: int, alert_ids: Iterable[int], actor: Actor, note: str = "") -> None:
    """Alerts out of an open case. Raises InvalidInput, NotFound, Conflict."""
    ids, note = demand_ids(alert_ids), text_of(note)
    with transaction.atomic():
        lock_open(case_id)
        move(ids, case_id, None, actor, note)
        history.record("case", case_id, actor, "drop_alerts", {"alerts": (alert_codes(ids), "")}, note)


def _told(case: Case, added: Sequence[int], found: _Sorted) -> str:
    parts = [f"{alert_codes(added)} 已归入 {code_of(case.pk)}「{case.title}」"] if added else []
    if found.already:
        parts.append(f"{alert_codes(found.already)} 本来就在 {code_of(case.pk)} 里")
    parts += [f"A{pk} 已在 {code_of(other)} 里，没有移动" for pk, other in found.elsewhere.items()]
    if found.missing:
        parts.append(f"没有编号为 {alert_codes(found.missing)} 的告警")
    return "；".join(parts) + "。"
