"""What a hostile, damaged or huge file does: a clear error or a rejection, never anything else."""

import codecs
import gzip
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import ImportLimits, Options, Source
from secops_agent.importers.reading.documents import csv_rows, json_lines, json_values
from secops_agent.services.records import FindingRecord, Rejected, ScanRecord, VulnerabilityRecord

from . import test_network_scanners as network
from .reading_aid import of, read, rejected, source_of
from .test_csaf import FLAW, advisory
from .test_cyclonedx import BOM, LEGACY, XML
from .test_generic import DOCUMENT
from .test_grype import MATCH
from .test_grype import REPORT as GRYPE
from .test_nmap import HOST, run
from .test_nuclei import V3
from .test_openvex import SAID
from .test_openvex import document as vex_document
from .test_osv import ADVISORY, SCAN
from .test_sarif import CODEQL
from .test_spdx import ROOT, SYSTEM, sbom
from .test_trivy import REPORT as TRIVY


def options(**limits: int) -> Options:
    return Options(limits=ImportLimits(**limits))


def test_detect_names_the_format() -> None:
    assert registry.detect(source_of(TRIVY)) == "trivy"
    assert registry.detect(source_of(GRYPE, packed=True)) == "grype"
    assert registry.detect(source_of({"some": "thing"})) == ""
    assert registry.detect(source_of("plain text")) == ""


def test_unknown_format_lists_the_known() -> None:
    with pytest.raises(InvalidInput, match=r"没有名为「qualys」的导入格式.*trivy、grype"):
        read("qualys", {})


@pytest.mark.parametrize("data", [b"", b"  \n ", gzip.compress(b"")], ids=["nothing", "blank", "packed"])
def test_empty_file_is_an_error(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="是空的"):
        read("trivy", data)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"读不了 none\.json"):
        list(registry.parse("trivy", Source.from_path(tmp_path / "none.json")))


def test_file_is_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "report.json.gz"
    path.write_bytes(gzip.compress(json.dumps(TRIVY).encode()))
    assert list(registry.parse("trivy", Source.from_path(path))) == read("trivy", TRIVY)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", b""), ("gbk", b"")],
)
def test_other_encodings_are_read_when_sure(encoding: str, mark: bytes) -> None:
    written = json.dumps(TRIVY, ensure_ascii=False)
    assert read("trivy", mark + written.encode(encoding)) == read("trivy", TRIVY)


def test_doubtful_encoding_and_binary_are_errors() -> None:
    with pytest.raises(InvalidInput, match="另存为 UTF-8"):
        read("trivy", b'{"ArtifactName": "caf\xe9\xff\xfe", "SchemaVersion": 2}')
    with pytest.raises(InvalidInput, match="NUL 字节，像是二进制文件"):
        read("trivy", b"\x7fELF\x00\x01\x02\x00\x00")
    with pytest.raises(InvalidInput, match="损坏、不完整"):
        read("trivy", b"PK\x03\x04abc")


def cut_short(value: Any, last: str) -> str:
    """The JSON up to the last place where `last` stands."""
    whole = json.dumps(value)
    return whole[: whole.rindex(last)]


def test_truncated_json_keeps_what_came_before_the_break() -> None:
    first = {**GRYPE, "matches": [MATCH, MATCH | {"artifact": {"name": "second"}}, MATCH]}
    ordered = {key: first[key] for key in ("source", "distro", "descriptor", "matches")}
    for name, written in (
        ("grype", cut_short(ordered, '"pyfoo"')),
        ("trivy", cut_short(TRIVY, "@corp/left")),
        ("sarif", cut_short(CODEQL, "py/note")),
        ("cyclonedx", cut_short({**BOM, "vulnerabilities": BOM["vulnerabilities"]}, '"not_affected"')),
        ("osv", cut_short(SCAN, "Debian:12")),
        ("generic", cut_short(DOCUMENT, "198.51.100.7")),
    ):
        *records, last = read(name, written)
        assert records, name
        assert isinstance(last, Rejected)
        assert last.fatal
        assert "可能被截断" in last.reason
        assert not of(records, ScanRecord)


def test_truncated_report_whose_subject_is_lost_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="可能被截断"):
        read("grype", cut_short(GRYPE, '"userInput"'))


@pytest.mark.slow
def test_truncated_gzip_keeps_what_came_before_the_break() -> None:
    lines = "".join(
        json.dumps(ADVISORY | {"id": f"GHSA-aaaa-bbbb-{n:04}", "aliases": []}) + "\n" for n in range(5000)
    )
    packed = gzip.compress(lines.encode())
    for share, least in ((0.5, 100), (0.1, 1)):
        items = read("osv", packed[: int(len(packed) * share)])
        assert len(of(items, VulnerabilityRecord)) >= least
        assert "gzip 数据不完整" in rejected(items)[-1][1]


