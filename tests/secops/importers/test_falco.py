"""Falco: syscall events, containers, falcosidekick, plugins, priorities."""

import json
from typing import Any

import pytest

from secops_agent.services.records import AlertRecord, Indicator, Key

from .reading_aid import of, read, rejected

DIGEST = "sha256:" + "ef" * 32
EVENT: dict[str, Any] = {
    "hostname": "web-01",
    "output": "08:30:00.123456789: Notice A shell was spawned in a container (user=root shell=bash)",
    "priority": "Notice",
    "rule": "Terminal shell in container",
    "source": "syscall",
    "tags": ["container", "shell", "mitre_execution", "T1059"],
    "time": "2026-11-20T00:30:00.123456789Z",
    "output_fields": {
        "container.id": "3ad7b26ded6d",
        "container.image.repository": "registry.corp.example/shop/web",
        "container.image.tag": "1.4",
        "container.image.digest": DIGEST,
        "evt.time": 1763598600123456789,
        "fd.rip": "203.0.113.66",
        "fd.name": "/etc/shadow",
        "k8s.ns.name": "shop",
        "proc.name": "bash",
        "proc.exepath": "/usr/bin/bash",
        "user.name": "root",
    },
}


def test_falco_event_gives_exact_record() -> None:
    [alert] = of(read("falco", EVENT), AlertRecord)
    assert (alert.title, alert.severity, alert.techniques) == (
        "Terminal shell in container",
        "low",
        ("T1059",),
    )
    assert alert.dedup_key == (
        "Terminal shell in container",
        "web-01",
        "registry.corp.example/shop/web",
        "bash",
    )
    host, image = alert.assets
    assert host.keys == (Key("hostname", "web-01"),)
    assert image.keys == (Key("image_digest", DIGEST), Key("image", "registry.corp.example/shop/web:1.4"))
    assert alert.indicators == (
        Indicator("ip", "203.0.113.66"),
        Indicator("account", "root"),
        Indicator("process", "/usr/bin/bash"),
        Indicator("file", "/etc/shadow"),
    )
    assert alert.event_id == EVENT["time"]


@pytest.mark.parametrize(
    ("priority", "expected"),
    [("Emergency", "critical"), ("Critical", "critical"), ("Error", "high"), ("Warning", "medium"), ("Informational", "info")],
)  # fmt: skip
def test_falco_priority(priority: str, expected: str) -> None:
    [alert] = of(read("falco", EVENT | {"priority": priority}), AlertRecord)
    assert alert.severity == expected


def test_falco_old_rules_give_tactics_and_sidekick_its_uuid() -> None:
    event = EVENT | {
        "tags": ["mitre_credential_access", "host"],
        "uuid": "5fe6e0b1-0000-4000-8000-000000000001",
    }
    [alert] = of(read("falco", event), AlertRecord)
    assert (alert.techniques, alert.event_id) == (("TA0006",), event["uuid"])


def test_falco_host_events_and_plugins() -> None:
    bare = {"container.id": "host", "container.image.repository": "<NA>", "proc.name": "nc"}
    cloud = EVENT | {
        "source": "aws_cloudtrail",
        "output_fields": {"ct.srcip": "203.0.113.9", "ct.user": "alice"},
    }
    host, plugin = of(read("falco", [EVENT | {"output_fields": bare}, cloud]), AlertRecord)
    assert [asset.name for asset in host.assets] == ["web-01"]
    assert plugin.assets == ()
    assert Indicator("account", "alice") in plugin.indicators


def test_falco_broken_events_are_rejected() -> None:
    lines = (EVENT, EVENT | {"priority": "Loud"}, EVENT | {"rule": ""}, EVENT | {"output_fields": [1]})
    items = read("falco", "\n".join(map(json.dumps, lines)))
    assert len(of(items, AlertRecord)) == 1
    assert rejected(items) == [
        ("第 2 行", "「priority」不是 Falco 的级别：loud"),
        ("第 3 行", "缺少必填字段「rule」"),
        ("第 4 行", "「output_fields」应当是 JSON 对象，实际是数组"),
    ]
