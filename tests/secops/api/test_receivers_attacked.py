"""What was thrown at the receivers as processes and got through: each took more than it should, or was a 500."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from secops_agent.models import Alert, AlertPayload, Asset, AssetKey
from secops_agent.services.people import tokens
from tests.secops.api.callers import with_token

pytestmark = pytest.mark.django_db
AT = "2026-11-20T10:00:00Z"


def entry(title: str, host: str, **more: Any) -> dict[str, Any]:
    labels = {"alertname": title, "instance": host}
    return {"status": "firing", "labels": labels, "startsAt": AT, "generatorURL": "http://p", **more}


def alertmanager(title: str, host: str) -> dict[str, Any]:
    return {"groupKey": "g", "alerts": [entry(title, host)]}


def grafana(title: str, host: str) -> dict[str, Any]:
    return {"orgId": 1, "groupKey": "g", "alerts": [entry(title, host, silenceURL="http://g")]}


def elastic(title: str, host: str) -> dict[str, Any]:
    return {
        "@timestamp": AT,
        "rule": {"id": "r", "name": title},
        "kibana": {"alert": {"id": "a"}},
        "host": host,
    }


def zabbix(title: str, host: str) -> dict[str, Any]:
    return {"event_id": "1", "event_value": "1", "trigger_id": "7", "name": title, "host": host, "time": AT}


def splunk(title: str, host: str) -> dict[str, Any]:
    return {"sid": "s", "search_name": title, "results_link": "", "result": {"host": host, "_time": AT}}


def hec(title: str, host: str) -> dict[str, Any]:
    return {"host": host, "time": AT, "event": {"signature": title}}


RECEIVERS = {each.__name__: each for each in (alertmanager, grafana, elastic, zabbix, splunk, hec)}
either = pytest.mark.parametrize("name", RECEIVERS)


def send(name: str, body: Any, **headers: str) -> Any:
    client = with_token("ingest", "read")
    address = "/services/collector/event" if name == "hec" else f"/api/v1/ingest/{name}/"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(address, data, "application/json", headers=headers)


@pytest.mark.slow
@either
@pytest.mark.parametrize(("code", "times"), [(0xDCFF, 1), (0xD83D, 1), (0xDCFF, 900)])
def test_half_a_character_costs_itself_only(name: str, code: int, times: int) -> None:
    half = chr(code) * times
    body = RECEIVERS[name](f"标题{half}尾", f"web-01{half[:1]}")
    answer = send(name, body)
    assert answer.status_code == 200, answer.content
    assert Alert.objects.get().title[:500].strip("标题尾：a*…") == "\ufffd" * min(len(half), 497)


@pytest.mark.slow
@either
def test_a_host_of_endless_length_comes_again(name: str) -> None:
    for title in ("甲", "乙"):
        assert send(name, RECEIVERS[name](title, "x" * 2001)).status_code == 200
    assert Asset.objects.count() == 1


def test_hosts_that_differ_at_their_far_end_are_two() -> None:
    for end in ("a", "b"):
        assert send("zabbix", zabbix("甲", "x" * 600 + end)).status_code == 200
    assert Asset.objects.count() == 2
    assert {len(key.value) for key in AssetKey.objects.all()} == {500}


@pytest.mark.slow
@either
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "2100-01-01T00:00:00Z"])
def test_a_time_far_ahead_is_no_later_than_now(name: str, at: str) -> None:
    body = json.dumps(RECEIVERS[name]("甲", "web-01")).replace(AT, at)
    assert send(name, body.encode()).status_code == 200
    row = Alert.objects.get()
    assert max(row.first_seen, row.last_seen) <= timezone.now()
    assert with_token("read").get("/api/v1/alerts/").json()["items"][0]["id"] == row.pk


def test_an_end_is_the_latest_word_after_a_start_far_ahead() -> None:
    now = timezone.now()
    for status, at in (("firing", "2100-01-01T00:00:00Z"), ("resolved", now.isoformat())):
        one = entry(
            "甲", "web-01", status=status, startsAt=at, endsAt=(now + timedelta(seconds=5)).isoformat()
        )
        assert send("alertmanager", {"groupKey": "g", "alerts": [one]}).status_code == 200
    assert Alert.objects.get().status == "closed"


@pytest.mark.parametrize("digits", [10, 13, 16, 19])
def test_seconds_to_nanoseconds_are_one_time(digits: int) -> None:
    moment = "1795000000" + "0" * (digits - 10)
    assert send("hec", hec("甲", "web-01") | {"time": int(moment)}).status_code == 200
    assert Alert.objects.get().last_seen == datetime.fromtimestamp(1795000000, UTC)


POISON = {
    "no number": b'{"signature": "x", "load": NaN}',
    "endless": b'{"signature": "x", "load": 1e999}',
    "deep": b'{"a":' * 100 + b"1" + b"}" * 100,
    "deeper": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "long number": b'{"signature": "x", "load": ' + b"9" * 2_000 + b"}",
    "half a character": b'{"signature": "x", "agent": "\\udcff"}',
}


@pytest.mark.parametrize("line", POISON.values(), ids=POISON)
def test_a_line_of_raw_costs_no_line_behind_it(line: bytes) -> None:
    secret = tokens.create("raw", ["ingest"])[1]
    client = Client(headers={"Authorization": f"Splunk {secret}"})
    answer = client.post("/services/collector/raw", b"first\n" + line + b"\nlast", "text/plain")
    assert answer.json() == {"text": "Success", "code": 0}
    assert Alert.objects.filter(title__in=("first", "last")).count() == 2
    assert Alert.objects.count() == 3


def test_events_behind_a_break_are_not_acknowledged() -> None:
    answer = send("hec", json.dumps(hec("甲", "web-01")).encode() + b'{"event": NaN}{"event": "z"}')
    assert (answer.status_code, answer.json()["code"]) == (400, 6)
    assert "前面的事件已经收下" in answer.json()["message"]
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("name", ["zabbix", "hec"])
def test_another_packing_is_told_from_another_type(name: str) -> None:
    answer = send(name, zabbix("甲", "web-01"), **{"Content-Encoding": "deflate"})
    assert answer.status_code == (415 if name == "zabbix" else 400)
    assert "压缩方式 deflate" in answer.content.decode()


def test_what_is_on_the_disk_is_not_named_after_its_place() -> None:
    answer = send("zabbix", b" " * ((1 << 20) + 1))
    assert "上传的内容" in answer.json()["error"]["message"]


class BrokenChunks(BytesIO):
    """As the server gives a body whose chunks are none."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise RuntimeError("InvalidChunkSize")


