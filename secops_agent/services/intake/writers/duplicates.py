"""Duplicates: components and findings that turn out to be one because their assets are one."""

from collections.abc import Iterable

from bifang.core.database.rows import update_rows
from secops_agent.models import Component, DemoObject, Finding, History
from secops_agent.models.choices import FindingState
from secops_agent.services.audit import history
from secops_agent.services.intake.session import Session
from secops_agent.services.reading import rows_by
from secops_agent.services.records.identity import earliest
from secops_agent.services.vulnerabilities.states import DECIDED, SECOND, SECONDED, is_active, needs_second

COMPONENT_WRITTEN = ("distro", "location", "licenses", "active", "first_seen", "last_seen")
_SCANNED = (
    "vulnerability_id", "title", "description", "severity", "location", "fixed_version", "evidence", "remediation",
    "references", "suppressed", "priority", "gone_at",
)  # fmt: skip
_FINDING_WRITTEN = (
    *_SCANNED, "identity", "asset_id", "component_id", *DECIDED, "assignee_id", "state", "active", "first_seen", "last_seen", "due_at",
)  # fmt: skip
Likeness = tuple[str, str, str, int | None, int | None, str, str]


def absorb_component(row: Component, twin: Component) -> None:
    """Give `row` what `twin` knows."""
    row.distro, row.location = row.distro or twin.distro, row.location or twin.location
    row.licenses = list(dict.fromkeys([*row.licenses, *twin.licenses]))[:50]
    row.active = row.active or twin.active
    row.first_seen = min(row.first_seen, twin.first_seen)
    row.last_seen = max(row.last_seen, twin.last_seen)


def likeness(row: Finding) -> Likeness:
    """Findings of one asset that agree in this are one; the parts of their identity are not stored."""
    return (
        row.source, row.kind, row.rule_id, row.vulnerability_id, row.component_id, row.location, row.title
    )  # fmt: skip


def only_ones(rows: Iterable[Finding]) -> dict[Likeness, Finding]:
    """Those that no other is like: of two alike nobody can say which one is meant."""
    found: dict[Likeness, list[Finding]] = {}
    for row in rows:
        found.setdefault(likeness(row), []).append(row)
    return {alike: same[0] for alike, same in found.items() if len(same) == 1}


def absorb_finding(session: Session, row: Finding, twin: Finding) -> Finding:
    """Make one finding of two, in the caller's transaction: the older row, where `row` is. Decisions of people stay."""
    current = {each.pk: each for each in rows_by(Finding, "id", {row.pk, twin.pk}, lock=True)}
    for each in (row, twin):
        now = current.get(each.pk, each)  # a person may have decided since it was read
        _take_decision(each, now)
        each.assignee_id = now.assignee_id
    kept, gone = (row, twin) if row.pk < twin.pk else (twin, row)
    changes, note = _settle(kept, gone)
    _follow_scans(kept, gone)
    kept.identity, kept.asset_id, kept.component_id = row.identity, row.asset_id, row.component_id
    kept.active = is_active(kept)
    History.objects.filter(entity="finding", entity_id=gone.pk).update(entity_id=kept.pk)
    DemoObject.objects.filter(entity="finding", entity_id=gone.pk).delete()
    Finding.objects.filter(pk=gone.pk).delete()
    update_rows(Finding, _FINDING_WRITTEN, [kept])
    history.record("finding", kept.pk, session.actor, "merge", changes, note)
    session.replace("finding", gone.pk, kept.pk)
    return kept


def _settle(kept: Finding, gone: Finding) -> tuple[dict[str, tuple[str, str]], str]:
    """The decision of both. Returns the change, and what to say."""
    old, other = kept.decision, gone.decision
    kept.assignee_id = kept.assignee_id or gone.assignee_id
    note = f"发现 {gone.pk} 与本发现相同，资产合并时已并入。"
    if still_open := _kept_open(kept, gone):
        _take_decision(kept, still_open)
        note += f"两个资产上的决定不同：合并不代替另一位审批人（{SECOND}），按没有这样决定的那条。"
    elif not old:
        _take_decision(kept, gone)
    if other and other != kept.decision:
        note += f"它的处理决定是「{gone.get_decision_display()}」。"
    return ({"decision": (old, kept.decision)} if old != kept.decision else {}), note


def _kept_open(kept: Finding, gone: Finding) -> Finding | None:
    """The one that was not decided so, where the other's decision takes two persons on either: joining assets is one person's."""
    one, other = sorted((kept, gone), key=lambda each: each.decision in SECONDED)
    if one.decision in SECONDED or other.decision not in SECONDED:
        return None
    both = Finding.objects.filter(needs_second(other.decision), pk__in=(kept.pk, gone.pk))
    return one if both.exists() else None


def _take_decision(row: Finding, other: Finding) -> None:
    for name in DECIDED:
        setattr(row, name, getattr(other, name))


def _follow_scans(kept: Finding, gone: Finding) -> None:
    """What the latest scan says, and since when it has been there."""
    latest, before = sorted((kept, gone), key=lambda each: each.last_seen, reverse=True)
    state = latest.state
    if state == FindingState.NEW and before.first_seen < latest.first_seen:
        state = FindingState.BACK if before.state == FindingState.GONE else FindingState.PRESENT
    first, last = min(kept.first_seen, gone.first_seen), latest.last_seen
    due = earliest([kept.due_at, gone.due_at])
    for name in _SCANNED:
        setattr(kept, name, getattr(latest, name))
    kept.state, kept.first_seen, kept.last_seen, kept.due_at = state, first, last, due
