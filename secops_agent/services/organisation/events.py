"""Events of the organisation, in no chat system's words, and the alerts that may come of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final, Literal

from bifang.channels.ports import Turn
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.on_call.working_days import WorkingDays
from secops_agent.services.records import AlertRecord, Indicator, Severity

Kind = Literal[
    "left", "admin_added", "admin_removed", "profile_changed", "roles_changed", "outsiders_joined", "group_disbanded",
    "group_renamed", "robot_added", "robot_removed",
]  # fmt: skip
WORK: Final = (time(9), time(18))  # of a working day, Asia/Shanghai
_ACTIVITIES: Final[Mapping[Kind, tuple[int, int]]] = {
    "left": (3001, 6), "profile_changed": (3001, 99), "roles_changed": (3005, 99), "admin_added": (3005, 1),
    "admin_removed": (3005, 2), "outsiders_joined": (3006, 3), "robot_added": (3006, 3), "robot_removed": (3006, 4), "group_disbanded": (3006, 5),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrganisationEvent:
    """One event. ``source`` names who told, ``ident`` is its id there, ``raw`` what it said.

    ``operator_id``: who did it, "" if that is not told. ``outsiders``: how many people of no corporation of ours.
    ``fields``: what changed, in words. ``title``: the new name of a group.
    """

    kind: Kind
    source: str
    ident: str
    config_id: int
    corp_id: str
    at: datetime
    staff_ids: tuple[str, ...] = ()
    operator_id: str = ""
    conversation_id: str = ""
    outsiders: int = 0
    fields: tuple[str, ...] = ()
    title: str = ""
    raw: Mapping[str, Any] | None = None


def moment_of(turn: Turn) -> datetime:
    """When it happened, as the platform says (``born_ms`` of the payload), if that can be; else when it came."""
    try:
        born = min(int(turn.payload.get("born_ms") or 0), turn.received_at_ms)
    except ValueError:
        born = 0
    return datetime.fromtimestamp((born if born > 0 else turn.received_at_ms) / 1000, UTC)


def signal(
    happening: OrganisationEvent,
    subject: str,
    title: str,
    severity: Severity,
    lines: Sequence[str],
    *,
    rule: str,
    ident: str = "",
) -> AlertRecord:
    """An alert of its own for this event and subject, the same one however often it is told. OCSF in ``raw``."""
    people = tuple(Indicator("account", each) for each in (subject, happening.operator_id) if each)
    return AlertRecord(
        source=happening.source,
        dedup_key=(happening.kind, happening.corp_id, subject or happening.conversation_id, ident or happening.ident),
        title=title,
        severity=severity,
        rule_id=f"{happening.source}.{happening.kind}",
        rule_name=rule,
        description="\n".join(lines),
        indicators=people,
        occurred_at=happening.at,
        event_id=ident or happening.ident,
        raw=_ocsf(happening, subject),
    )  # fmt: skip


def _ocsf(happening: OrganisationEvent, subject: str) -> dict[str, Any]:
    class_uid, activity_id = _ACTIVITIES[happening.kind]
    return {
        "class_uid": class_uid,
        "activity_id": activity_id,
        "time": int(happening.at.timestamp() * 1000),
        "metadata": {"uid": happening.ident, "tenant_uid": happening.corp_id, "log_name": happening.source},
        "user": {"uid": subject},
        "actor": {"user": {"uid": happening.operator_id}},
        "group": {"uid": happening.conversation_id},
        "unmapped": dict(happening.raw or {}),
    }


def in_working_hours(at: datetime) -> bool:
    """Is this a moment of a working day at which people work?"""
    local = at.astimezone(ZONE)
    days = WorkingDays.between(local.date(), local.date())
    return days.is_working(local.date()) and WORK[0] <= local.time() < WORK[1]
