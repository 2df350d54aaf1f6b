"""Events that DingTalk delivered in vain are fetched once the web server is back."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bifang.channels.models import InboxRow
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.database.db import database_now
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.models import CallbackState
from dingtalk_integration.worker.missed import MissedCallbacks
from tests.databases import Database
from tests.deadline import wait_until
from tests.dingtalk.webhook_aid import in_http_mode
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]


@pytest.fixture
def sim() -> Iterator[SimulatorHandle]:
    with running_simulator(callback_retries_s=(0.05,)) as sim:
        yield sim


async def look(settled: timedelta = timedelta(0)) -> None:
    clients = ApplicationClients(ConfigCache())
    try:
        await MissedCallbacks(clients, settled=settled).look()
    finally:
        await clients.close()


async def test_what_was_missed_is_fetched_once(database: Database, sim: SimulatorHandle) -> None:
    given = {"client_id": "dingdemo", "client_secret": "demo-secret", "endpoint": sim.base_url}
    config = await db.call(lambda: in_http_mode("回调", **given))
    nobody = {
        "client_id": "dingdemo",
        "token": "tok",
        "aes_key": "A" * 43,
        "events": "http://127.0.0.1:9/events",
    }
    assert sim.http.post("/sim/callbacks", json=nobody).status_code == 400, "an address that does not answer"
    sim.post("/sim/callbacks", {**nobody, "unverified": True})
    event_id = sim.event("user_leave_org", {"userId": ["u1"]})["event_id"]
    wait_until(lambda: sim.state()["counters"]["given_up"] == 1, within=30, what="given up")
    await db.call(
        lambda: CallbackState.objects.create(config=config, door="events", missed_at=database_now())
    )
    await look()
    await look()
    row = await db.call(InboxRow.objects.get)
    assert (row.kind, row.external_id, row.text) == ("event", event_id, "user_leave_org")
    assert row.payload["data"]["userId"] == ["u1"]


async def test_only_what_is_due_is_asked_for(database: Database, sim: SimulatorHandle) -> None:
    given = {"client_id": "dingdemo", "client_secret": "demo-secret", "endpoint": sim.base_url}
    config = await db.call(lambda: in_http_mode("回调", **given))
    await look()

    def miss() -> None:
        CallbackState.objects.create(config=config, door="robot", missed_at=database_now())

    await db.call(miss)
    await look(timedelta(minutes=5))
    assert await db.call(lambda: CallbackState.objects.get().missed_at)
    await look()
    assert await db.call(lambda: CallbackState.objects.get().missed_at) is None
    assert not await db.call(InboxRow.objects.exists)
