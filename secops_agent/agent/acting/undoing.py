"""Undo in a chat (撤销 without an object): plain where the asker has done one kind of thing here; else asked back with taps."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bifang.channels.ports import Reply, Suggestion, Turn, TurnResult
from bifang.channels.text.outgoing import may_tap
from bifang.core.database import db
from bifang.core.database.db import database_now
from secops_agent import says
from secops_agent.agent.acting.orders import is_bare_undo
from secops_agent.agent.conversation.records import brief
from secops_agent.models import Proposal, TriageBatch
from secops_agent.models.automation.proposal import ProposalState
from secops_agent.services.alerts.batches import UNDO_FOR
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person

_MOST: Final = 3
_ASKED: Final = "要撤销哪一个？没有执行任何操作。"
# What takes back an action that was confirmed here, from its arguments; what is done to alerts also has its batch.
_BACK: Final[dict[str, Callable[[Mapping[str, Any]], Suggestion]]] = {
    "silence_alerts": lambda said: says.end_silence(said.get("scope") or str(said["alert_ids"]).partition(",")[0]),
    "decide_findings": lambda said: says.decide_findings(said["findings"], "withdraw"),
    "close_case": lambda said: says.reopen_case(said["case_id"]),
}  # fmt: skip
Undoable = tuple[datetime, str, Suggestion, str]


async def handle_undo(
    turn: Turn, person: Person, *, is_group: bool, may_tell: Callable[[], bool]
) -> TurnResult | None:
    """What is asked back; None if the message is no bare 撤销, or plain: then the last act is undone, or the only proposal withdrawn."""
    if not is_bare_undo(turn.text):
        return None
    found = sorted(await db.call(_find, turn, person), reverse=True, key=lambda each: each[0])
    if len({kind for _, kind, _, _ in found}) < 2 and not any(kind == "done" for _, kind, _, _ in found):
        return None
    lines = "\n".join(f"- {told}：「{tap}」" for _, _, tap, told in found[:_MOST])
    text = f"{_ASKED}\n\n{lines}"
    taps = tuple(tap for _, _, tap, _ in found[:_MOST] if may_tap(tap))
    return TurnResult((Reply(text, title="撤销", suggestions=taps),), brief(turn, person, text))


def _find(turn: Turn, person: Person) -> list[Undoable]:
    """What this person did here in the last minutes and can take back: proposals, acts, confirmed actions."""
    staff = eligibility.listed(person.corp_id, person.staff_id)
    if staff is None:
        return []
    since = database_now() - UNDO_FOR
    batches = TriageBatch.objects.filter(staff=staff, undone_at=None, at__gt=since).order_by("-pk")[:_MOST]
    rows = Proposal.objects.filter(
        asked_by=staff, config_id=turn.config_id, conversation_id=turn.conversation_id
    )
    acts = [(each.at, "act", says.undo(next(iter(each.rows))), each.text) for each in batches if each.rows]
    return [*acts, *_proposed(list(rows.order_by("-pk")[:20]), since)]


def _proposed(rows: list[Proposal], since: datetime) -> Iterator[Undoable]:
    for each in rows:
        if each.state == ProposalState.PROPOSED and each.expires_at > since + UNDO_FOR:
            yield each.created_at, "proposed", says.withdraw(each.code), each.summary
        elif each.state == ProposalState.CONFIRMED and each.tool in _BACK and _at(each) > since:
            yield _at(each), "done", _BACK[each.tool](each.arguments), each.summary


def _at(proposal: Proposal) -> datetime:
    return proposal.decided_at or proposal.created_at - timedelta(days=1)
