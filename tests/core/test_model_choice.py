"""换模型: which model answers is told in one place, and another one is chosen and tried at a click."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from secops_agent.models import Role
from tests.admin_pages import dingtalk, member, messages_of, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
PLACE = "admin:core_systemconfig_models"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def model(name: str, *, enabled: bool = True) -> SystemConfig:
    given = {"base_url": "http://127.0.0.1:1/v1", "model": f"{name}-8b"}
    return configs.save("openai", name, enabled, given)[0]


def test_another_model_is_chosen_at_a_click_and_tried_on_its_page() -> None:
    client, first, second = superuser(), model("M1"), model("M2")
    robot = dingtalk("机器人", ai_config=first, ai_fallback=second)
    shown = text_of(client.get(reverse(PLACE)))
    assert "机器人" in shown
    assert shown.index("M1-8b") < shown.index("正在用") < shown.index("M2-8b") < shown.index("换成它")
    for card in ("settings", "status"):
        assert "换模型 ¦ M1 ¦ " in text_of(client.get(reverse(card))), card
    answer = client.post(reverse(PLACE), {"chat": robot.pk, "model": second.pk}, follow=True)
    robot.refresh_from_db()
    assert (robot.ai_config, robot.ai_fallback) == (second, second)
    assert "「机器人」换成了「M2」，几秒内生效；下面正在试它" in messages_of(answer)
    assert answer.request["PATH_INFO"] == reverse("admin:core_systemconfig_change", args=[second.pk])
    assert "data-try-now" in answer.content.decode()
    assert "换成了离线模式" in messages_of(
        client.post(reverse(PLACE), {"chat": robot.pk, "model": ""}, follow=True)
    )
    robot.refresh_from_db()
    assert robot.ai_config is None


def test_what_is_switched_off_fails_or_is_no_model_is_not_chosen() -> None:
    client, idle, asked = superuser(), model("停", enabled=False), model("用")
    robot = dingtalk("机器人", ai_config=asked)
    for wrong in (idle.pk, robot.pk, 10**9):
        client.post(reverse(PLACE), {"chat": robot.pk, "model": wrong})
    client.post(reverse(PLACE), {"chat": asked.pk, "model": asked.pk})
    robot.refresh_from_db()
    assert robot.ai_config == asked
    SystemConfig.objects.filter(pk=asked.pk).update(last_error="连不上")
    assert "换模型 ¦ 不正常：用 ¦ " in text_of(client.get(reverse("status")))


def test_one_that_failed_is_asked_about_and_a_new_one_is_chosen_among_models() -> None:
    client, first, second = superuser(), model("M1"), model("M2")
    dingtalk("机器人", ai_config=first)
    SystemConfig.objects.filter(pk=second.pk).update(last_error="测试没有通过：「模型与工具调用」连不上。")
    page = client.get(reverse(PLACE)).content.decode()
    assert 'data-asks="它最近一次出错：测试没有通过：「模型与工具调用」连不上。' in page
    link = re.findall(r'href="([^"]+)">新增模型', page)[0]
    offered = text_of(client.get(link))
    assert "通义千问" in offered
    assert "钉钉" not in offered.partition("要新增哪一种配置？")[2]


def test_who_may_not_change_configurations_changes_none() -> None:
    robot = dingtalk("机器人", ai_config=None)
    assert member(Role.VIEWER).post(reverse(PLACE), {"chat": robot.pk, "model": ""}).status_code == 403
