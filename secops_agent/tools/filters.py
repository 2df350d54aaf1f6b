"""Arguments that several tools share: levels, a span of time, a number of rows, a person."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils import timezone

from bifang.channels.ports import Suggestion
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import Staff
from secops_agent.services.actors import Actor
from secops_agent.services.assets.inventory import AssetFilter, environment_named
from secops_agent.services.pages import Page
from secops_agent.services.people.directory import find_staff, named_by
from secops_agent.services.people.staff import Person
from secops_agent.services.records import SEVERITIES
from secops_agent.services.reports.periods import PERIODS, Period, period_of
from secops_agent.tools.arguments import argument
from secops_agent.tools.markdown import SEVERITY

ROWS: Final = 10
DEEPEST: Final = 200  # rows that can be reached page by page
MOST_ROWS: Final = 50
NETWORK: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}/\d{1,2}")
WEIGHTS: Final = {"critical": "核心", "high": "重要"}
_ME: Final = frozenset({"我", "我自己", "自己", "本人", "me"})
SEPARATORS: Final = re.compile(r"[,，、;；/|\s]+")
_LEVELS: Final[dict[str, str]] = {
    **{level: level for level in SEVERITIES},
    **{v: k for k, v in SEVERITY.items()},
}


def severity_argument() -> Any:
    """One level or several."""
    return argument(
        "级别，一个或几个，用英文逗号分隔：critical=严重、high=高危、medium=中危、low=低危、info=信息；"
        "某级及以上时把更高的也写上",
        default="",
    )


def since_argument() -> Any:
    """Hours back from now."""
    return argument(
        "只看最近多少小时（一天 24，一周 168）；今天、本周这样的自然日用 period",
        default=None,
        minimum=1,
        maximum=100_000,
    )


def limit_argument() -> Any:
    """Rows wanted; more than `MOST_ROWS` are never shown."""
    return argument("最多列出几条，默认 10，最多 50", default=ROWS, minimum=1, maximum=1000)


def older_argument() -> Any:
    """How long it has been there, in days."""
    return argument("只看超过多少天的", default=None, minimum=1, maximum=3650)


def idle_argument() -> Any:
    """How long nobody has touched it, in days."""
    return argument("只看超过多少天没有人动过的", default=None, minimum=1, maximum=3650)


def late_argument() -> Any:
    """How long it has been over its time limit, in days."""
    return argument("只看超过修复时限多少天以上的", default=None, minimum=1, maximum=3650)


def cvss_argument() -> Any:
    """The lowest CVSS score."""
    return argument("CVSS 不低于几分", default=None, minimum=1, maximum=10)


def due_before(now: datetime, due_within: int | None, late_days: int | None) -> datetime | None:
    """Until when it must be mended, or must have been."""
    if late_days:
        return now - timedelta(days=late_days)
    return now + timedelta(days=due_within) if due_within else None


def told_due(overdue: bool | None, due_within: int | None, late_days: int | None) -> str:
    """The condition on the time limit, as it is shown."""
    if late_days:
        return f"已超过 {late_days} 天以上"
    return "已超过" if overdue else f"{due_within} 天内到" if due_within else ""


def levels(text: str) -> tuple[str, ...]:
    """The levels said, gravest first. Raises InvalidInput."""
    said = {word.strip().lower() for word in SEPARATORS.split(text) if word.strip()}
    unknown = sorted(word for word in said if word not in _LEVELS)
    if unknown:
        known = "、".join(f"{level}（{SEVERITY[level]}）" for level in SEVERITIES)
        raise InvalidInput(f"没有「{'、'.join(unknown)[:60]}」这个级别；可以是 {known}，几个之间用逗号。")
    wanted = {_LEVELS[word] for word in said}
    return tuple(level for level in SEVERITIES if level in wanted)


def until_argument() -> Any:
    """The end of a span, in hours back from now."""
    return argument("只看到多少小时前为止", default=None, minimum=1, maximum=100_000)


def offset_argument() -> Any:
    """Rows that were shown already."""
    return argument("跳过前多少条，看后面的", default=0, minimum=0, maximum=100_000)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """``told`` in Chinese; "" without a limit. ``period``: the named one that it is."""

    since: datetime | None = None
    until: datetime | None = None
    told: str = ""
    period: Period | None = None

    def before(self) -> "TimeSpan":
        """The one before a period, of one that still runs as much of it as has passed; the same hours of the day before;
        for what is longer than a day, as long directly before."""
        if self.period:
            earlier = self.period.before
            inside = _between(*map(timezone.localtime, (earlier.start, earlier.end)))
            return (
                inside if self.period.whole else replace(inside, told=f"{_BEFORE[self.period.kind]}同一时段")
            )
        start, end = self.since or timezone.localtime(), self.until or timezone.localtime()
        back = end - start
        if back <= timedelta(days=1):
            return replace(
                _between(start - timedelta(days=1), end - timedelta(days=1)), told="前一天同一时段"
            )
        return _between(start - back, end - back)

    def back(self, days: int) -> "TimeSpan":
        """The same hours some days before; of what still runs, up to now."""
        start, end = self.since or timezone.localtime(), self.until or timezone.localtime()
        step = timedelta(days=days)
        return _between(*map(timezone.localtime, (start - step, end - step)))

    def whole(self) -> "TimeSpan":
        """From the whole hour on: hours since midnight are rounded up."""
        if self.period or not self.since or self.until:
            return self
        return replace(self, since=_hour(self.since + _ALMOST))


_BEFORE: Final = {"daily": "昨日", "weekly": "上周", "monthly": "上月"}


def span_of_period(name: str, now: datetime) -> TimeSpan:
    """今日 from midnight on, 上周 from Monday to Monday. Raises InvalidInput."""
    period = period_of(name, now)
    start, end = timezone.localtime(period.start), timezone.localtime(period.end)
    told = f"{PERIODS[name]}（{start:%m-%d %H:%M} " + (f"至 {end:%m-%d %H:%M}）" if period.whole else "起）")
    return TimeSpan(period.start, period.end if period.whole else None, told, period)


def span(since_hours: int | None, until_hours: int | None, now: datetime) -> TimeSpan:
    """From hours back from now; with an end both lie on whole hours, since 昨天 is a day of the calendar."""
    start = now - timedelta(hours=since_hours) if since_hours else None
    if until_hours is None or until_hours >= (since_hours or 10**6):
        return TimeSpan(start, None, f"最近 {since_hours} 小时" if since_hours else "")
    end = _hour(now - timedelta(hours=until_hours))
    return _between(_hour(start + _ALMOST), end) if start else TimeSpan(None, end, f"{end:%m-%d %H:%M} 以前")


def clock_span(since: str, until: str, now: datetime) -> TimeSpan:
    """From one moment of the clock to another, or up to now. Without a day 20:00 is the last one that has passed, and an end the first
    one behind its beginning. Raises InvalidInput."""
    start = _moment(since, now) if since else None
    end = _moment(until, now) if until else None
    if start and end and end <= start and "-" not in until:
        end += timedelta(days=1)
    if start and end:
        return _between(start, end)
    if end:
        return TimeSpan(None, end, f"{end:%m-%d %H:%M} 以前")
    return TimeSpan(start, None, f"{start:%m-%d %H:%M} 起")


def _moment(text: str, now: datetime) -> datetime:
    found = _MOMENT.fullmatch(text.strip())
    try:
        if not found:
            raise ValueError
        at = now.replace(hour=int(found["hour"]), minute=int(found["minute"]), second=0, microsecond=0)
        if found["day"]:
            at = at.replace(int(found["year"] or now.year), int(found["month"]), int(found["day"]))
            return at.replace(year=at.year - 1) if at > now and not found["year"] else at
    except ValueError:
        raise InvalidInput(f"「{text[:20]}」不是钟点：写 20:00 或 11-29 20:00。") from None
    return at - timedelta(days=1) if at > now else at


_MOMENT: Final = re.compile(
    r"(?:(?:(?P<year>\d{4})-)?(?P<month>\d{1,2})-(?P<day>\d{1,2})[ T])?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::00)?"
)
_ALMOST: Final = timedelta(hours=1) - timedelta(seconds=1)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _between(start: datetime, end: datetime) -> TimeSpan:
    return TimeSpan(start, end, f"{start:%m-%d %H:%M} 至 {end:%m-%d %H:%M}")


def rows(limit: int) -> int:
    """How many rows are really shown."""
    return min(limit, MOST_ROWS)


def window(limit: int, offset: int) -> int:
    """How many rows are read for a page behind ``offset`` others. Raises InvalidInput beyond `DEEPEST`."""
    if offset + 1 > DEEPEST:
        raise InvalidInput(
            f"一次最多翻到第 {DEEPEST} 条。请加条件缩小范围：更短的时间、更高的级别、具体的资产。"
        )
    return min(offset + rows(limit), DEEPEST)


def more(found: Page[Any], shown: int) -> tuple[Suggestion, ...]:
    """The step to the next page, if there is one."""
    return (says.MORE,) if found.capped or shown < found.total else ()


def beyond(noun: str, found: Page[Any]) -> str:
    """Behind the last page."""
    return f"没有更多{noun}了：共 {found.total_text} 条，已经全部列出。"


def people_named(text: str) -> tuple[Staff, ...]:
    """Everybody whose name or staffId the text is: one who is in two corporations has a row in each, and is asked for as one."""
    wanted = text.strip()
    found = Staff.objects.filter(Q(staff_id=wanted) | Q(name=wanted), active=True) if wanted else ()
    return tuple(found)


def colleague(wanted: str, asker: Person | Actor | None) -> Staff:
    """Whom something is handed to, of the asker's corporation; 我 is the asker. Raises NotFound, InvalidInput."""
    if isinstance(asker, Actor):
        return named_by(asker, wanted)
    if asker is None and (row := Staff.objects.filter(staff_id=wanted, active=True).first()):
        return row  # stored already; who does it looks in the actor's corporation
    if wanted.lower() not in _ME:
        return find_staff(wanted, asker.corp_id if asker else "")
    if asker is None:
        raise InvalidInput("「我」在这里没有意义：请写姓名或员工 ID。")
    return find_staff(asker.staff_id, asker.corp_id)


