"""Excel files and archives of one file: read as what they hold, in every format of rows; hostile ones are refused."""

import io
import struct
import tracemalloc
import zipfile
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.services.records import AssetRecord, ListedRecord
from secops_agent.uploads.body import Upload

from .reading_aid import of, read, rejected, source_of
from .workbooks import archive, parts, sheet, workbook

HEADER = ("资产名称", "主机名", "IP地址", "资产类型", "备注")
WEB = ("官网", "web-88", "10.1.2.88", "服务器", "第一行\n第二行")
DAY_2027_01_31 = 46418


def test_a_sheet_is_read_as_an_asset_list_and_lines_are_excels() -> None:
    book = workbook(("XX 公司资产台账",), (), HEADER, WEB, (), ("打印机", None, "10.1.2.999"))
    assert registry.detect(source_of(book)) == "assets_csv"
    items = read("assets_csv", book)
    [web] = of(items, AssetRecord)
    assert (web.name, web.ips, web.asset_type) == ("官网", ("10.1.2.88",), "host")
    assert web.description == "第一行；第二行"
    assert rejected(items) == [("第 6 行", "「IP」不是有效的地址：10.1.2.999")]


def test_dates_are_read_as_they_are_shown() -> None:
    book = workbook(
        ("值", "说明", "有效期"),
        ("203.0.113.50", "扫描", DAY_2027_01_31),
        ("203.0.113.51", "", DAY_2027_01_31 + 0.5),
    )
    day, noon = of(read("indicators_csv", book), ListedRecord)
    zone = ZoneInfo("Asia/Shanghai")
    assert day.expires_at == datetime(2027, 1, 31, 23, 59, 59, tzinfo=zone)
    assert noon.expires_at == datetime(2027, 1, 31, 12, tzinfo=zone)


def test_other_sheets_with_cells_are_named_and_hidden_or_empty_ones_are_not() -> None:
    cells = sheet('<row r="1"><c r="A1"><v>1</v></c></row>')
    book = workbook(HEADER, WEB, more={"网站": cells, "Sheet2": sheet(), "密": cells}, hidden=("密",))
    [(place, reason)] = rejected(read("assets_csv", book))
    assert place == "工作表"
    assert "没有读：网站。" in reason


def test_inline_texts_formulas_errors_and_cells_without_places_are_read() -> None:
    rows = (
        '<row><c t="inlineStr"><is><r><t>主机</t></r><r><t>名</t></r></is></c><c t="str"><f>A</f><v>IP</v></c><c t="str"><v>备注</v></c></row>',
        '<row><c t="str"><v>a&amp;b-1</v></c><c t="str"><v>10.0.0.9</v></c><c t="e"><v>#N/A</v></c></row>',
    )
    [asset] = of(read("assets_csv", archive(parts({"s": sheet(*rows)}))), AssetRecord)
    assert (asset.ips, asset.description) == (("10.0.0.9",), "")


def test_the_only_file_of_an_archive_is_read_as_it_is() -> None:
    plain = "主机名,IP\nweb-01,10.0.0.1\n"
    packed = archive({"__MACOSX/x": b"", "台账/a.csv": plain.encode("gbk")})
    assert read("assets_csv", packed) == read("assets_csv", plain)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (archive({"a.json": "{}", "b.xml": "<a/>"}), r"2 个文件（a\.json、b\.xml）：请解压"),
        (archive({"空/": ""}), "没有文件"),
        (archive({"[Content_Types].xml": "", "word/document.xml": "<a/>"}), "Word"),
        (archive({"a.zip": archive({"b.csv": "主机名,IP\n"})}), "zip 压缩包"),
        (archive({"a.json": b" " * (40 << 20)}), "压缩炸弹"),
        (archive({"a.csv": "主机名,IP\n"})[:60], "损坏"),
        (workbook(HEADER)[:-400] + b"\0" * 400, "损坏"),
        (archive(parts({"s": "<worksheet><sheetData><row>"})), "完整的 Excel"),
        (archive(parts({"s": '<!DOCTYPE a [<!ENTITY x "y">]><worksheet>&x;</worksheet>'})), "实体"),
        (archive(parts({"s": "<a>" * 100})), "嵌套太深"),
        (archive(parts({"s": sheet(f'<row><c t="str"><v>{"x" * 40_000}</v></c></row>')})), "32767"),
        (archive(parts({"s": sheet('<row><c r="ZZZ1"><v>1</v></c></row>')})), "1000 列"),
        (archive(parts({"s": sheet()})), "是空的"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "xls"),
    ],
    ids=["two", "none", "word", "zip in zip", "bomb", "cut", "broken", "no sheet", "entity", "deep", "cell", "columns", "empty", "old"],
)  # fmt: skip
def test_what_cannot_be_read_says_what_to_do(body: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read("assets_csv", body)


def test_an_encrypted_archive_is_refused() -> None:
    body = bytearray(archive({"a.csv": "主机名,IP\n"}))
    at = body.index(b"PK\x01\x02") + 8
    body[at : at + 2] = struct.pack("<H", 1)
    with pytest.raises(InvalidInput, match="密码"):
        read("assets_csv", bytes(body))


def test_a_part_that_lies_about_its_size_is_refused() -> None:
    body = bytearray(archive({"a.csv": "主机名,IP\n" + "x,10.0.0.1\n" * 1000}))
    at = body.index(b"PK\x01\x02") + 24
    body[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(InvalidInput, match="损坏"):
        registry.detect(source_of(bytes(body)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        sheet(*(f'<row r="{number}"><c r="ALL{number}"><v>1</v></c></row>' for number in range(1, 30_000))),
        sheet(f"<row>{'<c/>' * 500_000}</row>"),
        sheet('<row r="1048576"><c><v>1</v></c></row>'),
    ],
    ids=["columns", "cells", "rows"],
)
def test_a_small_file_does_not_become_large(text: str) -> None:
    body = archive(parts({"s": text}))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput):
            read("assets_csv", body)
        assert tracemalloc.get_traced_memory()[1] < 60 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_strings_that_nobody_counts_are_refused() -> None:
    body = parts({"s": sheet()}) | {"xl/sharedStrings.xml": f"<sst>{'<si/>' * 300_000}</sst>"}
    with pytest.raises(InvalidInput, match="段"):
        read("assets_csv", archive(body))


@pytest.mark.slow
@pytest.mark.parametrize("count", [10_001, 120_000], ids=["listed", "not even listed"])
def test_an_archive_of_very_many_files_costs_little(count: int) -> None:
    """Each costs a few hundred bytes as soon as the directory is read, and 47 in the file."""
    plain = archive({"a": ""})
    start = plain.index(b"PK\x01\x02")
    entry = plain[start : start + 47]
    end = plain[-22:-10] + struct.pack("<LLH", count * len(entry), start, 0)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="太多了：请解压"):
            read("assets_csv", plain[:start] + entry * count + end)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_what_unpacks_to_much_is_left_to_the_background() -> None:
    with Upload() as small, Upload() as large:
        small.receive([workbook(HEADER, WEB)])
        large.receive([archive({"a.json": b" " * (3 << 20)})])
        assert (small.is_small, large.is_small) == (True, False)


def test_a_real_zip_reader_opens_what_the_tests_make() -> None:
    assert zipfile.ZipFile(io.BytesIO(workbook(HEADER))).testzip() is None
