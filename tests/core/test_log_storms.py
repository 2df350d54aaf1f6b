"""Storms are bounded, lines carry the ids of what they belong to, and the form is text or JSON."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django_q.signals import pre_enqueue, pre_execute

from bifang.core.database.db import DatabaseThreads
from bifang.core.errors import ConfigError
from bifang.core.monitoring import logs
from tests.admin_pages import serve_plain_static


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[logs.GatheringHandler]:
    made = logs.GatheringHandler(str(tmp_path / "bifang.log"), console=False, encoding="utf-8")
    made.setFormatter(logs.LineFormatter())
    yield made
    made.close()


@pytest.fixture
def log(handler: logs.GatheringHandler) -> Iterator[logging.Logger]:
    logger = logging.getLogger("bifang.storms")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True


def written(handler: logs.GatheringHandler, tmp_path: Path) -> list[str]:
    handler.flush()
    return (tmp_path / "bifang.log").read_text(encoding="utf-8").splitlines()


def fail(log: logging.Logger, message: str, *values: object) -> None:
    try:
        raise OSError("the database is away")
    except OSError:
        log.exception(message, *values)


def test_a_storm_is_one_traceback_some_lines_and_a_count(
    handler: logs.GatheringHandler, log: logging.Logger, tmp_path: Path
) -> None:
    for number in range(500):
        fail(log, "保存 %s 失败", number)
    fail(log, "别的事")
    log.info("照常")
    lines = written(handler, tmp_path)
    assert [line.count("Traceback") for line in lines].count(1) == 2
    assert len(lines) == logs.MOST_LINES + 2
    (counted,) = handler._storms.ended(float("inf"))
    assert f"同样的还有 {500 - logs.MOST_LINES} 次" in counted.getMessage()
    fail(log, "保存 %s 失败", 501)
    assert "Traceback" in written(handler, tmp_path)[-1], "a new minute"


def test_kinds_are_bounded_and_bare_templates_are_told_apart(log: logging.Logger) -> None:
    storms = logs.Storms()
    for number in range(2000):
        record = logging.makeLogRecord({"name": "a", "levelno": 40, "msg": "%s %s", "args": ("甲", number)})
        assert storms.admit(record)
    assert len(storms._kinds) <= 500


def test_json_lines_hold_ids_and_no_secret(
    handler: logs.GatheringHandler, log: logging.Logger, tmp_path: Path
) -> None:
    handler.setFormatter(logs.JsonFormatter())
    log.warning("出错 ticket=abcdefgh\n第二行\u202e", extra={"config": 7})
    (line,) = written(handler, tmp_path)
    told = json.loads(line)
    assert (told["level"], told["logger"], told["config"]) == ("WARNING", "bifang.storms", "7")
    assert told["message"] == "出错 ticket=***\n第二行\u202e"
    assert "\u202e" not in line
    assert told["time"][10] == "T"
    assert told["time"][-6] in "+-"


def test_console_and_form_are_chosen_and_mistakes_are_told(tmp_path: Path) -> None:
    chosen = logs.configure(tmp_path, "INFO", "json", "file")["handlers"]["lines"]
    assert (chosen["formatter"], chosen["console"]) == ("json", False)
    assert "path" not in logs.configure(tmp_path, "INFO", "text", "console")["handlers"]["lines"]
    with pytest.raises(ConfigError, match="BIFANG_LOG_FORMAT"):
        logs.configure(tmp_path, "INFO", "xml")


@pytest.mark.django_db
def test_an_answer_carries_its_id_and_a_forged_one_is_replaced(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    assert (
        Client().get("/nowhere/", headers={"X-Request-ID": "proxy-0123.45"})["X-Request-ID"]
        == "proxy-0123.45"
    )
    for forged in ("short", "a b c d e f g h", "x" * 65, "abcdefgh]"):
        assert Client().get("/nowhere/", headers={"X-Request-ID": forged})["X-Request-ID"] != forged


def test_ids_reach_database_threads_and_tasks() -> None:
    token, threads = logs.ids.set({"request": "r1"}), DatabaseThreads(1)
    try:
        found: Future[Any] = threads.submit(lambda: dict(logs.ids.get()))
        assert found.result(10) == {"request": "r1"}
        task: dict[str, Any] = {"name": "导入"}
        pre_enqueue.send(sender="django_q", task=task)
        logs.ids.set({})
        pre_execute.send(sender="django_q", func=None, task=task)
        record = logging.makeLogRecord({"name": "a", "levelname": "INFO", "msg": "甲", "config": 3})
        assert " INFO a [request=r1 task=导入 config=3] 甲" in logs.LineFormatter().format(record)
    finally:
        logs.ids.reset(token)
        threads.close()
