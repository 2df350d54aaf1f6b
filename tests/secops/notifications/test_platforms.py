"""Whatever the platform: configurations found by name, targets in their own corporation, who speaks, and what is said if not."""

from typing import Any

import pytest

from bifang.channels.known_groups import learn_group
from bifang.channels.models import OutboxRow
from bifang.channels.ports import Incoming
from bifang.channels.queues import inbox
from bifang.core.configuration import configs
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationRule, NotificationTarget, Staff
from secops_agent.services.chats import find_chat, name_of
from secops_agent.services.notifications.choices import choices
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.people.messages import speaker_for, tell
from secops_agent.web_chat.lines import robot_for
from tests.secops.inventory_aid import alert, store
from tests.secops.notifications import stage

pytestmark = pytest.mark.django_db
TENANT, GROUP = "tenant_1", "oc_group"
PLACE = {"kind": "group", "config": "飞书", "conversation_id": GROUP}


def feishu(name: str = "飞书", **params: Any) -> SystemConfig:
    given = {"notifications_enabled": True, "tenant_key": TENANT, **params}
    return SystemConfig.objects.create(kind="feishu", name=name, client_id=f"cli_{name}", params=given)


def member(staff_id: str = "ou_lisi", role: str = "analyst") -> Staff:
    return Staff.objects.create(corp_id=TENANT, staff_id=staff_id, name=staff_id, role=role)


def known(config: SystemConfig, where: str = GROUP, corp_id: str = TENANT) -> None:
    learn_group(config.pk, where, title=where, corp_id=corp_id, speaker="李四", staff_id="ou_lisi")


def why_not() -> str:
    return NotificationTarget.objects.get().last_error


def test_alert_goes_to_a_group_of_feishu_through_its_own_configuration() -> None:
    stage.configure(corp_id="dingcorp")
    config = feishu()
    known(config)
    stage.rule(targets=[PLACE, {"kind": "person", "config": "飞书", "staff_id": member().staff_id}])
    store(alert("甲", severity="high"))
    stage.announce()
    rows = OutboxRow.objects.order_by("pk")
    assert [row.config_id for row in rows] == [config.pk, config.pk]
    assert {row.target["conversation_id"] or row.target["staff_id"] for row in rows} == {GROUP, "ou_lisi"}
    assert all(row.buttons for row in rows)


def test_switched_off_feishu_says_what_to_switch_on() -> None:
    known(feishu(notifications_enabled=False))
    stage.rule(targets=[PLACE])
    store(alert("甲", severity="high"))
    stage.announce()
    assert not OutboxRow.objects.exists()
    assert why_not() == "飞书配置「飞书」没有启用飞书通知：请在系统配置中启用。"


def test_group_and_person_of_another_corporation_are_refused() -> None:
    stage.staff("manager01", "张三")
    known(feishu(), "oc_foreign", "tenant_other")
    for target, why in (
        ({**PLACE, "conversation_id": "oc_foreign"}, "属于另一个企业"),
        ({"kind": "person", "config": "飞书", "staff_id": "manager01"}, "不在人员名单中"),
    ):
        with pytest.raises(InvalidInput, match=why):
            stage.rule(targets=[target])


def test_two_platforms_with_one_name_are_told_apart_by_their_kind() -> None:
    ding = stage.configure()
    twin = feishu(ding.name)
    with pytest.raises(InvalidInput, match="dingtalk/钉钉、feishu/钉钉"):
        find_chat("钉钉")
    assert [find_chat(name_of(one)) for one in (ding, twin)] == [ding, twin]
    known(twin)
    offered = [one.entry for one in choices(None) if one.section == "群"]
    assert offered == [{"kind": "group", "config": "feishu/钉钉", "conversation_id": GROUP}]
    stage.rule(targets=offered)
    assert NotificationTarget.objects.get().config == twin


def test_people_are_offered_only_where_they_are() -> None:
    stage.configure(corp_id="dingcorp")
    feishu()
    stage.staff("manager01", "张三")
    member()
    offered = {(one.entry["config"], one.entry["staff_id"]) for one in choices(None) if one.section == "个人"}
    assert offered == {("dingtalk/钉钉", "manager01"), ("feishu/飞书", "ou_lisi")}


def test_custom_robot_does_not_speak_through_feishu() -> None:
    feishu()
    robot = {"kind": "webhook", "url": "https://oapi.dingtalk.com/robot/send?access_token=" + "a" * 64}
    with pytest.raises(InvalidInput, match="自定义机器人是钉钉的"):
        stage.rule(targets=[{**robot, "config": "飞书"}])
    with pytest.raises(InvalidInput, match="还没有钉钉配置"):
        stage.rule(targets=[robot])


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_new_configuration_begins_with_a_draft_of_a_rule(kind: str) -> None:
    configs.save(kind, "新的", True, {"client_id": "app", "client_secret": "a-secret"})
    assert NotificationRule.objects.get(name="新的的严重和高危告警").enabled is False


def test_of_two_robots_of_a_tenant_the_one_that_they_wrote_to_tells_them() -> None:
    """An open_id belongs to one application: through another one it is refused."""
    first, second = feishu(), feishu("另一个")
    person, stranger = member(), member("ou_new")
    inbox.store([
        Incoming(first.pk, "chat", "m1", "web:7", "ou_lisi", "在页面上问"),
        Incoming(second.pk, "chat", "m2", "oc_p", "ou_lisi", "你好"),
    ])  # fmt: skip
    assert speaker_for(person, first) == second
    assert (speaker_for(stranger), speaker_for(stranger, second)) == (first, second)


def test_everybody_is_told_on_their_own_platform() -> None:
    ding, config = stage.configure(corp_id="dingcorp"), feishu()
    people = stage.staff("manager01", "张三"), member()
    assert [speaker_for(one) for one in people] == [ding, config]
    assert tell(people[1], "标题", "内容", key="one")
    assert OutboxRow.objects.get().config_id == config.pk
    SystemConfig.objects.filter(pk=config.pk).update(enabled=False)
    assert not tell(people[1], "标题", "内容", key="two")


def test_administrators_hear_through_a_configuration_that_has_some() -> None:
    ding, config = stage.configure(corp_id="dingcorp"), feishu()
    member("ou_admin", "admin")
    assert administrators.tell(None, "标题", "内容", key="fault") == 1
    row = OutboxRow.objects.get()
    assert (row.config_id, row.target["staff_id"]) == (config.pk, "ou_admin")
    assert administrators.tell(ding, "标题", "内容", key="theirs") == 0  # another corporation's matter


def test_administrator_hears_through_another_configuration_of_the_own_corporation() -> None:
    """Not through the first one that speaks: there, the id is nobody's."""
    stage.configure(corp_id="dingcorp")
    stopped, spare = feishu(), feishu("备用")
    member("ou_admin", "admin")
    known(stopped)
    stage.rule(targets=[PLACE])
    SystemConfig.objects.filter(pk=stopped.pk).update(enabled=False)
    store(alert("甲", severity="critical"))
    for _ in range(3):
        stage.announce()
    row = OutboxRow.objects.get()
    assert (row.config_id, row.target["staff_id"]) == (spare.pk, "ou_admin")


def test_page_speaks_to_the_robot_of_the_own_corporation() -> None:
    person = member()
    assert robot_for(person) is None
    stage.configure(corp_id="dingcorp")
    config = feishu()
    assert robot_for(person) == config
    assert robot_for(Staff(corp_id="elsewhere", staff_id="ou_lisi")) is None
