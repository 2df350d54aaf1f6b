"""What is spent of the quota: counted by application, kind and purpose, kept, and the same as DingTalk counts."""

import logging
from datetime import date

import pytest
from django.db import connection

from bifang.channels.cards.ports import CardPlace
from bifang.channels.ports import Part, ReplyTarget
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import RateLimited
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.platform import card_service
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.models import ApiUsage
from dingtalk_integration.quotas.api_usage import CallCounter, add
from dingtalk_integration.quotas.quota import quota_usage
from tests.databases import Database
from tests.dingtalk.quota_aid import save
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.usefixtures("database")
SESSION = 2**42  # ms: valid for long


def used() -> dict[tuple[str, str, str], int]:
    return {(row.client_id, row.family, row.purpose): row.calls for row in ApiUsage.objects.all()}


def part(config_id: int, where: ReplyTarget, key: str) -> Part:
    return Part(1, "lease", "key", None, config_id, key, "标题", "正文", "", where, 0)


async def call_in_every_way(sim: SimulatorHandle, counter: CallCounter) -> None:
    """To a group; into a session that is unknown (answered 300001) and so to the group; a card."""
    clients = ApplicationClients(ConfigCache(), counter)
    channel = DingTalkChannel(clients, card_service(clients))
    config_id = await db.call(save, "dingdemo", "", sim.base_url)
    group = ReplyTarget("cidDemoGroup==", True, "lisi", "dingdemo")
    session = ReplyTarget(
        "cidDemoGroup==", True, "lisi", "dingdemo", f"{sim.base_url}/robot/sendBySession?session=x", 2**42
    )
    await channel.deliver(part(config_id, group, "note:alert:1:1"))
    await channel.deliver(part(config_id, session, "7:x:1"))
    line = await clients.get(config_id)
    await line.cards.create_and_deliver(
        "t.schema", "bf-1", {"content": ""}, CardPlace("cidDemoGroup==", True)
    )
    await channel.close()


async def test_every_answered_call_is_counted_by_kind(database: Database) -> None:
    counter = CallCounter()
    with running_simulator() as sim:
        await call_in_every_way(sim, counter)
    assert await db.call(used) == {}, "nothing is written while messages go out"
    await counter.save()
    assert await db.call(used) == {
        ("dingdemo", "robot", "alert"): 1,
        ("dingdemo", "base", "alert"): 1,
        ("dingdemo", "robot", "answer"): 1,
        ("dingdemo", "webhook", "answer"): 1,
        ("dingdemo", "card", "answer"): 1,
    }
    await counter.save()
    assert sum((await db.call(used)).values()) == 5, "saved once"


async def test_ledger_equals_what_the_simulator_counted(database: Database) -> None:
    counter = CallCounter()
    clients = ApplicationClients(ConfigCache(), counter)
    channel = DingTalkChannel(clients, card_service(clients))
    with running_simulator() as sim:
        config_id = await db.call(save, "dingdemo", "", sim.base_url)
        sim.faults(openapi_qps={"value": True, "times": 1})
        group = ReplyTarget("cidDemoGroup==", True, "lisi", "dingdemo")
        for number in range(4):
            for key in ("note:alert:%d:1", "note:report:%d", "note:proposal:%d:asked"):
                await deliver_in_the_end(channel, part(config_id, group, key % number))
        counted = sim.state()["metered"]
    await channel.close()
    await counter.save()
    calls = next(one for one in await db.call(quota_usage) if one.ledger == "calls")
    assert calls.total == counted["calls"] == 13
    assert calls.used == {"alert": 5, "report": 4, "answer": 4}, "the token was fetched for the first"


async def deliver_in_the_end(channel: DingTalkChannel, one: Part) -> None:
    try:
        await channel.deliver(one)
    except RateLimited:
        await channel.deliver(one)


@pytest.mark.slow
@pytest.mark.both_databases
def test_processes_add_up_and_months_do_not(database: Database) -> None:
    save("dinga")
    ApiUsage.objects.create(client_id="dinga", family="card", day=date(2020, 1, 1), calls=9_999)
    add({("dinga", "card", "answer"): 3, ("dinga", "webhook", "answer"): 1})
    add({("dinga", "card", "answer"): 4})
    assert [(one.ledger, one.total, one.limit) for one in quota_usage()] == [
        ("calls", 7, 5_000),
        ("messages", 1, 3_000),
    ]


async def test_what_could_not_be_saved_is_saved_later(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def table(present: bool) -> None:
        with connection.schema_editor() as editor:
            (editor.create_model if present else editor.delete_model)(ApiUsage)

    counter = CallCounter()
    counter.count("dinga", "card")
    await db.call(table, False)
    await counter.save()
    assert [row.levelno for row in caplog.records] == [logging.ERROR]
    await db.call(table, True)
    counter.count("dinga", "card")
    await counter.save()
    assert await db.call(used) == {("dinga", "card", "answer"): 2}
