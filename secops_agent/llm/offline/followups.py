"""Sentences that only make sense after another one: 只看高危的, 那昨天的呢, 第 2 条详情, 它的负责人是谁."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from .alerts import asset_of
from .intents import READ_TOOLS, Intent
from .keywords import find_known
from .numerals import INTEGER, read_integer
from .patterns import Pattern
from .qualifiers import limit_of, severity_of, since_of, status_of
from .residues import count_unexplained
from .skeletons import Kind, Skeleton
from .tallies import group_of, is_statistics
from .vulnerabilities import fix_of, kev_of

Read = Callable[[str], Intent | None]

_ITEM = Pattern(
    rf"第\s*(?P<n>{INTEGER})\s*(?:条|个|台|项|行)?|(?P<last>最后)(?:一)?(?:条|个|台|项)|(?P<first>头一|首)(?:条|个|台)"
)
_ITEM_TOOLS = {
    "list_alerts": ("get_alert", "alert_id"),
    "list_assets": ("get_asset", "asset"),
    "list_vulnerabilities": ("lookup_cve", "cve_id"),
    "affected_assets": ("get_asset", "asset"),
}
_PRONOUN = Pattern(
    r"它们?|(?:这|那|该)(?:台|个|条|款)?(?:机器|主机|服务器|资产|系统|漏洞|cve|ip|地址|域名|告警|报警)|(?:这|那)(?:台|个|条)(?=的|有|是|上|怎么|谁|影响|呢|归|在)|^(?=(?:的)?(?:负责人|责任人)(?:是谁|呢)?$|谁负责|影响(?:哪些|我们|范围)|有(?:什么|哪些|啥)(?:漏洞|告警)|怎么修)",
    re.IGNORECASE,
)
_MEANS = (
    ("漏洞|cve", ("cve_id",)),
    ("告警|报警", ("alert_id",)),
    ("机器|主机|服务器|资产|系统|台", ("asset", "value", "ip")),
    ("ip|地址|域名", ("value", "ip")),
)
_OBJECTS = ("asset", "cve_id", "value", "alert_id", "ip")
_LEAD = Pattern(
    r"^(?:那么?|再|还有|然后|接着|另外|就|请|麻烦|帮我|给我|换成|改成|换|改|只看|只要|只显示|只列|仅看|筛选|过滤(?:出)?|其中|里面|单看|看看?|要|查|ok|好的?|嗯|,|，|\s)+",
    re.IGNORECASE,
)
_STARTS = Pattern(
    r"^(?:那么?(?!个|台|条|些)|再|还有|换成?|改成?|只看|只要|只显示|只列|仅看|筛选|过滤|其中|里面|单看|按)"
)
_ENDS = Pattern(r"呢[?？]?$|^[^,，]{1,12}的[?？]?$")
_MORE = Pattern(
    r"^(?:还有吗|还有没有|更多|再来(?:一些|点|几条)?|下一页|继续|看更多|多看(?:一些|点)|全部显示|more|next)[?？。]?$",
    re.IGNORECASE,
)
_TOPIC = Pattern(
    r"告警|报警|漏洞|资产|主机|服务器|机器|日报|周报|月报|报告|手册|预案|定时|状态|仓库|镜像|影响|负责|谁|如何|怎么|情报|alert|vuln|cve",
    re.IGNORECASE,
)
_NOTHING = Pattern(r"告警|报警|漏洞|资产|按|分组|统计|看|分|详细|筛|组|排序|只|部分", re.IGNORECASE)
_FILTERS = {
    "list_alerts": {"severity", "status", "since_hours", "asset", "limit", "keyword"},
    "alert_statistics": {"since_hours", "group_by"},
    "list_vulnerabilities": {"severity", "asset", "limit", "kev_only", "fix_available"},
    "list_assets": {"limit", "asset_type"},
}
_KEV_WORDS = Pattern(r"kev|在野|被?利用|补丁|修复|已知", re.IGNORECASE)
_MAX_ROWS, _ROWS = 50, 10


def read_item(text: str, last: Intent | None) -> Intent | None:
    """第 2 条 of what was listed, if the identifiers of the rows are known."""
    match = _ITEM.search(text)
    if not match or last is None or last.tool not in _ITEM_TOOLS or len(text) > 20:
        return None
    index = 0 if match["first"] else -1 if match["last"] else (read_integer(match["n"]) or 0) - 1
    if not -len(last.items) <= index < len(last.items):
        return None
    tool, name = _ITEM_TOOLS[last.tool]
    item = last.items[index]
    return Intent(tool, {name: int(item) if name == "alert_id" else item}, 0.9)


def read_pronoun(text: str, last: Intent | None, read: Read) -> Intent | None:
    """The sentence with the last object in the place of 它; never an action, since its object must be named."""
    match = _PRONOUN.search(text)
    key = _object_of(match.group(), last) if match and last else ""
    if not match or last is None or not key or len(text) > 30:
        return None
    subject = f" 告警 {last.arguments[key]} " if key == "alert_id" else f" {last.arguments[key]} "
    found = read(f"{text[: match.start()]}{subject}{text[match.end() :]}".strip())
    return replace(found, confidence=0.85) if found and found.tool in READ_TOOLS else None


def _object_of(pronoun: str, last: Intent) -> str:
    """Which argument of the last intent the pronoun can mean; 这个漏洞 is no asset."""
    allowed = next((keys for words, keys in _MEANS if re.search(words, pronoun, re.IGNORECASE)), _OBJECTS)
    return next((key for key in allowed if key in last.arguments), "")


def read_refinement(skeleton: Skeleton, last: Intent | None, now: datetime, *, loose: bool) -> Intent | None:
    """The last question with other filters. ``loose``: nothing else fits, so no marker word is needed."""
    if last is None:
        return None
    text = skeleton.text.strip(" 。.!！")
    if _MORE.match(text):
        return _more(last)
    marked = bool(_STARTS.search(text) or _ENDS.search(text))
    if len(text) > 24 or not (marked or loose) or (_TOPIC.search(text) and not _is_grouping(text, last)):
        return None
    return (
        _numbered(text, last)
        or _replaced_object(skeleton, last)
        or _replaced_period(skeleton, last)
        or _refined(skeleton, last, now)
    )


def _numbered(text: str, last: Intent) -> Intent | None:
    """13 号呢 after a question about one alert."""
    match = re.fullmatch(rf"(?:那|再看|看看)?\s*#?(?P<n>{INTEGER})\s*号?(?:的)?呢[?？]?", text)
    if last.tool != "get_alert" or not match:
        return None
    return Intent("get_alert", {"alert_id": read_integer(match["n"])}, 0.85)


def _is_grouping(text: str, last: Intent) -> bool:
    return last.tool in ("list_alerts", "alert_statistics") and bool(re.match(r"^(?:那|再|就)?按|统计", text))


def _more(last: Intent) -> Intent | None:
    if "limit" not in _FILTERS.get(last.tool, set()):
        return None
    rows = min(_MAX_ROWS, int(last.arguments.get("limit", _ROWS)) + _ROWS)
    return Intent(last.tool, {**last.arguments, "limit": rows}, 0.8)


def _replaced_object(skeleton: Skeleton, last: Intent) -> Intent | None:
    """web-02 呢 after a question about web-01; another CVE, address or alert likewise."""
    kinds = {
        "cve_id": (Kind.CVE,),
        "alert_id": (Kind.ALERT,),
        "value": (Kind.IP, Kind.ASSET_IP, Kind.DOMAIN, Kind.URL, Kind.HASH),
        "asset": (Kind.ASSET, Kind.ASSET_IP, Kind.HOST),
    }
    for name, wanted in kinds.items():
        entity = skeleton.first(*wanted)
        if name in last.arguments and entity and last.tool in READ_TOOLS:
            return Intent(last.tool, {**last.arguments, name: entity.value}, 0.85, skeleton.spans())
    return None


def _replaced_period(skeleton: Skeleton, last: Intent) -> Intent | None:
    entity = skeleton.first(Kind.TIME)
    if last.tool != "security_report" or entity is None or not entity.value.period:
        return None
    return Intent("security_report", {"period": entity.value.period}, 0.85, skeleton.spans())


def _refined(skeleton: Skeleton, last: Intent, now: datetime) -> Intent | None:
    allowed = _FILTERS.get(last.tool)
    if not allowed:
        return None
    said: dict[str, Any] = severity_of(skeleton) | status_of(skeleton) | since_of(skeleton, now)
    said |= asset_of(skeleton) | limit_of(skeleton)
    text = _LEAD.sub("", skeleton.text)
    grouping = group_of(text) if is_statistics(text) or re.match(r"按", text) else {}
    if grouping and last.tool in ("list_alerts", "alert_statistics"):
        since = {key: value for key, value in (dict(last.arguments) | said).items() if key == "since_hours"}
        return Intent("alert_statistics", since | grouping, 0.85, skeleton.spans())
    keyword = find_known(text, frozenset()) if "keyword" in allowed else ""
    said |= {"keyword": keyword} if keyword else {}
    said |= fix_of(text) | kev_of(text)
    said = {key: value for key, value in said.items() if key in allowed}
    left = count_unexplained(_KEV_WORDS.sub("", text.replace(keyword, "") if keyword else text), _NOTHING)
    return (
        Intent(last.tool, {**last.arguments, **said}, 0.85, skeleton.spans()) if said and left <= 2 else None
    )
