"""KEV: CISA's catalogue."""

import csv
import io
import json
from typing import Any

from secops_agent.importers import registry
from secops_agent.services.records import VulnerabilityRecord

from .reading_aid import of, read, rejected, source_of

ENTRY: dict[str, Any] = {
    "cveID": "CVE-2026-10001",
    "vendorProject": "Example",
    "product": "Gateway",
    "vulnerabilityName": "Example Gateway Command Injection Vulnerability",
    "dateAdded": "2026-11-18",
    "shortDescription": "Example Gateway contains a made-up flaw.",
    "requiredAction": "Apply mitigations per vendor instructions.",
    "dueDate": "2026-12-09",
    "knownRansomwareCampaignUse": "Known",
    "notes": "https://example.com/advisory ; https://nvd.example/CVE-2026-10001",
    "cwes": ["CWE-78"],
}
CATALOGUE: dict[str, Any] = {
    "title": "CISA Catalog of Known Exploited Vulnerabilities",
    "catalogVersion": "2026.11.20",
    "dateReleased": "2026-11-20T15:00:00.0000Z",
    "count": 2,
    "vulnerabilities": [ENTRY, ENTRY | {"cveID": "CVE-2026-10002", "knownRansomwareCampaignUse": "Unknown"}],
}


def test_kev_entry_gives_exact_record() -> None:
    first, second = of(read("kev", CATALOGUE), VulnerabilityRecord)
    assert (first.vuln_id, first.severity, first.cwes) == ("CVE-2026-10001", "info", ("CWE-78",))
    assert first.kev is not None
    assert first.kev.added is not None
    assert first.kev.due is not None
    assert (first.kev.added.date().isoformat(), first.kev.due.date().isoformat()) == (
        "2026-11-18",
        "2026-12-09",
    )
    assert first.kev.ransomware
    assert second.kev is not None
    assert not second.kev.ransomware
    assert first.references == ("https://example.com/advisory", "https://nvd.example/CVE-2026-10001")


def test_kev_broken_entry_is_rejected() -> None:
    entries = [ENTRY | {"cveID": "none"}, ENTRY, ENTRY | {"dateAdded": "gestern"}]
    items = read("kev", CATALOGUE | {"vulnerabilities": entries})
    assert len(of(items, VulnerabilityRecord)) == 1
    assert rejected(items) == [
        ("vulnerabilities[0]", "「cveID」不是 CVE 编号：none"),
        ("vulnerabilities[2]", "「dateAdded」不是有效的时间：gestern"),
    ]


def test_kev_truncated_file_keeps_what_came_before() -> None:
    items = read("kev", json.dumps(CATALOGUE)[:-200])
    assert len(of(items, VulnerabilityRecord)) == 1
    assert "可能被截断" in rejected(items)[-1][1]


def test_kev_as_csv_reads_as_its_json() -> None:
    names = list(ENTRY)
    cells = [
        ", ".join(value) if isinstance(value, list) else value
        for value in (ENTRY | {"cwes": ["CWE-78", "CWE-79"]}).values()
    ]
    table = io.StringIO()
    csv.writer(table).writerows([names, cells, ["nothing", *cells[1:]], [*cells, "one more"]])
    items = read("kev", table.getvalue())
    assert registry.detect(source_of(table.getvalue())) == "kev"
    [record] = of(items, VulnerabilityRecord)
    assert [record] == of(
        read("kev", CATALOGUE | {"vulnerabilities": [ENTRY | {"cwes": ["CWE-78", "CWE-79"]}]}),
        VulnerabilityRecord,
    )
    assert [position for position, _ in rejected(items)] == ["第 3 行", "第 4 行"]


def test_kev_csv_keeps_a_replacement_character_and_refuses_a_byte_that_is_no_text() -> None:
    """CISA's own table has such characters, left by a conversion long ago: they are UTF-8 like any other."""
    table = io.StringIO()
    cells = [", ".join(value) if isinstance(value, list) else value for value in ENTRY.values()]
    csv.writer(table).writerows([list(ENTRY), *[cells] * 20])
    good, bad = table.getvalue().encode().rsplit(ENTRY["shortDescription"].encode(), 1)
    written = good.replace(ENTRY["shortDescription"].encode(), f"{'远程执行' * 99}\ufffd".encode())
    items = read("kev", written + b"under \xffall denied" + bad)
    assert {record.description[-5:] for record in of(items, VulnerabilityRecord)} == {"远程执行\ufffd"}
    assert rejected(items) == [("第 21 行", "含有不是 UTF-8 的字节")]
