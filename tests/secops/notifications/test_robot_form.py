"""A custom robot added on the page of a rule, by whoever may; the page and the home page show what cannot be reached."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from secops_agent.models import Alert, AlertMessage, NotificationRule, NotificationTarget, Role, Staff
from secops_agent.services.notifications import robots
from secops_agent.services.notifications.delivery import announcing, reaching
from tests.admin_pages import dingtalk, known_group, member, rule, serve_plain_static, superuser, text_of
from tests.secops.inventory_aid import alert, store

from .test_robots import SECRET, URL
from .test_screens import ADD, errors_of, filled

pytestmark = pytest.mark.django_db
NEW = {"robot_name": "应急群", "robot_url": URL, "robot_secret": SECRET}


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def admin() -> Any:
    """Somebody with role admin who is no superuser."""
    return member(Role.ADMIN)


def test_administrator_adds_a_robot_and_no_page_shows_its_address_again() -> None:
    dingtalk()
    client = admin()
    page = text_of(client.get(reverse(ADD)))
    assert "添加自定义机器人" in page
    response = client.post(reverse(ADD), filled(**NEW))
    assert response.status_code == 302, errors_of(response)
    target = NotificationTarget.objects.get()
    assert robots.open_robot(target.uid) == (URL, SECRET)
    place = reverse("admin:secops_agent_notificationrule_change", args=[target.rule_id])
    shown = client.get(place).content.decode()
    assert "应急群 ****" in shown
    assert "0123456789abcdef" not in shown
    assert SECRET not in shown
    again = filled(targets=[f"webhook:{target.conversation_id}"], to_0=[f"webhook:{target.conversation_id}"])
    assert client.post(place, again).status_code == 302
    assert NotificationTarget.objects.get(step=None).pk == target.pk
    assert robots.open_robot(NotificationTarget.objects.get(step=0).uid) == (URL, SECRET)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"robot_url": "https://evil.example.com/robot/send?access_token=0123456789abcdef"}, "robot_url"),
        ({"robot_url": ""}, "robot_url"),
        ({"robot_name": ""}, "robot_url"),
        ({"robot_secret": "env:BIFANG_SECRET_ROBOT"}, "robot_url"),
        ({"robot_url": "file:robot"}, "robot_url"),
    ],
)
def test_fault_of_a_robot_stands_at_its_field(changes: dict[str, str], field: str) -> None:
    config = dingtalk()
    group = f"group:{config.pk}:{known_group(config).conversation_id}"
    client = admin()
    Staff.objects.update(corp_id="dingcorp")
    response = client.post(reverse(ADD), filled(targets=[group], **NEW | changes))
    assert response.status_code == 200
    assert list(errors_of(response)) == [field]
    assert not NotificationTarget.objects.exists()
    assert "0123456789abcdef" not in response.content.decode()


def test_superuser_refers_to_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    dingtalk()
    monkeypatch.setenv("BIFANG_SECRET_ROBOT", SECRET)
    given = filled(**NEW | {"robot_secret": "env:BIFANG_SECRET_ROBOT"})
    assert superuser().post(reverse(ADD), given).status_code == 302
    assert robots.open_robot(NotificationTarget.objects.get().uid) == (URL, SECRET)


def test_who_may_change_rules_only_adds_no_robot() -> None:
    config = dingtalk()
    group = f"group:{config.pk}:{known_group(config).conversation_id}"
    client = member(Role.ANALYST)
    user = User.objects.get(username="as-analyst")
    Staff.objects.update(corp_id="dingcorp")
    user.user_permissions.set(Permission.objects.filter(codename="add_notificationrule"))
    assert "添加自定义机器人" not in text_of(client.get(reverse(ADD)))
    assert client.post(reverse(ADD), filled(targets=[group], to_0=[group], **NEW)).status_code == 302
    assert set(NotificationTarget.objects.values_list("kind", flat=True)) == {"group"}


@pytest.mark.slow
def test_what_cannot_be_reached_stands_on_the_rule_the_alert_and_the_home_page() -> None:
    made = rule("严重告警")
    store(alert())
    announcing.step()
    OutboxRow.objects.update(state=State.DEAD, last_error="机器人不在群里", last_error_at=timezone.now())
    reaching.note_failures()
    client = superuser()
    pages = (
        reverse("admin:secops_agent_notificationrule_changelist"),
        reverse("admin:secops_agent_notificationrule_change", args=[made.pk]),
        reverse("web:alert", args=[Alert.objects.get().pk]),
        f"{reverse('web:home')}?part=now",
    )
    for page in pages:
        assert "机器人不在群里" in text_of(client.get(page)), page
    assert "下次尝试" in text_of(client.get(pages[1]))
    OutboxRow.objects.all().delete()
    AlertMessage.objects.update(state="unknown", reason="没有答复")
    NotificationRule.objects.update(enabled=False)
    assert "结果未知" in text_of(client.get(pages[2]))
    assert "机器人不在群里" not in text_of(client.get(pages[3]))


def test_message_that_is_tried_again_says_so_on_its_alert() -> None:
    rule("严重告警")
    store(alert())
    announcing.step()
    OutboxRow.objects.update(attempts=2, last_error="钉钉接口暂时不可用")
    page = text_of(superuser().get(reverse("web:alert", args=[Alert.objects.get().pk])))
    assert "正在重试" in page
    assert "钉钉接口暂时不可用" in page
