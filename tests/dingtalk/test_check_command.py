"""check_dingtalk_stream: each fault is named by the step that meets it, and a running worker is left alone."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from bifang.channels.checks.diagnosis import diagnose
from bifang.channels.models import ClientStatus, Worker
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from bifang.core.secrets.keys import write_key_file
from dingtalk_integration.checks.configuration import DINGTALK
from tests.acceptance.processes import MANAGE, clean_environment, run
from tests.admin_pages import connected
from tests.databases import Database
from tests.deadline import wait_until
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.django_db
SECRET = "demo-secret"
NETWORK = ("proxy", "dns", "tcp", "tls", "credentials", "clock", "open", "handshake")


@pytest.fixture
def sim() -> Iterator[SimulatorHandle]:
    with running_simulator() as sim:
        yield sim


def make(sim: SimulatorHandle | None = None, name: str = "机器人", **values: Any) -> SystemConfig:
    given = {"client_id": "dingdemo", "client_secret": SECRET, **values}
    if sim is not None:
        given.setdefault("endpoint", sim.base_url)
    return configs.save("dingtalk", name, given.pop("enabled", True), given)[0]


def check(config: SystemConfig | None = None) -> dict[str, Any]:
    """The report as JSON; config None: all."""
    return asyncio.run(diagnose(DINGTALK, config.pk if config else None)).as_json()


def steps(config: SystemConfig) -> dict[str, dict[str, Any]]:
    """name → step, of this configuration."""
    [found] = check(config)["configs"]
    return {step["name"]: step for step in found["steps"]}


def verdicts(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: step["verdict"] for name, step in found.items()}


def refusal(found: dict[str, dict[str, Any]], name: str) -> str:
    """What the failed step says, with its remedy."""
    assert found[name]["verdict"] == "failed", found[name]
    assert found[name]["remedy"]
    return str(found[name]["detail"] + found[name]["remedy"])


def skipped_after(found: dict[str, dict[str, Any]], name: str, label: str) -> None:
    """Every network step behind `name`, up to the handshake, names the same cause."""
    for later in NETWORK[NETWORK.index(name) + 1 :]:
        assert (found[later]["verdict"], found[later]["detail"]) == ("skipped", f"「{label}」没有通过")


@contextmanager
def scripted_server(answer: bytes) -> Iterator[str]:
    """Answers every request with the same bytes; the base address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                if link.recv(65536):
                    link.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(120)


@pytest.mark.slow
@pytest.mark.both_databases
def test_everything_passes_but_the_worker_that_is_not_running(sim: SimulatorHandle) -> None:
    found = steps(make(sim))
    failed = {name for name, verdict in verdicts(found).items() if verdict == "failed"}
    assert failed == {"worker"}
    assert "start_dingtalk_stream" in refusal(found, "worker")
    assert found["tls"]["verdict"] == "skipped"
    assert found["handshake"]["verdict"] == "passed"
    wait_until(lambda: sim.connections() == [], within=20)


def test_handshake_takes_no_message_and_acknowledges_nothing(sim: SimulatorHandle) -> None:
    config = make(sim)
    sim.message("等工作进程启动")
    sim.event("user_leave_org")
    assert steps(config)["handshake"]["verdict"] == "passed"
    counters = sim.state()["counters"]
    assert (counters["waiting"], counters["acks"]) == (1, 0)  # the chat message; the event comes again
    assert counters["unacked"] == 2


@pytest.mark.both_databases
def test_everything_passes_with_a_connected_worker_and_no_second_connection_is_made(
    sim: SimulatorHandle,
) -> None:
    config = make(sim)
    now = timezone.now()
    echo = {"answered_at": now - timedelta(seconds=4), "round_trip_ms": 31}
    connected(config, last_frame_at=now - timedelta(seconds=7), messages_received=3, **echo)
    sim.event("user_leave_org")  # would go to whoever connects
    report = check()
    assert report["ok"], report
    found = {step["name"]: step for step in report["configs"][0]["steps"]}
    assert found["handshake"]["verdict"] == "skipped"
    assert "正在运行" in found["handshake"]["detail"]
    assert found["open"]["verdict"] == "passed"
    assert re.search(r"\d+ 秒前有心跳应答，往返 31 毫秒，最近一帧在 \d+ 秒前", found["worker"]["detail"])
    counters = sim.state()["counters"]
    assert (counters["waiting"], counters["frames"]) == (1, 0)


@pytest.mark.slow
def test_worker_that_lives_but_has_not_connected_yet_is_left_alone_too(sim: SimulatorHandle) -> None:
    config = make(sim)
    now = timezone.now()
    Worker.objects.create(owner="host-9", host="h", pid=9, started_at=now, heartbeat_at=now)
    found = steps(config)
    assert found["handshake"]["verdict"] == "skipped"
    assert "host-9" in refusal(found, "worker")


def test_parked_worker_tells_its_reason(sim: SimulatorHandle) -> None:
    config = make(sim)
    connected(config, status=ClientStatus.PARKED, last_error="凭证错误（authFailed）")
    text = refusal(steps(config), "worker")
    assert "凭证错误（authFailed）" in text


