"""What is shipped for known devices: each file is one that apply_configs takes, and each tool is tried against a mock that answers
as the device's public documentation says. No real device was asked."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from aiohttp import web
from django.core.management import call_command

from bifang.core.configuration.documents import read_yaml
from bifang.core.models import SystemConfig
from secops_agent.connectors.http_tools.config import Login
from secops_agent.connectors.http_tools.drafts import preset_names, read_preset
from tests.secops.http_tools.aid import Device
from tests.secops.http_tools.test_requests import Answers, answered

IP = "203.0.113.5"
AF = "/api/v1/namespaces/public"
AF_LOGIN = {f"{AF}/login": {"code": 0, "message": "成功", "data": {"loginResult": {"token": "t-1"}}}}
ALIYUN = {"RequestId": "CBF1E9B7-D6A0-4E9E-AD3E-2B47E6C2837D"}
CASES: list[tuple[str, int, str, dict[str, Any], dict[str, Any], tuple[str, str, Any], str]] = [
    ("sangfor-af", 0, "block", {"address": IP}, {"/api/batch/v1/namespaces/public/whiteblacklist": {"code": 0, "message": "成功", "data": {}}} | AF_LOGIN,
     ("POST", "/api/batch/v1/namespaces/public/whiteblacklist", [{"type": "BLACK", "url": IP, "enable": True, "description": "毕方封禁"}]), ""),
    ("sangfor-af", 0, "unblock", {"address": IP}, {"/api/batch/v1/namespaces/public/whiteblacklist": {"code": 1004, "message": "不存在"}} | AF_LOGIN,
     ("POST", "/api/batch/v1/namespaces/public/whiteblacklist?_method=delete", [{"type": "BLACK", "url": IP}]), ""),
    ("sangfor-af", 0, "get_blacklist", {"address": IP}, {f"{AF}/whiteblacklist/{IP}": {"code": 0, "data": {"url": IP, "type": "BLACK", "enable": True}}} | AF_LOGIN,
     ("GET", f"{AF}/whiteblacklist/{IP}", ""), f"url：{IP}"),
    ("safeline", 0, "block", {"address": IP}, {"/api/EditIPGroupItem": {"err": None, "msg": "", "data": {"id": 1, "cidrs": [f"{IP}/32"]}}},
     ("POST", "/api/EditIPGroupItem", {"id": 1, "targets": [IP]}), IP),
    ("safeline", 0, "unblock", {"address": IP}, {"/api/EditIPGroupItem": {"err": None, "msg": "", "data": None}},
     ("DELETE", "/api/EditIPGroupItem", {"id": 1, "targets": [IP]}), ""),
    ("safeline", 0, "find_groups", {"address": IP}, {"/api/IPGroupAPI": {"err": None, "msg": "ok", "data": {"total": 1, "list": [{"id": "123", "name": "黑名单", "cidrs": [f"{IP}/32"]}]}}},
     ("GET", f"/api/IPGroupAPI?cidr={IP}&count=20&offset=0", ""), "黑名单"),
    ("safeline", 0, "attacks", {"address": IP}, {"/api/DetectLogAggregateView": [{"src_ip": IP, "attack_type": "sqli", "count": "12"}]},
     ("GET", f"/api/DetectLogAggregateView?time_interval=24&log_size=20&condition=src_ip%3A{IP}", ""), "sqli"),
    ("threatbook", 0, "ip_reputation", {"address": IP}, {"/v3/scene/ip_reputation": {"response_code": 0, "verbose_msg": "OK", "data": {IP: {"is_malicious": True, "severity": "高", "judgments": ["傀儡机"]}}}},
     ("GET", f"/v3/scene/ip_reputation?apikey=a-secret-value&resource={IP}&lang=zh", ""), "is_malicious：是"),
    ("threatbook", 0, "compromise", {"name": "evil.example"}, {"/v3/scene/dns": {"response_code": 0, "verbose_msg": "OK", "data": {"domains": {"evil.example": {"is_malicious": True}}}}},
     ("GET", "/v3/scene/dns?apikey=a-secret-value&resource=evil.example&lang=zh", ""), "evil.example"),
    ("aliyun-cloudfw", 0, "block", {"address": IP}, {"/": ALIYUN},
     ("POST", f"/?Action=ModifyAddressBook&Version=2017-12-07&GroupUuid=00000000-0000-0000-0000-000000000000&GroupName=bifang-block&Description=%E6%AF%95%E6%96%B9%E5%B0%81%E7%A6%81&AddressList={IP}%2F32&ModifyMode=Append", ""), "RequestId"),
    ("aliyun-cloudfw", 0, "find_address", {"address": IP}, {"/": {**ALIYUN, "TotalCount": "1", "Acls": [{"GroupName": "bifang-block", "AddressList": [f"{IP}/32"]}]}},
     ("POST", f"/?Action=DescribeAddressBook&Version=2017-12-07&ContainPort=&Query={IP}&PageSize=10", ""), f"{IP}/32"),
    ("netbox", 0, "find_address", {"address": IP}, {"/api/ipam/ip-addresses/": {"count": 1, "next": None, "results": [{"address": f"{IP}/24", "dns_name": "web-01"}]}},
     ("GET", f"/api/ipam/ip-addresses/?address={IP}&limit=50", ""), "web-01"),
    ("netbox", 0, "find_prefix", {"address": IP}, {"/api/ipam/prefixes/": {"count": 1, "results": [{"prefix": "203.0.113.0/24", "site": {"name": "北京"}}]}},
     ("GET", f"/api/ipam/prefixes/?contains={IP}&limit=50", ""), "北京"),
    ("netbox", 0, "find_device", {"name": "web"}, {"/api/dcim/devices/": {"count": 1, "next": None, "results": [{"name": "web-01", "rack": None}]}},
     ("GET", "/api/dcim/devices/?name__ic=web&limit=50", ""), "web-01"),
    ("aliyun-voice-sms", 0, "call", {"phone": "13900000000", "title": '严重","x":"1'}, {"/": {"Code": "OK", "Message": "OK", "CallId": "1^2"}},
     ("POST", "/?Action=SingleCallByTts&Version=2017-05-25&CalledNumber=13900000000&TtsCode=TTS_10001&TtsParam=%7B%22title%22%3A%20%22%E4%B8%A5%E9%87%8D%5C%22%2C%5C%22x%5C%22%3A%5C%221%22%7D", ""), "CallId"),
    ("misp", 0, "find", {"value": IP}, {"/attributes/restSearch": {"response": {"Attribute": [{"value": IP, "Event": {"info": "勒索软件"}}]}}},
     ("POST", "/attributes/restSearch", {"returnFormat": "json", "value": IP, "limit": 20, "includeEventTags": 1}), "勒索软件"),
    ("misp", 0, "sighting", {"value": IP, "kind": 1}, {"/sightings/add": {"Sighting": {"id": "9", "type": "1"}}},
     ("POST", "/sightings/add", {"values": [IP], "type": 1, "source": "毕方"}), "Sighting"),
    ("aliyun-sls", 0, "search_logs", {"value": "svc_backup", "since": 1795100000, "until": 1795134600}, {"/logstores/LOGSTORE": [{"__time__": "1795134600", "user": "svc_backup"}]},
     ("GET", "/logstores/LOGSTORE?type=log&from=1795100000&to=1795134600&query=%22svc_backup%22&line=50&reverse=true", ""), "svc_backup"),
    ("aliyun-voice-sms", 1, "send", {"phone": "13900000000", "title": "告警"}, {"/": {"Code": "OK", "Message": "OK", "BizId": "9"}},
     ("POST", "/?Action=SendSms&Version=2017-05-25&PhoneNumbers=13900000000&SignName=%E5%85%AC%E5%8F%B8%E7%AD%BE%E5%90%8D&TemplateCode=SMS_10001&TemplateParam=%7B%22title%22%3A%20%22%E5%91%8A%E8%AD%A6%22%7D", ""), "BizId"),
]  # fmt: skip


def replying(answers: dict[str, Any]) -> Answers:
    def answer(request: web.Request, text: str) -> web.StreamResponse:
        return (
            web.json_response(answers[request.path])
            if request.path in answers
            else web.json_response({}, status=404)
        )

    return answer


def run(
    preset: str, number: int, tool: str, arguments: dict[str, Any], answers: dict[str, Any]
) -> tuple[Any, Device]:
    entry = read_yaml(read_preset(preset))["configs"][number]
    secrets = dict.fromkeys(entry.get("secrets", {}), "a-secret-value")
    login = Login.model_validate(entry["login"]) if "login" in entry else None
    written = {
        key: value
        for key, value in entry["tools"][tool].items()
        if key not in ("verify", "undo", "investigation")
    }
    more = {"headers": dict.fromkeys(entry.get("headers", {}), "a-token"), "sign": entry.get("sign", "")}
    return answered(replying(answers), written, arguments, secrets=secrets, login=login, **more)


@pytest.mark.parametrize(
    ("preset", "number", "tool", "arguments", "answers", "sent", "said"),
    CASES,
    ids=[f"{one[0]}-{one[2]}" for one in CASES],
)
def test_each_tool_of_a_preset_asks_and_understands_as_the_device_documents(
    preset: str,
    number: int,
    tool: str,
    arguments: dict[str, Any],
    answers: dict[str, Any],
    sent: tuple[str, str, Any],
    said: str,
) -> None:
    found, device = run(preset, number, tool, arguments, answers)
    assert not found.failed
    assert said in found.text
    method, path, body = device.calls[-1]
    assert (method, unquote(path), body) == (sent[0], unquote(sent[1]), sent[2])
    if preset == "sangfor-af":
        assert device.headers[-1]["Cookie"] == "token=t-1"
        assert device.calls[0][2] == {"name": "a-secret-value", "password": "a-secret-value"}
    if preset == "aliyun-sls":
        assert device.headers[-1]["Authorization"].startswith("LOG a-secret-value:")
    elif preset.startswith("aliyun"):
        assert device.headers[-1]["Authorization"].startswith("ACS3-HMAC-SHA256 Credential=a-secret-value,")
        assert device.headers[-1]["x-acs-action"] == dict(parse_qsl(urlsplit(sent[1]).query))["Action"]


REFUSED: list[tuple[str, str, dict[str, Any], dict[str, Any], str]] = [
    ("sangfor-af", "block", {"address": IP}, {"/api/batch/v1/namespaces/public/whiteblacklist": {"code": 1023, "message": "黑名单已满"}} | AF_LOGIN, "黑名单已满"),
    ("safeline", "block", {"address": IP}, {"/api/EditIPGroupItem": {"err": "not-found", "msg": "group not found"}}, "group not found"),
    ("threatbook", "ip_reputation", {"address": IP}, {"/v3/scene/ip_reputation": {"response_code": -1, "verbose_msg": "Invalid API Key"}}, "Invalid API Key"),
    ("aliyun-voice-sms", "call", {"phone": "1", "title": "x"}, {"/": {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "号码不合法"}}, "号码不合法"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "tool", "arguments", "answers", "said"), REFUSED, ids=[one[0] for one in REFUSED]
)
def test_what_a_device_refuses_in_its_own_words_is_told(
    preset: str, tool: str, arguments: dict[str, Any], answers: dict[str, Any], said: str
) -> None:
    found, _ = run(preset, 0, tool, arguments, answers)
    assert found.failed
    assert said in found.text


def test_logs_are_searched_by_code_with_only_what_was_given() -> None:
    hits = {
        "hits": {
            "hits": [
                {
                    "_source": {
                        "@timestamp": "2026-11-29T22:00:00Z",
                        "user": {"name": "root"},
                        "event": {"outcome": "failure"},
                    }
                }
            ]
        }
    }
    found, device = run(
        "elasticsearch",
        0,
        "search_logs",
        {"value": IP, "category": "authentication"},
        {"/logs-*/_search": hits},
    )
    assert "root" in found.text
    filters = device.calls[-1][2]["query"]["bool"]["filter"]
    assert filters[0] == {"range": {"@timestamp": {"gte": "now-24h", "lte": "now"}}}
    assert (filters[1]["multi_match"]["query"], filters[2]) == (
        IP,
        {"match": {"event.category": "authentication"}},
    )
    _, device = run("elasticsearch", 0, "search_logs", {"value": IP}, {"/logs-*/_search": hits})
    assert len(device.calls[-1][2]["query"]["bool"]["filter"]) == 2


@pytest.mark.django_db
def test_every_preset_is_a_file_that_can_be_applied(
    tmp_path: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(preset_names()) >= 7
    for name in preset_names():
        for entry in read_yaml(read_preset(name))["configs"]:
            places = [entry["base_url"], entry.get("login", {}).get("base_url") or entry["base_url"]]
            settings.ADDRESS_ALLOW_LIST = [
                *settings.ADDRESS_ALLOW_LIST,
                *(urlsplit(one).hostname for one in places),
            ]
            for reference in [*entry.get("headers", {}).values(), *entry.get("secrets", {}).values()]:
                if "env:" in reference:
                    monkeypatch.setenv(reference.removeprefix("raw:").removeprefix("env:"), "a-secret-value")
        path = tmp_path / f"{name}.yaml"
        path.write_text(read_preset(name), "utf-8")
        call_command("apply_configs", str(path))
    assert SystemConfig.objects.filter(kind="http_tools").count() == len(preset_names()) + 1
