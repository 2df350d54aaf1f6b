"""Drafts of tables: a sample of any spelling proposes a table that reads it, and nothing in a sample decides anything."""

import json
import time
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import Options, Source
from secops_agent.importers.language.drafts import EVIDENCE, TableDraft, draft_of, written_table
from secops_agent.importers.language.examples import faults_of
from secops_agent.importers.language.table_files import read_table
from secops_agent.services.records import AlertRecord

NAMES = ("SQL注入攻击", "目录遍历", "WebShell 上传", "暴力破解")


def rows(**more: Any) -> list[dict[str, Any]]:
    return [
        {"waf_rule": NAMES[place % 4], "client_ip": f"203.0.113.{place + 1}", "risk": "中高低"[place % 3], "ts": f"2026/11/29 08:00:{place:02}",
         "server_ip": "10.0.0.8", "request": "GET /?q=1 HTTP/1.1\r\nCookie: sid=s3cr3t", "trace_no": f"T{place}", **more}
        for place in range(12)
    ]  # fmt: skip


FORTI = "".join(
    f'date=2026-11-29 time=08:00:{place:02} devname="FW-1" logid="0419016384" type="utm" subtype="ips" level="alert" severity="high" srcip=203.0.113.{place + 1} '
    f'dstip=10.0.0.8 attack="Apache.Log4j.Error" eventtime="2026-11-29 08:00:{place:02}" action="dropped" msg="applications: Apache, password=s3cr3t"\n'
    for place in range(9)
)
PIPES = "".join(
    f"<134>Nov 29 08:00:0{place} fw acme-ids|2026-11-29 08:00:0{place}|端口扫描|{place % 3 + 1}|203.0.113.{place}|10.0.0.8|tcp\n"
    for place in range(6)
)
XML = "<Report><Meta v='1'/>" + "".join(
    f"<Incident id='{place}'><ThreatName>木马外联</ThreatName><Severity>High</Severity><DetectTime>2026-11-29 08:00:0{place}</DetectTime><SourceIP>203.0.113.9</SourceIP>"
    f"<HostName>web-0{place}</HostName></Incident>" for place in range(5)
) + "</Report>"  # fmt: skip
TABLE = "告警名称,风险,发生时刻,攻击者地址,目标地址,处置\n" + "".join(
    f"弱口令登录,高,2026-11-29 08:00:0{place},203.0.113.7,10.0.0.8,放行\n" for place in range(5)
)
# name → sample, how it is written, and the fields of some keys
SAMPLES: dict[str, tuple[str, dict[str, Any], Mapping[str, str]]] = {
    "list": (json.dumps(rows(), ensure_ascii=False), {}, {"waf_rule": "title", "risk": "severity", "ts": "time", "client_ip": "attacker", "server_ip": "victim", "request": EVIDENCE}),
    "lines": ("\n".join(json.dumps(each) for each in rows()), {}, {"waf_rule": "title", "risk": "severity"}),
    "nested": ("\n".join(json.dumps({**each, "matched": {"list": [{"k": 1}, {"k": 2}]}}) for each in rows()), {}, {"waf_rule": "title", "risk": "severity"}),
    "answer": (json.dumps({"code": 0, "msg": "success", "data": {"total": 12, "list": rows()}}), {"each": "data.list[]"}, {"waf_rule": "title"}),
    "log": ("".join(f"<134>Nov 29 08:00:00 waf-1 waf: {json.dumps(each)}\n" for each in rows()), {}, {"waf_rule": "title", "risk": "severity"}),
    "pairs": (FORTI, {"input": "pairs"}, {"attack": "title", "severity": "severity", "srcip": "attacker", "dstip": "victim"}),
    "pipes": (PIPES, {}, {"f3": "title"}),
    "xml": (XML, {"input": "xml", "each": "Incident"}, {"ThreatName": "title", "Severity": "severity", "DetectTime": "time", "HostName": "host", "SourceIP": "attacker"}),
    "csv": (TABLE, {"input": "csv"}, {"告警名称": "title", "风险": "severity", "发生时刻": "time", "攻击者地址": "attacker", "目标地址": "victim"}),
}  # fmt: skip


