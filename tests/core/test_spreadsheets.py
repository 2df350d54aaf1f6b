"""A list as a file: what Excel reads, and no cell that calculates."""

import csv
import io

import pytest

from bifang.core import spreadsheets


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "＝", "\u200b=", "\n@"])
def test_a_cell_is_never_a_formula(start: str) -> None:
    assert spreadsheets.cell(f"{start}HYPERLINK(1)").startswith("'")


@pytest.mark.parametrize(("value", "text"), [("web-01", "web-01"), (-3, "-3"), (None, ""), (0.5, "0.5")])
def test_other_values_stay_as_they_are(value: object, text: str) -> None:
    assert spreadsheets.cell(value) == text


def test_a_file_reads_back_with_every_comma_quote_and_line() -> None:
    row = ['a,"b"', "一\n二", '=cmd|" /C calc"!A0']
    file = spreadsheets.csv_file("assets", ["甲", "乙", "丙"], [row])
    text = file.content.decode("utf-8-sig")
    assert file.content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["甲", "乙", "丙"], [*row[:2], f"'{row[2]}"]]
    assert 'filename="assets.csv"' in file["Content-Disposition"]
