"""What a tool fetches by itself: TAXII collections, MISP, its feeds, incidents of Sentinel; from servers on real sockets that answer
as the documents say. No real server was asked."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.configuration.documents import read_yaml
from bifang.core.models import SystemConfig
from secops_agent.connectors.http_tools.drafts import read_preset
from secops_agent.connectors.http_tools.session import _next_page
from secops_agent.models import Alert, ImportJob, ListedIndicator, Pull
from secops_agent.tasks.pulls import run_due
from tests.secops.http_tools.aid import Device, serve

pytestmark = pytest.mark.django_db
SECRET = "s3cret-value-123456"


@contextmanager
def served(answer: Callable[[web.Request, str], web.StreamResponse]) -> Iterator[Device]:
    """A device that answers in a thread of its own."""
    device, loop = Device(answer=answer), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(device), loop).result(10)
    try:
        yield device
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = ["127.0.0.1"]


def connect(preset: str, device: Device, path: str = "", **more: Any) -> SystemConfig:
    """The preset as a person would have made it their own."""
    entry = {**read_yaml(read_preset(preset))["configs"][0], **more}
    given = {key: value for key, value in entry.items() if key not in ("kind", "name")}
    for name in ("headers", "secrets"):
        if name in given:
            given[name] = {
                key: ("raw:" * value.startswith("raw:")) + SECRET if "env:" in value else value
                for key, value in given[name].items()
            }
    if "login" in given:
        given["login"] = {**given["login"], "base_url": device.url}
    return configs.save("http_tools", entry["name"], True, {**given, "base_url": f"{device.url}{path}"})[0]


def again(config: SystemConfig) -> str:
    """As if its time had come."""
    Pull.objects.filter(config=config).update(next_at=timezone.now() - timedelta(seconds=1))
    return run_due()


def told(config: SystemConfig) -> str:
    return SystemConfig.objects.get(pk=config.pk).last_error


def listed() -> dict[str, str]:
    return dict(ListedIndicator.objects.values_list("value", "list__name"))


def stix(value: str, kind: str = "ipv4-addr") -> dict[str, Any]:
    return {
        "type": "indicator", "spec_version": "2.1", "id": f"indicator--{value}", "name": "C2", "pattern_type": "stix",
        "pattern": f"[{kind}:value = '{value}']", "valid_from": "2026-11-01T00:00:00Z", "valid_until": "2036-01-01T00:00:00Z",
    }  # fmt: skip


def test_a_taxii_collection_is_fetched_page_by_page_and_then_what_is_new() -> None:
    pages = {
        "": {"more": True, "next": "p-2", "objects": [stix("203.0.113.1"), stix("evil.example", "domain-name")]},
        "p-2": {"more": False, "objects": [stix("203.0.113.2")]},
    }  # fmt: skip

    def answer(request: web.Request, text: str) -> web.StreamResponse:
        page = pages.get(request.query.get("next", ""), {})
        return web.json_response(page, content_type="application/taxii+json")

    with served(answer) as device:
        config = connect("taxii", device, "/api1")
        assert run_due() == "TAXII 情报：3 条，新增 3"
        assert set(listed()) == {"203.0.113.1", "203.0.113.2", "evil.example"}
        assert set(listed().values()) == {"TAXII 情报"}
        first, second = device.calls
        assert "/api1/collections/00000000-0000-0000-0000-000000000000/objects/?" in first[1]
        assert "match%5Btype%5D=indicator" in first[1]
        assert "next=p-2" in second[1]
        assert device.headers[0]["Accept"] == "application/taxii+json;version=2.1"
        assert device.headers[0]["Authorization"] == f"Bearer {SECRET}"
        since = datetime.fromisoformat(_query(first[1])["added_after"])
        assert timedelta(days=89) < datetime.now(UTC) - since < timedelta(days=91)
        assert run_due() == "没有到期的拉取"
        pages[""], device.calls[:] = {}, []
        assert again(config) == "TAXII 情报：0 条，新增 0"
        since = datetime.fromisoformat(_query(device.calls[0][1])["added_after"])
        assert datetime.now(UTC) - since < timedelta(minutes=20)
        assert told(config) == ""


def _query(path: str) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit

    return dict(parse_qsl(urlsplit(path).query))


@pytest.mark.parametrize(
    ("status", "parked", "word"), [(401, True, "不接受我们的凭证"), (503, False, "HTTP 503")]
)
def test_what_cannot_be_fetched_is_told_and_the_cursor_stays(status: int, parked: bool, word: str) -> None:
    with served(lambda request, text: web.Response(status=status)) as device:
        config = connect("taxii", device, "/api1")
        run_due()
        row = Pull.objects.get(config=config)
        assert (row.parked, row.cursor, row.failures) == (parked, None, 1)
        assert word in told(config)
        assert SECRET not in told(config)


def test_an_answer_that_is_no_data_is_an_error_and_nothing_that_was_fetched() -> None:
    with served(lambda request, text: web.Response(text="OK")) as device:
        config = connect("taxii", device, "/api1")
        run_due()
        assert "不是 JSON" in told(config)
        assert Pull.objects.get(config=config).cursor is None


def event(*values: str) -> dict[str, Any]:
    rows = [
        {"type": "ip-dst", "category": "Network activity", "to_ids": True, "value": one} for one in values
    ]
    return {"Event": {"uuid": "u", "info": "勒索软件", "Attribute": rows}}


def test_a_misp_feed_gives_each_event_that_has_changed_once() -> None:
    now = int(timezone.now().timestamp())
    feed: dict[str, Any] = {
        "aaaa-1": {"timestamp": str(now - 60), "info": "x"}, "bbbb-2": {"timestamp": str(now - 3600)},
        "old-3": {"timestamp": str(now - 400 * 86400)}, "../../admin": {"timestamp": str(now)}, "broken-4": {"timestamp": str(now)},
    }  # fmt: skip
    events = {
        "aaaa-1": event("203.0.113.7"),
        "bbbb-2": event("203.0.113.8", "198.51.100.9"),
        "broken-4": {"rows": [1]},
    }

    peers: set[object] = set()

    def answer(request: web.Request, text: str) -> web.StreamResponse:
        peers.add(request.transport and request.transport.get_extra_info("peername"))
        if request.path == "/osint/manifest.json":
            return web.json_response(feed)
        name = request.path.removeprefix("/osint/").removesuffix(".json")
        return web.json_response(events[name])

    with served(answer) as device:
        config = connect("misp-feed", device, "/osint")
        assert run_due() == "MISP feed：3 条，新增 3"
        assert set(listed()) == {"203.0.113.7", "203.0.113.8", "198.51.100.9"}
        paths = [path for _, path, _ in device.calls]
        assert sorted(paths[1:]) == ["/osint/aaaa-1.json", "/osint/bbbb-2.json", "/osint/broken-4.json"]
        assert "broken-4" in ImportJob.objects.exclude(error="").get().error
        device.calls.clear()
        feed["aaaa-1"]["timestamp"] = str(now)
        events["aaaa-1"] = event("203.0.113.7", "203.0.113.70")
        assert again(config).endswith("新增 1")
        assert [path for _, path, _ in device.calls] == ["/osint/manifest.json", "/osint/aaaa-1.json"]
        assert len(peers) <= 4, "one client for a whole time, not one for each entry"
        feed.update({f"many-{number}": {"timestamp": "1"} for number in range(20_001)})
        again(config)
        assert "最多 20,000 个" in told(config)


def test_a_misp_gives_what_changed_since() -> None:
    def answer(request: web.Request, text: str) -> web.StreamResponse:
        return web.json_response({"response": {"Attribute": event("203.0.113.9")["Event"]["Attribute"]}})

    with served(answer) as device:
        connect("misp", device)
        assert run_due() == "MISP：1 条，新增 1"
        ((method, path, body),) = device.calls
        assert (method, path, device.headers[0]["Authorization"]) == (
            "POST",
            "/attributes/restSearch",
            SECRET,
        )
        assert isinstance(body["timestamp"], int)
        assert body["to_ids"] == 1


def incident(status: str = "New", **more: Any) -> dict[str, Any]:
    properties = {
        "title": "Brute force attack against Azure Portal", "severity": "High", "status": status, "incidentNumber": 3177,
        "createdTimeUtc": "2026-11-29T02:14:07Z", "lastActivityTimeUtc": "2026-11-29T02:09:12Z", **more,
    }  # fmt: skip
    return {"name": "73e01a99", "etag": "x", "properties": properties}


def test_incidents_of_sentinel_come_with_a_token_and_are_closed_there() -> None:
    found = [incident()]

    def answer(request: web.Request, text: str) -> web.StreamResponse:
        if request.path.endswith("/token"):
            assert f"client_secret={SECRET}" in text
            assert "Authorization" not in request.headers
            return web.json_response({"access_token": "t0ken", "token_type": "Bearer"})
        if "$skipToken" in request.query:
            return web.json_response({"value": []})
        link = f"https://elsewhere.example{request.path}?api-version=2024-09-01&%24skipToken=abc"
        return web.json_response({"value": found, "nextLink": link})

    with served(answer) as device:
        config = connect("microsoft-sentinel", device)
        assert run_due() == "Sentinel：1 条，新增 1"
        alert = Alert.objects.get()
        assert (alert.source, alert.severity, alert.status) == ("pull:Sentinel", "high", "open")
        assert device.headers[1]["Authorization"] == "Bearer t0ken"
        assert len(device.calls) == 3
        assert "$skipToken=abc" in device.calls[2][1]
        found[0] = incident("Closed", classification="TruePositive")
        again(config)
        alert.refresh_from_db()
        assert (alert.status, alert.closed_by_source, alert.count) == ("closed", True, 1)


def test_the_address_of_the_next_page_changes_nothing_that_is_asked() -> None:
    link = "https://x.example/?$filter=all&api-version=1&%24skiptoken=abc&cursor=7"
    assert _next_page(link, "") == {"$skiptoken": "abc"}
    assert _next_page(link, "cursor") == {"cursor": "7"}


def test_alerts_that_claim_another_source_are_not_believed() -> None:
    forged = {"title": "x", "severity": "low", "event_id": "1"}
    tools = {
        "rows": {
            "class": "read", "request": {"path": "/rows"}, "fetch": {"format": "generic", "minutes": 5},
        }
    }  # fmt: skip
    with served(lambda request, text: web.json_response({"source": "falco", "alerts": [forged]})) as device:
        config = configs.save("http_tools", "某平台", True, {"base_url": device.url, "tools": tools})[0]
        assert run_due() == "某平台：1 条，新增 1", told(config)
        again(config)
    alert = Alert.objects.get()
    assert (alert.source, alert.count) == ("pull:某平台", 1)


@pytest.mark.parametrize(
    ("tools", "word"),
    [
        ({"a": {"class": "dangerous", "request": {"path": "/x"}, "fetch": {"format": "events"}}}, "列为 read"),
        ({"a": {"class": "read", "request": {"path": "/{n}"}, "arguments": {"n": "string"}, "fetch": {"format": "events"}}}, "没有人填"),
        ({"a": {"class": "read", "request": {"path": "/x"}, "fetch": {"format": "events", "since": "n"}}}, "不在 arguments"),
        ({"a": {"class": "read", "request": {"path": "/x"}, "fetch": {"format": "events", "each": "b"}}}, "另一个列为 read"),
        ({n: {"class": "read", "request": {"path": "/x"}, "fetch": {"format": "events"}} for n in "ab"}, "只能有一个"),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_by_itself_is_not_kept(tools: dict[str, Any], word: str) -> None:
    with pytest.raises(configs.FieldErrors, match=word):
        configs.save("http_tools", "某平台", True, {"base_url": "http://127.0.0.1:1", "tools": tools})
