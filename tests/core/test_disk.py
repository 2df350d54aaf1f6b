"""A disk that is almost full: seen, and nothing more is taken in while the database can still be written."""

from collections import namedtuple
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.http import HttpResponse
from django.test import RequestFactory

from bifang.core.database import db
from bifang.core.monitoring import disk
from bifang.core.monitoring.failures import explain
from bifang.core.monitoring.health import check_health
from bifang.core.monitoring.metrics import render_metrics
from bifang.core.requests.slow import SlowMiddleware
from secops_agent.api.errors import handle
from secops_agent.services.writing import import_transaction

pytestmark = pytest.mark.django_db
Usage = namedtuple("Usage", "total used free")


def leave(monkeypatch: Any, megabytes: int) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: Usage(1, 1, megabytes << 20))


def state() -> str:
    return next(each.state for each in check_health().findings if each.name == "disk")


def test_room_is_kept_and_its_lack_is_told_before_it_hurts(monkeypatch: Any) -> None:
    leave(monkeypatch, 2000)
    assert state() == "ok"
    leave(monkeypatch, 1000)
    assert state() == "failed"
    with import_transaction():
        pass
    leave(monkeypatch, 500)
    assert 'bifang_disk_free_bytes{place="data"} 5.24288e+08' in render_metrics().decode()
    with pytest.raises(db.UNAVAILABLE) as refused, import_transaction():
        pass
    answer = handle(refused.value, {})
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert "磁盘快满了" in answer.data["error"]["message"]
    assert explain(refused.value).startswith("磁盘快满了")


@pytest.mark.only_postgresql
def test_statements_end_in_time_and_say_what_to_do(settings: Any) -> None:
    settings.STATEMENT_TIMEOUT_S = 0.2
    db.bound_statements()
    with pytest.raises(DatabaseError) as ended, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    assert "缩小范围" in explain(ended.value)


def test_a_page_that_takes_too_long_says_what_to_do() -> None:
    found = SlowMiddleware(lambda request: HttpResponse())
    slow = OperationalError("canceling statement due to statement timeout")
    answer = found.process_exception(RequestFactory().get("/alerts/"), slow)
    assert answer
    assert answer.status_code == 503
    assert "缩小范围" in answer.content.decode()
    assert found.process_exception(RequestFactory().get("/"), ValueError("ours")) is None
