"""A burst is one message: real workers, real sockets, with cards and without, DingTalk, Feishu and a custom robot."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from bifang.channels.models import KnownGroup, OutboxRow
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    Escalation,
    Investigation,
    Staff,
    TriageBatch,
)
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import batches
from secops_agent.services.alerts.batches import Doer, TriageAct
from secops_agent.services.people import tokens
from tests.acceptance.doors import open_feishu
from tests.acceptance.worker import NAME, STAFF, Stage, kill, open_stage
from tests.admin_pages import serve_plain_static
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = pytest.mark.slow
GROUP = "cidDemoGroup=="
TOGETHER = {"from": 10, "within_seconds": 10}  # the window of a minute, six times as fast


class Scene:
    """One kind of destination with a worker. ``told``: what people saw, cards once."""

    def __init__(self, stage: Stage, kind: str) -> None:
        self.stage, self.kind = stage, kind
        self.group = "oc_security" if kind == "feishu" else GROUP
        self.people = tuple({**each, "staff_id": self.ident(each["staff_id"])} for each in STAFF)
        stage.apply(self._robot(), staff=self.people)

    def ident(self, staff_id: str) -> str:
        """As the platform has it."""
        return f"ou_{staff_id}" if self.kind == "feishu" else staff_id

    def _robot(self) -> dict[str, Any]:
        return self.stage.robot(
            ai_config="", **({"card_template_id": "answer.schema"} if self.kind == "cards" else {})
        )

    def rule(self, **changes: Any) -> None:
        """Grave ones to the group; 李四 a minute later."""
        place = {"kind": "group", "config": NAME, "conversation_id": self.group}
        if self.kind == "robot":
            url = f"{self.stage.sim.base_url}/robot/send?access_token=demorobot0123456789"
            place = {"kind": "webhook", "name": "应急群", "url": url, "secret": "SECdemorobotsecret"}
        lisi = {"kind": "person", "config": NAME, "staff_id": self.ident("lisi")}
        rule = {
            "name": "严重和高危", "severities": ["critical", "high"], "targets": [place], "group": TOGETHER,
            "escalate": [{"after_minutes": 30, "to": [lisi]}], **changes,
        }  # fmt: skip
        self.stage.apply(self._robot(), notification_rules=[rule])

    def know_group(self) -> None:
        """Feishu's robot speaks where somebody spoke to it."""
        if self.kind == "feishu":
            self.stage.say("你好", self.group, "ou_lisi")
            wait_until(KnownGroup.objects.exists, within=120, what="the group known")

    def told(self) -> list[str]:
        """Titles of what was sent unasked: each message, and each card once, as it stands."""
        rows = OutboxRow.objects.filter(key__startswith="note:alert:").exclude(sent_at=None).order_by("pk")
        seen: dict[str, str] = {}
        for key, card, route, text in rows.values_list("key", "card", "route", "text"):
            seen[card if card and route == "card" else key] = text
        return list(seen.values())

    def settle(self, seconds: float = 0) -> None:
        """So many seconds pass, then nothing is left to be told or sent."""
        end = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() >= end, within=seconds + 60, every=0.2)

        def quiet() -> bool:
            waiting = Investigation.objects.filter(state="waiting").exists()
            left = any(
                row.wanted > row.shown
                for row in AlertMessage.objects.filter(kind__in=("group", "escalation"))
            )
            return not waiting and not left and not OutboxRow.objects.filter(sent_at=None).exists()

        wait_until(quiet, within=300, every=0.5, what="all told")


