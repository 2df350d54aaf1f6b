"""Lists of alerts: our own header and others' spellings, one event a row, what is wrong in which line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.models import Alert
from secops_agent.services.records import AlertRecord, Indicator, Key

from .reading_aid import of, read, rejected, source_of
from .workbooks import workbook

OWN = (
    "告警名称,级别,时间,告警编号,告警类型,资产IP,主机名,源IP,目的IP,描述,状态\n"
    "SSH 暴力破解,高危,2026/11/20 8:30,A-1,暴力破解,10.0.3.15,web-01,203.0.113.66（美国）,10.0.3.15,失败 300 次,未处置\n"
)


def test_row_gives_exact_alert() -> None:
    [alert] = of(read("alerts_csv", OWN), AlertRecord)
    assert (alert.title, alert.severity, alert.status_hint) == ("SSH 暴力破解", "high", "")
    assert alert.dedup_key == ("SSH 暴力破解", "web-01", "203.0.113.66")
    assert alert.event_id == "A-1|"
    assert alert.occurred_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    assert alert.assets[0].keys == (Key("hostname", "web-01"), Key("ip", "10.0.3.15"))
    assert Indicator("ip", "203.0.113.66") in alert.indicators
    assert alert.description == "失败 300 次\n告警类型：暴力破解\n状态：未处置"
    assert alert.raw["源IP"] == "203.0.113.66（美国）"


@pytest.mark.parametrize(
    "data",
    [
        OWN.encode("gbk"),
        OWN.replace(",", "\t").encode("utf-16"),
        workbook(*(line.split(",") for line in OWN.splitlines())),
    ],
    ids=["gbk", "tabs", "xlsx"],
)
def test_as_excel_and_consoles_save_it(data: bytes) -> None:
    assert registry.detect(source_of(data)) == "alerts_csv"
    assert read("alerts_csv", data) == read("alerts_csv", OWN)


def test_usual_headers_are_known_and_outside_addresses_are_no_assets() -> None:
    table = "事件名称,威胁等级,发生时间,攻击者IP,受害者IP,处置状态\nWebshell 上传,紧急,2026-11-20 08:30:00,203.0.113.66,10.0.3.20,已处置\n"
    assert registry.detect(source_of(table)) == "alerts_csv"
    [alert] = of(read("alerts_csv", table), AlertRecord)
    assert (alert.severity, alert.status_hint) == ("critical", "closed")
    assert [asset.keys for asset in alert.assets] == [(Key("ip", "10.0.3.20"),)]


@pytest.mark.parametrize(
    "header", ["告警名称,告警级别,源IP,目的IP", "Alert Name,Severity,Time,Source IP,Destination IP"]
)
def test_a_table_that_is_not_surely_ours_is_asked_about(header: str) -> None:
    assert registry.detect(source_of(f"{header}\nx\n")) == ""
    with pytest.raises(InvalidInput, match=r"可能是 alerts_csv（告警清单.*不能确定：请选择格式"):
        registry.detect_or_ask(source_of(f"{header}\nx\n"), "请选择格式")


def test_broken_rows_are_rejected_with_their_line_and_what_to_do() -> None:
    table = (
        "告警名称,级别,时间,源IP,密码\n,高,2026-11-20,203.0.113.9,\na,天大,2026-11-20,203.0.113.9,\n"
        "a,高,昨天,203.0.113.9,\na,高,2026-11-20,电信,\n好,,,203.0.113.9,Qwe123\n"
    )
    items = read("alerts_csv", table)
    [good] = of(items, AlertRecord)
    assert (good.title, good.severity) == ("好", "medium")
    assert "Qwe123" not in repr(items)
    assert rejected(items) == [
        ("表头", "没有用到的列：密码。其余列照常导入。"),
        ("第 2 行", "这一行没有告警：请填写告警名称"),
        ("第 3 行", "「级别」不认识：天大（可用：严重、高危、中危、低危、信息）"),
        ("第 4 行", "「时间」不是有效的时间：昨天"),
        ("第 5 行", "「源IP」不是有效的地址：电信"),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows with a number, two of one time, and one with neither."""
    path = tmp_path / "告警.csv"
    path.write_text(
        OWN
        + "扫描,低,2026-11-20 09:00,,,10.0.3.15,,,,端口 22,\n扫描,低,2026-11-20 09:00,,,10.0.3.15,,,,端口 23,\n外联,中,,,,10.0.3.15,,,,,\n"
    )
    told = []
    for _ in range(2):
        call_command("import_data", "auto", str(path), "--json")
        told.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert (told[0]["format"], told[0]["created"]["alert"], told[0]["rejected"]) == ("alerts_csv", 3, [])
    assert not any(told[1]["created"].values())
    assert not any(told[1]["updated"].values())
    assert dict(Alert.objects.values_list("title", "count")) == {"SSH 暴力破解": 1, "扫描": 2, "外联": 1}
