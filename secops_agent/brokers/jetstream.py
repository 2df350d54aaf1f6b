"""NATS JetStream: a durable pull consumer that many processes share."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import AuthorizationError, SecureConnRequiredError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StreamInfo
from nats.js.errors import NotFoundError, ServiceUnavailableError

from bifang.core.errors import BadCredentials, BifangError, ConfigError, RemoteError
from bifang.core.outbound.network import tls_context
from bifang.core.outbound.reach import reason_of
from bifang.core.secrets.redaction import redact
from secops_agent.brokers.base import ANSWER_S, CONNECT_S, HOLD_S, Backlog, addresses_of
from secops_agent.brokers.config import BrokerSettings
from secops_agent.services.intake.deliveries import LARGEST, Delivery

_DENIED: Final = ("authorization violation", "authentication", "permissions violation", "user authentication")
_QUIET: Final = (NatsTimeout, asyncio.TimeoutError)


class GuardedClient(Client):
    """The library leaves it to the server whether TLS is spoken: who was told to, says nothing in the clear."""

    def __init__(self, *, secure: bool) -> None:
        super().__init__()
        self._secure = secure

    def _connect_command(self) -> bytes:
        if self._secure and not self._server_info.get("tls_required"):
            raise SecureConnRequiredError
        return super()._connect_command()


class JetStream:
    """A `BrokerClient`. The library's own reconnecting is off: it would hide how we stand."""

    def __init__(self, settings: BrokerSettings, hold_s: float = HOLD_S) -> None:
        self._settings = settings
        self.hold_s = hold_s
        self._nats: Client | None = None
        self._stream = ""
        self._origin = ""
        self._taken: JetStreamContext.PullSubscription | None = None
        self._held: dict[str, Msg] = {}
        self._said = ""  # the last error that the server sent by itself

    async def open(self) -> None:
        """See `BrokerClient`."""
        failure: BifangError | None = None
        for address in await addresses_of(self._settings):
            try:
                async with self._explaining():
                    self._nats = await self._connect(address)
                return
            except (RemoteError, ConfigError) as error:
                failure = error
                if error.permanent:
                    break
        raise failure or RemoteError(f"{self._settings.host} 没有地址。", permanent=False)

    async def _connect(self, address: str) -> Client:
        settings, options = self._settings, dict[str, Any]()
        if settings.username:
            options |= {"user": settings.username, "password": settings.password}
        elif settings.password:
            options["token"] = settings.password
        if settings.secure:
            options |= {"tls": tls_context(settings.ca), "tls_hostname": settings.host}
        place = f"[{address}]" if ":" in address else address
        client = GuardedClient(secure=settings.secure)
        try:
            await client.connect(
                f"{settings.scheme}://{place}:{settings.port}", allow_reconnect=False, name="bifang", error_cb=self._listen,
                connect_timeout=int(CONNECT_S), max_reconnect_attempts=0, **options,
            )  # fmt: skip
        except BaseException:
            if client._transport is not None:  # the library leaves a refused connection open
                client._transport.close()  # type: ignore[no-untyped-call]
            raise
        return client

    async def _listen(self, error: Exception) -> None:
        self._said = str(error)

    @asynccontextmanager
    async def _explaining(self) -> AsyncIterator[None]:
        """Errors of the client in our own words."""
        try:
            yield
        except (TimeoutError, NatsError, OSError) as error:
            raise explained(self._settings, error, self._said) from None

    @property
    def _js(self) -> JetStreamContext:
        if self._nats is None or not self._nats.is_connected:
            raise explained(self._settings, ConnectionResetError(), self._said)
        return self._nats.jetstream(timeout=ANSWER_S)

    async def _find(self) -> StreamInfo:
        """The stream that has the subject."""
        async with self._explaining():
            try:
                self._stream = await self._js.find_stream_name_by_subject(self._settings.topic)
            except NotFoundError:
                raise RemoteError(
                    f"没有包含主题 {self._settings.topic} 的 JetStream 流：请在 NATS 上建立它，或核对主题；建立后自动继续。",
                    permanent=False,
                ) from None
            return await self._js.stream_info(self._stream)

    async def look(self) -> str:
        """See `BrokerClient`."""
        found = await self._find()
        return f"流 {self._stream} 里有 {found.state.messages} 条消息"

    async def join(self) -> None:
        """See `BrokerClient`."""
        found = await self._find()
        self._origin = f"{self._stream}@{found.created}"
        async with self._explaining():
            try:
                known = await self._js.consumer_info(self._stream, self._settings.group)
                self._refuse_other(known.config)
                self.hold_s = known.config.ack_wait or self.hold_s
            except NotFoundError:
                await self._js.add_consumer(self._stream, self._consumer_config())
            self._taken = await self._js.pull_subscribe_bind(
                self._settings.group, self._stream, pending_bytes_limit=-1
            )

    def _consumer_config(self) -> ConsumerConfig:
        return ConsumerConfig(
            durable_name=self._settings.group, ack_policy=AckPolicy.EXPLICIT, ack_wait=self.hold_s,
            filter_subject=self._settings.topic, max_deliver=-1,
        )  # fmt: skip

    def _refuse_other(self, known: ConsumerConfig) -> None:
        group = self._settings.group
        if known.deliver_subject or known.ack_policy != AckPolicy.EXPLICIT:
            raise ConfigError(f"消费者组 {group} 不是拉取、逐条确认的（pull、ack explicit）：请换一个名字。")
        if (known.max_deliver or -1) > 0:
            raise ConfigError(
                f"消费者组 {group} 限制了投递次数（max_deliver），会丢失消息：请改为不限，或换一个名字。"
            )
        if known.filter_subject not in (None, "", self._settings.topic):
            raise ConfigError(f"消费者组 {group} 取的是主题 {known.filter_subject}：请换一个名字。")

    async def fetch(self, most: int, wait_s: float) -> list[Delivery]:
        """See `BrokerClient`."""
        assert self._taken is not None
        self._check_connected()
        async with self._explaining():
            try:
                messages = await self._taken.fetch(most, timeout=wait_s)
            except _QUIET:
                self._check_connected()
                return []
        return [self._delivery(each) for each in messages]

    def _check_connected(self) -> None:
        _ = self._js

    def _delivery(self, message: Msg) -> Delivery:
        about = message.metadata
        position = str(about.sequence.stream)
        self._held[position] = message
        problem = ""
        if len(message.data) > LARGEST:
            problem = f"消息有 {len(message.data)} 字节，超过 {LARGEST >> 20} MiB 的上限：请拆分后重新发送。"
        again = (about.num_delivered or 1) > 1
        return Delivery(self._origin, position, about.timestamp, message.data, again, problem)

    async def confirm(self, deliveries: Sequence[Delivery]) -> None:
        """See `BrokerClient`."""
        async with self._explaining():
            for each in deliveries:
                await self._held[each.position].ack()
            await self._flush()
        for each in deliveries:
            del self._held[each.position]

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """See `BrokerClient`."""
        async with self._explaining():
            for message in [self._held[each.position] for each in deliveries if each.position in self._held]:
                await message.in_progress()

    async def put_back(self, delivery: Delivery, after_s: float) -> None:
        """See `BrokerClient`."""
        message = self._held.pop(delivery.position, None)
        if message is not None:
            async with self._explaining():
                await message.nak(delay=after_s or None)
                await self._flush()

    async def _flush(self) -> None:
        self._check_connected()
        assert self._nats is not None
        await self._nats.flush(timeout=int(ANSWER_S))

    async def backlog(self) -> Backlog:
        """See `BrokerClient`."""
        async with self._explaining():
            found = await self._js.consumer_info(self._stream, self._settings.group)
        return Backlog(found.num_pending, found.num_ack_pending or 0)

    async def close(self) -> None:
        """See `BrokerClient`."""
        client, self._nats, self._taken = self._nats, None, None
        self._held.clear()
        if client is not None:
            with suppress(NatsError, OSError, asyncio.TimeoutError):
                await asyncio.wait_for(client.close(), ANSWER_S)


def explained(settings: BrokerSettings, error: BaseException, said: str = "") -> RemoteError | ConfigError:
    """A failure of the client in our own words. ``said``: what the server said before."""
    told = redact(f"{error} {said}".strip())[:200]
    if isinstance(error, AuthorizationError) or any(word in told.lower() for word in _DENIED):
        return BadCredentials(
            f"NATS {settings.place} 拒绝了登录或操作（{told}）：请核对用户名、密码和它的权限，保存后重试。"
        )
    if isinstance(error, SecureConnRequiredError):
        return RemoteError(
            f"NATS {settings.place} 没有用 TLS 应答，没有把密码发给它：请核对地址，不加密的写 nats://。",
            permanent=False,
        )
    if isinstance(error, ServiceUnavailableError):
        return RemoteError(
            f"NATS {settings.place} 没有启用 JetStream，或正在恢复：请以 -js 启动。", permanent=False
        )
    reason = reason_of(error) if isinstance(error, OSError) else told or type(error).__name__
    return RemoteError(
        f"连不上 NATS {settings.place}（{reason}）：请确认服务在运行、防火墙放行；恢复后自动继续。",
        permanent=False,
    )
