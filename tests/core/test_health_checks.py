"""healthcheck, /readyz and /healthz: what they check, what they show to whom."""

import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule

from bifang.channels.models import Worker
from bifang.core import extensions
from bifang.core.monitoring import probes
from bifang.core.monitoring.health import CHECKS, HealthCheck, check_health
from bifang.core.monitoring.recent import Recent
from bifang.core.secrets.keys import write_key_file
from tests.acceptance.processes import MANAGE, clean_environment, run
from tests.admin_pages import SECRET, dingtalk, serve_plain_static
from tests.databases import Database

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(settings: Any, tmp_path: Path) -> Iterator[None]:
    serve_plain_static(settings, tmp_path)
    probes.readiness.clear()
    probes.figures.clear()
    Schedule.objects.update(next_run=timezone.now())  # not when the template of the session was made
    yield
    probes.readiness.clear()
    probes.figures.clear()


def beat(scope: str = "", age: float = 0, owner: str = "host-1") -> None:
    """A worker whose last heartbeat is `age` seconds old."""
    now = timezone.now()
    heartbeat = now - timedelta(seconds=age)
    Worker.objects.create(
        owner=owner, host="host", pid=1, scope=scope, started_at=now, heartbeat_at=heartbeat
    )


def states() -> dict[str, str]:
    return {finding.name: finding.state for finding in check_health().findings}


def reason(name: str) -> str:
    return next(finding.detail for finding in check_health().findings if finding.name == name)


def readyz(**extra: Any) -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz", **extra)
    return answer.status_code, answer.json()


@pytest.mark.slow
@pytest.mark.both_databases
def test_fresh_installation_is_ready_without_a_worker() -> None:
    assert set(states().values()) == {"ok"}
    status, body = readyz()
    assert (status, body["status"]) == (200, "ok")
    assert {check["name"] for check in body["checks"]} >= {"keys", "database", "migrations", "worker"}


def test_a_package_that_fails_is_told_and_leaves_the_machine_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = extensions.RefusedExtension("tools", "acme_one", "acme-one 1.0", "读不进来")
    monkeypatch.setattr(extensions, "_refusals", [refused])
    status, body = readyz()
    finding = next(check for check in body["checks"] if check["name"] == "extensions")
    assert (status, body["status"]) == (200, "degraded")
    assert (finding["state"], finding["advisory"]) == ("failed", True)
    with pytest.raises(SystemExit):
        call_command("healthcheck")


