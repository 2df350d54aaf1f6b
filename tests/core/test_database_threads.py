"""Database threads: what may take seconds keeps nothing waiting."""

import asyncio
import threading

import pytest

from bifang.core import db
from secops_agent.models import Alert

pytestmark = pytest.mark.both_databases


async def test_what_reads_apart_keeps_nothing_waiting(database):
    release = threading.Event()
    slow = asyncio.create_task(db.call_apart(release.wait, 60))
    try:
        assert await asyncio.wait_for(db.call(Alert.objects.count), 30) == 0
        assert not slow.done()
    finally:
        release.set()
    assert await slow
