"""Redis Streams: a consumer group, its pending list, and what a dead consumer left in there."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from bifang.core.errors import BadCredentials, BifangError, ConfigError, RemoteError
from bifang.core.outbound.network import tls_context
from bifang.core.outbound.reach import reason_of
from bifang.core.secrets.redaction import redact
from secops_agent.brokers.base import ANSWER_S, CONNECT_S, HOLD_S, Backlog, addresses_of
from secops_agent.brokers.config import BrokerSettings
from secops_agent.services.intake.deliveries import LARGEST, Delivery

FIELD: Final = b"data"
_FORGOTTEN_MS: Final = 24 * 3600 * 1000
_REFUSED = (AuthenticationError, AuthorizationError, NoPermissionError)


class GuardedConnection(Connection):
    """Connects to an address that was looked at, and asks for a certificate of the name."""

    def __init__(self, *, tls: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {"host": self.host, "port": self.port, **self._tls}


class RedisStream:
    """A `BrokerClient`. ``consumer``: this process's name in the group."""

    def __init__(self, settings: BrokerSettings, consumer: str, hold_s: float = HOLD_S) -> None:
        self._settings = settings
        self._consumer = consumer
        self.hold_s = hold_s
        self._redis: Redis | None = None
        self._cursor = "0-0"

    @property
    def _hold_ms(self) -> int:
        return int(self.hold_s * 1000)

    async def open(self) -> None:
        """See `BrokerClient`."""
        failure: BifangError | None = None
        for address in await addresses_of(self._settings):
            self._redis = self._client(address)
            try:
                await self._ask("PING")
                return
            except RemoteError as error:
                failure = error
                await self.close()
                if error.permanent:
                    break
        raise failure or RemoteError(f"{self._settings.host} 没有地址。", permanent=False)

    def _client(self, address: str) -> Redis:
        settings = self._settings
        tls = {"ssl": tls_context(settings.ca), "server_hostname": settings.host} if settings.secure else {}
        pool = ConnectionPool(
            connection_class=GuardedConnection, tls=tls, host=address, port=settings.port, db=settings.database,
            username=settings.username or None, password=settings.password or None,
            socket_connect_timeout=CONNECT_S, socket_timeout=ANSWER_S + 5, retry=Retry(NoBackoff(), 0),
            client_name="bifang",
        )  # fmt: skip
        return Redis.from_pool(pool)

    async def _ask(self, *command: Any, **options: Any) -> Any:
        """Raises RemoteError, BadCredentials, ConfigError."""
        assert self._redis is not None
        try:
            return await self._redis.execute_command(*command, **options)  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            raise explained(self._settings, error) from None

    async def look(self) -> str:
        """See `BrokerClient`."""
        found = (await self._ask("TYPE", self._settings.topic)).decode()
        if found == "none":
            return f"还没有名为 {self._settings.topic} 的 Stream；第一条消息写入后就有"
        self._refuse_other(found)
        return f"Stream {self._settings.topic} 里有 {await self._ask('XLEN', self._settings.topic)} 条消息"

    def _refuse_other(self, found: str) -> None:
        if found not in ("none", "stream"):
            raise ConfigError(f"键 {self._settings.topic} 不是 Stream，是 {found}：请核对主题。")

    async def join(self) -> None:
        """See `BrokerClient`."""
        self._refuse_other((await self._ask("TYPE", self._settings.topic)).decode())
        try:
            await self._ask("XGROUP CREATE", self._settings.topic, self._settings.group, "0", "MKSTREAM")
        except RemoteError as error:
            if error.code != "BUSYGROUP":
                raise
        await self._forget_dead()

    async def _forget_dead(self) -> None:
        """Names of processes that have been gone for a day and hold nothing."""
        for row in await self._ask("XINFO CONSUMERS", self._settings.topic, self._settings.group):
            if not row["pending"] and row["idle"] > _FORGOTTEN_MS:
                await self._leave(row["name"])

    async def fetch(self, most: int, wait_s: float) -> list[Delivery]:
        """See `BrokerClient`: first what others left, then what is new."""
        left = await self._claim(most)
        if left:
            return left
        answer = await self._ask(
            "XREADGROUP", "GROUP", self._settings.group, self._consumer, "COUNT", most,
            "BLOCK", int(wait_s * 1000), "STREAMS", self._settings.topic, ">",
        )  # fmt: skip
        return [self._delivery(*entry, again=False) for _, entries in answer or () for entry in entries]

    async def _claim(self, most: int) -> list[Delivery]:
        settings = self._settings
        answer = await self._ask(
            "XAUTOCLAIM", settings.topic, settings.group, self._consumer, self._hold_ms, self._cursor, "COUNT", most
        )  # fmt: skip
        self._cursor = answer[0]
        # What was trimmed away before anybody took it is gone: an older Redis tells it by an entry without fields.
        entries = [(entry, fields) for entry, fields in answer[1] if fields is not None]
        return [self._delivery(entry, fields, again=True) for entry, fields in entries]

    def _delivery(self, entry: bytes, fields: Mapping[bytes, bytes], *, again: bool) -> Delivery:
        data = next(iter(fields.values())) if len(fields) == 1 else fields.get(FIELD)
        problem = ""
        if data is None:
            problem = f"消息有 {len(fields)} 个字段，没有名为 data 的：请把告警写在 data 字段里。"
        elif len(data) > LARGEST:
            problem = f"消息有 {len(data)} 字节，超过 {LARGEST >> 20} MiB 的上限：请拆分后重新写入。"
        origin = f"{self._settings.url} {self._settings.topic}"
        return Delivery(origin, entry.decode(), _moment(entry.decode()), data or b"", again, problem)

    async def confirm(self, deliveries: Sequence[Delivery]) -> None:
        """See `BrokerClient`."""
        ids = [each.position for each in deliveries]
        await self._ask("XACK", self._settings.topic, self._settings.group, *ids)

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """See `BrokerClient`."""
        await self._set_idle([each.position for each in deliveries], 0)

    async def put_back(self, delivery: Delivery, after_s: float) -> None:
        """See `BrokerClient`."""
        await self._set_idle([delivery.position], max(self._hold_ms - int(after_s * 1000), 0))

    async def _set_idle(self, ids: Sequence[str], idle_ms: int) -> None:
        settings = self._settings
        await self._ask(
            "XCLAIM", settings.topic, settings.group, self._consumer, 0, *ids, "IDLE", idle_ms, "JUSTID", parse_justid=True
        )  # fmt: skip

    async def backlog(self) -> Backlog:
        """See `BrokerClient`."""
        for row in await self._ask("XINFO GROUPS", self._settings.topic):
            if row["name"] == self._settings.group.encode():
                return Backlog(row.get("lag"), int(row["pending"]))
        return Backlog(None, 0)

    async def close(self) -> None:
        """See `BrokerClient`. A name that holds nothing is taken out of the group."""
        redis, mine = self._redis, 0
        if redis is None:
            return
        with suppress(BifangError, TypeError, KeyError):
            rows = await self._ask("XINFO CONSUMERS", self._settings.topic, self._settings.group)
            mine = sum(row["pending"] for row in rows if row["name"] == self._consumer.encode())
            if not mine:
                await self._leave(self._consumer)
        with suppress(RedisError, OSError):
            await redis.aclose()
        self._redis = None

    async def _leave(self, name: Any) -> None:
        await self._ask("XGROUP DELCONSUMER", self._settings.topic, self._settings.group, name)


def _moment(entry: str) -> datetime:
    """When it came, as its number says; microseconds tell apart what came within a millisecond.

    A number that the sender made up may be no time, or one that is still to come.
    """
    milliseconds, _, number = entry.partition("-")
    now = datetime.now(UTC)
    if int(milliseconds) > now.timestamp() * 1000:
        return now
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) + timedelta(
        microseconds=min(int(number), 999)
    )


def explained(settings: BrokerSettings, error: Exception) -> RemoteError | ConfigError:
    """A failure of the client in our own words."""
    text = redact(str(error))[:200]
    if isinstance(error, _REFUSED):
        return BadCredentials(
            f"Redis {settings.place} 拒绝了登录或操作（{text}）：请核对用户名、密码和它的权限，保存后重试。"
        )
    if isinstance(error, ResponseError):
        code = text.partition(" ")[0]
        return RemoteError(f"Redis {settings.place} 报错（{text}）。", permanent=False, code=code)
    cause = error.__cause__ or error.__context__
    reason = reason_of(cause) if isinstance(cause, OSError) else text or reason_of(error)
    return RemoteError(
        f"连不上 Redis {settings.place}（{reason}）：请确认服务在运行、防火墙放行；恢复后自动继续。",
        permanent=False,
    )
