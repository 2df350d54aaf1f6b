"""`importer_check`: what was taken from where, what was left and why, what was refused; nothing is stored."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from . import cn_samples as samples
from .test_tables import EVENT, WAF
from .test_trivy import REPORT


def shown(tmp_path: Path, value: Any, name: str = "auto") -> str:
    """The command's output for a file."""
    path = tmp_path / "file.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    out = StringIO()
    call_command("importer_check", name, str(path), stdout=out)
    return out.getvalue()


def test_record_shows_what_was_taken_from_where_and_what_was_left(tmp_path: Path) -> None:
    broken = samples.MALWARE | {"Level": 9}
    told = shown(tmp_path, samples.tencent("MalWareList", samples.MALWARE, broken))
    assert "file.json：tencent_cwp（" in told
    assert "Response.MalWareList[0]：告警" in told
    assert "  级别 ← Level = 3\n" in told
    assert "  → 级别：high\n" in told
    assert "  → 资产：host pay-gateway-3（cloud_id=ins-example1、" in told
    assert "没有取用（主机名已取 MachineExtraInfo.HostName）：Alias" in told
    assert "没有取用（字段表里没有）：Quuid" in told
    assert "Response.MalWareList[1]：拒绝：级别「Level」的值 9 不认识" in told
    assert told.endswith("共 告警 1 条，拒绝 1 条\n")


def test_lines_are_numbered_and_other_formats_list_their_records(tmp_path: Path) -> None:
    assert "第 1 行：告警" in shown(tmp_path, samples.FILES["tdp"][1])
    told = shown(tmp_path, REPORT)
    assert "记录 1：" in told
    assert "  → vulnerability：CVE-" in told


def test_records_of_every_kind_are_shown_in_words(tmp_path: Path) -> None:
    assert "记录 1：情报" in shown(tmp_path, "ioc,note\n203.0.113.9,x\n")
    told = shown(tmp_path, "主机名,IP\nweb-01,10.0.0.1\n")
    assert "→ keys：hostname=web-01、ip=10.0.0.1\n" in told
    assert "Record(" not in shown(tmp_path, REPORT)


def test_unsure_file_is_asked_about_and_a_named_format_is_tried(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="请写明格式"):
        shown(tmp_path, {"some": "thing"})
    told = shown(tmp_path, {"some": "thing"}, "tdp")
    assert "自动识别认不出这个文件" in told
    assert "拒绝：不是 tdp 的记录" in told
    with pytest.raises(CommandError, match="没有名为「qualys」的导入格式"):
        shown(tmp_path, {}, "qualys")


def test_table_that_nobody_saved_is_tried_by_its_examples_and_then_read(tmp_path: Path) -> None:
    table = tmp_path / "acme.toml"
    table.write_text(WAF)
    told = shown(tmp_path, {"events": [EVENT]}, str(table))
    for line in (
        "→ 标题：SQL注入",
        "→ 级别：high",
        "→ 资产：host 10.0.0.8",
        "→ 指标：ip=192.0.2.1",
        "→ 说明：",
    ):
        assert line in told
    table.write_text(WAF.replace('"high", attacker', '"low", attacker'))
    with pytest.raises(CommandError, match="应当是 low，读出的是 high"):
        shown(tmp_path, {"events": [EVENT]}, str(table))


def test_what_a_terminal_would_obey_is_not_printed(tmp_path: Path) -> None:
    hostile = "\x1b[2J\u202e木马\n共 告警 9 条"
    told = shown(
        tmp_path, [samples.MALWARE | {"VirusName": hostile, hostile: 1}, samples.MALWARE | {"Level": hostile}]
    )
    assert not {"\x1b", "\u202e"} & set(told)
    assert told.count("\n共 ") == 1
