"""The estate's speed: ``python -m tests.bench.bench_inventory [postgresql] [lists]``. Prints one table, in Markdown."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")

import django
from django.db import connections

RANDOM = Random(7)
NOW = datetime.now(UTC).replace(microsecond=0)
EVENTS = 100_000
COMPONENTS, ADVISORIES, PACKAGES = 100_000, 2_000, 5_000


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def row(what: str, seconds: float, count: int, note: str = "") -> None:
    """One line of the table."""
    print(f"| {what} | {seconds:.2f} s | {count / seconds:,.0f}/s | {note} |", flush=True)


def grype_file(path: Path, findings: int = 1500) -> None:
    """A report of one image."""
    matches = []
    for n in range(findings):
        name, version = f"pkg{n % 500}", f"1.{n % 500}-1"
        purl = f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12"
        flaw = {"id": f"CVE-2026-{1000 + n}", "severity": "High", "namespace": "debian:distro:debian:12"}
        flaw |= {"fix": {"versions": ["2.0-1"], "state": "fixed"}, "description": "x" * 300}
        found = {"type": "exact-direct-match", "found": {"versionConstraint": "< 2.0-1 (deb)"}}
        artifact = {"name": name, "version": version, "type": "deb", "purl": purl}
        artifact["locations"] = [{"path": "/var/lib/dpkg/status"}]
        matches.append(
            {
                "vulnerability": flaw,
                "relatedVulnerabilities": [],
                "matchDetails": [found],
                "artifact": artifact,
            }
        )
    target = {"userInput": "shop/web:1.0", "imageID": "sha256:" + "ab" * 32, "tags": ["shop/web:1.0"]}
    report = {"matches": matches, "source": {"type": "image", "target": target}}
    report |= {
        "distro": {"name": "debian", "version": "12"},
        "descriptor": {"name": "grype", "version": "0.80.0"},
    }
    path.write_text(json.dumps(report))


def suricata_file(path: Path, events: int = EVENTS) -> None:
    """EVE lines: twenty thousand combinations of signature, source and target, a few of them most of the time."""
    with path.open("w") as file:
        for n in range(events):
            combination = Random(int(20_000 * RANDOM.random() ** 4))
            signature = combination.randrange(200)
            at = NOW - timedelta(seconds=n)
            event = {
                "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
                "flow_id": n,
                "event_type": "alert",
                "src_ip": f"203.0.113.{combination.randrange(250)}",
                "src_port": RANDOM.randrange(1024, 65000),
                "dest_ip": f"10.0.0.{combination.randrange(200)}",
                "dest_port": 443,
                "proto": "TCP",
                "alert": {
                    "action": "allowed", "gid": 1, "signature_id": 2_000_000 + signature, "rev": 1,
                    "signature": f"ET SCAN signature {signature}", "category": "Attempted Recon",
                    "severity": 1 + signature % 3,
                },
            }  # fmt: skip
            file.write(json.dumps(event) + "\n")


def import_file(name: str, path: Path) -> Any:
    """As import_data does it."""
    from secops_agent.importers import registry
    from secops_agent.importers.base import Options, Source
    from secops_agent.services.actors import Actor
    from secops_agent.services.intake import ingest

    return ingest.store(registry.parse(name, Source.from_path(path), Options()), Actor.system("bench"))


def bench_files(home: Path) -> None:
    """Importing, and importing again."""
    grype, suricata = home / "grype.json", home / "eve.json"
    grype_file(grype)
    for again in ("", "，再次"):
        row(f"Grype 1,500 条发现{again}", timed(lambda: import_file("grype", grype)), 1500)
    from secops_agent.importers import registry

    if "suricata" not in registry.importers():
        print("| Suricata 100,000 条事件 | 还没有这个导入格式 | | |")
        return
    suricata_file(suricata)
    for again in ("", "，再次"):
        seconds = timed(lambda: import_file("suricata", suricata))
        row(f"Suricata 100,000 条事件{again}", seconds, EVENTS, f"{alert_count():,} 条告警")


def alert_count() -> int:
    """Alerts stored."""
    from secops_agent.models import Alert

    return Alert.objects.count()


def bench_matching() -> None:
    """2,000 advisories against 100,000 components."""
    from secops_agent.services.vulnerabilities.comparison import matching

    make_components()
    make_advisories()
    answers: dict[str, int] = {}

    def work() -> None:
        for each in matching.match():
            answers[each.answer] = answers.get(each.answer, 0) + 1

    seconds = timed(work)
    told = "，".join(f"{matching.ANSWER_LABELS[key]} {answers[key]:,}" for key in sorted(answers))  # type: ignore[index]
    row("比对 2,000 条公告 × 100,000 个组件", seconds, COMPONENTS, told)


def make_components() -> None:
    """A thousand hosts with a hundred packages each."""
    from secops_agent.models import Asset, Component

    hosts = [
        Asset(asset_type="host", name=f"bench-{n:04}", first_seen=NOW, last_seen=NOW) for n in range(1000)
    ]
    Asset.objects.bulk_create(hosts)
    kinds = (("deb", "debian/", "debian-12"), ("npm", "", ""), ("pypi", "", ""), ("maven", "org.bench/", ""))
    made = []
    for n in range(COMPONENTS):
        kind, space, distro = kinds[n % 4]
        name, version = f"p{RANDOM.randrange(PACKAGES)}", f"{RANDOM.randrange(4)}.{RANDOM.randrange(20)}.0"
        package = f"org.bench:{name}" if kind == "maven" else name
        made.append(
            Component(
                identity=f"bench{n}", asset=hosts[n % 1000], name=name, version=version, ecosystem=kind, package=package,
                purl=f"pkg:{kind}/{space}{name}@{version}", distro=distro, first_seen=NOW, last_seen=NOW,
            )
        )  # fmt: skip
    Component.objects.bulk_create(made, batch_size=500)


def make_advisories() -> None:
    """Each for one package, most with one range, some with a second."""
    from secops_agent.models import AffectedRange, Vulnerability

    flaws = [
        Vulnerability(vuln_id=f"BENCH-{n}", severity="high", created_at=NOW, updated_at=NOW)
        for n in range(ADVISORIES)
    ]
    Vulnerability.objects.bulk_create(flaws, batch_size=200)
    places = (("deb", "Debian:12"), ("npm", "npm"), ("pypi", "PyPI"), ("maven", "Maven"))
    made = []
    for n, flaw in enumerate(flaws):
        scheme, ecosystem = places[n % 4]
        name = f"{'org.bench:' if scheme == 'maven' else ''}p{RANDOM.randrange(PACKAGES)}"
        place = {"scheme": scheme, "name": name, "ecosystem": ecosystem, "package": name}
        bounds = [("0", f"1.{n % 20}.0"), *([("2.0.0", f"3.{n % 20}.0")] if n % 5 == 0 else [])]
        made += [
            AffectedRange(vulnerability=flaw, introduced=low, fixed=high, **place) for low, high in bounds
        ]
    AffectedRange.objects.bulk_create(made, batch_size=200)


def fill_alerts(count: int) -> None:
    """Alerts of fourteen days, through the door; every one is another alert."""
    from secops_agent.models import Alert
    from secops_agent.services.actors import Actor
    from secops_agent.services.intake import ingest

    Alert.objects.all().delete()
    ingest.store(alert_records(count), Actor.system("bench"))


def alert_records(count: int) -> Iterator[Any]:
    """Six sources, thirty rules, sixty hosts."""
    from secops_agent.services.records import SEVERITIES, AlertRecord, AssetRecord, Key

    hosts = [AssetRecord("host", f"h{n}", (Key("hostname", f"h{n}"),), source="x") for n in range(60)]
    for n in range(count):
        at = NOW - timedelta(seconds=RANDOM.random() * 14 * 86400)
        rule = RANDOM.randrange(30)
        what = (
            "疑似横向移动"
            if RANDOM.random() < 0.01
            else "连接矿池，疑似挖矿"
            if RANDOM.random() < 0.001
            else "登录异常"
        )
        yield AlertRecord(
            f"source{n % 6}", (f"k{n}",), f"rule {rule} on {'host' if n % 2 else 'site'}", SEVERITIES[n % 5], rule_name=f"rule {rule}",
            description=f"主机 h{n % 60} {what}，会话 {n:06}，来自 {'198.51.100.77' if n == 5 else '203.0.113.5'}",
            assets=(hosts[n % 60],), occurred_at=at, event_id=str(n),
        )  # fmt: skip


def questions() -> dict[str, Callable[[], Any]]:
    """What people ask most."""
    from secops_agent.services.alerts import triage
    from secops_agent.services.alerts.triage import AlertFilter

    day = NOW - timedelta(hours=24, minutes=13)
    lists = {
        "第一页": AlertFilter(),
        "高危、未处理": AlertFilter(severities=("high",), statuses=("open",)),
        "严重与高危、24 小时": AlertFilter(severities=("critical", "high"), since=day),
        "翻页": AlertFilter(cursor=triage.search(AlertFilter(limit=200)).next_cursor),
        "关键字，半数都有": AlertFilter(keyword="host"),
        "关键字，三十分之一": AlertFilter(keyword="rule 7"),
        "关键字，百分之一": AlertFilter(keyword="横向移动"),
        "关键字，两个字，千分之一": AlertFilter(keyword="挖矿"),
        "关键字，一个字，千分之一": AlertFilter(keyword="矿"),
        "关键字，IP，只有一条": AlertFilter(keyword="198.51.100.77"),
        "关键字，CVE，没有": AlertFilter(keyword="CVE-2031-4"),
        "关键字，百分之一，高危": AlertFilter(keyword="横向移动", severities=("high",)),
    }
    asked = {f"告警列表，{name}": partial(triage.search, wanted) for name, wanted in lists.items()}
    for label, since in (("24 小时", day), ("全部", None)):
        for group, title in (("severity", "级别"), ("rule", "规则"), ("asset", "资产")):
            asked[f"告警统计，{label}，按{title}"] = partial(triage.statistics, since, group_by=group)
    return asked | {
        f"管理后台搜索，{word}": partial(admin_search, word) for word in ("host", "挖矿", "没有的")
    }


def admin_search(keyword: str) -> None:
    """The query of the admin's list of alerts: a page, and the count that stands under it."""
    from django.contrib import admin
    from django.test import RequestFactory

    from secops_agent.models import Alert

    screen = admin.site._registry[Alert]
    request = RequestFactory().get("/", {"q": keyword})
    rows, _ = screen.get_search_results(
        request, screen.get_queryset(request).order_by("-last_seen", "-id"), keyword
    )
    pages = screen.get_paginator(request, rows, 50)
    list(pages.page(1).object_list)


