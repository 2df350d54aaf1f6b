"""What goes wrong: each fault begins, lasts for a while, and ends; those that would only hide each other do not overlap."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.acceptance.worker import Stage
from tests.chaos.house import House, Kept

Act = Callable[[], None]
_chance: Final = random.Random()


@dataclass(frozen=True)
class Fault:
    """``room``: two of one room are not at the same time. ``begin`` returns how it ends."""

    name: str
    room: str
    seconds: tuple[float, float]
    begin: Callable[[House], Act]


def _kill(number: signal.Signals, *names: str) -> Callable[[House], Act]:
    def begin(house: House) -> Act:
        one: Kept = _chance.choice(house.of(*names))
        with _disturbance(house):
            os.killpg(one.pid, number) if number == signal.SIGKILL else one.ask_to_stop()
        return lambda: None

    return begin


@contextmanager
def _disturbance(house: House, after_s: float = 45.0) -> Iterator[None]:
    """What was being said when it began, or is noted late after its end, may be said again."""
    began = time.time()
    try:
        yield
    finally:
        house.disturbed.append((began - 2.0, time.time() + after_s))


def _platform(of: Callable[[House], Stage], **faults: Any) -> Callable[[House], Act]:
    def begin(house: House) -> Act:
        began = time.time()
        of(house).sim.faults(**faults)

        def end() -> None:
            of(house).sim.faults(clear=True)
            house.disturbed.append((began, time.time() + 15.0))

        return end

    return begin


def _slow(house: House) -> Act:
    house.fake.delay = 6.0
    return lambda: setattr(house.fake, "delay", 0.0)


def _lying(house: House) -> Act:
    house.model.lies = True
    return lambda: setattr(house.model, "lies", False)


def _database_down(house: House) -> Act:
    began = time.time()
    house.cluster.stop("immediate")

    def end() -> None:
        house.cluster.start()
        house.disturbed.append((began - 2.0, time.time() + 60.0))

    return end


def _promotion(house: House) -> Act:
    """The primary is lost for good; its standby takes over, and its address. Only once: there is no second standby."""
    began, standby, port = time.time(), house.standby, house.cluster.port
    if standby is None:
        return lambda: None
    house.cluster.stop("immediate")

    def end() -> None:
        standby.run("pg_ctl", "promote", "-D", standby.data, "-w")
        standby.stop("fast")
        standby.port = port
        standby.start()
        house.cluster, house.standby = standby, None
        house.disturbed.append((began - 2.0, time.time() + 60.0))

    return end


def _broker_down(house: House) -> Act:
    house.redis.kill()
    return house.redis.start


def _full_disk(house: House) -> Act:
    filler = house.home / "var" / "filler"
    free = os.statvfs(filler.parent).f_bavail * os.statvfs(filler.parent).f_frsize
    with filler.open("wb") as file:
        file.write(b"\0" * max(free - (1 << 20), 0))
    return filler.unlink


def _clock(house: House) -> Act:
    house.set_clock(_chance.choice(("+120", "-120")))
    return lambda: house.set_clock("+0")


def ding(house: House) -> Stage:
    return house.ding


def feishu(house: House) -> Stage:
    return house.feishu


FAULTS: Final = (
    Fault("kill -9 推送服务", "process", (4, 8), _kill(signal.SIGKILL, "stream-a", "stream-b", "feishu")),
    Fault("kill -9 网页、后台任务、取告警", "process", (4, 8), _kill(signal.SIGKILL, "web", "tasks", "consume")),
    Fault("正常停止再启动", "process", (4, 8), _kill(signal.SIGTERM, "stream-a", "stream-b", "feishu", "web", "consume", "tasks")),
    Fault("钉钉重复推送", "ding", (5, 10), _platform(ding, duplicate=3)),
    Fault("钉钉半开的连接", "ding", (25, 30), _platform(ding, half_open=True)),
    Fault("钉钉每两秒断开", "ding", (6, 10), _platform(ding, abort_every_s=2)),
    Fault("钉钉会话回复 503", "ding", (5, 12), _platform(ding, webhook_down=True)),
    Fault("钉钉限流", "ding", (5, 10), _platform(ding, webhook_errcode={"value": 130101, "times": 2}, openapi_qps=True)),
    Fault("钉钉额度用完", "ding", (5, 12), _platform(ding, openapi_quota=True)),
    Fault("飞书重复推送", "feishu", (5, 10), _platform(feishu, duplicate=3)),
    Fault("飞书半开的连接", "feishu", (25, 30), _platform(feishu, half_open=True)),
    Fault("飞书接口 503", "feishu", (5, 12), _platform(feishu, openapi_status={"value": 503, "path": "/open-apis/im"})),
    Fault("模型慢", "model", (8, 15), _slow),
    Fault("模型说谎、报错、额度用完", "model", (8, 15), _lying),
    Fault("数据库强行停止再启动", "database", (4, 9), _database_down),
    Fault("主库丢失，备库接替", "database", (4, 8), _promotion),
    Fault("消息流的服务停掉", "broker", (5, 10), _broker_down),
    Fault("磁盘满", "disk", (8, 12), _full_disk),
    Fault("另一台机器的时钟跳两分钟", "clock", (10, 20), _clock),
)  # fmt: skip


def possible(house: House) -> list[Fault]:
    """Those that this machine can have, the promotion once."""
    left_out = {
        *(() if house.small_disk else ("disk",)),
        *(() if house.clock else ("clock",)),
    }
    return [
        each
        for each in FAULTS
        if each.room not in left_out and (each.begin is not _promotion or house.standby is not None)
    ]


class Chaos:
    """Begins a random fault every few seconds, each kind once before any comes again, and ends those whose time is over."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.counts: dict[str, int] = {}
        self._now: list[tuple[float, Fault, Act]] = []
        self._next = 0.0

    def step(self) -> None:
        now = time.time()
        for one in [each for each in self._now if each[0] <= now]:
            self._now.remove(one)
            one[2]()
        if now < self._next or len(self._now) >= 4:
            return
        busy = {fault.room for _, fault, _ in self._now}
        choice = [each for each in possible(self.house) if each.room not in busy]
        if not choice:
            return
        least = min(self.counts.get(each.name, 0) for each in choice)
        fault = _chance.choice([each for each in choice if self.counts.get(each.name, 0) == least])
        print(f"{time.strftime('%H:%M:%S')} {fault.name}", flush=True)
        self._now.append((now + _chance.uniform(*fault.seconds), fault, fault.begin(self.house)))
        self.counts[fault.name] = self.counts.get(fault.name, 0) + 1
        self._next = now + _chance.uniform(2.0, 5.0)

    def end(self) -> None:
        """Everything is well again."""
        for _, _, end in self._now:
            end()
        self._now.clear()
