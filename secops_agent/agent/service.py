"""The one entry point of the agent: `Agent.answer`."""

import logging
from dataclasses import dataclass

from django.utils import timezone

from bifang.channels.ports import Reply, ReplySink, Turn, TurnResult
from bifang.core.config_cache import ConfigCache
from bifang.core.errors import BifangError
from secops_agent.agent import memory
from secops_agent.agent.models import Models
from secops_agent.agent.prompts import dialogue, system_message
from secops_agent.llm.types import LLM, Message, Request
from secops_agent.models.staff import Role
from secops_agent.services.staff import Person

log = logging.getLogger(__name__)
DEADLINE = 90.0  # seconds for the model, streaming included
LONGEST_QUESTION = 8000  # characters


@dataclass(frozen=True, slots=True)
class Asking:
    """A turn, with what the channel knows about the sender and the configuration wants for them."""

    turn: Turn
    corp_id: str
    staff_id: str
    nick: str
    is_group: bool
    default_role: str = "none"
    ai_config_id: int | None = None
    quoted: str = ""  # the message that was replied to
    cannot_read: str = ""  # why there is no text to answer: a picture, a video …


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said, by which model, and why not by the one configured."""

    text: str
    model: str
    fallback_reason: str = ""


class Agent:
    """Answers turns. One per event loop."""

    def __init__(self, configs: ConfigCache) -> None:
        self._models = Models(configs)

    async def answer(self, asking: Asking, sink: ReplySink) -> TurnResult:
        """Run the turn for this sender: role, memory of this conversation, model."""
        conversation = memory.conversation_key(asking.turn.config_id, asking.turn.conversation_id)
        known = await memory.known.call(
            memory.Question(asking.corp_id, asking.staff_id, asking.nick, asking.default_role, conversation)
        )
        if not known.person.may(Role.VIEWER):
            return _only(unknown_person(asking.staff_id, known.administrators))
        if asking.cannot_read:
            return _only(asking.cannot_read)
        text = asking.turn.text[:LONGEST_QUESTION]
        answer = await self._think(asking, known, text, sink)
        rows = memory.remember(conversation, known.person.name, text, answer.text)
        return TurnResult((Reply(answer.text, title=_title(answer.text)),), rows)

    async def _think(self, asking: Asking, known: memory.Known, text: str, sink: ReplySink) -> Answer:
        messages = [
            system_message(known.person, is_group=asking.is_group, now=timezone.localtime()),
            *dialogue(
                known.history, _with_quote(text, asking.quoted), known.person.name, is_group=asking.is_group
            ),
        ]
        offline = self._models.offline(asking.staff_id)
        try:
            model = await self._models.get(asking.ai_config_id, asker=asking.staff_id)
            spoken = await _complete(
                model, _plain(messages, known, text) if model.offline else messages, sink
            )
        except BifangError as error:
            log.warning(
                "模型没有回答，改用离线模式：%s", error.message, extra={"config": asking.turn.config_id}
            )
            spoken = await _complete(offline, _plain(messages, known, text), sink)
            return Answer(f"{spoken}\n\n> 模型暂时不可用：{error.message}", offline.name, error.message)
        return Answer(spoken, model.name)


def _with_quote(text: str, quoted: str) -> str:
    return f"{text}\n\n（被引用的消息，仅供参考：{quoted}）" if quoted else text


def _plain(messages: list[Message], known: memory.Known, text: str) -> list[Message]:
    """The grammar reads bare sentences, without the names of the speakers."""
    said = [Message("user" if one.role == "user" else "assistant", one.content) for one in known.history]
    return [messages[0], *said, Message("user", text)]


async def _complete(model: LLM, messages: list[Message], sink: ReplySink) -> str:
    parts: list[str] = []

    def show(delta: object) -> None:
        parts.append(getattr(delta, "content", ""))
        sink.stream("".join(parts))

    completion = await model.complete(Request(tuple(messages), timeout=DEADLINE), show)
    return completion.message.content.strip() or "模型没有给出内容，请换个说法再试一次。"


def _only(text: str) -> TurnResult:
    return TurnResult((Reply(text, title=_title(text)),))


def _title(text: str) -> str:
    """DingTalk shows it in the list of conversations and in notifications."""
    first = next((line.strip("#>*- ") for line in text.splitlines() if line.strip("#>*- ")), "毕方")
    return first[:40]


def unknown_person(staff_id: str, names: tuple[str, ...]) -> str:
    """All that someone without a role learns."""
    whom = f"管理员 {'、'.join(names)}" if names else "毕方的管理员"
    return f"您还没有使用毕方的权限。请把您的员工 ID `{staff_id}` 发给{whom}，请其在「人员」中为您开通。"


def describe(person: Person) -> str:
    """For `ask`: who is asking."""
    return f"{person.name}（{Role(person.role).label}）"
