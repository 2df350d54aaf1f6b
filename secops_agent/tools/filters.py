"""Arguments that several tools share: levels, a span of time, a number of rows, a person."""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.models import Staff
from secops_agent.services.faults import NotFound
from secops_agent.services.people.directory import find_staff
from secops_agent.services.records import SEVERITIES
from secops_agent.tools.arguments import argument
from secops_agent.tools.markdown import SEVERITY

ROWS: Final = 10
MOST_ROWS: Final = 50
NARROW: Final = (
    "请加条件（更短的时间、更高的级别、具体的资产或关键字）缩小范围，或用 limit 多看几条（最多 50 条）。"
)
_SEPARATORS: Final = re.compile(r"[,，、;；/|\s]+")
_LEVELS: Final[dict[str, str]] = {
    **{level: level for level in SEVERITIES},
    **{v: k for k, v in SEVERITY.items()},
}


def severity_argument() -> Any:
    """One level or several."""
    return argument(
        "级别，一个或几个，用英文逗号分隔：critical=严重、high=高危、medium=中危、low=低危、info=信息；"
        "某级及以上时把更高的也写上；提问里没有级别时不填",
        default="",
    )


def since_argument() -> Any:
    """Hours back from now."""
    return argument("只看最近多少小时；提问里没有时间时不填", default=None, minimum=1, maximum=100_000)


def limit_argument() -> Any:
    """Rows wanted; more than `MOST_ROWS` are never shown."""
    return argument("最多列出几条，默认 10，最多 50", default=ROWS, minimum=1, maximum=1000)


def levels(text: str) -> tuple[str, ...]:
    """The levels said, gravest first. Raises InvalidInput."""
    said = {word.strip().lower() for word in _SEPARATORS.split(text) if word.strip()}
    unknown = sorted(word for word in said if word not in _LEVELS)
    if unknown:
        known = "、".join(f"{level}（{SEVERITY[level]}）" for level in SEVERITIES)
        raise InvalidInput(f"没有「{'、'.join(unknown)[:60]}」这个级别；可以是 {known}，几个之间用逗号。")
    wanted = {_LEVELS[word] for word in said}
    return tuple(level for level in SEVERITIES if level in wanted)


def since(hours: int | None, now: datetime) -> datetime | None:
    """The moment that many hours ago; None without a limit."""
    return now - timedelta(hours=hours) if hours else None


def rows(limit: int) -> int:
    """How many rows are really shown."""
    return min(limit, MOST_ROWS)


def person_named(text: str) -> Staff | None:
    """The one colleague whose name or staffId the text is."""
    if not text.strip():
        return None
    try:
        return find_staff(text)
    except NotFound:
        return None


def told(**conditions: str) -> str:
    """The query in Chinese from the conditions that were set; 不限 for none."""
    return "，".join(f"{name}={value}" for name, value in conditions.items() if value) or "不限"


def told_levels(wanted: tuple[str, ...]) -> str:
    """严重、高危."""
    return "、".join(SEVERITY[level] for level in wanted)


def told_hours(hours: int | None) -> str:
    """最近 24 小时."""
    return f"最近 {hours} 小时" if hours else ""
