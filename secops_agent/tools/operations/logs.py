"""Log search: a sentence that asks for the logs of an address, a host or an account, and the tool of a configured service that has them.

The sentence is read whole: what has any other word is no question for logs. What is searched for is filled in by code.
"""

import json
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from secops_agent.tools.arguments import Arguments, argument

NOT_THERE: Final = (
    "没有配置日志平台，查不了日志。请管理员添加一个「HTTP 工具」，里面有名为 search_logs 的只读工具：现成的有 elasticsearch"
    "（python manage.py http_tools preset elasticsearch）。"
)
_CATEGORIES: Final = {
    "登录": "authentication",
    "登陆": "authentication",
    "认证": "authentication",
    "访问": "web",
    "网络": "network",
    "进程": "process",
}
_VERB: Final = r"(?:请|帮我|帮忙|麻烦)*(?:查询|搜索|查看|查|看|搜|找)?(?:一下|一查|一看|看|下)?"
_CLOCK: Final = r"\d{1,2}(?:[:：]\d{2}|点)"
_DAY: Final = r"(?:今天|昨天|前天|\d{1,2}月\d{1,2}[日号])"
_WORDS: Final = (
    r"昨晚|昨天夜里|昨夜|今早|今晚|(?:最近|过去|近)?\s*\d{1,3}\s*(?:个?小时|天|分钟)(?:内|以内)?|最近"
)
_WHEN: Final = rf"(?:从|在)?\s*(?:{_WORDS}|{_DAY}?\s*{_CLOCK}\s*(?:到|至|-|~)\s*{_CLOCK}|{_DAY})"
_VALUE: Final = r"(?:账号|用户|主机|地址|IP|ip)?\s*(?P<value>[0-9A-Za-z][0-9A-Za-z._@:\\-]{1,63})"
_SENTENCE: Final = re.compile(
    rf"{_VERB}\s*(?P<when1>{_WHEN})?\s*的?\s*{_VALUE}\s*(?:在|这台|这个)?\s*(?P<when2>{_WHEN})?\s*的?\s*"
    rf"(?P<kind>{'|'.join(_CATEGORIES)})?\s*的?日志\s*[。.？?！!]*"
)
_SPAN: Final = re.compile(r"(\d{1,3})\s*(个?小时|天|分钟)")
_BETWEEN: Final = re.compile(r"(\d{1,2})(?:[:：](\d{2})|点)\s*(?:到|至|-|~)\s*(\d{1,2})(?:[:：](\d{2})|点)")
_DATE: Final = re.compile(r"(\d{1,2})月(\d{1,2})")
_LONGEST: Final = 100


class LogQuestion(Arguments):
    """What is searched for; times as ISO 8601."""

    value: str = argument("地址、主机或账号", max_length=64)
    since: str = argument("起", max_length=40)
    until: str = argument("止", max_length=40)
    category: str = argument("种类", default="", max_length=40)


def read_log_question(text: str, now: datetime) -> str | None:
    """The arguments of `LogQuestion` as JSON, where the whole sentence asks for logs; ``now`` in the asker's zone."""
    found = _SENTENCE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        return None
    since, until = _span(found["when1"] or found["when2"] or "", now)
    given = {
        "value": found["value"],
        "since": since.isoformat(timespec="seconds"),
        "until": until.isoformat(timespec="seconds"),
    }
    return json.dumps(given | ({"category": _CATEGORIES[found["kind"]]} if found["kind"] else {}))


def _span(when: str, now: datetime) -> tuple[datetime, datetime]:
    """A day without anything said; a night is from six in the evening to six in the morning."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    hours, day = timedelta(hours=1), timedelta(days=1)
    if when in ("昨晚", "昨夜", "昨天夜里"):
        return midnight - 6 * hours, min(midnight + 6 * hours, now)
    if when == "今晚":
        return min(midnight + 18 * hours, now), now
    if when.strip() in ("今天", "今早"):
        return midnight, now
    if clocks := _BETWEEN.search(when):
        first, last = (timedelta(hours=int(clocks[n]), minutes=int(clocks[n + 1] or 0)) for n in (1, 3))
        start = _day(when, midnight)
        return start + first, start + (last if last > first else last + day)
    if re.search(_DAY, when):
        start = _day(when, midnight)
        return start, start + day
    if counted := _SPAN.search(when):
        unit = {"天": day, "分钟": timedelta(minutes=1)}.get(counted[2], hours)
        return now - int(counted[1]) * unit, now
    return now - day, now


def _day(when: str, midnight: datetime) -> datetime:
    """Its beginning; a date is the last one that has come."""
    if dated := _DATE.search(when):
        with suppress(ValueError):
            found = midnight.replace(month=int(dated[1]), day=int(dated[2]))
            return found if found <= midnight else found.replace(year=found.year - 1)
    back = 1 if "昨天" in when else 2 if "前天" in when else 0
    return midnight - timedelta(days=back)


def arguments_for(schema: dict[str, Any], asked: LogQuestion) -> dict[str, Any]:
    """What of it the service's tool takes; a time that is a number there, in epoch seconds."""
    given = {name: value for name, value in asked.model_dump().items() if value}
    taken = {name: value for name, value in given.items() if name in schema["properties"]}
    whole = {name for name in taken if schema["properties"][name].get("type") == "integer"}
    return {
        name: int(datetime.fromisoformat(value).timestamp()) if name in whole else value
        for name, value in taken.items()
    }
