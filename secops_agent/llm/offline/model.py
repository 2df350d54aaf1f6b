"""The offline mode as an LLM: the same loop, tools and approvals, but words and rules instead of a model."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import ClassVar

from secops_agent.llm.types import Completion, Message, Offer, OnDelta, Request, Terms, ToolCall

from .commands import render_help
from .intents import Intent, Understanding
from .lexicon import Lexicon
from .understanding import understand
from .words import load, pattern

NAME = "离线模式"
_DETAILS = ("get_alert", "get_asset")
NOTICE = "（离线模式：答案由规则和数据得出，没有使用大模型）"


@dataclass(frozen=True, slots=True)
class Offline:
    """Built anew for each turn. ``now`` is aware, ``asker`` the staff id that 我 means, ``last`` what was asked before,
    ``imports_page`` how the page of all imports is named."""

    lexicon: Lexicon
    now: datetime
    asker: str = ""
    last: Intent | None = None
    imports_page: str = "「导入任务」"
    name: ClassVar[str] = NAME
    offline: ClassVar[bool] = True
    terms: ClassVar[Terms] = Terms()

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """One tool call for the user's last message, or the text of the tool's result; never raises."""
        results = list(takewhile(lambda message: message.role == "tool", reversed(request.messages)))
        understanding = self._understand(request.messages)
        if results:
            return _say(_told([*map(read_result, reversed(results))], understanding, request.messages))
        return self._certain(understanding, request) or _say(
            self._speak(understanding), unclear=_is_unclear(understanding)
        )

    def opening(self, request: Request) -> Completion | None:
        """What no model is needed for: the tool to call, an order that is none or may be one, the help text."""
        understanding = self._understand(request.messages)
        if understanding.guessed:
            return None
        if understanding.category == "help" or understanding.hint:
            return _say(self._speak(understanding))
        return self._certain(understanding, request)

    def _certain(self, understanding: Understanding, request: Request) -> Completion | None:
        intent, offer = understanding.intent, understanding.offer
        if intent and self._offered(intent.tool, request):
            return replace(_call(intent, len(request.messages)), remark=_remark(understanding))
        if offer and self._offered(offer.tool, request):
            asked = f"{offer.question}还没有执行任何操作；是的话请发送：\n\n`{offer.command}`"
            return _say(asked, offer)
        return None

    def _understand(self, messages: tuple[Message, ...]) -> Understanding:
        said = next((message.content for message in reversed(messages) if message.role == "user"), "")
        return understand(said, self.lexicon, self.now, asker=self.asker, last=self.last)

    def _speak(self, understanding: Understanding) -> str:
        intent, category = understanding.intent, understanding.category
        if category == "help":
            return render_help()
        if category or (intent and intent.tool == "service_status"):
            answer = str(load("talk")["answers"][category or "status"])
            return answer.replace("{imports_page}", self.imports_page)
        if intent:
            return f"这句话我听懂了，但现在没有可用的工具来回答它（{intent.tool}）。"
        if understanding.control:
            return "现在没有等待您确认或审批的操作。发送「待审批」可以查看。"
        lead = understanding.hint or "这句话没有听懂。"
        lines = "\n".join(f"- {sentence}" for sentence in understanding.suggestions)
        return f"{lead}您可以这样说：\n\n{lines}"

    @staticmethod
    def _offered(name: str, request: Request) -> bool:
        return request.tool_choice == "auto" and any(tool.name == name for tool in request.tools)


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
    if len(results) == 1 and intent and intent.tool in _DETAILS and pattern("followups.who").search(said):
        results = [results[0].split("\n\n- ", 1)[0]]
    return "\n\n".join(filter(None, [_remark(understanding), *results]))


def _remark(understanding: Understanding) -> str:
    words = "、".join(f"「{one}」" for one in understanding.unused)
    return f"没有用到：{words}（这里不会按它筛选）。下面按其余条件查。" if words else ""


def _call(intent: Intent, turn: int) -> Completion:
    arguments = json.dumps(dict(intent.arguments), ensure_ascii=False)
    call = ToolCall(id=f"offline-{turn}", name=intent.tool, arguments=arguments)
    return Completion(Message("assistant", "", tool_calls=(call,)), "tool_calls", model=NAME)


def _say(text: str, offer: Offer | None = None, *, unclear: bool = False) -> Completion:
    return Completion(Message("assistant", text), "stop", model=NAME, offer=offer, unclear=unclear)


def _is_unclear(understanding: Understanding) -> bool:
    """Was nothing of it understood, so that there are only suggestions?"""
    return not (
        understanding.intent or understanding.category or understanding.control or understanding.offer
    )
