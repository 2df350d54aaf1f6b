"""What start_dingtalk_stream (and start_feishu_stream, by the same code) refuses to start with, and waits for."""

import contextlib
import socket
import sqlite3
import subprocess
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command

from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from tests.acceptance.processes import MANAGE, Started, free_ports, run
from tests.acceptance.worker import NAME, Stage, open_stage, place
from tests.databases import Database
from tests.deadline import wait_until

QWEN = {"kind": "qwen", "name": "通义千问", "api_key": "sk-not-a-real-key", "model": "qwen-plus"}


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database, counted=True) as made:
        made.apply(made.robot(default_role="viewer"), QWEN)
        yield made


def refusal(config_id: int, name: str = "start_dingtalk_stream") -> str:
    """Why it does not start."""
    with pytest.raises(CommandError) as caught:
        call_command(name, config_id=config_id)
    return str(caught.value)


def command(stage: Stage, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return run((*MANAGE, "start_dingtalk_stream", *arguments), stage.environment(**env))


def test_missing_configuration_lists_what_there_is(stage: Stage) -> None:
    text = refusal(4711)
    assert "没有 ID 为 4711 的配置" in text
    assert f"{stage.config().pk}（{NAME}）" in text


def test_configuration_of_another_kind_is_named(stage: Stage) -> None:
    assert "「通义千问」" in (text := refusal(stage.config("通义千问").pk))
    assert "不是钉钉配置" in text


def test_disabled_configuration_says_where_to_enable_it(stage: Stage) -> None:
    configs.set_enabled(stage.config(), False)
    text = refusal(stage.config().pk)
    assert f"「{NAME}」" in text
    assert "未启用" in text
    assert "系统配置" in text


def test_feishu_refuses_what_is_missing_of_another_kind_disabled_or_incomplete(stage: Stage) -> None:
    def why(config_id: int) -> str:
        return refusal(config_id, "start_feishu_stream")

    assert "现有的飞书配置：没有；请先在「系统配置」中新增" in why(4711)
    assert f"配置「{NAME}」（ID {stage.config().pk}）不是飞书配置" in why(stage.config().pk)
    row, _ = configs.save("feishu", "飞书机器人", False, {"client_id": "cli_x", "client_secret": "s"})
    assert f"{row.pk}（飞书机器人）" in why(4711)
    assert "未启用" in why(row.pk)
    SystemConfig.objects.filter(pk=row.pk).update(enabled=True, client_id="", secrets=None)
    assert "App ID" in why(row.pk)
    assert "App Secret" in why(row.pk)


def test_incomplete_configuration_names_every_missing_field(stage: Stage) -> None:
    SystemConfig.objects.filter(name=NAME).update(client_id="", secrets=None)
    text = refusal(stage.config().pk)
    assert "钉钉Client ID" in text
    assert "钉钉Client Secret" in text


def test_missing_secret_reference_is_named(stage: Stage) -> None:
    stage.apply(stage.robot(client_secret="env:BIFANG_SECRET_NOWHERE"))
    assert "BIFANG_SECRET_NOWHERE" in refusal(stage.config().pk)


@pytest.mark.slow
def test_configuration_without_stream_push_is_served_without_a_connection(stage: Stage) -> None:
    stage.apply(stage.robot(use_stream_push=False, corp_id="dingdemocorp"))
    worker = stage.start("--config-id", str(stage.config().pk), connected=False)
    wait_until(lambda: "正在等待钉钉回调" in stage.log, within=60, what="told")
    assert worker.process.poll() is None
    assert stage.sim.connections() == []


def test_archived_configuration_is_missing(stage: Stage) -> None:
    pk = stage.config().pk
    configs.archive(stage.config())
    assert f"没有 ID 为 {pk} 的配置" in refusal(pk)


@pytest.mark.slow
def test_refusal_is_one_line_and_an_exit_code(stage: Stage) -> None:
    done = command(stage, "--config-id", "4711")
    assert done.returncode == 1
    assert "没有 ID 为 4711 的配置" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_only_the_configuration_asked_for_is_connected(stage: Stage) -> None:
    stage.sim.post("/sim/apps", {"client_id": "dingother", "client_secret": "other-secret"})
    other = stage.robot(name="另一个机器人", client_id="dingother", client_secret="other-secret")
    stage.apply({**other, "default_role": "viewer"})
    # A message of the other configuration waits in the inbox: it is not this worker's.
    stage.start("--config-id", str(stage.config().pk))
    where = place()
    stage.say("你好", where, client_id="dingdemo", group=False)
    assert stage.answers(where) == ["收到 你好"]
    assert not stage.sim.connections("dingother")


@pytest.mark.slow
def test_configuration_disabled_later_is_waited_for(stage: Stage) -> None:
    worker = stage.start("--config-id", str(stage.config().pk))
    configs.set_enabled(stage.config(), False)
    wait_until(lambda: not stage.sim.connections(), within=30, what="disconnected")
    worker.wait_for(f"配置 {stage.config().pk} 已停用")
    configs.set_enabled(stage.config(), True)
    stage.wait_connected(worker)


@pytest.mark.slow
def test_missing_migrations_name_the_command(stage: Stage) -> None:
    with contextlib.closing(sqlite3.connect(stage.database.data_dir / "bifang.sqlite3")) as other:
        other.execute("DELETE FROM django_migrations WHERE app = 'channels'")
        other.commit()
    done = command(stage)
    assert done.returncode == 1
    assert "python manage.py migrate" in done.stdout
    assert "Traceback" not in done.stdout


def test_unreadable_key_is_named(stage: Stage) -> None:
    done = command(stage, BIFANG_ENCRYPTION_KEY="nonsense")
    assert done.returncode != 0
    assert "密钥" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_database_that_is_not_up_yet_is_waited_for(stage: Stage) -> None:
    (port,) = free_ports(1)
    url = f"postgresql://bifang:geheim@127.0.0.1:{port}/bifang"
    output = stage.database.data_dir.parent / "waiting"
    worker = Started((*MANAGE, "start_dingtalk_stream"), stage.environment(DATABASE_URL=url), output)
    stage.workers.append(worker)
    worker.wait_for("数据库暂时无法访问，等待中")
    # The server comes up (as something that hangs up at once): it is tried again.
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(30)
        server.accept()[0].close()
    assert worker.process.poll() is None
    assert "geheim" not in worker.text
