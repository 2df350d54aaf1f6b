"""Kafka: a consumer group whose offsets are committed when everything below them is dealt with.

What is given out stays in this process: Kafka knows no single confirmation, so that what has to wait is kept here, and the
offset does not pass it. After a crash or a rebalance what was not committed is given out once more, and known by its mark.
"""

import asyncio
import heapq
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bifang.core.errors import BadCredentials, ConfigError, RemoteError
from bifang.core.outbound.network import resolve
from bifang.core.secrets.redaction import redact
from secops_agent.brokers.base import ANSWER_S, CONNECT_S, HOLD_S, Backlog
from secops_agent.brokers.config import BrokerSettings, kafka_options
from secops_agent.services.intake.deliveries import LARGEST, Delivery

T = TypeVar("T")
_REFUSED: Final = frozenset(
    {
        KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.UNSUPPORTED_SASL_MECHANISM,
    }
)  # fmt: skip
# The group moved on: somebody else has these partitions now.
_MOVED: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._NO_OFFSET, KafkaError._STATE, KafkaError._ASSIGNMENT_LOST,
    }
)  # fmt: skip
CLOSE_S: Final = 5.0
_POLL_MS: Final = 900_000  # a document of 8 MiB may keep the database busy for minutes


class PartitionLedger:
    """What of a partition is given out and not dealt with; the next offset to commit."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._highest = -1

    def give(self, offset: int) -> None:
        """Given out."""
        self._open.add(offset)
        self._highest = max(self._highest, offset)

    def settle(self, offset: int) -> int:
        """Dealt with: what may be committed now."""
        self._open.discard(offset)
        return min(self._open, default=self._highest + 1)

    def __len__(self) -> int:
        return len(self._open)


class KafkaStream:
    """A `BrokerClient`. The library blocks: everything it does is done by one thread of its own."""

    def __init__(self, settings: BrokerSettings, hold_s: float = HOLD_S) -> None:
        self._settings, self.hold_s = settings, hold_s
        self._thread = ThreadPoolExecutor(1, f"kafka-{settings.id}")
        self._consumer: Consumer | None = None
        self._ledgers: dict[int, PartitionLedger] = {}
        self._waiting: list[tuple[float, str, Delivery]] = []
        self._error: KafkaError | None = None
        self._cluster = ""

    async def _do(self, work: Callable[[], T]) -> T:
        """Raises RemoteError, BadCredentials, ConfigError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except KafkaException as error:
            raise self._explained(self._error or error.args[0]) from None

    async def open(self) -> None:
        """See `BrokerClient`."""
        self._consumer = await self._do(lambda: Consumer(self._options()))
        await self._guard()

    def _options(self) -> dict[str, Any]:
        def note(error: KafkaError) -> None:
            if error.code() in _REFUSED or error.code() == KafkaError._ALL_BROKERS_DOWN:
                self._error = (
                    error if self._error is None or self._error.code() not in _REFUSED else self._error
                )

        def committed(error: KafkaError | None, places: Sequence[TopicPartition]) -> None:
            if error is not None and error.code() not in _MOVED:
                self._error = self._error or error

        settings = self._settings
        return {
            **kafka_options(settings), "group.id": settings.group, "client.id": "bifang", "error_cb": note, "on_commit": committed,
            "enable.auto.commit": False, "auto.offset.reset": "earliest", "allow.auto.create.topics": False,
            "max.poll.interval.ms": _POLL_MS, "session.timeout.ms": 30_000 if self.hold_s >= HOLD_S else 6_000,
            "socket.connection.setup.timeout.ms": int(CONNECT_S * 1000), "queued.max.messages.kbytes": 16_384,
            "fetch.message.max.bytes": LARGEST, "log_level": 2, "enable.partition.eof": False,
        }  # fmt: skip

    async def _guard(self) -> None:
        """The cluster names its own members, and the library connects to them: none may be where nobody may go."""
        consumer, topic = self._made, self._settings.topic
        found = await self._do(lambda: consumer.list_topics(topic, timeout=ANSWER_S))
        self._cluster = str(found.cluster_id or "")
        for member in found.brokers.values():
            try:
                await resolve(member.host, member.port)
            except OSError:
                told = f"Kafka 给出的地址 {member.host}:{member.port} 无法解析：请核对它的 advertised.listeners。"
                raise RemoteError(told, permanent=False) from None
        wrong = found.topics[topic].error if topic in found.topics else None
        if wrong is not None:
            raise self._explained(wrong)

    @property
    def _made(self) -> Consumer:
        assert self._consumer is not None
        return self._consumer

    async def look(self) -> str:
        """See `BrokerClient`."""
        consumer, topic = self._made, self._settings.topic

        def count() -> tuple[int, int]:
            known = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions
            places = [TopicPartition(topic, number) for number in known]
            spans = [consumer.get_watermark_offsets(place, timeout=ANSWER_S) for place in places]
            return len(places), sum(high - low for low, high in spans)

        partitions, messages = await self._do(count)
        return f"主题 {topic} 有 {partitions} 个分区，{messages} 条消息"

    async def join(self) -> None:
        """See `BrokerClient`."""
        consumer = self._made
        await self._do(
            lambda: consumer.subscribe([self._settings.topic], on_revoke=self._revoked, on_lost=self._revoked)
        )

    def _revoked(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Another one gets them, from the last commit on: here they are forgotten."""
        gone = {each.partition for each in partitions}
        self._ledgers = {number: one for number, one in self._ledgers.items() if number not in gone}
        self._waiting = [each for each in self._waiting if _place(each[2])[0] not in gone]
        heapq.heapify(self._waiting)

    async def fetch(self, most: int, wait_s: float) -> list[Delivery]:
        """See `BrokerClient`: first what has waited long enough."""
        due = list[Delivery]()
        while self._waiting and self._waiting[0][0] <= time.monotonic() and len(due) < most:
            due.append(heapq.heappop(self._waiting)[2])
        if due:
            return due
        consumer = self._made
        messages = await self._do(lambda: consumer.consume(most, wait_s))
        fresh = [self._delivery(one) for one in messages if not one.error()]
        failed = next((one.error() for one in messages if one.error()), None) or self._error
        if failed is not None and not fresh:
            raise self._explained(failed)
        return fresh

    def _delivery(self, message: Message) -> Delivery:
        partition, offset, data = message.partition() or 0, message.offset() or 0, message.value() or b""
        assert isinstance(data, bytes)
        self._ledgers.setdefault(partition, PartitionLedger()).give(offset)
        at = message.timestamp()[1]
        size = len(data)
        problem = (
            f"消息有 {size} 字节，超过 {LARGEST >> 20} MiB 的上限：请拆分后重新写入。"
            if size > LARGEST
            else ""
        )
        # With its time: a topic that was made anew begins at the same numbers.
        origin = f"kafka {self._cluster} {self._settings.topic}"
        return Delivery(
            origin,
            f"{partition}:{offset}:{at}",
            _moment(at),
            data if not problem else data[:LARGEST],
            False,
            problem,
        )

    async def confirm(self, deliveries: Sequence[Delivery]) -> None:
        """See `BrokerClient`."""
        reached: dict[int, int] = {}
        for each in deliveries:
            partition, offset = _place(each)
            if partition in self._ledgers:  # else somebody else has it now, and knows it by its mark
                reached[partition] = self._ledgers[partition].settle(offset)
        offsets = [TopicPartition(self._settings.topic, number, at) for number, at in reached.items()]
        if offsets:
            await self._do(lambda: self._commit(offsets))

    def _commit(self, offsets: list[TopicPartition]) -> None:
        """Sent, and not waited for: the library would wait for a server that is gone for as long as it is. What was not
        committed comes again, and is known by its mark; why it was not, the next `fetch` says.
        """
        try:
            self._made.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            if error.args[0].code() not in _MOVED:
                raise

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """See `BrokerClient`: as long as this process is in the group nobody else gets them."""

    async def put_back(self, delivery: Delivery, after_s: float) -> None:
        """See `BrokerClient`."""
        again = Delivery(
            delivery.origin,
            delivery.position,
            delivery.at,
            delivery.data,
            again=True,
            problem=delivery.problem,
        )
        heapq.heappush(self._waiting, (time.monotonic() + after_s, delivery.position, again))

    async def backlog(self) -> Backlog:
        """See `BrokerClient`: of the partitions of this process, which others do not have."""
        return Backlog(await self._do(self._lag), sum(map(len, self._ledgers.values())))

    def _lag(self) -> int | None:
        mine = self._made.assignment()
        if not mine:
            return None
        lag = 0
        for place in self._made.position(mine):
            low, high = self._made.get_watermark_offsets(place, timeout=ANSWER_S)
            lag += max(high - (place.offset if place.offset >= 0 else low), 0)
        return lag

    async def close(self) -> None:
        """See `BrokerClient`."""
        consumer, self._consumer = self._consumer, None
        self._thread.shutdown(wait=False)
        if (
            consumer is not None
        ):  # the library would wait for the answer of a server that is gone: not with us
            leaving = threading.Thread(target=consumer.close, name="kafka-close", daemon=True)
            leaving.start()
            await asyncio.to_thread(leaving.join, CLOSE_S)

    def _explained(self, error: KafkaError) -> RemoteError | ConfigError:
        """A failure of the library in our own words."""
        text, place = redact(error.str())[:200], self._settings.servers
        if error.code() in _REFUSED:
            return BadCredentials(
                f"Kafka {place} 拒绝了登录或操作（{text}）：请核对用户名、密码、SASL 机制和它对主题、消费者组的权限，保存后重试。"
            )
        if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
            return RemoteError(
                f"Kafka {place} 上没有主题 {self._settings.topic}：请先建立，或核对名称。", permanent=False
            )
        return RemoteError(
            f"连不上 Kafka {place}（{text}）：请确认服务在运行、防火墙放行、advertised.listeners 从这里能访问；恢复后自动继续。",
            permanent=False,
        )


def _place(delivery: Delivery) -> tuple[int, int]:
    partition, offset, _ = delivery.position.split(":")
    return int(partition), int(offset)


def _moment(at: int) -> datetime:
    """When it was written, as the message says; one without a time, or of a time to come, is written now."""
    now = datetime.now(UTC)
    return datetime.fromtimestamp(at / 1000, UTC) if 0 < at <= now.timestamp() * 1000 else now
