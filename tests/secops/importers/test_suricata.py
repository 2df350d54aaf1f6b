"""Suricata: severity, assets and indicators of EVE alerts; broken lines; speed and memory."""

import gzip
import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.services.records import AlertRecord, Indicator, Key

from .reading_aid import of, read, rejected

EVENT: dict[str, Any] = {
    "timestamp": "2026-11-20T08:30:00.123456+0800",
    "flow_id": 1805461738637437,
    "in_iface": "eth1",
    "event_type": "alert",
    "src_ip": "203.0.113.66",
    "src_port": 51514,
    "dest_ip": "10.0.0.5",
    "dest_port": 80,
    "proto": "TCP",
    "tx_id": 0,
    "alert": {
        "action": "allowed",
        "gid": 1,
        "signature_id": 2031502,
        "rev": 2,
        "signature": "ET WEB_SERVER 疑似 SQL 注入",
        "category": "Web Application Attack",
        "severity": 1,
        "metadata": {
            "confidence": ["High"],
            "mitre_technique_id": ["T1190"],
            "signature_severity": ["Critical"],
        },
    },
    "http": {"hostname": "shop.example.cn", "url": "/item?id=1%27", "http_method": "GET"},
    "app_proto": "http",
}


def event(**changes: Any) -> dict[str, Any]:
    """The event with other values; `alert` values are merged."""
    return {**EVENT, **changes, "alert": {**EVENT["alert"], **changes.get("alert", {})}}


def test_suricata_alert_gives_exact_record() -> None:
    [alert] = of(read("suricata", EVENT), AlertRecord)
    assert (alert.title, alert.severity, alert.rule_id) == (
        "ET WEB_SERVER 疑似 SQL 注入",
        "critical",
        "1:2031502",
    )
    assert alert.dedup_key == ("1:2031502", "203.0.113.66", "10.0.0.5")
    assert alert.occurred_at is not None
    assert alert.occurred_at.isoformat() == "2026-11-20T00:30:00.123456+00:00"
    assert [asset.keys for asset in alert.assets] == [(Key("ip", "10.0.0.5"),)]
    assert alert.indicators == (
        Indicator("ip", "203.0.113.66"),
        Indicator("ip", "10.0.0.5"),
        Indicator("domain", "shop.example.cn"),
        Indicator("url", "http://shop.example.cn/item?id=1%27"),
    )
    assert (alert.techniques, alert.confidence) == (("T1190",), 85)
    assert "203.0.113.66:51514 → 10.0.0.5:80" in alert.description
    assert alert.raw == EVENT


@pytest.mark.parametrize(
    ("priority", "rating", "expected"),
    [(1, [], "high"), (2, [], "medium"), (3, [], "low"), (4, [], "info"), (3, ["Major"], "high"), (1, ["Minor"], "high")],
)  # fmt: skip
def test_suricata_severity(priority: int, rating: list[str], expected: str) -> None:
    facts = {"severity": priority, "metadata": {"signature_severity": rating}}
    [alert] = of(read("suricata", event(alert=facts)), AlertRecord)
    assert alert.severity == expected


def test_suricata_assets_are_ours_only() -> None:
    lines = [
        event(src_ip="10.0.0.5", dest_ip="198.51.100.7"),
        event(src_ip="10.0.0.9", dest_ip="10.0.3.15"),
        event(src_ip="203.0.113.1", dest_ip="198.51.100.7"),
        event(dest_ip="198.51.100.8", alert={"target": {"ip": "198.51.100.8", "port": 443}}),
    ]
    alerts = of(read("suricata", "\n".join(map(json.dumps, lines))), AlertRecord)
    named = [[asset.name for asset in alert.assets] for alert in alerts]
    assert named == [["10.0.0.5"], ["10.0.3.15", "10.0.0.9"], [], ["198.51.100.8"]]


def test_suricata_other_protocols_give_indicators() -> None:
    changed = event(
        http={},
        dns={"query": [{"type": "query", "rrname": "Bad.Example.COM"}]},
        tls={"sni": "c2.example.net", "fingerprint": ":".join(["ab"] * 20)},
        fileinfo={"filename": "/tmp/x.sh", "sha256": "CD" * 32},
        email={"from": "张三 <a@example.cn>", "to": ["b@example.cn"]},
    )
    [alert] = of(read("suricata", changed), AlertRecord)
    assert {(item.kind, item.value) for item in alert.indicators[2:]} == {
        ("domain", "bad.example.com"), ("domain", "c2.example.net"), ("hash", "ab" * 20), ("file", "/tmp/x.sh"),
        ("hash", "cd" * 32), ("email", "a@example.cn"), ("email", "b@example.cn"),
    }  # fmt: skip


def test_suricata_other_events_are_passed_over_and_broken_lines_rejected() -> None:
    written = "\n".join(
        (json.dumps(EVENT), '{"event_type": "stats", "stats": {}}', '{"event_type": "alert", "al', "[1]",
         json.dumps(event(alert={"signature_id": None})), json.dumps(event(timestamp="gestern")), json.dumps(EVENT))
    )  # fmt: skip
    items = read("suricata", written)
    assert len(of(items, AlertRecord)) == 2
    assert [position for position, _ in rejected(items)] == ["第 3 行", "第 4 行", "第 5 行", "第 6 行"]
    assert rejected(items)[2][1] == "缺少必填字段「signature_id」"


def test_suricata_events_differ_by_flow_and_time() -> None:
    lines = "\n".join(
        map(json.dumps, (EVENT, EVENT, event(flow_id=2), event(timestamp="2026-11-20T08:31:00+0800")))
    )
    alerts = of(read("suricata", lines), AlertRecord)
    assert len({alert.event_id for alert in alerts}) == 3
    assert len({alert.dedup_key for alert in alerts}) == 1


def test_suricata_refuses_another_tool() -> None:
    with pytest.raises(InvalidInput, match="像是 falco，不是 suricata"):
        read("suricata", {"rule": "x", "priority": "Notice", "output": "", "output_fields": {}, "time": ""})


@pytest.mark.slow
def test_suricata_large_log_is_streamed_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "eve.json.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for number in range(20_000):
            stream.write(json.dumps(event(flow_id=number, src_port=number)).encode() + b"\n")
    assert sum(1 for _ in registry.parse("suricata", Source.from_path(path))) == 20_000
    tracemalloc.start()
    found = sum(1 for _ in itertools.islice(registry.parse("suricata", Source.from_path(path)), 5_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found, peak < 8_000_000) == (5_000, True)
