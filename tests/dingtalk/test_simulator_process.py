"""The simulator as a process: no Django, clean stop, plain words when it cannot start; and its speed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command

from tests.simulator import SimulatorHandle, running_simulator

MODULE = [sys.executable, "-m", "simulators.dingtalk"]


@contextmanager
def running_process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], SimulatorHandle]]:
    process = subprocess.Popen([*MODULE, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    handle = SimulatorHandle(process.stdout.readline().split("：")[1].split("/ ")[0])
    try:
        yield process, handle
    finally:
        handle.http.close()
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_stops_cleanly_at_once(number: signal.Signals) -> None:
    with running_process("--app", "dingone:secret", "--app", "dingtwo:secret") as (process, sim):
        assert set(sim.state()["clients"]) == {"dingone", "dingtwo"}
        process.send_signal(number)
        assert process.wait(120) == 0


@pytest.mark.slow
def test_process_imports_no_django() -> None:
    code = "import sys, simulators.dingtalk.process; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_busy_port_is_said_plainly_with_the_way_out() -> None:
    with running_simulator() as sim:
        port = sim.base_url.rsplit(":", 1)[1]
        done = subprocess.run([*MODULE, "--port", port], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"端口 {port} 已被占用" in done.stderr
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr
        with pytest.raises(CommandError, match="已被占用"):
            call_command("dingtalk_simulator", port=int(port))


@pytest.mark.parametrize("text", ["onlyid", ":secret", "id:"])
def test_command_names_a_wrong_app(text: str) -> None:
    with pytest.raises(CommandError, match="ID:SECRET"):
        call_command("dingtalk_simulator", app=[text])


def test_limits_can_be_lifted_by_argument_and_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIFANG_RATE_LIMITS", raising=False)
    with running_process("--no-limits") as (_, sim):
        assert sim.state()["limits"]["enforced"] is False
    with running_simulator() as sim:
        assert sim.state()["limits"]["enforced"] is True
    monkeypatch.setitem(os.environ, "BIFANG_RATE_LIMITS", "off")
    with running_simulator() as sim:
        assert sim.state()["limits"]["enforced"] is False
