"""`manage.py ask`: one sentence or a file of them, as someone, storing nothing."""

import asyncio
import io
import json
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from bifang.core.configuration.sections import apply_sections
from secops_agent.models import Alert
from secops_agent.models.automation.proposal import Proposal
from tests.fake_dashscope import Calls, FakeDashScope, Say
from tests.secops.demo_aid import demo

__all__ = ["demo"]


def ask(*arguments, **options):
    out = io.StringIO()
    call_command("ask", *arguments, stdout=out, **options)
    return out.getvalue()


def batch(tmp_path, *lines, staff_id="manager01", extra=()):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    out = ask("--batch", str(path), "--as", staff_id, "--json", *extra)
    return [json.loads(line) for line in out.splitlines()]


def test_one_sentence_is_answered_in_the_terminal(demo):
    out = ask("谁负责 10.0.0.5", "--as", "lisi")
    assert "[get_asset" in out
    assert "负责人 李四" in out
    out = ask("封禁 203.0.113.9 1小时 原因：扫描", "--as", "zhaoliu")
    assert "没有告诉任何人" in out
    assert "已经私聊" not in out


def test_json_has_exactly_the_promised_keys(demo):
    line = json.loads(ask("CVE-2021-44228 影响我们哪些资产", "--as", "lisi", "--json"))
    assert set(line) == {"text", "tool", "arguments", "status", "answer", "offers"}
    assert (line["tool"], line["arguments"], line["status"]) == (
        "affected_assets",
        {"cve_id": "CVE-2021-44228"},
        "ok",
    )


def test_batch_answers_line_by_line_and_in_order(demo, tmp_path):
    lines = [
        "web-01 的信息",
        "它有什么漏洞",
        "asdf",
        "你好",
        "封禁 203.0.113.5 一小时",
        "不要封禁 203.0.113.5",
    ]
    found = batch(tmp_path, *lines)
    assert [line["text"] for line in found] == lines
    tools = ["get_asset", None, None, None, "block_ip", None]
    assert [line["tool"] for line in found] == tools
    assert found[1]["status"] == "asked_back"  # lines are independent: 它 is nobody
    assert found[2]["status"] == "not_understood"
    assert found[3]["status"] == "answered"
    assert found[4]["status"] == "needs_approval"
    assert found[4]["arguments"] == {"ip": "203.0.113.5", "duration_minutes": 60}


def data_version():
    """SQLite's counter of what other connections committed."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return cursor.fetchone()


@pytest.mark.slow
def test_nothing_is_written(demo, tmp_path):
    before = list(Alert.objects.order_by("pk").values_list("pk", "status", "assignee", "verdict"))
    version = data_version()
    batch(tmp_path, "把告警 2 指派给李四", "关闭告警 2 误报", "隔离 web-01", "今天的日报", "状态")
    assert list(Alert.objects.order_by("pk").values_list("pk", "status", "assignee", "verdict")) == before
    assert not Proposal.objects.exists()
    assert data_version() == version


@pytest.mark.slow
def test_hundreds_of_lines_take_seconds(demo, tmp_path):
    start = time.process_time()
    found = batch(tmp_path, *(f"告警 {number} 的详情" for number in range(1, 301)))
    assert len(found) == 300
    assert time.process_time() - start < 30


def test_roles_hold(demo, tmp_path):
    (line,) = batch(tmp_path, "封禁 203.0.113.5", staff_id="lisi")
    assert line["status"] == "error"
    assert "需要「处置」角色" in line["answer"]


def test_group_hides_accounts(demo, tmp_path):
    (line,) = batch(tmp_path, "列出账号", extra=("--group",))
    assert "svc-backup" not in line["answer"]


def test_odd_lines_do_not_stop_the_rest(demo, tmp_path):
    found = batch(tmp_path, "x" * 20_000, "告警 99999999999999999999999", "\ufeff\u200b", "web-01 的信息")
    assert len(found) == 4
    assert found[-1]["tool"] == "get_asset"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["你好", "--as", "nobody"], "没有员工 ID 为「nobody」"),
        (["--as", "lisi"], "请给出要问的话"),
        (["你好", "--as", "lisi", "--ai", "没有的"], "没有启用的模型配置「没有的」"),
        (["--batch", "没有的文件.txt", "--as", "lisi"], "无法读取"),
    ],
)
def test_mistakes_are_explained(demo, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        ask(*arguments)


def configure_and_ask(*arguments):
    entry = {"kind": "qwen", "name": "千问", "model": "qwen-plus", "api_key": "sk-test-0001"}
    try:
        apply_sections({"configs": [entry]})
        return ask(*arguments)
    finally:
        connections.close_all()


def reader(body):
    """Looks the asset up, then answers with its owner and with an address it made up."""
    found = [message for message in body["input"]["messages"] if message["role"] == "tool"]
    return (
        Say("web-01 由李四负责，曾连接 198.51.100.250。")
        if found
        else Calls(("get_asset", {"asset": "web-01"}))
    )


async def test_a_configured_model_is_asked_over_the_wire(demo, tmp_path, monkeypatch):
    path = tmp_path / "lines.txt"
    path.write_text("web-01 谁负责\n\nweb-01 归谁管\n", encoding="utf-8")
    async with FakeDashScope() as fake:
        fake.answer = reader
        monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", fake.base_url)
        arguments = ("--batch", str(path), "--as", "lisi", "--json", "--ai", "千问")
        out = await asyncio.to_thread(configure_and_ask, *arguments)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["text"], line["tool"], line["status"]) for line in lines] == [
        ("web-01 谁负责", "get_asset", "ok"),
        ("web-01 归谁管", "get_asset", "ok"),
    ]
    answers = {line["answer"].partition("\n\n")[0] for line in lines}
    assert answers == {"web-01 由李四负责，曾连接 198.51.100.250（未核实）。"}
