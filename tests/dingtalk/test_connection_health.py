"""/readyz and healthcheck tell whether DingTalk is really connected, for each configuration."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bifang.channels.models import ClientState, ClientStatus, Worker
from bifang.core.models import SystemConfig
from bifang.core.monitoring import probes
from bifang.core.monitoring.health import HealthFinding, check_health
from tests.admin_pages import dingtalk, serve_plain_static

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _fresh(settings: Any, tmp_path: Path) -> Iterator[None]:
    serve_plain_static(settings, tmp_path)
    probes.readiness.clear()
    yield
    probes.readiness.clear()


def serving_since(age: timedelta, owner: str = "host-1") -> None:
    now = timezone.now()
    Worker.objects.create(owner=owner, host="host", pid=1, scope="", started_at=now - age, heartbeat_at=now)


def show(config: SystemConfig, status: ClientStatus, since: timedelta, **rest: Any) -> None:
    """What a worker publishes of its client, just now."""
    now = timezone.now()
    fields = {"owner": "host-1", "updated_at": now, **rest}
    ClientState.objects.create(config=config, status=status, since=now - since, **fields)


def old_config(**fields: Any) -> SystemConfig:
    config = dingtalk(**fields)
    SystemConfig.objects.filter(pk=config.pk).update(updated_at=timezone.now() - LONG_AGO)
    return config


def finding() -> HealthFinding:
    return next(one for one in check_health().findings if one.name == "connection")


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("status", "since", "ready"),
    [
        (ClientStatus.CONNECTED, LONG_AGO, True),
        (ClientStatus.CONNECTED, timedelta(0), True),
        (ClientStatus.RETRYING, timedelta(seconds=5), True),  # healing, as it does every day
        (ClientStatus.CONNECTING, timedelta(seconds=5), True),
        (ClientStatus.RETRYING, timedelta(seconds=20), False),
        (ClientStatus.CONNECTING, timedelta(seconds=20), False),
        (ClientStatus.PARKED, timedelta(0), False),
        (ClientStatus.STOPPED, timedelta(0), False),
    ],
)
def test_readiness_follows_the_connection(status: ClientStatus, since: timedelta, ready: bool) -> None:
    config = old_config()
    serving_since(LONG_AGO)
    show(config, status, since, last_error="对方没有响应心跳")
    assert (finding().state == "ok") is ready
    answer = Client().get("/readyz")
    assert answer.status_code == (200 if ready else 503)
    if not ready:
        assert f"「{config.name}」（ID {config.pk}）" in finding().detail
        assert "对方没有响应心跳" in finding().detail
        assert "对方没有响应心跳" not in answer.content.decode()


def test_one_dead_connection_among_living_ones_is_told() -> None:
    living, dead = old_config(), old_config()
    serving_since(LONG_AGO)
    show(living, ClientStatus.CONNECTED, LONG_AGO)
    show(dead, ClientStatus.RETRYING, LONG_AGO)
    assert finding().state == "failed"
    assert dead.name in finding().detail
    assert living.name not in finding().detail


def test_connection_in_any_worker_is_enough() -> None:
    config = old_config()
    serving_since(LONG_AGO)
    show(config, ClientStatus.RETRYING, LONG_AGO)
    show(config, ClientStatus.CONNECTED, LONG_AGO, owner="host-2")
    assert finding().state == "ok"


def test_state_that_is_not_written_any_more_is_no_connection() -> None:
    config = old_config()
    serving_since(LONG_AGO)
    show(config, ClientStatus.CONNECTED, LONG_AGO, updated_at=timezone.now() - timedelta(seconds=16))
    assert finding().state == "failed"


@pytest.mark.parametrize("new", ["worker", "configuration"])
def test_what_was_started_or_saved_just_now_may_still_be_connecting(new: str) -> None:
    config = dingtalk() if new == "configuration" else old_config()
    serving_since(timedelta(0) if new == "worker" else LONG_AGO)
    assert config.pk
    assert finding().state == "ok"