def post(alerts: list[dict[str, Any]], name: str) -> None:
    """One request."""
    _, secret = tokens.create(f"Webhook {name}", ["ingest"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    body = json.dumps({"source": "ids", "alerts": alerts})
    response = client.post("/api/v1/ingest/generic/", body, content_type="application/json")
    assert response.status_code == 200, response.content


def scan(number: int, rule: str = "端口扫描", **more: Any) -> dict[str, Any]:
    """As the reviewer's products send them: no rule id, a number in the title, assets of their own."""
    return {
        "title": f"{rule} {number}", "severity": "high", "event_id": f"{rule}-{number}", "assets": [f"srv-{number}"],
        "indicators": [{"type": "ip", "value": "198.51.100.23"}], **more,
    }  # fmt: skip


@pytest.fixture
def scene(
    database: Database, settings: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Scene]:
    kind = getattr(request, "param", "text")
    serve_plain_static(settings, tmp_path)
    with ExitStack() as stack:
        stage = stack.enter_context(open_feishu(database) if kind == "feishu" else open_stage(database))
        stage.patient = True
        yield Scene(stage, kind)


@pytest.mark.parametrize("scene", ["feishu"], indirect=True)
def test_one_request_of_40_is_at_most_three_messages_with_news_and_escalation(scene: Scene) -> None:
    scene.stage.start()
    scene.know_group()
    scene.rule()
    post([scan(number) for number in range(40)], "40")
    wait_until(scene.told, within=120, what="the first message")
    scene.settle(25)  # the window, and its end
    Escalation.objects.filter(ended="").update(next_at=timezone.now())
    wait_until(lambda: Escalation.objects.filter(step=1).count() == 40, within=120, what="all escalated")
    scene.settle(25)
    told = scene.told()
    print(scene.kind, len(told), *told, sep="\n")
    assert len(told) <= 3
    assert any("⏫" in text and "端口扫描 ×40" in text for text in told)
    assert "×40" in [text for text in told if "⏫" not in text][-1]


@pytest.mark.parametrize("scene", ["text"], indirect=True)
def test_bulk_close_and_undo_of_120_are_at_most_two_messages_a_destination(scene: Scene) -> None:
    scene.stage.start()
    scene.know_group()
    scene.rule(group={"from": 1000, "within_seconds": 10}, escalate=[])
    post(
        [scan(number, f"规则{'甲乙丙丁戊己庚辛壬癸'[number % 10]}{number // 10}号") for number in range(120)],
        "120",
    )
    scene.settle()
    before = len(scene.told())
    assert before == 120
    scene.rule(escalate=[])
    user = get_user_model().objects.create(username="lisi").pk
    lisi = Actor.person(Staff.objects.get(staff_id=scene.ident("lisi")), "page")
    pks = list(Alert.objects.values_list("pk", flat=True))
    done = batches.carry_out(TriageAct("close", verdict="duplicate"), pks, lisi, Doer(user_id=user))
    assert done.batch is not None
    on_cards = scene.kind in ("cards", "feishu")  # which change in place, and nobody hears of it
    wait_until(
        lambda: all("已关闭" in text for text in scene.told()) if on_cards else len(scene.told()) > before,
        within=180, what="the news of 120",
    )  # fmt: skip
    scene.settle(15)
    batches.undo(TriageBatch.objects.latest("pk").pk, lisi, Doer(user_id=user))
    scene.settle(25)
    told = scene.told()[before:]
    print(scene.kind, len(told), *told, sep="\n")
    if on_cards:
        assert (told, [text for text in scene.told() if "已关闭" in text]) == ([], [])
    else:
        assert len(told) == 2
        assert ("关闭，结论：重复：120 条" in told[0], "撤销：120 条" in told[1]) == (True, True)


@pytest.mark.parametrize("scene", ["cards"], indirect=True)
def test_250_of_five_rules_are_at_most_12_messages_also_when_the_worker_is_killed(scene: Scene) -> None:
    scene.rule(group={"from": 10, "within_seconds": 20}, escalate=[])
    worker = scene.stage.start()
    rules = ("端口扫描", "SSH 暴力破解", "SQL 注入", "目录遍历", "弱口令登录")
    pieces = [[scan(n, rules[n % 5]) for n in range(start, start + 25)] for start in range(0, 250, 25)]
    pieces[4].append(scan(777, rules[0], severity="critical"))
    at = {"start": time.monotonic()}

    def feed() -> None:
        for number, piece in enumerate(pieces):
            post(piece, f"{scene.kind}-{number}")
            if number == 4:
                at["critical"] = time.monotonic()
        at["end"] = time.monotonic()
        connection.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    wait_until(
        lambda: any("严重 · 端口扫描 777" in text for text in scene.told()), within=120, what="the grave one"
    )
    seen = time.monotonic() - at["critical"]
    kill(worker)
    feeder.join()
    scene.stage.start()
    scene.settle(45)
    told = scene.told()
    print(scene.kind, len(told), f"critical after {seen:.1f} s", *told, sep="\n")
    minutes = 1 + int(
        (at["end"] - at["start"]) // 60
    )  # on a busy machine 250 take longer than a minute to arrive
    assert len(told) <= 12 * minutes
    counted = (
        AlertMessageItem.objects.filter(message__sent_at__isnull=False).values("alert").distinct().count()
    )
    assert counted == 251
