"""/metrics: what it tells, to whom, and that it stays cheap."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from bifang.channels.models import ClientStatus, InboxRow, State, Worker
from bifang.core.monitoring import probes
from bifang.core.monitoring.metrics import render_metrics
from tests.admin_pages import PRIVATE, SECRET, connected, dingtalk, received, sent, serve_plain_static

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(settings: Any, tmp_path: Path) -> Iterator[None]:
    serve_plain_static(settings, tmp_path)
    probes.figures.clear()
    yield
    probes.figures.clear()


def samples() -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, values by name of their label) → value."""
    families = text_string_to_metric_families(render_metrics().decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.slow
@pytest.mark.both_databases
def test_metrics_tell_boxes_workers_and_connections() -> None:
    config, other = dingtalk(), dingtalk()
    connected(config, owner="a", messages_received=4)
    connected(config, owner="b", messages_received=3, status=ClientStatus.RETRYING)
    connected(other, age=20)
    ago = timezone.now() - timedelta(seconds=90)
    waiting = received(config, 1, received_at=ago)
    received(config, 2, state=State.DEAD)
    received(config, 3, state=State.DONE, handled_at=timezone.now())
    received(config, 4, state=State.DONE, handled_at=timezone.now() - timedelta(hours=1))
    sent(waiting, 1, state=State.DEAD)
    for owner, age in (("a", 1), ("b", 60)):
        now = timezone.now()
        Worker.objects.create(
            owner=owner, host="h", pid=1, running=7, started_at=now,
            heartbeat_at=now - timedelta(seconds=age),
        )  # fmt: skip
    told = samples()
    assert told["bifang_inbox_rows", ("chat", "pending")] == 1
    assert told["bifang_inbox_rows", ("chat", "dead")] == 1
    assert told["bifang_inbox_rows", ("event", "claimed")] == 0
    assert told["bifang_outbox_rows", ("dead",)] == 1
    assert told["bifang_inbox_handled_recently", ()] == 1
    assert 85 < told["bifang_oldest_waiting_seconds", ()] < 150
    assert (told["bifang_workers_alive", ()], told["bifang_turns_running", ()]) == (1, 7)
    assert told["bifang_stream_connected", (str(config.pk),)] == 1
    assert told["bifang_stream_connected", (str(other.pk),)] == 0
    assert told["bifang_stream_messages_received_total", (str(config.pk),)] == 7


def test_metrics_hold_neither_text_nor_secret() -> None:
    row = received(dingtalk())
    sent(row)
    text = render_metrics().decode()
    assert "# HELP bifang_inbox_rows " in text
    assert SECRET not in text
    assert PRIVATE not in text


def test_metrics_cost_no_more_with_more_configurations_and_rows() -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            render_metrics()
        return len(asked)

    config = dingtalk()
    received(config)
    render_metrics()  # what this process has counted before is stored
    before = count()
    for _ in range(5):
        connected(dingtalk())
    for number in range(2, 30):
        received(config, number)
    assert count() == before
    assert InboxRow.objects.count() == 29


def test_metrics_are_for_this_machine_only() -> None:
    assert Client().get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="::1").status_code == 200
    for stranger in ("10.0.0.9", "", "::ffff:10.0.0.9"):
        answer = Client().get("/metrics", REMOTE_ADDR=stranger)
        assert answer.status_code == 403
        assert "BIFANG_METRICS_TOKEN" in answer.json()["message"]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_metrics_behind_a_proxy_of_this_machine_are_not_local(header: str) -> None:
    assert Client().get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


def test_metrics_token_opens_them_from_elsewhere(settings: Any) -> None:
    def ask(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return Client().get("/metrics", REMOTE_ADDR="10.0.0.9", headers=headers).status_code

    assert ask("") == 403  # no token is set: an empty one opens nothing
    settings.METRICS_TOKEN = "a-long-token"
    assert ask("a-long-token") == 200
    assert ask("a-long-tokex") == 403
    assert ask("令牌") == 403
    assert Client().get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
