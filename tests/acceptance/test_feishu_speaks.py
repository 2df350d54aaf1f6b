"""Feishu hears first from Bifang: alerts, approvals, duty, reports and files, in groups and in private, by the real commands."""

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bifang.channels.models import KnownGroup
from secops_agent.models import (
    Action,
    Alert,
    LineKind,
    OnCallOverride,
    OnCallSchedule,
    Proposal,
    ScheduledTask,
    Staff,
    TaskRun,
    WebLine,
)
from secops_agent.models.choices import AlertStatus
from secops_agent.services.people import tokens
from secops_agent.web_chat import lines
from tests.acceptance.card_rooms import FeishuRoom, Shown
from tests.acceptance.doors import FeishuStage, open_feishu
from tests.acceptance.processes import MANAGE, Started
from tests.acceptance.worker import NAME
from tests.admin_pages import serve_plain_static
from tests.databases import Templates
from tests.deadline import wait_until

GROUP = "oc_security"
PEOPLE = tuple(
    {"staff_id": f"ou_{name}", "name": shown, "role": role}
    for name, shown, role in (
        ("boss", "张三", "admin"), ("lisi", "李四", "analyst"), ("wangwu", "王五", "approver"),
        ("zhaoliu", "赵六", "responder"), ("sunba", "孙八", "viewer"),
    )
)  # fmt: skip
PLACE = {"kind": "group", "config": NAME, "conversation_id": GROUP}
RULE = {"name": "严重和高危", "severities": ["critical", "high"], "targets": [PLACE]}
ROTA = {
    "name": "安全值班", "rotation": "daily", "start": "2026-01-05", "staff": ["ou_lisi", "ou_wangwu"],
    "handover_group": {"config": NAME, "conversation_id": GROUP},
}  # fmt: skip
Chats = dict[str, str]


