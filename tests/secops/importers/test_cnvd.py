"""CNVD's shared XML, as it is spelt."""

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.services.records import VulnerabilityRecord

from .reading_aid import of, read, rejected

ENTRY = """<vulnerability>
<number>CNVD-2026-06831</number>
<cves><cve><cveNumber>CVE-2026-10001</cveNumber><cveUrl>https://nvd.example/CVE-2026-10001</cveUrl></cve></cves>
<title>示例网关命令注入漏洞</title>
<serverity>高</serverity>
<products><product>示例 网关 &gt;=2.0，&lt;2.4</product><product>示例 网关企业版 1.0</product></products>
<isEvent>通用软硬件漏洞</isEvent>
<submitTime>2026-11-01</submitTime>
<openTime>2026-11-18</openTime>
<discovererName>张三</discovererName>
<referenceLink>https://vendor.example/a
https://vendor.example/b</referenceLink>
<formalWay>升级到 2.4</formalWay>
<description>示例网关存在命令注入漏洞。</description>
<patchName>2.4 补丁</patchName>
<patchDescription>修复了该漏洞。</patchDescription>
</vulnerability>"""


def document(*entries: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<vulnerabilitys>{"".join(entries)}</vulnerabilitys>'


def test_cnvd_entry_gives_exact_record() -> None:
    [flaw] = of(read("cnvd", document(ENTRY)), VulnerabilityRecord)
    assert (flaw.vuln_id, flaw.aliases) == ("CVE-2026-10001", ("CNVD-2026-06831",))
    assert (flaw.title, flaw.severity, flaw.source) == ("示例网关命令注入漏洞", "high", "cnvd")
    assert [item.raw for item in flaw.affected] == ["示例 网关 >=2.0，<2.4", "示例 网关企业版 1.0"]
    assert flaw.published is not None
    assert flaw.published.isoformat() == "2026-11-17T16:00:00+00:00"
    assert set(flaw.references) == {
        "https://vendor.example/a", "https://vendor.example/b", "https://nvd.example/CVE-2026-10001",
    }  # fmt: skip
    for part in (
        "存在命令注入漏洞",
        "处置方式：升级到 2.4",
        "补丁：2.4 补丁：修复了该漏洞。",
        "发现者：张三",
    ):
        assert part in flaw.description


def test_cnvd_without_cve_and_with_several() -> None:
    bare = ENTRY.replace(ENTRY[ENTRY.index("<cves>") : ENTRY.index("<title>")], "<cves/>")
    several = ENTRY.replace("</cves>", "<cve><cveNumber>CVE-2026-10002</cveNumber></cve></cves>")
    alone, many = of(read("cnvd", document(bare, several)), VulnerabilityRecord)
    assert (alone.vuln_id, alone.aliases) == ("CNVD-2026-06831", ())
    assert (many.vuln_id, many.aliases) == ("CNVD-2026-06831", ())
    assert "相关编号：CVE-2026-10001、CVE-2026-10002" in many.description


def test_cnvd_right_spellings_are_read_as_well() -> None:
    right = document(ENTRY).replace("vulnerabilitys", "vulnerabilities").replace("serverity", "severity")
    assert read("cnvd", right) == read("cnvd", document(ENTRY))


def test_cnvd_in_gbk_reads_the_same() -> None:
    written = document(ENTRY).replace("UTF-8", "GBK").encode("gbk")
    assert read("cnvd", written) == read("cnvd", document(ENTRY))


def test_cnvd_broken_entry_is_rejected() -> None:
    bad = ENTRY.replace("CNVD-2026-06831", "没有")
    late = ENTRY.replace("2026-11-18", "去年")
    items = read("cnvd", document(bad, ENTRY, late))
    assert len(of(items, VulnerabilityRecord)) == 1
    assert rejected(items) == [
        ("vulnerability[0]", "「number」不是 CNVD 编号：没有"),
        ("vulnerability[2]", "「openTime」不是有效的时间：去年"),
    ]


def test_cnvd_truncated_file_keeps_what_came_before_and_entities_are_refused() -> None:
    items = read("cnvd", document(ENTRY, ENTRY)[:-300])
    assert len(of(items, VulnerabilityRecord)) == 1
    assert "被截断" in rejected(items)[-1][1]
    attack = document(ENTRY).replace(
        "<vulnerabilitys>", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///x">]><vulnerabilitys>'
    )
    with pytest.raises(InvalidInput, match="实体"):
        read("cnvd", attack)
