"""Programs: who should run and does not is seen, and its children end with it."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule

from bifang.channels.models import CONSUME, SYSLOG, TASKS, WEB, OutboxRow, Worker
from bifang.channels.workers import processes, programs
from bifang.channels.workers.programs import Heart
from bifang.core.monitoring import probes
from bifang.core.monitoring.health import check_health
from bifang.core.monitoring.metrics import render_metrics
from secops_agent.models import Staff
from secops_agent.services.notifications.delivery import outages
from secops_agent.services.operations.health import read_health
from tests.admin_pages import dingtalk, serve_plain_static
from tests.deadline import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(settings: Any, tmp_path: Any) -> None:
    serve_plain_static(settings, tmp_path)
    probes.readiness.clear()
    probes.parts.clear()
    on_time()


def on_time(minutes: float = 0) -> None:
    """Every periodic job was due so long ago."""
    Schedule.objects.update(next_run=timezone.now() - timedelta(minutes=minutes))


def beaten(kind: str, minutes: float = 0) -> None:
    """Its heartbeat is so old."""
    processes.beat_as(kind)
    Worker.objects.filter(kind=kind).update(
        owner=f"elsewhere:{kind}", heartbeat_at=timezone.now() - timedelta(minutes=minutes)
    )


def finding() -> tuple[str, str]:
    found = next(each for each in check_health().findings if each.name == "programs")
    return found.state, found.detail


def test_a_fresh_installation_has_no_trouble_and_a_dead_task_cluster_is_named_everywhere() -> None:
    assert finding()[0] == "ok"
    beaten(WEB)
    beaten(TASKS, minutes=6)
    state, detail = finding()
    assert state == "failed"
    assert "后台任务没有在运行" in detail
    assert "python manage.py qcluster" in detail
    assert "网页" not in detail
    body = Client().get("/readyz?full=1").json()
    assert body["status"] == "degraded"  # answers go on
    assert (body["web"]["alive"], body["tasks"]["alive"]) == (True, False)
    assert body["tasks"]["last_seen"]
    assert set(body) >= {"web", "stream", "feishu", "tasks", "syslog", "consume"}
    assert "web" not in Client().get("/readyz").json()
    assert 'bifang_processes_alive{program="tasks"} 0.0' in render_metrics().decode()
    assert not read_health(timezone.now()).sound
    with pytest.raises(SystemExit):
        call_command("healthcheck")


def test_a_cluster_that_lives_and_does_not_get_on_is_behind() -> None:
    beaten(TASKS)
    on_time(minutes=7)
    assert "后台任务落后 7 分钟" in finding()[1]
    Worker.objects.all().delete()  # stopped in order, and forgotten
    assert "没有在运行，该做的已经等了 7 分钟" in finding()[1]


def test_administrators_hear_of_a_dead_program_once() -> None:
    config = dingtalk(corp_id="corp", notifications_enabled=True)
    Staff.objects.create(staff_id="boss", name="张三", role="admin", corp_id="corp")
    now = timezone.now()
    Worker.objects.create(owner="a", host="a", pid=1, started_at=now, heartbeat_at=now)
    from bifang.channels.models import ClientState, ClientStatus

    ClientState.objects.create(
        config=config, owner="a", status=ClientStatus.CONNECTED, since=now, updated_at=now
    )
    beaten(TASKS, minutes=1)
    assert outages.tell_programs() == 0, "it may be a restart"
    Worker.objects.all().filter(kind=TASKS).delete()
    beaten(TASKS, minutes=6)
    assert outages.tell_programs() == 1
    assert outages.tell_programs() == 0
    assert "请启动 python manage.py qcluster" in OutboxRow.objects.get().text


def test_processes_without_chats_neither_count_as_workers_nor_are_forgotten_at_once() -> None:
    for kind in (WEB, TASKS, SYSLOG, CONSUME):
        beaten(kind, minutes=11)
    assert not Worker.objects.chats().exists()
    processes.forget_dead()
    assert Worker.objects.count() == 4
    Worker.objects.update(heartbeat_at=timezone.now() - timedelta(days=2))
    processes.forget_dead()
    assert not Worker.objects.exists()


def test_a_new_process_takes_the_row_of_a_dead_one_of_this_machine_away() -> None:
    beaten(WEB)
    Worker.objects.update(owner=f"{os.uname().nodename}:999999999")
    processes.beat_as(WEB)
    assert Worker.objects.get().pid == os.getpid()


def test_heart_beats_and_withdraws() -> None:
    with Heart(WEB):
        wait_until(lambda: Worker.objects.filter(kind=WEB).exists(), within=10)
    assert not Worker.objects.exists()


FAMILY = """
import os, signal, sys
sys.path.insert(0, {project!r})
from bifang.core.processes import end_forks_with_parent
end_forks_with_parent()
if os.fork() == 0:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
    signal.pause()
signal.pause()
"""


def test_grandchildren_end_when_the_parent_is_killed() -> None:
    code = FAMILY.format(project=str(programs.__file__).partition("/bifang/channels")[0])
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    grandchild = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    wait_until(lambda: _is_over(grandchild), within=10)
    parent.stdout.close()


def _is_over(pid: int) -> bool:
    from bifang.core.processes import _is_alive

    return not _is_alive(pid)
