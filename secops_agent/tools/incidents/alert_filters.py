"""The conditions that list_alerts and alert_statistics share: declared, read and told once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from bifang.channels.text.markup import plain
from secops_agent.models import Staff
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts.queries.clocks import CLOCKS
from secops_agent.services.alerts.queries.filters import TECHNIQUE, AlertFilter
from secops_agent.services.alerts.queries.urgency import UNCLOSED
from secops_agent.services.alerts.spread import alerts_under
from secops_agent.services.records.indicators import refang
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import Asker
from secops_agent.tools.filters import (
    NETWORK,
    TimeSpan,
    asset_argument,
    asset_like,
    clock_span,
    colleague,
    environment_argument,
    exposed_argument,
    importance_argument,
    levels,
    people_named,
    severity_argument,
    since_argument,
    span,
    span_of_period,
    told,
    told_age,
    told_asset,
    told_levels,
    until_argument,
)
from secops_agent.tools.markdown import STATUS, VERDICT

STATES: Final[dict[str, tuple[str, ...]]] = {
    "unclosed": UNCLOSED, "all": (), **{each: (each,) for each in AlertStatus.values},
}  # fmt: skip
_SAID: Final = {**STATUS, "unclosed": "未关闭", "all": "不限"}
_DUE: Final = {"overdue": "已超时", "soon": "快超时", "in_time": "有时限、还没超时"}
_EVER: Final = timedelta(days=36_500)


class AlertScope(Arguments):
    """Of what, whose, where and when; how they stand is `AlertConditions`."""

    severity: str = severity_argument()
    since_hours: int | None = since_argument()
    keyword: str = argument(
        "标题、规则、来源里的词，或 IP、域名、哈希",
        default="",
    )
    asset: str = asset_argument()
    until_hours: int | None = until_argument()
    period: Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"] | None = (
        argument(
            "自然日、周、月，代替前两项",
            default=None,
        )
    )
    since: str = argument("从几点起：20:00 或 11-29 20:00", default="", max_length=20)
    until: str = argument("到几点为止，写法同上", default="", max_length=20)
    assignee: str = argument("处理人的姓名或员工 ID；我。time_of=closed 时指关闭人", default="")
    technique: str = argument("ATT&CK 技术编号", default="", max_length=20)
    address: str = argument("IP 或网段（10.0.0.0/24）", default="", max_length=50)
    owner: str = argument("资产负责人", default="")
    environment: str = environment_argument()
    importance: Literal["critical", "high"] | None = importance_argument()
    exposed: bool | None = exposed_argument()


class AlertConditions(AlertScope):
    """Which alerts."""

    status: Literal["open", "acknowledged", "closed", "unclosed", "all"] | None = argument(
        "状态", labels=_SAID, default=None
    )
    time_of: Literal["seen", "new", "acknowledged", "closed"] | None = argument(
        "时间指发生、新增、确认还是关闭", default=None
    )
    verdict: Literal["true_positive", "false_positive", "benign", "duplicate"] | None = argument(
        "结论", default=None
    )
    due: Literal["overdue", "soon", "in_time"] | None = argument("已超时、快超时或还没超时", default=None)
    due_within: int | None = argument(
        "只看多少小时内到处理时限的（还没超时）", default=None, minimum=1, maximum=8760
    )
    unassigned: bool | None = argument("只看没有处理人的", default=None)
    listed: bool | None = argument("只看命中情报的", default=None)
    older_hours: int | None = argument("入库超过多少小时的", default=None, minimum=1, maximum=100_000)
    idle_hours: int | None = argument("超过多少小时没人动的", default=None, minimum=1, maximum=100_000)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked: the filter, its span of time, and all of it in Chinese without the state."""

    filter: AlertFilter
    time: TimeSpan
    told: dict[str, str]

    def query(self, **more: str) -> str:
        """The conditions as they are shown."""
        return told(**self.told, **more)


