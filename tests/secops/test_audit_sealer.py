"""The sealer goes on until all is sealed."""

import pytest

from bifang.core.database import db
from secops_agent.agent.background import jobs
from secops_agent.models import AuditRecord
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit import chain, head, verification
from secops_agent.services.audit.trail import append, entry
from tests.databases import Database
from tests.deadline import eventually
from tests.jobs_aid import running

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]


def write_down(count: int) -> None:
    append([entry(AuditKind.CHANGE, f"第 {number} 条", Actor.system("test")) for number in range(count)])


def unsealed() -> int:
    return AuditRecord.objects.filter(segment=None).count()


def end() -> head.Head | None:
    return db.threads().submit(head.current).result(120)


async def test_everything_is_sealed_batch_after_batch(database: Database) -> None:
    await db.call(write_down, 2 * chain.BATCH + 1)
    async with running(jobs.AuditSealer(every_s=60)):
        await eventually(lambda: db.threads().submit(unsealed).result(120) == 0, within=20)
        await eventually(lambda: db.threads().submit(head.read).result(120) == end(), within=20)
    assert (await db.call(verification.verify)).faults == ()
