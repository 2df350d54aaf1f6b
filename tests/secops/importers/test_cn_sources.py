"""Chinese sources: each sample gives the alert it should, is known for what it is, and names what is wrong with it."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import BrokenRecord, Options
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.services.records import AlertRecord, Indicator, Key

from . import cn_samples as samples
from .reading_aid import of, read, rejected, source_of
from .test_feed_guards import SHAPES, TEXTS, check
from .test_guards import spoilt

FILES = samples.FILES
AGENT = Key("agent_id", "qingteng:979f3c4d44b2e765")
# title, severity, state, first, last ("" where the source does not say), asset's first key, an observable
EXPECTED: dict[str, tuple[str, str, str, str, str, Key | None, Indicator | None]] = {
    "tencent malware": ("恶意文件：Linux.Trojan.Miner", "high", "open", "00:30", "01:30",
                        Key("cloud_id", "ins-example1"), Indicator("hash", "ab" * 16)),
    "tencent brute": ("暴力破解：破解成功", "high", "open", "00:30", "00:40",
                      Key("cloud_id", "ins-example1"), Indicator("ip", "203.0.113.66")),
    "tencent login": ("异常登录：密码破解成功后登录", "high", "open", "00:30", "00:30",
                      Key("cloud_id", "ins-example1"), Indicator("account", "root")),
    "tencent command": ("高危命令：下载并执行脚本", "high", "open", "00:30", "00:30",
                        Key("cloud_id", "ins-example1"), Indicator("url", "http://203.0.113.9/a.sh")),
    "tencent shell": ("反弹 Shell：bash", "high", "open", "00:30", "00:30",
                      Key("cloud_id", "ins-example1"), Indicator("ip", "203.0.113.9")),
    "tencent privilege": ("本地提权：su", "high", "closed", "00:30", "00:30",
                          Key("cloud_id", "ins-example1"), Indicator("process", "/tmp/su")),
    "tencent dns": ("恶意请求：矿池域名", "high", "open", "00:30", "01:30",
                    Key("agent_id", "tencent_cwp:a1b2-example"), Indicator("domain", "pool.example.net")),
    "huawei_hss": ("木马", "high", "open", "00:30", "00:30",
                   Key("cloud_id", "5c1e0000-example"), Indicator("hash", "cd" * 32)),
    "huawei_secmaster": ("ECS 对外攻击", "critical", "open", "00:30", "01:30",
                         Key("ip", "10.0.3.15"), Indicator("ip", "203.0.113.9")),
    "safeline": ("WAF 攻击：backdoor", "high", "", "00:30", "00:30",
                 Key("ip", "10.0.3.20"), Indicator("ip", "203.0.113.66")),
    "skyeye": ("疑似下载脚本文件", "medium", "", "00:30", "01:30",
               Key("ip", "10.0.3.15"), Indicator("domain", "dl.example.com")),
    "sensor": ("SQL 注入攻击", "high", "", "00:30", "00:30", Key("ip", "10.0.3.20"), Indicator("ip", "203.0.113.66")),
    "sensor ids": ("木马外联", "critical", "", "00:30", "00:30", Key("ip", "10.0.3.15"), Indicator("ip", "203.0.113.9")),
    "threat": ("Struts2 远程代码执行", "critical", "", "00:30", "00:30", None, Indicator("ip", "203.0.113.66")),
    "gateway": ("跨站脚本攻击", "medium", "", "00:30", "00:30", Key("ip", "10.0.3.20"), Indicator("ip", "203.0.113.66")),
    "zeek": ("Zeek：SSH::Password_Guessing", "medium", "", "00:30", "00:30", Key("ip", "10.0.3.20"), Indicator("ip", "203.0.113.66")),
    "sentinel": ("Brute force attack against Azure Portal", "medium", "open", "00:30", "01:30", None, None),
    "playbook": ("Brute force attack against Azure Portal", "medium", "open", "00:30", "01:30", None, None),
    "defender": ("Multi-stage incident on one endpoint", "high", "closed", "00:30", "01:30", Key("hostname", "web-01"), Indicator("ip", "203.0.113.85")),
    "tdp": ("爆破敏感文件", "low", "", "00:30", "00:30", Key("ip", "10.0.3.15"), Indicator("ip", "203.0.113.66")),
    "sangfor alert": ("通用 SQL 注入攻击", "high", "", "00:30", "01:30",
                      Key("ip", "10.0.3.15"), Indicator("ip", "203.0.113.66")),
    "sangfor incident": ("主机失陷", "high", "open", "00:30", "01:30",
                         Key("ip", "10.0.3.15"), None),
    "sip alarm": ("SSH 口令暴力破解", "high", "", "00:30", "01:30",
                  Key("ip", "10.0.3.15"), Indicator("domain", "c2.example.net")),
    "sip event": ("主机访问了勒索病毒通信域名", "critical", "", "00:30", "01:30",
                  Key("ip", "10.0.3.15"), Indicator("domain", "c2.example.net")),
    "sip answer": ("主机访问了勒索病毒通信域名", "critical", "", "00:30", "01:30",
                   Key("ip", "10.0.3.15"), Indicator("ip", "203.0.113.9")),
    "qingteng brute": ("暴力破解：sshd", "medium", "", "00:30", "00:30", AGENT, Indicator("ip", "203.0.113.66")),
    "qingteng login": ("异常登录：root", "high", "", "00:30", "00:30", AGENT, Indicator("account", "root")),
    # Its answer does not say when it was found.
    "qingteng webshell": ("Web 后门：已知后门", "high", "", "", "", AGENT, Indicator("hash", "ab" * 16)),
    "qingteng shell": ("反弹 Shell：bash", "high", "", "00:30", "00:30", AGENT, Indicator("ip", "203.0.113.9")),
    "qingteng rights": ("本地提权：su", "high", "", "00:30", "00:30", AGENT, Indicator("process", "/home/www/dcow")),
    "qingteng backdoor": ("后门：检查\"/bin/tar\"命令", "high", "", "00:30", "00:30", AGENT, None),
    "qingteng windows": ("后门：进程svchost.exe加载异常网络模块", "high", "", "00:30", "00:30",
                         AGENT, Indicator("process", "C:\\Users\\a\\svchost.exe")),
    "qingteng honeypot": ("网络蜜罐：203.0.113.66", "medium", "", "00:30", "00:30",
                          AGENT, Indicator("ip", "203.0.113.66")),
    "qingteng command": ("可疑操作：curl下载黑客工具", "medium", "open", "00:30", "00:30",
                         AGENT, Indicator("url", "http://203.0.113.9/a.sh")),
    "qingteng syslog": ("反弹 Shell", "high", "", "00:30", "00:30", AGENT, Indicator("ip", "203.0.113.9")),
}  # fmt: skip
OURS = sorted({name for name, _ in FILES.values()})


@pytest.mark.parametrize("shape", FILES)
def test_sample_gives_its_alert(shape: str) -> None:
    name, value = FILES[shape]
    title, severity, state, first, last, key, seen = EXPECTED[shape]
    [alert] = of(read(name, value), AlertRecord)
    assert (alert.title, alert.severity, alert.status_hint) == (title, severity, state)
    for moment, clock in ((alert.first_seen, first), (alert.last_seen, last)):
        assert (moment.isoformat() if moment else "") == (f"2026-11-20T{clock}:00+00:00" if clock else "")
    assert [each.keys[0] for each in alert.assets][:1] == [key][: key is not None]
    assert seen in (*alert.indicators, None)
    assert alert.dedup_key[0]
    assert alert.event_id
    assert json.loads(json.dumps(alert.raw)) == alert.raw


@pytest.mark.parametrize("shape", FILES)
def test_sample_is_known_for_what_it_is(shape: str) -> None:
    name, value = FILES[shape]
    assert registry.detect(source_of(value)) == name
    assert [other for other in OURS if registry.get(other).sniff(source_of(value).head()) > 0] == [name]
    with pytest.raises(InvalidInput, match=f"像是 {name}，不是 trivy"):
        read("trivy", value)


@pytest.mark.parametrize("shape", [*SHAPES, *TEXTS])
def test_no_other_tools_file_is_taken(shape: str) -> None:
    head = source_of({**SHAPES, **TEXTS}[shape][1]).head()
    assert [name for name in OURS if registry.get(name).sniff(head) > 0] == []


@pytest.mark.parametrize("shape", FILES)
def test_one_record_reads_the_same_in_every_wrapping(shape: str) -> None:
    name, value = FILES[shape]
    importer = registry.get(name)
    assert isinstance(importer, TableImporter)
    [(_, record)] = importer.entries(source_of(value), Options())
    alone = importer.read(record, Options())
    written = json.dumps(record, ensure_ascii=False)
    lines = "\n".join(f"<14>Nov 20 08:30:01 host app[1]: {line}" for line in [written] * 2)
    for wrapped in (written, f"{written}\n{written}", [record], lines):
        assert set(of(read(name, wrapped), AlertRecord)) == {alone}, wrapped


@pytest.mark.parametrize(
    ("name", "file", "reason"),
    [
        ("tencent_cwp", samples.tencent("MalWareList", samples.MALWARE, samples.MALWARE | {"Level": 9}),
         "级别「Level」的值 9 不认识"),
        ("tencent_cwp", samples.tencent("MalWareList", samples.MALWARE, samples.MALWARE | {"Uuid": {"a": 1}}),
         "「Uuid」应当是文字，实际是对象"),
        ("tencent_cwp", samples.tencent("MalWareList", samples.MALWARE, samples.MALWARE | {"LatestScanTime": "昨天"}),
         "「LatestScanTime」不是有效的时间：昨天"),
        ("tencent_cwp", samples.tencent("HostLoginList", samples.LOGIN, samples.LOGIN | {"Status": 1}),
         "正常登录，不是告警（「Status」为 1）"),
        ("huawei_hss", {"data_list": [samples.HSS, samples.HSS | {"event_name": ""}]}, "缺少必填字段「event_name」"),
        ("skyeye", [samples.SKYEYE, samples.SKYEYE | {"is_white": 1}], "白名单"),
        ("tdp", [samples.TDP, samples.TDP | {"threat": None}], "缺少字段「threat.suuid」「threat.name」"),
        ("sangfor_xdr", samples.xdr(samples.XDR_ALERT, samples.XDR_ALERT | {"severity": "很高"}),
         "「severity」应当是数字"),
        ("safeline", [samples.SAFELINE, {"hello": 1}], "不是 safeline 的记录"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(name: str, file: Any, reason: str) -> None:
    items = read(name, file)
    assert len(of(items, AlertRecord)) == 1
    [(position, why)] = rejected(items)
    assert position.endswith("[1]")
    assert reason in why


def test_line_without_json_is_rejected_by_itself() -> None:
    log = f"{FILES['safeline'][1]}\n<30>1 2026-11-20T08:30:02+08:00 waf - - safeline_event - Connectivity test\n"
    items = read("safeline", log)
    assert len(of(items, AlertRecord)) == 1
    assert rejected(items) == [("第 2 行", "这一行里没有 JSON 对象")]


def test_written_out_keys_read_like_nested_ones() -> None:
    flat = {key: value for key, value in samples.TDP.items() if key not in ("threat", "net")}
    flat |= {f"threat.{key}": value for key, value in samples.TDP["threat"].items()}
    flat |= {"net.src_ip": "203.0.113.66", "net.dest_ip": "10.0.3.15", "net.http.url": "/WEB-INF/web.xml"}
    [nested], [alert] = (of(read("tdp", [value]), AlertRecord) for value in (samples.TDP, flat))
    assert (alert.title, alert.dedup_key, alert.description) == (
        nested.title,
        nested.dedup_key,
        nested.description,
    )


def test_source_name_and_zone_are_the_imports_own() -> None:
    options = Options(source="tencent_beijing")
    [alert] = of(read("tencent_cwp", FILES["tencent malware"][1], options), AlertRecord)
    assert alert.source == "tencent_beijing"
    assert Key("agent_id", "tencent_beijing:a1b2-example") in alert.assets[0].keys


def test_tables_of_one_source_never_share_a_key() -> None:
    shell = samples.SHELL | {"DstIp": "203.0.113.66", "ProcessName": "sshd"}
    alerts = of(read("tencent_cwp", [samples.BRUTE, shell]), AlertRecord)
    assert len({alert.dedup_key for alert in alerts}) == 2


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, {"uuId": []}, {"threat": "x", "net": [1]}])
def test_one_record_that_is_none_is_a_broken_record(value: Any) -> None:
    for name in OURS:
        importer = registry.get(name)
        assert isinstance(importer, TableImporter)
        with pytest.raises(BrokenRecord):
            importer.read(value, Options())


@pytest.mark.slow
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize("shape", FILES)
def test_spoilt_record_never_raises_anything_else(shape: str, data: st.DataObject) -> None:
    name, value = FILES[shape]
    importer = registry.get(name)
    assert isinstance(importer, TableImporter)
    [(_, record)] = importer.entries(source_of(value), Options())
    check(name, json.dumps(spoilt(record, data.draw)))
