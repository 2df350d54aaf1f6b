"""Opening of a turn, before any model is asked: code's own answers, certain look-ups, and the facts that
a model is told of the sentence.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.agent.conversation import rights
from secops_agent.agent.conversation.recall import Recall
from secops_agent.agent.llms.models import OfflineMode
from secops_agent.agent.turn.toolbox import all_specs, refusal
from secops_agent.llm.offline import ACTION_TOOLS, READ_TOOLS, Intent
from secops_agent.llm.types import Completion, Heard, Message, Request, ToolCall
from secops_agent.llm.understanding.hearing import hint
from secops_agent.llm.understanding.verbs import NOTES
from secops_agent.llm.understanding.warrants import NO_WARRANT, Warrant
from secops_agent.services.decisions import pending
from secops_agent.services.mcp.definitions import LOGS
from secops_agent.services.mcp.orders import CALL, COMMAND, pairs_in
from secops_agent.services.people.staff import Person
from secops_agent.tools.operations.logs import read_log_question
from secops_agent.tools.operations.mcp import order_arguments
from secops_agent.tools.registry import ADDED, BY_NAME

_LONGEST: Final = 2000  # characters of an order
_KINDS: Final = {"alert": "告警", "ip": "地址", "asset": "主机或系统", "cve": "漏洞", "person": "人员"}
_MOST: Final = 10  # values of a kind
_IN_PART: Final = "代码先查的那次只顾到这句话的一部分，缺的自己再查"
_NAME: Final = re.compile(
    r"[\w.:/@#-]{1,40}"
)  # what reads like a sentence is nobody's name, and told to no model

_REWORDED: Final = re.compile(
    r"[\s，,。;；](?:就|还是|而是)?[写改换说记](?:[成为在上到明]|个|一下)?\S"
)  # 不要写封了，写在处理中
_OWN_WORDS: Final = frozenset({"task", "text", "note", "reason"})  # nobody's but the asker's


@dataclass(frozen=True, slots=True)
class TurnOpening:
    """``by_code``: no model is asked. ``calls``: what is looked up first, ``remark`` what they do not carry, ``shows`` beneath the
    answer too: a model that looks up by itself has read it. ``spare``: what code would look up and is not sure of, for a model
    that answers without a look. ``heard``: what code made of the sentence; ``warrant``: the actions that its words let a model
    offer; ``absent``: in Chinese, what it asks that no source of ours tells."""

    by_code: bool = False
    calls: Message | None = None
    spare: Message | None = None
    remark: str = ""
    shows: bool = False
    heard: Heard | None = None
    warrant: Warrant = NO_WARRANT
    absent: str = ""


async def find_opening(
    text: str,
    dialogue: Sequence[Message],
    offline: OfflineMode,
    *,
    grammar: bool,
    calls: bool = True,
    model: bool = True,
    spoken: str | None = None,
    before: str = "",
) -> TurnOpening:
    """How the turn begins. ``text`` is what was typed; ``calls``: may the model look up more? Else code answers what it
    understood, and looks up all that it makes of other words. Without a ``model`` nothing is prepared for one. ``spoken``:
    the line of the foreign tool that it names; ``before``: what the asker typed just before, if nothing was offered to it."""
    order = _read_command(text) or _read_log_question(text) or (_order(spoken) if spoken else None)
    if order is not None:
        return TurnOpening(True, order)
    if not model:
        return TurnOpening()
    warrant = await offline.warrant(text, before)
    if not grammar and calls:
        return TurnOpening(warrant=warrant)
    read = await offline.complete(Request(tuple(dialogue), all_specs()))
    heard, called = read.heard, read.message.tool_calls
    assert heard is not None
    warrant = _with_heard(warrant, heard)
    # Who calls nothing is too small to say it better than the result does: it is asked only what code is not sure of.
    understood = not heard.unclear and (heard.sure or not called)
    if _is_for_code(text, read, heard, warrant) or (not calls and understood):
        return TurnOpening(True, heard=heard)
    looked_up = bool(called) and (heard.sure or not calls)
    reads = bool(called) and {call.name for call in called} <= {*READ_TOOLS}
    spare = read.message if reads and not looked_up else None
    remark = read.remark.replace(hint("not_done"), "").strip() if looked_up else ""  # a model claims no act
    said = read.message.content
    absent = said if said.startswith(hint("absent").partition("{")[0]) else ""
    return TurnOpening(
        calls=read.message if looked_up else None, spare=spare, remark=remark, shows=not calls, heard=heard,
        warrant=warrant, absent=absent,
    )  # fmt: skip


def _with_heard(warrant: Warrant, heard: Heard) -> Warrant:
    """What code would offer, a model may: else its words would deny what stands beneath them."""
    return replace(warrant, tools=warrant.tools | {one.tool for one in heard.offers})


def _is_for_code(text: str, read: Completion, heard: Heard, warrant: Warrant) -> bool:
    """Exact orders, the help text, what is taken back, and why nothing is started, unless it may be an order or a question all the
    same: what is done is said by people's words and code alone."""
    calls = read.message.tool_calls
    if calls:
        beside = calls[0].name in NOTES and warrant.tools - {*NOTES}  # 备注…，然后提醒李四: more than a note
        return calls[0].name in ACTION_TOOLS and not beside
    if heard.drops and _REWORDED.search(text):
        return False
    dropped = heard.drops and not (heard.asks or warrant.changes)
    return heard.final and (dropped or not (warrant.tools or warrant.asks))


