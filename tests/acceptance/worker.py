"""A stage for acceptance tests: a simulator, a database, and the real command as real processes on both."""

import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import httpx
import yaml
from django.core.management import call_command

from bifang.channels.models import Worker
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from simulators.dingtalk.people import CORP_ID
from tests.acceptance.processes import MANAGE, PATIENT, Started, clean_environment, uncounted
from tests.databases import Database
from tests.deadline import GRACE_S, wait_until
from tests.model_server import Echo, running_model
from tests.simulator import SimulatorHandle, running_simulator

ROBOT, ROBOT_SECRET = "dingdemo", "demo-secret"
NAME, MODEL = "验收机器人", "验收模型"
STAFF = (
    {"staff_id": "manager01", "name": "张三", "role": "admin"},
    {"staff_id": "lisi", "name": "李四", "role": "analyst"},
)
WAITING = "正在排队"
LENIENT = {"card_ack_s": GRACE_S, "callback_within_s": dict.fromkeys(("robot", "events", "cards"), GRACE_S)}
_numbers = count(1)


@dataclass
class Stage:
    """One simulator and one database; ``start`` adds worker processes.

    ``counted``: their coverage is measured, which takes twice the time. ``patient``: deadlines are those of
    `tests.acceptance.patient`."""

    sim: SimulatorHandle
    database: Database
    counted: bool = False
    workers: list[Started] = field(default_factory=list)
    models: ExitStack = field(default_factory=ExitStack)
    patient: bool = False
    web_port: int = 0  # of HTTP mode: DingTalk calls the web server; 0: Stream

    command: ClassVar[str] = "start_dingtalk_stream"
    faults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "cut every second": {"abort_every_s": 1},
        "closed": {"disconnect": True},
        "slow": {"webhook_delay_s": 0.05},
        "unavailable": {"webhook_down": True},
        "refusing": {"webhook_down": "refuse"},
        "stale token": {
            "webhook_errcode": {"value": 300001, "times": 1}, "token_401": {"value": True, "times": 1},
        },
        "file gone": {"file_status": 404},
        "refused for good": {"webhook_errcode": {"value": 310000, "times": 1}},
    }  # fmt: skip

    @property
    def log_file(self) -> Path:
        """Where the workers write."""
        return self.database.data_dir.parent / "logs" / "bifang.log"

    @property
    def log(self) -> str:
        """What the workers wrote so far."""
        return self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""

    def apply(
        self, *configs: dict[str, Any], staff: tuple[dict[str, Any], ...] = (), **sections: list[Any]
    ) -> None:
        """`apply_configs` with these entries, and a model."""
        qwen = {"kind": "qwen", "name": MODEL, "api_key": "sk-acceptance", "model": "qwen-plus"}
        document = {"configs": [qwen, *configs], "staff": list(staff), **sections}
        file = self.database.data_dir / f"configs-{next(_numbers)}.yaml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        call_command("apply_configs", str(file), verbosity=0)

    def robot(self, **changes: Any) -> dict[str, Any]:
        """The entry of a configuration that reaches the simulator."""
        return {
            "kind": "dingtalk",
            "name": NAME,
            "client_id": ROBOT,
            "client_secret": ROBOT_SECRET,
            "endpoint": self.sim.base_url,
            "edition": "professional",
            "ai_config": MODEL,
            **({"use_stream_push": False, "corp_id": "dingdemocorp"} if self.web_port else {}),
            **changes,
        }

    def serve(self) -> Started:
        """Start the web server that DingTalk calls."""
        bind = ("--bind", f"127.0.0.1:{self.web_port}", "--workers", "1", "--threads", "8")
        served = PATIENT[-1] if self.patient else "bifang.wsgi"
        command = (sys.executable, "-m", "gunicorn", served, "-c", "deploy/gunicorn.conf.py", *bind)
        output = self.database.data_dir.parent / f"web-{next(_numbers)}"
        web = Started(command, self.environment(**self.model_of(None)), output)
        self.workers.append(web)
        address = f"http://127.0.0.1:{self.web_port}/healthz"
        wait_until(lambda: answers(address), within=60, what="the web server")
        return web

    def subscribe(self) -> None:
        """Fill in our addresses at DingTalk's, which tries them."""
        settings = configs.load(self.config())
        home = f"http://127.0.0.1:{self.web_port}/dingtalk/{settings.id}-{settings.callback_path}"
        keys = {"token": settings.callback_token, "aes_key": settings.callback_aes_key}
        addresses = {"robot": f"{home}/robot", "events": f"{home}/events"}
        self.sim.post("/sim/callbacks", {"client_id": ROBOT, **addresses, **keys})

    def model_of(self, model: Echo | None) -> dict[str, str]:
        """Variables of a child process: a model of its own, and where we are reached."""
        found = {"DASHSCOPE_HTTP_BASE_URL": self.models.enter_context(running_model(model))}
        return found | ({"BIFANG_PUBLIC_URL": f"http://127.0.0.1:{self.web_port}"} if self.web_port else {})

    def config(self, name: str = NAME) -> SystemConfig:
        """The row that is in use."""
        return SystemConfig.objects.current().get(name=name)

    def environment(self, **extra: str) -> dict[str, str]:
        """For a child process: this database, the simulator allowed, a model of its own."""
        ours = {
            "BIFANG_SIMULATOR": "1",
            "BIFANG_RATE_LIMITS": "off",
            **self.database.environment,
        }
        clean = clean_environment(self.database.data_dir.parent, **{**ours, **extra})
        return clean if self.counted else uncounted(clean)

    def start(
        self, *arguments: str, connected: bool = True, model: Echo | None = None, **env: str
    ) -> Started:
        """Start a worker, with a model of its own; returns when it is connected, unless told not to wait."""
        env = {**self.model_of(model), **env}
        output = self.database.data_dir.parent / f"output-{next(_numbers)}"
        command = (*(PATIENT if self.patient else MANAGE), self.command, *arguments)
        worker = Started(command, self.environment(**env), output)
        self.workers.append(worker)
        if connected:
            self.wait_connected(worker)
        return worker

    def wait_connected(self, worker: Started) -> None:
        """Until the robot has a live connection; fails with the worker's output."""

        def probe() -> bool:
            assert worker.process.poll() is None, worker.text
            return bool(Worker.objects.exists() if self.web_port else self.sim.connections())

        wait_until(probe, within=60, what="connected")

    def say(self, text: str, where: str, who: str = "manager01", **fields: Any) -> str:
        """Say something; returns its msgId."""
        said = self.sim.message(text, conversation_id=where, staff_id=who, **fields)
        return str(said["msg_id"])

    def say_all(self, rows: list[dict[str, Any]]) -> list[str]:
        """Say many things at once: text, conversation_id, group; their msgIds."""
        return [said["msg_id"] for said in self.sim.messages(rows)]

    def happen(self, event_type: str, data: dict[str, Any], **fields: Any) -> str:
        """An event of the organisation; its id."""
        return str(self.sim.event(event_type, data, **fields)["event_id"])

    def leave(self, who: str) -> str:
        """Somebody leaves the company; the event's id."""
        return self.happen("user_leave_org", {"userId": [who]}, corp_id=CORP_ID)

    def expected_way(self, msg_id: str, who: str) -> dict[str, Any]:
        """How an answer in a group gets there. By HTTP no address in a message is believed: it is not signed."""
        if self.web_port:
            return {"route": "group", "at_user_ids": []}
        return {"route": "webhook", "msgtype": "markdown", "at_user_ids": [who], "msg_id": msg_id}

    def strike(self, fault: str) -> None:
        """One of ``faults``, as this platform has it."""
        self.sim.faults(**self.faults[fault])

    def links(self) -> list[dict[str, Any]]:
        """Connections, those on their way out too."""
        return list(self.sim.state()["clients"][ROBOT])

    def heard(self, **query: Any) -> list[dict[str, Any]]:
        """All that the robot said: conversation_id, msg_id (of what it answers), text, route, msgtype, at_user_ids."""
        return self.sim.replies(**query)

    def replies(self, **query: Any) -> list[dict[str, Any]]:
        """What the robot answered; who waits on a loaded machine is also told so, which is no answer."""
        return [reply for reply in self.heard(**query) if WAITING not in reply["text"]]

    def file_of(self, reply: Mapping[str, Any]) -> bytes:
        """The file that was said."""
        media = re.search(r'"mediaId": ?"([^"]+)"', reply["raw"]["msgParam"])
        assert media, reply
        return bytes(self.sim.http.get(f"/sim/files/{media[1]}").content)

    def wait_replies(self, number: int = 1, within: float = 60, **query: Any) -> list[dict[str, Any]]:
        """The answers, as soon as there are `number`."""
        return wait_until(
            lambda: found if len(found := self.replies(**query)) >= number else [],
            within=within,
            what=f"{number} answers {query}",
        )

    def answers(self, where: str, number: int = 1, within: float = 60) -> list[str]:
        """The texts of the answers in a conversation, as soon as there are `number`."""
        return [reply["text"] for reply in self.wait_replies(number, within, conversation_id=where)]

    def acks(self, external_id: str, number: int = 1, within: float = 60) -> list[dict[str, Any]]:
        """The acks of a message or event, as soon as there are `number`."""

        def probe() -> list[dict[str, Any]]:
            found = [ack for ack in self.answers_to_pushes() if ack["msg_id"] == external_id]
            return found if len(found) >= number else []

        return wait_until(probe, within=within, what=f"{number} acks of {external_id}")

    def answers_to_pushes(self) -> list[dict[str, Any]]:
        """How each delivery was answered: Stream's acks, or by HTTP the calls that DingTalk takes for done."""
        if not self.web_port:
            return self.sim.acks()
        calls = [call for call in self.sim.get("/sim/callbacks") if call["ok"]]
        return [{**call, "msg_id": call["external_id"], "code": call["status"]} for call in calls]

    def well_acked(self, ack: Mapping[str, Any]) -> bool:
        """Is that what this platform takes for done? By HTTP it is the simulator who decrypts our ``success``."""
        done = {} if self.web_port else json.loads(ack["data"])
        return ack["code"] == 200 and done.get("response") is None and done.get("status") in (None, "SUCCESS")

    def settle(self) -> None:
        """A last message through the whole house: what was to be said before it has been said."""
        where = place()
        self.say("到此为止", where)
        self.answers(where)

    def kill(self) -> None:
        """kill -9 of everything that was started, children included."""
        for each in self.workers:
            each.signal_group(signal.SIGKILL)
            each.process.wait(120)
        self.workers.clear()

    def close(self) -> None:
        """End every worker."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.kill()
        self.models.close()


def answers(url: str) -> bool:
    """Does somebody serve this?"""
    try:
        return httpx.get(url, trust_env=False, timeout=20).status_code == 200
    except httpx.HTTPError:
        return False


def place() -> str:
    """A conversation nobody has used."""
    return f"cid{next(_numbers)}=="


def text_only(answer: str) -> str:
    """An answer without the mention in front of it."""
    return answer.split("\n\n", 1)[1] if answer.startswith("@") else answer


def kill(worker: Started) -> None:
    """kill -9, and wait for the end."""
    worker.process.kill()
    worker.process.wait(120)


@contextmanager
def open_stage(database: Database, *, counted: bool = False, **options: Any) -> Iterator[Stage]:
    """A stage with the demo robot configured; nothing runs yet. Options: those of the simulator."""
    with running_simulator(**{"disconnect_grace_s": 1.0, **LENIENT, **options}) as sim:
        stage = Stage(sim, database, counted)
        try:
            yield stage
        finally:
            stage.close()
