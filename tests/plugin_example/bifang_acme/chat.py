"""Channel acme_chat: JSON over a WebSocket of Acme's chat server; answers go out by POST."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bifang.channels.added import AddedChannel
from bifang.channels.ports import (
    Delivered,
    Handler,
    Incoming,
    Part,
    Reply,
    ReplySink,
    ReplyTarget,
    Turn,
    TurnResult,
)
from bifang.channels.queues import inbox
from bifang.channels.queues.storable import unstorable
from bifang.channels.streams.client import LongConnection
from bifang.channels.streams.connection import Connection
from bifang.channels.streams.settings import LinkSettings
from bifang.channels.streams.sockets import open_socket
from bifang.channels.streams.state import Observe
from bifang.channels.text.splitting import split_markdown
from bifang.channels.workers.client_threads import Trade
from bifang.channels.workers.connection_health import WorkerService
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.configuration.fields import AddressField, FlagField, SecretField, TextField
from bifang.core.configuration.kinds import Kind
from bifang.core.errors import RemoteError
from bifang.core.extensions import Extension
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from bifang.core.outbound.rules import address_rules
from secops_agent import chat_config
from secops_agent.agent.acting.orders import is_urgent
from secops_agent.agent.background.jobs import own_jobs
from secops_agent.agent.service import Agent, Talk
from secops_agent.models import Role
from secops_agent.services.people.staff import Person
from secops_agent.web_chat.channel import WithWeb, sink_of

SERVICE = WorkerService(
    kind="acme_chat", title="Acme Chat", label="Acme Chat 服务", program="start_channel acme_chat", check="healthcheck",
    switch="use_line", switch_label="保持连接", unconnected="没有保持连接，收不到消息", credentials="账号和密钥", prefix="acme_chat_",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AcmeSettings(chat_config.ChatSettings):
    """One configured account."""

    company: str = ""
    endpoint: str = ""
    use_line: bool = True


class AcmeChatKind(Kind):
    """What people fill in; ``corporation`` names the field that says whose people the robot talks with."""

    name = "acme_chat"
    label = "Acme Chat"
    corporation = "company"
    icon, place, section = "forum", 13, "聊天"

    client_id = TextField("账号", required=True, account=True)
    client_secret = SecretField("密钥", required=True)
    company = TextField("企业", required=True)
    endpoint = AddressField("服务器地址", required=True)
    use_line = FlagField("保持连接", initial=True)
    notifications_enabled = chat_config.notifications_field("Acme Chat")
    default_role = chat_config.DEFAULT_ROLE
    ai_config = chat_config.AI_CONFIG
    ai_fallback = chat_config.AI_FALLBACK
    model_offers = chat_config.MODEL_OFFERS

    @classmethod
    def vouches(cls, values: Mapping[str, Any]) -> str:
        """Whose people count is said here."""
        return chat_config.believed(values, cls.corporation)

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> AcmeSettings:
        """As code works with it."""
        return AcmeSettings(**chat_config.common_values(config, values))


def read_message(raw: bytes, config_id: int) -> Incoming:
    """The stored form of a frame; what nothing can be made of is kept as a dead letter."""
    try:
        given = json.loads(raw.decode())
        text, chat, sender, ident = (str(given[name]) for name in ("text", "chat", "from", "id"))
        item = Incoming(
            config_id, "chat", ident, chat, sender, text, {"staff_id": sender, "corp_id": str(given["company"])},
            ReplyTarget(chat, bool(given.get("group")), sender), urgent=is_urgent(text),
        )  # fmt: skip
        why = unstorable(item, raw.decode()) or ("" if ident else "消息没有标识。")
    except (ValueError, RecursionError, KeyError, TypeError):
        item, why = None, "不是 Acme Chat 的消息。"
    if item is None or why:
        ident = hashlib.sha256(raw).hexdigest()[:40]
        return Incoming(config_id, "event", f"raw-{ident}", unreadable=raw or b"-", reason=why)
    return item


class AcmeLine(LongConnection):
    """One account's WebSocket; a frame is acknowledged when it is on the disk."""

    peer: ClassVar[str] = "Acme Chat"

    def __init__(
        self, settings: LinkSettings, receive: Callable[[bytes], Awaitable[str]], observe: Observe
    ) -> None:
        super().__init__(settings, observe, label="acme_chat")
        self._receive = receive

    async def _dial(self) -> Connection:
        socket = await open_socket(self._settings.endpoint, self._settings)
        return Connection(socket, self._settings, lambda: self._intake.blocked, self._board.saw_answer)

    async def _route(self, connection: Connection, raw: str | bytes) -> None:
        self._board.saw_frame()
        self._board.messages_received += 1
        data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
        await connection.send(json.dumps({"ack": await self._receive(data)}))


