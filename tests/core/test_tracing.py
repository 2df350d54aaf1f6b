"""Traces: one id from the receipt to the delivery, in whichever process; no word of anybody; nothing without being asked."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bifang.channels.models import OutboxRow
from bifang.core.monitoring import tracing
from secops_agent.llm.types import ToolCall
from secops_agent.services.notifications.delivery import progress
from secops_agent.tools.base import Toolbox
from tests.acceptance.processes import PROJECT
from tests.channels.boxes import Recorder, incoming, store
from tests.channels.test_consumer import running, wait_all
from tests.core.telemetry import Receiver, receiving
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.inventory_aid import alert
from tests.secops.inventory_aid import store as told
from tests.secops.notifications import stage

SECRET_WORDS = "这句话谁也不该在跟踪里看到"
ELSEWHERE = """
import django; django.setup()
from bifang.core.monitoring import tracing
with tracing.span("send", "inbox:7"):
    pass
tracing.end()
"""
QUIET = """
import sys, django; django.setup()
from bifang.core.monitoring import tracing
with tracing.root("message", "inbox:7"), tracing.span("tool"):
    tracing.mark(result="ok")
sys.exit(any(name.startswith("opentelemetry.sdk") or name.endswith("monitoring.spans") for name in sys.modules))
"""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as one:
        monkeypatch.setenv(tracing.ENDPOINT, one.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t")
        tracing.begin("secret")
        yield one
        tracing.end()


def test_turn_is_one_trace_from_receipt_to_delivery(database: Database, receiver: Receiver) -> None:
    async def answer(turn: object) -> str:
        await Toolbox.of([]).run(ToolCall("1", "none", "{}"))
        with tracing.span("model", model="通义千问"):
            return SECRET_WORDS

    channel = Recorder()
    with running(answer, channel) as loop:
        store(incoming(SECRET_WORDS))
        loop.wake()
        wait_until(lambda: channel.sent, within=20)
        wait_all()
    tracing.end()
    spans = {each["name"]: each for each in receiver.spans()}
    assert set(spans) == {"message", "wait", "answer", "model", "store", "send"}
    assert {each["traceId"] for each in spans.values()} == {spans["message"]["traceId"]}
    above = {each["spanId"]: name for name, each in spans.items()}
    parents = {name: above.get(each.get("parentSpanId", "")) for name, each in spans.items()}
    assert parents == {"message": None, "wait": "message", "answer": "message", "model": "answer", "store": "message", "send": "message"}  # fmt: skip
    assert all(int(each["endTimeUnixNano"]) >= int(each["startTimeUnixNano"]) for each in spans.values())
    assert receiver.posts[0][0] == "/v1/traces"
    assert receiver.posts[0][1]["authorization"] == "Bearer t"
    assert all(SECRET_WORDS.encode() not in body for _, _, body in receiver.posts)


def test_error_tells_its_kind_only(receiver: Receiver) -> None:
    with pytest.raises(ValueError, match=SECRET_WORDS), tracing.root("message", "inbox:1"):
        raise ValueError(SECRET_WORDS)
    tracing.end()
    (span,) = receiver.spans()
    assert (span["told"]["error.type"], span["status"]["code"]) == ("ValueError", 2)
    assert SECRET_WORDS.encode() not in receiver.posts[0][2]


def test_alert_and_its_message_are_one_trace(database: Database, receiver: Receiver) -> None:
    stage.configure()
    stage.rule()
    told(alert("k1", severity="critical", title=SECRET_WORDS))
    stage.announce()
    part = OutboxRow.objects.get()
    tracing.end()
    spans = {each["name"]: each for each in receiver.spans()}
    assert set(spans) >= {"ingest", "notify"}
    assert all(SECRET_WORDS.encode() not in body for _, _, body in receiver.posts)
    assert spans["ingest"]["traceId"] == spans["notify"]["traceId"]
    assert part.key.startswith(progress.trace_of(int(spans["ingest"]["told"]["message"])))


@pytest.mark.slow
def test_another_process_goes_on_with_the_trace(
    database: Database, receiver: Receiver, settings: object
) -> None:
    ours = os.environ | database.environment | {tracing.ENDPOINT: receiver.url}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, cwd=PROJECT, env=ours)
    first, second = receiver.spans()
    assert first["traceId"] == second["traceId"]
    assert first["parentSpanId"] == second["parentSpanId"]
    assert first["spanId"] != second["spanId"]


@pytest.mark.slow
def test_nothing_of_the_library_is_loaded_unasked(database: Database) -> None:
    ours = {
        name: value
        for name, value in (os.environ | database.environment).items()
        if not name.startswith("OTEL")
    }
    subprocess.run([sys.executable, "-c", QUIET], check=True, cwd=PROJECT, env=ours)
