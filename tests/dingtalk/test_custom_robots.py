"""Custom robots: signed, once, never faster than DingTalk takes it, refusals with what to do, nothing told of their address."""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.channels.ports import Part
from bifang.channels.queues import outbox
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import BifangError, InvalidInput, OutcomeUnknown, RemoteError
from bifang.core.secrets.redaction import redact
from dingtalk_integration import channel as robots_channel
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.platform import card_service
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.models import ApiUsage
from dingtalk_integration.openapi.robots import Robot, signed
from dingtalk_integration.quotas.api_usage import CallCounter
from secops_agent.models import NotificationTarget
from secops_agent.services.notifications.rules import apply_rule_entries
from secops_agent.services.notifications.targets import resolve
from tests.databases import Database
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.usefixtures("database")
TOKEN, SECRET = "demorobot0123456789", "SECdemorobotsecret"


@pytest.fixture
def sim() -> Iterator[SimulatorHandle]:
    with running_simulator() as handle:
        yield handle


@pytest.fixture
async def channel(database: Database) -> AsyncIterator[DingTalkChannel]:
    counter = CallCounter()
    clients = ApplicationClients(ConfigCache(fresh_for=0.0), counter)
    made = DingTalkChannel(clients, card_service(clients))
    yield made
    await made.close()
    await counter.save()


def address(sim: SimulatorHandle, token: str = TOKEN) -> str:
    return f"{sim.base_url}/robot/send?access_token={token}"


def prepare(sim: SimulatorHandle, text: str, number: int, **changes: Any) -> Part:
    """A message for the robot of a rule, as it stands in the outbox."""
    if not configs.SystemConfig.objects.exists():
        given = {"client_id": "dingdemo", "client_secret": "demo-secret", "endpoint": sim.base_url}
        configs.save("dingtalk", "机器人", True, given)
    target = {"kind": "webhook", "name": "值班群", "url": address(sim), "secret": SECRET} | changes
    apply_rule_entries([{"name": "规则", "targets": [target]}])
    found = resolve(NotificationTarget.objects.get(), timezone.now())
    outbox.notify(
        found.config_id, found.target, text, key=f"alert:{number}:1", title="告警", at_staff_id="lisi"
    )
    return outbox.part_of(OutboxRow.objects.get(key=f"note:alert:{number}:1"))


async def ready(sim: SimulatorHandle, text: str = "**高危** A1", number: int = 1, **changes: Any) -> Part:
    return await db.call(lambda: prepare(sim, text, number, **changes))


def test_signature_is_the_documented_one() -> None:
    url = signed(
        Robot("https://oapi.dingtalk.com/robot/send?access_token=t", "this is a secret"), 1577262236757
    )
    query = parse_qs(urlsplit(url).query)
    assert query["sign"] == ["DJrE6qdyVGCQz9z5r2MDuNcNAhwYnuAkyj13cx169CA="]
    assert query["timestamp"] == ["1577262236757"]
    assert "sign=DJrE6qdyVGCQz9z5r2MDuNcNAhwYnuAkyj13cx169CA%3D" in url


async def test_message_arrives_signed_once_with_its_mention_and_is_counted(
    sim: SimulatorHandle, channel: DingTalkChannel, database: Database
) -> None:
    part = await ready(sim)
    assert (await channel.deliver(part)).route == "robot"
    await channel.deliver(replace(part, token="another"))
    (reply,) = sim.replies()
    assert (reply["route"], reply["conversation_id"], reply["at_user_ids"]) == (
        "robot",
        "cidDemoGroup==",
        ["lisi"],
    )
    assert "高危" in reply["text"]
    assert "@lisi" in reply["text"]
    assert "—— 毕方" in reply["text"], "the keyword that the remedy names"
    await channel.close()
    await channel._clients.counter.save()
    used = await db.call(lambda: list(ApiUsage.objects.values_list("family", "purpose", "calls")))
    assert used == [("webhook", "alert", 2)]
    assert sim.state()["metered"] == {"messages": 1}


async def test_answer_that_is_lost_is_asked_for_again_under_the_same_key(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    part = await ready(sim)
    sim.faults(robot_lost={"value": True, "times": 1})
    with pytest.raises(RemoteError) as caught:
        await channel.deliver(part)
    assert not caught.value.permanent
    assert not isinstance(caught.value, OutcomeUnknown)
    await channel.deliver(part)
    assert len(sim.replies()) == 1


async def test_the_same_key_after_the_database_was_made_anew_is_another_message(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    part = await ready(sim)
    await channel.deliver(part)
    await channel.deliver(replace(part, created_ms=part.created_ms + 1))
    assert len(sim.replies()) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ({"robot_refuse": "keywords not in content"}, "关键词不匹配"),
        ({"robot_refuse": "sign not match"}, "加签不正确"),
        ({"robot_refuse": "ip 1.2.3.4 not in whitelist"}, "白名单"),
        ({"robot_errcode": 400101}, "重新添加"),
        ({"robot_errcode": 400102}, "停用"),
        ({"robot_errcode": 400013}, "解散"),
        ({"robot_errcode": 90030}, "上限"),
        ({"robot_errcode": 410100}, "10 分钟"),
        ({"robot_errcode": 430102}, "内容检查"),
        ({"robot_errcode": 88}, "重新添加"),
        ({"robot_errcode": 90020}, "额度"),
        ({"robot_errcode": 40035}, "40035"),
    ],
)
async def test_refusal_says_what_to_do_and_nothing_of_the_address(
    sim: SimulatorHandle, channel: DingTalkChannel, fault: dict[str, Any], remedy: str
) -> None:
    part = await ready(sim)
    sim.faults(**fault)
    with pytest.raises(BifangError, match=remedy) as caught:
        await channel.deliver(part)
    assert caught.value.permanent
    assert TOKEN not in caught.value.message


