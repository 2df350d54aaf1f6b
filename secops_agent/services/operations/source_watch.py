"""Watch over sources: one that falls silent, brings little, or cannot be read any more is an alert, which closes itself.

Each is looked at once an hour, and every time while something is wrong with it. Many at once are one alert.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from secops_agent.models import DataSource, SourceDoor, SourceHour, SourceTrouble
from secops_agent.services import links
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.on_call.working_days import WorkingDays
from secops_agent.services.operations import rhythms, source_tallies
from secops_agent.services.operations.rhythms import HourCount, Unlike
from secops_agent.services.records import AlertRecord

JOB: Final = f"{__name__}.watch"
SOURCE: Final = "bifang"
RULE: Final = "数据源安静或读不懂"
MANY: Final = 4  # at once are one alert
NAMED: Final = 10
ALL: Final = "many"
WAYS: Final[Mapping[str, str]] = {
    SourceDoor.TOKEN: "看发送方的日志和令牌（是否到期、作废），用它的令牌发一条试试",
    SourceDoor.SYSLOG: "看「Syslog 来源」和「Syslog 拒收」，在设备上核对日志服务器的地址、端口和级别",
    SourceDoor.STREAM: "看系统配置里这个消息流的状态和「消息流死信」，在消息服务上看生产者",
    SourceDoor.PULL: "看系统配置里的最近错误，点「测试连接」",
    SourceDoor.FILE: "看运行 import_data 的计划任务和扫描器",
}


def watch(now: datetime | None = None) -> int:
    """Count, look, tell; returns how many sources have trouble."""
    now = now or timezone.now()
    source_tallies.tally(now)
    closed = tuple(source_tallies.gone())
    due = [row for row in DataSource.objects.all() if row.trouble or _is_due(row, now)]
    found = _judged([row for row in due if row.watched and not _is_gone(row, closed)], now)
    changed = {
        row.pk for row in due if row.pk in found and not row.summed and found[row.pk].trouble != row.trouble
    }
    fresh = [row for row in due if row.pk in changed]
    _tell(fresh, found, now)
    for row in due:
        _keep(row, found.get(row.pk), row.pk in changed, len(fresh) >= MANY, now)
    over = [row for row in due if row.trouble and (row.pk not in found or row.pk in changed)]
    _close(over, now)
    return len(found)


def troubled() -> "QuerySet[DataSource]":
    """Those that `watch` found silent or unreadable, the longest first."""
    return DataSource.objects.exclude(trouble="").order_by("trouble_at")


def _is_due(row: DataSource, now: datetime) -> bool:
    return row.judged_at is None or now - row.judged_at >= rhythms.HOUR


def _is_gone(row: DataSource, closed: tuple[str, ...]) -> bool:
    return any(row.key == each or (each.endswith(":") and row.key.startswith(each)) for each in closed)


def _judged(rows: Sequence[DataSource], now: datetime) -> dict[int, Unlike]:
    start = now - rhythms.LEARNED
    local = start.astimezone(ZONE).date()
    days = WorkingDays.between(local, now.astimezone(ZONE).date() + timedelta(days=1))
    tallies: dict[int, list[HourCount]] = defaultdict(list)
    hours = SourceHour.objects.filter(source__in=rows, hour__gte=start).order_by("hour")
    for source, at, taken, unreadable in hours.values_list("source_id", "hour", "taken", "unreadable"):
        tallies[source].append(HourCount(at, taken, unreadable))
    judged = ((row.pk, judge(row, tallies[row.pk], now, days)) for row in rows)
    return {pk: unlike for pk, unlike in judged if unlike is not None}


def judge(row: DataSource, tallies: Sequence[HourCount], now: datetime, days: WorkingDays) -> Unlike | None:
    """What is wrong with one source, by what an administrator set, else by its rhythm."""
    last_seen = row.last_seen or row.first_seen
    if row.floor is not None:
        return rhythms.judge_floor(row.floor, tallies, last_seen, row.first_seen, now)
    # What is wrong now must not become what is usual.
    until = row.trouble_at or now
    rhythm = rhythms.learn([each for each in tallies if each.at < until], row.first_seen, until, days)
    return rhythms.judge(rhythm, tallies, last_seen, now, days) if rhythm else None


def _tell(rows: Sequence[DataSource], found: Mapping[int, Unlike], now: datetime) -> None:
    if len(rows) >= MANY:
        named = "；".join(f"「{row.name}」{found[row.pk].words}" for row in rows[:NAMED])
        title = f"{len(rows)} 个数据源同时安静或读不懂"
        _store(
            _record(ALL, now, title, f"{named}。先看毕方自己和网络：接收进程、防火墙、时钟。", "high", now)
        )
        return
    for row in rows:
        unlike = found[row.pk]
        severity = "medium" if unlike.trouble == SourceTrouble.LOW else "high"
        about = f"怎么看：{WAYS[SourceDoor(row.door)]}；{links.named('数据源', links.record('datasource', row.pk))}。恢复以后这条告警自己关闭。"
        _store(_record(row.key, now, f"「{row.name}」{unlike.words}", about, severity, now))


def _keep(row: DataSource, unlike: Unlike | None, fresh: bool, many: bool, now: datetime) -> None:
    trouble = unlike.trouble if unlike else SourceTrouble.NONE
    since = (now if fresh else row.trouble_at) if unlike else None
    DataSource.objects.filter(pk=row.pk).update(
        trouble=trouble, trouble_at=since, detail=unlike.words[:300] if unlike else "", judged_at=now,
        summed=bool(unlike) and (row.summed or (fresh and many)),
    )  # fmt: skip


def _close(rows: Sequence[DataSource], now: datetime) -> None:
    """As a source does: whoever closed it himself is left alone. What many told ends with the last of them."""
    for row in rows:
        if not row.summed:
            _store(
                _record(row.key, row.trouble_at or now, f"「{row.name}」恢复了", "", "info", now, over=True)
            )
    for since in {row.trouble_at or now for row in rows if row.summed}:
        if not DataSource.objects.filter(summed=True, trouble_at=since).exists():
            _store(_record(ALL, since, "数据源都恢复了", "", "info", now, over=True))


def _record(
    key: str, since: datetime, title: str, about: str, severity: str, now: datetime, *, over: bool = False
) -> AlertRecord:
    """Each trouble is an alert of its own, by when it began: what is told of one is not what the next one is."""
    return AlertRecord(
        SOURCE, (RULE, key, since.isoformat()), title[:300], severity,  # type: ignore[arg-type]
        rule_id=f"{SOURCE}.source", rule_name=RULE, occurred_at=now, description=about,
        event_id=f"{key}:{now.isoformat()}", status_hint="closed" if over else "", raw={"source": key},
    )  # fmt: skip


def _store(record: AlertRecord) -> None:
    ingest.store([record], Actor.system("sources"))
