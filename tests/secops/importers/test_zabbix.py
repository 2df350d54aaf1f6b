"""Zabbix: a problem, its recovery, a raised severity, and macros that nobody replaced."""

from typing import Any

import pytest

from secops_agent.services.records import AlertRecord, Key

from .reading_aid import of, read, rejected

PROBLEM: dict[str, Any] = {
    "event_id": "1042", "event_value": "1", "severity": "4", "name": "SSH 服务中断", "trigger_id": "16021", "trigger_name": "SSH down",
    "host": "web-01", "host_name": "官网 1", "ip": "10.0.0.21", "time": "2026.11.20 11:43:46", "recovery_time": "{EVENT.RECOVERY.DATE} {EVENT.RECOVERY.TIME}",
    "opdata": "0", "description": "", "url": "https://zabbix.example/tr_events.php?triggerid=16021&eventid=1042",
    "tags": [{"tag": "service", "value": "ssh"}],
}  # fmt: skip
RECOVERY = PROBLEM | {"event_value": "0", "recovery_time": "2026.11.20 11:50:00"}


def test_zabbix_problem_gives_exact_record() -> None:
    [alert] = of(read("zabbix", PROBLEM), AlertRecord)
    assert (alert.title, alert.severity, alert.status_hint) == ("SSH 服务中断", "high", "open")
    assert alert.dedup_key == ("16021", "web-01")
    assert (alert.assets[0].name, alert.assets[0].keys[0]) == ("官网 1", Key("hostname", "web-01"))
    assert alert.occurred_at is not None
    assert alert.occurred_at.isoformat() == "2026-11-20T03:43:46+00:00"
    assert alert.references == (PROBLEM["url"],)


def test_zabbix_recovery_is_the_same_alert_that_ended() -> None:
    first, second = of(read("zabbix", [PROBLEM, RECOVERY]), AlertRecord)
    assert (second.dedup_key, second.status_hint) == (first.dedup_key, "closed")
    assert second.last_seen is not None
    assert second.last_seen.isoformat() == "2026-11-20T03:50:00+00:00"


def test_zabbix_repeated_message_is_the_same_event_and_a_raised_one_is_not() -> None:
    first, again, raised = of(read("zabbix", [PROBLEM, PROBLEM, PROBLEM | {"severity": "5"}]), AlertRecord)
    assert first.event_id == again.event_id != raised.event_id
    assert raised.severity == "critical"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"event_value": "{EVENT.VALUE}"}, "不替换宏"),
        ({"trigger_id": ""}, "trigger_id"),
        ({"time": "soon"}, "time"),
        ({"tags": 1}, "tags"),
    ],
)
def test_zabbix_broken_message_is_rejected(change: dict[str, Any], word: str) -> None:
    [(_, reason)] = rejected(read("zabbix", [PROBLEM | change, PROBLEM]))
    assert word in reason
