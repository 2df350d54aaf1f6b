"""Alertmanager: firing and resolved, fingerprints, severities, hosts behind labels, the API's list."""

from typing import Any

import pytest

from secops_agent.services.records import AlertRecord, Indicator, Key

from .reading_aid import of, read, rejected

FIRING: dict[str, Any] = {
    "status": "firing",
    "labels": {
        "alertname": "SSHBruteForce", "severity": "critical", "instance": "web-01:9100", "job": "node",
        "src_ip": "203.0.113.66", "attack_technique": "T1110.001",
    },
    "annotations": {"summary": "web-01 SSH 暴力破解", "description": "5 分钟内失败 120 次", "runbook_url": "https://wiki.example/ssh"},
    "startsAt": "2026-11-20T08:30:00.123456789+08:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
    "fingerprint": "9c9d9f1b2a3c4d5e",
}  # fmt: skip
RESOLVED = FIRING | {"status": "resolved", "endsAt": "2026-11-20T09:00:00+08:00"}
WEBHOOK: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="SSHBruteForce"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "bifang",
    "groupLabels": {"alertname": "SSHBruteForce"},
    "commonLabels": {"alertname": "SSHBruteForce"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager.example:9093",
    "alerts": [FIRING, RESOLVED],
}


def test_alertmanager_firing_gives_exact_record() -> None:
    alert, _ = of(read("alertmanager", WEBHOOK), AlertRecord)
    assert (alert.title, alert.severity, alert.rule_name) == (
        "web-01 SSH 暴力破解",
        "critical",
        "SSHBruteForce",
    )
    assert alert.dedup_key == ("9c9d9f1b2a3c4d5e",)
    assert alert.status_hint == "open"
    assert [asset.keys for asset in alert.assets] == [(Key("hostname", "web-01"),)]
    assert alert.indicators == (Indicator("ip", "203.0.113.66"),)
    assert alert.techniques == ("T1110.001",)
    assert alert.references == ("http://prometheus.example:9090/graph?g0.expr=up", "https://wiki.example/ssh")
    assert alert.raw["groupKey"] == WEBHOOK["groupKey"]


def test_alertmanager_resolved_is_the_same_alert_that_ended() -> None:
    firing, resolved = of(read("alertmanager", WEBHOOK), AlertRecord)
    assert (resolved.dedup_key, resolved.status_hint) == (firing.dedup_key, "closed")
    assert resolved.event_id != firing.event_id
    assert resolved.occurred_at == firing.occurred_at
    assert resolved.last_seen is not None
    assert resolved.last_seen.isoformat() == "2026-11-20T01:00:00+00:00"


@pytest.mark.parametrize("name", ["alertmanager", "grafana"])
def test_alertmanager_says_what_max_alerts_left_out(name: str) -> None:
    """Alertmanager 0.28.1 with max_alerts: 2 and ten alerts in the group."""
    sent = WEBHOOK | ({"orgId": 1} if name == "grafana" else {})
    items = read(name, sent | {"truncatedAlerts": 8})
    assert len(of(items, AlertRecord)) == 2
    [(position, reason)] = rejected(items)
    assert (position, "还有 8 条没有发来" in reason) == ("truncatedAlerts", True)
    assert rejected(read(name, sent)) == []
    assert rejected(read(name, sent | {"truncatedAlerts": "8"})) == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [({"severity": "warning"}, "medium"), ({"severity": "page"}, "critical"), ({"priority": "P2"}, "high"),
     ({"severity": "none"}, "info"), ({"level": "高危"}, "high"), ({}, "info")],
)  # fmt: skip
def test_alertmanager_severity(labels: dict[str, str], expected: str) -> None:
    entry = FIRING | {"labels": {"alertname": "x", **labels}}
    [alert] = of(read("alertmanager", WEBHOOK | {"alerts": [entry]}), AlertRecord)
    assert alert.severity == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [({"instance": "10.0.0.5:9100"}, ["10.0.0.5"]), ({"instance": "[2001:db8::1]:9100"}, ["2001:db8::1"]),
     ({"instance": "https://pay.example.cn/health"}, ["https://pay.example.cn"]),
     ({"instance": "10.244.1.7:8080", "job": "kube-state-metrics", "node": "db-02"}, ["db-02"]),
     ({"instance": "10.244.1.7:8080", "job": "kube-state-metrics"}, [])],
)  # fmt: skip
def test_alertmanager_asset(labels: dict[str, str], expected: list[str]) -> None:
    [alert] = of(read("alertmanager", WEBHOOK | {"alerts": [FIRING | {"labels": labels}]}), AlertRecord)
    assert [asset.name for asset in alert.assets] == expected


def test_alertmanager_without_fingerprint_is_known_by_its_labels() -> None:
    bare = {key: value for key, value in FIRING.items() if key != "fingerprint"}
    turned = bare | {"labels": dict(reversed(FIRING["labels"].items()))}
    first, second = of(read("alertmanager", WEBHOOK | {"alerts": [bare, turned]}), AlertRecord)
    assert first.dedup_key == second.dedup_key


def test_alertmanager_list_of_the_api() -> None:
    entry = FIRING | {
        "status": {"state": "active", "silencedBy": []},
        "updatedAt": "2026-11-20T08:40:00+08:00",
    }
    [alert] = of(read("alertmanager", [entry]), AlertRecord)
    assert (alert.status_hint, alert.dedup_key) == ("open", ("9c9d9f1b2a3c4d5e",))


def test_alertmanager_broken_alert_is_rejected() -> None:
    entries = [FIRING, FIRING | {"labels": {}}, FIRING | {"startsAt": "soon"}, "x"]
    items = read("alertmanager", WEBHOOK | {"alerts": entries})
    assert len(of(items, AlertRecord)) == 1
    assert [position for position, _ in rejected(items)] == ["alerts[1]", "alerts[2]", "alerts[3]"]
