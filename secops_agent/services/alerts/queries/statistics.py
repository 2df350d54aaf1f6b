"""Statistics of alerts: how many by what, counted by the database where it has the columns, else read."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import CharField, Count, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, NullIf, TruncDay, TruncHour
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertAsset, AlertIndicator, Asset, AssetKey, Staff, handler_of
from secops_agent.models.choices import AlertStatus, IndicatorKind, Severity, Verdict
from secops_agent.services.alerts.queries.clocks import OF_ANY_LEVEL, Clock, column
from secops_agent.services.alerts.queries.filters import RULE, AlertFilter, matching
from secops_agent.services.alerts.queries.search import narrowed
from secops_agent.services.alerts.queries.words import Keyword
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.services.records import SEVERITIES
from secops_agent.services.source_names import joined

_BY_TOKEN: Final = NullIf(Concat(Value("由接口 "), "closed_via"), Value("由接口 "))
CLOSER: Final = Coalesce(Cast("closed_by_id", CharField()), _BY_TOKEN, output_field=CharField())
VALUES: Final[dict[str, Any]] = {name: F(name) for name in ("severity", "status", "source", "verdict")} | {
    "rule": RULE, "asset": F("asset_id"), "assignee": handler_of("pk"), "closer": CLOSER,
}  # fmt: skip


# What alerts consist of, counted: observables, source addresses, techniques, owners of their assets.

Rows = QuerySet[Alert]


def _indicators(rows: Rows, private: bool) -> Counter[str]:
    """``private``: who asks may read private parts; without, what is a person's account or address anywhere is not told."""
    observed = AlertIndicator.objects.filter(alert_id__in=rows.order_by().values("pk"))
    if not private:
        personal = AlertIndicator.objects.filter(kind__in=PRIVATE_INDICATORS)
        observed = observed.exclude(value__in=personal.values("value"))
    return Counter(dict(observed.order_by().values_list("value").annotate(Count("alert_id", distinct=True))))


def _addresses(rows: Rows, _: bool) -> Counter[str]:
    """Those that do not belong to what the alert concerns: where it came from, or went to."""
    own = AssetKey.objects.filter(
        kind="ip", value=OuterRef("value"), asset__alert_links__alert_id=OuterRef("alert_id")
    )
    observed = AlertIndicator.objects.filter(kind=IndicatorKind.IP, alert_id__in=rows.order_by().values("pk"))
    foreign = observed.exclude(Exists(own))
    return Counter(dict(foreign.order_by().values_list("value").annotate(Count("pk"))))


def _techniques(rows: Rows, _: bool) -> Counter[str]:
    """A technique and its sub-techniques each by itself."""
    found: Counter[str] = Counter()
    for techniques, number in rows.order_by().values_list("techniques").annotate(Count("pk")):
        found.update(dict.fromkeys(techniques, number))
    return found


def _owners(rows: Rows, _: bool) -> Counter[str]:
    """By the person's id, else the words that the inventory has, else ""; an alert counts once for each."""
    found: Counter[str] = Counter()
    owned = rows.order_by().values_list("assets__owner_id", "assets__owner_text")
    for owner_id, text, number in owned.annotate(Count("pk", distinct=True)):
        found[str(owner_id or text or "")] += number
    return found


GROUPS: Final[Mapping[str, Callable[[Rows, bool], Counter[str]]]] = {
    "indicator": _indicators, "address": _addresses, "technique": _techniques, "owner": _owners,
}  # fmt: skip


def kinds_of(values: Iterable[str]) -> dict[str, str]:
    """域名 evil.example: each of these observables with what it is; an account before a domain."""
    observed = AlertIndicator.objects.filter(value__in=list(values)).order_by("-kind")
    known = observed.values_list("value", "kind").distinct()
    return {value: f"{IndicatorKind(kind).label} {value}" for value, kind in known}


GROUPINGS: dict[str, str] = {
    "severity": "级别", "status": "状态", "source": "来源", "rule": "规则", "asset": "资产", "verdict": "结论",
    "assignee": "处理人", "day": "日期", "hour": "小时", "severity_day": "日期和级别", "owner": "资产负责人", "address": "来源地址",
    "indicator": "可观察对象", "technique": "ATT&CK 技术", "closer": "关闭人",
}  # fmt: skip
MOST_READ = 20_000  # alerts whose parts are read, where the database has no column to group by
_LABELS: dict[str, dict[str, str]] = {
    "severity": dict(Severity.choices),
    "status": dict(AlertStatus.choices),
    "verdict": {"": "未下结论", **dict(Verdict.choices)},
}
_TIMES: dict[str, str] = {"day": "%m-%d", "hour": "%m-%d %H:00", "severity_day": "%m-%d"}
_NOBODY = {"assignee": "未分配", "owner": "没有负责人", "closer": "没有记录"}
_ALL = AlertFilter()
_SHARED = {"asset", *GROUPS}  # an alert may be in several groups, or in none
_BY_LEVEL = {"severity", *_TIMES}
_FIXED: dict[str, list[str]] = {"severity": list(SEVERITIES), "status": list(AlertStatus.values)}


