"""What Feishu tells of people and groups becomes what DingTalk's events become: rights end, groups are known or stopped."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from bifang.channels.models import GroupState, KnownGroup, OutboxRow
from bifang.channels.queues import inbox
from bifang.core.models import SystemConfig
from feishu_integration.handlers import organisation_events
from feishu_integration.handlers.intake import read_item
from feishu_integration.stream.client import Pushed
from secops_agent.models import Alert, Staff
from secops_agent.services.organisation.reactions import FOREIGN
from tests.admin_pages import rule
from tests.secops.decisions_aid import company, robot

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)


def tell(config: SystemConfig, event_type: str, event: dict[str, Any], tenant: str = "corp") -> str:
    """An event as Feishu pushes it, through the inbox and its handler; what is noted beside it."""
    header = {
        "event_id": f"e{next(_numbers)}",
        "event_type": event_type,
        "tenant_key": tenant,
        "create_time": "1764120000000",
    }
    body = json.dumps({"schema": "2.0", "header": header, "event": event})
    inbox.store([read_item(Pushed("m", body.encode()), config.pk)])
    notes = []
    for turn in inbox.claim("test", 10):
        result = asyncio.run(organisation_events.handle(turn, None))  # type: ignore[arg-type]  # nothing is shown
        inbox.finish([(turn, result)])
        notes.append(result.note)
    return "".join(notes)


def room(**more: Any) -> dict[str, Any]:
    who = {"operator_id": {"open_id": "zhang"}, "operator_tenant_key": "corp"}
    return {"chat_id": "oc_1", "external": False, "name": "应急响应群", **who, **more}


def put_in(config: SystemConfig, **more: Any) -> str:
    return tell(config, "im.chat.member.bot.added_v1", room(**more))


def group(config: SystemConfig) -> KnownGroup:
    return KnownGroup.objects.get(config=config)


def aim(config: SystemConfig) -> None:
    """A rule that sends to the group."""
    rule(targets=[{"kind": "group", "config": config.name, "conversation_id": "oc_1"}])


def test_group_is_known_once_the_robot_is_put_into_it() -> None:
    config = company(kind="feishu")
    assert put_in(config) == ""
    known = group(config)
    assert (known.conversation_id, known.title, known.corp_id, known.state) == (
        "oc_1",
        "应急响应群",
        "corp",
        "open",
    )
    assert (known.learned_by, known.learned_by_id) == ("zhang先生", "zhang")


def test_robot_that_is_put_out_sends_nothing_there_until_it_is_put_in_again() -> None:
    config = company(kind="feishu")
    twin = robot("corp", "feishu", "另一个")
    for each in (config, twin):
        put_in(each)
    aim(config)
    tell(config, "im.chat.member.bot.deleted_v1", room())
    assert (group(config).state, group(twin).state) == (GroupState.REMOVED, GroupState.OPEN), "a robot of two"
    alert = Alert.objects.get()
    assert (alert.title, alert.severity) == ("机器人被移出接收告警的群：应急响应群", "high")
    told = OutboxRow.objects.get()
    assert (told.target["staff_id"], told.config_id, alert.title in told.text) == ("zhang", config.pk, True)
    put_in(config)
    assert group(config).state == GroupState.OPEN


@pytest.mark.parametrize(
    ("event_type", "event"),
    [
        ("im.chat.member.bot.added_v1", room(external=True)),
        ("im.chat.member.bot.added_v1", room(operator_tenant_key="other")),
        ("im.chat.member.user.added_v1", room(users=[{"tenant_key": "corp"}, {"tenant_key": "other"}, None])),
    ],
)
def test_nothing_is_pushed_where_outsiders_are(event_type: str, event: dict[str, Any]) -> None:
    config = company(kind="feishu")
    put_in(config)
    aim(config)
    tell(config, event_type, event)
    assert group(config).state == GroupState.OUTSIDERS
    assert Alert.objects.get().severity == "critical"
    tell(config, "im.chat.member.bot.added_v1", room())
    assert group(config).state == GroupState.OUTSIDERS, "only a person lifts it"


def test_group_that_ends_or_is_renamed() -> None:
    config = company(kind="feishu")
    put_in(config)
    tell(config, "im.chat.updated_v1", room(after_change={"name": "新群名"}, before_change={"name": "旧"}))
    assert group(config).title == "新群名"
    tell(config, "im.chat.disbanded_v1", room())
    assert group(config).state == GroupState.REMOVED


def test_who_leaves_loses_every_right_and_leaves_an_alert() -> None:
    config = company(kind="feishu")
    tell(config, "contact.user.deleted_v3", {"object": {"open_id": "wang"}})
    assert list(Staff.objects.filter(active=False).values_list("staff_id", flat=True)) == ["wang"]
    assert Alert.objects.get().title == "人员离职：wang先生"


@pytest.mark.parametrize(
    ("event_type", "event"),
    [
        ("contact.user.deleted_v3", {"object": {"open_id": ["wang"]}}),
        ("contact.user.deleted_v3", {"object": "wang"}),
        ("contact.user.deleted_v3", {}),
        ("im.chat.member.bot.added_v1", {"name": "没有 chat_id"}),
        ("im.chat.member.bot.deleted_v1", {"chat_id": 7}),
        ("im.chat.member.user.added_v1", {"chat_id": "oc_1", "users": "all"}),
        ("im.message.reaction.created_v1", {"message_id": "om_1"}),
    ],
)
def test_event_that_names_nobody_does_nothing(event_type: str, event: dict[str, Any]) -> None:
    config = company(kind="feishu")
    assert tell(config, event_type, event) == ""
    assert not Staff.objects.filter(active=False).exists()
    assert not KnownGroup.objects.exists()


def test_event_of_another_tenant_is_not_ours() -> None:
    config = company(kind="feishu")
    assert tell(config, "contact.user.deleted_v3", {"object": {"open_id": "wang"}}, tenant="other") == FOREIGN
    assert not Staff.objects.filter(active=False).exists()


def test_first_event_tells_whose_application_it_is() -> None:
    """Beside another platform, whose corporation is known: nobody else's people are taken for ours."""
    config = company(kind="feishu")
    robot("dingcorp", "dingtalk")
    SystemConfig.objects.filter(pk=config.pk).update(params={})
    put_in(config)
    config.refresh_from_db()
    assert config.params["tenant_key"] == "corp"
    assert group(config).state == GroupState.OPEN