def test_file_broken_before_the_first_record_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="中断，没有写完"):
        read("grype", json.dumps(GRYPE)[:60])


def test_gzip_bomb_is_refused() -> None:
    bomb = gzip.compress(b'{"matches": [' + b" " * 3_000_000)
    with pytest.raises(InvalidInput, match="压缩炸弹"):
        read("grype", bomb, options(ratio_from=1_000_000))


def test_too_large_a_file_is_refused() -> None:
    with pytest.raises(InvalidInput, match="超过 1000 字节 的上限"):
        read("grype", GRYPE, options(max_stream_bytes=1000))


@pytest.mark.parametrize(
    "value",
    [
        '{"matches": [' + "[" * 500_000,
        '{"matches": [{"vulnerability": {"id": ' + '{"a":' * 200,
        '{"matches": [{"vulnerability": "' + '\\\\"' + "]}" + ", {" + '"a": [' * 200,
    ],
    ids=["arrays", "objects", "after an escaped text"],
)
def test_deep_nesting_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput, match="嵌套太深"):
        list(json_values(source_of(value), {"matches.item"}, ImportLimits()))


def test_brackets_in_texts_are_no_nesting() -> None:
    text = '[{"\\"' * 2000 + "\\"
    pieces = json_values(source_of({"a": [text, {"b": [text]}]}), {"a.item"}, ImportLimits())
    assert [value for _, _, value in pieces] == [text, {"b": [text]}]


def test_deep_nesting_in_one_line_rejects_that_line() -> None:
    items = read(
        "nuclei",
        json.dumps(V3) + "\n" + '{"a":' * 5000 + "\n" + json.dumps(V3 | {"host": "https://x.example"}),
    )
    assert [position for position, _ in rejected(items)] == ["第 2 行"]
    assert len(of(items, FindingRecord)) == 2


def test_endless_text_and_number_are_refused() -> None:
    limits = ImportLimits(max_text=200_000)
    with pytest.raises(InvalidInput, match="字符串超过"):
        list(json_values(source_of('{"a": "' + "x" * 500_000), {"a"}, limits))
    with pytest.raises(InvalidInput, match="数字超过"):
        list(json_values(source_of('{"a": ' + "9" * 5000 + "}"), {"a"}, limits))
    assert registry.detect(source_of('{"matches": [' + "9" * 5000)) == ""


ENDLESS = {
    "grype": b'{"source": {}, "matches": [{"vulnerability": {}, "a": [' + b"[]," * 400_000,
    "trivy": b'{"SchemaVersion": 2, "ArtifactName": "x", "Results": [{"Target": "a", "Class": "b", "Vulnerabilities": [{"a": ['
    + b"[]," * 400_000,
    "suricata": b'{"event_type": "alert",\n"timestamp": "x", "flow_id": 1, "a": [' + b"[]," * 400_000,
    "nmap": b"<nmaprun><host>" + b"<port/>" * 200_000,
    "cnvd": b"<vulnerabilitys><other>" + b"x" * 1_200_000,
    "assets_csv": b"hostname,ip\n" + b"x," * 600_000,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_endless_record_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="一条记录超过 500000 字节"):
        read(name, ENDLESS[name], options(max_record=500_000))


def test_what_is_skipped_may_be_longer_than_a_record() -> None:
    others = ",".join('{"a": 1}' for _ in range(120_000))
    value = f'{{"others": [{others}], "matches": [{json.dumps(MATCH)}]}}'
    for wanted in ({"matches.item"}, {"matches.item", "source"}):
        pieces = json_values(source_of(value), wanted, ImportLimits(max_record=500_000))
        assert [position for _, position, _ in pieces] == ["matches[0]"]


def test_nul_and_lone_surrogates_in_texts_are_replaced() -> None:
    odd = json.loads(json.dumps(MATCH).replace("Made up.", "a\\u0000b\\ud800c"))
    [vulnerability] = of(read("grype", {**GRYPE, "matches": [odd]}), VulnerabilityRecord)
    assert vulnerability.description == "a\ufffdb\ufffdc"
    [hit] = of(read("nuclei", json.dumps(V3 | {"matcher-name": "x\0y\ud800z"})), FindingRecord)
    assert hit.key[1] == "x\ufffdy\ufffdz"


