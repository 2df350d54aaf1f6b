"""The sealer gives way to a burst of messages, but not for ever."""

import asyncio

import pytest

from bifang.core import db
from secops_agent.agent import bookkeeping
from secops_agent.models import AuditRecord
from secops_agent.models.audit import AuditKind
from secops_agent.services import audit_chain
from secops_agent.services.actors import Actor
from secops_agent.services.audit import append, entry
from tests.databases import Database
from tests.deadline import eventually
from tests.jobs_aid import running

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]


def write_down(count: int) -> None:
    append([entry(AuditKind.CHANGE, f"第 {number} 条", Actor.system("test")) for number in range(count)])


def unsealed() -> int:
    return AuditRecord.objects.filter(segment=None).count()


async def test_sealing_waits_for_the_end_of_a_burst(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    burst = True
    monkeypatch.setattr(bookkeeping, "busy", lambda: burst)
    await db.call(write_down, 3)
    async with running(bookkeeping.AuditKeeper(every_s=0.05)):
        await asyncio.sleep(0.5)
        assert await db.call(unsealed) == 3
        burst = False
        await eventually(lambda: db.threads().submit(unsealed).result(120) == 0)
    assert (await db.call(audit_chain.verify)).faults == ()


async def test_out_of_patience_it_seals_everything_however_long_the_burst(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeping, "busy", lambda: True)
    monkeypatch.setattr(bookkeeping, "PATIENCE_S", 1.0)
    monkeypatch.setattr(audit_chain, "BATCH", 2)
    await db.call(write_down, 200)
    started = asyncio.get_running_loop().time()
    async with running(bookkeeping.AuditKeeper(every_s=0.05)):
        await eventually(lambda: db.threads().submit(unsealed).result(120) == 0, within=20)
    assert asyncio.get_running_loop().time() - started < 60, "not one batch each time patience runs out"
