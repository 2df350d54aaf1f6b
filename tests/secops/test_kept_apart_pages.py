"""Assets that a stream or a fetched account may not join are told on its own page, once each."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from secops_agent.brokers import storing
from secops_agent.models import Asset, ImportJob, KeptApart, Pull
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.intake import ingest, unmerged
from secops_agent.services.intake.deliveries import Delivery
from secops_agent.services.records import AssetRecord, Key
from secops_agent.tasks.pulls import run_due
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.deadline import wait_until
from tests.fake_aliyun import KEY_ID, KEY_SECRET, FakeAliyun, event
from tests.secops.brokers.conftest import Consuming, allowed, configure, consuming, server
from tests.secops.brokers.servers import TOPIC, BrokerServer
from tests.secops.brokers.test_consuming import either  # some brokers are outside
from tests.secops.inventory_aid import person
from tests.secops.syslog.lines_aid import alert as syslog_alert

__all__ = ["allowed", "consuming", "server"]
pytestmark = pytest.mark.both_databases
MAC = "3c:fd:fe:00:00:01"
BRIDGE = {
    "record": "asset",
    "type": "host",
    "name": "evil",
    "hostname": "evil",
    "cloud_id": "i-1",
    "macs": [MAC],
}


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def two(*keys: Key) -> None:
    """Two assets; a person has said something of the second."""
    for key in keys:
        ingest.store([AssetRecord("host", key.value, (key,))], Actor.system("test"))
    inventory.update(Asset.objects.latest("pk").pk, Actor.person(person(), "admin"), importance="critical")


def page_of(config: SystemConfig, client: Client | None = None) -> str:
    return text_of((client or superuser()).get(reverse("admin:core_systemconfig_change", args=[config.pk])))


def message(position: str, **more: Any) -> Delivery:
    return Delivery("s", position, timezone.now(), json.dumps(BRIDGE | more).encode())


def stream() -> SystemConfig:
    values = {"url": "redis://127.0.0.1:6379/2", "topic": TOPIC, "format": "generic"}
    return configs.save("stream", "总线", True, values)[0]


@pytest.mark.slow
def test_page_of_a_stream_tells_what_it_may_not_join(allowed: None) -> None:
    config, root = stream(), superuser()
    two(Key("mac", MAC), Key("cloud_id", "i-1"))
    assert "没有合并的资产" not in page_of(config, root)
    settings = configs.load(config)
    assert storing.store_together(settings, [message("1"), message("2")]) == []
    assert storing.store_alone(settings, message("3")) is None
    text = page_of(config, root)
    assert "没有合并的资产" in text
    assert "1 组看来是同一台主机，没有合并" in text
    names = f"「{MAC}」（编号 {Asset.objects.earliest('pk').pk}）、「i-1」（编号 {Asset.objects.latest('pk').pk}）"
    assert text.count(names) == 1


@either
def test_what_a_real_broker_brings_is_told_as_well(server: BrokerServer, consuming: Consuming) -> None:
    config = configure(server)
    two(Key("mac", MAC), Key("cloud_id", "i-1"))
    server.publish([json.dumps(BRIDGE).encode()])
    with consuming(config):
        wait_until(lambda: KeptApart.objects.filter(config=config).count() == 1, within=30)
    assert "1 组看来是同一台主机" in page_of(config)


@pytest.mark.slow
def test_page_of_an_account_and_its_import_tell_once(database: Any) -> None:
    with FakeAliyun() as fake:
        fake.events.append(event(1, timezone.now() - timedelta(minutes=1)))
        values = {
            "access_key_id": KEY_ID,
            "access_key_secret": KEY_SECRET,
            "endpoint": fake.address,
            "days": 1,
        }
        config = configs.save("aliyun_sas", "云安全中心", True, values)[0]
        known = Key("agent_id", "aliyun_sas:bffb12c3-590a-4db2-b538-000000000001"), Key("cloud_id", "i-e0001")
        two(*known)
        for _ in range(3):
            Pull.objects.update(next_at=timezone.now() - timedelta(seconds=1))
            run_due()
    assert "1 组看来是同一台主机" in page_of(config)
    kept = [row for row in ImportJob.objects.filter(name="云安全中心") if row.outcome.get("apart")]
    assert len(kept) == 1


def test_syslog_names_too_little_of_a_host_to_join_two(database: Any) -> None:
    two(Key("mac", MAC), Key("cloud_id", "i-1"))
    asset = {"hostname": "evil.corp.example", "cloud_id": "i-1", "macs": [MAC]}
    said = {"record": "alert", "title": "暴力破解", "severity": "high", "assets": [asset]}
    found = syslog_alert(f"<11>Nov 26 12:00:00 fw app: {json.dumps(said, ensure_ascii=False)}")
    assert len(found.assets) == 1
    outcome = ingest.store([found], Actor.system("syslog"))
    assert (outcome.created["alert"], outcome.created["asset"], outcome.apart) == (1, 0, ())


def test_the_newest_are_kept_and_no_more(allowed: None) -> None:
    config = stream()
    assert unmerged.note(config.pk, [f"旧 {n}" for n in range(100)]) == 100
    assert unmerged.note(config.pk, [f"新 {n}" for n in range(unmerged.MOST)]) == unmerged.MOST
    assert unmerged.note(config.pk, ["新 0"]) == 0
    assert {row.names[0] for row in unmerged.noted(config.pk)} == {"新"}