def read(asker: Asker, given: AlertConditions, usual: str) -> Wanted:
    """``usual``: the states when none is said. Raises InvalidInput."""
    is_done = given.time_of in ("acknowledged", "closed") or given.verdict
    status = given.status or ("all" if is_done else usual)
    time = _time(asker, given)
    people, is_closer = _people(asker, given), given.time_of == "closed"
    found = tuple(person.pk for person in people)
    wanted = AlertFilter(
        severities=levels(given.severity),
        statuses=STATES[status],
        verdicts=(given.verdict,) if given.verdict else (),
        since=time.since,
        until=time.until,
        clock=given.time_of or "seen",
        private=not asker.hides_private,
        asset=given.asset,
        assignees=() if is_closer else found,
        closers=found if is_closer else (),
        on=asset_like(asker.person, given.owner, given.environment, given.importance, given.exposed),
        **_sought(given, "" if people and not given.assignee else given.keyword, asker.now),
    )
    told = wanted
    if (under := alerts_under(refang(wanted.keyword), private=wanted.private)) is not None:
        wanted = replace(wanted, keyword="", among=under)
    said_status = _SAID[status] if given.status or status != "all" else ""
    beside = {"状态": said_status, f"{CLOCKS[wanted.clock]}时间": time.told}
    return Wanted(wanted, time, _told(told, given, beside, people[0].name if people else ""))


def _people(asker: Asker, given: AlertConditions) -> tuple[Staff, ...]:
    """Whose alerts they are, said as such or as the word that is looked for. Raises NotFound, InvalidInput."""
    found = people_named(given.assignee or given.keyword)
    return found or ((colleague(given.assignee, asker.person),) if given.assignee else ())


def _time(asker: Asker, given: AlertConditions) -> TimeSpan:
    if given.since or given.until:
        return clock_span(given.since, given.until, asker.now)
    if given.period:
        return span_of_period(given.period, asker.now)
    return span(given.since_hours, given.until_hours, asker.now)


def _sought(given: AlertConditions, keyword: str, now: datetime) -> dict[str, Any]:
    """What is asked for by word or by a mark. A technique and a network are what they are, wherever they were written."""
    is_technique, is_network = bool(TECHNIQUE.fullmatch(keyword)), bool(NETWORK.fullmatch(keyword))
    return {
        "technique": given.technique or (keyword.upper() if is_technique else ""),
        "address": given.address or (keyword if is_network else ""),
        "keyword": "" if is_technique or is_network else keyword,
        "unassigned": bool(given.unassigned),
        "overdue": given.due == "overdue",
        "at_risk": given.due == "soon",
        "due_before": now + timedelta(hours=given.due_within)
        if given.due_within
        else now + _EVER
        if given.due == "in_time"
        else None,
        "listed": bool(given.listed),
        "stored_before": now - timedelta(hours=given.older_hours) if given.older_hours else None,
        "idle_since": now - timedelta(hours=given.idle_hours) if given.idle_hours else None,
    }


def _told(wanted: AlertFilter, given: AlertConditions, told: dict[str, str], person: str) -> dict[str, str]:
    return {
        "级别": told_levels(wanted.severities),
        **told,
        "结论": VERDICT[given.verdict] if given.verdict else "",
        "时限": _DUE[given.due] if given.due else f"{given.due_within} 小时内到" if given.due_within else "",
        **told_age(given.older_hours, given.idle_hours, "小时"),
        "关闭人": person if wanted.closers else "",
        "处理人": person if wanted.assignees else "没有" if given.unassigned else "",
        "情报": "命中情报清单" if given.listed else "",
        "关键字": plain(wanted.keyword, 60),
        "技术": wanted.technique,
        "地址": plain(wanted.address, 50),
        "资产负责人": plain(given.owner, 40),
        **told_asset(wanted.on, given.importance),
        "搜索范围": "" if wanted.private or not wanted.keyword else "不含说明和账号",
        **({"资产": plain(given.asset, 60)} if given.asset else {}),
    }
