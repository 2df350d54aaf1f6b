"""Records with nothing in them are counted and named in one line, however many there are."""

import pytest

from secops_agent.importers.base import EMPTY
from secops_agent.services.records import AlertRecord, AssetRecord

from .reading_aid import of, read, rejected

ALERT = '{"title": "甲", "severity": "high", "rule_id": "r", "occurred_at": "2026-11-20T08:00:00Z"}'


@pytest.mark.slow
@pytest.mark.parametrize("nothing", ["{}", "null", "[]", '""'])
def test_empty_elements_are_one_rejection_and_cost_nothing_behind_them(nothing: str) -> None:
    many = ",".join([nothing] * 30_000)
    found = read("generic", f'{{"alerts": [{ALERT},{many},{ALERT.replace("甲", "乙")}]}}')
    places = "、".join(f"alerts[{number}]" for number in range(1, 6))
    assert rejected(found) == [(f"{places}、…", f"共 30000 条{EMPTY}")]
    assert [each.title for each in of(found, AlertRecord)] == ["甲", "乙"]


def test_one_is_named_by_itself() -> None:
    line = '{"record": "alert", ' + ALERT[1:]
    assert rejected(read("generic", f"{line}\n{{}}\n\n{line}")) == [("第 2 行", EMPTY)]


def test_rows_of_separators_are_named_and_blank_lines_are_not() -> None:
    found = read("assets_csv", "hostname,ip\nweb-01,10.0.0.1\n,\n\n , \nweb-02,10.0.0.2\n")
    assert rejected(found) == [("第 3 行、第 5 行", f"共 2 条{EMPTY}")]
    assert [each.name for each in of(found, AssetRecord)] == ["web-01", "web-02"]


def test_they_are_named_where_the_file_breaks_too() -> None:
    found = read("generic", f'{{"alerts": [{ALERT},{{}},{{}},{ALERT}')
    assert rejected(found)[0] == ("alerts[1]、alerts[2]", f"共 2 条{EMPTY}")
    assert found[-1].fatal
