"""Every page on 100,000 alerts and as many findings: ``python -m tests.bench.bench_pages [postgresql]``. One table, in Markdown."""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.bench_inventory import stage

QUERIES, MILLISECONDS = 20, 1000
TIMES = 3


def cost(client: Any, path: str) -> tuple[int, float]:
    """Queries, and milliseconds as the median of some visits after a first one."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(path)
    with CaptureQueriesContext(connection) as seen:
        client.get(path)
        queries = len(seen)  # the next request forgets them
    taken = []
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


def main() -> None:
    """The whole table; what is over a budget is in bold."""
    vendor = "postgresql" if "postgresql" in sys.argv else "sqlite"
    with stage(vendor) as (home, open_database), tempfile.TemporaryDirectory() as static:
        from django.conf import settings
        from django.test.utils import override_settings

        from tests.admin_pages import serve_plain_static
        from tests.bench.bench_reports import fill as fill_estate
        from tests.every_page import admin_pages, fill, own_pages

        (home / "logs").mkdir(exist_ok=True)
        open_database()
        with override_settings(ALLOWED_HOSTS=["testserver"], SIMULATOR=True):
            serve_plain_static(settings, Path(static))
            client = visitor()
            rows = fill()  # first: one of the rows is a report on all alerts
            fill_estate()
            gather()
            print(f"数据库：{vendor}\n\n| 页面 | 查询 | 毫秒 |\n|---|---|---|")
            for path in [*own_pages(client), *admin_pages(client, rows)]:
                queries, taken = cost(client, path)
                over = queries > QUERIES, taken > MILLISECONDS
                told = [
                    f"**{value}**" if bad else value
                    for value, bad in zip((str(queries), f"{taken:.0f}"), over, strict=True)
                ]
                print(f"| `{path}` | {told[0]} | {told[1]} |", flush=True)


if __name__ == "__main__":
    main()