@pytest.mark.slow
def test_silent_worker_does_not_count(sim: SimulatorHandle) -> None:
    config = make(sim)
    connected(config, age=20)
    found = steps(config)
    assert found["worker"]["verdict"] == "failed"
    assert found["handshake"]["verdict"] == "passed"


def test_wrong_secret_fails_the_credentials(sim: SimulatorHandle) -> None:
    found = steps(make(sim, client_secret="another-secret"))
    text = refusal(found, "credentials")
    assert "Client Secret" in text
    assert "another-secret" not in json.dumps(found, ensure_ascii=False)
    assert found["clock"]["verdict"] == "passed"
    assert verdicts(found)["open"] == verdicts(found)["handshake"] == "skipped"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"open_status": 500}, "HTTP 500"),
        ({"open_body": "html"}, "门户"),
        ({"open_body": "no-endpoint"}, "不完整"),
        ({"open_status": 401}, "凭证错误"),
    ],
)
def test_gateway_that_answers_badly_fails_the_open(
    sim: SimulatorHandle, fault: dict[str, Any], said: str
) -> None:
    config = make(sim)
    sim.faults(**fault)
    found = steps(config)
    assert said in refusal(found, "open")
    assert found["credentials"]["verdict"] == "passed"
    skipped_after(found, "open", "Stream 网关")


@pytest.mark.slow
def test_gateway_that_never_answers_fails_within_its_time_out(sim: SimulatorHandle) -> None:
    config = make(sim)
    sim.faults(open_hang=True)
    found = steps(config)
    assert "没有响应" in refusal(found, "open")
    assert found["open"]["seconds"] < 60


@pytest.mark.slow
def test_portal_that_answers_for_dingtalk_is_said() -> None:
    page = b"<html>please log in</html>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page)
    with scripted_server(head + page) as base:
        found = steps(make(endpoint=base))
    assert "门户" in refusal(found, "credentials")
    assert found["clock"]["verdict"] == "skipped"


@pytest.mark.slow
@pytest.mark.parametrize(("minutes", "word"), [(-3, "快"), (3, "慢")])
def test_wrong_clock_is_told_with_its_direction(minutes: int, word: str) -> None:
    theirs = timezone.now() + timedelta(minutes=minutes)
    date = theirs.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()
    body = b'{"accessToken":"t-123456","expireIn":7200}'
    head = b"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n"
    with scripted_server(head % (date, len(body)) + body) as base:
        found = steps(make(endpoint=base))
    assert found["credentials"]["verdict"] == "passed"
    text = refusal(found, "clock")
    assert word in text
    assert any(f"{seconds} 秒" in text for seconds in range(177, 184))


def test_no_answer_is_not_blamed_on_the_credentials(sim: SimulatorHandle) -> None:
    config = make(sim)
    for fault, step in (({"openapi_status": 503}, "credentials"), ({"open_body": "html"}, "open")):
        sim.faults(**fault)
        told = refusal(steps(config), step)
        sim.faults(clear=True)
        assert "问题不在凭证" in told
        assert "Client Secret" not in told


def test_closed_port_fails_the_tcp_step(sim: SimulatorHandle) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = steps(make(endpoint=f"http://127.0.0.1:{port}"))
    assert str(port) in refusal(found, "tcp")
    assert "连接被拒绝" in found["tcp"]["detail"]
    assert found["dns"]["verdict"] == "passed"
    skipped_after(found, "tcp", "TCP")


