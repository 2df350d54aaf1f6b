"""Reading alerts: list_alerts, get_alert, alert_statistics."""

import re
from datetime import datetime
from typing import Any

from .intents import Intent
from .keywords import count_products, find_keyword, find_known
from .lexicon import Lexicon
from .patterns import Pattern
from .qualifiers import limit_of, severity_of, since_of, status_of
from .residues import find_residue
from .skeletons import Kind, Skeleton, mark
from .tallies import group_of, is_ranking, is_statistics, stands_alone

NOUN = Pattern(
    r"(?:安全)?(?:告警|报警|警报|预警|告急)|报(?:过|了|的)?(?:几次|多少次|啥|什么|哪些|几回|没|不)?警(?!告)|安全事件|(?:攻击|入侵|威胁|异常)?事件(?!响应|处置)|alerts?|alarms?|incidents?",
    re.IGNORECASE,
)
_ATTACKS = Pattern(
    r"(?:在|谁|人|有没有|遭到|受到|被|遭)\S{0,4}(?:攻击|入侵|打我们|扫我们|搞我们|黑了|渗透)|异常(?:行为|登录|活动|情况)?(?:$|吗|么|没)|(?:针对|对)\s*\S{1,4}\s*的?\s*(?:攻击|入侵|扫描)|(?:攻击|入侵)(?:了吗|情况|记录)|出(?:什么|啥)?事了?[吗么没]|攻击(?:最多|来源|源|次数|统计|情况|趋势|分布|量)|(?:多少|几)(?:次|个|起|波)?(?:的)?(?:攻击|入侵)|报了?(?:些)?(?:啥|什么|哪些)|(?:被|挨)(?:打|扫|爆破|搞|锤)|有(?:什么|啥|没有?|没)?动静|动静(?:没|吗|不)"
)
_BARE_FILTERS = Pattern(r"(?:[\ue000-\uf8ff]|[\s,，的])+")
_FILTERS = (Kind.SEVERITY, Kind.STATUS, Kind.TIME, Kind.DURATION, Kind.LIMIT)
_BARE_QUESTION = Pattern(
    r"(?:[\ue000-\uf8ff\s,，的]|今天|现在|目前|当前|还|都|一共|总共|有|没有|有没有|哪些|哪几|几|多少|什么|啥|条|个|吗|没|么|呢|剩|剩下|列|看|查|给我|一下|下|出来|看看|拉|一份|请|麻烦|帮我)+"
)
_MINE = Pattern(
    r"(?:^|[^给帮和跟让])(?:我|俺|本人)(?:自己|个人|[\ue2c0-\ue2ff]|都|一共|现在|目前)*(?:的(?!话)|名下|负责|手上|手里|手头|头上|(?:这边|这儿|这里|身上)(?:的|还|挂|有|接|压)|处理(?!完|过)|认领|接的|接手|在跟(?:的|着)|跟的|跟进|在处理|管|要处理|该处理|(?:还)?(?:有|剩)(?:哪些|几条|多少|啥|什么)(?:没|待|要))|"
    r"(?:指派|分配|派|转|分|交|丢|扔|甩|挂|落|压|堆)(?:给|到|在)(?:了)?(?:我|俺|本人)(?!们)|归(?:我|俺)(?!们)|\bmy\b.{0,12}\balerts?\b|\bassigned to me\b",
    re.IGNORECASE,
)
# 域控服务器 DC01, jump-01 是跳板机: what the asset is, not what is looked for.
_ROLE = r"(?:域控|跳板机|堡垒机|(?:支付|邮件|安全|业务|应用|api)?网关|(?:核心)?数据库|中间件|负载均衡|(?:邮件|文件|应用|日志|代理|认证|备份)(?=服务器|主机|系统|平台))(?:制器)?(?:服务器|主机|机器|节点|设备|系统|平台)?"
_NAMED = mark(Kind.ASSET, Kind.ASSET_IP, Kind.HOST)
_ROLES = Pattern(
    rf"{_ROLE}\s*[(（]?\s*(?={_NAMED})|(?<={_NAMED})\s*[(（]?(?:这[台个]|那[台个]|该)?\s*{_ROLE}|"
    rf"(?<={_NAMED})\s*(?:是|作为|属于|为)(?:一[台个]|我们|公司|我司|重要|核心|关键|的)*{_ROLE}",
    re.IGNORECASE,
)
_WHO = Pattern(r"查(?:一查|一下|查|下)?(?:它|他|底细|情报|来头|$)|是谁|什么来头|啥来头|情报|信誉")
_NO_ROWS = Pattern(
    r"(?:不用|不要|不必|无需|不需要|别)(?:再|给我|帮我)*(?:列|看|要|发|展开|给|拉)*(?:出来?|一下|具体|详细|的)*(?:明细|清单|单子|逐条|列表)?"
)
_ROWS = Pattern(r"(?:列|罗列)(?:一下|一列|列|个|下|出来?|一遍|给我)|单子|(?:明细|清单)(?!数)|逐条")


