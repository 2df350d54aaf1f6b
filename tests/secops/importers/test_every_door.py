"""Every door × every form of alerts that is not of a known product: the same alert, with its evidence and without secrets."""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from secops_agent.brokers.config import BrokerSettings
from secops_agent.brokers.reading import items_of
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.importers.values.evidence import disclosed, masked
from secops_agent.services.intake.deliveries import Delivery
from secops_agent.services.records import AlertRecord, Item
from secops_agent.uploads.choices import Choices
from secops_agent.uploads.entry_points import _check_beginning
from secops_agent.uploads.preview import formats_of, look
from tests.secops.syslog import lines_aid

from . import cn_samples as samples

# record, title, severity, the end that is ours, the other end, what the description says
FORMS: dict[str, tuple[dict[str, Any], str, str, str, str, tuple[str, ...]]] = {
    "sensor, web": (samples.SENSOR, "SQL 注入攻击", "high", "10.0.3.20", "203.0.113.66",
                    ("攻击结果：成功", "You have an error in your SQL syntax", "受害者：10.0.3.20")),
    "sensor, network": (samples.IDS, "木马外联", "critical", "10.0.3.15", "203.0.113.9", ("攻击结果：失陷",)),
    "threat": (samples.THREAT, "Struts2 远程代码执行", "critical", "", "203.0.113.66",
               ("攻击结果：失败", "受害者：XXX.XXX.7.82", "Host: shop.example.com")),
    "gateway": (samples.GATEWAY, "跨站脚本攻击", "medium", "10.0.3.20", "203.0.113.66",
                ("动作：丢弃", "HTTP_Url=/s", "受害者：10.0.3.20")),
}  # fmt: skip


def _file(data: bytes, path: Path) -> list[Item]:
    source = Source.from_bytes(data, "alerts.json")
    return list(registry.parse(registry.detect_or_ask(source, "请写明格式"), source))


def _api(data: bytes, path: Path) -> list[Item]:
    source = Source.from_bytes(data, "上传的内容")
    name = registry.detect(source)
    _check_beginning(name, source, Choices())
    return list(registry.parse(name, source, Choices(source="waf").options()))


def _chat(data: bytes, path: Path) -> list[Item]:
    path.write_bytes(data)
    [name] = formats_of(path, "alerts.json")
    found = look(path, "alerts.json", name, Choices())
    assert (found.counts["alert"], found.rejected) == (1, 0)
    return list(registry.parse(name, Source("alerts.json", path=path)))


def _stream(data: bytes, path: Path) -> list[Item]:
    settings = BrokerSettings(1, "总线", "nats://192.0.2.1:4222", "siem", "bifang")
    return list(items_of(settings, Delivery("siem", "1", timezone.now(), data)))


def _syslog(data: bytes, path: Path) -> list[Item]:
    return [lines_aid.alert(b"<134>Nov 26 11:59:00 sensor-1 " + data)]


DOORS: dict[str, Callable[[bytes, Path], list[Item]]] = {
    "file and page": _file, "API": _api, "chat": _chat, "stream": _stream, "syslog": _syslog,
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("form", FORMS)
def test_every_door_reads_every_form(door: str, form: str, tmp_path: Path) -> None:
    record, title, severity, ours, other, told = FORMS[form]
    data = json.dumps(record, ensure_ascii=False).encode()
    [found] = DOORS[door](data, tmp_path / "alerts.json")
    assert isinstance(found, AlertRecord)
    assert (found.title, found.severity) == (title, severity)
    assert [each.name for each in found.assets] == ([ours] if ours else [])
    seen = {each.value for each in found.indicators if each.kind == "ip"}
    assert other in seen
    assert not seen & {ours, "XXX.XXX.7.82"}
    assert [each for each in told if each not in found.description] == []
    assert found.techniques == (("T1190",) if "T1190" in str(record) else ())
    assert "s3cr3t" not in repr(found)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET / HTTP/1.1\r\nCookie: a=s3cr3t; b=s3cr3t\r\nHost: x", "Host: x"),
        ("curl -H 'Authorization: Bearer s3cr3t-s3cr3t' https://x/", "curl -H"),
        ('{"user": "a", "password": "s3cr3t s3cr3t", "b": 1}', '"b": 1'),
        ('{\\"password\\":\\"s3cr3t s3cr3t\\",\\"b\\":1}', '\\"b\\":1'),
        ("id=1&user%5Bpassword%5D=s3cr3t&b=1", "b=1"),
        ("access_token=s3cr3t&pass=s3cr3t&bypass=1", "bypass=1"),
        ("<user>a</user><userPassword type='x'>s3cr3t</userPassword>", "<user>a</user>"),
        ('Content-Disposition: form-data; name="pwd"\r\n\r\ns3cr3t\r\n--x', "--x"),
        ("git clone https://robot:s3cr3t@git.example/a", "git.example/a"),
        ("sent Bearer s3cr3t-s3cr3t-s3cr3t to the server", "to the server"),
        ("curl -u a --api-key s3cr3t https://x/", "https://x/"),
        ("Failed password for root from 203.0.113.9", "Failed password for root from 203.0.113.9"),
        ("id=1' union select password from users--", "select password from users"),
    ],
)
def test_secrets_of_the_victim_are_masked(text: str, kept: str) -> None:
    assert "s3cr3t" not in masked(text)
    assert kept in masked(text)


def test_secrets_are_masked_by_key_and_in_lists_of_headers() -> None:
    event = {
        "headers": [{"name": "Cookie", "value": "s3cr3t"}, {"name": "Host", "value": "x"}],
        "login": {"userPassword": "s3cr3t", "API-Key": ["s3cr3t"], "accessKeyId": "AKIA"},
    }
    found = disclosed(event)
    assert "s3cr3t" not in repr(found)
    assert (found["headers"][1]["value"], found["login"]["accessKeyId"]) == ("x", "AKIA")


def test_a_packed_body_never_grows_beyond_reason() -> None:
    bomb = base64.b64encode(gzip.compress(b"x" * 10_000_000)).decode()
    assert len(disclosed({"rsp_body": bomb})["rsp_body"]) <= 64 << 10
    assert disclosed({"rsp_body": "H4sI\ud800"})["rsp_body"] == "H4sI\ud800"