@pytest.mark.parametrize("name", ["zabbix", "hec"])
def test_chunks_that_are_none_are_the_senders_fault(name: str) -> None:
    client = with_token("ingest")
    address = "/services/collector/event" if name == "hec" else "/api/v1/ingest/zabbix/"
    environ = {"CONTENT_LENGTH": "", "wsgi.input": BrokenChunks(), "wsgi.input_terminated": True}
    answer = client.generic("POST", address, b"", "application/json", **environ)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert "没有传完" in answer.content.decode()


def test_what_stands_once_above_many_is_not_kept_many_times() -> None:
    many = {
        "groupKey": "g" * 60_000,
        "alerts": [entry(str(n), "web-01", fingerprint=str(n)) for n in range(50)],
    }
    assert send("alertmanager", many).status_code == 200
    action = elastic("甲", "web-01") | {
        "message": "m" * 300_000,
        "alerts": [{"host": f"h{n}"} for n in range(50)],
    }
    assert send("elastic", action).status_code == 200
    assert max(len(json.dumps(each.raw)) for each in AlertPayload.objects.all()) < 1000
    assert Alert.objects.count() == 100


def test_entries_of_an_action_that_say_nothing_are_no_alerts() -> None:
    action = elastic("甲", "web-01") | {"alerts": [{}, {"id": "", "host": ""}, {"host": "h1"}, None]}
    assert send("elastic", action).json()["created"]["alert"] == 1
    answer = send("elastic", elastic("甲", "web-01") | {"alerts": [{"host": "h"}] * 5001})
    assert (answer.status_code, "最多 5000 条" in answer.json()["error"]["message"]) == (422, True)


@pytest.mark.parametrize("source", ["zabbix%1F7", "zabbix%E2%80%8B", "%E2%80%AExibbaz"])
def test_a_source_that_looks_like_another_is_refused(source: str) -> None:
    body = json.dumps(zabbix("甲", "web-01"))
    answer = with_token("ingest").post(f"/api/v1/ingest/zabbix/?source={source}", body, "application/json")
    assert (answer.status_code, "看不见" in answer.json()["error"]["message"]) == (400, True)
