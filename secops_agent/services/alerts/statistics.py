"""How many alerts, by what: from the counts that are kept, never from the alerts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Asset, Staff
from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services.alerts import tallies
from secops_agent.services.records import SEVERITIES

GROUPINGS: dict[str, str] = {
    "severity": "级别", "status": "状态", "source": "来源", "rule": "规则", "asset": "资产", "verdict": "结论",
    "assignee": "处理人", "day": "日期", "hour": "小时",
}  # fmt: skip
_LABELS: dict[str, dict[str, str]] = {
    "severity": dict(Severity.choices),
    "status": dict(AlertStatus.choices),
    "verdict": {"": "未下结论", **dict(Verdict.choices)},
}
_FIXED: dict[str, list[str]] = {"severity": list(SEVERITIES), "status": list(AlertStatus.values)}


@dataclass(frozen=True, slots=True)
class AlertCount:
    """One line: ``value`` as a filter takes it, ``label`` as people read it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """``total`` counts alerts once, whatever the groups; ``groups`` are the largest ``limit`` of ``group_count``."""

    total: int
    group_by: str
    groups: tuple[AlertCount, ...]
    group_count: int
    since: datetime | None
    until: datetime | None


def statistics(
    since: datetime | None = None,
    until: datetime | None = None,
    group_by: str = "severity",
    limit: int = 20,
) -> Statistics:
    """Alerts whose last_seen is in [since, until). Raises InvalidInput for another grouping."""
    if group_by not in GROUPINGS:
        raise InvalidInput(f"不能按「{group_by}」统计；可以按：{'、'.join(GROUPINGS)}。")
    if group_by in ("day", "hour"):
        return _by_time(since, until, group_by, limit)
    found = tallies.totals(sorted({"severity", group_by}), since, until)
    total = sum(count for (dimension, _), count in found.items() if dimension == "severity")
    mine = {value: count for (dimension, value), count in found.items() if dimension == group_by}
    chosen = _ordered(mine, group_by)[:limit]
    labels = _labels(group_by, [value for value, _ in chosen])
    groups = tuple(AlertCount(value, labels.get(value, value), count) for value, count in chosen)
    return Statistics(total, group_by, groups, len(mine), since, until)


def _ordered(counts: dict[str, int], group_by: str) -> list[tuple[str, int]]:
    if group_by in _FIXED:
        return [(value, counts[value]) for value in _FIXED[group_by] if value in counts]
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _labels(group_by: str, values: Iterable[str]) -> dict[str, str]:
    ids = [int(value) for value in values if value.isdigit()]
    if group_by == "asset":
        known = dict(Asset.objects.filter(pk__in=ids).values_list("pk", "name"))
        return {str(pk): known.get(pk, f"已删除的资产 {pk}") for pk in ids}
    if group_by == "assignee":
        people = dict(Staff.objects.filter(pk__in=ids).values_list("pk", "name"))
        return {"": "未分配", **{str(pk): people.get(pk, f"已删除的人员 {pk}") for pk in ids}}
    return _LABELS.get(group_by, {})


def _by_time(since: datetime | None, until: datetime | None, group_by: str, limit: int) -> Statistics:
    """Local days or hours, the newest ``limit``, oldest first; both ends are cut at the minute."""
    local = timezone.get_current_timezone()
    counts: Counter[datetime] = Counter()
    for start, count in _hours(since, until).items():
        moment = start.astimezone(local)
        counts[moment.replace(hour=0) if group_by == "day" else moment] += count
    form = "%m-%d" if group_by == "day" else "%m-%d %H:00"
    newest = sorted(counts)[-limit:]
    groups = tuple(AlertCount(each.isoformat(), each.strftime(form), counts[each]) for each in newest)
    return Statistics(counts.total(), group_by, groups, len(counts), since, until)


def _hours(since: datetime | None, until: datetime | None) -> Counter[datetime]:
    """Whole hours from the counts; the ones at the ends are counted exactly."""
    counts = tallies.by_hour(since, until)
    ends = {tallies.hour_of(end) for end in (since, until) if end is not None}
    for start in ends & counts.keys():
        low = max(filter(None, (start, since)))
        high = min(filter(None, (start + timedelta(hours=1), until)))
        found = tallies.totals(["severity"], low, high)
        counts[start] = found.total()
    return +counts
