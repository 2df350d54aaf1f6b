"""The offline mode as an LLM: the same loop, tools and approvals, but a grammar instead of a model."""

import json
import re
from dataclasses import replace
from datetime import datetime

from secops_agent.llm.types import Completion, Message, Offer, OnDelta, Request, ToolCall

from .commands import render_help
from .intents import Category, Intent, Understanding
from .lexicon import Lexicon
from .understanding import understand

NAME = "离线模式"
_REMEMBERED = 24  # messages that are read again
_ALERT_ROW = re.compile(
    r"^[\s|>*-]*(?:\d+[.、)]\s*)?(?:\*\*)?(?:#|告警\s*#?)?(?P<item>\d{1,9})(?:\*\*)?(?=[\s|:：*]|$)"
)
_CVE = re.compile(r"(?P<item>(?:CVE|CNVD)-\d{4}-\d{3,7})", re.IGNORECASE)
_NAME = re.compile(r"(?P<item>[\w.\u4e00-\u9fff-]+)")
NOTICE = "（离线模式：答案由规则和数据得出，没有使用大模型）"
_TALK: dict[Category, str] = {
    "greeting": "您好，我是毕方，安全运营助手。现在是离线模式，可以查告警、资产、漏洞和情报；发送「帮助」看全部命令。",
    "thanks": "不客气，随时找我。",
    "identity": "我是毕方，在钉钉里工作的安全运营助手。现在是离线模式：没有使用大模型，按固定的语法理解您的话，答案来自本单位的数据。",
    "farewell": "再见，有事随时 @ 我。",
    "acknowledgement": "好的。需要查什么直接说，或发送「帮助」看全部命令。",
    "status": "毕方在线，正在离线模式下工作：没有使用大模型，查询和审批照常可用。",
}


class Offline:
    """An LLM made of a grammar; built anew for each turn.

    ``now`` is an aware datetime; ``asker`` the staff id that 我 stands for.
    """

    name = NAME
    offline = True

    def __init__(self, lexicon: Lexicon, now: datetime, *, asker: str = "") -> None:
        self._lexicon = lexicon
        self._now = now
        self._asker = asker

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """One tool call for the user's last message, or the text of the tool's result; never raises."""
        results = _trailing_results(request.messages)
        if results:
            return _say("\n\n".join([*map(read_result, results), NOTICE]))
        return self._answer(request)

    def _answer(self, request: Request) -> Completion:
        understanding = self._understand(request.messages)
        intent = understanding.intent
        if intent and self._offered(intent.tool, request):
            return _call(intent, len(request.messages))
        if understanding.offer and self._offered(understanding.offer.tool, request):
            return _ask_back(understanding.offer)
        return _say(_speak(understanding))

    def _understand(self, messages: tuple[Message, ...]) -> Understanding:
        """Every earlier sentence of the conversation is read again, so that a follow-up finds what it is about."""
        last: Intent | None = None
        understanding = Understanding()
        for message in messages[-_REMEMBERED:]:
            if message.role == "user":
                understanding = understand(
                    message.content, self._lexicon, self._now, asker=self._asker, last=last
                )
                last = understanding.intent or last
            elif last and message.role in ("assistant", "tool") and message.content:
                last = replace(
                    last, items=find_items(read_result(message), last.tool, self._lexicon) or last.items
                )
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
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    return message.content


def find_items(text: str, tool: str, lexicon: Lexicon) -> tuple[str, ...]:
    """What an answer listed, in order, one a line: alert numbers, CVE ids or names of assets."""
    found: list[str] = []
    for line in text.splitlines():
        if tool == "list_alerts":
            match = _ALERT_ROW.match(line)
        elif tool == "list_vulnerabilities":
            match = _CVE.search(line)
        else:
            match = next((m for m in _NAME.finditer(line) if lexicon.asset(m.group("item"))), None)
        if match:
            found.append(match["item"])
    return tuple(dict.fromkeys(found))


def _trailing_results(messages: tuple[Message, ...]) -> list[Message]:
    """The tool results after the last thing that was not one."""
    results: list[Message] = []
    for message in reversed(messages):
        if message.role != "tool":
            break
        results.insert(0, message)
    return results


def _call(intent: Intent, turn: int) -> Completion:
    arguments = json.dumps(dict(intent.arguments), ensure_ascii=False)
    call = ToolCall(id=f"offline-{turn}", name=intent.tool, arguments=arguments)
    return Completion(Message("assistant", "", tool_calls=(call,)), "tool_calls", model=NAME)


def _say(text: str) -> Completion:
    return Completion(Message("assistant", text), "stop", model=NAME)


def _ask_back(offer: Offer) -> Completion:
    """The question, and the command that orders it on a line of its own."""
    text = f"{offer.question}还没有执行任何操作；是的话请发送：\n\n`{offer.command}`\n\n{NOTICE}"
    return Completion(Message("assistant", text), "stop", model=NAME, offer=offer)


def _speak(understanding: Understanding) -> str:
    if understanding.category == "help":
        return f"{render_help()}\n\n{NOTICE}"
    if understanding.category:
        return _TALK[understanding.category]
    if understanding.intent and understanding.intent.tool == "service_status":
        return _TALK["status"]
    if understanding.intent:
        return f"这句话我听懂了，但现在没有可用的工具来回答它（{understanding.intent.tool}）。{NOTICE}"
    if understanding.control:
        return "这句话需要一个待处理的确认或审批，现在没有找到。"
    lead = understanding.hint or "这句话在离线模式下没有听懂。"
    lines = "\n".join(f"- {sentence}" for sentence in understanding.suggestions)
    return f"{lead}您可以这样说：\n\n{lines}\n\n{NOTICE}"