def link_settings(settings: AcmeSettings) -> LinkSettings | None:
    """What the connection needs of a configuration; None if it wants none."""
    if not settings.use_line:
        return None
    address = f"{settings.endpoint.replace('http', 'ws', 1)}/line?account={settings.client_id}"
    return LinkSettings(name=settings.name, endpoint=address, rules=address_rules())


def connect(config_id: int, settings: LinkSettings, stored: Callable[[], None], observe: Observe) -> AcmeLine:
    """The connection of one configuration."""

    async def receive(raw: bytes) -> str:
        item = read_message(raw, config_id)
        await inbox.receive(item)
        stored()
        return item.external_id

    return AcmeLine(settings, receive, observe)


class AcmeChat:
    """The `Channel`: what goes out."""

    name = "acme_chat"

    def __init__(self, configs: ConfigCache, http: HttpClient) -> None:
        self._configs, self._http = configs, http

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """What one message can carry."""
        return split_markdown(reply)

    async def deliver(self, part: Part) -> Delivered:
        """The same part has the same key each time: Acme shows it once."""
        settings: AcmeSettings = await self._configs.get(part.config_id)
        body = {"chat": part.target.conversation_id, "text": part.text, "key": part.key}
        headers = {"Authorization": f"Bearer {settings.client_secret}"}
        answer = await self._http.request("POST", f"{settings.endpoint}/messages", json=body, headers=headers)
        if answer.status != 200:
            raise RemoteError(f"Acme Chat 返回 {answer.status}。", permanent=answer.status < 500)
        return Delivered("group" if part.target.is_group else "private")

    def share(self, processes: int) -> None:
        """Acme has no limits."""


class AcmeTurns:
    """Has messages answered by the agent, for people of the configured company only."""

    def __init__(self, configs: ConfigCache, agent: Agent) -> None:
        self._configs, self._agent = configs, agent

    async def handle(self, turn: Turn, sink: ReplySink) -> TurnResult:
        """The agent's answer; nothing for an outsider."""
        settings: AcmeSettings = await self._configs.get(turn.config_id)
        sender, company = turn.payload.get("staff_id", ""), turn.payload.get("corp_id", "")
        if not sender or company != settings.company:
            return TurnResult(note="外部人员，已忽略")
        talk = Talk(
            Person(company, sender, sender, Role.NONE), turn.text, is_group=bool(turn.target and turn.target.is_group),
            default_role=settings.default_role, ai_configs=settings.ai_configs, model_offers=settings.model_offers,
        )  # fmt: skip
        return await self._agent.answer(turn, talk, sink)


async def ignore(turn: Turn, sink: ReplySink) -> TurnResult:
    """Acme has no events and no cards."""
    return TurnResult(note="不是消息，已忽略")


def build_loop(owner: Owner) -> WorkerLoop:
    """The turn loop of a worker."""
    configs, http = ConfigCache(), HttpClient()
    agent = Agent(configs)

    async def close() -> None:
        await agent.close()
        await http.close()

    handlers: dict[str, Handler] = {"chat": AcmeTurns(configs, agent).handle, "event": ignore, "card": ignore}
    return WorkerLoop(
        owner,
        handlers,
        WithWeb(AcmeChat(configs, http)),
        sink=sink_of,
        jobs=own_jobs(agent, owner, configs),
        on_close=close,
    )


EXTENSION = Extension(
    AcmeChatKind.name, AcmeChatKind.label,
    AddedChannel(SERVICE, lambda: Trade(SERVICE, link_settings, connect), build_loop),
    versions=">=0.1,<0.2", settings=AcmeChatKind,
)  # fmt: skip
