"""Files and functions that one message passes through, counted by running it. Run: ``python -m tests.paths [--names]``.

A real worker (offline, SQLite in a file, the demo's people and data) is connected to the simulated DingTalk in this
process; an alert is posted to the real HTTP API. While a path runs, every function of the product that is entered on
any thread is noted, those that an idle worker repeats every second among them: they are told beside it. Module bodies,
migrations and simulators are not counted. Each path is warmed up once, so that imports and caches are not counted.
"""

import argparse
import logging
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import tests.environment  # noqa: F401 - first: what Django's settings read
from tests.deadline import wait_until

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = tuple(
    f"{ROOT}/{name}/" for name in ("bifang", "secops_agent", "dingtalk_integration", "feishu_integration")
)
GROUP: Final = "cidDemoGroup=="
WITHIN_S: Final = 60.0
Functions = set[CodeType]


class Trace:
    """The functions of the product that were entered while it was on."""

    def __init__(self) -> None:
        self._seen: Functions = set()
        self._on = False

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """A profile function, for `sys.setprofile`."""
        if self._on and event == "call":
            self._seen.add(frame.f_code)

    @contextmanager
    def during(self) -> Iterator[Functions]:
        """What is entered in the block; complete at its end."""
        found: Functions = set()
        self._seen, self._on = set(), True
        yield found
        self._on = False
        found |= {code for code in self._seen if _counts(code)}


def _counts(code: CodeType) -> bool:
    return code.co_filename.startswith(PACKAGES) and not code.co_name.startswith("<")


def files_of(functions: Functions) -> set[str]:
    """The files they stand in."""
    return {code.co_filename for code in functions}


class Chat:
    """The demo's people, who speak in the simulated group."""

    def __init__(self, sim: Any) -> None:
        self._sim = sim

    def say(self, who: str, text: str, answered: Callable[[str], bool] = bool) -> str:
        """Speak in the group and wait for the answer; returns all that was said there since."""
        before = len(self._sim.replies())
        self._sim.message(text, staff_id=who, conversation_id=GROUP, group=True)

        def heard() -> str:
            said = "\n".join(each["text"] for each in self._sim.replies()[before:])
            return said if answered(said) else ""

        return wait_until(heard, within=WITHIN_S, what=f"an answer to {text!r}")

    def propose(self, address: str) -> str:
        """Ask for a block; returns its code."""
        said = self.say("zhaoliu", f"封禁 {address} 2小时 原因：扫描", lambda text: "同意" in text)
        found = re.search(r"同意\s*([A-Z0-9]{4,})", said)
        assert found, said
        return found[1]

    def approve(self, code: str) -> None:
        """Let another person approve it, and wait until it is carried out."""
        self.say("wangwu", f"同意 {code}", lambda text: "演练" in text)


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def chat_paths(trace: Trace, chat: Chat) -> dict[str, Functions]:
    """What a question, a proposal and its approval touch, each asked once before; and an idle worker."""
    question = "今天有哪些严重告警"
    chat.say("lisi", question)
    chat.approve(chat.propose("203.0.113.7"))
    _pause(3)  # until what follows the answer has ended
    with trace.during() as idle:
        _pause(5)
    with trace.during() as asked:
        chat.say("lisi", question)
    _pause(3)
    with trace.during() as proposed:
        code = chat.propose("203.0.113.8")
    _pause(3)
    with trace.during() as approved:
        chat.approve(code)
    return {"idle worker": idle, "question": asked, "proposal": proposed, "approval": approved}


def ingest_path(trace: Trace) -> Functions:
    """What one alert touches that is posted to the API, on this thread."""
    from django.test import Client

    from secops_agent.services.people import tokens

    client = Client(
        SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {tokens.create('路径', ('ingest',))[1]}"}
    )
    samples = [
        {"title": "端口扫描", "severity": "high", "rule_id": f"path-{number}", "event_id": f"path-{number}"}
        for number in range(2)
    ]
    for each in samples:
        body = {"format": "bifang", "version": 1, "source": "自研平台", "alerts": [each]}
        with trace.during() as found:
            answer = client.post("/api/v1/ingest/generic/", body, "application/json")
        assert answer.status_code == 200, answer.content
    return found


def run(trace: Trace) -> dict[str, Functions]:
    """The four paths, by name."""
    import django

    django.setup()
    from django.core.management import call_command

    from deploy.local import preparation
    from tests.simulator import running_simulator

    found: dict[str, Functions] = {}
    faults: list[BaseException] = []
    with running_simulator() as sim:
        os.environ["SIM_PORT"] = str(sim.base_url).rsplit(":", 1)[1].strip("/")
        call_command("migrate", verbosity=0, interactive=False)
        preparation.load_demo_data(preparation.apply_demo())
        logging.disable(logging.WARNING)

        def drive() -> None:
            sys.setprofile(None)  # what the driver does is no path
            try:
                sim.wait_connected(within=WITHIN_S)
                found.update(chat_paths(trace, Chat(sim)))
            except BaseException as error:
                faults.append(error)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        threading.setprofile(trace.note)
        sys.setprofile(trace.note)
        threading.Thread(target=drive, daemon=True).start()
        call_command("start_dingtalk_stream")
    if faults:
        raise faults[0]
    found["ingest"] = ingest_path(trace)
    sys.setprofile(None)
    return found


def main() -> None:
    """Print files and functions of each path."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--names", action="store_true", help="also the files of each path")
    names = asked.parse_args().names
    found = run(Trace())
    idle = found["idle worker"]
    for path, functions in found.items():
        files = files_of(functions)
        beside = (
            f", {len(files - files_of(idle))} of them not of an idle worker" if functions is not idle else ""
        )
        print(f"{path:12} {len(files):4} files, {len(functions):4} functions{beside}")
        if names:
            counts = Counter(str(Path(code.co_filename).relative_to(ROOT)) for code in functions)
            print("\n".join(f"    {number:3}  {file}" for file, number in sorted(counts.items())))


if __name__ == "__main__":
    main()