def test_unknown_name_fails_the_dns_step(settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = ["no-such-host.invalid"]
    found = steps(make(endpoint="https://no-such-host.invalid"))
    assert "no-such-host.invalid" in refusal(found, "dns")
    assert "没有这个域名" in found["dns"]["detail"] or "没有应答" in found["dns"]["detail"]
    skipped_after(found, "dns", "DNS")


def test_socks_proxy_is_refused_with_the_remedy(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ADDRESS_ALLOW_LIST = ["gateway.corp.example"]
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    for name in ("HTTPS_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    found = steps(make(endpoint="https://gateway.corp.example"))
    text = refusal(found, "proxy")
    assert "SOCKS" in text
    assert "HTTP 代理" in text
    skipped_after(found, "proxy", "代理")


def test_proxy_that_is_down_is_named_without_its_password(settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = ["gateway.corp.example"]
    config = make(endpoint="https://gateway.corp.example", proxy="http://user:hidden-pw@127.0.0.1:1")
    found = steps(config)
    assert "127.0.0.1:1" in refusal(found, "proxy")
    assert "确认代理在运行" in found["proxy"]["remedy"]
    assert "hidden-pw" not in json.dumps(found, ensure_ascii=False)


@pytest.mark.slow
def test_incomplete_configuration_names_what_is_missing(sim: SimulatorHandle) -> None:
    config = make(sim)
    SystemConfig.objects.filter(pk=config.pk).update(secrets=None)
    found = steps(config)
    assert "Client Secret" in refusal(found, "complete")
    assert found["stream_push"]["verdict"] == "skipped"
    assert all(found[name]["verdict"] == "skipped" for name in NETWORK)
    assert found["worker"]["verdict"] == "failed"


def test_disabled_configuration_is_checked_when_named_and_left_out_otherwise(sim: SimulatorHandle) -> None:
    config = make(sim, enabled=False, use_stream_push=False, corp_id="corp")
    found = steps(config)
    assert "启用" in refusal(found, "enabled")
    assert "正在等待钉钉回调" in found["stream_push"]["detail"]
    assert found["open"]["verdict"] == "skipped"
    assert "BIFANG_PUBLIC_URL" in refusal(found, "public_address")
    report = check()
    assert report["configs"] == []
    assert "没有启用的钉钉配置（有 1 个未启用）" in report["local"][-1]["detail"]


@pytest.mark.slow
def test_ai_configuration_that_cannot_be_used_is_named(sim: SimulatorHandle) -> None:
    ai = configs.save("qwen", "通义千问", True, {"api_key": "env:DASHSCOPE_API_KEY", "model": "qwen-plus"})[0]
    config = make(sim, ai_config=ai)
    assert "DASHSCOPE_API_KEY" in refusal(steps(config), "ai_config")
    configs.save("qwen", "通义千问", True, {"api_key": "sk-0123456789"}, config=ai)
    assert "qwen-plus" in steps(config)["ai_config"]["detail"]
    configs.set_enabled(ai, False)
    assert "没有启用" in refusal(steps(config), "ai_config")


@pytest.mark.slow
def test_missing_id_lists_what_there_is(sim: SimulatorHandle) -> None:
    config = make(sim)
    report = asyncio.run(diagnose(DINGTALK, 4711)).as_json()
    assert report["configs"] == []
    assert "4711" in report["local"][-1]["detail"]
    assert f"{config.pk}（机器人）" in report["local"][-1]["remedy"]


@pytest.mark.slow
def test_foreign_key_fails_the_secrets_and_the_configuration(sim: SimulatorHandle) -> None:
    config = make(sim)
    write_key_file(["k" * 43 + "="])
    report = check(config)
    local = {step["name"]: step["verdict"] for step in report["local"]}
    assert (local["keys"], local["secrets"]) == ("passed", "failed")
    complete = report["configs"][0]["steps"][0]
    assert (complete["verdict"], complete["name"]) == ("failed", "complete")
    assert "恢复密钥" in complete["remedy"]


def test_damaged_database_fails_and_the_rest_is_skipped(database: Database) -> None:
    connections.close_all()
    (database.data_dir / "bifang.sqlite3").write_bytes(b"not a database at all" * 100)
    local = {step["name"]: step["verdict"] for step in check()["local"]}
    assert local | {"database": "failed", "migrations": "skipped", "configs": "skipped"} == local
    assert local["dependencies"] == "passed"


def test_log_that_cannot_be_written_is_told_with_the_remedy(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.LOG_DIR = tmp_path / "file"
    log = next(step for step in check()["local"] if step["name"] == "log")
    assert log["verdict"] == "failed"
    assert "BIFANG_LOG_DIR" in log["detail"]


@pytest.mark.slow
def test_every_enabled_configuration_is_checked_side_by_side(sim: SimulatorHandle) -> None:
    good, bad = make(sim, "一"), make(sim, "二", client_id="dingunknown")
    report = check()
    assert [config["id"] for config in report["configs"]] == [good.pk, bad.pk]
    told = {
        c["name"]: {s["name"]: s["verdict"] for s in c["steps"]}["credentials"] for c in report["configs"]
    }
    assert told == {"一": "passed", "二": "failed"}


def test_command_prints_aligned_lines_and_exits_1(
    sim: SimulatorHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make(sim)
    with pytest.raises(SystemExit) as ended:
        call_command("check_dingtalk_stream", config_id=config.pk, no_color=True)
    assert ended.value.code == 1
    text = capsys.readouterr().out
    assert f"配置「机器人」（ID {config.pk}）" in text
    assert "\n  通过  凭证          钉钉接受 Client ID 和 Client Secret\n" in text
    assert "\n  通过  TCP           127.0.0.1" in text
    assert "处理：启动 python manage.py start_dingtalk_stream" in text
    assert SECRET not in text


def test_command_exits_0_when_nothing_failed(
    sim: SimulatorHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    connected(make(sim))
    call_command("check_dingtalk_stream", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert {"local", "configs"} < set(report)


@pytest.mark.slow
def test_missing_package_is_named_where_it_is_missing(tmp_path: Path, database: Database) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "dingtalk_stream.py").write_text(
        "raise ModuleNotFoundError(name='dingtalk_stream')"
    )
    make()
    env = clean_environment(tmp_path, **database.environment, PYTHONPATH=str(tmp_path / "packages"))
    done = run((*MANAGE, "check_dingtalk_stream"), env)
    assert done.returncode == 1, done.stdout
    assert "缺少或损坏：dingtalk_stream" in done.stdout
    assert "pip install --require-hashes -r requirements.lock" in done.stdout
    assert "Traceback" not in done.stdout