def interleaved(
    small: Callable[[], None], large: Callable[[], None], rounds: int = 15
) -> dict[str, tuple[float, float]]:
    """Median milliseconds of each question on both databases, which take turns."""
    costs: dict[str, tuple[list[float], list[float]]] = {}
    for turn in range(rounds):
        for side, use in enumerate((small, large)):
            use()
            for name, work in questions().items():
                work()
                taken = costs.setdefault(name, ([], []))[side]
                taken += [timed(work) for _ in range(4)] if turn else []
    return {name: (median(one) * 1000, median(other) * 1000) for name, (one, other) in costs.items()}


def bench_lists(open_database: Callable[[], Callable[[], None]]) -> None:
    """At a thousand and at a hundred thousand alerts."""
    from secops_agent.services.alerts.queries import words

    small = open_database()
    fill_alerts(1000)
    words.index()
    large = open_database()
    row("写入 100,000 条各不相同的告警", timed(lambda: fill_alerts(EVENTS)), EVENTS)
    row("为它们建立关键字索引（后台）", timed(lambda: words.index(3600)), EVENTS)
    print("\n| 查询（中位数，两个库轮流） | 1,000 条告警 | 100,000 条告警 | 倍数 |\n|---|---|---|---|")
    for name, (few, many) in interleaved(small, large).items():
        print(f"| {name} | {few:.2f} ms | {many:.2f} ms | {many / few:.2f} |")


