"""The offline mode as an LLM: the same loop, tools and approvals, but words and rules instead of a model."""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import ClassVar

from secops_agent.llm.types import Completion, Message, Offer, OnDelta, Request, Terms, ToolCall

from .commands import render_help
from .intents import Intent, Understanding
from .lexicon import Lexicon
from .understanding import understand
from .words import load

NAME = "离线模式"
_REMEMBERED = 24  # messages that are read again
_ALERT_ROW = re.compile(
    r"^[\s|>*-]*(?:\d+[.、)]\s*)?(?:\*\*)?(?:#|告警\s*#?)?(?P<item>\d{1,9})(?:\*\*)?(?=[\s|:：*]|$)"
)
_CVE = re.compile(r"(?P<item>(?:CVE|CNVD)-\d{4}-\d{3,7})", re.IGNORECASE)
_NAME = re.compile(r"[\w.-]+")
NOTICE = "（离线模式：答案由规则和数据得出，没有使用大模型）"


@dataclass(frozen=True, slots=True)
class Offline:
    """Built anew for each turn. ``now`` is an aware datetime; ``asker`` the staff id that 我 stands for."""

    lexicon: Lexicon
    now: datetime
    asker: str = ""
    name: ClassVar[str] = NAME
    offline: ClassVar[bool] = True
    terms: ClassVar[Terms] = Terms()

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """One tool call for the user's last message, or the text of the tool's result; never raises."""
        results = list(takewhile(lambda message: message.role == "tool", reversed(request.messages)))
        if results:
            return _say("\n\n".join([*map(read_result, reversed(results)), NOTICE]))
        understanding = self._understand(request.messages)
        return self._certain(understanding, request) or _say(_speak(understanding))

    def opening(self, request: Request) -> Completion | None:
        """What no model is needed for: the tool to call, an order that is none or may be one, the help text."""
        understanding = self._understand(request.messages)
        if understanding.guessed:
            return None
        if understanding.category == "help" or understanding.hint:
            return _say(_speak(understanding))
        return self._certain(understanding, request)

    def _certain(self, understanding: Understanding, request: Request) -> Completion | None:
        intent, offer = understanding.intent, understanding.offer
        if intent and self._offered(intent.tool, request):
            return _call(intent, len(request.messages))
        if offer and self._offered(offer.tool, request):
            asked = f"{offer.question}还没有执行任何操作；是的话请发送：\n\n`{offer.command}`\n\n{NOTICE}"
            return _say(asked, offer)
        return None

    def _understand(self, messages: tuple[Message, ...]) -> Understanding:
        """Every earlier sentence of the conversation is read again, so that a follow-up finds what it is about."""
        last: Intent | None = None
        understanding = Understanding()
        for message in messages[-_REMEMBERED:]:
            if message.role == "user":
                said = message.content
                understanding = understand(said, self.lexicon, self.now, asker=self.asker, last=last)
                last = understanding.intent or last
            elif last and message.role in ("assistant", "tool") and message.content:
                items = find_items(read_result(message), last.tool, self.lexicon)
                last = replace(last, items=items or last.items)
        return understanding

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


def find_items(text: str, tool: str, lexicon: Lexicon) -> tuple[str, ...]:
    """What an answer listed, in order, one a line: alert numbers, CVE ids or names of assets."""
    found = (_find_item(line, tool, lexicon) for line in text.splitlines())
    return tuple(dict.fromkeys(item for item in found if item))


def _find_item(line: str, tool: str, lexicon: Lexicon) -> str:
    if tool in ("list_alerts", "list_vulnerabilities"):
        match = _ALERT_ROW.match(line) if tool == "list_alerts" else _CVE.search(line)
        return match["item"] if match else ""
    return next((word for word in _NAME.findall(line) if lexicon.asset(word)), "")


def _call(intent: Intent, turn: int) -> Completion:
    arguments = json.dumps(dict(intent.arguments), ensure_ascii=False)
    call = ToolCall(id=f"offline-{turn}", name=intent.tool, arguments=arguments)
    return Completion(Message("assistant", "", tool_calls=(call,)), "tool_calls", model=NAME)


def _say(text: str, offer: Offer | None = None) -> Completion:
    return Completion(Message("assistant", text), "stop", model=NAME, offer=offer)


def _speak(understanding: Understanding) -> str:
    intent, category = understanding.intent, understanding.category
    if category == "help":
        return f"{render_help()}\n\n{NOTICE}"
    if category or (intent and intent.tool == "service_status"):
        return str(load("talk")["answers"][category or "status"])
    if intent:
        return f"这句话我听懂了，但现在没有可用的工具来回答它（{intent.tool}）。{NOTICE}"
    if understanding.control:
        return "这句话需要一个待处理的确认或审批，现在没有找到。"
    lead = understanding.hint or "这句话在离线模式下没有听懂。"
    lines = "\n".join(f"- {sentence}" for sentence in understanding.suggestions)
    return f"{lead}您可以这样说：\n\n{lines}\n\n{NOTICE}"