@pytest.fixture(scope="module")
def stage(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[FeishuStage]:
    """Only Feishu: somebody spoke in the group, and everybody in private."""
    home = tmp_path_factory.mktemp("speaks")
    with (
        django_db_blocker.unblock(),
        templates.database("sqlite", home / "var") as database,
        open_feishu(database) as made,
    ):
        made.patient = True
        made.apply(made.robot(ai_config=""), staff=PEOPLE)
        made.start()
        made.say("你好", GROUP, "ou_lisi")
        wait_until(KnownGroup.objects.exists, within=60, what="the group known")
        made.apply(made.robot(ai_config=""), on_call=[ROTA], notification_rules=[RULE])
        yield made


@pytest.fixture(scope="module")
def chats(stage: FeishuStage) -> Chats:
    """Who → their own chat with the bot."""
    found = {}
    for person in PEOPLE:
        said = stage.sim.message("你好", open_id=person["staff_id"])
        found[person["staff_id"]] = said["chat_id"]
    return found


def told(stage: FeishuStage, where: str, words: str) -> dict[str, Any]:
    """The message with these words, as soon as it is there."""
    return wait_until(
        lambda: next((one for one in stage.replies(conversation_id=where) if words in one["text"]), {}),
        within=60,
        what=f"{words} in {where}",
    )


def cards_of(stage: FeishuStage, words: str) -> list[Shown]:
    """The cards with these words, as they stand."""
    return [one for one in FeishuRoom(stage, frozenset()).cards() if words in one.text]


def post(title: str) -> Alert:
    """What the documented curl sends; each on an asset of its own, so that none is news about another."""
    _, secret = tokens.create(f"Webhook {title}", ["ingest"])
    one = {"title": title, "severity": "high", "event_id": title, "assets": [title]}
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    body = json.dumps({"source": "waf", "alerts": [one]})
    response = client.post("/api/v1/ingest/generic/", body, content_type="application/json")
    assert response.status_code == 200, response.content
    return Alert.objects.get(title=title)


@pytest.mark.slow
def test_alert_comes_to_the_group_with_buttons_and_is_confirmed_by_one(
    stage: FeishuStage, settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    alert = post("SQL 注入")
    message = told(stage, GROUP, "SQL 注入")
    assert (message["route"], message["msgtype"]) == ("create", "interactive")
    (card,) = cards_of(stage, "高危 · SQL 注入")
    value = next(one for one in card.buttons if one["id"] == "acknowledge")
    assert stage.sim.click(card.ident, dict(value), open_id="ou_lisi")["ok"]
    alert.refresh_from_db()
    assert alert.status == AlertStatus.ACKNOWLEDGED


@pytest.mark.slow
def test_card_of_an_alert_obeys_who_may_and_shows_all_how_it_stands(
    stage: FeishuStage, settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    alert = post("木马回连")
    told(stage, GROUP, "木马回连")
    (first,) = cards_of(stage, "木马回连")

    def press(verdict: str, who: str) -> dict[str, Any]:
        (value,) = [one for one in first.buttons if one["id"] == verdict]
        answer = stage.sim.click(first.ident, dict(value), open_id=who)
        alert.refresh_from_db()
        return {**answer["toast"], "ok": answer["ok"], "status": alert.status}

    def wait_shown(words: str) -> None:
        def probe() -> bool:
            (card,) = cards_of(stage, "木马回连")
            return card.ident == first.ident and words in card.text

        wait_until(probe, within=30, what=words)

    refused = press("take", "ou_sunba")
    assert (refused["ok"], refused["type"], refused["status"]) == (True, "error", "open")
    assert "角色" in refused["content"]
    assert cards_of(stage, "木马回连") == [first], "a refusal is for the clicker alone"
    taken = press("take", "ou_lisi")
    assert (taken["type"], str(alert.assignee and alert.assignee.staff_id)) == ("success", "ou_lisi"), taken
    wait_shown("李四")
    closed = press("false_positive", "ou_lisi")
    assert (closed["type"], closed["status"]) == ("success", "closed")
    assert alert.verdict == "false_positive"
    wait_shown("误报")


@pytest.mark.slow
def test_page_is_one_more_way_to_the_robot_of_feishu(stage: FeishuStage) -> None:
    account = Staff.objects.get(staff_id="ou_lisi")
    robot = lines.robot_for(account)
    assert robot is not None
    assert robot.name == NAME
    lines.say(lines.Speaker(7, account, robot.pk), "今天谁值班", "0" * 32, urgent=False)
    answers = WebLine.objects.filter(conversation_id="web:7", kind=LineKind.ANSWERED)
    wait_until(answers.exists, within=60, what="an answer on the page")
    assert "安全值班" in answers.get().text


@pytest.mark.slow
def test_approver_is_asked_in_private_and_decides_there(stage: FeishuStage, chats: Chats) -> None:
    stage.say("封禁 203.0.113.7 一小时", GROUP, "ou_zhaoliu")
    asked = Proposal.objects.filter(tool="block_ip")
    wait_until(asked.exists, within=60, what="the proposal")
    proposal = asked.get()
    for approver in ("ou_wangwu", "ou_boss"):
        told(stage, chats[approver], proposal.code)
    assert all(proposal.code not in one["text"] for one in stage.replies(conversation_id=chats["ou_lisi"]))
    stage.sim.message(f"同意 {proposal.code}", open_id="ou_wangwu")
    wait_until(lambda: Action.objects.filter(proposal=proposal, state="dry").exists(), within=60, what="done")
    told(stage, GROUP, "**王五** 同意了")


@pytest.mark.slow
def test_handover_is_told_to_both_and_to_the_group(stage: FeishuStage, chats: Chats) -> None:
    wait_until(
        lambda: OnCallSchedule.objects.filter(held_since__isnull=False).exists(), within=60, what="a look"
    )
    rota, now = OnCallSchedule.objects.get(), timezone.now()
    after = Staff.objects.filter(staff_id__in=("ou_lisi", "ou_wangwu")).exclude(pk=rota.holder_id or 0).get()
    OnCallOverride.objects.create(schedule=rota, staff=after, starts_at=now, ends_at=now + timedelta(hours=9))
    for where in (GROUP, chats["ou_lisi"], chats["ou_wangwu"]):
        told(stage, where, "值班交接")


@pytest.fixture
def cluster(stage: FeishuStage, tmp_path: Path) -> Iterator[None]:
    """What runs scheduled tasks."""
    made = Started([*MANAGE, "qcluster"], stage.environment(), tmp_path / "qcluster.log")
    yield
    os.killpg(made.process.pid, signal.SIGKILL)
    made.process.wait(120)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_report_and_its_file_come_to_the_group_as_text_where_files_are_refused(stage: FeishuStage) -> None:
    stage.say("每天早上9点发日报到这个群", GROUP, "ou_lisi")
    asked = told(stage, GROUP, "日报")
    code = re.search(r"确认 ([A-Z][A-Z2-9]{5})", asked["text"])
    assert code, asked
    stage.say(f"确认 {code[1]}", GROUP, "ou_lisi")
    wait_until(ScheduledTask.objects.exists, within=60, what="the task")
    ScheduledTask.objects.update(next_at=timezone.now(), attachment="markdown")
    told(stage, GROUP, "每天 09:00")

    def files() -> list[dict[str, Any]]:
        return [one for one in stage.sim.replies(chat_id=GROUP) if one["msg_type"] == "file"]

    wait_until(files, within=60, what="the file")
    assert "安全日报" in stage.file_of(files()[0]).decode()
    stage.sim.faults(openapi_code={"value": 99991672, "path": "/open-apis/im/v1/files"})
    ScheduledTask.objects.update(next_at=timezone.now())
    told(stage, GROUP, "请到「报告」页面下载")
    assert len(files()) == 1
    wait_until(lambda: TaskRun.objects.filter(state="done").count() == 2, within=60, what="both runs done")
