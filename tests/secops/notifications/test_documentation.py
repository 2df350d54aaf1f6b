"""What docs/notifications.md says can be copied and works."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from secops_agent.models import Alert, NotificationRule, OnCallSchedule
from secops_agent.services.on_call.working_days import read_days
from tests.admin_pages import dingtalk, serve_plain_static
from tests.secops.api.callers import with_token

from . import stage

pytestmark = pytest.mark.django_db
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text for kind, text in found if kind == language]


def test_files_of_the_page_can_be_applied(tmp_path: Path) -> None:
    dingtalk("钉钉Stream推送配置")
    for staff_id, name in (("lisi", "李四"), ("wangwu", "王五"), ("manager01", "张三")):
        stage.staff(staff_id, name)
    rules, rotas = blocks("yaml")
    for number, text in enumerate((rotas, rules)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        call_command("apply_configs", str(file))
    assert OnCallSchedule.objects.count() == len(yaml.safe_load(rotas)["on_call"])
    made = NotificationRule.objects.get(name="生产环境严重告警")
    assert made.escalate == [15, 15, 15, 30]
    assert made.repeat == 2
    assert made.targets.count() == 5


def test_table_of_holidays_can_be_imported() -> None:
    (table,) = [block for block in blocks("") if block.startswith("date,")]
    assert [day.working for day in read_days(table.splitlines())] == [False, True]


def test_calls_of_the_page_are_answered(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    calls = [block for block in blocks("") if block.startswith("curl")]
    assert len(calls) == 2
    client = with_token("read", "write", "ingest")
    for call in calls:
        address = re.search(r"https://bifang\.example\.com(\S+)", call)
        body = re.search(r"--data '(.+)'", call)
        assert address
        assert body
        answer = client.post(address[1], json.loads(body[1]), content_type="application/json")
        assert answer.status_code in (200, 201), answer.content
    assert Alert.objects.get().title == "SSH 暴力破解"


@pytest.mark.parametrize("path", ["notification-rules", "on-call", "silences"])
def test_lists_of_the_page_are_there(path: str, settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    assert f"GET /api/v1/{path}/" in PAGE
    assert with_token("read").get(f"/api/v1/{path}/").status_code == 200
