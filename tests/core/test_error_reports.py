"""Error reports in Sentry's form: what the log has, redacted; a storm and a wrong DSN do no harm."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from bifang.core.errors import ConfigError
from bifang.core.monitoring.error_reports import ErrorReports
from bifang.core.monitoring.logs import MOST_LINES, ids
from bifang.core.secrets.redaction import remember_secret
from tests.core.telemetry import Receiver, receiving
from tests.deadline import wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def log(receiver: Receiver) -> Iterator[logging.Logger]:
    handler = ErrorReports(receiver.url.replace("//", "//0123abcdpublic@") + "/4")
    log = logging.getLogger("bifang.test_error_reports")
    log.addHandler(handler)
    log.propagate = False
    yield log
    log.removeHandler(handler)
    log.propagate = True


def event_of(body: bytes) -> dict[str, Any]:
    _, item, event, _ = body.split(b"\n")
    assert json.loads(item)["length"] == len(event)
    return dict(json.loads(event))


def test_error_is_reported_with_its_place_and_without_secrets(
    log: logging.Logger, receiver: Receiver
) -> None:
    remember_secret("sk-very-secret-4711")
    ids.set({"request": "abcd1234"})
    try:
        raise ValueError("token sk-very-secret-4711 refused")
    except ValueError:
        log.exception("调用 %s 出错", "sk-very-secret-4711")
    ids.set({})
    wait_until(lambda: receiver.posts, within=10)
    path, headers, body = receiver.posts[0]
    assert path == "/api/4/envelope/"
    assert "sentry_key=0123abcdpublic" in headers["X-Sentry-Auth"]
    event = event_of(body)
    assert event["level"] == "error"
    assert event["tags"] == {"request": "abcd1234"}
    (error,) = event["exception"]["values"]
    assert error["type"] == "ValueError"
    assert error["stacktrace"]["frames"][-1]["filename"].endswith("test_error_reports.py")
    assert b"very-secret" not in body
    assert "vars" not in error["stacktrace"]["frames"][-1]


def test_storm_is_bounded_and_warnings_stay_here(log: logging.Logger, receiver: Receiver) -> None:
    log.warning("不报告")
    for number in range(500):
        log.error("数据库第 %d 次没有应答", number)
    log.error("最后一条")
    wait_until(lambda: any("最后一条" in body.decode() for _, _, body in receiver.posts), within=20)
    assert len(receiver.posts) <= MOST_LINES + 1
    assert not any("不报告" in body.decode() for _, _, body in receiver.posts)


@pytest.mark.parametrize("dsn", ["", "https://sentry.example/1", "ftp://k@h/1", "https://k@h/x"])
def test_what_is_no_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(ConfigError, match="BIFANG_SENTRY_DSN"):
        ErrorReports(dsn)
