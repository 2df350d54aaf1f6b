"""A signal that comes at the worst moment: while the event that it sets is being waited for, with its lock held."""

import sys
from pathlib import Path

import pytest

from tests.acceptance.processes import clean_environment, run, uncounted

# Interrupts a wait at its first, second, third … step, until one ends without having been interrupted.
_EVERY_STEP = """
import signal, sys, threading
{prepare}
step = at = 0
def trace(frame, event, _):
    global step
    frame.f_trace_opcodes = True
    if event == "opcode" and frame.f_code.co_filename == threading.__file__:
        step += 1
        if step == at:
            signal.raise_signal(signal.SIGINT)
    return trace
for at in range(1, 2000):
    step = 0
    {fresh}
    sys.settrace(trace)
    wait(0.0001)
    sys.settrace(None)
    if step < at:
        break
print(at)
"""
_MAKE_RUN = "from deploy.local.__main__ import Stop"
_WORKER = """
import django
django.setup()
from bifang.channels.workers import service_command as service
class Supervisor:
    def nudge(self): pass
"""
_LISTEN = "stop = threading.Event(); service._listen(stop, Supervisor()); wait = stop.wait"


@pytest.mark.parametrize(
    ("prepare", "fresh"),
    [(_MAKE_RUN, "wait = Stop().wait"), (_WORKER, _LISTEN)],
    ids=["make run", "worker"],
)
def test_a_signal_stops_a_program_wherever_its_wait_is_interrupted(
    prepare: str, fresh: str, tmp_path: Path
) -> None:
    command = (sys.executable, "-c", _EVERY_STEP.format(prepare=prepare, fresh=fresh))
    settings = clean_environment(tmp_path, DJANGO_SETTINGS_MODULE="bifang.settings")
    done = run(command, uncounted(settings))
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[-1]) > 50
