"""What becomes of a message, with real brokers."""

import asyncio
import json
import time
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.monitoring.failures import DiskAlmostFull
from secops_agent.brokers import dead_letters, storing
from secops_agent.brokers.config import BrokerSettings
from secops_agent.brokers.kafka import CLOSE_S, KafkaStream
from secops_agent.models import Alert, BrokerLetter, BrokerMark, ConsumerStatus, LetterState
from secops_agent.services.actors import Actor
from secops_agent.services.intake import deliveries, ingest
from secops_agent.services.intake.deliveries import KEPT, TRIES, Delivery
from secops_agent.services.records import AlertRecord
from tests.deadline import wait_until
from tests.secops.brokers.conftest import Consuming, configure
from tests.secops.brokers.servers import BrokerServer, alert

REDIS = pytest.param("redis", marks=pytest.mark.outside("redis-server"))
KAFKA = pytest.param("kafka", marks=pytest.mark.slow)  # a group takes its time
NATS = pytest.param("nats", marks=pytest.mark.outside("nats-server"))
either = pytest.mark.parametrize("server", [REDIS, NATS], indirect=True)
each = pytest.mark.parametrize("server", [REDIS, NATS, KAFKA], indirect=True)
kafka = pytest.mark.parametrize("server", [KAFKA], indirect=True)
TESTER = Actor.system("test")


def _confirmed(server: BrokerServer) -> None:
    wait_until(lambda: server.waiting() == 0, within=20, every=0.1, what="everything is confirmed")


def _counts() -> dict[str, int]:
    return dict(Alert.objects.values_list("title", "count"))


@each
@pytest.mark.both_databases
def test_messages_become_alerts_of_their_stream_and_are_confirmed(
    server: BrokerServer, consuming: Consuming
) -> None:
    server.publish([alert(f"告警 {n}") for n in range(150)])
    with consuming(configure(server)) as consumer:
        wait_until(lambda: Alert.objects.count() == 150, within=30)
        _confirmed(server)
        server.publish([alert("告警 7"), alert("晚来的")])
        wait_until(lambda: _counts().get("晚来的") == 1 and _counts()["告警 7"] == 2, within=10)
        wait_until(lambda: consumer.state.lag == 0, within=15)
    assert consumer.state.taken == 152
    assert set(Alert.objects.values_list("source", flat=True)) == {"stream:总线"}
    assert set(_counts().values()) == {1, 2}


@each
def test_what_is_delivered_twice_changes_nothing(server: BrokerServer, consuming: Consuming) -> None:
    config = configure(server)
    same = alert("没有时间也没有编号的告警")
    server.publish([same, same, alert("有编号", event_id="e1")])
    with consuming(config):
        wait_until(lambda: BrokerMark.objects.count() == 3, within=20)
        _confirmed(server)
    assert _counts() == {"没有时间也没有编号的告警": 2, "有编号": 1}
    server.forget_group()
    with consuming(config) as again:
        wait_until(lambda: again.state.taken == 3, within=20)
        _confirmed(server)
    assert _counts() == {"没有时间也没有编号的告警": 2, "有编号": 1}
    assert BrokerMark.objects.count() == 3


