"""Records of a turn for the audit trail and the accounts, stored together with "handled"."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from bifang.channels.ports import Turn
from bifang.core.database.rows import NewRow
from secops_agent.agent.turn.outcome import ToolRun, TurnOutcome
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import Place, entry
from secops_agent.services.operations.usage import Price, usage_row
from secops_agent.services.people.staff import Person
from secops_agent.web_chat.lines import is_web

BIFANG = Actor("system", "", "毕方", "agent")
_DOORS = {"http": "dingtalk_http", "feishu": "feishu"}


def door_of(turn: Turn) -> str:
    """Through what the person speaks. Of what came by HTTP callback, DingTalk's signature does not cover the words."""
    if is_web(turn.target):
        return "web"
    return _DOORS.get(turn.payload.get("door", ""), "dingtalk")


def place_of(turn: Turn) -> Place:
    """Where a turn belongs."""
    return Place(turn.config_id, turn.conversation_id, turn.inbox_id)


def brief(turn: Turn, person: Person, reply: str, at: datetime | None = None) -> tuple[NewRow, ...]:
    """A message that needed no model, and what was answered."""
    place, at = place_of(turn), at or timezone.now()
    asked = entry(
        AuditKind.MESSAGE,
        "提问",
        Actor.person(person, door_of(turn)),
        place=place,
        text=turn.text,
        detail={"msg": turn.external_id},
        at=at,
    )
    if not reply:
        return (asked,)
    return (asked, entry(AuditKind.REPLY, "回复", BIFANG, place=place, text=reply, at=at))


def whole(turn: Turn, person: Person, outcome: TurnOutcome, reply: str, at: datetime) -> tuple[NewRow, ...]:
    """Message, decision, tool calls, reply."""
    place = place_of(turn)
    asked, answered = brief(turn, person, reply or " ", at)
    decided = entry(
        AuditKind.DECISION, "作答", BIFANG, place=place, at=at,
        detail={
            "model": outcome.model, "stopped_by": outcome.stopped_by, "fallback": outcome.notice,
            "tools": [run.call.name for run in outcome.tool_runs], "role": str(person.role),
        },
    )  # fmt: skip
    listed = (_listed(outcome, person, place, at),) if outcome.offer and outcome.offer.by_model else ()
    return (asked, decided, *listed, *(_tool(run, person, place, at) for run in outcome.tool_runs), answered)


def _listed(outcome: TurnOutcome, person: Person, place: Place, at: datetime) -> NewRow:
    """The actions that a model put before the asker."""
    offer = outcome.offer
    assert offer is not None
    calls = [
        {"tool": each.tool, "arguments": dict(each.arguments), "chosen": each.chosen}
        for each in offer.actions
    ]
    detail = {"model": outcome.model, "code": offer.code, "calls": calls, "effects": list(offer.effects)}
    return entry(
        AuditKind.DECISION, "模型列出选项", Actor.person(person, "agent"), place=place, detail=detail, at=at
    )


def _tool(run: ToolRun, person: Person, place: Place, at: datetime) -> NewRow:
    detail: dict[str, Any] = {
        "status": run.result.status, "executed": run.executed, "seconds": round(run.seconds, 3), "query": run.result.query,
        "arguments": dict(run.arguments) if run.executed else run.call.arguments[:2000],
    }  # fmt: skip
    code = run.result.proposal_code
    what, subject = f"调用 {run.call.name}"[:60], f"proposal:{code}" if code else ""
    # Refused arguments are a model's words: what no database holds is taken out.
    cleaned = {
        key: value.replace("\x00", "") if isinstance(value, str) else value for key, value in detail.items()
    }
    return entry(
        AuditKind.TOOL,
        what,
        Actor.person(person, "agent"),
        place=place,
        subject=subject,
        detail=cleaned,
        at=at,
    )


def costs(
    turn: Turn,
    person: Person,
    outcome: TurnOutcome,
    prices: Mapping[str, Price],
    at: datetime,
) -> tuple[NewRow, ...]:
    """The turn's usage, a row for each model that was asked."""
    return tuple(
        usage_row(
            bill.usage, bill.model, prices, config_id=turn.config_id, ai_config_id=bill.config_id,
            inbox_id=turn.inbox_id, person=f"{person.corp_id}:{person.staff_id}", at=at,
        )
        for bill in outcome.bills
        if bill.usage.input_tokens or bill.usage.output_tokens
    )  # fmt: skip