@contextmanager
def stage(vendor: str) -> Iterator[tuple[Path, Callable[[], Callable[[], None]]]]:
    """A directory that goes away, and what opens an empty, migrated database and returns the way back to it."""
    from tests.databases import Templates, postgres_of_the_session, use

    with tempfile.TemporaryDirectory() as home, ExitStack() as opened:
        place = Path(home)
        os.environ["BIFANG_DATA_DIR"] = str(place / "var")
        os.environ["BIFANG_LOG_DIR"] = str(place / "logs")
        django.setup()
        opened.enter_context(postgres_of_the_session())
        templates = Templates(place)
        opened.callback(templates.close)

        def open_database() -> Callable[[], None]:
            opened.enter_context(templates.database(vendor, place / f"data{len(list(place.iterdir()))}"))
            return partial(use, dict(connections.settings["default"]))

        yield place, open_database


def main() -> None:
    """The whole table, or the lists alone ("lists")."""
    vendor = "postgresql" if "postgresql" in sys.argv else "sqlite"
    with stage(vendor) as (home, open_database):
        print(f"数据库：{vendor}\n\n| 做什么 | 用时 | 速度 | |\n|---|---|---|---|")
        if "lists" not in sys.argv:
            open_database()
            bench_files(home)
            bench_matching()
        bench_lists(open_database)


if __name__ == "__main__":
    main()
