"""Configurations change while the worker runs: nothing has to be restarted."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from bifang.channels.models import ClientState, ClientStatus
from bifang.core.configuration import configs
from tests.acceptance.processes import Started
from tests.acceptance.worker import Stage, open_stage, place
from tests.databases import Templates
from tests.deadline import wait_until


@pytest.fixture(scope="module")
def bare(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("live")
    secrets = home / "secrets"
    secrets.mkdir()
    with (
        django_db_blocker.unblock(),
        override_settings(SECRETS_DIR=secrets),
        templates.database("sqlite", home / "var") as database,
        open_stage(database, redeliver_after_s=1.0) as stage,
    ):
        stage.start(connected=False, BIFANG_SECRETS_DIR=str(secrets)).wait_for("没有启用的钉钉配置")
        yield stage


@pytest.fixture
def stage(bare: Stage) -> Iterator[Stage]:
    """The worker runs without any configuration, or with those of earlier tests switched off."""
    yield bare
    for config in configs.SystemConfig.objects.enabled("dingtalk"):
        configs.archive(config)
    wait_until(lambda: not bare.sim.connections(), within=30, what="disconnected")
    bare.sim.faults(clear=True)


def worker_of(stage: Stage) -> Started:
    (worker,) = stage.workers
    assert worker.process.poll() is None, worker.text
    return worker


def wait_status(stage: Stage, wanted: ClientStatus) -> ClientState:
    def probe() -> ClientState | None:
        return ClientState.objects.filter(config=stage.config(), status=wanted).first()

    state = wait_until(probe, within=30, what=f"status {wanted}")
    assert state
    return state


def test_first_configuration_is_picked_up(stage: Stage) -> None:
    stage.apply(stage.robot(default_role="viewer"))
    stage.wait_connected(worker_of(stage))
    assert wait_status(stage, ClientStatus.CONNECTED).connections == 1
    where = place()
    stage.say("你好", where, group=False)
    assert stage.answers(where) == ["收到 你好"]


@pytest.mark.slow
def test_wrong_secret_is_parked_and_repaired_without_a_restart(stage: Stage) -> None:
    stage.apply(stage.robot(client_secret="not-the-secret", default_role="viewer"))
    state = wait_status(stage, ClientStatus.PARKED)
    for text in (state.last_error, stage.config().last_error):
        # FAQ Q1
        assert "凭证错误" in text
        assert "系统配置" in text
        assert "Client ID 和 Client Secret" in text
        assert "not-the-secret" not in text
    stage.apply(stage.robot())
    stage.wait_connected(worker_of(stage))
    wait_until(lambda: not stage.config().last_error, within=30, what="error cleared")


def rotate(name: str, text: str) -> None:
    """As Vault Agent does it: a new file takes the old one's place."""
    fresh = settings.SECRETS_DIR / f".{name}.new"
    fresh.write_text(text)
    fresh.replace(settings.SECRETS_DIR / name)


@pytest.mark.slow
def test_a_rotated_secret_file_is_read_again_without_a_restart(stage: Stage) -> None:
    stage.apply(stage.robot(client_secret="file:dingtalk", default_role="viewer"))
    assert "读不到密钥文件" in wait_status(stage, ClientStatus.STOPPED).last_error
    rotate("dingtalk", "of-last-month")
    assert "凭证错误" in wait_status(stage, ClientStatus.PARKED).last_error
    before, worker = stage.config().revision, worker_of(stage).process.pid
    rotate("dingtalk", "demo-secret\n")
    stage.wait_connected(worker_of(stage))
    where = place()
    stage.say("新密钥", where, group=False)
    assert stage.answers(where) == ["收到 新密钥"]
    assert (stage.config().revision, worker_of(stage).process.pid) == (before, worker)


@pytest.mark.slow
def test_what_was_stored_under_looser_rules_is_parked_and_others_go_on(stage: Stage) -> None:
    stage.apply(stage.robot(default_role="viewer"))
    stage.wait_connected(worker_of(stage))
    stage.apply(stage.robot(name="旧的", client_id="dingold", endpoint=""))
    old = configs.SystemConfig.objects.get(name="旧的")
    loose = {**old.params, "endpoint": "https://bucket.oss-cn-beijing.aliyuncs.com"}
    configs.SystemConfig.objects.filter(pk=old.pk).update(params=loose, revision=old.revision + 1)

    def shown() -> str:
        return configs.SystemConfig.objects.get(pk=old.pk).last_error

    wait_until(lambda: "BIFANG_ADDRESS_ALLOW_LIST" in shown(), within=30, what="parked")
    where = place()
    stage.say("还在吗", where, group=False)
    assert stage.answers(where) == ["收到 还在吗"]
    assert not [one for one in stage.sim.connections() if one.get("client_id") == "dingold"]


@pytest.mark.slow
def test_disabled_disconnects_and_enabled_connects(stage: Stage) -> None:
    stage.apply(stage.robot(default_role="viewer"))
    stage.wait_connected(worker_of(stage))
    configs.set_enabled(stage.config(), False)
    wait_until(lambda: not stage.sim.connections(), within=30, what="disconnected")
    wait_until(lambda: not ClientState.objects.filter(config=stage.config()).exists(), within=30)
    waiting = place()
    stage.say("有人吗", waiting, group=False)
    configs.set_enabled(stage.config(), True)
    stage.wait_connected(worker_of(stage))
    assert stage.answers(waiting) == ["收到 有人吗"]


@pytest.mark.slow
def test_answers_of_a_disabled_configuration_still_go_out(stage: Stage) -> None:
    stage.apply(stage.robot(default_role="viewer"))
    stage.wait_connected(worker_of(stage))
    where = place()
    stage.sim.faults(webhook_down=True)
    msg_id = stage.say("最后一问", where, group=False)
    stage.acks(msg_id)
    configs.set_enabled(stage.config(), False)
    wait_until(lambda: not stage.sim.connections(), within=30, what="disconnected")
    stage.sim.faults(clear=True)
    assert stage.answers(where) == ["收到 最后一问"]


@pytest.mark.slow
def test_configuration_that_cannot_be_used_shows_why(stage: Stage) -> None:
    stage.apply(stage.robot(client_secret="env:BIFANG_SECRET_NOWHERE"))
    assert "BIFANG_SECRET_NOWHERE" in wait_status(stage, ClientStatus.STOPPED).last_error
    wait_until(lambda: "BIFANG_SECRET_NOWHERE" in stage.config().last_error, within=30)
    stage.apply(stage.robot(use_stream_push=False, corp_id="dingdemocorp"))
    wait_until(lambda: not stage.sim.connections(), within=30, what="no connection")
    stage.apply(stage.robot(use_stream_push=True))
    stage.wait_connected(worker_of(stage))


@pytest.mark.slow
def test_saving_a_parked_configuration_again_tries_again(stage: Stage) -> None:
    stage.sim.faults(open_status=401)
    stage.apply(stage.robot(default_role="viewer"))
    wait_status(stage, ClientStatus.PARKED)
    stage.sim.faults(clear=True)
    # Mended on DingTalk's side: whoever saves the configuration again does not wait for minutes.
    stage.apply(stage.robot(default_role="none"))
    stage.wait_connected(worker_of(stage))
