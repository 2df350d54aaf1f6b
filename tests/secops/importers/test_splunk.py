"""Splunk's envelopes and its webhook action."""

from typing import Any

import pytest

from secops_agent.services.records import AlertRecord, Indicator, Key

from .reading_aid import of, read, rejected

# docs.splunk.com, "Use a webhook alert action"; the names of the result are of the CIM.
ACTION: dict[str, Any] = {
    "result": {"signature": "Brute force", "severity": "high", "src": "203.0.113.66", "dest": "web-01", "user": ["root", "admin"], "_time": "1795000000"},
    "sid": "scheduler_admin_search_W2_at_14232356_132", "results_link": "http://splunk.example:8000/app/search/@go?sid=scheduler_admin_search_W2_at_14232356_132",
    "search_name": "SSH 暴力破解", "owner": "admin", "app": "search",
}  # fmt: skip
ENVELOPE: dict[str, Any] = {
    "time": 1795000000.25, "host": "web-01.corp.example", "source": "waf", "sourcetype": "_json", "index": "main",
    "event": {"signature": "SQL 注入", "severity": "high", "src": "203.0.113.66", "event_id": "e-1", "mitre_technique_id": ["T1190"]},
    "fields": {"user": "zhangsan"},
}  # fmt: skip


def test_splunk_envelope_gives_exact_record() -> None:
    [alert] = of(read("splunk", ENVELOPE), AlertRecord)
    assert (alert.title, alert.severity, alert.rule_id, alert.event_id) == (
        "SQL 注入",
        "high",
        "SQL 注入",
        "e-1",
    )
    assert alert.dedup_key == ("SQL 注入", "web-01.corp.example", "203.0.113.66")
    assert Key("hostname", "web-01") in alert.assets[0].keys
    assert alert.indicators == (Indicator("ip", "203.0.113.66"), Indicator("account", "zhangsan"))
    assert alert.techniques == ("T1190",)
    assert alert.occurred_at is not None
    assert alert.occurred_at.timestamp() == 1795000000.25


def test_splunk_webhook_action() -> None:
    [alert] = of(read("splunk", ACTION), AlertRecord)
    assert (alert.title, alert.severity, alert.event_id) == ("SSH 暴力破解", "high", ACTION["sid"])
    assert alert.references == (ACTION["results_link"],)
    assert [asset.name for asset in alert.assets] == ["web-01"]


@pytest.mark.parametrize(
    ("event", "title", "severity"),
    [({"message": {"signature": "撞库", "severity": "high", "src": "203.0.113.66"}, "severity": "info"}, "撞库", "high"),
     ({"message": {"name": "shop", "level": 50, "src": "203.0.113.66", "msg": "撞库"}, "severity": "warn"}, "撞库", "medium"),
     ({"message": {"msg": "撞库", "meta": {"src": "203.0.113.66", "level": "error"}}, "severity": "error"}, "撞库", "high")],
)  # fmt: skip
def test_splunk_logging_libraries_wrap_what_was_said(
    event: dict[str, Any], title: str, severity: str
) -> None:
    """splunk-logging 0.11.1, splunk-bunyan-logger 0.11.0 and winston-splunk-httplogger 3.1.8 (npm)."""
    [alert] = of(read("splunk", ENVELOPE | {"event": event}), AlertRecord)
    assert (alert.title, alert.severity) == (title, severity)
    assert Indicator("ip", "203.0.113.66") in alert.indicators


def test_splunk_texts_that_differ_in_numbers_are_one_alert() -> None:
    texts = [
        ENVELOPE | {"event": f"Failed password for root port {port}", "fields": {}} for port in (4242, 50123)
    ]
    first, second = of(read("splunk", texts), AlertRecord)
    assert first.dedup_key == second.dedup_key
    assert first.event_id != second.event_id


def test_splunk_own_time_that_is_no_time_is_passed_over() -> None:
    [alert] = of(read("splunk", {"event": {"title": "x", "timestamp": "昨天"}, "source": "a"}), AlertRecord)
    assert alert.occurred_at is None


@pytest.mark.parametrize(
    ("event", "word"), [("", "不能是空白"), (None, "event"), ({"a": 1}, "看不出"), ([1], "应当是文字")]
)
def test_splunk_broken_event_is_rejected(event: Any, word: str) -> None:
    [(position, reason)] = rejected(read("splunk", [ENVELOPE | {"event": event}, ENVELOPE]))
    assert position == "[0]"
    assert word in reason