def read_alerts(
    skeleton: Skeleton, lexicon: Lexicon, now: datetime, asker: str = "", *, command: bool = False
) -> Intent | None:
    """What a sentence about alerts asks for; None when it is about something else.

    ``command``: the rest of a slash command, where any word that nothing explains is what to look for.
    """
    alert = skeleton.first(Kind.ALERT)
    if alert:
        return Intent("get_alert", {"alert_id": alert.value}, 1.0, skeleton.spans())
    if not _is_about_alerts(skeleton, lexicon):
        return None
    arguments = _filters(skeleton, lexicon, now, command=command)
    if asker and "keyword" not in arguments and _MINE.search(skeleton.text):
        arguments["keyword"] = asker
    compared = count_products(skeleton.text, lexicon.keywords) > 1
    if _counts(skeleton) and _is_countable(arguments, compared=compared):
        return _statistics(skeleton, arguments, compared=compared)
    return Intent("list_alerts", arguments, 0.9, skeleton.spans())


def read_bare_filters(skeleton: Skeleton, now: datetime) -> Intent | None:
    """未处理的有哪些 with nothing before it that it could refine: alerts are what one asks for most."""
    filtered = skeleton.first(Kind.SEVERITY, Kind.STATUS)
    named = skeleton.first(*(kind for kind in Kind if kind not in _FILTERS))
    if not filtered or named or not _BARE_QUESTION.fullmatch(skeleton.text):
        return None
    arguments = severity_of(skeleton) | status_of(skeleton) | since_of(skeleton, now) | limit_of(skeleton)
    if is_statistics(skeleton.text) and not {"severity", "status"} <= arguments.keys():
        return _statistics(skeleton, arguments, compared=False)
    return Intent("list_alerts", arguments, 0.6, skeleton.spans())


def _is_about_alerts(skeleton: Skeleton, lexicon: Lexicon) -> bool:
    text = skeleton.text
    if NOUN.search(text) or stands_alone(text) or (_ATTACKS.search(text) and not _asks_who(skeleton)):
        return True
    if is_statistics(text) and count_products(text, lexicon.keywords) > 1:
        return True
    if (
        _BARE_FILTERS.fullmatch(text)
        and skeleton.first(Kind.SEVERITY, Kind.STATUS)
        and skeleton.first(Kind.TIME, Kind.DURATION)
    ):
        return True
    filtered = skeleton.first(Kind.TIME, Kind.SEVERITY, Kind.STATUS)
    return bool(filtered and find_known(text, lexicon.keywords) and not re.search(r"漏洞|资产|手册", text))


def _asks_who(skeleton: Skeleton) -> bool:
    """8.8.8.8 在扫我们，查下它 asks for the address, not for alerts."""
    return bool(skeleton.first(Kind.IP) and _WHO.search(skeleton.text))


def _counts(skeleton: Skeleton) -> bool:
    """来了多少，列一下 wants the rows."""
    if _ROWS.search(_NO_ROWS.sub("", skeleton.text)) and not group_of(skeleton.text):
        return False
    return is_statistics(skeleton.text) or is_ranking(skeleton)


def _is_countable(arguments: dict[str, Any], *, compared: bool) -> bool:
    """The tool counts all alerts of a time: one asset's or one rule's are listed, with their number."""
    if "asset" in arguments or {"severity", "status"} <= arguments.keys():
        return False
    return "keyword" not in arguments or compared


def _statistics(skeleton: Skeleton, filters: dict[str, Any], *, compared: bool) -> Intent:
    arguments: dict[str, Any] = {key: filters[key] for key in ("since_hours",) if key in filters}
    group = group_of(NOUN.sub(" ", skeleton.text) if "告警类型" not in skeleton.text else skeleton.text)
    implied = next(({"group_by": key} for key in ("severity", "status") if key in filters), {})
    if len({entity.value for entity in skeleton.found(Kind.STATUS)}) > 1:
        implied = {"group_by": "status"}
    sources = {"group_by": "source"} if compared else {}
    return Intent("alert_statistics", arguments | (group or sources or implied), 0.95, skeleton.spans())


def _filters(skeleton: Skeleton, lexicon: Lexicon, now: datetime, *, command: bool) -> dict[str, Any]:
    arguments = severity_of(skeleton) | status_of(skeleton) | since_of(skeleton, now)
    arguments |= asset_of(skeleton) | limit_of(skeleton)
    keyword = _keyword(skeleton, lexicon, arguments)
    if command and not keyword and not _counts(skeleton):
        keyword = find_residue(skeleton.text, NOUN)
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
    """A rule, source or attack; else an indicator or a person; else a word that is marked as one."""
    skeleton = Skeleton(_ROLES.sub(" ", skeleton.text), skeleton.entities)
    known = find_known(skeleton.text, lexicon.keywords)
    named = skeleton.first(Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH, Kind.CVE, Kind.PERSON, Kind.NETWORK)
    if not known and named and named.value not in arguments.values():
        return str(named.value)
    if not known and _counts(skeleton):
        return ""
    return find_keyword(skeleton, NOUN, lexicon.keywords)
