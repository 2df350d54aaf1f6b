"""Which way a reply goes: webhook, group, private; and what comes of refusals."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from bifang.channels.ports import Part, Reply, ReplyTarget
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import BifangError, ConfigError, RateLimited, RemoteError
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.platform import card_limiter, card_service
from dingtalk_integration.channel import DingTalkChannel
from tests.databases import Database
from tests.deadline import eventually
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.usefixtures("database")
GROUP = "cidDemoGroup=="


@pytest.fixture
def sim() -> Iterator[SimulatorHandle]:
    with running_simulator() as handle:
        yield handle


def build() -> DingTalkChannel:
    clients = ApplicationClients(ConfigCache(fresh_for=0.0))
    return DingTalkChannel(clients, card_service(clients))


@pytest.fixture
async def channel(database: Database) -> AsyncIterator[DingTalkChannel]:
    made = build()
    yield made
    await made.close()


def save(base_url: str, **changes: Any) -> int:
    given = {"client_id": "dingdemo", "client_secret": "demo-secret", "endpoint": base_url, **changes}
    row, _ = configs.save("dingtalk", "机器人", True, given, config=configs.SystemConfig.objects.first())
    return row.pk


async def part_for(sim: SimulatorHandle, **target: Any) -> Part:
    """A reply into the demo group, over the OpenAPI unless a webhook is given."""
    where = replace(ReplyTarget(GROUP, True, "lisi", "dingdemo"), **target)
    config_id = await db.call(save, sim.base_url)
    return Part(
        1, "lease", "key", 1, config_id, "1:x:1", "标题", "正文", "lisi", where, int(time.time() * 1000)
    )


def soon() -> int:
    return int(time.time() * 1000) + 3_600_000


async def test_group_reply_goes_by_openapi_without_a_webhook(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    delivered = await channel.deliver(await part_for(sim))
    (reply,) = sim.replies()
    assert (reply["route"], reply["conversation_id"], reply["text"]) == ("group", GROUP, "正文")
    assert delivered.route == "group"
    assert delivered.receipt == reply["process_query_key"] != ""


async def test_private_reply_goes_to_the_person(sim: SimulatorHandle, channel: DingTalkChannel) -> None:
    delivered = await channel.deliver(await part_for(sim, is_group=False))
    assert (delivered.route, sim.replies()[0]["route"]) == ("private", "private")


async def test_unknown_session_falls_back_to_openapi(sim: SimulatorHandle, channel: DingTalkChannel) -> None:
    url = f"{sim.base_url}/robot/sendBySession?session=unknown"
    delivered = await channel.deliver(await part_for(sim, webhook=url, webhook_expires_ms=soon()))
    assert delivered.route == "group"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/robot/sendBySession?session=s",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "not an address",
    ],
)
async def test_foreign_webhook_is_never_called(
    sim: SimulatorHandle, channel: DingTalkChannel, url: str
) -> None:
    delivered = await channel.deliver(await part_for(sim, webhook=url, webhook_expires_ms=soon()))
    assert delivered.route == "group"


async def test_130101_asks_for_patience(sim: SimulatorHandle, channel: DingTalkChannel) -> None:
    sim.faults(webhook_errcode=130101)
    url = f"{sim.base_url}/robot/sendBySession?session=any"
    with pytest.raises(RateLimited) as caught:
        await channel.deliver(await part_for(sim, webhook=url, webhook_expires_ms=soon()))
    assert caught.value.retry_after >= 10
    assert not caught.value.permanent


async def test_qps_limit_asks_for_patience(sim: SimulatorHandle, channel: DingTalkChannel) -> None:
    sim.faults(openapi_qps=True)
    with pytest.raises(RateLimited):
        await channel.deliver(await part_for(sim))


@pytest.mark.parametrize(
    "fault", [{"webhook_down": True}, {"webhook_down": "refuse"}, {"webhook_status": 502}]
)
async def test_webhook_trouble_is_temporary(
    sim: SimulatorHandle, channel: DingTalkChannel, fault: dict[str, Any]
) -> None:
    sim.faults(**fault)
    url = f"{sim.base_url}/robot/sendBySession?session=any"
    with pytest.raises(RemoteError) as caught:
        await channel.deliver(await part_for(sim, webhook=url, webhook_expires_ms=soon()))
    assert not caught.value.permanent


async def test_missing_scope_is_permanent_and_named(sim: SimulatorHandle, channel: DingTalkChannel) -> None:
    sim.faults(openapi_scope="qyapi_robot_sendmsg")
    with pytest.raises(RemoteError, match="qyapi_robot_sendmsg") as caught:
        await channel.deliver(await part_for(sim))
    assert caught.value.permanent


async def test_nowhere_to_send_is_permanent(sim: SimulatorHandle, channel: DingTalkChannel) -> None:
    with pytest.raises(BifangError, match="没有可用的回复地址") as caught:
        await channel.deliver(await part_for(sim, is_group=False, staff_id=""))
    assert caught.value.permanent


async def test_changed_secret_is_used_without_a_restart(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    part = await part_for(sim)
    await db.call(lambda: save(sim.base_url, client_secret="another-secret"))
    with pytest.raises(BifangError, match="凭证错误"):
        await channel.deliver(part)
    await db.call(lambda: save(sim.base_url, client_secret="demo-secret"))
    assert (await channel.deliver(part)).route == "group"


async def test_configuration_that_is_gone_is_permanent(
    sim: SimulatorHandle, channel: DingTalkChannel
) -> None:
    part = replace(await part_for(sim), config_id=4711)
    with pytest.raises(ConfigError):
        await channel.deliver(part)


def test_long_reply_is_split(database: Database) -> None:
    async def split() -> int:
        channel = build()
        pieces = channel.split(Reply("字" * 10_000))
        await channel.close()
        return len(pieces)

    assert asyncio.run(split()) > 2


@pytest.mark.slow
async def test_two_workers_each_keep_to_half_of_the_calls(
    database: Database, sim: SimulatorHandle, settings: Any
) -> None:
    settings.RATE_LIMITS = True
    clients = ApplicationClients(ConfigCache(fresh_for=0.0))
    limiter = card_limiter(on=True)
    channel = DingTalkChannel(clients, card_service(clients, limiter=limiter))
    channel.share(2)
    part = await part_for(sim)
    await asyncio.gather(*(channel.deliver(part) for _ in range(8)))
    times = sorted(reply["at"] for reply in sim.replies())
    assert times[7] - times[0] >= 1000, "seven at once, the eighth in the next period"
    window = limiter.of("dingdemo")
    assert sum(window.try_enter() for _ in range(100)) == 4
    await channel.close()


@pytest.mark.slow
async def test_two_workers_each_keep_to_half_of_a_robots_minute(
    database: Database, sim: SimulatorHandle, settings: Any
) -> None:
    """DingTalk counts 20 messages a minute, whoever sends them."""
    settings.RATE_LIMITS = True
    channel = build()
    part = await part_for(
        sim, webhook=f"{sim.base_url}/robot/sendBySession?session=none", webhook_expires_ms=soon()
    )
    channel.share(2)
    sent = [asyncio.create_task(channel.deliver(part)) for _ in range(11)]
    await eventually(lambda: sum(task.done() for task in sent) >= 10, within=20)
    assert len(sim.replies()) == 10
    (waiting,) = [task for task in sent if not task.done()]
    waiting.cancel()
    await channel.close()
