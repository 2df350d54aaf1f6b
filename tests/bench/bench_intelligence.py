"""Intake with 100,000 indicators and 20 suppression rules, against the same without: the ratio.

Run: ``python -m tests.bench.bench_intelligence [rounds]``, on SQLite in a new directory. The kinds of rounds take turns, and what
counts is processor time: a busy machine says nothing about us. In the third kind a rule covers every alert.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.acceptance.processes import MANAGE, PROJECT, clean_environment

INDICATORS, RULES, ALERTS = 100_000, 20, 300
PLAIN, LISTED, COVERED = "without", "with", "with, all suppressed"


def main() -> None:
    """Fill a database, then measure."""
    if os.environ.get("BENCH_INSIDE"):
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
        return
    with tempfile.TemporaryDirectory() as directory:
        environment = clean_environment(Path(directory))
        subprocess.run([*MANAGE, "migrate", "-v", "0"], cwd=PROJECT, env=environment, check=True)
        inside = environment | {"BENCH_INSIDE": "1", "DJANGO_SETTINGS_MODULE": "bifang.settings"}
        subprocess.run(
            [sys.executable, "-m", "tests.bench.bench_intelligence", *sys.argv[1:]],
            cwd=PROJECT,
            env=inside,
            check=True,
        )


def measure(rounds: int) -> None:
    """Prints what was seen."""
    import django

    django.setup()
    from secops_agent.models import IndicatorList, SuppressionRule
    from secops_agent.services.actors import Actor
    from secops_agent.services.intake import ingest, retrospect
    from secops_agent.services.records import AlertRecord, AssetRecord, Indicator, Key, ListedRecord
    from secops_agent.services.suppressions.rules import save_suppression

    actor = Actor.system("bench")

    def entry(number: int) -> ListedRecord:
        kind, value = (
            ("ip", f"203.{number >> 16}.{number >> 8 & 255}.{number & 255}") if number % 3
            else ("domain", f"bad-{number}.example.com") if number % 2
            else ("cidr", f"198.{number >> 16}.{number >> 8 & 255}.{number & 252}/30")
        )  # fmt: skip
        return ListedRecord("大清单", kind, value)

    def records(start: int) -> list[AlertRecord]:
        asset = [
            AssetRecord("host", f"web-{n}", (Key("hostname", f"web-{n}"),), tags=("生产",)) for n in range(50)
        ]
        return [
            AlertRecord(
                "waf", (f"{n}",), f"告警 {n}", "medium", rule_name=f"规则 {n % 100}", event_id=str(n),
                assets=(asset[n % 50],),
                indicators=(Indicator("ip", f"192.0.2.{n % 256}"), Indicator("domain", f"a.b{n}.example.org"),
                            Indicator("url", f"http://c{n}.example.net/x")),
            )
            for n in range(start, start + ALERTS)
        ]  # fmt: skip

    started, used = time.monotonic(), time.process_time()
    outcome = ingest.store(map(entry, range(INDICATORS)), actor)
    print(
        f"{outcome.created['indicator']} indicators stored in {time.monotonic() - started:.1f} s "
        f"({time.process_time() - used:.1f} s of a processor)"
    )
    for number in range(RULES):
        given = {
            "name": f"规则{number}",
            "reason": "x",
            "enabled": True,
            "severities": ["low"],
            "rules": [f"没有{number}"],
        }
        save_suppression(given, actor)
    save_suppression(
        {"name": "全部", "reason": "x", "severities": ["medium"], "sources": ["waf"], "asset_tags": ["生产"]},
        actor,
    )
    costs: dict[str, list[float]] = {PLAIN: [], LISTED: [], COVERED: []}
    for turn in range(3 * rounds):
        kind = (PLAIN, LISTED, COVERED)[turn % 3]
        IndicatorList.objects.update(enabled=kind != PLAIN)
        SuppressionRule.objects.update(enabled=kind != PLAIN)
        SuppressionRule.objects.filter(name="全部").update(enabled=kind == COVERED)
        batch = records(turn * ALERTS)
        began = time.process_time()
        ingest.store(batch, actor)
        costs[kind].append(time.process_time() - began)
    rates = {kind: ALERTS / median(found) for kind, found in costs.items()}
    for kind, rate in rates.items():
        print(f"{kind}: {rate:.0f} alerts per processor second; ratio {rate / rates[PLAIN]:.2f}")
    IndicatorList.objects.update(enabled=True, compared=0, compare_to=3 * rounds * ALERTS)
    began = time.monotonic()
    retrospect.compare(300)
    seconds = time.monotonic() - began
    print(
        f"compared {3 * rounds * ALERTS} stored alerts in {seconds:.1f} s ({3 * rounds * ALERTS / seconds:.0f} alerts/s)"
    )


if __name__ == "__main__":
    main()
