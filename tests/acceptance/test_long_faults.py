"""Faults that last: a silent peer, half a minute without any way to deliver, DingTalk's own limits.

They take their time, so all begin at once, for a robot each, on both databases; a test waits for the end of its own.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from dingtalk_integration.openapi.errors import QPS_RETRY_S, ROBOT_RETRY_S
from tests.acceptance.traffic import talk
from tests.acceptance.worker import ROBOT, ROBOT_SECRET, STAFF, Stage, open_stage
from tests.databases import Templates
from tests.deadline import wait_until

pytestmark = pytest.mark.slow

SILENT, CUT_OFF, LIMITED = ROBOT, "dingcutoff", "dinglimited"
OUTAGE_S = 30.0
BY_OPENAPI = {"group": True, "webhook_expired": True}
Said = dict[str, list[str]]


@dataclass(frozen=True)
class Trouble:
    """A stage with three robots in trouble since ``began``, and what people said to them."""

    stage: Stage
    silent_link: str
    unheard: Said
    cut_off: Said
    limited: Said  # over the webhook
    throttled: Said  # over the OpenAPI
    others: Said  # to the same robot
    began: float


@pytest.fixture(scope="module")
def troubles(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[list[Trouble]]:
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        stages = []
        for vendor in ("sqlite", "postgresql"):
            home = tmp_path_factory.mktemp(vendor)
            database = stack.enter_context(templates.database(vendor, home / "var"))
            apps = dict.fromkeys((SILENT, CUT_OFF, LIMITED), ROBOT_SECRET)
            stages.append(stack.enter_context(open_stage(database, apps=apps)))
            stages[-1].apply(*(stages[-1].robot(name=app, client_id=app) for app in apps), staff=STAFF)
            stages[-1].start(connected=False)
        for stage in stages:
            for app in (SILENT, CUT_OFF, LIMITED):
                stage.sim.wait_connected(app, within=60)
        yield [make_trouble(stage) for stage in stages]


def make_trouble(stage: Stage) -> Trouble:
    """Begin everything."""
    (link,) = stage.sim.connections(SILENT)
    stage.sim.faults(SILENT, half_open=True, redeliver_after_s=5)
    stage.sim.faults(CUT_OFF, webhook_down=True, openapi_status=503)
    once, twice = ({"value": value, "times": times} for value, times in ((130101, 1), (True, 2)))
    stage.sim.faults(LIMITED, webhook_errcode=once, openapi_qps=twice)
    limited = talk(stage, 1, 3, client_id=LIMITED)
    wait_until(lambda: "webhook_errcode" not in stage.sim.get("/sim/faults")[LIMITED], within=60)
    return Trouble(
        stage,
        link["id"],
        unheard=talk(stage, 5, 2, client_id=SILENT),
        cut_off=talk(stage, 3, 3, client_id=CUT_OFF) | talk(stage, 2, 3, client_id=CUT_OFF, **BY_OPENAPI),
        limited=limited,
        throttled=talk(stage, 1, 3, client_id=LIMITED, **BY_OPENAPI),
        others=talk(stage, 1, 3, client_id=LIMITED),
        began=time.monotonic(),
    )


def assert_answered(stage: Stage, robot: str, said: Said, *, in_order: bool = True) -> None:
    """Every message of every conversation once, and nothing else."""
    for where, ids in said.items():
        stage.answers(where, len(ids), 90)
    (later,) = talk(stage, 1, 1, client_id=robot)
    stage.answers(later)  # whatever was to be repeated has been
    for where, ids in said.items():
        texts = [text.rpartition("：")[2].removeprefix("收到 ") for text in stage.answers(where)]
        assert (texts if in_order else sorted(texts)) == [f"第{number}句" for number in range(len(ids))]


def moments(stage: Stage, said: Said) -> list[float]:
    """When the answers of a conversation arrived, in seconds after its first message was sent."""
    (where,) = said
    entries = stage.wait_replies(3, 90, conversation_id=where)
    began = min(ack["at"] - ack["latency_ms"] for ack in stage.sim.acks() if ack["msg_id"] == said[where][0])
    return [(entry["at"] - began) / 1000 for entry in entries]


def test_half_open_socket_is_noticed_and_nothing_lost(troubles: list[Trouble]) -> None:
    for trouble in troubles:
        assert_answered(trouble.stage, SILENT, trouble.unheard, in_order=False)
        assert trouble.silent_link not in {link["id"] for link in trouble.stage.sim.connections(SILENT)}


def test_half_a_minute_without_webhook_and_openapi_loses_nothing(troubles: list[Trouble]) -> None:
    threading.Event().wait(max(troubles[0].began + OUTAGE_S - time.monotonic(), 0))
    for trouble in troubles:
        for where, ids in trouble.cut_off.items():
            assert all(trouble.stage.acks(one) for one in ids), "stored, so acknowledged"
            assert trouble.stage.replies(conversation_id=where) == []
        trouble.stage.sim.faults(CUT_OFF, clear=True)
    for trouble in troubles:
        assert_answered(trouble.stage, CUT_OFF, trouble.cut_off)


def test_refused_for_speed_waits_keeps_the_order_and_blocks_no_one(troubles: list[Trouble]) -> None:
    for trouble in troubles:
        for said in (trouble.limited, trouble.throttled, trouble.others):
            assert_answered(trouble.stage, LIMITED, said)
        limited, throttled, others = (
            moments(trouble.stage, said) for said in (trouble.limited, trouble.throttled, trouble.others)
        )
        assert limited[0] >= ROBOT_RETRY_S > others[2]
        assert throttled[0] >= 2 * QPS_RETRY_S
