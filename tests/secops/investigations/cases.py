"""Alerts with a past, for tests of investigations."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from secops_agent.models import Alert, History
from secops_agent.services.investigations.checks.base import Signal
from secops_agent.services.investigations.dossiers import Dossier
from secops_agent.services.records import Indicator
from tests.secops.inventory_aid import alert, host, store

WEB = host("web-01", "10.0.0.5", importance="high", owner="lisi")
STRANGER = Indicator("ip", "203.0.113.5")


def arrive(name: str, *, ago: float = 0, announce: bool = True, **fields: Any) -> Alert:
    """An alert of its own that came so many hours ago."""
    at = timezone.now() - timedelta(hours=ago)
    given = {"assets": (WEB,), "rule_name": "规则", "title": name, **fields}
    (pk,) = store(alert(name, at=at, **given), announce=announce).created_ids["alert"]
    Alert.objects.filter(pk=pk).update(created_at=at)
    return Alert.objects.get(pk=pk)


def judge(row: Alert, verdict: str, *, ago: float = 0) -> None:
    """What people found, so many hours ago."""
    at = timezone.now() - timedelta(hours=ago)
    Alert.objects.filter(pk=row.pk).update(status="closed", verdict=verdict, closed_at=at)


def past(verdict: str, number: int, *, ago: float = 48, **fields: Any) -> list[Alert]:
    """Earlier alerts of the rule, all judged the same an hour later."""
    rows = [
        arrive(f"{verdict}-{ago:g}-{each}", ago=ago + each, announce=False, **fields)
        for each in range(number)
    ]
    for each, row in enumerate(rows):
        judge(row, verdict, ago=ago + each - 1)
    return rows


def words(found: Dossier) -> str:
    """All that it says."""
    return "\n".join(each.text for section in found.sections for each in section.statements)


def reasons(found: Dossier) -> dict[str, Signal]:
    """The reasons that hold."""
    return {each.reason: each for each in found.assessment.signals}


def risen(row: Alert, old: str, new: str, at: datetime) -> None:
    """Its severity rose."""
    Alert.objects.filter(pk=row.pk).update(severity=new)
    History.objects.create(
        entity="alert", entity_id=row.pk, at=at, actor_kind="system", actor_name="系统", action="import",
        changes={"severity": [old, new]},
    )  # fmt: skip
