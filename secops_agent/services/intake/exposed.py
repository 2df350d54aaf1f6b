"""Exploited vulnerabilities on core assets that can be reached from outside: each is an alert, told and limited as alerts are.

A job compares, so that it does not matter what made one so: a scan, the KEV feed, an address, a person who set the importance.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.utils import timezone

from secops_agent.models import Alert, Finding
from secops_agent.models.choices import AlertStatus, Importance
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.intake import ingest
from secops_agent.services.records import AlertRecord
from secops_agent.services.records.identity import alert_identity
from secops_agent.services.vulnerabilities.groups import KEV
from secops_agent.services.vulnerabilities.priority import graver

JOB: Final = f"{__name__}.tell"
SOURCE: Final = "bifang"
RULE: Final = "对外的核心资产有已被利用的漏洞"


def tell() -> int:
    """Alert of each that is new or back, and close the alerts of those that are over, as a source does. Returns how many."""
    now = timezone.now()
    there = {alert_identity(each): (each, asset_id) for each, asset_id in _records(now)}
    rows = Alert.objects.filter(source=SOURCE, rule_name=RULE).select_related("payload")
    known = {row.identity: row for row in rows}
    fresh = [
        replace(each, assets=(inventory.record_of(asset_id),))
        for identity, (each, asset_id) in there.items()
        if identity not in known or known[identity].closed_by_source
    ]
    over = [
        row for identity, row in known.items() if identity not in there and row.status == AlertStatus.OPEN
    ]
    news = [*fresh, *filter(None, (_ended(row, now) for row in over))]
    if news:
        ingest.store(news, Actor.system("exposed"))
    return len(news)


def _records(now: datetime) -> Iterator[tuple[AlertRecord, int]]:
    """Each with the id of its asset, which is read of new ones only."""
    rows = Finding.objects.filter(active=True, priority__gte=KEV, asset__importance=Importance.CRITICAL)
    for row in rows.select_related("asset", "vulnerability").order_by("pk"):
        if row.vulnerability and (why := exposure_of(row.asset)):
            flaw, place = row.vulnerability.vuln_id, row.asset.name
            record = AlertRecord(
                SOURCE, (RULE, f"{row.pk}"), f"{flaw} 已被利用：核心资产 {place} {why}",
                graver(row.severity, "high"),  # type: ignore[arg-type]
                rule_id=f"{SOURCE}.{flaw}", rule_name=RULE, occurred_at=now,
                description=f"发现 F{row.pk}：{row.title}。修复版本：{row.fixed_version or '还没有'}。修好、有了决定或扫描不再报告以后，没有人处理的这条告警自己关闭。",
                event_id=f"{row.pk}:{now.isoformat()}", raw={"finding": row.pk},
            )  # fmt: skip
            yield record, row.asset_id


def _ended(row: Alert, now: datetime) -> AlertRecord | None:
    """None for an alert that is not of this job: anybody may send one of this rule, and what it came with may be gone."""
    payload = getattr(row, "payload", None)
    pk = payload.raw.get("finding") if payload and isinstance(payload.raw, dict) else None
    ended = AlertRecord(
        SOURCE, (RULE, f"{pk}"), row.title, row.severity,  # type: ignore[arg-type]
        rule_id=row.rule_id, rule_name=RULE, occurred_at=now,
        event_id=f"{pk}:{now.isoformat()}", status_hint="closed", raw={"finding": pk},
    )  # fmt: skip
    return ended if alert_identity(ended) == row.identity else None