def drafted(sample: str) -> TableDraft:
    return draft_of(Source.from_bytes(sample.encode(), "样例"))


def toml_of(draft: TableDraft, **chosen: str) -> str:
    fields = {key.path: chosen.get(key.path, key.field) for key in draft.keys}
    return written_table(draft, "样例", fields=fields, levels=draft.levels, format=draft.format)


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_proposes_a_table_that_reads_it(name: str) -> None:
    sample, shape, wanted = SAMPLES[name]
    draft = drafted(sample)
    found = {key.path: key.field for key in draft.keys}
    assert {path: found[path] for path in wanted} == wanted
    assert draft.shape.items() >= shape.items()
    assert all(1 <= len(key.values) <= 3 for key in draft.keys)
    table = read_table(toml_of(draft))
    assert faults_of(table) == []
    source = Source.from_bytes(sample.encode(), "样例")
    assert table.importer.sniff(source.head()) == 1.0
    items = list(table.importer.parse(source, Options()))
    assert [each for each in items if not isinstance(each, AlertRecord)] == []
    assert len(items) >= draft.records > 4
    assert "s3cr3t" not in repr(items) + repr(draft) + toml_of(draft)


def test_example_of_the_sample_stands_in_the_table() -> None:
    document = tomllib.loads(toml_of(drafted(SAMPLES["list"][0])))
    [example] = document["examples"]
    assert (json.loads(example["record"])["trace_no"], example["expect"]["title"]) == ("T0", "SQL注入攻击")
    assert document["fields"]["time"] == {"from": "ts", "format": "%Y/%m/%d %H:%M:%S"}
    assert document["fields"]["severity"]["map"] == {"中": "medium", "低": "low", "高": "high"}


def test_person_decides_what_a_key_becomes() -> None:
    draft = drafted(SAMPLES["list"][0])
    document = tomllib.loads(toml_of(draft, waf_rule="rule", trace_no="title", request=""))
    assert (document["fields"]["title"], document["fields"]["rule"]) == ("trace_no", "waf_rule")
    assert "request" not in document.get("evidence", {})
    with pytest.raises(InvalidInput, match="哪个键是「标题」"):
        toml_of(draft, waf_rule="")


@pytest.mark.parametrize(
    "sample",
    ["hello world", "a,b\n", "[]", "{}", '"x"', "<a/>", "x" * 100_000, "{" * 5000, "[1, 2, 3]", '{"a": {}}'],
)
def test_what_is_no_log_is_refused_in_a_sentence(sample: str) -> None:
    with pytest.raises(InvalidInput) as error:
        drafted(sample)
    assert error.value.message


def test_words_of_a_sample_are_quoted_and_command_nothing() -> None:
    hostile = [
        {
            "alert_name": '"]\n[fields]\ntitle = "x',
            "severity": "high\n[[records]]",
            'ke"y\n[skip]': "1",
            "src_ip": "203.0.113.9",
        }
    ] * 5
    document = tomllib.loads(toml_of(drafted(json.dumps(hostile)), **{'ke"y\n[skip]': EVIDENCE}))
    assert set(document) <= {"name", "tell", "fields", "evidence", "examples"}
    assert document["fields"]["title"] == "alert_name"


@pytest.mark.parametrize("name", ["lines", "answer", "csv", "xml", "pairs"])
def test_ten_megabytes_propose_in_three_seconds(name: str) -> None:
    sample = SAMPLES[name][0]
    if name == "answer":
        value = json.loads(sample)
        value["data"]["list"] *= 3300
        sample = json.dumps(value)
    elif name == "xml":
        inner = sample.partition("/>")[2].removesuffix("</Report>")
        sample = sample.replace(inner, inner * (10_000_000 // len(inner.encode())))
    else:
        sample = (sample.rstrip("\n") + "\n") * (10_000_000 // len(sample.encode()))
    assert 8_000_000 < len(sample.encode()) <= 10 << 20
    began = time.process_time()
    drafted(sample)
    assert time.process_time() - began < 3
