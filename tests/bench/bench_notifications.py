"""Alerts that are told of while people are answered: 1,000 alerts in 10 s, 20 rules, 5 groups, through the real ingest.

Run: ``python -m tests.bench.bench_notifications``. The same people ask the same questions before (with the alerts
stored and no rule about them) and meanwhile. SQLite; gunicorn as in deploy/; the limits of the simulator are lifted.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from tests.acceptance.processes import MANAGE, PROJECT, clean_environment
from tests.bench import bench_ingest as ingest
from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Round, Stage, percentile

ALERTS = 1_000
SECONDS = 10
RULES = 20
GROUPS = 5
WITHIN_S = 30
ASKED_A_SECOND = 5
COUNT = """
import json
from secops_agent.models import Alert, AlertMessage, AlertMessageItem
rows = AlertMessage.objects.filter(kind="group")
print(json.dumps({
    "alerts": Alert.objects.count(),
    "placed": AlertMessageItem.objects.values("message__destination", "alert").distinct().count(),
    "waiting": rows.filter(shown=0).count(),
    "groups": rows.filter(burst="").count(),
    "distinct": rows.filter(burst="").values("destination", "group_key").distinct().count(),
    "bursts": rows.exclude(burst="").count(),
}))
"""


@contextmanager
def rules(place: Stage) -> Iterator[None]:
    """Twenty rules, each about every alert, four of them for the same group."""
    entries = [
        {"name": f"规则 {number}", "targets": [
            {"kind": "group", "config": place.clients[0], "conversation_id": group(number % GROUPS)}
        ]}
        for number in range(RULES)
    ]  # fmt: skip
    file = place.home / "rules.yaml"
    file.write_text(yaml.safe_dump({"notification_rules": entries}, allow_unicode=True))
    subprocess.run(
        [*MANAGE, "apply_configs", str(file)],
        cwd=PROJECT,
        env=environment(place),
        check=True,
        capture_output=True,
    )
    yield


def group(number: int) -> str:
    """A conversation id."""
    return f"cidAlerts{number}=="


def environment(place: Stage) -> dict[str, str]:
    """As the web server and the worker have it."""
    return clean_environment(place.home, BIFANG_SIMULATOR="1", BIFANG_RATE_LIMITS="off")


def counted(place: Stage) -> dict[str, int]:
    """What the database says of alerts and messages."""
    command = [*MANAGE, "shell", "--no-imports", "-c", COUNT]
    made = subprocess.run(
        command, cwd=PROJECT, env=environment(place), check=True, capture_output=True, text=True
    )
    found: dict[str, int] = yaml.safe_load(made.stdout.splitlines()[-1])
    return found


def ask(
    place: Stage, address: str, token: str, process: str
) -> tuple[Round, ingest.Sent, list[dict[str, Any]], float]:
    """People ask while the alerts come; then until nothing more is told, or `WITHIN_S` is over."""
    place.burst(questions(place, GROUPS))  # the robot is known in each group
    asked: dict[str, float] = {}
    work = questions(place, SECONDS * ASKED_A_SECOND)
    talking = threading.Thread(
        target=lambda: asked.update(asyncio.run(stages.paced(place.base, work, ASKED_A_SECOND)))
    )
    started = time.time()
    talking.start()
    sent = asyncio.run(
        ingest.send(address, token, ALERTS, ALERTS / SECONDS, lambda number: event(number, process))
    )
    talking.join()
    told, last, replies = [], 0.0, []
    while (
        time.time() - started < WITHIN_S + SECONDS + sent.seconds and time.time() - started - last < WITHIN_S
    ):
        asyncio.run(asyncio.sleep(1))
        replies = place.get(f"/sim/replies?client_id={place.clients[0]}")
        told = [one for one in replies if one["route"] == "group"]
        last = max((one["at"] / 1000 for one in told), default=started) - started
    took = tuple(one["at"] / 1000 - asked[one["msg_id"]] for one in replies if one["msg_id"] in asked)
    return Round(len(asked), len(took), sent.seconds, took, ()), sent, told, last


def questions(place: Stage, count: int) -> list[dict[str, Any]]:
    """Asked in the groups of alerts, each by another person."""
    asked = stages.messages(place, count, GROUPS)
    return [{**one, "conversation_id": group(number % GROUPS)} for number, one in enumerate(asked)]


def event(number: int, process: str) -> bytes:
    """Each is an alert of its own; sixty groups."""
    return ingest.event(number, 20, 30, f"{process}-{number}")


def main() -> bool:
    """Print the figures; True if all were reached."""
    with stages.stage() as place, stages.bifang(place), ingest.web(place) as (address, token):
        asyncio.run(ingest.send(address, token, 200, 100))  # warm up
        place.stream(stages.messages(place, 20, 20), 10)
        before, *_ = ask(place, address, token, "before")
        with rules(place):
            during, sent, told, last = ask(place, address, token, "after")
            return report(before, during, sent, told, last, counted(place))


def report(
    before: Round, during: Round, sent: ingest.Sent, told: list[dict[str, Any]], last: float, found: dict[str, int]
) -> bool:  # fmt: skip
    """The table."""
    first, second = (percentile(one.replies, 0.5) * 1000 for one in (before, during))
    answered = during.answered == during.sent
    rows = [
        (f"{ALERTS} 条告警，{SECONDS} 秒", "都收下", f"{sent.rate:.0f}/s，{dict(sent.statuses)}", set(sent.statuses) == {200}),
        (f"{RULES} 条规则、{GROUPS} 个群：都有着落", f"≤ {WITHIN_S} s", f"{last:.1f} s，未说的 {found['waiting']}", last - max(sent.seconds - SECONDS, 0) <= WITHIN_S and not found["waiting"]),
        ("每个群、每组告警的消息", "至多一条", f"{found['groups']} 条，{found['distinct']} 组，归并 {found['bursts']}，发出 {len(told)}", found["groups"] == found["distinct"]),
        ("回答的中位数，与没有规则时之比", "≤ 1.5 ×", f"{second:.0f} ms / {first:.0f} ms = {second / first:.2f} ×，答了 {during.answered}/{during.sent}", answered and second <= 1.5 * first),
    ]  # fmt: skip
    print(f"负载 {os.getloadavg()[0]:.1f}\n\n| 项目 | 要求 | 结果 | |\n|---|---|---|---|")
    for what, must, value, good in rows:
        print(f"| {what} | {must} | {value} | {'达到' if good else '**未达到**'} |")
    print(f"每个群发出：{sorted(Counter(one['conversation_id'] for one in told).values())}")
    return all(good for *_, good in rows)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