async def test_keyword_of_the_remedy_is_in_every_message(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    sim.post("/sim/robots", {"token": TOKEN, "keywords": ["毕方"], "secret": ""})
    await channel.deliver(await ready(sim, secret=""))
    sim.post("/sim/robots", {"token": TOKEN, "keywords": ["别的"]})
    with pytest.raises(RemoteError, match="关键词"):
        await channel.deliver(await ready(sim, number=2, secret=""))
    assert len(sim.replies()) == 1


@pytest.mark.parametrize("fault", [{"robot_errcode": -1}, {"robot_status": 503}])
async def test_trouble_of_dingtalk_is_waited_out(
    sim: SimulatorHandle, channel: DingTalkChannel, fault: dict[str, Any]
) -> None:
    part = await ready(sim)
    sim.faults(**fault)
    with pytest.raises(RemoteError) as caught:
        await channel.deliver(part)
    assert not caught.value.permanent


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"secret": "SECwrong"}, {"url": "unknown"}, {"secret": ""}])
async def test_simulator_checks_what_dingtalk_checks(
    sim: SimulatorHandle, channel: DingTalkChannel, changes: dict[str, Any]
) -> None:
    if "url" in changes:
        changes = {"url": address(sim, "removed0123")}
    part = await ready(sim, **changes)
    with pytest.raises(RemoteError, match=r"加签不正确|重新添加|时间"):
        await channel.deliver(part)
    assert sim.replies() == []


async def test_robot_is_never_blocked_also_after_a_restart(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    """What went out within the minute is known from the outbox, whoever sent it."""
    for number in range(robots_channel.LIMIT):
        part = await ready(sim, number=number)
        delivered = await channel.deliver(part)
        await db.call(lambda part=part, delivered=delivered: outbox.mark_sent([outbox.Sent(part, delivered)]))
    room = robots_channel._seconds_until_room
    assert 30 < await db.call(room, part.order_key) <= 61
    past = timezone.now() - timedelta(seconds=62)
    await db.call(lambda: OutboxRow.objects.update(sent_at=past))
    assert await db.call(room, part.order_key) == 0.0
    assert sim.state()["robots"]["值班通知"]["max"] == robots_channel.LIMIT < 20


def test_simulated_robot_that_sends_too_fast_is_blocked() -> None:
    with running_simulator(limits=True) as sim:
        codes = [send(sim) for _ in range(22)]
    assert codes == [0] * 20 + [410100] * 2


def send(sim: SimulatorHandle) -> int:
    """One message by hand; its errcode."""
    stamp = str(int(time.time() * 1000))
    digest = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    query = {"access_token": TOKEN, "timestamp": stamp, "sign": base64.b64encode(digest).decode()}
    body = {"msgtype": "markdown", "markdown": {"title": "t", "text": "x"}}
    return int(sim.http.post("/robot/send", params=query, json=body).json()["errcode"])


async def test_robot_taken_out_of_its_rule_sends_nothing_more(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    part = await ready(sim)
    await db.call(lambda: apply_rule_entries([{"name": "规则", "enabled": False, "targets": []}]))
    with pytest.raises(InvalidInput, match="已经从通知规则中删除"):
        await channel.deliver(part)
    assert redact(f"…{TOKEN}…{SECRET}") == "…***…***"


@pytest.mark.slow
@pytest.mark.parametrize(("key", "again"), [("alert:1:1", False), ("report:1", False), ("proposal:1", True)])
async def test_time_out_without_a_key_is_not_repeated_unless_somebody_waits(
    sim: SimulatorHandle, channel: DingTalkChannel, key: str, again: bool
) -> None:
    part = await ready(sim)
    group = replace(part.target, conversation_id="cidDemoGroup==", robot="")
    sim.faults(openapi_lost={"value": True, "path": "/v1.0/robot", "times": 1})
    with pytest.raises(RemoteError) as caught:
        await channel.deliver(replace(part, target=group, key=f"note:{key}"))
    assert isinstance(caught.value, OutcomeUnknown) is not again
    assert len(sim.replies()) == 1
