"""A custom robot as a target: who may add one, where it may be, what is kept and told of it, what never goes there."""

from typing import Any

import pytest

from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError
from secops_agent.models import (
    Alert,
    AlertIndicator,
    AlertMessage,
    AuditRecord,
    NotificationRule,
    NotificationTarget,
)
from secops_agent.services.actors import Actor
from secops_agent.services.notifications import robots
from secops_agent.services.notifications.delivery.bursts import CROWD_OF_ROBOT
from secops_agent.services.notifications.rules import save_rule
from secops_agent.services.notifications.views import search_rules
from tests.dingtalk.quota_aid import custom, use
from tests.secops.inventory_aid import alert, host, store

from . import stage
from .test_messages import age

pytestmark = pytest.mark.both_databases
URL = "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef"
SECRET = "SECabcdef0123"
ROBOT = {"kind": "webhook", "name": "应急群", "url": URL, "secret": SECRET}
ANNA = Actor("person", "user:1", "张三", "admin")


@pytest.fixture(autouse=True)
def config(database):
    return stage.configure()


def target() -> NotificationTarget:
    return NotificationTarget.objects.get(kind="webhook")


def everything_kept() -> str:
    """Every column of every row that a page, a record or an export could show."""
    tables = (NotificationTarget, NotificationRule, AuditRecord, OutboxRow)
    return str([list(table.objects.values()) for table in tables])


def test_address_and_secret_are_sealed_and_shown_nowhere(database):
    stage.rule(targets=[ROBOT])
    kept = everything_kept()
    assert "0123456789abcdef" not in kept
    assert SECRET not in kept
    (view,) = search_rules().items[0].targets
    assert (view.kind, view.place) == ("webhook", "自定义机器人 应急群 ****")
    assert robots.open_robot(target().uid) == (URL, SECRET)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "https://evil.example.com/robot/send?access_token=0123456789abcdef"}, "oapi.dingtalk.com"),
        (
            {"url": "https://oapi.dingtalk.com.evil.example/robot/send?access_token=0123456789abcdef"},
            "oapi.dingtalk.com",
        ),
        (
            {"url": "https://oapi.dingtalk.com@evil.example/robot/send?access_token=0123456789abcdef"},
            "用户名",
        ),
        ({"url": "http://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef"}, "https://"),
        ({"url": "https://oapi.dingtalk.com:8443/robot/send?access_token=0123456789abcdef"}, "https://"),
        ({"url": "https://api.dingtalk.com/robot/send?access_token=0123456789abcdef"}, "oapi.dingtalk.com"),
        ({"url": "https://oapi.dingtalk.com/robot/sendBySession?session=0123456789abcdef"}, "复制整个"),
        ({"url": "https://oapi.dingtalk.com/robot/other?access_token=0123456789abcdef"}, "复制整个"),
        ({"url": f"{URL}&timestamp=1"}, "别的参数"),
        ({"url": "https://169.254.169.254/robot/send?access_token=0123456789abcdef"}, "禁止访问"),
        ({"url": ""}, "缺少 url"),
        ({"url": "env:DJANGO_SECRET_KEY"}, "不允许引用"),
        ({"secret": "file:/etc/passwd"}, "不允许读取"),
        ({"secret": "SEC 中文"}, "格式不正确"),
    ],
)
def test_address_elsewhere_and_secrets_of_our_own_are_refused(database, changes, said):
    with pytest.raises(BifangError, match=said) as caught:
        stage.rule(targets=[ROBOT | changes])
    assert "0123456789abcdef" not in caught.value.message
    assert not NotificationTarget.objects.exists()


def test_address_by_reference_is_checked_when_it_is_used(database, monkeypatch):
    monkeypatch.setenv("BIFANG_SECRET_ROBOT", URL)
    stage.rule(targets=[ROBOT | {"url": "env:BIFANG_SECRET_ROBOT", "secret": ""}])
    assert robots.open_robot(target().uid) == (URL, "")
    monkeypatch.setenv("BIFANG_SECRET_ROBOT", URL.replace("oapi", "evil"))
    with pytest.raises(BifangError, match="evil"):
        robots.open_robot(target().uid)


def given(**changes: Any) -> dict[str, Any]:
    return stage.RULE | {"targets": [ROBOT | changes]}


