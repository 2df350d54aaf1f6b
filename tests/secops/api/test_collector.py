"""Splunk's HTTP Event Collector: what its clients send, and the answers they go by."""

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from secops_agent.models import Alert, ImportJob
from secops_agent.services.people import tokens
from tests.secops.api.callers import with_token

pytestmark = pytest.mark.django_db
EVENT = "/services/collector/event"
ENVELOPE: dict[str, Any] = {
    "time": 1795000000.5, "host": "web-01", "source": "waf", "sourcetype": "_json", "index": "main",
    "event": {"signature": "SQL 注入", "severity": "high", "src": "203.0.113.66", "user": "zhangsan"},
}  # fmt: skip


def post(client: Client, data: bytes, address: str = EVENT, **headers: str) -> Any:
    return client.post(address, data, "application/json", headers=headers)


def splunk_client() -> Client:
    secret = tokens.create("hec", ["ingest"])[1]
    return Client(headers={"Authorization": f"Splunk {secret}"})


def test_events_one_after_the_other_become_alerts() -> None:
    client = splunk_client()
    body = json.dumps(ENVELOPE) + json.dumps(
        ENVELOPE | {"event": "Failed password for root from 203.0.113.7"}
    )
    answer = post(client, body.encode())
    assert (answer.status_code, answer.json()) == (200, {"text": "Success", "code": 0})
    assert sorted(Alert.objects.values_list("title", "severity")) == [
        ("Failed password for root from 203.0.113.7", "info"),
        ("SQL 注入", "high"),
    ]


@pytest.mark.parametrize("address", ["/services/collector", "/services/collector/", f"{EVENT}/1.0"])
def test_every_address_of_events(address: str) -> None:
    assert post(splunk_client(), json.dumps(ENVELOPE).encode(), address).json()["code"] == 0
    assert Alert.objects.count() == 1


def test_a_retry_changes_nothing() -> None:
    client, body = splunk_client(), json.dumps(ENVELOPE).encode()
    for packed in (body, gzip.compress(body), body):
        assert post(client, packed).json()["code"] == 0
    assert list(Alert.objects.values_list("count", flat=True)) == [1]


def test_a_text_without_a_time_that_is_sent_again_counts_once() -> None:
    client = splunk_client()
    for _ in range(2):
        post(client, b'{"event": "disk failure on sda"}')
    assert list(Alert.objects.values_list("count", flat=True)) == [1]


def test_raw_lines_share_what_the_query_says() -> None:
    lines = b'Failed password for root\n\n{"signature": "Trojan", "severity": "critical"}\n'
    answer = post(
        splunk_client(), gzip.compress(lines), "/services/collector/raw?host=db-01&sourcetype=linux_secure"
    )
    assert answer.json() == {"text": "Success", "code": 0}
    assert sorted(Alert.objects.values_list("title", flat=True)) == ["Failed password for root", "Trojan"]
    assert {asset.name for alert in Alert.objects.all() for asset in alert.assets.all()} == {"db-01"}


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"a\n", b"\n"])
def test_a_small_packed_body_of_endless_lines_is_refused_before_they_are_read(body: bytes) -> None:
    packed = gzip.compress(body * (16 << 20))
    answer = post(splunk_client(), packed, "/services/collector/raw")
    assert (len(packed) < 40_000, answer.status_code, answer.json()["code"]) == (True, 413, 27)
    assert "分批" in answer.json()["message"]
    assert not Alert.objects.exists()


@pytest.mark.parametrize("where", ["header", "query"])
def test_a_channel_gets_a_number_that_is_acknowledged(where: str) -> None:
    client, body = splunk_client(), json.dumps(ENVELOPE).encode()
    channel = {"X-Splunk-Request-Channel": "c0ffee"} if where == "header" else {}
    told = post(client, body, EVENT if channel else f"{EVENT}?channel=c0ffee", **channel).json()
    asked = post(
        client, json.dumps({"acks": [told["ackId"]]}).encode(), "/services/collector/ack?channel=c0ffee"
    )
    assert asked.json() == {"acks": {str(told["ackId"]): True}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, 5), (b"not json", 400, 6), (b'{"event"', 400, 6), (b'{"host": "a", "source": "b"}', 400, 6),
        (b'{"event": "", "host": "a"}', 400, 13), (b'{"event": null, "source": "b"}', 400, 12), (b'{"event": {}}', 400, 6),
        (b'{"acks": 1}', 400, 6), (b"[" * 5000, 400, 6), (gzip.compress(b"{}", mtime=0)[:-4], 400, 6),
    ],
    ids=lambda value: value[:12].hex() if isinstance(value, bytes) else str(value),
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_their_words(body: bytes, status: int, code: int) -> None:
    answer = post(splunk_client(), body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()
    assert answer.json()["message"]
    assert not Alert.objects.exists()


def test_one_bad_event_does_not_lose_the_good_ones() -> None:
    body = json.dumps(ENVELOPE) + json.dumps(ENVELOPE | {"event": ""})
    assert post(splunk_client(), body.encode()).json()["code"] == 0
    assert (Alert.objects.count(), len(ImportJob.objects.get().outcome["rejected"])) == (1, 1)


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [(None, 401, 2), ("Splunk bf_wrong", 403, 4), ("Nonsense", 401, 3)],
)
def test_who_may_not_is_told_in_their_words(header: str | None, status: int, code: int) -> None:
    client = Client(headers={"Authorization": header} if header else {})
    answer = post(client, json.dumps(ENVELOPE).encode())
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_token_without_the_scope_is_refused() -> None:
    answer = post(with_token("read"), json.dumps(ENVELOPE).encode())
    assert (answer.status_code, answer.json()["code"]) == (403, 4)
    assert "导入" in answer.json()["message"]


def test_too_often_is_busy_and_says_when(settings: Any) -> None:
    settings.RATE_LIMITS = True
    secret = tokens.create("slow", ["ingest"], rate=1)[1]
    client = Client(headers={"Authorization": f"Splunk {secret}"})
    post(client, json.dumps(ENVELOPE).encode())
    answer = post(client, json.dumps(ENVELOPE).encode())
    assert (answer.status_code, answer.json()["code"]) == (503, 9)
    assert int(answer["Retry-After"]) > 0


def test_health_needs_no_token() -> None:
    for address in ("/services/collector/health", "/services/collector/health/1.0"):
        assert Client().get(address).json() == {"text": "HEC is healthy", "code": 17}


@pytest.mark.parametrize("asked", [b"", b"[]", b'{"acks": "all"}', b'{"acks": [true]}'])
def test_a_wrong_question_for_acknowledgements(asked: bytes) -> None:
    assert post(splunk_client(), asked, "/services/collector/ack").status_code == 400


def test_much_becomes_a_job() -> None:
    body = "\n".join(json.dumps(ENVELOPE | {"time": 1795000000 + number}) for number in range(8000))
    assert post(splunk_client(), body.encode()).json() == {"text": "Success", "code": 0}
    assert ImportJob.objects.get().state == "queued"
