"""Reading alerts: list_alerts, get_alert, alert_statistics."""

import re
from datetime import datetime
from typing import Any

from .intents import Intent
from .lexicon import Lexicon
from .qualifiers import limit_of, severity_of, since_of, status_of
from .residues import count_unexplained, find_known, find_residue
from .skeletons import Kind, Skeleton

NOUN = re.compile(
    r"(?:安全)?(?:告警|报警|警报|预警|告急)|安全事件|(?:攻击|入侵|威胁|异常)?事件(?!响应|处置)|alerts?|alarms?|incidents?",
    re.IGNORECASE,
)
_ATTACKS = re.compile(
    r"(?:在|谁|人|有没有|遭到|受到|被|遭)\S{0,4}(?:攻击|入侵|打我们|扫我们|搞我们|黑了|渗透)|异常(?:行为|登录|活动|情况)?(?:$|吗|么|没)|(?:针对|对)\s*\S{1,4}\s*的?\s*(?:攻击|入侵|扫描)|(?:攻击|入侵)(?:了吗|情况|记录)|出(?:什么|啥)?事了?[吗么没]"
)
_COUNT = re.compile(
    r"统计|多少|数$|告警数|每日|每天|几[条个起次]|数量|个数|总数|总量|计数|分布|趋势|走势|占比|比例|排[名行]|最多|最少|各(?:有|是|占)|对比|图表|饼图|曲线|日均|top(?!\s*\d+\s*(?:条|个)?\s*(?:的)?告警)|\bhow many\b|\bcount\b|\bstat(?:s|istics)?\b",
    re.IGNORECASE,
)
_BARE_FILTERS = re.compile(r"(?:[\ue000-\uf8ff]|[\s,，的])+")
_GROUPS: tuple[tuple[str, str], ...] = (
    ("day", r"每天|每日|按[天日]|趋势|走势|逐日|日均|曲线|by day|daily|天级"),
    (
        "assignee",
        r"负责人|处理人|指派人|每个?人|按人|人员|谁(?:的)?(?:手上|手里|处理|名下)|各人|值班人|同事|assignee",
    ),
    ("rule", r"规则|告警类型|攻击类型|类型|种类|哪[类种]|各类|什么类|手法|rule|by type"),
    ("source", r"来源|数据源|安全产品|产品|哪个(?:系统|设备|平台|产品)|渠道|探针|source"),
    ("asset", r"资产|主机|机器|服务器|哪台|各台|每台|目标|asset|host"),
    ("severity", r"级别|等级|严重程度|严重性|危险程度|风险程度|危害|高中低|severity"),
    ("status", r"状态|处理情况|处理进度|处置情况|闭环(?:率|情况)|status"),
)
_MINE = re.compile(
    r"(?:^|[^给帮和])我(?:自己)?(?:的|名下|负责|手上|手里|处理)|(?:指派|分配|派|转|分)给我|\bmy alerts\b",
    re.IGNORECASE,
)
_TOO_GENERAL = frozenset(
    {"攻击", "入侵", "安全", "异常", "威胁", "风险", "被攻击", "遭到攻击", "处理", "确认", "推送"}
)
_STATISTICS_ALONE = re.compile(
    r"(?:规则|机器|主机|资产|来源|产品|设备)\S{0,3}(?:报得|报的|告警|触发|报警)\S{0,3}最多|^统计(?:一下|下)?$|^(?:按|统计|根据)\S{0,10}(?:级别|等级|状态|来源|规则|资产|天|负责人)\S{0,6}$"
)