def test_what_a_package_checks_only_advises() -> None:
    worst = HealthCheck("acme_check", "甲", lambda: str(1 // 0), "乙", advisory=True)
    CHECKS.add(worst)
    try:
        assert readyz()[0] == 200
        CHECKS.add(replace(worst, advisory=False))
        probes.readiness.clear()
        assert readyz()[0] == 503
    finally:
        CHECKS.remove(worst)


@pytest.mark.both_databases
def test_enabled_configuration_needs_a_worker_with_a_fresh_heartbeat() -> None:
    config = dingtalk()
    assert states()["worker"] == "failed"
    assert f"「{config.name}」（ID {config.pk}）" in reason("worker")
    beat(age=16)
    assert states()["worker"] == "failed"
    beat(age=10, owner="host-2")
    assert states()["worker"] == "ok"


def test_configuration_that_is_off_needs_no_worker() -> None:
    dingtalk(enabled=False)
    assert states()["worker"] == "ok"


def test_configuration_that_dingtalk_calls_needs_a_worker_and_no_connection() -> None:
    config = dingtalk(use_stream_push=False, corp_id="corp")
    assert config.name in reason("worker")
    beat(scope=str(config.pk))
    assert states()["worker"] == states()["connection"] == "ok"


def test_worker_of_another_configuration_does_not_count() -> None:
    mine, other = dingtalk(), dingtalk()
    beat(scope=str(other.pk))
    assert mine.name in reason("worker")
    assert other.name not in reason("worker")
    beat(scope=str(mine.pk), owner="host-2")
    assert states()["worker"] == "ok"


@pytest.mark.both_databases
def test_missing_migration_is_named_and_what_depends_on_it_is_skipped() -> None:
    assert states()["migrations"] == "ok"  # remembered from here on
    MigrationRecorder(connection).migration_qs.filter(app="dingtalk_integration").delete()
    assert states() | {"migrations": "failed", "secrets": "skipped", "worker": "skipped"} == states()
    assert "manage.py migrate" in reason("migrations")
    assert "dingtalk_integration.0001_first_release" in reason("migrations")


def test_empty_database_lacks_its_migrations(database: Database) -> None:
    connections.close_all()
    (database.data_dir / "bifang.sqlite3").unlink()
    assert states()["migrations"] == "failed"
    assert readyz()[0] == 503


def test_damaged_database_is_said_without_its_place_to_strangers(database: Database) -> None:
    connections.close_all()
    (database.data_dir / "bifang.sqlite3").write_bytes(b"not a database at all" * 100)
    assert "不是 SQLite 数据库" in reason("database")
    status, body = readyz()
    assert status == 503
    text = json.dumps(body, ensure_ascii=False)
    assert "数据库无法访问" in text
    assert str(database.data_dir) not in text


def test_lost_key_and_foreign_key_are_told_apart(database: Database) -> None:
    dingtalk()
    beat()
    write_key_file(["k" * 43 + "="])
    assert states()["keys"] == "ok"
    assert states()["secrets"] == "failed"
    (database.data_dir / "encryption.key").unlink()
    assert (states()["keys"], states()["secrets"]) == ("failed", "skipped")
    text = json.dumps(readyz()[1], ensure_ascii=False)
    assert str(database.data_dir) not in text
    assert SECRET not in text


def test_answer_is_kept_for_a_second_and_made_by_one() -> None:
    calls: list[int] = []
    go = threading.Event()

    def make() -> int:
        go.wait(120)
        calls.append(1)
        return len(calls)

    value = Recent(make, age=60)
    asked: list[int] = []
    threads = [threading.Thread(target=lambda: asked.append(value.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(120)
    assert asked == [1] * 8
    value.clear()
    assert value.get() == 2


def test_hanging_database_is_answered_in_time() -> None:
    never = threading.Event()
    hanging = Recent(lambda: never.wait(120), patience=0.05)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            hanging.get()
    never.set()
    assert Recent(lambda: True, patience=5).get()


def test_locked_database_does_not_stop_the_probe(database: Database) -> None:
    locking = sqlite3.connect(database.data_dir / "bifang.sqlite3", isolation_level=None)
    locking.execute("BEGIN IMMEDIATE")
    try:
        assert readyz()[0] == 200
    finally:
        locking.execute("ROLLBACK")
        locking.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_answers_under_any_host_over_plain_http_without_login(path: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["bifang.example.com"]
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get(path, headers={"Host": "10.1.2.3:8000"})
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert Client().post(path).status_code == 405
    assert Client().head(path).status_code == 200


def test_looking_at_the_database_leaves_it_shared_with_other_processes(database: Database) -> None:
    """A file that is opened and closed beside SQLite loses this process's locks: it would see no other's writes."""
    config, file = dingtalk("来自网页"), database.data_dir / "bifang.sqlite3"
    assert states()["database"] == "ok"
    write = (
        "import sqlite3, sys\n"
        "with sqlite3.connect(sys.argv[1]) as other:\n"
        "    other.execute('UPDATE core_systemconfig SET name = ?', ('来自别的进程',))\n"
        "other.close()\n"
    )
    run((sys.executable, "-c", write, file), dict(os.environ)).check_returncode()
    config.refresh_from_db()
    assert config.name == "来自别的进程"
    assert (file.parent / "bifang.sqlite3-wal").exists()


def test_healthz_needs_no_database(database: Database) -> None:
    connections.close_all()
    (database.data_dir / "bifang.sqlite3").write_bytes(b"not a database at all" * 100)
    assert Client().get("/healthz").json() == {"status": "ok"}


def test_healthcheck_command_exits_with_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("healthcheck")
    assert "通过  数据库：" in capsys.readouterr().out
    dingtalk()
    with pytest.raises(SystemExit) as ended:
        call_command("healthcheck", "--json")
    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == "failed"
    assert {c["name"]: c["state"] for c in report["checks"]}["worker"] == "failed"


@pytest.mark.slow
def test_healthcheck_process_reports_a_database_it_cannot_reach(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, DATABASE_URL="postgresql://bifang:pw-not-shown@127.0.0.1:1/bifang")
    done = run((*MANAGE, "healthcheck"), env)
    assert done.returncode == 1
    assert "失败  数据库：连不上数据库" in done.stdout
    assert "跳过  数据库结构" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pw-not-shown" not in done.stdout
