"""Files by the real worker, the real cluster and the simulator: downloaded once, imported once, results and reports sent as files."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from secops_agent.models import Asset, ImportJob, Proposal, ScheduledTask
from tests.acceptance.doors import open_door
from tests.acceptance.processes import MANAGE, Started
from tests.acceptance.traffic import wait_noted
from tests.acceptance.worker import STAFF, Stage, kill, place
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = pytest.mark.slow
GROUP = "cidDemoGroup=="
CODE = re.compile(r"确认 ([A-Z][A-Z2-9]{5})")
ROWS = "资产名称,主机名,IP,类型\n官网,web-01,10.0.0.21,主机\n库,db-01,10.0.0.22,主机\n,,,主机\n"


@pytest.fixture
def door() -> str:
    """Where messages come in, unless the test says otherwise."""
    return "stream"


@pytest.fixture
def stage(database: Database, door: str) -> Iterator[Stage]:
    with open_door(database, door) as made:
        notified = {"notifications_enabled": True} if door == "stream" else {}
        made.apply(made.robot(**notified, ai_config=""), staff=STAFF)
        yield made


@pytest.fixture
def clusters(stage: Stage, tmp_path: Path) -> Iterator[list[Started]]:
    """Those that a test starts; they end with it."""
    running: list[Started] = []
    yield running
    for cluster in running:
        end(cluster)


def start_cluster(stage: Stage, tmp_path: Path, clusters: list[Started]) -> Started:
    log = tmp_path / f"qcluster-{len(clusters)}.log"
    clusters.append(Started([*MANAGE, "qcluster"], stage.environment(), log))
    return clusters[-1]


def end(cluster: Started) -> None:
    if cluster.process.poll() is None:
        os.killpg(cluster.process.pid, signal.SIGKILL)
    cluster.process.wait(120)


def send_file(stage: Stage, where: str, who: str = "lisi", **fields: Any) -> str:
    return stage.say("", where, who, file={"name": "资产.csv", "text": ROWS}, **fields)


def files(stage: Stage, number: int = 1, **query: Any) -> list[dict[str, Any]]:
    def probe() -> list[dict[str, Any]]:
        found = [reply for reply in stage.replies(**query) if reply["msgtype"] == "file"]
        return found if len(found) >= number else []

    return wait_until(probe, within=120, what=f"{number} files")


@pytest.mark.parametrize("door", ["stream"])
def test_a_file_survives_kill_9_and_replays_and_is_imported_once(
    stage: Stage, tmp_path: Path, clusters: list[Started]
) -> None:
    worker = stage.start()
    where = place()
    msg_id = send_file(stage, where, group=False)
    (shown,) = stage.answers(where)
    assert "资产 2" in shown
    wait_noted()
    kill(worker)
    stage.start()
    send_file(stage, where, group=False, msg_id=msg_id)  # DingTalk delivers the same message again
    code = CODE.search(shown)
    assert code, shown
    stage.say(f"确认 {code[1]}", where, "lisi", group=False)
    stage.answers(where, 2)
    assert not Asset.objects.exists()
    dying = start_cluster(stage, tmp_path, clusters)
    wait_until(lambda: ImportJob.objects.exclude(attempts=0).exists(), within=120, what="the import begins")
    end(dying)
    start_cluster(stage, tmp_path, clusters)
    wait_until(lambda: ImportJob.objects.get().told, within=120, what="the result")
    (rejected,) = files(stage)
    wait_noted()
    (done,) = [reply["text"] for reply in stage.replies() if "导入完成" in reply["text"]]
    assert "新建 2" in done or "未变 2" in done, done  # the killed one may have stored them
    assert "位置,原因" in stage.file_of(rejected).decode("utf-8-sig")
    assert Asset.objects.count() == 2
    assert Proposal.objects.count() == ImportJob.objects.count() == 1


@pytest.mark.parametrize("door", ["stream", "feishu"])
def test_in_a_group_only_the_sender_confirms_and_faults_have_clear_words(stage: Stage) -> None:
    stage.start()
    send_file(stage, GROUP, group=True)
    (shown,) = stage.answers(GROUP)
    code = CODE.search(shown)
    assert code, shown
    stage.say(f"确认 {code[1]}", GROUP, "manager01", group=True)
    assert "本人" in stage.answers(GROUP, 2)[1]
    assert not ImportJob.objects.exists()
    stage.say(f"确认 {code[1]}", GROUP, "lisi", group=True)
    assert "开始导入" in stage.answers(GROUP, 3)[2]
    private = place()
    stage.strike("file gone")
    send_file(stage, private, group=False)
    assert "重新发送" in stage.answers(private)[0]
    stage.sim.faults(clear=True)
    stage.sim.faults(file_endless=True)
    send_file(stage, private, group=False)
    assert "200 MiB" in stage.answers(private, 2, within=180)[1]
    outsider = place()
    send_file(stage, outsider, "outsider", group=False, outsider=True)
    stage.settle()
    assert stage.replies(conversation_id=outsider) == []


def test_a_report_comes_as_a_file_when_asked_and_on_schedule(
    stage: Stage, tmp_path: Path, clusters: list[Started]
) -> None:
    stage.start()
    stage.say("把周报发成markdown文件", GROUP, group=True)
    (file,) = files(stage, conversation_id=GROUP)
    assert file["text"].endswith(".md")
    assert "# 安全" in stage.file_of(file).decode()
    target = {"kind": "group", "config": stage.config().name, "conversation_id": GROUP}
    stage.apply(
        schedules=[
            {"name": "周报", "task": "周报", "cron": "每周一 9:00", "target": target, "attachment": "csv"}
        ]
    )
    start_cluster(stage, tmp_path, clusters)
    ScheduledTask.objects.update(next_at=timezone.now())
    _, scheduled = files(stage, 2, conversation_id=GROUP)
    assert scheduled["text"].endswith(".csv")
    assert "新增" in stage.file_of(scheduled).decode("utf-8-sig")
    stage.say("把周报发成图片", GROUP, group=True)
    (picture,) = wait_until(
        lambda: [each for each in stage.replies(conversation_id=GROUP) if each["msgtype"] == "picture"]
    )
    assert bytes(stage.sim.http.get(f"/sim/files/{picture['text']}").content).startswith(b"\x89PNG")