def _read_command(text: str) -> Message | None:
    """The call that a person ordered by the exact line, as it was typed: no grammar respells its values."""
    command, _, line = text.strip().replace("／", "/", 1).partition(" ")
    if command != COMMAND or len(text) > _LONGEST:
        return None
    name, _, words = line.strip().partition(" ")
    if name in ADDED:  # of an installed package: no grammar knows its words
        return Message(
            "assistant", "", (ToolCall(id="ordered", name=name, arguments=_arguments(words.strip())),)
        )
    return _order(line.strip())


def _order(line: str) -> Message:
    return Message("assistant", "", (ToolCall(id="ordered", name=CALL, arguments=order_arguments(line)),))


def _read_log_question(text: str) -> Message | None:
    """The look-up that a whole sentence asks for; whether any service has logs, the tool says."""
    asked = read_log_question(text, timezone.localtime())
    return Message("assistant", "", (ToolCall(id="ordered", name=LOGS, arguments=asked),)) if asked else None


def _arguments(words: str) -> str:
    """Of ``name=value`` pairs; what is none goes on as it is, to be told what is wrong with it."""
    try:
        return json.dumps(pairs_in(words), ensure_ascii=False)
    except InvalidInput:
        return words


# The facts


def facts_of(person: Person, opening: TurnOpening, recall: Recall, allowed: Sequence[str]) -> str:
    """What code read of the sentence and what was spoken of before, for a model. On a database thread.

    ``allowed``: the actions that it may offer. Only single names and numbers; no words of the data.
    """
    return "\n".join(_facts(person, opening, recall, allowed))


def _facts(person: Person, opening: TurnOpening, recall: Recall, allowed: Sequence[str]) -> Iterator[str]:
    heard, focus = opening.heard, recall.focus
    if heard and (named := _told(heard.named)):
        yield f"这句话里的名称：{named}"
    if opening.remark:
        yield _IN_PART
    if opening.absent:
        yield f"{opening.absent}别的查询代替不了它"
    if before := _told(focus.named):
        yield f"之前说到的（它、那台、这条）：{before}"
    kind, rows = focus.all_rows()
    if shown := [value for value in rows[:_MOST] if _NAME.fullmatch(value)]:
        places = "，".join(f"{i} {value}" for i, value in enumerate(shown, 1))
        yield f"上一次列出的{_KINDS.get(kind, '')}（第几条）：{places}"
    if focus.order:
        yield _waiting(person, focus.order, recall, changes=opening.warrant.changes)
    for tool in sorted(opening.warrant.tools & BY_NAME.keys() - set(allowed)):
        if not (person.may(BY_NAME[tool].role) or BY_NAME[tool].instead):
            yield refusal(BY_NAME[tool], person)
    if heard and heard.rights is not None:
        yield rights.tell(person, heard.rights)


def _waiting(person: Person, order: Intent, recall: Recall, *, changes: bool) -> str:
    """The order that waits, and how far it came."""
    told = "，".join(
        f"{name}={value}" for name, value in order.arguments.items() if name in _OWN_WORDS or _is_plain(value)
    )
    after = "代替所有还没有提交的选项" if changes else "和它并列，它仍然可以提交"
    if any(each.tool == order.tool for offer in recall.offers for each in offer.actions):
        state = "还没有提交的选项"
    elif any(one.tool == order.tool for one in pending.own(person, pending.waiting_for(person))):
        state = "已经提出申请、等人决定的"
    else:
        state = "之前要做、还没有列成选项的"
    return f"{state}：{order.tool}（{told}）；提问者要改或补充，就用改后的参数再调用一次；这句话新列的选项{after}"


def _is_plain(value: object) -> bool:
    """A name, or several numbers or names with commas between; a day and an hour."""
    return all(_NAME.fullmatch(one) for one in re.split("[, ]", str(value)))


def _told(named: Mapping[str, Sequence[str]]) -> str:
    kinds = {
        _KINDS.get(kind, kind): [value for value in values[:_MOST] if _NAME.fullmatch(value)]
        for kind, values in named.items()
    }
    return "；".join(f"{kind} {'、'.join(values)}" for kind, values in kinds.items() if values)
