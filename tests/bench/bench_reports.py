"""Reports over 100,000 alerts and findings: ``python -m tests.bench.bench_reports [postgresql]``. One table, in Markdown."""

import resource
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Any

from tests.bench.bench_inventory import EVENTS, row, stage, timed

HOSTS = 500
PIECE = 5_000


def pieces(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """So that what is made needs no memory either, which is measured."""
    while piece := list(islice(rows, PIECE)):
        yield piece


def fill() -> None:
    """Alerts of seventy days in every state, each with an asset; as many findings, one in ten of a KEV flaw; a daily rota."""
    from secops_agent.models import Alert, AlertAsset, Asset, Finding, Staff, Vulnerability
    from secops_agent.services.on_call.schedules import apply_on_call_entries
    from tests.secops.reports.estate import NOW, random_rows

    dice = Random(3)
    hosts = Asset.objects.bulk_create(
        Asset(asset_type="host", name=f"h{n}", importance="high" if n % 3 else "low", first_seen=NOW, last_seen=NOW)
        for n in range(HOSTS)
    )  # fmt: skip
    flaws = Vulnerability.objects.bulk_create(
        Vulnerability(vuln_id=f"CVE-2026-{n}", kev=n < 20, created_at=NOW, updated_at=NOW) for n in range(200)
    )
    for piece in pieces(random_rows(EVENTS, 7)):
        made = Alert.objects.bulk_create(piece)
        AlertAsset.objects.bulk_create(AlertAsset(alert=each, asset=dice.choice(hosts)) for each in made)
    for start in range(0, EVENTS, PIECE):
        Finding.objects.bulk_create(
            _finding(Finding, n, dice, hosts, flaws) for n in range(start, start + PIECE)
        )
    people = [
        Staff.objects.create(staff_id=name, name=name).staff_id for name in ("zhangsan", "lisi", "wangwu")
    ]
    apply_on_call_entries([{"name": "值班", "rotation": "daily", "start": "2026-01-01", "staff": people}])


def _finding(model: Any, number: int, dice: Random, hosts: list[Any], flaws: list[Any]) -> Any:
    from tests.secops.reports.estate import NOW

    first, gone = NOW - timedelta(seconds=dice.randrange(70 * 86400)), dice.random() < 0.3
    return model(
        identity=f"{number:032x}", kind="vulnerability", source="trivy", asset=dice.choice(hosts), vulnerability=dice.choice(flaws),
        title="x", severity=dice.choice(("critical", "high", "medium")), first_seen=first, last_seen=NOW, active=not gone,
        state="gone" if gone else "present", gone_at=min(NOW, first + timedelta(days=9)) if gone else None,
        due_at=first + timedelta(days=30),
    )  # fmt: skip


def peak() -> float:
    """Megabytes that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Every period with the one before, as the scheduled job makes it; then what shows it."""
    vendor = "postgresql" if "postgresql" in sys.argv else "sqlite"
    with stage(vendor) as (_, open_database):
        open_database()
        fill()
        from secops_agent.services.reports import archive, files, typesetting
        from secops_agent.services.reports.outline import document
        from secops_agent.services.reports.periods import PERIODS
        from tests.secops.reports.estate import NOW

        before = peak()
        print(f"数据库：{vendor}\n\n| 做什么 | 用时 | 速度 | |\n|---|---|---|---|")
        for name, label in PERIODS.items():
            seconds = timed(lambda name=name: archive.make(name, NOW))
            row(f"{label}的报告，生成并保存", seconds, 1, f"{archive.look(name, NOW).period.title}")
        report = document(archive.look("last_month", NOW))
        row("钉钉消息", timed(lambda: files.text(report)), 1, f"{len(files.text(report)[1])} 字")
        print(f"\n内存最高 {peak():.0f} MB，比开始时多 {peak() - before:.0f} MB")
        for turn in ("PDF，第一次", "PDF，再次"):
            row(turn, timed(lambda: typesetting.render(report)), 1)
        row("图片", timed(lambda: typesetting.render(report, "png")), 1)


if __name__ == "__main__":
    main()