@dataclass(frozen=True, slots=True)
class AlertCount:
    """One line: ``value`` as a filter takes it, ``label`` as people read it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """``total`` counts alerts once, whatever the groups; ``groups`` are the largest ``limit`` of ``group_count``, of days
    and hours the newest; ``sampled``: counted among the newest alerts only; ``newest``: of so many the groups are, 0: of all."""

    total: int
    group_by: str
    groups: tuple[AlertCount, ...]
    group_count: int
    since: datetime | None
    until: datetime | None
    sampled: bool = False
    newest: int = 0


def statistics(
    wanted: AlertFilter = _ALL,
    group_by: str = "severity",
    limit: int = 20,
) -> Statistics:
    """How many of them, by what. Raises InvalidInput for another grouping, NotFound for an unknown asset."""
    if group_by not in GROUPINGS:
        raise InvalidInput(f"不能按「{group_by}」统计；可以按：{'、'.join(GROUPINGS)}。")
    total, counts, sampled, newest = _counted(wanted, group_by)
    groups = _groups_of(counts, group_by, limit)
    return Statistics(
        total,
        group_by,
        groups,
        len({_time_in(each) for each in counts}),
        wanted.since,
        wanted.until,
        sampled,
        newest,
    )


def count(wanted: AlertFilter) -> int:
    """How many of them, by the alerts themselves. Raises NotFound for an unknown asset."""
    return rows_of(wanted).order_by().values("pk").count()


def rows_of(wanted: AlertFilter) -> "QuerySet[Alert]":
    """The alerts themselves; of a keyword that very many have, the newest. Raises NotFound for an unknown asset."""
    return _narrowed(matching(wanted), wanted.sought)[0]


def _groups_of(counts: "Counter[str]", group_by: str, limit: int) -> tuple[AlertCount, ...]:
    """The largest; of days and hours the newest, oldest first."""
    if group_by in _TIMES:
        newest = set(sorted({_time_in(value) for value in counts})[-limit:])
        chosen = sorted(value for value in counts if _time_in(value) in newest)
        return tuple(AlertCount(value, _time_label(value, group_by), counts[value]) for value in chosen)
    largest = _ordered(counts, group_by)[:limit]
    names = labels(group_by, [value for value, _ in largest])
    return tuple(AlertCount(value, names.get(value, value), count) for value, count in largest)


def _time_in(value: str) -> str:
    """Of a day with a level, the day."""
    return value.partition("/")[0]


def _time_label(value: str, group_by: str) -> str:
    at, _, level = value.partition("/")
    day = datetime.fromisoformat(at).strftime(_TIMES[group_by])
    return f"{day} {_LABELS['severity'][level]}" if level else day


def _counted(wanted: AlertFilter, group_by: str) -> "tuple[int, Counter[str], bool, int]":
    """By the database, of the alerts themselves."""
    rows, sampled = _narrowed(matching(wanted), wanted.sought)
    if group_by not in _SHARED:
        of_levels = group_by in _BY_LEVEL and _is_of_a_span_only(wanted)
        counts = _grouped(rows.filter(OF_ANY_LEVEL) if of_levels else rows, wanted.clock, group_by)
        return counts.total(), counts, sampled, 0
    total = rows.order_by().values("pk").count()
    if group_by not in GROUPS:
        return total, _grouped(rows, wanted.clock, group_by), sampled, 0
    newest = MOST_READ if total > MOST_READ else 0
    if newest:
        keys = rows.order_by("-last_seen", "-id").values_list("pk", flat=True)[:newest]
        rows = Alert.objects.filter(pk__in=keys)
    return total, GROUPS[group_by](rows, wanted.private), sampled, newest


def _is_of_a_span_only(wanted: AlertFilter) -> bool:
    """Does the index of levels answer it: by the latest occurrence, and nothing else is asked but levels and states?"""
    return replace(wanted, since=None, until=None, severities=(), statuses=(), private=False) == _ALL


def _narrowed(rows: "QuerySet[Alert]", keyword: Keyword) -> "tuple[QuerySet[Alert], bool]":
    """A keyword that very many have is counted among the newest only."""
    return narrowed(rows, keyword) if keyword.text else (rows, False)


def _grouped(rows: "QuerySet[Alert]", clock: Clock, group_by: str) -> "Counter[str]":
    if group_by in _TIMES:
        begin = TruncHour if group_by == "hour" else TruncDay
        timed = rows.annotate(value=begin(column(clock), tzinfo=timezone.get_current_timezone()))
        levels = ["severity"] if group_by == "severity_day" else []
        starts = timed.order_by().values_list("value", *levels).annotate(number=Count("pk"))
        return Counter({"/".join([start.isoformat(), *level]): number for start, *level, number in starts})
    parts: QuerySet[Any] = _links(rows) if group_by == "asset" else rows
    counted = parts.annotate(value=VALUES[group_by]).order_by().values_list("value")
    found = counted.annotate(number=Count("pk"))
    counts = Counter({
        str("" if value is None else value)[:200]: number
        for value, number in found
        if value is not None or group_by in _NOBODY
    })  # fmt: skip
    return joined(counts) if group_by == "source" else counts


def _links(rows: "QuerySet[Alert]") -> "QuerySet[AlertAsset]":
    """Their assets; of all alerts there are, no alert is looked at."""
    every = AlertAsset.objects.all()
    return every.filter(alert__in=rows.order_by().values("pk")) if rows.query.where else every


def _ordered(counts: dict[str, int], group_by: str) -> list[tuple[str, int]]:
    if group_by in _FIXED:
        return [(value, counts[value]) for value in _FIXED[group_by] if value in counts]
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def labels(group_by: str, values: Iterable[str]) -> dict[str, str]:
    """The values of a grouping as people read them; what reads by itself is left out."""
    ids = [int(value) for value in values if value.isdigit()]
    if group_by == "asset":
        known = dict(Asset.objects.filter(pk__in=ids).values_list("pk", "name"))
        return {str(pk): known.get(pk, f"已删除的资产 {pk}") for pk in ids}
    if group_by in _NOBODY:
        people = dict(Staff.objects.filter(pk__in=ids).values_list("pk", "name"))
        return {"": _NOBODY[group_by], **{str(pk): people.get(pk, f"已删除的人员 {pk}") for pk in ids}}
    if group_by == "indicator":
        return kinds_of(values)
    return _LABELS.get(group_by, {})
