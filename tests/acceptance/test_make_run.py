"""`make run` as a newcomer meets it: from the first start to the closed terminal."""

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import (
    PROJECT,
    Started,
    clean_environment,
    free_ports,
    processes_with,
    run,
    uncounted,
)
from tests.deadline import GRACE_S, wait_until

MAKE_RUN = ("make", "--no-print-directory", "run", f"VENV={sys.prefix}")


class Demo:
    """One data directory with its ports, started again and again."""

    def __init__(self, tmp_path: Path) -> None:
        self.data_dir, self.log_dir = tmp_path / "var", tmp_path / "logs"
        self.port, self.sim_port, self.syslog_port = free_ports(3)
        ports = {"PORT": str(self.port), "SIM_PORT": str(self.sim_port), "SYSLOG_PORT": str(self.syslog_port)}
        self.env = uncounted(clean_environment(tmp_path, **ports))
        self._output = tmp_path / "output"
        self.started: list[Started] = []

    def start(self, **env: str) -> Started:
        """``make run`` in a session of its own."""
        started = Started(MAKE_RUN, {**self.env, **env}, self._output)
        self.started.append(started)
        return started

    def wait_for_end(self, started: Started) -> None:
        """Until it has ended; else what it said, and what there still is."""
        try:
            started.process.wait(60 + GRACE_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{started.text}\n还在：{processes_with(str(self.data_dir))}")

    def assert_gone(self) -> None:
        """No process of ours, no port of ours."""
        wait_until(lambda: not processes_with(str(self.data_dir)), within=25, what="no process")
        for port in (self.port, self.sim_port, self.syslog_port):
            socket.create_server(("127.0.0.1", port)).close()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    # Tests that are themselves started with nohup would hand that on, and a hang-up is one of the ways to stop.
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield demo
    signal.signal(signal.SIGHUP, inherited)
    for started in demo.started:
        started.kill()


def get(port: int, path: str) -> tuple[int, str]:
    return ask(port, "GET", path)


def post(port: int, path: str, body: dict[str, object]) -> int:
    return ask(port, "POST", path, json.dumps(body))[0]


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def told(demo: Demo) -> str:
    """All that the robot said."""
    rows = json.loads(get(demo.sim_port, "/sim/replies?client_id=dingdemo")[1])
    return "\n".join(str(row["text"]) for row in rows)


@pytest.mark.outside("make")  # by itself: it starts all of the demo twice
def test_make_run_serves_answers_stops_and_keeps(demo: Demo) -> None:
    first = demo.start()
    password = first.wait_for(r"用户名 admin，密码 (\S+)（").group(1)
    assert re.search(r"演示登录  lisi（分析）、wangwu（审批）、zhaoliu（处置），密码都是 \S{12}", first.text)
    assert "Stream    已连接" in first.text, first.text
    assert "离线模式" in first.text
    assert f"Syslog    127.0.0.1:{demo.syslog_port}（UDP 和 TCP）" in first.text
    socket.create_connection(("127.0.0.1", demo.syslog_port)).close()
    assert "WARNING" not in first.text, "nothing is wrong"
    assert stat.S_IMODE((demo.data_dir / "admin-password").stat().st_mode) == 0o600
    status, page = get(demo.port, "/admin/login/")
    assert status == 200
    style = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert style
    assert get(demo.port, style.group(1))[0] == 200
    assert get(demo.sim_port, "/")[0] == 200
    say = {"client_id": "dingdemo", "text": "你好", "conversation_id": "c1", "staff_id": "manager01"}
    assert post(demo.sim_port, "/sim/messages", {**say, "group": False}) == 200
    wait_until(
        lambda: json.loads(get(demo.sim_port, "/sim/replies?client_id=dingdemo")[1]), within=20, what="answer"
    )

    table = {"name": "a.csv", "text": "主机名,IP\nfirst-01,10.9.9.9\n"}
    assert post(demo.sim_port, "/sim/messages", {**say, "text": "", "file": table, "group": False}) == 200
    asked = wait_until(lambda: re.search(r"回复「确认 (\w+)」", told(demo)), within=20, what="a preview")
    assert post(demo.sim_port, "/sim/messages", {**say, "text": f"确认 {asked[1]}", "group": False}) == 200
    wait_until(lambda: f"](http://127.0.0.1:{demo.port}/assets/" in told(demo), within=30, what="a link")

    # Ctrl-C, twice: a terminal signals the whole foreground group.
    first.signal_group(signal.SIGINT)
    first.wait_for("正在停止")
    first.signal_group(signal.SIGINT)
    demo.wait_for_end(first)
    assert "已停止" in first.text
    assert "Traceback" not in first.text
    demo.assert_gone()

    second = demo.start()
    assert second.wait_for(r"用户名 admin，密码 (\S+)（").group(1) == password
    with contextlib.closing(sqlite3.connect(demo.data_dir / "bifang.sqlite3")) as database:
        kinds = [kind for (kind,) in database.execute("SELECT kind FROM core_systemconfig")]
        assert len(kinds) == len(set(kinds)) == 2, "the robot and the firewall, each made once"
        tie = "SELECT username FROM auth_user JOIN secops_agent_staff s ON s.user_id = auth_user.id WHERE staff_id = ?"
        assert database.execute(tie, ("manager01",)).fetchall() == [("admin",)]
    second.signal_group(signal.SIGHUP)
    demo.wait_for_end(second)
    demo.assert_gone()


@pytest.mark.slow
@pytest.mark.usefixtures("database")  # migrated already; the first test here starts from nothing
def test_make_run_with_feishu_answers_in_both_rooms_and_rests_it_afterwards(demo: Demo) -> None:
    (port,) = free_ports(1)
    first = demo.start(FEISHU="1", FEISHU_PORT=str(port))
    first.wait_for("毕方已启动")
    assert f"飞书页面  http://127.0.0.1:{port}/" in first.text
    assert re.search(r"演示登录  lisi（分析）、wangwu（审批）、zhaoliu（处置），密码都是 \S{12}", first.text)
    assert "Stream    已连接" in first.text, first.text
    assert post(port, "/sim/messages", {"text": "你好", "open_id": "ou_zhangsan"}) == 200
    wait_until(lambda: json.loads(get(port, "/sim/replies")[1]), within=20, what="answer")
    first.signal_group(signal.SIGINT)
    demo.wait_for_end(first)
    demo.assert_gone()
    # Without FEISHU=1 nobody would serve its configuration.
    command = (sys.executable, "-m", "deploy.local.preparation")
    for extra, enabled in ({}, 0), ({"FEISHU": "1"}, 1):
        assert run(command, {**demo.env, "BIFANG_SIMULATOR": "1", **extra}).returncode == 0
        with contextlib.closing(sqlite3.connect(demo.data_dir / "bifang.sqlite3")) as database:
            told = database.execute("SELECT enabled FROM core_systemconfig WHERE kind = 'feishu'").fetchall()
            people = database.execute("SELECT count(*) FROM secops_agent_staff").fetchone()
        assert (told, people) == ([(enabled,)], (8,))


@pytest.mark.slow
@pytest.mark.usefixtures("database")  # migrated already; the first test here starts from nothing
def test_make_run_shows_log_of_a_program_that_does_not_start(demo: Demo) -> None:
    started = demo.start(GUNICORN_CMD_ARGS="--worker-class nonsense")
    started.process.wait(60 + GRACE_S)
    assert "「web」没能启动" in started.text, started.text
    assert "nonsense" in started.text
    demo.assert_gone()


@pytest.mark.slow
@pytest.mark.usefixtures("database")  # migrated already; the first test here starts from nothing
def test_make_run_stops_cleanly_when_killed(demo: Demo) -> None:
    started = demo.start()
    started.wait_for("毕方已启动")
    # The wrapper itself, without a chance to react.
    lock = (demo.data_dir / "run.lock").read_text().strip()
    os.kill(int(lock), signal.SIGKILL)
    started.process.wait(120)
    demo.assert_gone()


@pytest.mark.slow
def test_busy_port_names_holder_and_free_ports(demo: Demo) -> None:
    with socket.create_server(("127.0.0.1", demo.port)):
        done = run(MAKE_RUN, demo.env)
    assert done.returncode != 0
    assert f"网页端口 {demo.port} 已被占用（进程 " in done.stdout
    command = re.search(r"PORT=(\d+) SIM_PORT=(\d+) make run", done.stdout)
    assert command
    assert int(command.group(1)) != demo.port
    assert "Traceback" not in done.stdout


def test_wrong_port_is_one_line(demo: Demo) -> None:
    done = run((sys.executable, "-m", "deploy.local"), {**demo.env, "PORT": "99999"})
    assert (done.returncode, done.stdout.count("\n")) == (2, 1)
    assert "PORT=99999" in done.stdout


def test_second_run_in_one_directory_is_refused(demo: Demo) -> None:
    demo.data_dir.mkdir()
    with (demo.data_dir / "run.lock").open("w") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run((sys.executable, "-m", "deploy.local"), demo.env)
    assert done.returncode == 2
    assert "已经有一个 make run 在运行（进程 4711）" in done.stdout


def test_install_wants_a_new_python(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.8.10" && exit\nexit 1\n')
    old.chmod(0o755)
    done = install(tmp_path, PYTHON=str(old))
    assert done.returncode == 1
    assert "需要 Python 3.11 或更新的版本" in done.stdout
    assert "Python 3.8.10" in done.stdout


def test_install_wants_the_venv_module(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    bare.chmod(0o755)
    done = install(tmp_path, PYTHON=str(bare))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.returncode == 1
    assert f"sudo apt install python{version}-venv" in done.stdout


@pytest.mark.slow
def test_install_without_network_names_mirror_and_proxy(tmp_path: Path) -> None:
    (closed,) = free_ports(1)
    done = install(
        tmp_path, PYTHON=sys.executable, PIP_INDEX_URL=f"http://127.0.0.1:{closed}/", PIP_RETRIES="1"
    )
    assert done.returncode == 1
    assert "连不上软件源" in done.stdout
    assert "PIP_INDEX_URL=https://" in done.stdout
    assert "Traceback" not in done.stdout


def test_install_into_an_impossible_place_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = install(tmp_path, venv=tmp_path / "file" / "venv", PYTHON=sys.executable)
    assert done.returncode == 1
    assert f"建不了虚拟环境 {tmp_path}/file/venv" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_install_shows_how_far_it_is(tmp_path: Path) -> None:
    wheel = tmp_path / "demo-1-py3-none-any.whl"
    about = {
        "METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1\n",
        "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**about, "RECORD": ""}.items():
            archive.writestr(f"demo-1.dist-info/{name}", text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "few.txt").write_text("demo\n")
    (tmp_path / "few.lock").write_text(f"demo==1 \\\n    --hash=sha256:{digest}\n")
    env = clean_environment(
        tmp_path, PIP_CONFIG_FILE="/dev/null", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path)
    )
    command = ("sh", str(PROJECT / "deploy" / "local" / "install.sh"), str(tmp_path / "venv"), "few.txt")
    for told in (True, False):  # once: the second time there is nothing to do
        done = subprocess.run(
            command, cwd=tmp_path, env=uncounted(env), capture_output=True, text=True, timeout=600
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert (re.search(r"安装依赖 few.txt：(下载|写入) [01]/1\n", done.stdout) is not None) is told
    found = run((tmp_path / "venv" / "bin" / "python", "-m", "pip", "show", "demo"), env)
    assert "Version: 1" in found.stdout


def install(tmp_path: Path, venv: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    script = PROJECT / "deploy" / "local" / "install.sh"
    command = ("sh", script, venv or tmp_path / "venv", "requirements.txt")
    return run(command, uncounted(clean_environment(tmp_path, PIP_CONFIG_FILE="/dev/null", **env)))
