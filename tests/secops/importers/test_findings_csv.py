"""Lists of vulnerabilities: our own header and others' spellings, what a row becomes, what is wrong in which line."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Options
from secops_agent.models import Asset, Finding
from secops_agent.services.records import AssetRecord, FindingRecord, Key, Rejected, VulnerabilityRecord

from .reading_aid import of, read, rejected, source_of
from .workbooks import workbook

OWN = (
    "IP,主机名,漏洞名称,CVE编号,CNVD编号,风险等级,CVSS,端口,协议,组件,当前版本,修复版本,修复建议,描述,发现时间,状态\n"
    "10.0.0.21,web-01,Log4j2 远程代码执行漏洞,CVE-2021-44228,CNVD-2021-95914,严重,10.0,8080,TCP,log4j-core,2.14.1,2.15.0,升级,"
    "JNDI 注入,2026/11/20 8:30,未修复\n"
)


def rows(header: str, *lines: str) -> str:
    return "\n".join((header, *lines)) + "\n"


def test_row_gives_exact_records() -> None:
    known, finding = read("findings_csv", OWN)
    assert isinstance(known, VulnerabilityRecord)
    assert (known.vuln_id, known.aliases, known.severity) == (
        "CVE-2021-44228",
        ("CNVD-2021-95914",),
        "critical",
    )
    assert [score.score for score in known.cvss] == [10.0]
    assert isinstance(finding, FindingRecord)
    assert finding.asset == AssetRecord(
        "host",
        "web-01",
        (Key("hostname", "web-01"), Key("ip", "10.0.0.21")),
        ips=("10.0.0.21",),
        source="findings_csv",
    )
    assert finding.key == ("CVE-2021-44228", "log4j-core@2.14.1", "8080/tcp")
    assert finding.component
    assert (finding.component.name, finding.component.version) == ("log4j-core", "2.14.1")
    assert (finding.title, finding.severity, finding.fixed_version, finding.remediation) == (
        "Log4j2 远程代码执行漏洞", "critical", "2.15.0", "升级",
    )  # fmt: skip
    assert finding.description == "JNDI 注入\n状态：未修复"
    assert finding.seen_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "data",
    [
        OWN.encode("gbk"),
        OWN.replace(",", "\t").encode("utf-16"),
        OWN.encode("utf-8-sig"),
        workbook(*(line.split(",") for line in OWN.splitlines())),
    ],
    ids=["gbk", "tabs", "utf-8-sig", "xlsx"],
)
def test_as_excel_and_scanners_save_it(data: bytes) -> None:
    assert registry.detect(source_of(data)) == "findings_csv"
    assert read("findings_csv", data) == read("findings_csv", OWN)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("资产IP,漏洞标题,危险级别,CVE", "10.0.0.21,弱加密,高危,"),
        ("目标IP,漏洞名称,漏洞等级,cve号", "10.0.0.21,弱加密,高风险,"),
        ("主机,漏洞公告,修复紧急度,CVE编号", "10.0.0.21,弱加密,需尽快修复,"),
        ("受影响资产,漏洞名称,威胁等级,漏洞编号", "10.0.0.21,弱加密,[高],7"),
    ],
)
def test_usual_chinese_headers_are_known(header: str, row: str) -> None:
    assert registry.detect(source_of(rows(header, row))) == "findings_csv"
    [finding] = of(read("findings_csv", rows(header, row)), FindingRecord)
    assert finding.asset
    assert (finding.title, finding.severity, finding.asset.keys) == (
        "弱加密",
        "high",
        (Key("ip", "10.0.0.21"),),
    )


@pytest.mark.parametrize(
    "header",
    [
        "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Synopsis,Description,Solution,See Also,Plugin Output",
        "IP,Hostname,Port,Port Protocol,CVSS,Severity,Solution Type,NVT Name,Summary,Specific Result,CVEs",
        "IP,DNS,NetBIOS,OS,IP Status,QID,Title,Type,Severity,Port,Protocol,CVE ID,Solution,Results",
    ],
    ids=["nessus", "openvas", "qualys"],
)
def test_other_tools_tables_are_taken_only_when_named(header: str) -> None:
    assert registry.detect(source_of(f"{header}\n1\n")) == ""
    with pytest.raises(InvalidInput, match=r"可能是 findings_csv（漏洞清单.*不能确定：请选择格式"):
        registry.detect_or_ask(source_of(f"{header}\n1\n"), "请选择格式")


def test_named_table_with_english_headers_is_read() -> None:
    table = rows(
        "Plugin ID,CVE,Risk,Host,Protocol,Port,Name,Solution",
        "10267,,None,10.0.0.5,tcp,22,SSH Server Type,n/a",
        "156032,CVE-2021-44228,Critical,10.0.0.5,tcp,8080,Log4Shell,Upgrade",
    )
    plain, grave = of(read("findings_csv", table), FindingRecord)
    assert (plain.title, plain.severity, plain.rule_id, plain.location) == (
        "SSH Server Type",
        "info",
        "10267",
        "22/tcp",
    )
    assert (grave.vulnerability, grave.severity, grave.remediation) == (
        "CVE-2021-44228",
        "critical",
        "Upgrade",
    )


def test_every_cve_of_a_row_is_a_finding_and_no_number_is_lost() -> None:
    table = rows(
        "IP,漏洞名称,CVE编号,CNNVD编号,风险等级",
        "10.0.0.5,OpenSSL 多个漏洞,CVE-2022-3602、cve-2022-3786,CNNVD-202211-001,高",
        "10.0.0.5,Struts2 漏洞(CVE-2023-50164),,,高",
        "10.0.0.5,弱口令,,,高",
    )
    found = of(read("findings_csv", table), FindingRecord)
    assert [each.vulnerability for each in found] == [
        "CVE-2022-3602", "CVE-2022-3786", "CVE-2023-50164", "弱口令",
    ]  # fmt: skip
    assert "CNNVD-202211-001" in found[0].description
    assert not any(each.aliases for each in of(read("findings_csv", table), VulnerabilityRecord))


def test_level_of_an_empty_cell_is_unknown_or_the_scores() -> None:
    table = rows("IP,漏洞名称,风险等级,CVSS", "10.0.0.5,a,,", "10.0.0.5,b,,9.8", "10.0.0.5,c,低,CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")  # fmt: skip
    assert [each.severity for each in of(read("findings_csv", table), FindingRecord)] == [
        "info",
        "critical",
        "low",
    ]


def test_mended_rows_are_no_findings_and_ignored_ones_are_suppressed() -> None:
    table = rows("IP,漏洞名称,风险等级,状态", "10.0.0.5,a,高,已修复", "10.0.0.5,b,高,误报", "10.0.0.5,c,高,已修复", "10.0.0.5,d,高,待复核")  # fmt: skip
    items = read("findings_csv", table)
    assert [(each.title, each.suppressed, each.description) for each in of(items, FindingRecord)] == [
        ("b", True, ""), ("d", False, "状态：待复核"),
    ]  # fmt: skip
    assert rejected(items) == [("状态", "共 2 行的状态是已修复，不是还要处理的漏洞，没有导入。")]


def test_broken_rows_are_rejected_with_their_line_and_what_to_do() -> None:
    broken = {
        "10.0.0.300,,a,,高,,": "「IP」不是有效的地址：10.0.0.300",
        "10.0.0.5;10.0.0.6,,a,,高,,": "几个资产：请拆成几行",
        ",https://shop.example.cn/,a,,高,,": "网址、端口请写在",
        ",,a,,高,,": "请填写 IP 或主机名，或在导入时指定资产",
        "10.0.0.5,,,,高,,": "请填写漏洞名称",
        "10.0.0.5,,a,,天大,,": "「风险等级」不认识：天大（可用：严重、高危",
        "10.0.0.5,,a,,,很高,": "「CVSS」应当是 0 到 10 的数",
        "10.0.0.5,,a,,高,,去年": "「发现时间」不是有效的时间：去年",
        f"10.0.0.5,,a,{' '.join(f'CVE-2024-{1000 + n}' for n in range(51))},高,,": "超过 50 个",
        f"10.0.0.5,,a,CVE-2024-{'9' * 200},高,,": "超过 100 个字符",
    }
    items = read(
        "findings_csv",
        rows("IP,主机名,漏洞名称,CVE编号,风险等级,CVSS,发现时间", *broken, "10.0.0.5,,好,,高,,"),
    )
    assert [each.title for each in of(items, FindingRecord)] == ["好"]
    told = rejected(items)
    assert [place for place, _ in told] == [f"第 {line} 行" for line in range(2, 2 + len(broken))]
    assert [part for (_, reason), part in zip(told, broken.values(), strict=True) if part not in reason] == []


def test_named_asset_of_the_import_takes_rows_without_one() -> None:
    host = AssetRecord("host", "web-09", (Key("hostname", "web-09"),))
    table = rows("IP,漏洞名称,风险等级", ",a,高")
    [finding] = of(read("findings_csv", table, Options(asset=host)), FindingRecord)
    assert finding.asset == host


def test_unused_columns_are_named_and_found_passwords_are_not_kept() -> None:
    table = rows("IP,漏洞名称,风险等级,证据,用户名,密码,工单号", "10.0.0.5,SSH 弱口令,高,root/Qwe123!@#,root,Qwe123!@#,7", "10.0.0.5,b,高,banner,,,")  # fmt: skip
    items = read("findings_csv", table)
    assert rejected(items) == [("表头", "没有用到的列：用户名、密码、工单号。其余列照常导入。")]
    assert "Qwe123" not in repr(items)
    assert [each.evidence for each in of(items, FindingRecord)] == ["（可能含口令，未保存）", "banner"]


def test_hostile_cells_are_plain_text_and_bounded() -> None:
    long = "x" * 32_000
    table = rows("IP,漏洞名称,风险等级,描述,修复建议", f'10.0.0.5,"=HYPERLINK(""http://x"")\x1b",高,{long},{long}', f"10.0.0.5,b,{'级' * 32_000}x,,")  # fmt: skip
    items = read("findings_csv", table)
    [finding] = of(items, FindingRecord)
    assert finding.title == '=HYPERLINK("http://x")\x1b'
    assert (len(finding.description), len(finding.remediation)) == (4000, 2000)
    assert [place for place, _ in rejected(items)] == ["第 3 行"]


def test_no_complete_scan_is_claimed() -> None:
    assert {type(each) for each in read("findings_csv", OWN)} == {VulnerabilityRecord, FindingRecord}
    assert not of(read("findings_csv", OWN), Rejected)


def imported(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    call_command("import_data", "auto", str(path), "--json")
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return told


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "漏洞.csv"
    path.write_bytes(OWN.encode("gbk"))
    first, second = imported(path, capsys), imported(path, capsys)
    assert (first["format"], first["created"]["finding"], first["rejected"]) == ("findings_csv", 1, [])
    assert not any(second["created"].values())
    assert not any(second["updated"].values())
    [finding] = Finding.objects.all()
    assert (finding.vulnerability.vuln_id, finding.asset.name) == ("CVE-2021-44228", "web-01")
    path.write_text(OWN.replace("10.0.0.21,web-01", "10.0.0.22,web-02"))
    imported(path, capsys)
    assert Finding.objects.filter(active=True).count() == 2, "what a list does not have is not gone"
    assert Asset.objects.count() == 2
