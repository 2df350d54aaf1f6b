"""Tables of fields in TOML: what they say is what is read, what is wrong is named, and a table in use is so at every door."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.importers.language.examples import faults_of
from secops_agent.importers.language.inputs import line_of, pairs_in
from secops_agent.importers.language.table_files import read_table
from secops_agent.importers.language.toml_text import toml_text
from secops_agent.services.records import AlertRecord

from .test_every_door import DOORS

FORMATS = sorted((Path(registry.__file__).parent / "formats").rglob("*.toml"))
WAF = """
id = "some_waf"
name = "某某WAF"
tell = ["waf_rule", "client_ip"]
each = "events[]"
[fields]
title = "waf_rule"
severity = {from = "risk", map = {"1" = "low", "2" = "medium", "3" = "high", "4" = "critical"}}
time = {from = "ts", format = "%Y-%m-%d %H:%M:%S", zone = "Asia/Shanghai"}
attacker = "client_ip"
victim = ["server_ip", "host"]
result = {from = "blocked", map = {"1" = "失败", "0" = "企图"}}
[evidence]
"请求" = "request"
[[examples]]
record = '{"waf_rule": "SQL注入", "client_ip": "192.0.2.1", "risk": "3", "ts": "2026-11-29 08:00:00", "host": "web-01"}'
expect = {title = "SQL注入", severity = "high", attacker = "192.0.2.1", victim = "web-01", time = "2026-11-29T08:00:00+08:00"}
"""
EVENT: dict[str, Any] = {
    "waf_rule": "SQL注入", "client_ip": "192.0.2.1", "risk": "3", "ts": "2026-11-29 08:00:00", "server_ip": "10.0.0.8", "blocked": 1,
    "request": "GET /?id=1 HTTP/1.1\r\nCookie: sid=s3cr3t",
}  # fmt: skip
LINE = "<134>Nov 29 08:00:00 fw-1 acfw: 2026-11-29 08:00:00|暴力破解|3|192.0.2.1|10.0.0.8|user=root password=s3cr3t"
# name → how it is read, and a file of one record
INPUTS = {
    "csv": ('input = "csv"', "waf_rule,client_ip,risk,ts,server_ip,note\nSQL注入,192.0.2.1,3,2026-11-29 08:00:00,10.0.0.8,\n"),
    "xml": ('input = "xml"\neach = "event"', '<log><event client_ip="192.0.2.1"><waf_rule>SQL注入</waf_rule><risk>3</risk>'
            "<ts>2026-11-29 08:00:00</ts><server_ip>10.0.0.8</server_ip></event></log>"),
    "pairs": ('input = "pairs"', 'Nov 29 08:00:00 fw waf_rule="SQL注入" client_ip=192.0.2.1 risk=3 ts="2026-11-29 08:00:00" server_ip=10.0.0.8\n'),
    "line": ('line = "waf: {ts}|{waf_rule}|{risk}|{client_ip}|{server_ip}"', "<4>x waf: 2026-11-29 08:00:00|SQL注入|3|192.0.2.1|10.0.0.8\n"),
}  # fmt: skip


def table(text: str, *more: str) -> str:
    """`WAF` without its place and examples, with these lines in front."""
    return "\n".join([*more, re.sub(r"(?s)\[\[examples.*|each = .*?\n", "", text)])


@pytest.fixture
def waf(database: object) -> str:
    """In use, as an administrator switches it on."""
    return in_use(WAF)


def in_use(text: str) -> str:
    """The name of a table that is switched on."""
    from secops_agent.services import format_tables
    from secops_agent.services.actors import Actor
    from secops_agent.uploads.tables import adopt

    actor = Actor.system("tests")
    return format_tables.switch_on(adopt(text, actor).pk, actor).name


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.stem)
def test_shipped_table_bears_its_examples_out(path: Path) -> None:
    table = read_table(path.read_text(), path.stem)
    assert (faults_of(table), table.importer.name) == ([], path.stem)


def test_documented_table_is_right() -> None:
    text = (Path(__file__).parents[3] / "docs/importers.md").read_text()
    for written in re.findall(r"(?s)```toml\n(id = .*?)```", text):
        assert faults_of(read_table(written)) == []
        break
    else:
        pytest.fail("docs/importers.md 没有字段表的例子")


def test_at_least_eight_formats_are_tables() -> None:
    assert len(FORMATS) >= 8


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("x = [", "不是有效的 TOML"),
        (WAF.replace("title =", "titel ="), "「fields.titel」：不认识这一项，可以写的是 agent_id"),
        (WAF.replace('"3" = "high"', '"3" = "hoch"'), "「fields.severity.map.3」：应当是 critical、high"),
        (WAF.replace("%Y-%m-%d %H", "%Q"), "「fields.time.format」：「%Q"),
        (WAF.replace("%Y-", ""), "里要有年份"),
        (WAF.replace("Asia/Shanghai", "../etc/passwd"), "「fields.time.zone」：没有「../etc/passwd」这个时区"),
        (WAF.replace("prefix", "x").replace('title = "waf_rule"', 'title = {from = "a", prefx = "b"}'), "「fields.title.prefx」"),
        (WAF.replace("events[]", "events"), "「each」：「events」应当以 [] 结尾"),
        (WAF.replace('tell = ["waf_rule", "client_ip"]', ""), "「tell」：要写出"),
        (WAF.replace('id = "some_waf"', 'id = "Some WAF"'), "「id」：应当是小写字母开头"),
        (table(WAF, 'line = "{a}{b}"'), "「line」：两个字段之间要有隔开它们的字符"),
        (table(WAF, 'line = "{a b} {c}"'), "「line」：「a b」不能作字段的名称"),
        (WAF + "rights = 1\n", "「examples[1].rights」：不认识这一项"),
        ("x" * 200_001, "超过 200000 个字符"),
        ("a = " + "[" * 5000, "不是有效的 TOML"),
        ("a" + ".a" * 12_000 + " = 1", "一个键最多 40 段"),  # the square of its parts: 7 s
        ("x = {" + """'a' . "\\"" . """ * 50 + "a = 1}", "一个键最多 40 段"),
    ],
)  # fmt: skip
def test_wrong_table_is_refused_with_its_place(wrong: str, told: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_table(wrong)
    assert told in error.value.message


def test_example_that_is_not_what_the_table_reads_is_told() -> None:
    wrong = WAF.replace(
        'expect = {title = "SQL注入", severity = "high"', 'expect = {title = "XSS", severity = "low"'
    )
    assert faults_of(read_table(wrong)) == [
        "第 1 个样例：title 应当是 XSS，读出的是 SQL注入。",
        "第 1 个样例：severity 应当是 low，读出的是 high。",
    ]
    swapped = WAF.replace('attacker = "client_ip"', 'attacker = ["server_ip", "host"]').replace(
        'victim = ["server_ip", "host"]', 'victim = "client_ip"'
    )
    assert "第 1 个样例：attacker 应当是攻击者，字段表把 192.0.2.1 读成了受害者。" in faults_of(
        read_table(swapped)
    )


@pytest.mark.parametrize("input", INPUTS)
def test_every_input_gives_the_same_alert(input: str) -> None:
    how, data = INPUTS[input]
    importer = read_table(table(WAF, how)).importer
    source = Source.from_bytes(data.encode(), "样例")
    assert importer.sniff(source.head()) == 1.0
    [found] = importer.parse(source, Options())
    assert isinstance(found, AlertRecord)
    assert (found.title, found.severity, [each.name for each in found.assets]) == (
        "SQL注入",
        "high",
        ["10.0.0.8"],
    )
    assert found.occurred_at is not None
    assert found.occurred_at.isoformat() == "2026-11-29T00:00:00+00:00"
    assert [each.value for each in found.indicators] == ["192.0.2.1"]
    assert found.event_id


def test_both_ends_have_names_and_an_event_named_at_the_top_is_that_of_each_kind() -> None:
    text = """
name = "云雀"
same = ["rule", "dst"]
event = ["id"]
[fields]
title = "rule"
attacker = "src"
attacker_host = "src_name"
victim = "dst"
victim_host = "dst_name"
[[records]]
tell = ["rule", "dst_name"]
"""
    record = {
        "rule": "PsExec",
        "src": "10.2.3.17",
        "src_name": "fin-pc-017",
        "dst": "10.2.8.5",
        "dst_name": "file-02",
        "id": "9f2c81",
    }
    importer = read_table(text).importer
    inside, outside = (importer.read({**record, **more}, Options()) for more in ({}, {"dst": "203.0.113.77"}))
    assert {(each.name, *each.ips) for each in inside.assets} == {
        ("fin-pc-017", "10.2.3.17"),
        ("file-02", "10.2.8.5"),
    }
    assert [(each.name, *each.ips) for each in outside.assets] == [("fin-pc-017", "10.2.3.17")], (
        "theirs is none of ours"
    )
    assert inside.event_id.startswith("9f2c81")


def test_several_kinds_of_records_share_what_stands_at_the_top() -> None:
    text = """
        name = "两种"
        [fields]
        title = "name"
        host = "machine"
        [[records]]
        kind = "a"
        tell = ["a"]
        [[records]]
        kind = "b"
        tell = ["b"]
        fields = {severity = {from = "score", at_least = {critical = 90, high = 70}}, title = {from = "name", prefix = "B："}}
        skip = {b = {"0" = "不是告警"}}
    """
    importer = read_table(text).importer
    read = [
        importer.read(value, Options())
        for value in ({"a": 1, "name": "x1y", "machine": "web-01"}, {"b": 1, "name": "x1y", "score": 75})
    ]
    assert [(each.title, each.severity, each.dedup_key[0]) for each in read] == [
        ("x1y", "medium", "a"),
        ("B：x1y", "high", "b"),
    ]
    with pytest.raises(InvalidInput, match="不是告警"):
        importer.read({"b": 0, "name": "x"}, Options())


@pytest.mark.parametrize(
    "hostile", ['a="' * 30_000, "a=" * 40_000, '="\\' * 20_000, "a" * 64_000, "|" * 64_000, 'a="\\"' * 16_000]
)
def test_no_line_takes_longer_than_it_is_long(hostile: str) -> None:
    began = time.process_time()
    pairs_in(hostile)
    line_of("|".join(f"{{f{number}}}" for number in range(100)))(hostile)
    line_of("x {a} y {b} z")(hostile)
    assert time.process_time() - began < 0.5


def test_written_table_is_read_as_the_same() -> None:
    document = {
        "name": 'a "b" \\ \x7f \n c', "tell": ["键", "a.b"], "same": [["a", "b"], "c"],
        "fields": {"title": {"from": ["'\"", "a\\b"], "prefix": "WAF："}, "severity": {"from": "x", "map": {"高 危": "high", "1": "low"}}},
        "records": [{"kind": "a", "tell": ["a"], "fields": {"host": "h" * 120}, "skip": {"x": {"1": "不"}}}],
        "examples": [{"record": '{"a": "\'b\'"}', "expect": {"title": "x"}}],
    }  # fmt: skip
    import tomllib

    assert tomllib.loads(toml_text(document)) == document


@pytest.mark.parametrize("door", DOORS)
def test_table_in_use_is_live_at_every_door(door: str, waf: str, tmp_path: Path) -> None:
    data = json.dumps({"events": [EVENT]} if door != "syslog" else EVENT, ensure_ascii=False).encode()
    [found] = DOORS[door](data, tmp_path / "alerts.json")
    assert isinstance(found, AlertRecord)
    assert (found.title, found.severity) == ("SQL注入", "high")
    assert [each.name for each in found.assets] == ["10.0.0.8"]
    assert "攻击结果：失败" in found.description
    assert "s3cr3t" not in repr(found)


@pytest.mark.parametrize("door", DOORS)
def test_table_of_lines_is_live_at_every_door(door: str, database: object, tmp_path: Path) -> None:
    line = 'id = "some_fw"\nline = "acfw: {ts}|{waf_rule}|{risk}|{client_ip}|{server_ip}|{request}"'
    in_use(re.sub('id = "some_waf"', "", table(WAF, line)))
    written = LINE if door != "syslog" else LINE.partition(": ")[2].join(["acfw: ", ""])
    [found] = DOORS[door](written.encode(), tmp_path / "fw.log")
    assert isinstance(found, AlertRecord)
    assert (found.title, found.severity) == ("暴力破解", "high")
    assert "s3cr3t" not in repr(found)


def test_table_that_is_switched_off_reads_nothing_more(waf: str) -> None:
    from secops_agent.models import FormatTable
    from secops_agent.services import format_tables
    from secops_agent.services.actors import Actor

    source = Source.from_bytes(json.dumps(EVENT).encode())
    assert registry.detect(source) == waf
    format_tables.switch_off(FormatTable.objects.get().pk, Actor.system("tests"))
    assert registry.detect(source) != waf
    with pytest.raises(InvalidInput, match="没有名为「some_waf」的导入格式"):
        list(registry.parse(waf, source))


def test_table_takes_nothing_that_a_built_in_format_is_sure_of(database: object) -> None:
    from .cn_samples import FILES

    name, data = FILES["tdp"]
    in_use(
        WAF.partition("[[")[0]
        .replace('["waf_rule", "client_ip"]', '["threat", "net"]')
        .replace('each = "events[]"', "")
    )
    written = data if isinstance(data, str) else json.dumps(data)
    assert registry.detect(Source.from_bytes(written.encode())) == name == "tdp"


def test_name_of_a_built_in_format_is_refused(database: object) -> None:
    with pytest.raises(InvalidInput, match="「tdp」是内置格式"):
        in_use(WAF.replace("some_waf", "tdp"))


def test_other_process_sees_the_table_without_restart(waf: str) -> None:
    from secops_agent.services import format_tables

    other = format_tables._InUse()
    assert [name for name, _ in other()] == [waf]
    assert other.looked_at > 0
    assert format_tables.FRESH_S < 60


def test_command_exports_and_imports(waf: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from secops_agent.models import FormatTable

    call_command("importer_tables", "export", str(tmp_path))
    file = tmp_path / "some_waf.toml"
    assert file.read_text() == WAF
    call_command("importer_tables", "import", str(tmp_path))
    assert FormatTable.objects.count() == 1  # the same text is the same version
    file.write_text(WAF.replace("某某", "另一个"))
    call_command("importer_tables", "import", str(file), "--enable")
    assert list(FormatTable.objects.order_by("version").values_list("version", "enabled")) == [
        (1, False),
        (2, True),
    ]
    assert registry.get("some_waf").title == "另一个WAF"
    file.write_text(WAF.replace('title = "SQL注入", severity', 'title = "X", severity'))
    with pytest.raises(CommandError, match="字段表和它的样例不符。第 1 个样例：title 应当是 X"):
        call_command("importer_tables", "import", str(file))
    capsys.readouterr()


def test_only_an_administrator_switches_a_table_on(waf: str) -> None:
    from secops_agent.models import AuditRecord, FormatTable, Role, Staff
    from secops_agent.services import format_tables
    from secops_agent.services.actors import Actor
    from secops_agent.services.faults import Forbidden
    from secops_agent.uploads.tables import adopt

    people = {
        role: Actor.person(Staff.objects.create(corp_id="c1", staff_id=role, name=role, role=role), "admin")
        for role in (Role.ANALYST, Role.APPROVER, Role.ADMIN)
    }
    for text in (WAF + "\n", "no TOML"):  # who may not is not read
        with pytest.raises(Forbidden):
            adopt(text, people[Role.ANALYST])
    row = adopt(WAF + "\n", people[Role.APPROVER])
    for act in (format_tables.switch_on, format_tables.switch_off):
        with pytest.raises(Forbidden, match="需要「管理」角色"):
            act(row.pk, people[Role.APPROVER])
    assert format_tables.switch_on(row.pk, people[Role.ADMIN]).enabled
    assert FormatTable.objects.filter(enabled=True).count() == 1
    told = AuditRecord.objects.filter(subject=f"formattable:{row.pk}").values_list("what", flat=True)
    assert list(told.order_by("pk")) == ["保存接入", "启用接入"]
