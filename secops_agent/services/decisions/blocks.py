"""Blocks: what Bifang blocked, isolated or silenced, who asked and approved, on which device, until when, and what waits.

Read from proposals, actions and silences. What somebody does on a device itself is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from bifang.core.database.db import database_now
from secops_agent.models import Action, Proposal, Silence
from secops_agent.models.automation.action import ACTION_OPEN, ActionState
from secops_agent.models.automation.proposal import ProposalState
from secops_agent.services.decisions.targets import TARGETS
from secops_agent.services.notifications.coverage import about

NOW: Final = ("active", "lifting", "unknown", "running", "waiting")
_RANK: Final = {
    "active": 0,
    "lifting": 0,
    "unknown": 1,
    "running": 1,
    "waiting": 1,
}  # what counts of one target
MOST: Final = 500  # actions that are looked through, the newest first
_STATES: Final[dict[str, str]] = {
    ActionState.DONE: "active", ActionState.DRY: "dry", ActionState.FAILED: "failed", ActionState.UNKNOWN: "unknown",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """One block; ``kind`` is the tool that made it, or ``silence``. ``state``: active, lifting, unknown, running or waiting (`NOW`);
    expired, lifted, failed, dry. ``until`` None: for good, or (``minutes`` None) as long as the device's own rule says. ``at``: when it
    was done, or asked for while it ``waits``; ``code`` is of its proposal, ``action_id`` of what carried it out."""

    kind: str
    target: str
    state: str
    asked_by: str
    at: datetime
    until: datetime | None = None
    minutes: int | None = None
    reason: str = ""
    approved_by: str = ""
    device: str = ""
    alert: int | None = None
    code: str = ""
    action_id: int = 0
    corp_id: str = ""


def find_blocks(**aim: object) -> list[Block]:
    """One of each target, the newest first: what stands, else what may be or waits, else the latest that is over.

    ``aim``: ``ip`` or ``asset_id`` of only one target. Three queries.
    """
    kept = {f"arguments__{name}": value for name, value in aim.items()}
    actions = Action.objects.filter(tool__in=TARGETS, **kept)
    waiting = Proposal.objects.filter(
        tool__in=TARGETS, state=ProposalState.PROPOSED, expires_at__gt=database_now(), **kept
    )
    found = [*_carried_out(actions), *map(_waits, waiting.order_by("-pk"))]
    latest: dict[tuple[str, str], Block] = {}
    for each in sorted(found, key=lambda one: _RANK.get(one.state, 2)):
        latest.setdefault((each.kind, each.target), each)
    return sorted(latest.values(), key=lambda each: each.at, reverse=True)


def find_silences(scope: str = "", value: str = "") -> list[Block]:
    """Those in force, the last to end first."""
    now = database_now()
    rows = Silence.objects.filter(starts_at__lte=now, ends_at__gt=now).order_by("-ends_at")
    rows = rows.filter(about(scope, value)) if scope else rows
    return [
        Block(
            "silence", str(row), "active", row.made_by, row.starts_at, row.ends_at, reason=row.reason, device="毕方（只停消息）",
            alert=int(row.value) if row.scope == "alert" else None,
        )
        for row in rows[:MOST]
    ]  # fmt: skip


def _carried_out(actions: "QuerySet[Action]") -> list[Block]:
    """What was ordered, the newest first."""
    rows = list(actions.select_related("proposal").order_by("-pk")[:MOST])
    undone = _undone(rows)
    return [_block(row, undone) for row in rows if row.proposal and row.proposal.tool == row.tool]


def _undone(rows: Sequence[Action]) -> dict[str, Action]:
    """By target, the newest action that takes a block back and was not without effect."""
    found: dict[str, Action] = {}
    for row in rows:
        if row.undo_of_id and row.state not in (ActionState.FAILED, ActionState.DRY):
            found.setdefault(_target(row), row)
    return found


def _target(row: Action | Proposal) -> str:
    return str(row.arguments.get(TARGETS[row.tool], ""))


def _block(row: Action, undone: dict[str, Action]) -> Block:
    first, minutes = row.proposal, row.arguments.get("duration_minutes")
    at = row.finished_at or row.created_at
    until = at + timedelta(minutes=minutes) if minutes else None
    state = "running" if row.state in ACTION_OPEN else _STATES[row.state]
    undo = undone.get(_target(row))
    if state == "active" and undo and undo.pk > row.pk:
        state = "lifted" if undo.state == ActionState.DONE else "lifting"
    if state == "active" and until and until <= database_now():
        state = "expired"
    return Block(
        row.tool, _target(row), state, row.asker, at, until, minutes, str(row.arguments.get("reason", "")), row.approver,
        row.connector, None, first.code if first else "", row.pk, first.corp_id if first else "",
    )  # fmt: skip


def _waits(row: Proposal) -> Block:
    reason, minutes = str(row.arguments.get("reason", "")), row.arguments.get("duration_minutes")
    return Block(
        row.tool, _target(row), "waiting", row.asker_name, row.created_at, None, minutes, reason, code=row.code, corp_id=row.corp_id,
    )  # fmt: skip
