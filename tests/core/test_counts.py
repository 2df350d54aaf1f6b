"""Counts of what happens: the same from whichever process is asked, lost by no error, and not without bound."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from bifang.core.models import EventCount
from bifang.core.monitoring import counting
from bifang.core.monitoring.counting import OTHERS, TALLIES, Tally
from bifang.core.monitoring.counts import collect_counts, write_counts
from tests.acceptance.processes import PROJECT
from tests.admin_pages import serve_plain_static
from tests.databases import Database

KNOCKS = Tally("bifang_test_knocks", "Knocks.", ("door",), most=2)
WAITS = Tally("bifang_test_waits_seconds", "Waits.", ("door", "result"), buckets=(0.5, 1.0))
ELSEWHERE = """
import django; django.setup()
from bifang.core.monitoring.counting import TALLIES, Tally
from bifang.core.monitoring.counts import write_counts
knocks = Tally("bifang_test_knocks", "Knocks.", ("door",), most=2)
TALLIES.add(knocks)
knocks.add("front", by=5)
write_counts()
"""


@pytest.fixture(autouse=True)
def _ours() -> Iterator[None]:
    counting.pending.take()
    TALLIES.add(KNOCKS, WAITS)
    yield
    TALLIES.remove(KNOCKS)
    TALLIES.remove(WAITS)
    counting.pending.take()


def told() -> dict[tuple[str, ...], float]:
    """(name, values of the labels) → value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collect_counts()
        for sample in family.samples
    }


@pytest.mark.slow
@pytest.mark.both_databases
def test_counts_of_another_process_are_told_here(database: Database) -> None:
    KNOCKS.add("front")
    write_counts()
    KNOCKS.add("front", by=2)
    subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, cwd=PROJECT,
                   env=os.environ | database.environment)  # fmt: skip
    assert told()["bifang_test_knocks_total", "front"] == 8


def test_durations_are_told_as_prometheus_has_them(database: Database) -> None:
    for seconds in (0.2, 0.7, 9.0):
        WAITS.observe(seconds, "front", "ok")
    with pytest.raises(KeyError), WAITS.timed("back"):
        raise KeyError
    found = told()
    steps = [
        found["bifang_test_waits_seconds_bucket", "front", "ok", each] for each in ("0.5", "1.0", "+Inf")
    ]
    assert steps == [1, 2, 3]
    assert found["bifang_test_waits_seconds_sum", "front", "ok"] == pytest.approx(9.9)
    assert found["bifang_test_waits_seconds_count", "back", "KeyError"] == 1


def test_labels_that_a_stranger_chooses_are_bounded(database: Database) -> None:
    for turn in range(3):
        for door in range(50):
            KNOCKS.add(f"{turn} {door}" + "x" * 500)
        write_counts()
    assert EventCount.objects.filter(name=KNOCKS.name).count() == 3
    assert told()["bifang_test_knocks_total", OTHERS] == 148


@pytest.mark.only_postgresql
@pytest.mark.slow
def test_what_cannot_be_written_is_written_later(database: Database) -> None:
    KNOCKS.add("front")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_eventcount RENAME TO away")
        write_counts()
        cursor.execute("ALTER TABLE away RENAME TO core_eventcount")
    KNOCKS.add("front")
    assert told()["bifang_test_knocks_total", "front"] == 2


def test_requests_are_counted_by_the_pattern_of_their_address(
    database: Database, settings: Any, tmp_path: Any
) -> None:
    serve_plain_static(settings, tmp_path)
    client = Client()
    for path in ("/alerts/17/", "/alerts/18/", "/no-such-page-4711/", "/healthz"):
        client.get(path)
    found = {
        key[1:]: value
        for key, value in told().items()
        if key[0] == "bifang_http_request_duration_seconds_count"
    }
    assert found["alerts/<int:pk>/", "GET", "302"] == 2
    assert found["", "GET", "404"] == 1
    assert not any("4711" in part or "healthz" in part for key in found for part in key)
