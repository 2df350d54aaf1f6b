"""The estate of the chat's bench: the demo's, and 99,700 alerts of 180 days beside, on 2,000 hosts with 30,000 findings.

``python -m tests.bench.chat_estate`` fills the database that the environment names, which is migrated and empty. The
measures are those of the review that found the chat slow: two indicators, one asset and 0.9 KB of raw event an alert.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")

import django

ALERTS, HOSTS, FLAWS, FINDINGS, DAYS = 99_700, 2_000, 300, 30_000, 180


def fill() -> None:
    """Alerts through the door, indexed, and worked on as people would have; a rota."""
    from django.utils import timezone

    from secops_agent.demo import loading, triage
    from secops_agent.models import Staff
    from secops_agent.services.actors import Actor
    from secops_agent.services.alerts.queries import words
    from secops_agent.services.intake import ingest
    from secops_agent.services.on_call.schedules import apply_on_call_entries

    now, dice = timezone.now(), Random(5)
    loading.load()
    stored = ingest.store(alerts(dice, now), Actor.system("bench"), received_at=now, announce=False)
    people = list(Staff.objects.filter(staff_id__in=["lisi", "zhaoliu"]))
    triage.work(sorted(stored.created_ids["alert"]), people, dice, now)
    fill_findings(dice, now)
    rota = {"name": "安全值班", "rotation": "daily", "start": f"{now - timedelta(days=DAYS):%Y-%m-%d}"}
    apply_on_call_entries([rota | {"staff": ["lisi", "wangwu"]}])
    words.index(3600)


def alerts(dice: Random, now: datetime) -> Iterator[Any]:
    """Of the demo's kinds, oldest first; one in ten on a host of the demo, the others on hosts that nobody owns."""
    from secops_agent.demo import incidents
    from secops_agent.services.records import AssetRecord, Indicator, Key

    hosts = [
        AssetRecord("host", f"srv-{n:05}", (Key("hostname", f"srv-{n:05}"),), source="bench")
        for n in range(HOSTS)
    ]
    for number in range(ALERTS):
        age = timedelta(days=DAYS * (1 - number / ALERTS)) + timedelta(minutes=1)
        alert = incidents._alert(incidents.LASTING, age, dice, now)
        named = Indicator("ip", f"203.0.{dice.randrange(114)}.{dice.randrange(1, 255)}")
        domain = Indicator("domain", f"d{dice.randrange(300)}.example.net")
        alert = replace(
            alert, indicators=(named, domain), dedup_key=("bench", str(number)), event_id=f"bench-{number}",
            raw={**alert.raw, "event": f"{number:06} " * 110},
        )  # fmt: skip
        if number % 10:
            host = dice.choice(hosts)
            alert = replace(alert, assets=(host,), title=f"{host.name} {alert.rule_name}")
        yield alert


def fill_findings(dice: Random, now: datetime) -> None:
    """Three in ten are gone, one flaw in fifteen is exploited."""
    from secops_agent.models import Asset, Finding, Vulnerability, VulnerabilityAlias

    hosts = list(Asset.objects.filter(name__startswith="srv-"))
    flaws = Vulnerability.objects.bulk_create(
        Vulnerability(vuln_id=f"CVE-2025-{20_000 + n}", severity=dice.choice(("critical", "high", "medium")), kev=n % 15 == 0,
                      created_at=now, updated_at=now)
        for n in range(FLAWS)
    )  # fmt: skip
    VulnerabilityAlias.objects.bulk_create(
        VulnerabilityAlias(alias=each.vuln_id, vulnerability=each) for each in flaws
    )
    found = [_finding(Finding, n, dice, dice.choice(hosts), dice.choice(flaws), now) for n in range(FINDINGS)]
    Finding.objects.bulk_create(found, batch_size=2_000)


def _finding(model: Any, number: int, dice: Random, host: Any, flaw: Any, now: datetime) -> Any:
    first, gone = now - timedelta(hours=dice.randrange(70 * 24)), dice.random() < 0.3
    return model(
        identity=f"{number:032x}", kind="vulnerability", source="trivy", asset=host, vulnerability=flaw, title=flaw.vuln_id,
        severity=flaw.severity, first_seen=first, last_seen=now, active=not gone, state="gone" if gone else "present",
        gone_at=min(now, first + timedelta(days=9)) if gone else None, due_at=first + timedelta(days=30),
    )  # fmt: skip


if __name__ == "__main__":
    django.setup()
    fill()