def asset_argument() -> Any:
    """One asset, or a family of them."""
    return argument("只看这一台：资产的名称、IP 或编号；k8s* 是名称以 k8s 开头的几台", default="")


def exposed_argument() -> Any:
    """Assets that may be reached from outside."""
    return argument("只看可能对外的资产", default=None)


def environment_argument() -> Any:
    """Where the asset stands."""
    return argument("资产的环境，例如生产、测试", default="", max_length=50)


def importance_argument() -> Any:
    """How much the asset matters."""
    return argument("资产重要性，high 含核心", labels=WEIGHTS, default=None)


def asset_like(
    asker: Person | Actor | None, owner: str, environment: str, importance: str | None, exposed: bool | None
) -> AssetFilter | None:
    """What the asset must be; None: whatever it is. Raises NotFound for a person or an environment that there is not."""
    wanted = AssetFilter(
        owner_id=colleague(owner, asker).pk if owner else None,
        environment=environment_named(environment) if environment else "",
        importance=tuple(dict.fromkeys(("critical", importance))) if importance else (),
        exposed=bool(exposed),
    )
    return wanted if wanted != AssetFilter() else None


def told_asset(wanted: AssetFilter | None, importance: str | None) -> dict[str, str]:
    """The conditions on it as they are shown, but for its owner."""
    return {
        "资产环境": wanted.environment if wanted else "",
        "资产重要性": WEIGHTS[importance] if importance else "",
        "资产": "可能对外的" if wanted and wanted.exposed else "",
    }


def told_age(older: int | None, idle: int | None, unit: str) -> dict[str, str]:
    """How long it has been there, and how long nobody has touched it."""
    return {
        "已有": f"超过 {older} {unit}" if older else "",
        "没有人动": f"超过 {idle} {unit}" if idle else "",
    }


def told(**conditions: str) -> str:
    """The query in Chinese from the conditions that were set; 不限 for none."""
    return "，".join(f"{name}={value}" for name, value in conditions.items() if value) or "不限"


def told_levels(wanted: tuple[str, ...]) -> str:
    """严重、高危."""
    return "、".join(SEVERITY[level] for level in wanted)
