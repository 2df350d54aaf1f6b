"""The offline mode as an LLM: the same loop, tools and approvals, but words and frames instead of a model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import takewhile
from typing import ClassVar

from secops_agent import says
from secops_agent.llm.types import Completion, Heard, Message, Offer, OnDelta, Request, Terms, ToolCall
from secops_agent.llm.understanding.focus import NOTHING, Focus
from secops_agent.llm.understanding.frames import ToolFrame
from secops_agent.llm.understanding.reading import understand

from .commands import render_help
from .intents import READ_TOOLS, Intent, Understanding
from .lexicon import Lexicon
from .words import load, pattern

NAME = "离线模式"
_FINAL = ("negation", "quotation", "condition", "overheard")
_HISTORY = "**处理记录**"
_DETAILS = ("get_alert", "get_asset")
_MORE = {"about", "software", "alert_ids"}  # more is asked than who has it
NOTICE = "（离线模式：答案由规则和数据得出，没有使用大模型）"


@dataclass(frozen=True, slots=True)
class Offline:
    """Built anew for each turn. ``now`` is aware, ``asker`` the staff id that 我 means, ``focus`` what was spoken of before,
    ``frames`` those of the tools, ``imports_page`` how the page of all imports is named."""

    lexicon: Lexicon
    now: datetime
    frames: Sequence[ToolFrame]
    asker: str = ""
    focus: Focus = NOTHING
    imports_page: str = "「导入任务」"
    _read: dict[str, Understanding] = field(default_factory=dict, init=False)
    name: ClassVar[str] = NAME
    offline: ClassVar[bool] = True
    terms: ClassVar[Terms] = Terms()

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """One tool call for the user's last message, or the text of the tool's result; never raises."""
        results = list(takewhile(lambda message: message.role == "tool", reversed(request.messages)))
        understanding = self._understand(request.messages)
        if results:
            told = _told([*map(read_result, reversed(results))], understanding, request.messages)
            return _say(told, _heard(understanding))
        return self._call(understanding, request) or _say(self._speak(understanding), _heard(understanding))

    def _call(self, understanding: Understanding, request: Request) -> Completion | None:
        intent = understanding.intent
        if intent is None or not self._has(intent.tool, request):
            return None
        return replace(
            _call((intent, *understanding.beside), len(request.messages)),
            remark=_remark(understanding),
            heard=_heard(understanding),
        )

    def _understand(self, messages: tuple[Message, ...]) -> Understanding:
        said = next((message.content for message in reversed(messages) if message.role == "user"), "")
        if said not in self._read:
            self._read[said] = understand(
                said, self.lexicon, self.now, self.frames, asker=self.asker, focus=self.focus
            )
        return self._read[said]

    def _speak(self, understanding: Understanding) -> str:
        intent, category = understanding.intent, understanding.category
        if category == "help":
            return render_help()
        if category in load("talk")["answers"] or (intent and intent.tool == "service_status"):
            answer = str(load("talk")["answers"][category or "status"])
            return answer.replace("{imports_page}", self.imports_page)
        if intent:
            return f"这句话我听懂了，但现在没有可用的工具来回答它（{intent.tool}）。"
        if understanding.control:
            return f"现在没有等待您确认或审批的操作。发送「{says.PENDING}」可以查看。"
        return understanding.question or understanding.hint or "这句话没有听懂。"

    @staticmethod
    def _has(name: str, request: Request) -> bool:
        return request.tool_choice == "auto" and any(tool.name == name for tool in request.tools)


def _heard(understanding: Understanding) -> Heard:
    asked = understanding.intent and understanding.intent.tool in READ_TOOLS
    nothing = not (
        understanding.intent
        or understanding.category
        or understanding.control
        or understanding.offers
        or understanding.question
    )
    return Heard(
        offers=tuple(map(_offer, understanding.offers)),
        taps=understanding.suggestions,
        asks=bool(understanding.question) or bool(asked and understanding.order),
        unclear=understanding.category == "chatter"
        or (nothing and (understanding.guessed or not understanding.hint)),
        rights=understanding.hint if understanding.category == "rights" else None,
        named=understanding.named,
        drops=understanding.drops,
        left=understanding.unused if understanding.offers else (),
        each=understanding.each,
        waits=tuple(map(_offer, understanding.waits)),
        sure=not understanding.guessed and not understanding.order,
        final=understanding.category == "help"
        or (understanding.drops and not understanding.offers)
        or (not understanding.intent and understanding.hint in _nothing()),
        order=_offer(understanding.order) if understanding.order else None,
    )


@cache
def _nothing() -> frozenset[str]:
    """Why nothing is started, whatever a model would say."""
    hints = load("talk")["hints"]
    return frozenset(hints[name] for name in _FINAL) | {hints["placeholder"]}


def _offer(intent: Intent) -> Offer:
    return Offer(intent.tool, dict(intent.arguments))


def read_result(message: Message) -> str:
    """The Chinese text of a tool's result; content that is not our JSON is returned as it is."""
    try:
        content = json.loads(message.content)
    except ValueError:
        return message.content
    text = content.get("text") if isinstance(content, dict) else None
    return text if isinstance(text, str) else message.content


def _told(results: list[str], understanding: Understanding, messages: tuple[Message, ...]) -> str:
    """The results; of who has one thing, the line that tells it; before them what was not understood."""
    said = next((message.content for message in reversed(messages) if message.role == "user"), "")
    intent = understanding.intent
    plain = intent and intent.tool in _DETAILS and intent.arguments.keys().isdisjoint(_MORE)
    if len(results) == 1 and plain and pattern("followups.who").search(said):
        head, _, rest = results[0].partition("\n\n- ")
        done = rest[rest.index(_HISTORY) :] if _HISTORY in rest else "没有处理记录。"
        results = [f"{head}\n\n{done}" if pattern("followups.did").search(said) else head]
    return "\n\n".join(filter(None, [_remark(understanding), *results]))


def _remark(understanding: Understanding) -> str:
    words = "、".join(f"「{one}」" for one in understanding.unused)
    talk = load("talk")
    card = talk["cards"].get(understanding.intent.tool if understanding.intent else "", "")
    told = str(talk["hints"]["not_on_card" if card else "not_narrowed"])
    unused = told.format(words=words, card=card) if words else ""
    hint = understanding.hint if understanding.intent else ""
    return "\n\n".join(filter(None, [hint, unused]))


def _call(intents: Sequence[Intent], turn: int) -> Completion:
    calls = tuple(
        ToolCall(
            f"offline-{turn}-{i}" if i else f"offline-{turn}",
            one.tool,
            json.dumps(dict(one.arguments), ensure_ascii=False),
        )
        for i, one in enumerate(intents)
    )
    return Completion(Message("assistant", "", tool_calls=calls), "tool_calls", model=NAME)


def _say(text: str, heard: Heard) -> Completion:
    return Completion(Message("assistant", text), "stop", model=NAME, heard=heard)