def read_alerts(skeleton: Skeleton, lexicon: Lexicon, now: datetime, asker: str = "") -> Intent | None:
    """What a sentence about alerts asks for; None when it is about something else."""
    alert = skeleton.first(Kind.ALERT)
    if alert:
        return Intent("get_alert", {"alert_id": alert.value}, 1.0, skeleton.spans())
    if not _is_about_alerts(skeleton, lexicon):
        return None
    arguments = _filters(skeleton, lexicon, now)
    if asker and "keyword" not in arguments and _MINE.search(skeleton.text):
        arguments["keyword"] = asker
    if (
        is_statistics(skeleton.text)
        and not {"asset", "keyword"} & arguments.keys()
        and not _is_double(arguments)
    ):
        return _statistics(skeleton, arguments)
    unexplained = count_unexplained(skeleton.text, NOUN)
    return Intent(
        "list_alerts", arguments, 0.9 if unexplained <= 8 or "keyword" in arguments else 0.6, skeleton.spans()
    )


def is_statistics(text: str) -> bool:
    """Whether numbers are asked for instead of rows."""
    return bool(
        _COUNT.search(text) or _STATISTICS_ALONE.search(text) or re.search(r"按\S{1,6}(?:分组|划分|看)", text)
    )


def group_of(text: str) -> dict[str, str]:
    """``group_by`` if it was said."""
    return next(({"group_by": name} for name, words in _GROUPS if re.search(words, text, re.IGNORECASE)), {})


def _is_about_alerts(skeleton: Skeleton, lexicon: Lexicon) -> bool:
    text = skeleton.text
    if NOUN.search(text) or _ATTACKS.search(text) or _STATISTICS_ALONE.search(text):
        return True
    if (
        _BARE_FILTERS.fullmatch(text)
        and skeleton.first(Kind.SEVERITY, Kind.STATUS)
        and skeleton.first(Kind.TIME, Kind.DURATION)
    ):
        return True
    filtered = skeleton.first(Kind.TIME, Kind.SEVERITY, Kind.STATUS)
    return bool(filtered and find_known(text, lexicon.keywords) and not re.search(r"漏洞|资产|手册", text))


def _is_double(arguments: dict[str, Any]) -> bool:
    return {"severity", "status"} <= arguments.keys()


def _statistics(skeleton: Skeleton, filters: dict[str, Any]) -> Intent:
    arguments: dict[str, Any] = {key: filters[key] for key in ("since_hours",) if key in filters}
    group = group_of(NOUN.sub(" ", skeleton.text) if "告警类型" not in skeleton.text else skeleton.text)
    implied = next(({"group_by": key} for key in ("severity", "status") if key in filters), {})
    return Intent("alert_statistics", arguments | (group or implied), 0.95, skeleton.spans())


def _filters(skeleton: Skeleton, lexicon: Lexicon, now: datetime) -> dict[str, Any]:
    arguments = severity_of(skeleton) | status_of(skeleton) | since_of(skeleton, now)
    arguments |= asset_of(skeleton) | limit_of(skeleton)
    keyword = _keyword(skeleton, lexicon, arguments)
    return arguments | ({"keyword": keyword} if keyword else {})


def asset_of(skeleton: Skeleton) -> dict[str, Any]:
    """``asset``: a name of the estate, an address of it, or what looks like a host."""
    entity = skeleton.first(Kind.ASSET, Kind.ASSET_IP, Kind.HOST)
    if entity:
        return {"asset": entity.value}
    address = skeleton.first(Kind.IP)
    return {"asset": address.value} if address and is_private(address.value) else {}


def is_private(address: str) -> bool:
    """RFC 1918 by its first numbers: an address of the estate even when nobody registered it."""
    return bool(re.match(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.", address))


def _keyword(skeleton: Skeleton, lexicon: Lexicon, arguments: dict[str, Any]) -> str:
    """A rule, source or attack; else an indicator or a person; else the one word that nothing explains."""
    known = find_known(skeleton.text, lexicon.keywords)
    if known:
        return known
    named = skeleton.first(Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH, Kind.CVE, Kind.PERSON, Kind.NETWORK)
    if named and named.value not in arguments.values():
        return str(named.value)
    if is_statistics(skeleton.text):
        return ""
    word = find_residue(skeleton.text, NOUN)
    return "" if word in _TOO_GENERAL else word