@each
def test_poison_is_buried_after_five_tries_and_the_rest_goes_on(
    server: BrokerServer, consuming: Consuming, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = ingest.write_alerts, 0

    def write(session: Any, records: Any) -> None:
        nonlocal tries
        if any(record.title == "毒" for record in records):
            tries += len(records) == 1
            raise RuntimeError("a defect that only this message meets")
        real(session, records)

    monkeypatch.setattr(ingest, "write_alerts", write)
    monkeypatch.setattr("secops_agent.brokers.storing._later", _at_once)
    server.publish([alert("前"), alert("毒"), alert("后")])
    with consuming(configure(server)):
        wait_until(lambda: _counts() == {"前": 1, "后": 1}, within=20)
        wait_until(lambda: BrokerLetter.objects.filter(state=LetterState.DEAD).exists(), within=40)
        _confirmed(server)
    letter = BrokerLetter.objects.get()
    assert letter.tries == 5 == tries
    assert "RuntimeError" in letter.error
    monkeypatch.setattr(ingest, "write_alerts", real)
    assert dead_letters.try_again([letter.pk], TESTER) == 1
    assert _counts() == {"前": 1, "后": 1, "毒": 1}
    assert not BrokerLetter.objects.exists()


def test_a_full_disk_buries_nothing(allowed: None, database: Any, settings: Any) -> None:
    stream = _a_stream()
    message = Delivery("s", "1", timezone.now(), alert("一直在等"), again=True)
    least, settings.DISK_MIN_MB = settings.DISK_MIN_MB, 1 << 40
    for _ in range(TRIES + 2):
        with pytest.raises(DiskAlmostFull):
            storing.store_alone(stream, message)
    settings.DISK_MIN_MB = least
    assert storing.store_alone(stream, message) is None
    assert _counts() == {"一直在等": 1}
    assert not BrokerLetter.objects.exists()


def test_a_database_that_fails_buries_nothing(
    allowed: None, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = _a_stream()
    message = Delivery("s", "1", timezone.now(), alert("一直在等"), again=True)
    real = ingest.write_alerts, deliveries.take_back_try
    monkeypatch.setattr(ingest, "write_alerts", _is_gone)
    for number in range(TRIES + 3):
        away = number in (0, TRIES)  # nothing can be written down either
        monkeypatch.setattr(deliveries, "take_back_try", _is_gone if away else real[1])
        with pytest.raises(OperationalError):
            storing.store_alone(stream, message)
        assert BrokerLetter.objects.get().tries == away
    monkeypatch.setattr(ingest, "write_alerts", real[0])
    assert storing.store_alone(stream, message) is None
    assert _counts() == {"一直在等": 1}
    assert not BrokerLetter.objects.exists()


def _is_gone(*_: Any) -> None:
    raise OperationalError("server closed the connection unexpectedly")


def _a_stream() -> BrokerSettings:
    values = {"url": "redis://127.0.0.1:6379/2", "topic": "t", "format": "generic"}
    return configs.load(configs.save("stream", "总线", True, values)[0])


def _at_once(settings: Any, message: Any, tries: int, reason: str) -> float:
    deliveries.note_failure(settings.id, message, reason)
    return 0.1


@either
def test_what_cannot_be_read_is_left_to_people(server: BrokerServer, consuming: Consuming) -> None:
    mixed = {"alerts": [{"title": "好的", "severity": "low"}, {"severity": "low"}]}
    bad = [
        b"not json",
        b"",
        b"\x00\xff\x00",
        b"{" * 5000,
        json.dumps(mixed).encode(),
        b"x" * (8 << 20) + b"y",
    ]
    config = configure(server)
    server.publish([*bad, alert("好的告警")])
    with consuming(config):
        wait_until(lambda: BrokerLetter.objects.filter(state=LetterState.DEAD).count() == 6, within=40)
        _confirmed(server)
    assert _counts() == {"好的": 1, "好的告警": 1}
    letters = list(BrokerLetter.objects.order_by("received_at", "position"))
    assert max(len(letter.payload) for letter in letters) == KEPT
    assert "超过 8 MiB" in next(each.error for each in letters if each.size > KEPT)
    assert "其余已经导入" in next(each.error for each in letters if b"alerts" in bytes(each.payload))
    assert all(letter.error for letter in letters)
    # Nothing has changed: they stay. What is cut cannot be tried.
    assert dead_letters.try_again([letter.pk for letter in letters], TESTER) == 0
    assert BrokerLetter.objects.filter(state=LetterState.DEAD).count() == 6
    assert dead_letters.drop([letter.pk for letter in letters], TESTER) == 6
    assert _counts() == {"好的": 1, "好的告警": 1}


@either
def test_a_message_speaks_for_its_stream_alone(server: BrokerServer, consuming: Consuming) -> None:
    forged = {"dedup_key": ["k1"], "source": "falco"}
    ours = AlertRecord(source="falco", dedup_key=("k1",), title="别人的", severity="critical")
    ingest.store([ours], TESTER)
    config = configure(server)
    bodies = [
        alert("冒充", **forged),
        alert("冒充", **forged, status="closed", occurred_at="2099-01-01T00:00:00Z"),
        alert("越权", verdict="false_positive"),
    ]
    server.publish(bodies)
    with consuming(config):
        wait_until(lambda: BrokerMark.objects.count() == 3, within=20)
    theirs = Alert.objects.get(source="falco")
    assert (theirs.title, theirs.status, theirs.count) == ("别人的", "open", 1)
    assert {row.source for row in Alert.objects.exclude(pk=theirs.pk)} == {"stream:总线"}
    assert "verdict" in BrokerLetter.objects.get().error


@each
def test_broker_that_goes_away_is_shown_and_comes_back(server: BrokerServer, consuming: Consuming) -> None:
    server.publish([alert("先来的")])
    with consuming(configure(server)) as consumer:
        wait_until(lambda: _counts() == {"先来的": 1}, within=60)
        server.kill()
        wait_until(lambda: consumer.state.status == ConsumerStatus.RETRYING, within=60)
        assert "恢复后自动继续" in consumer.state.last_error
        assert consumer.state.retry_at
        server.start()
        server.publish([alert("后来的")])
        wait_until(lambda: _counts().get("后来的") == 1, within=120)
        assert consumer.state.status == ConsumerStatus.CONNECTED
    assert _counts() == {"先来的": 1, "后来的": 1}


@kafka
def test_neither_confirming_nor_leaving_waits_for_a_kafka_that_is_gone(
    server: BrokerServer, allowed: None
) -> None:
    config = configs.load(configure(server))

    async def run() -> tuple[float, float]:
        stream = KafkaStream(config)
        await stream.open()
        await stream.join()
        taken = list[Delivery]()
        while not taken:
            taken = await stream.fetch(10, 1.0)
        server.kill()
        began = time.monotonic()
        await stream.confirm(taken)
        confirmed = time.monotonic()
        await stream.close()
        return confirmed - began, time.monotonic() - confirmed

    server.publish([alert("先来的")])
    confirming, leaving = asyncio.run(run())
    assert confirming < 2
    assert leaving < CLOSE_S + 3


@each
def test_what_a_dead_consumer_held_is_taken_over(server: BrokerServer, consuming: Consuming) -> None:
    config = configure(server)
    server.publish([alert(f"告警 {n}") for n in range(5)])
    assert asyncio.run(_take_and_die(config)) == 5
    with consuming(config, hold_s=1.0):
        wait_until(lambda: Alert.objects.count() == 5, within=30)
        _confirmed(server)
    assert set(_counts().values()) == {1}


async def _take_and_die(config: Any) -> int:
    """Takes everything and never says anything again."""
    from bifang.core.configuration import configs
    from secops_agent.brokers.clients import client_for

    client = client_for(configs.load(config), "dead", hold_s=1.0)
    await client.open()
    await client.join()
    taken = 0
    for _ in range(400):  # a group takes its time to agree on who gets what
        taken += len(await client.fetch(5, 0.3))
        if taken >= 5:
            break
    if hasattr(client, "_consumer") and not hasattr(
        client, "_redis"
    ):  # its library says that it lives until it is told to leave; a killed one: test_processes
        await client.close()
        return taken
    close: Any = getattr(client, "_nats", None) or getattr(client, "_redis", None)
    await (close.close() if hasattr(close, "is_connected") else close.aclose())
    return taken


@either
def test_consumer_stops_where_dead_letters_pile_up(
    server: BrokerServer, consuming: Consuming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secops_agent.brokers.worker.MOST_DEAD", 2)
    config = configure(server)
    server.publish([b"bad", b"worse"])

    with consuming(config) as consumer:
        wait_until(lambda: "死信已有" in consumer.state.last_error, within=30)
        server.publish([alert("等着")])
        dead_letters.drop(list(BrokerLetter.objects.values_list("pk", flat=True)), TESTER)
        wait_until(lambda: _counts() == {"等着": 1}, within=60)
