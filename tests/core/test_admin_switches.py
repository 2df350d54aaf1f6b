"""系统开关: toggles that say what they want, for those who may."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from bifang.core.models import Switch, SystemConfig
from bifang.core.rights import AUDITOR, OPERATOR
from secops_agent.models import Staff
from tests.admin_pages import member, messages_of, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
PAGE = "/admin/core/switch/"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def test_switch_is_turned_on_and_off_and_recorded() -> None:
    client = superuser()
    address = reverse("admin:core_switch_set", args=["maintenance"])
    assert "已打开「维护模式」" in messages_of(client.post(address, {"on": "1"}, follow=True))
    client.post(address, {"on": "1"})
    row = Switch.objects.get(name="maintenance")
    assert row.on
    who = Staff.objects.create(staff_id="manager01", name="张三", user=row.changed_by)
    assert f"{who.name} 打开" in text_of(client.get(PAGE)), "the person, not the login"
    client.post(address, {"on": "0"})
    assert not Switch.objects.get(name="maintenance").on
    assert "打开「维护模式」" in " ".join(entry.get_change_message() for entry in LogEntry.objects.all())


def test_one_click_stops_everything_after_it_was_asked() -> None:
    client = superuser()
    assert 'data-agrees="全部停下"' in client.get(PAGE).content.decode()
    assert "全部恢复" not in text_of(client.get(PAGE))
    address = reverse("admin:core_switch_set", args=["all"])
    said = messages_of(client.post(address, {"on": "1", "reason": "误封\u202e了客户"}, follow=True))
    assert "已打开「停止动作」「停用模型」「不主动说话」" in said
    assert set(Switch.objects.values_list("name", "on", "reason")) == {
        (name, True, "误封了客户") for name in ("no_actions", "no_model", "no_speech")
    }
    assert LogEntry.objects.count() == 3
    assert "看停了什么，恢复" in text_of(client.get("/"))
    client.post(reverse("admin:core_switch_set", args=["read_only"]), {"on": "1"})
    assert "本来就是打开的" in messages_of(client.post(address, {"on": "1"}, follow=True))
    shown = text_of(client.get(PAGE))
    assert "打开：误封了客户" in shown
    assert "照常：接收告警" in shown
    said = messages_of(client.post(address, {"on": "0", "reason": "查清了"}, follow=True))
    assert "已关闭「停止动作」「停用模型」「不主动说话」「只读」" in said
    assert not Switch.objects.filter(on=True).exists()
    assert set(Switch.objects.values_list("reason", flat=True)) == {"查清了"}


def test_page_shows_all_switches_before_any_was_ever_set() -> None:
    text = text_of(superuser().get(PAGE))
    assert all(label in text for label in ("停止动作", "停用模型", "维护模式", "只读"))
    assert not Switch.objects.exists()


def test_first_page_tells_which_switches_are_on() -> None:
    Switch.objects.create(name="no_model", on=True)
    assert "已打开：停用模型" in text_of(superuser().get("/"))


def test_only_those_who_may_turn_switches() -> None:
    address = reverse("admin:core_switch_set", args=["read_only"])
    auditor = member(AUDITOR)
    assert "无权修改" in text_of(auditor.get(PAGE))
    assert auditor.post(address, {"on": "1"}).status_code == 403
    assert member(OPERATOR).post(address, {"on": "1"}).status_code == 302
    assert Switch.objects.get(name="read_only").on


def test_unknown_switches_and_plain_visits_are_refused() -> None:
    client = superuser()
    assert client.post(reverse("admin:core_switch_set", args=["other"]), {"on": "1"}).status_code == 404
    assert client.get(reverse("admin:core_switch_set", args=["read_only"])).status_code == 405


def test_every_page_names_a_robot_that_only_answers() -> None:
    given: dict[str, Any] = {"kind": "dingtalk", "enabled": True, "client_id": "d1", "revision": 1}
    config = SystemConfig.objects.create(name="演示机器人", params={"notifications_enabled": False}, **given)
    client = superuser()
    for page in ("/", PAGE, "/alerts/"):
        answer = client.get(page)
        assert "机器人「演示机器人」只回答，不主动说话" in text_of(answer), page
        assert f"/systemconfig/{config.pk}/change/#id_notifications_enabled" in answer.content.decode()
