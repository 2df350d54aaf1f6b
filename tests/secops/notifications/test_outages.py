"""A robot that is down for long: administrators hear of it once, another way, and once when it is there again."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from bifang.channels import allowance as allowances
from bifang.channels.allowance import SendingAllowance
from bifang.channels.models import ClientState, ClientStatus, Outage, OutboxRow, State, Worker
from bifang.core.models import SystemConfig
from bifang.core.monitoring.health import check_health
from secops_agent.models import NotificationTarget, Staff
from secops_agent.services.notifications.delivery import outages
from tests.admin_pages import serve_plain_static, superuser
from tests.secops.notifications import stage

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
CORP, TENANT = "dingcorp", "tenant_1"
REFUSED = "凭证错误（invalidClient：无效的应用）：请在 系统配置 中核对 Client ID 和 Client Secret。"
ROBOT = {
    "kind": "webhook",
    "name": "应急群",
    "url": "https://oapi.dingtalk.com/robot/send?access_token=" + "a" * 64,
}


def robot(name: str, kind: str = "dingtalk", **params: Any) -> SystemConfig:
    given = {"notifications_enabled": True, "corp_id" if kind == "dingtalk" else "tenant_key": "", **params}
    return SystemConfig.objects.create(kind=kind, name=name, client_id=name, params=given)


def show(config: SystemConfig, status: ClientStatus, error: str = "", owner: str = "host-1") -> None:
    """What a worker publishes of its client, just now."""
    now = timezone.now()
    fields = {"status": status, "last_error": error, "since": now, "updated_at": now}
    ClientState.objects.update_or_create(config=config, owner=owner, defaults=fields)


def hush(config: SystemConfig) -> None:
    """The worker stopped in order, and took along what it said."""
    ClientState.objects.filter(config=config).delete()


def later(minutes: float) -> None:
    """So much time passed since what is written down of outages."""
    for row in Outage.objects.all():
        row.since = row.since and row.since - timedelta(minutes=minutes)
        row.told_at = row.told_at and row.told_at - timedelta(minutes=minutes)
        row.save()


def endure(minutes: float = 6) -> int:
    """It is seen to be down, and is still so minutes later; how many messages."""
    outages.step()
    later(minutes)
    return outages.step()


def said() -> "QuerySet[OutboxRow]":
    """What was told of outages; of a new custom robot administrators are told, too."""
    return OutboxRow.objects.filter(key__startswith="note:outage:")


def told() -> list[tuple[str, str]]:
    """Configuration and person, or robot, of each message in order."""
    rows = said().order_by("pk").select_related("config")
    return [(row.config.name, row.target["staff_id"] or "robot") for row in rows]


@pytest.fixture
def broken() -> SystemConfig:
    """A DingTalk robot whose credentials are refused; workers of both platforms live."""
    now = timezone.now()
    Worker.objects.create(owner="host-1", host="host", pid=1, started_at=now, heartbeat_at=now)
    config = robot("钉钉一", corp_id=CORP)
    show(config, ClientStatus.PARKED, REFUSED)
    return config


@pytest.fixture
def spare(broken: SystemConfig) -> SystemConfig:
    """Another robot of the corporation, which works, and an administrator."""
    config = robot("钉钉二", corp_id=CORP)
    show(config, ClientStatus.CONNECTED)
    stage.staff("manager01", "张三", "admin")
    stage.staff("lisi", "李四", "approver")
    return config


@pytest.mark.slow
@pytest.mark.usefixtures("spare")
def test_refused_credentials_are_told_once_through_the_other_robot(
    broken: SystemConfig, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://bifang.corp.example"
    assert endure() == 1
    later(90)
    assert outages.step() == 0
    row = OutboxRow.objects.get()
    assert told() == [("钉钉二", "manager01")]
    assert row.title == "钉钉机器人「钉钉一」没有连上"
    since = timezone.localtime(Outage.objects.get().since) + timedelta(minutes=90)
    link = f"[系统配置（ID {broken.pk}）](https://bifang.corp.example/admin/core/systemconfig/{broken.pk}/change/)"
    for words in (REFUSED, f"{since:%m-%d %H:%M}", link, "核对 Client ID 和 Client Secret"):
        assert words in row.text


def test_recovery_is_told_once_to_the_same(broken: SystemConfig, spare: SystemConfig) -> None:
    endure()
    show(broken, ClientStatus.CONNECTED)
    assert (outages.step(), outages.step()) == (1, 0)
    assert told() == [("钉钉二", "manager01")] * 2
    row = OutboxRow.objects.latest("pk")
    assert row.title == "钉钉机器人「钉钉一」恢复了"
    assert "6 分钟" in row.text


@pytest.mark.usefixtures("spare")
def test_restart_tells_nobody(broken: SystemConfig) -> None:
    assert endure(4) == 0
    hush(broken)
    assert outages.step() == 0
    show(broken, ClientStatus.RETRYING, "连不上")
    assert endure(4) == 0
    show(broken, ClientStatus.CONNECTED)
    assert (outages.step(), told()) == (0, [])


@pytest.mark.usefixtures("spare")
def test_service_that_is_stopped_on_purpose_tells_nobody_and_mends_nothing(broken: SystemConfig) -> None:
    hush(broken)
    assert endure() == 0
    show(broken, ClientStatus.PARKED, REFUSED)
    assert endure() == 1
    hush(broken)
    assert outages.step() == 0
    show(broken, ClientStatus.PARKED, REFUSED)
    assert outages.step() == 0
    assert len(told()) == 1


@pytest.mark.parametrize("change", [{"enabled": False}, {"params": {"use_stream_push": False}}])
@pytest.mark.usefixtures("spare")
def test_configuration_that_wants_no_connection_any_more_tells_nobody(
    broken: SystemConfig, change: dict[str, Any]
) -> None:
    endure()
    SystemConfig.objects.filter(pk=broken.pk).update(**change)
    show(broken, ClientStatus.CONNECTED)
    assert outages.step() == 0
    assert len(told()) == 1
    assert not Outage.objects.exists()


def test_worker_that_died_is_told_through_the_other_platform(broken: SystemConfig) -> None:
    feishu = robot("飞书", "feishu", tenant_key=TENANT)
    show(feishu, ClientStatus.CONNECTED)
    Staff.objects.create(corp_id=TENANT, staff_id="ou_boss", name="王总", role="admin")
    dead = timezone.now() - timedelta(minutes=1)
    Worker.objects.update(kind="feishu")
    Worker.objects.create(
        owner="host-2", host="host", pid=2, kind="dingtalk", started_at=dead, heartbeat_at=dead
    )
    hush(broken)
    assert endure() == 1
    assert told() == [("飞书", "ou_boss")]
    assert "请启动 python manage.py start_dingtalk_stream" in OutboxRow.objects.get().text


def test_feishu_is_told_of_through_dingtalk_and_each_person_once(spare: SystemConfig) -> None:
    SystemConfig.objects.filter(name="钉钉一").update(enabled=False)
    feishu, other = robot("飞书", "feishu", tenant_key=TENANT), robot("飞书二", "feishu", tenant_key=TENANT)
    show(feishu, ClientStatus.PARKED, "凭证错误（10014）：请核对 App ID 和 App Secret。")
    show(other, ClientStatus.CONNECTED)
    user = User.objects.create(username="zhangsan")
    Staff.objects.filter(staff_id="manager01").update(user=user)
    Staff.objects.create(corp_id=TENANT, staff_id="ou_zhangsan", name="张三", role="admin", user=user)
    Staff.objects.create(corp_id=TENANT, staff_id="ou_boss", name="王总", role="admin")
    assert endure() == 2
    assert told() == [("钉钉二", "manager01"), ("飞书二", "ou_boss")]
    assert "核对 App ID 和 App Secret" in OutboxRow.objects.earliest("pk").text
    assert spare.pk


def test_connection_in_one_worker_is_enough(broken: SystemConfig, spare: SystemConfig) -> None:
    show(broken, ClientStatus.CONNECTED, owner="host-2")
    assert endure() == 0
    assert not Outage.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["down", "silent", "unknown corporation", "used up", "unserved"])
def test_way_that_cannot_carry_it_is_not_used(
    broken: SystemConfig, spare: SystemConfig, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {
        "silent": {"notifications_enabled": False, "corp_id": CORP},
        "unknown corporation": {"corp_id": ""},
        "unserved": {"corp_id": CORP, "use_stream_push": False},
    }.get(way)
    if params is not None:
        SystemConfig.objects.filter(pk=spare.pk).update(params=params)
    if way == "down":
        show(spare, ClientStatus.RETRYING, "连不上")
    if way == "unserved":
        Worker.objects.update(scope=str(broken.pk))
    if way == "used up":
        used_up = lambda pk, means: SendingAllowance("none", 100) if pk == spare.pk else allowances.FULL  # noqa: E731
        monkeypatch.setattr(allowances, "ALLOWANCES", [used_up])
    assert endure() == 0
    assert "没有别的途径告诉管理员" in Outage.objects.get(config=broken).problem


@pytest.mark.slow
def test_without_a_way_the_log_and_the_health_say_so_once_and_the_end_is_told(
    broken: SystemConfig, caplog: pytest.LogCaptureFixture, page: Client
) -> None:
    stage.staff("manager01", "张三", "admin")
    with caplog.at_level(logging.ERROR):
        assert endure() == 0
        assert outages.step() == 0
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("钉钉机器人「钉钉一」没有连上，管理员没有得知：没有别的途径")
    finding = next(one for one in check_health().findings if one.name == "connection")
    assert "没有别的途径告诉管理员" in finding.detail
    assert "没有别的途径告诉管理员" not in finding.public
    assert (
        "没有别的途径告诉管理员" in page.get(f"/admin/core/systemconfig/{broken.pk}/change/").content.decode()
    )
    show(broken, ClientStatus.CONNECTED)
    assert outages.step() == 1
    assert told() == [("钉钉一", "manager01")]
    assert "当时没有告知" in OutboxRow.objects.get().text


def test_way_that_opens_later_is_used(broken: SystemConfig, spare: SystemConfig) -> None:
    show(spare, ClientStatus.RETRYING, "连不上")
    endure()
    show(spare, ClientStatus.CONNECTED)
    assert outages.step() == 2  # and the end of the other one
    assert ("钉钉二", "manager01") in told()
    assert Outage.objects.get(config=broken).problem == ""


def test_custom_robot_tells_it_where_nothing_else_does(broken: SystemConfig) -> None:
    stage.rule(targets=[ROBOT])
    assert endure() == 1
    assert told() == [(broken.name, "robot")]
    assert "a" * 64 not in said().get().text
    assert said().get().target["robot"] == NotificationTarget.objects.get().uid


@pytest.mark.parametrize("lost", ["rule off", "robot refuses"])
def test_custom_robot_that_is_no_way_is_not_used(broken: SystemConfig, lost: str) -> None:
    stage.rule(targets=[ROBOT], enabled=lost != "rule off")
    if lost == "robot refuses":
        NotificationTarget.objects.update(last_error="机器人的安全设置拒绝了消息")
    assert endure() == 0
    assert Outage.objects.get(config=broken).problem


@pytest.mark.usefixtures("spare")
def test_message_that_is_refused_goes_to_the_custom_robot_and_then_is_shown(broken: SystemConfig) -> None:
    stage.rule(targets=[ROBOT])
    endure()
    said().update(state=State.DEAD, last_error="不在应用的可见范围内")
    assert (outages.step(), outages.step()) == (1, 0)
    assert told() == [("钉钉二", "manager01"), ("钉钉一", "robot")]
    said().update(state=State.DEAD, last_error="缺少关键词")
    assert outages.step() == 0
    assert Outage.objects.get(config=broken).problem == "发给管理员的消息被拒绝：缺少关键词"


@pytest.mark.slow
@pytest.mark.usefixtures("spare")
def test_connection_that_comes_and_goes_is_told_at_most_once_an_hour(broken: SystemConfig) -> None:
    endure()
    for _ in range(3):
        show(broken, ClientStatus.CONNECTED)
        outages.step()
        show(broken, ClientStatus.RETRYING, "连不上")
        endure()
    assert len(told()) == 2
    later(60)
    assert outages.step() == 1


def test_names_and_answers_from_elsewhere_format_and_link_nothing(spare: SystemConfig) -> None:
    broken = SystemConfig.objects.get(name="钉钉一")
    SystemConfig.objects.filter(pk=broken.pk).update(name="[点我](https://evil.example)")
    show(broken, ClientStatus.PARKED, "坏了 [看这里](https://evil.example/x) <b>\n# 大\n" + "长" * 5000)
    endure()
    text = OutboxRow.objects.get().text
    assert "](https://evil" not in text
    assert "\n# " not in text
    assert len(text) < 1000
    assert spare.pk


@pytest.fixture
def page(settings: Any, tmp_path: Any) -> Client:
    """The admin, as a superuser."""
    serve_plain_static(settings, tmp_path)
    return superuser()
