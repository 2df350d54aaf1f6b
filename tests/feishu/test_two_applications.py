"""Two applications of one tenant: an open_id of the one is never spoken to by the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User

from bifang.channels.cards.breaker import Breaker
from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from feishu_integration.addresses import place_limiter
from feishu_integration.applications import FeishuDoors
from feishu_integration.cards.platform import card_service
from feishu_integration.channel import FeishuChannel
from secops_agent.models import NotificationTarget, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.proposals import Proposals
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.notifications.choices import choices
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.people.messages import speaker_for, tell
from secops_agent.services.people.staff import Person
from tests.deadline import wait_until
from tests.feishu_simulator import running_feishu
from tests.secops.decisions_aid import robot
from tests.secops.inventory_aid import alert, store
from tests.secops.notifications import stage

pytestmark = pytest.mark.django_db
TENANT = "tenant_1"


@pytest.fixture
def apps() -> tuple[SystemConfig, SystemConfig]:
    return robot(TENANT, "feishu", "甲"), robot(TENANT, "feishu", "乙")


def account(config: SystemConfig | None, staff_id: str, role: Role = Role.ANALYST, **more: Any) -> Staff:
    """Somebody who wrote to one of the two, if to any."""
    if config is not None:
        inbox.store([Incoming(config.pk, "chat", f"m-{staff_id}", "oc_p", staff_id, "你好")])
    name = more.pop("name", staff_id)
    return Staff.objects.create(corp_id=TENANT, staff_id=staff_id, name=name, role=role, **more)


def target(config: str, staff: Staff) -> dict[str, str]:
    return {"kind": "person", "config": config, "staff_id": staff.staff_id}


def on_call(staff: Staff) -> None:
    """A schedule with one person."""
    given = {
        "name": "安全值班",
        "rotation": "weekly",
        "handover": "09:00",
        "start": "2026-01-05",
        "staff": [staff.staff_id],
    }
    apply_on_call_entries([given])


def ask(config: SystemConfig, asker: Staff) -> list[str]:
    """Something dangerous is proposed in a group; who is asked."""
    person = Person(TENANT, asker.staff_id, asker.name, Role(asker.role))
    where = ReplyTarget("oc_room", True, asker.staff_id)
    proposals = Proposals(
        person, Origin(config.pk, "oc_room", True, None, where), Actor.person(person, "feishu")
    )
    proposals.propose("block_ip", "封禁 IP", "dangerous", {"ip": "203.0.113.5"}, "封禁 203.0.113.5")
    return [reply.target.staff_id for reply in proposals.replies("") if reply.target]


def told() -> list[tuple[str, str]]:
    """(configuration, staff id) of what is to be sent in private."""
    rows = OutboxRow.objects.select_related("config").order_by("pk")
    return [(row.config.name, row.target["staff_id"]) for row in rows]


@pytest.mark.slow
def test_a_rule_refuses_an_id_of_the_other_application_and_says_what_to_do(apps: Any) -> None:
    first, _ = apps
    person = account(first, "ou_first")
    with pytest.raises(InvalidInput, match="属于另一个飞书应用") as refused:
        stage.rule(targets=[target("乙", person)])
    assert "给「乙」的机器人发一句话" in refused.value.message
    assert not NotificationTarget.objects.exists()
    stage.rule(targets=[target("甲", person), target("乙", account(None, "ou_new"))])
    store(alert("甲", severity="high"))
    stage.announce()
    assert told() == [("甲", "ou_first"), ("乙", "ou_new")]


def test_list_of_targets_offers_only_whom_the_application_reaches(apps: Any) -> None:
    """What it offers is what saving accepts."""
    first, second = apps
    user = User.objects.create_user("lisi")
    account(first, "ou_lonely")
    account(first, "ou_first", user=user), account(second, "ou_second", user=user)
    account(None, "ou_new")
    offered = [
        each.entry for each in choices(User.objects.create_superuser("root")) if each.section == "个人"
    ]
    assert {(each["config"], each["staff_id"]) for each in offered} == {
        *(("feishu/甲", staff_id) for staff_id in ("ou_lonely", "ou_first", "ou_second", "ou_new")),
        *(("feishu/乙", staff_id) for staff_id in ("ou_first", "ou_second", "ou_new")),
    }  # fmt: skip
    stage.rule(targets=offered)


@pytest.mark.slow
def test_whoever_turns_out_to_be_of_the_other_application_is_not_told_by_this_one(apps: Any) -> None:
    first, _ = apps
    person = account(None, "ou_first")
    stage.rule(targets=[target("乙", person)])
    inbox.store([Incoming(first.pk, "chat", "m1", "oc_p", "ou_first", "你好")])
    store(alert("甲", severity="high"))
    stage.announce()
    assert told() == []
    assert "属于另一个飞书应用" in NotificationTarget.objects.get().last_error


@pytest.mark.slow
def test_an_account_tied_to_the_same_login_stands_in(apps: Any) -> None:
    first, second = apps
    user = User.objects.create_user("lisi")
    here, there = account(first, "ou_first", user=user), account(second, "ou_second", user=user)
    stage.rule(targets=[target("乙", here)])
    store(alert("甲", severity="high"))
    stage.announce()
    assert told() == [("乙", there.staff_id)]


@pytest.mark.slow
def test_somebody_on_call_is_reached_by_the_tie_or_not_at_all(apps: Any) -> None:
    first, second = apps
    here = account(first, "ou_first")
    on_call(here)
    stage.rule(targets=[{"kind": "on_call", "config": "乙", "schedule": "安全值班"}])
    store(alert("甲", severity="high"))
    stage.announce()
    assert told() == []
    assert "属于另一个飞书应用" in NotificationTarget.objects.get().last_error
    user = User.objects.create_user("lisi")
    account(second, "ou_second", user=user)
    Staff.objects.filter(pk=here.pk).update(user=user)
    NotificationTarget.objects.update(next_try_at=None)
    store(alert("乙", severity="high"))
    stage.announce()
    assert ("乙", "ou_second") in told()


def test_what_is_said_in_private_goes_through_the_own_application(apps: Any) -> None:
    first, second = apps
    person = account(second, "ou_second")
    assert speaker_for(person, first) == second
    SystemConfig.objects.filter(pk=second.pk).update(enabled=False)
    assert not tell(person, "标题", "内容", key="one")
    assert told() == []


def test_approvers_and_administrators_are_those_of_the_application(apps: Any) -> None:
    first, second = apps
    asker = account(first, "ou_asker", Role.RESPONDER)
    account(second, "ou_other", Role.ADMIN)
    with pytest.raises(InvalidInput, match="属于另一个飞书应用"):
        ask(first, asker)
    account(first, "ou_boss", Role.APPROVER)
    assert ask(first, asker) == ["ou_boss"]
    assert administrators.people_of(first) == []
    assert [each.staff_id for each in administrators.people_of(second)] == ["ou_other"]


@contextmanager
def sender() -> Iterator[None]:
    """What is to be sent goes to Feishu."""
    doors, places, owner = FeishuDoors(ConfigCache()), place_limiter(on=False), processes.take_name()
    channel = FeishuChannel(doors, card_service(doors, places, Breaker()), places)
    loop = WorkerLoop(owner, {}, channel, on_close=channel.close)
    loop.start()
    try:
        yield
    finally:
        loop.stop(grace=1)
        owner.close()


@pytest.mark.slow
def test_feishu_itself_refuses_nothing_of_what_is_sent() -> None:
    ids = {"甲": ("cli_a", "ou_first"), "乙": ("cli_b", "ou_second")}
    user = User.objects.create_user("lisi")
    with running_feishu({app_id: "app-secret" for app_id, _ in ids.values()}) as sim:
        for name, (app_id, open_id) in ids.items():
            given = {
                "client_id": app_id,
                "client_secret": "app-secret",
                "endpoint": sim.base_url,
                "tenant_key": TENANT,
            }
            config, _ = configs.save("feishu", name, True, given)
            sim.message("你好", app_id=app_id, open_id=open_id)
            here = account(config, open_id, user=user)
        stage.rule(targets=[target("甲", here), target("乙", here)])
        store(alert("甲", severity="high"))
        stage.announce()
        with sender():
            wait_until(lambda: not OutboxRow.objects.exclude(state=State.DONE).exists(), within=20)
        assert [len(sim.replies(app_id=app_id)) for app_id, _ in ids.values()] == [1, 1]