def test_only_administrators_add_or_change_one_and_only_superusers_refer_to_secrets(database):
    with pytest.raises(BifangError, match="只有管理员"):
        save_rule(given(), ANNA)
    with pytest.raises(BifangError, match="只有超级管理员"):
        save_rule(given(secret="env:BIFANG_SECRET_ROBOT"), ANNA, grant="literal")
    assert not NotificationRule.objects.exists()
    save_rule(given(), ANNA, grant="literal")
    kept = {"kind": "webhook", "uid": target().uid}
    save_rule(stage.RULE | {"targets": [kept], "severities": ["critical"]}, ANNA)
    with pytest.raises(BifangError, match="只有管理员"):
        save_rule(given(secret="SECother"), ANNA)
    with pytest.raises(BifangError, match="只有管理员"):
        save_rule(given(url=URL + "0"), ANNA)
    with pytest.raises(BifangError, match="只有管理员"):
        save_rule(stage.RULE | {"name": "另一条", "targets": [kept]}, ANNA)
    assert robots.open_robot(target().uid) == (URL, SECRET)


def test_administrators_hear_by_whom_and_it_is_recorded_without_secrets(database):
    stage.staff("manager01", "李总", "admin")
    stage.staff("lisi", "李四")
    save_rule(given(), ANNA, grant="literal")
    save_rule(given(), ANNA, grant="literal")
    assert stage.told_privately() == {"manager01": 1}
    save_rule(given(secret="SECother"), ANNA, grant="literal")
    assert stage.told_privately() == {"manager01": 2}
    text = OutboxRow.objects.order_by("-pk")[0].text
    assert "张三" in text
    assert "严重告警" in text
    records = [row.detail["changes"] for row in AuditRecord.objects.order_by("pk")]
    assert [each.get("robots") for each in records] == [["自定义机器人 应急群 ****"]] * 2
    assert "SECother" not in everything_kept()
    assert robots.open_robot(target().uid) == (URL, "SECother")


def test_message_waits_in_the_outbox_without_the_address_and_mentions_the_owner(database):
    owner = stage.staff("wangwu", "王五")
    stage.rule(targets=[ROBOT])
    store(alert(assets=(host("web-01"),)))
    from secops_agent.models import Asset

    Asset.objects.update(owner=owner)
    stage.announce()
    row = OutboxRow.objects.get()
    assert "回复：" not in row.text, "a custom robot hears nobody"
    assert (row.target["robot"], row.webhook, row.at_staff_id) == (target().uid, None, "wangwu")
    assert "0123456789abcdef" not in everything_kept()


def test_two_rules_with_one_robot_tell_once_also_for_two_organisations(database):
    stage.rule(targets=[ROBOT])
    stage.rule(name="又一条", targets=[ROBOT | {"secret": "SECother"}])
    store(alert())
    stage.announce()
    assert OutboxRow.objects.count() == 1


def test_accounts_and_personal_data_never_go_to_a_robot_nor_to_a_group(database):
    stage.rule(targets=[ROBOT, stage.GROUP])
    store(alert("k", title="账号 zhang.san 从 13812345678 登录，发信到 a.b@corp.example"))
    AlertIndicator.objects.create(alert=Alert.objects.get(), kind="account", value="zhang.san")
    stage.announce()
    told = [f"{row.title} {row.text}" for row in OutboxRow.objects.all()]
    assert len(told) == 2
    for text in told:
        assert "登录" in text
        assert not any(word in text for word in ("zhang.san", "13812345678", "a.b@corp.example"))


def test_more_than_a_robot_takes_in_a_minute_is_joined_into_one(database):
    stage.rule(targets=[ROBOT])
    store(
        *(alert(f"k{number}", title=f"a{number}@corp.example 登录") for number in range(CROWD_OF_ROBOT + 5))
    )
    stage.announce()
    age(3)
    stage.announce()
    assert OutboxRow.objects.count() == 1
    text = OutboxRow.objects.get().text
    assert f"{CROWD_OF_ROBOT + 5} 条告警" in text
    assert "@corp.example" not in text
    assert AlertMessage.objects.filter(state="held").count() == CROWD_OF_ROBOT + 5


@pytest.mark.parametrize(("spent", "held"), [("webhook", "webhook"), ("robot", "group")])
def test_robot_is_paid_with_messages_and_a_group_with_calls(database, settings, config, spent, held):
    settings.RATE_LIMITS = True
    config.params |= custom(100, 100)
    config.save()
    stage.rule(targets=[ROBOT, stage.GROUP])
    use("ding1", 96, family=spent)
    store(alert())
    stage.announce()
    assert [row.target.kind for row in AlertMessage.objects.filter(state="held")] == [held]
    assert OutboxRow.objects.count() == 1
