"""The load: people who ask at both platforms, and alerts over HTTP and from the broker; what was sent is written down."""

import contextlib
import json
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import httpx
import redis

from tests.acceptance.worker import Stage
from tests.chaos.house import House
from tests.secops.brokers.servers import TOPIC

QUESTION_EVERY_S, ALERT_EVERY_S = 0.6, 1.0


@dataclass(frozen=True)
class Asked:
    """A question: its message id, and when it was written."""

    msg_id: str
    where: str
    at: float


@dataclass
class Load:
    """``titles``: of every alert that was sent; ``asked``: by platform."""

    house: House
    asked: dict[str, list[Asked]] = field(default_factory=lambda: {"钉钉": [], "飞书": []})
    titles: list[str] = field(default_factory=list)
    refused: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def ask(self) -> None:
        """Until it is over."""
        number = 0
        while not self.over.wait(QUESTION_EVERY_S):
            number += 1
            name, stage = self.chance.choice(
                (("钉钉", self.house.ding), ("钉钉", self.house.ding), ("飞书", self.house.feishu))
            )
            self._say(name, stage, number)

    def _say(self, name: str, stage: Stage, number: int) -> None:
        where = (
            f"cidChaos{self.chance.randrange(8)}=="
            if name == "钉钉"
            else f"oc_chaos{self.chance.randrange(5)}"
        )
        at = time.time()
        msg_id = stage.say(f"第{number}句", where, group=False)
        self.asked[name].append(Asked(msg_id, where, at))

    def alarm(self) -> None:
        """Until it is over and all that was refused has been taken: each source keeps what it could not hand over."""
        waiting: deque[tuple[str, dict[str, object]]] = deque()
        number = 0
        with httpx.Client(trust_env=False, timeout=10) as client:
            while not self.over.is_set() or waiting:
                if not self.over.wait(ALERT_EVERY_S if not self.over.is_set() else 0) and len(waiting) < 500:
                    number += 1
                    title = f"混沌告警 {number}"
                    self.titles.append(title)
                    event = {"title": title, "severity": self.chance.choice(("high", "medium")), "event_id": f"e{number}",
                             "dedup_key": [f"e{number}"], "rule_id": f"r{number}", "assets": [f"host-{number % 20}"]}  # fmt: skip
                    waiting.append(("http" if number % 3 else "broker", event))
                while waiting and self._hand_over(client, *waiting[0]):
                    waiting.popleft()
                if self.over.is_set() and waiting:
                    threading.Event().wait(0.5)

    def _hand_over(self, client: httpx.Client, way: str, event: dict[str, object]) -> bool:
        with contextlib.suppress(httpx.HTTPError, redis.RedisError, OSError):
            if way == "broker":
                with self.house.redis.client() as bus:
                    bus.xadd(TOPIC, {"data": json.dumps({"source": "bus", "alerts": [event]}).encode()})
                return True
            address = f"http://127.0.0.1:{self.house.web_port}/api/v1/ingest/generic/"
            head = {"Authorization": f"Bearer {self.house.token}"}
            if (
                client.post(address, headers=head, json={"source": "waf", "alerts": [event]}).status_code
                == 200
            ):
                return True
        self.refused += 1
        return False
