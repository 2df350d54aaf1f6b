"""/mcp/: what other agents may ask, in both forms of the protocol, and what gets in nobody's way."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from secops_agent.api import access
from secops_agent.models import Alert, AuditRecord, Role
from secops_agent.services.people import tokens
from tests.secops.api.callers import estate, owned, person, with_token
from tests.secops.api.mcp_aid import MODERN, URL, call, send, send_modern, text_of, tools_of

pytestmark = pytest.mark.django_db
READS = {"list_alerts", "get_alert", "list_assets", "lookup_cve", "search_runbook", "who_is_on_call"}
WRITES = {"close_alert", "acknowledge_alert", "silence_alerts", "create_schedule"}
DANGEROUS = {"block_ip", "isolate_host"}


def error_of(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


# Both forms


def test_a_client_that_shakes_hands_is_told_a_version_it_knows_and_gets_no_session() -> None:
    client = with_token("read")
    answer = send(
        client, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}}, {"Accept": "*/*"}
    )
    result = answer.json()["result"]
    assert (answer.status_code, result["protocolVersion"]) == (200, "2025-06-18")
    assert "Mcp-Session-Id" not in answer.headers
    assert "tools" in result["capabilities"]
    newest = send(client, "initialize", {"protocolVersion": "1999-01-01"}).json()["result"]
    assert newest["protocolVersion"] == "2025-11-25"
    assert send(client, "notifications/initialized", id=None).status_code == 400
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = client.post(URL, told, "application/json")
    assert (answer.status_code, answer.content) == (202, b"")
    assert send(client, "ping").json()["result"] == {}


def test_a_stateless_client_discovers_lists_and_calls() -> None:
    estate(1)
    client = with_token("read")
    found = send_modern(client, "server/discover").json()["result"]
    assert MODERN in found["supportedVersions"]
    assert {"resultType", "ttlMs", "cacheScope", "_meta"} <= found.keys()
    assert {tool["name"] for tool in send_modern(client, "tools/list").json()["result"]["tools"]} >= READS
    result = call(client, "list_alerts", severity="high")
    assert "SSH 暴力破解 0" in text_of(result)
    assert result["structuredContent"] == {
        "status": "ok", "query": "级别=高危，状态=未关闭", "data": [Alert.objects.get().pk],
    }  # fmt: skip
    assert result["isError"] is False


def test_schemas_have_bounds_and_refuse_what_they_do_not_know() -> None:
    schema = tools_of(with_token("read"))["list_alerts"]["inputSchema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["limit"] | {"description": ""} == {
        "type": "integer", "minimum": 1, "maximum": 1000, "default": 10, "description": "",
    }  # fmt: skip
    assert schema["properties"]["keyword"]["maxLength"] == 200
    assert "open" in schema["properties"]["status"]["enum"]


# Who may what


def test_tools_are_listed_by_scope_and_by_the_role_of_the_owner() -> None:
    def names(client: Client) -> set[str]:
        return set(tools_of(client))

    assert names(owned(Role.RESPONDER, "read", "write")) >= READS | WRITES | DANGEROUS
    analyst = names(owned(Role.ANALYST, "read", "write"))
    assert analyst >= READS | WRITES
    for client in (
        owned(Role.VIEWER, "read", "write"),
        owned(Role.ADMIN, "read"),
        with_token("read", "write"),
    ):
        assert not names(client) & (WRITES | DANGEROUS)
    assert not analyst & DANGEROUS
    hints = tools_of(owned(Role.RESPONDER, "write"))
    assert hints["block_ip"]["annotations"]["destructiveHint"]
    assert hints["list_alerts"]["annotations"]["readOnlyHint"]
    assert not hints["close_alert"]["annotations"]["readOnlyHint"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "said"),
    [
        (lambda: owned(Role.VIEWER, "read", "write"), "需要「分析」角色"),
        (lambda: owned(Role.ADMIN, "read"), "没有「修改」（write）范围"),
        (lambda: with_token("read", "write"), "没有归属的「人员」"),
    ],
)
def test_a_write_beyond_scope_or_role_is_refused_and_on_record(client: Any, said: str) -> None:
    estate(1)
    result = call(client(), "close_alert", alert_id=Alert.objects.get().pk, verdict="benign")
    assert result["isError"] is True
    assert said in text_of(result)
    record = AuditRecord.objects.get(what="调用 close_alert")
    assert (record.via, record.actor_kind, record.detail["status"]) == ("mcp", "token", "error")


@pytest.mark.parametrize(
    "client", [lambda: owned(Role.NONE), lambda: with_token("ingest"), lambda: owned(Role.VIEWER, "approve")]
)
def test_who_may_not_read_gets_nothing(client: Any) -> None:
    answer = send_modern(client(), "tools/list")
    assert error_of(answer) == (403, -32000)


def test_without_a_valid_token_nobody_gets_in() -> None:
    for client in (Client(), Client(headers={"Authorization": "Bearer bf_" + "x" * 43}), person(Role.ADMIN)):
        answer = send(client, "tools/list")
        assert error_of(answer) == (401, -32000)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_private_fields_are_what_the_api_shows_the_same_token_and_credentials_are_not() -> None:
    estate(1)
    Alert.objects.update(description="登录失败 password=Tr0ub4dor&3 来自 203.0.113.9")
    for role, reads in ((Role.VIEWER, False), (Role.ANALYST, True)):
        client = owned(role, "read")
        shown = text_of(call(client, "get_alert", alert_id=Alert.objects.get().pk))
        api = json.dumps(client.get(f"/api/v1/alerts/{Alert.objects.get().pk}/").json(), ensure_ascii=False)
        assert ("zhang.wei" in shown, "zhang.wei" in api) == (reads, reads)
    assert "Tr0ub4dor" not in shown
    assert "203.0.113.9" in shown


def test_identity_comes_from_the_token_whatever_a_request_says() -> None:
    estate(1)
    client = owned(Role.VIEWER, "read", "write")
    smuggled = {
        "X-Staff-Id": "zhang", "X-Forwarded-User": "admin", "Mcp-Session-Id": "1", "X-Remote-User": "admin", "Cookie": "sessionid=x",
    }  # fmt: skip
    given = {"alert_id": Alert.objects.get().pk, "verdict": "benign"}
    answer = send_modern(
        client, "tools/call", {"name": "close_alert", "arguments": given, "staff_id": "zhang"}, smuggled
    )
    assert answer.json()["result"]["isError"]
    given |= {"person": "zhang", "role": "admin"}
    owner = call(owned(Role.ANALYST), "close_alert", **given)
    assert "没有参数「person」" in text_of(owner)


def test_every_call_is_on_record_with_token_and_owner() -> None:
    estate(1)
    client = owned(Role.VIEWER, "read")
    call(client, "list_alerts", keyword="SSH")
    record = AuditRecord.objects.get(what="调用 list_alerts")
    token = tokens.ApiToken.objects.get()
    assert (record.actor_kind, record.actor_id, record.via) == ("token", str(token.pk), "mcp")
    assert record.actor_name == f"人员{token.owner_id}（API 令牌「{token.name}」）"
    owner = User.objects.get(pk=token.owner_id).username
    assert (record.detail["owner"], record.detail["arguments"]) == (f":{owner}", '{"keyword": "SSH"}')
    send_modern(client, "tools/call", {"name": "rm_rf", "arguments": {"\x00": "\ud800"}})
    assert AuditRecord.objects.get(what="调用 rm_rf").detail["arguments"] == '{"\\u0000": "\\ud800"}'


# What is wrong, and who knocks at the door


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32600),
        (b"{", -32700),
        (b"[" * 5000 + b"]" * 5000, -32000),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * 900 + b"1" + b"}" * 901, -32000),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b'"ping"', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', -32700),
        (b'\xff\xfe', -32700),
        (b'{"jsonrpc":"2.0","id":1' + b"0" * 5000 + b',"method":"ping"}', -32700),
    ],
)  # fmt: skip
def test_what_is_no_request_is_a_plain_400(body: bytes, code: int) -> None:
    answer = with_token("read").post(URL, body, "application/json")
    assert error_of(answer) == (400, code)
    assert answer.json()["jsonrpc"] == "2.0"


def test_a_huge_body_is_refused_before_it_is_read() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * 3_000_000 + b'"}'
    assert error_of(with_token("read").post(URL, body, "application/json")) == (413, -32000)


def test_unknown_methods_tools_and_arguments() -> None:
    client = with_token("read")
    assert error_of(send(client, "resources/list")) == (200, -32601)
    assert error_of(send_modern(client, "resources/list")) == (404, -32601)
    assert error_of(send_modern(client, "initialize")) == (404, -32601)
    assert error_of(send(client, "\ud800" * 80)) == (200, -32601)
    assert error_of(send(client, "tools/call", {"name": "nope"})) == (200, -32602)
    assert error_of(send_modern(client, "tools/call", {"name": "nope"})) == (400, -32602)
    assert error_of(send(client, "tools/call", {"name": "import_file"})) == (200, -32602), (
        "no program imports a file"
    )
    assert error_of(send(client, "tools/call", {"name": ["list_alerts"]})) == (200, -32602)
    assert error_of(send(client, "tools/call", {"name": "list_alerts", "arguments": [1]})) == (200, -32602)
    assert error_of(send(client, "tools/list", {"cursor": "2"})) == (200, -32602)
    for wrong in (
        {"limit": -1},
        {"limit": 2**70},
        {"keyword": "x" * 201},
        {"keyword": "\ud800"},
        {"\ud800": 1},
        {"severity": {"a": 1}},
    ):
        result = call(client, "list_alerts", **wrong)
        assert result["isError"], wrong
        assert "参数" in text_of(result)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Mcp-Method": "tools/call"}, -32020),
        ({"Mcp-Method": "tools/list, tools/call"}, -32020),
        ({"MCP-Protocol-Version": "2025-11-25"}, -32020),
        ({"MCP-Protocol-Version": "2099-01-01"}, -32022),
        ({"MCP-Protocol-Version": ""}, -32020),
    ],
)
def test_the_head_must_say_what_the_body_does(headers: dict[str, str], code: int) -> None:
    answer = send_modern(with_token("read"), "tools/list", headers=headers)
    assert error_of(answer) == (400, code)
    if code == -32022:
        assert MODERN in answer.json()["error"]["data"]["supported"]


def test_the_name_in_the_head_must_be_the_one_in_the_body() -> None:
    client, params = with_token("read"), {"name": "list_alerts"}
    for name in ("list_assets", "=?base64?%%?=", "=?base64?bGlzdF9hc3NldHM=?="):
        answer = send_modern(client, "tools/call", params, {"Mcp-Name": name})
        assert error_of(answer) == (400, -32020)
    wrapped = send_modern(client, "tools/call", params, {"Mcp-Name": "=?base64?bGlzdF9hbGVydHM=?="})
    assert wrapped.status_code == 200
    bare = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    answer = client.post(URL, bare, "application/json", headers={"MCP-Protocol-Version": MODERN})
    assert error_of(answer) == (400, -32602)


def test_only_post_and_only_json_and_no_stream_to_listen_to() -> None:
    client = with_token("read")
    for method in ("get", "delete", "put", "options", "head"):
        answer = getattr(client, method)(URL, headers={"Accept": "text/event-stream", "Mcp-Session-Id": "1"})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST"), method
    assert client.post(URL, b"{}", "text/plain").status_code == 415
    assert (
        client.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, "application/json").status_code
        == 200
    )


def test_pages_of_other_sites_do_not_get_in(settings: Any) -> None:
    client = with_token("read")
    settings.ALLOWED_HOSTS = ["*"]

    def status(origin: str, host: str = "testserver") -> int:
        answer = send(client, "ping", headers={"Origin": origin, "Host": host})
        return int(answer.status_code)

    assert status("http://testserver") == 200
    for origin in ("http://evil.example", "null", "https://testserver", "http://testserver.evil.example", ""):
        assert status(origin) == 403, origin
    settings.CSRF_TRUSTED_ORIGINS = ["https://agents.corp.example"]
    assert status("https://agents.corp.example") == 200
    settings.ALLOWED_HOSTS = ["bifang.corp.example"]
    assert status("http://rebound.example", "rebound.example") == 400


def test_a_token_is_slowed_down_at_its_rate(settings: Any) -> None:
    settings.RATE_LIMITS = True
    access._buckets.clear()
    client = with_token("read", rate=2)
    assert [send(client, "ping").status_code for _ in range(3)] == [200, 200, 429]
    answer = send(client, "ping")
    assert (error_of(answer), answer.headers["Retry-After"]) == ((429, -32000), "30")


def test_it_can_be_switched_off(settings: Any) -> None:
    settings.MCP_SERVER = False
    assert send(with_token("read"), "ping").status_code == 404
