"""What narrows a list: severity, status, number of rows, time."""

import re
from datetime import datetime
from typing import Any

from .numerals import INTEGER, read_integer
from .skeletons import Kind, Skeleton

LEVELS = ("critical", "high", "medium", "low", "info")
_WORDS = {
    "critical": r"严重(?!程度|性)|紧急|致命|危急|超危|特别严重|critical|p0(?![0-9])",
    "high": r"高危|高风险|高级别|高级(?!持续)|高等级|(?<![a-z])high(?![a-z])|p1(?![0-9])",
    "medium": r"中危|中风险|中级别?|中等级?|medium|p2(?![0-9])",
    "low": r"低危|低风险|低级别?|低等级?|(?<![a-z])low(?![a-z])|p3(?![0-9])",
    "info": r"信息级别?|提示级别?|(?:级别|等级)(?:是|为)?(?:信息|提示)|(?<![a-z])info(?![a-z])",
}
_LEVEL = "|".join(f"(?:{words})" for words in _WORDS.values())
_ABOVE = r"(?:\s*(?:级别|等级)?\s*(?P<above>(?:及|或|和)?(?:其)?(?:以上|之上|往上|更高)|\+)(?:的)?(?:级别|等级)?|\s*(?P<below>(?:及|或|和)?(?:以下|更低))|级别|等级|级)?"
_SEVERITY = re.compile(
    rf"(?<!按)(?<!多)(?:>=?\s*)?(?:(?:{_LEVEL})(?:级别|等级|级)?(?:(?:\s*(?:、|,|/|和|与|或者?|及|以及|跟|还有)\s*|)(?:{_LEVEL})(?:级别|等级|级)?)*{_ABOVE}|(?:级别|等级|severity)(?:是|为|=|:)?\s*(?P<short>[高中低])(?:的)?)",
    re.IGNORECASE,
)
_SHORT = {"高": "high", "中": "medium", "低": "low"}
_STATUSES = {
    "acknowledged": r"处理中|正在(?:处理|处置|跟进)|已(?:经)?确认|处置中|已(?:经)?(?:认领|接手|响应)|跟进中|进行中|(?:有人)?在处理|(?<![a-z])(?:acknowledged|acked|in progress)(?![a-z])",
    "open": r"(?:还|尚|仍)?(?:未|没有?|没有人|没人|尚未|还没有?)(?:有人)?(?:被)?(?:处理|处置|关闭|关掉|关|解决|闭环|确认|认领|完成|响应|跟进|看过?|管|接手|搞定|弄完|结案)(?:完|掉|过)?|待(?:处理|处置|确认|办|认领|解决|响应|跟进|关闭)|打开(?:状态)?的|(?:状态|status)(?:是|为|=|:)?\s*open|活跃的?|遗留的?|积压的?|新建(?:状态)?的?|需要处理|要处理|(?<![a-z])(?:open|unresolved|pending|unhandled)(?![a-z])",
    "closed": r"已(?:经)?(?:关闭|处理|解决|处置|闭环|完成|结案|办结|关)(?:完|掉|了|过)?|(?:处理|处置|解决|关)(?:完|掉|过)了?|关闭了?(?=的)|(?<![a-z])(?:closed|resolved)(?![a-z])",
}
_STATUS = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _STATUSES.items()), re.IGNORECASE)
_ROW = r"(?:条|个|台|项|起|款|份|行|次)"
_LIMIT = re.compile(
    rf"(?:最新|最近|头|前|先|最后|top|first|latest|last)\s*(?:的)?(?:面|看|列|给我)?\s*(?P<n>{INTEGER})\s*(?P<unit>{_ROW})?(?!\s*(?:天|小时|周|月|日|分钟|年|h|d))(?=\D|$)"
    rf"|(?P<n2>{INTEGER})\s*{_ROW}(?=.{{0,6}}(?:告警|报警|漏洞|资产|主机|服务器|机器|记录))|(?:来|给我|列|看|显示|取|要|只要|只看|最多)\s*(?P<n3>{INTEGER})\s*{_ROW}",
    re.IGNORECASE,
)


def take_qualifiers(skeleton: Skeleton) -> Skeleton:
    """A further skeleton with severities, statuses and row limits marked as well."""
    marked = skeleton.copy()
    marked.take(Kind.STATUS, _STATUS, lambda m: m.lastgroup)
    marked.take(Kind.SEVERITY, _SEVERITY, _severity)
    marked.take(Kind.LIMIT, _LIMIT, _limit)
    return marked


def _severity(match: re.Match[str]) -> str:
    """Comma-joined levels in descending order."""
    text = match.group()
    if match["short"]:
        return _SHORT[match["short"]]
    found = [level for level in LEVELS if re.search(_WORDS[level], text, re.IGNORECASE)]
    if match["above"] or text.startswith(">"):
        return ",".join(LEVELS[: LEVELS.index(found[-1]) + 1])
    if match["below"]:
        return ",".join(LEVELS[LEVELS.index(found[0]) :])
    return ",".join(found)


def _limit(match: re.Match[str]) -> int | None:
    value = read_integer(match["n"] or match["n2"] or match["n3"])
    bare = match["n"] and not match["unit"] and not match.group().isascii() and not match["n"].isdigit()
    return value if value and value <= 1000 and not bare and match["n2"] != "一" else None


def severity_of(skeleton: Skeleton) -> dict[str, Any]:
    """``severity`` if it was said; several mentions are joined."""
    said = {level for entity in skeleton.found(Kind.SEVERITY) for level in entity.value.split(",")}
    return {"severity": ",".join(level for level in LEVELS if level in said)} if said else {}


def status_of(skeleton: Skeleton) -> dict[str, Any]:
    """``status`` if exactly one was said."""
    said = {entity.value for entity in skeleton.found(Kind.STATUS)}
    return {"status": said.pop()} if len(said) == 1 else {}


def limit_of(skeleton: Skeleton) -> dict[str, Any]:
    """``limit`` if it was said."""
    entity = skeleton.first(Kind.LIMIT)
    return {"limit": entity.value} if entity else {}


def since_of(skeleton: Skeleton, now: datetime) -> dict[str, Any]:
    """``since_hours`` from the first time range, or from a bare duration."""
    entity = skeleton.first(Kind.TIME)
    if entity:
        return {"since_hours": entity.value.hours(now)}
    duration = skeleton.first(Kind.DURATION)
    return {"since_hours": max(1, -(-duration.value // 60))} if duration and duration.value else {}
