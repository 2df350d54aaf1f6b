"""Every page on 100,000 alerts and as many findings: ``python -m tests.bench.bench_pages [postgresql] [--alerts 1000000]``.

One table, in Markdown. With ``--alerts`` the estate is the chat's bench's, multiplied by SQL on PostgreSQL, and beside the
pages stand searches, lists of the API and reports: the 95th percentile, and the processor time of us and of the database's
process, which a busy machine does not change.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.bench_inventory import stage

MILLISECONDS = 1000
TIMES, ROUNDS = 3, 20
SMALL = 20_000  # alerts through the door; the others are their copies
TICK = os.sysconf("SC_CLK_TCK")
SEARCHES = (
    "/alerts/?severity=high&status=open", "/alerts/?q=挖矿", "/alerts/?q=srv-00017", "/alerts/?q=横向移动 17", "/alerts/?q=流量",
    "/alerts/?q=没有的词", "/alerts/facets/?q=srv-00017", "/search/?q=srv-00017", "/assets/?q=srv-001", "/findings/?q=CVE-2025-20077",
    "/api/v1/alerts/", "/api/v1/alerts/?keyword=srv-00017", "/api/v1/alerts/?keyword=挖矿", "/api/v1/alerts/statistics/?group_by=asset",
    "/api/v1/assets/", "/api/v1/findings/",
)  # fmt: skip


def cost(client: Any, path: str) -> tuple[int, float]:
    """Queries, and milliseconds as the median of some visits after a first one."""
    from tests.every_page import queries_of

    client.get(path)
    queries, taken = len(queries_of(client, path)), []
    for _ in range(TIMES):
        started = time.perf_counter()
        client.get(path)
        taken.append(time.perf_counter() - started)
    return queries, median(taken) * 1000


def visitor() -> Any:
    """One who may do everything, and is a person of ours."""
    from django.contrib.auth.models import User
    from django.test import Client

    from secops_agent.models import Role, Staff

    root = User.objects.create_superuser("root", "root@example.com")
    Staff.objects.create(staff_id="root", name="张三", role=Role.ADMIN, user=root)
    client = Client()
    client.force_login(root)
    return client


def gather() -> None:
    """A case of fifty alerts."""
    from secops_agent.models import Alert
    from secops_agent.services.actors import Actor
    from secops_agent.services.cases import orders

    ids = Alert.objects.exclude(status="closed").order_by("pk").values_list("pk", flat=True)[:50]
    orders.create(list(ids), Actor.system("bench"), "一次攻击")


def settle() -> None:
    """What the jobs of an installation do in time: the word index is built, and the database knows its tables."""
    from django.db import connection

    from secops_agent.services.alerts.queries import words

    while words.index(600.0):
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def fill_large(alerts: int) -> None:
    """The chat's estate, with fewer hosts and longer texts; then its copies."""
    from tests.bench import chat_estate
    from tests.bench.multiplied import multiply

    plain = chat_estate.alerts

    def worded(dice: Any, now: Any) -> Any:
        for number, alert in enumerate(plain(dice, now)):
            more = {3: f"，疑似横向移动 {number % 60}", 7: "，连接矿池，疑似挖矿"}.get(number % 10, "")
            text = f"会话 {number:06}，源端口 {dice.randrange(65536)}{more}；检测引擎在流量中发现与规则相符的特征，请核对近期变更。"
            yield replace(alert, description=alert.description + text)

    chat_estate.alerts = worded
    chat_estate.ALERTS, chat_estate.HOSTS, chat_estate.FINDINGS = SMALL - 300, 400, SMALL * 3 // 10
    chat_estate.fill()
    if alerts > SMALL:
        multiply(alerts // SMALL)


def measured(work: Callable[[], Any]) -> tuple[float, float, float]:
    """95th percentile in milliseconds, processor milliseconds of ours and of the database's process, a time."""
    from django.db import connection

    work()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    theirs, ours, taken = _ticks(pid), time.process_time(), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    ours, theirs = time.process_time() - ours, _ticks(pid) - theirs
    return sorted(taken)[ROUNDS * 95 // 100 - 1] * 1000, ours / ROUNDS * 1000, theirs / ROUNDS * 1000


def _ticks(pid: int) -> float:
    """Seconds of processor time; the database runs on this machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def report_large(client: Any, paths: list[str]) -> None:
    """The table of a large estate."""
    from django.utils import timezone

    from secops_agent.services.reports import archive

    works: dict[str, Callable[[], Any]] = {path: lambda path=path: client.get(path) for path in paths}  # type: ignore[misc]
    for name in ("yesterday", "last_week", "last_month"):
        works[f"报告 {name}"] = lambda name=name: archive.look(name, timezone.now())  # type: ignore[misc]
    print(
        f"负载 {os.getloadavg()[0]:.0f}\n\n| 什么 | 95 % 毫秒 | 处理器毫秒：我们 | 数据库 |\n|---|---|---|---|"
    )
    for name, work in works.items():
        slowest, ours, theirs = measured(work)
        print(f"| `{name}` | {slowest:.0f} | {ours:.0f} | {theirs:.0f} |", flush=True)


def main() -> None:
    """The whole table; what is over a budget is in bold."""
    asked = argparse.ArgumentParser()
    asked.add_argument("vendor", nargs="?", choices=("sqlite", "postgresql"), default="sqlite")
    asked.add_argument("--alerts", type=int, default=0)
    given = asked.parse_args()
    vendor = "postgresql" if given.alerts else given.vendor
    with stage(vendor) as (home, open_database), tempfile.TemporaryDirectory() as static:
        from django.conf import settings
        from django.test.utils import override_settings

        from tests.admin_pages import serve_plain_static
        from tests.bench.bench_reports import fill as fill_estate
        from tests.every_page import QUERIES, admin_pages, fill, own_pages

        (home / "logs").mkdir(exist_ok=True)
        open_database()
        with override_settings(ALLOWED_HOSTS=["testserver"], SIMULATOR=True):
            serve_plain_static(settings, Path(static))
            client = visitor()
            rows = fill()  # first: one of the rows is a report on all alerts
            if given.alerts:
                fill_large(given.alerts)
            else:
                fill_estate()
            gather()
            settle()
            print(f"数据库：{vendor}\n")
            paths = [*own_pages(client), *admin_pages(client, rows), *SEARCHES]
            if given.alerts:
                report_large(client, paths)
                return
            print("| 页面 | 查询 | 毫秒 |\n|---|---|---|")
            for path in paths:
                queries, taken = cost(client, path)
                over = queries > QUERIES, taken > MILLISECONDS
                told = [
                    f"**{value}**" if bad else value
                    for value, bad in zip((str(queries), f"{taken:.0f}"), over, strict=True)
                ]
                print(f"| `{path}` | {told[0]} | {told[1]} |", flush=True)


if __name__ == "__main__":
    main()
