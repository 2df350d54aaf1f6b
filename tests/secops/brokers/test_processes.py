"""`consume_alerts` as it is run: several processes, killed, stopped, and configured while they run."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bifang.core.configuration.configs import save
from bifang.core.models import SystemConfig
from secops_agent.brokers.storing import TOGETHER
from secops_agent.models import (
    Alert,
    AlertEvent,
    Asset,
    BrokerConsumer,
    BrokerLetter,
    BrokerMark,
    Component,
    Finding,
    Uncompared,
    Vulnerability,
)
from secops_agent.services.intake import comparisons
from tests.acceptance.processes import MANAGE, Started, clean_environment, run, uncounted
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.brokers.conftest import configure
from tests.secops.brokers.servers import BrokerServer, NatsServer, RedisServer, alert
from tests.secops.brokers.test_consuming import each, either, kafka
from tests.secops.inventory_aid import store
from tests.secops.test_comparisons import AFFECTED
from tests.secops.test_comparisons_crash import CUT_SHORT, software

pytestmark = [pytest.mark.slow]
ALERTS = 1200
IMPATIENT = (sys.executable, "-m", "tests.secops.brokers.impatient")


def environment(database: Database, tmp_path: Path) -> dict[str, str]:
    kafka = {name: value for name, value in os.environ.items() if name.startswith("BIFANG_KAFKA_")}
    return uncounted(
        clean_environment(
            tmp_path, **database.environment, BIFANG_ADDRESS_ALLOW_LIST="127.0.0.1,localhost", **kafka
        )
    )


@contextmanager
def consumers(
    count: int, database: Database, tmp_path: Path, command: tuple[str, ...] = MANAGE
) -> Iterator[list[Started]]:
    env = environment(database, tmp_path)
    with ExitStack() as stack:
        made = []
        for number in range(count):
            one = Started((*command, "consume_alerts"), env, tmp_path / f"consumer-{number}.out")
            stack.callback(one.kill)
            made.append(one)
        yield made


@each
def test_killed_processes_lose_nothing_and_double_nothing(
    server: BrokerServer, allowed: None, database: Database, tmp_path: Path
) -> None:
    configure(server)
    server.publish([alert(f"告警 {n}", assets=[f"host-{n % 40}"]) for n in range(ALERTS)])
    env, killed = environment(database, tmp_path), 0
    with consumers(2, database, tmp_path, IMPATIENT) as made:
        for share in (0.1, 0.3, 0.5, 0.7):
            wait_until(lambda part=share: Alert.objects.count() >= ALERTS * part, within=60, every=0.01)
            victim = made[killed % 2]
            os.kill(victim.process.pid, signal.SIGKILL)
            victim.process.wait(120)
            made[killed % 2] = Started((*IMPATIENT, "consume_alerts"), env, tmp_path / f"again-{killed}.out")
            killed += 1
        try:
            wait_until(lambda: server.waiting() == 0, within=150, every=0.2, what="everything is confirmed")
        finally:
            for one in made:
                one.kill()
    assert Alert.objects.count() == ALERTS
    assert set(Alert.objects.values_list("count", flat=True)) == {1}
    assert not BrokerLetter.objects.exists()


def _document(alerts: int) -> bytes:
    """Everything that one message may hold; none of it has a time of its own."""
    hosts = [f"web-{n:03}" for n in range(60)]
    library = {"name": "demo", "version": "2.0.0", "purl": "pkg:maven/org.corp/demo@2.0.0"}
    affected = {"ecosystem": "Maven", "package": "org.corp:demo", "introduced": "0", "fixed": "2.15.0"}
    document = {
        "assets": [{"hostname": name, "name": name, "tags": ["电商"]} for name in hosts],
        "components": [{"asset": name, **library} for name in hosts],
        "vulnerabilities": [
            {"id": f"CVE-2026-{90000 + n}", "severity": "high", "affected": [affected]} for n in range(8)
        ],
        "findings": [
            {
                "kind": "misconfiguration",
                "asset": name,
                "title": f"弱口令 {n}",
                "rule_id": f"R{n}",
                "severity": "low",
            }
            for name in hosts
            for n in range(4)
        ],
        "alerts": [
            {"title": f"告警 {n}", "severity": "high", "assets": [hosts[n % 60]], "description": "x" * 300}
            for n in range(alerts)
        ],
    }
    return json.dumps(document, ensure_ascii=False).encode()


@either
def test_a_large_document_that_kills_interrupt_is_there_once(
    server: BrokerServer, allowed: None, database: Database, tmp_path: Path
) -> None:
    body = _document(ALERTS)
    assert len(body) > 20 * TOGETHER  # so it is many transactions
    configure(server)
    server.publish([body])
    moments = (lambda: Component.objects.exists(), lambda: Finding.objects.count() >= 100,
               lambda: Alert.objects.count() >= ALERTS // 3, lambda: Alert.objects.count() >= 2 * ALERTS // 3)  # fmt: skip
    for moment in moments:
        with consumers(1, database, tmp_path, IMPATIENT) as (one,):
            wait_until(moment, within=60, every=0.005)
            os.kill(one.process.pid, signal.SIGKILL)
            one.process.wait(120)
        assert not BrokerMark.objects.exists()
    with consumers(1, database, tmp_path, IMPATIENT):
        wait_until(lambda: server.waiting() == 0, within=150, every=0.2, what="everything is confirmed")
    compare_what_is_left()
    assert (Asset.objects.count(), Component.objects.count(), Vulnerability.objects.count()) == (60, 60, 8)
    assert Finding.objects.exclude(source="bifang").count() == 240
    assert Finding.objects.filter(source="bifang").count() == 60 * 8
    assert (Alert.objects.count(), AlertEvent.objects.count()) == (ALERTS, ALERTS)
    assert set(Alert.objects.values_list("count", flat=True)) == {1}
    assert not BrokerLetter.objects.exists()


@either
def test_a_message_whose_process_was_killed_before_comparing_is_compared_and_confirmed(
    server: BrokerServer, allowed: None, database: Database, tmp_path: Path
) -> None:
    store(AFFECTED)
    configure(server)
    server.publish([software("by-message")])
    with consumers(1, database, tmp_path, CUT_SHORT) as (one,):
        wait_until(lambda: one.process.poll() is not None, within=60)
    assert (BrokerMark.objects.count(), Component.objects.count(), Finding.objects.count()) == (1, 1, 0)
    with consumers(1, database, tmp_path, IMPATIENT):
        wait_until(lambda: server.waiting() == 0, within=90, every=0.2, what="it is confirmed")
    compare_what_is_left()
    assert Finding.objects.get().asset.name == "by-message"


def compare_what_is_left() -> None:
    """What the task process does every minute."""
    wait_until(
        lambda: not (comparisons.compare_left() or Uncompared.objects.exists()), within=60, every=0.5,
        what="what is compared",
    )  # fmt: skip


@either
def test_process_follows_its_configurations_and_stops_in_time(
    server: BrokerServer, allowed: None, database: Database, tmp_path: Path
) -> None:
    with consumers(1, database, tmp_path) as (one,):
        one.wait_for("没有启用的消息流")
        config = configure(server)
        server.publish([alert("第一条")])
        wait_until(lambda: Alert.objects.filter(title="第一条").exists(), within=30)
        wait_until(lambda: BrokerConsumer.objects.filter(status="connected").exists(), within=10)
        assert "已连接" in run((*MANAGE, "healthcheck"), environment(database, tmp_path)).stdout
        save("stream", config.name, False, {}, config=config)
        wait_until(lambda: not BrokerConsumer.objects.exists(), within=10)
        one.process.terminate()
        assert one.process.wait(8 + 120) == 0
        assert "已停止" in one.text


@pytest.mark.outside("redis-server")
def test_wrong_password_parks_until_it_is_corrected(
    allowed: None, database: Database, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path / "broker")
    server.password = "right-password"
    server.start()
    try:
        _corrected(server, database, tmp_path)
    finally:
        server.kill()


@pytest.mark.outside("nats-server")
def test_wrong_nats_user_parks_until_it_is_corrected(
    allowed: None, database: Database, tmp_path: Path
) -> None:
    server = NatsServer(tmp_path / "broker")
    server.more = 'authorization { user: "default", password: "right-password" }'
    server.login = {"user": "default", "password": "right-password"}
    server.start()
    try:
        _corrected(server, database, tmp_path)
    finally:
        server.kill()


def _corrected(server: BrokerServer, database: Database, tmp_path: Path) -> None:
    login = {"username": "default", "password": "wrong-password"}
    config = configure(server, **login)
    server.publish([alert("等密码")])
    with consumers(1, database, tmp_path) as (one,):
        wait_until(lambda: BrokerConsumer.objects.filter(status="parked").exists(), within=40)
        config.refresh_from_db()
        assert "核对用户名、密码" in config.last_error
        save("stream", config.name, True, {"password": "right-password"}, config=config)
        wait_until(lambda: Alert.objects.filter(title="等密码").exists(), within=30)
        wait_until(lambda: BrokerConsumer.objects.filter(status="connected").exists(), within=10)
        assert "right-password" not in one.text
        assert "wrong-password" not in one.text


@kafka
def test_topics_of_the_environment_are_configured_once_and_shared_by_two_processes(
    server: BrokerServer, allowed: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIFANG_KAFKA_TOPICS", "siem.alerts")
    monkeypatch.setenv("BIFANG_KAFKA_GROUP", "soc")
    with consumers(2, database, tmp_path, IMPATIENT) as (first, _):
        wait_until(lambda: BrokerConsumer.objects.filter(status="connected").count() == 2, within=60)
        server.publish([alert(f"告警 {n}") for n in range(200)])
        wait_until(lambda: Alert.objects.count() >= 50, within=60)
        first.process.kill()
        wait_until(lambda: Alert.objects.count() == 200, within=90)
        wait_until(lambda: server.waiting("soc") == 0, within=90, every=0.5, what="everything is committed")
    assert set(Alert.objects.values_list("source", "count")) == {("stream:Kafka siem.alerts", 1)}
    assert SystemConfig.objects.get(kind="stream").params["group"] == "soc"
