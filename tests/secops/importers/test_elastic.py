"""Kibana: the alert history document, the body of our docs, recovery, and the entries of a detection rule."""

from typing import Any

import pytest

from secops_agent.services.records import AlertRecord, Indicator

from .reading_aid import of, read, rejected

# As Kibana's buildAlertHistoryDocument makes it (x-pack/plugins/actions/common/alert_history_schema.ts).
HISTORY: dict[str, Any] = {
    "@timestamp": "2026-11-20T08:30:00.000Z", "tags": ["prod", "T1110"], "message": "CPU 95%", "event": {"kind": "alert"},
    "kibana": {"alert": {"actionGroup": "threshold met", "actionGroupName": "Threshold met", "id": "web-01", "context": {}}},
    "rule": {"id": "d1a4b0e0", "name": "CPU 过高", "space": "default", "type": ".index-threshold", "params": {}},
}  # fmt: skip
DETECTION: dict[str, Any] = HISTORY | {
    "rule": {"id": "r-9", "name": "Mimikatz", "severity": "critical", "risk_score": "99", "url": "https://kibana.example/r-9"},
    "alerts": [
        {"id": "a1", "host": "pc-07", "user": "lisi", "source_ip": "203.0.113.9", "destination_ip": "", "reason": "process event"},
        {"id": "a2", "host": "pc-08", "user": "", "source_ip": "", "destination_ip": "", "reason": ""}, None,
    ],
}  # fmt: skip


def test_elastic_history_document() -> None:
    [alert] = of(read("elastic", HISTORY), AlertRecord)
    assert (alert.title, alert.severity, alert.dedup_key) == (
        "CPU 过高：web-01",
        "medium",
        ("d1a4b0e0", "web-01"),
    )
    assert (alert.status_hint, alert.techniques, alert.description) == ("open", ("T1110",), "CPU 95%")


def test_elastic_recovery_is_the_same_alert_that_ended() -> None:
    ended = {"alert": HISTORY["kibana"]["alert"] | {"actionGroup": "recovered"}}
    first, second = of(read("elastic", [HISTORY, HISTORY | {"kibana": ended}]), AlertRecord)
    assert (second.dedup_key, second.status_hint) == (first.dedup_key, "closed")
    assert second.event_id != first.event_id


def test_elastic_detection_rule_gives_an_alert_for_each_entry() -> None:
    first, second = of(read("elastic", DETECTION), AlertRecord)
    assert (first.title, first.severity, first.event_id) == ("Mimikatz", "critical", "a1")
    assert first.indicators == (Indicator("ip", "203.0.113.9"), Indicator("account", "lisi"))
    assert [asset.name for alert in (first, second) for asset in alert.assets] == ["pc-07", "pc-08"]
    assert first.references == ("https://kibana.example/r-9",)
    assert len(first.raw["alerts"]) == 1


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "medium"),
        ({"severity": "low"}, "low"),
        ({"severity": "", "risk_score": "73"}, "high"),
        ({"risk_score": 21}, "low"),
    ],
)
def test_elastic_severity(rule: dict[str, Any], expected: str) -> None:
    [alert] = of(read("elastic", HISTORY | {"rule": {"name": "x", **rule}}), AlertRecord)
    assert alert.severity == expected


def test_elastic_without_a_rule_name_is_rejected() -> None:
    [(_, reason)] = rejected(read("elastic", [HISTORY | {"rule": {"id": "1", "name": ""}}, HISTORY]))
    assert "name" in reason