def test_numbers_that_are_none_reject_their_line() -> None:
    values = [
        value for _, value in json_lines(source_of('{"a": NaN}\n{"a": 1e999}\n{"a": 1.5}'), ImportLimits())
    ]
    assert "NaN" in str(values[0])
    assert values[1:] == [{"a": None}, {"a": 1.5}]


def test_overlong_line_is_rejected_alone() -> None:
    values = list(
        json_lines(source_of('{"a": 1}\n' + "x" * 5000 + '\n{"a": 2}'), ImportLimits(max_text=1000))
    )
    assert [position for position, _ in values] == ["第 1 行", "第 2 行", "第 3 行"]
    assert "超过 1000 字节" in str(values[1][1])


def test_csv_rows_by_header_and_their_faults() -> None:
    rows = list(csv_rows(source_of("# note\nname, ip\nweb,203.0.113.1\n\nshort\na,b,c\n"), ImportLimits()))
    assert rows[0] == ("第 3 行", {"name": "web", "ip": "203.0.113.1"})
    assert rows[1][1] == {"name": "short"}
    assert "有 3 列" in str(rows[2][1])


def test_more_columns_than_a_sheet_may_have_are_refused() -> None:
    header = ",".join(f"c{number}" for number in range(999))
    assert len(list(csv_rows(source_of(f"ip,{header}\n10.0.0.5\n"), ImportLimits()))) == 1
    with pytest.raises(InvalidInput, match="超过 1000 列：请删去用不到的列"):
        list(csv_rows(source_of(f"ip,name,{header}\n10.0.0.5\n"), ImportLimits()))


def grype_of(count: int) -> Iterator[bytes]:
    """A Grype report of many matches, made as it is read."""
    yield b'{"matches": ['
    for number in range(count):
        match = b'{"vulnerability": {"id": "CVE-2026-%d", "severity": "Low", "description": "%s"}, "artifact": {"name": "p%d"}}'
        yield match % (number + 1000, b"d" * 3000, number) + (b"," if number < count - 1 else b"")
    yield b'], "source": {"type": "directory", "target": "/srv/x"}}'


@pytest.mark.slow
def test_large_report_is_streamed_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.json.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.writelines(grype_of(8_000))
    registry.importers()  # loaded once
    tracemalloc.start()
    findings = sum(
        isinstance(item, FindingRecord) for item in registry.parse("grype", Source.from_path(path))
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert findings == 8_000
    assert peak < 8_000_000  # of 25 MB


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SHAPES: dict[str, Any] = {
    "trivy": TRIVY, "grype": GRYPE, "osv": SCAN, "nuclei": V3, "sarif": CODEQL, "cyclonedx": BOM, "generic": DOCUMENT,
    "csaf": advisory(FLAW), "openvex": vex_document(SAID), "spdx": sbom(ROOT, SYSTEM),
}  # fmt: skip


def spoilt(value: Any, draw: Any) -> Any:
    """The value with one place somewhere inside replaced by random JSON."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: spoilt(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], spoilt(value[index], draw), *value[index + 1 :]]
    return draw(JSON)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_spoilt_report_never_raises_anything_else(name: str, data: st.DataObject) -> None:
    value = spoilt(SHAPES[name], data.draw)
    with suppress(BifangError):
        for item in registry.parse(name, source_of(json.dumps(value))):
            hash(item)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("nmap", run(HOST)),
        ("nessus", network.nessus(network.HOST)),
        ("openvas", network.openvas(network.RESULT)),
        ("cyclonedx", XML),
        ("cyclonedx", LEGACY),
    ],
)
def test_spoilt_xml_never_raises_anything_else(name: str, written: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(written)))
    end = data.draw(st.integers(start, min(len(written), start + 40)))
    spoilt_text = written[:start] + data.draw(st.text('<>/&;"abc12\0é中', max_size=10)) + written[end:]
    with suppress(BifangError):
        for item in registry.parse(name, source_of(spoilt_text)):
            hash(item)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, database=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    for name in registry.importers():
        with suppress(BifangError):
            list(registry.parse(name, Source.from_bytes(data)))


@pytest.mark.slow
@pytest.mark.parametrize("head", ["", "name,ip\n"])
def test_endless_blank_lines_end_early(head: str) -> None:
    packed = gzip.compress((head + "\n" * (24 << 20)).encode())
    source = Source.from_bytes(packed)
    assert len(packed) < 40_000
    with pytest.raises(InvalidInput, match="空行"):
        list(csv_rows(source, ImportLimits()))
    with pytest.raises(InvalidInput, match="空行"):
        list(json_lines(source, ImportLimits()))
