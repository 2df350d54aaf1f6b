"""The quota of the enterprise: counted by application and kind, kept, and warned of in time."""

import logging
from typing import Any

import pytest
from django.db import connection

from bifang.channels.ports import Part, ReplyTarget
from bifang.core import configs, db
from bifang.core.config_cache import ConfigCache
from bifang.core.health import check_health
from dingtalk_integration.api_usage import CallCounter, add, current_month, spent
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.service import CardService
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.models import ApiUsage
from dingtalk_integration.openapi.cards import CardPlace
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.databases import Database
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.usefixtures("database")


def save(client_id: str, corp_id: str = "", endpoint: str = "", **changes: Any) -> int:
    given = {"client_id": client_id, "client_secret": "demo-secret", "corp_id": corp_id, "endpoint": endpoint}
    row, _ = configs.save("dingtalk", f"机器人 {client_id}", True, {**given, **changes})
    return row.pk


def used() -> dict[tuple[str, str], int]:
    return {(row.client_id, row.family): row.calls for row in ApiUsage.objects.filter(month=current_month())}


def part(config_id: int, where: ReplyTarget, number: int) -> Part:
    return Part(number, "lease", "key", None, config_id, f"n:{number}", "标题", "正文", "", where, 0)


async def call_in_every_way(sim: SimulatorHandle, counter: CallCounter) -> None:
    """To a group; into a session that is unknown (answered 300001) and so to the group; a card."""
    clients = ApplicationClients(ConfigCache(), counter.count)
    channel = DingTalkChannel(clients, CardService(clients))
    config_id = await db.call(save, "dingdemo", "", sim.base_url)
    group = ReplyTarget("cidDemoGroup==", True, "lisi", "dingdemo")
    session = ReplyTarget(
        "cidDemoGroup==", True, "lisi", "dingdemo", f"{sim.base_url}/robot/sendBySession?session=x", 2**42
    )
    await channel.deliver(part(config_id, group, 1))
    await channel.deliver(part(config_id, session, 2))
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
        ("dingdemo", "robot"): 2,
        ("dingdemo", "webhook"): 1,
        ("dingdemo", "card"): 1,
        ("dingdemo", "base"): 1,
    }
    await counter.save()
    assert sum((await db.call(used)).values()) == 5, "saved once"


@pytest.mark.both_databases
def test_processes_add_up_and_months_do_not(database: Database) -> None:
    save("dinga")
    ApiUsage.objects.create(client_id="dinga", family="card", month="2020-01", calls=9_999)
    add({("dinga", "card"): 3, ("dinga", "webhook"): 1})
    add({("dinga", "card"): 4})
    assert used() == {("dinga", "card"): 7, ("dinga", "webhook"): 1}
    (one,) = spent()
    assert (one.calls, one.webhooks, one.limit) == (7, 1, 10_000)


def test_applications_of_one_enterprise_share_its_quota(database: Database, settings: Any) -> None:
    settings.DINGTALK_MONTHLY_CALLS = 100
    for client_id, corp_id, calls in (("dinga", "corp1", 50), ("dingb", "corp1", 40), ("dingc", "corp2", 60)):
        save(client_id, corp_id)
        add({(client_id, "robot"): calls})
    assert [(one.corp_id, one.percent, one.scarce) for one in spent()] == [
        ("corp1", 90, True),
        ("corp2", 60, False),
    ]


async def test_warning_comes_at_eighty_percent_and_when_used_up(
    database: Database, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DINGTALK_MONTHLY_CALLS = 10
    counter = CallCounter()
    told = []
    for _ in range(12):
        counter.count("dinga", "card")
        counter.count("dinga", "webhook")
        await counter.save()
        told.append(len(caplog.records))
    assert told == [0] * 7 + [1, 1] + [2] * 3
    assert "8 次，为额度 10 次的 80%" in caplog.text
    assert "BIFANG_DINGTALK_MONTHLY_CALLS" in caplog.text


async def test_no_limit_means_no_warning(
    database: Database, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DINGTALK_MONTHLY_CALLS = 0
    counter = CallCounter()
    counter.count("dinga", "robot")
    await counter.save()
    assert caplog.records == []


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
    assert await db.call(used) == {("dinga", "card"): 2}


def test_scarcity_is_shown_and_makes_nothing_unready(
    database: Database, settings: Any, tmp_path: Any
) -> None:
    serve_plain_static(settings, tmp_path)
    settings.DINGTALK_MONTHLY_CALLS = 10
    add({("dinga", "card"): 9})
    finding = next(one for one in check_health().findings if one.name == "dingtalk_quota")
    assert (finding.state, finding.public) == ("ok", "正常")
    assert "90%" in finding.detail
    assert "资源管理" in finding.detail
    assert "为额度 10 次的 90%" in text_of(superuser().get("/admin/"))
