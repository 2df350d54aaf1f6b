"""Trial turns without a chat, for `ask` and the evaluation set: nothing is stored or done, writes are only shown.

A dialog keeps its focus and its offers as a conversation does, so that 第二条, 好 and 提交 CODE mean what they mean in the chat.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from django.utils import timezone

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import BifangError
from secops_agent import says
from secops_agent.agent.acting.offers import BY_CODE, GONE, read_taking
from secops_agent.agent.acting.orders import read_order
from secops_agent.agent.acting.steps import with_steps
from secops_agent.agent.conversation.memory import Said, author_of
from secops_agent.agent.conversation.recall import NOTHING, Recall, open_offer
from secops_agent.agent.conversation.replies import unknown_person
from secops_agent.agent.service import Agent, Talk
from secops_agent.agent.turn.offering import Switch
from secops_agent.agent.turn.outcome import ToolRun, TurnOutcome
from secops_agent.llm.offline.model import NOTICE
from secops_agent.llm.types import Offer
from secops_agent.llm.understanding.verbs import ACTS
from secops_agent.models.people.staff import Role
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import parse
from secops_agent.tools.base import Risk
from secops_agent.tools.definitions import APPROVERS_TOLD
from secops_agent.tools.registry import BY_NAME

_CODE: Final = "试运行"
_DONE: Final = "（试运行：没有真的执行）"
_UNTOLD: Final = "这是试运行，没有提交，也没有告诉任何人。"
# What the chat does at once with 确认 A12 and its like, as the tools call it.
_ORDERED: Final = {
    "acknowledge": "acknowledge_alert", "take": "assign_alert", "false_positive": "close_alert", "silence": "silence_alerts",
    "reopen": "reopen_alert", "hand_back": "unassign_alert", "end_silence": "end_silence",
}  # fmt: skip


class Rehearsal:
    """A proposer that stores nothing."""

    def propose(self, tool: str, title: str, risk: Risk, arguments: Mapping[str, Any], summary: str) -> str:
        """A code that nobody can redeem."""
        return _CODE


@dataclass(frozen=True, slots=True)
class Tried:
    """What one sentence came to.

    ``tool`` is the last tool that was called and ``arguments`` what was said to it (nothing filled in); None and {} when none was;
    ``calls`` lists all where there were several. ``status``: ok, no_data, needs_confirmation, needs_approval, done, offered,
    asked_back, not_understood, error; "answered" for small talk and help. ``offers``: the actions that the sentence may have
    ordered, with the code that takes them.
    """

    text: str
    tool: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    status: str = "answered"
    answer: str = ""
    offers: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def as_line(self, **more: Any) -> str:
        """One line of JSON."""
        told = {name: value for name, value in asdict(self).items() if value or name != "calls"}
        return json.dumps({**more, **told}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Dialog:
    """What was said so far, and what it left behind; ``waiting``: an action that only a 确认 is needed for."""

    history: tuple[Said, ...] = ()
    recall: Recall = NOTHING
    waiting: Offer | None = None


class Trial:
    """Asks as one person. One per event loop; call `close` at the end."""

    def __init__(
        self,
        person: Person,
        *,
        ai_config_id: int | None = None,
        is_group: bool = False,
        model_offers: Switch = "all",
    ) -> None:
        self._agent, self._model_offers = Agent(ConfigCache()), model_offers
        self._ai = () if ai_config_id is None else (ai_config_id,)
        self._person, self._is_group = person, is_group

    async def ask(self, text: str) -> Tried:
        """One sentence by itself. Never raises: an error is the answer."""
        return (await self.turn(Dialog(), text))[0]

    async def turn(self, dialog: Dialog, text: str) -> tuple[Tried, Dialog]:
        """One sentence of a dialog, and the dialog after it. Never raises."""
        if not self._person.may(Role.VIEWER):
            return Tried(text, status="error", answer=unknown_person(self._person.staff_id, ())), dialog
        if (taken := self._taken(dialog, text)) is not None:
            filed = taken.status == "needs_approval"
            recall = dialog.recall.without(dialog.recall.shown, filed=filed)
            return taken, replace(dialog, recall=recall, waiting=None)
        if (ordered := await db.call(self._ordered, text)) is not None:
            return ordered, dialog
        talk = Talk(
            self._person, text, is_group=self._is_group, ai_configs=self._ai, proposer=Rehearsal(), history=dialog.history,
            recall=dialog.recall, model_offers=self._model_offers,
        )  # fmt: skip
        try:
            outcome = await self._agent.converse(talk)
        except BifangError as error:
            return Tried(text, status="error", answer=error.message), dialog
        except Exception as error:
            return Tried(text, status="error", answer=f"内部错误：{type(error).__name__}：{error}"), dialog
        tried = _tried(text, outcome)
        return tried, self._after(dialog, talk, outcome, tried)

    def _after(self, dialog: Dialog, talk: Talk, outcome: TurnOutcome, tried: Tried) -> Dialog:
        """As the chat remembers it."""
        recall = talk.recall.after(
            outcome.tool_runs,
            told=NOTICE in outcome.text,
            heard=outcome.heard,
            offer=open_offer(outcome, timezone.now()),
        )
        said = (
            Said("user", self._person.name, talk.text, author_of(self._person)),
            Said("assistant", "", outcome.text),
        )
        waits = tried.status == "needs_confirmation" and tried.tool is not None
        waiting = Offer(str(tried.tool), tried.arguments) if waits else None
        return Dialog((*dialog.history, *said)[-20:], recall, waiting)

    def _taken(self, dialog: Dialog, text: str) -> Tried | None:
        """提交 CODE, 好, 确认: what the chat would do now; None if there is nothing to take."""
        code = read_taking(text)
        if code is None:
            return None
        offer = dialog.recall.find(code, timezone.now())
        actions = offer.actions if offer else (dialog.waiting,) if dialog.waiting and not code else ()
        dangerous = any(BY_NAME[each.tool].risk == "dangerous" for each in actions)
        if not actions:
            return Tried(text, status="error", answer=GONE.format(code=code)) if code else None
        if offer and dangerous and not code and self._is_group:
            return Tried(text, status="error", answer=BY_CODE.format(said=text, line=says.submit(offer.code)))
        *_, last = actions
        status = "needs_approval" if BY_NAME[last.tool].risk == "dangerous" else "done"
        calls = [{"tool": each.tool, "arguments": dict(each.arguments)} for each in actions]
        return Tried(
            text,
            last.tool,
            dict(last.arguments),
            status,
            f"{BY_NAME[last.tool].title}{_DONE}",
            calls=calls if len(calls) > 1 else [],
        )

    def _ordered(self, text: str) -> Tried | None:
        """确认 A12 and its like, which the chat does at once: checked and not done. On a database thread."""
        order = read_order(text)
        if order is None:
            return None
        tool = _ORDERED.get(order.verb)
        if tool is None:
            return Tried(text, status="done", answer=f"{order.line}{_DONE}")
        beside: dict[str, dict[str, Any]] = {
            "close_alert": {"verdict": order.verb},
            "assign_alert": {"assignee": self._person.staff_id},
        }
        arguments: dict[str, Any] = {"alert_id": order.alert_id, **beside.get(tool, {})}
        if ACTS[tool].argument == "scope":
            arguments = {"scope": order.code} | ({"minutes": order.minutes} if order.minutes else {})
        definition = BY_NAME[tool]
        try:
            assert definition.check is not None
            plan = definition.check(parse(definition.arguments, arguments), self._person)
        except BifangError as fault:
            return Tried(text, tool, arguments, "error", fault.message)
        return Tried(text, tool, arguments, "done", f"{plan.summary}{_DONE}")

    async def close(self) -> None:
        """Close connections."""
        await self._agent.close()


def _tried(text: str, outcome: TurnOutcome) -> Tried:
    actions = outcome.offer.actions if outcome.offer else ()
    offers = [
        {"code": outcome.offer.code, "tool": each.tool, "arguments": dict(each.arguments)}
        for each in actions
        if outcome.offer
    ]
    shown, _ = with_steps(outcome.text.replace(APPROVERS_TOLD, _UNTOLD), outcome.steps, is_group=True)
    status = _status(outcome)
    run = outcome.tool_runs[-1] if outcome.tool_runs else None
    if run is None:
        first = actions[0] if actions else None
        return Tried(
            text, first.tool if first else None, dict(first.arguments) if first else {}, status, shown, offers
        )
    calls = [
        {"tool": each.call.name, "arguments": _said(each), "status": each.result.status}
        for each in outcome.tool_runs
    ]
    return Tried(text, run.call.name, _said(run), status, shown, offers, calls if len(calls) > 1 else [])


def _said(run: ToolRun) -> dict[str, Any]:
    try:
        said = json.loads(run.call.arguments or "{}")
    except ValueError:
        said = None
    return said if isinstance(said, dict) else dict(run.arguments)


def _status(outcome: TurnOutcome) -> str:
    heard = outcome.heard
    if outcome.offer is not None:
        return "offered"
    if outcome.tool_runs:
        asks = heard is not None and heard.asks
        return "asked_back" if asks else str(outcome.tool_runs[-1].result.status)
    if outcome.stopped_by in ("error", "content_filter") or (heard and heard.offers):
        return "error"
    if heard and heard.asks:
        return "asked_back"
    return "not_understood" if heard and heard.unclear else "answered"


def read_dialogs(lines: Sequence[str]) -> list[tuple[Any, list[str]]]:
    """Dialogs from lines of ``{"id", "turns"}``. Raises ValueError, KeyError, TypeError."""
    stored = [json.loads(line) for line in lines if line.strip()]
    return [(one["id"], [str(turn) for turn in one["turns"]]) for one in stored]
