"""``python -m deploy.local`` (what ``make run`` does after installing): prepare, start, report, wait, stop."""

import _thread
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from bifang import env
from bifang.core.errors import ConfigError
from deploy.local import components
from deploy.local.components import Installation
from deploy.local.console import last_lines, say
from deploy.local.ports import HOST, Ports, read_ports, require_free
from deploy.local.supervision import Place, Supervisord, start

START_DEADLINE_S = 60.0
CONNECT_DEADLINE_S = 10.0
ANSWER_DEADLINE_S = 10.0  # of supervisord, too, which is asked over a socket of its own


class Stop:
    """INT, TERM, HUP, or a parent that went away; repeated signals change nothing."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._parent = os.getppid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup's choice stands.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)

    def _receive(self, number: int, _: object) -> None:
        """In a thread: the one that is interrupted may hold the event's lock, and would wait for itself for ever."""
        _thread.start_new_thread(self._event.set, ())

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; true once we are to stop."""
        return self._event.wait(seconds) or os.getppid() != self._parent


def main() -> int:
    """Exit code 0 after a stop that was asked for, 1 if something failed, 2 if a person must mend something."""
    stop = Stop()
    socket.setdefaulttimeout(ANSWER_DEADLINE_S)
    try:
        place = _place()
        with _lock(place):
            require_free(place.ports)
            return _run(place, stop)
    except ConfigError as error:
        say(error.message)
        return 2


def _place() -> Place:
    ports = read_ports()
    os.environ.update({name: str(port) for name, _, port in ports.named()})
    os.environ.update(BIFANG_SIMULATOR="1", PYTHONUNBUFFERED="1", BIFANG_ENV_FILE="")  # not the server's
    os.environ.setdefault("BIFANG_PUBLIC_URL", f"http://{HOST}:{ports.web}")  # so that messages have links
    data_dir = env.private_directory(env.directory("BIFANG_DATA_DIR", "var"))
    log_dir = env.directory("BIFANG_LOG_DIR", "logs")
    return Place(env.BASE_DIR, data_dir, log_dir, ports)


def _lock(place: Place) -> IO[str]:
    """Held while we run: two of us on one data directory would fight over the demo configuration."""
    path = place.data_dir / "run.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise ConfigError(env.unreadable(path, error)) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise ConfigError(
            f"这个目录里已经有一个 make run 在运行（进程 {file.read().strip() or '未知'}）。请先停掉它，"
            f"或另起一套：BIFANG_DATA_DIR=var2 BIFANG_LOG_DIR=logs2 PORT=8001 SIM_PORT=8911 make run"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _run(place: Place, stop: Stop) -> int:
    say("毕方正在准备（第一次要十几秒）……")
    code = _prepare(place, stop)
    if code or stop.wait(0):
        return code
    say("· 启动各进程")
    supervisord = start(place)
    try:
        problem = _wait_until_up(supervisord, stop)
        if problem:
            say(problem)
            return 1
        if not stop.wait(0):
            say(_welcome(place, _wait_until_connected(place, stop)))
        mark, log = place.data_dir / "installing-reports", place.data_dir / "installing-reports.log"
        with Installation(place.project / components.LOCK, mark, log) as installation:
            if components.are_wanted():
                installation.start()
            return _watch(supervisord, stop, installation)
    finally:
        say("正在停止……")
        supervisord.stop()
        say("已停止：没有留下进程，端口已释放。")


def _prepare(place: Place, stop: Stop) -> int:
    child = subprocess.Popen([sys.executable, "-m", "deploy.local.preparation"], cwd=place.project)
    while child.poll() is None:
        if stop.wait(0.1):
            child.terminate()
            child.wait()
            return 0
    return child.returncode


def _wait_until_up(supervisord: Supervisord, stop: Stop) -> str:
    """Wait for every program; returns what went wrong, or an empty string (also when told to stop)."""
    place, waited = supervisord.place, 0.0
    while not stop.wait(0.2):
        waited += 0.2
        if supervisord.process.poll() is not None:
            return "\n".join(["supervisord 没能启动：", *last_lines(place.run_dir / "supervisord.out")])
        failed = supervisord.failed()
        if failed:
            return supervisord.complaint(failed)
        states = supervisord.states()
        running = bool(states) and all(state == "RUNNING" for state in states.values())
        if running and _all_answer(place.ports):
            return ""
        if waited > START_DEADLINE_S:
            slow = next((name for name, state in states.items() if state != "RUNNING"), "web")
            return supervisord.complaint(slow)
    return ""


def _all_answer(ports: Ports) -> bool:
    simulators = [port for port in (ports.simulator, ports.feishu) if port]
    return _answers(ports.web, "/healthz") and all(_answers(port, "/") for port in simulators)


def _wait_until_connected(place: Place, stop: Stop) -> bool:
    """Are the demo configurations connected? Waits a little: a disabled one never will be."""
    ports = place.ports

    def connected() -> bool:
        return _is_connected(ports.simulator, "clients", "dingdemo") and (
            not ports.feishu or _is_connected(ports.feishu, "apps", "cli_demo")
        )

    return _poll(connected, CONNECT_DEADLINE_S, stop)


def _poll(probe: Callable[[], bool], seconds: float, stop: Stop) -> bool:
    for _ in range(int(seconds / 0.2)):
        if probe():
            return True
        if stop.wait(0.2):
            break
    return False


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body; status 0 without an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def _answers(port: int, path: str) -> bool:
    return 0 < _get(port, path)[0] < 500


def _is_connected(port: int, kind: str, application: str) -> bool:
    status, body = _get(port, "/sim/state")
    return status == 200 and bool(json.loads(body)[kind].get(application))


def _welcome(place: Place, connected: bool) -> str:
    qwen, ports = bool(os.environ.get("DASHSCOPE_API_KEY")), place.ports
    stream = "已连接模拟器" if connected else f"还没有连上，请看 {_short(place.log_dir)} 里 *-stream.log"
    return "\n".join(
        [
            "",
            "毕方已启动",
            f"  聊天页面  http://{HOST}:{ports.simulator}/    在群里写「@毕方 你好」",
            *([f"  飞书页面  http://{HOST}:{ports.feishu}/    同一个毕方，在飞书里"] if ports.feishu else []),
            f"  管理后台  http://{HOST}:{ports.web}/admin/    {_login(place)}",
            *(
                [f"  演示登录  {logins.read_text().strip()}"]
                if (logins := place.data_dir / "demo-logins").exists()
                else []
            ),
            f"  Syslog    {HOST}:{ports.syslog}（UDP 和 TCP）：先在「设置 → Syslog 来源」写明发送方的地址",
            f"  Stream    {stream}",
            f"  模型      {'通义千问（DASHSCOPE_API_KEY）' if qwen else '离线模式；设置 DASHSCOPE_API_KEY 后重新 make run 即接入通义千问'}",
            f"  日志      tail -f {_short(place.log_dir / 'bifang.log')}",
            "按 Ctrl-C 停止。",
        ]
    )


def _login(place: Place) -> str:
    file = place.data_dir / "admin-password"
    if not file.exists():
        return "用您自己的账号登录"
    return f"用户名 admin，密码 {file.read_text().strip()}（改过密码后不再显示）"


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _watch(supervisord: Supervisord, stop: Stop, installation: Installation) -> int:
    """Until told to stop. A program that supervisord gave up is reported once; the others go on."""
    reported: set[str] = set()
    while not stop.wait(1):
        installation.poll()
        if supervisord.process.poll() is not None:
            say("supervisord 意外退出。")
            return 1
        for name, state in supervisord.states().items():
            if state == "FATAL" and name not in reported:
                reported.add(name)
                say(supervisord.complaint(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
