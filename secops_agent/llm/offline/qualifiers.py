"""What narrows a list: severity, status, number of rows, time."""

import re
from datetime import datetime
from typing import Any

from .asides import drop_asides
from .numerals import INTEGER, read_integer
from .patterns import Pattern
from .skeletons import Entity, Kind, Skeleton, mark

LEVELS = ("critical", "high", "medium", "low", "info")
_WORDS = {
    "critical": r"严重(?!程度|性)|紧急|致命|危急|超危|特别严重|critical|p0(?![0-9])",
    "high": r"高危|高风险|高级别|高级(?!持续)|高等级|(?<![a-z])high(?![a-z])|p1(?![0-9])",
    "medium": r"中危|中风险|中级别?|中等级?|medium|p2(?![0-9])",
    "low": r"低危|低风险|低级别?|低等级?|(?<![a-z])low(?![a-z])|p3(?![0-9])",
    "info": r"信息级别?|提示级别?|(?:级别|等级)(?:是|为)?(?:信息|提示)|(?<![a-z])info(?![a-z])",
}
_LEVEL = "|".join(f"(?:{words})" for words in _WORDS.values())
_ABOVE = r"(?:\s*(?:级别|等级)?\s*(?P<above>(?:及|或|和)?(?:其)?(?:以上|之上|往上|更高)|\+(?=\s*(?:的|级|$|[,，]|告警|漏洞)))(?:的)?(?:级别|等级)?|\s*(?P<below>(?:及|或|和)?(?:以下|更低))|级别|等级|级)?"
_SEVERITY = Pattern(
    rf"(?<!多)(?:>=?\s*)?(?:(?:{_LEVEL})(?:级别|等级|级)?(?:(?:\s*(?:、|,|，|/|和|与|或者?|及|以及|跟|还有)\s*|)(?:{_LEVEL})(?:级别|等级|级)?)*{_ABOVE}|(?:级别|等级|severity)(?:是|为|=|:)?\s*(?P<short>[高中低])(?:的)?)",
    re.IGNORECASE,
)
_SHORT = {"高": "high", "中": "medium", "低": "low"}
_DONE = r"(?:处理|处置|关闭|关掉|关单|关|解决|闭环|确认|认领|完成|响应|跟进|跟|看过?(?!着)|管|接手|接单|接|领走|搞定|搞完|搞|弄完|弄好|弄|动过?|碰过?|理会|理睬|理(?![由论解想性顺])|结案|结单|结(?![果构束合论])|收尾|排查|研判|分配|指派|收拾|了结|回应)"
_STATUSES = {
    "acknowledged": r"处理中|正在?(?:处理|处置|跟进|跟|弄|搞|看)|(?<!是否)(?<!是不是)(?<!有没有)已(?:经)?(?:确认|认领|接手|接单|响应|受理|接了)|处置中|排查中|跟进中|进行中|研判中|(?:有人)?在(?:处理|跟进|跟|弄)(?:的|着)|在处理|(?<!没)有人(?:正|在|已经?|都)*(?:跟着|跟|接|看着|管|盯|处理|负责|认领)(?:着|了|手|进)*(?:处理|处置|的)*|(?<![a-z])(?:acknowledged|acked|in progress)(?![a-z])",
    "open": rf"(?:还|尚|仍|都|一直)*(?:未|没(?!有)|(?<!有)没有|没人|(?<!有)没有人|无人|没谁|尚未)(?:有人|谁|人)?(?:被|在|去|来得及|及时|顾上|着手|来)*{_DONE}(?:完毕|完|掉|过|好|干净)?(?![系注联到见懂错出静由住清楚手群消邮电微钉])(?!明白)|待(?:处理|处置|确认|办|认领|解决|响应|跟进|关闭|研判|分析|接手|分配|指派|核实)|打开(?:状态)?的|(?:状态|status)(?:是|为|=|:)?\s*open|活跃的?|遗留的?|积压的?|悬而未决的?|新建(?:状态)?的?|需要处理|要处理|(?:还|仍|一直)?(?:悬|晾|搁|压)着的?|(?:还|仍)(?:挂|开|堆|积)着的?|(?<![a-z])(?:open|unresolved|pending|unhandled|unassigned|unacknowledged)(?![a-z])",
    "closed": r"(?<!是否)(?<!是不是)(?<!有没有)已(?:经)?(?:被)?(?:关闭|关掉|关单|处理|解决|处置|闭环|完成|结案|结单|办结|搞定|弄完|弄好|了结|归档|销|关)(?:完毕|完|掉|好|了|过)*|(?:处理|处置|解决|关|结|弄|搞|销)(?:完|掉|过)(?:毕)?了?(?!了?(?:没|吗|么|不))|搞定了?(?!没|吗|么)|关闭了?(?=的)|(?<![a-z])(?:closed|resolved)(?![a-z])",
}
# 我还没看 tells of the speaker, not of alerts.
_SPEAKER = r"(?:我|咱|俺|我们|咱们|领导|老板)(?:自己|这边|还|都|也|今天|刚|一直|一条)*没(?:有)?(?:来得及|顾上|空|时间|工夫|功夫)?(?:去|仔细|细|认真)?(?:看|瞅|过目|过)(?:完|过)?"
_STATUS = Pattern(
    "|".join([_SPEAKER, *(f"(?P<{name}>{words})" for name, words in _STATUSES.items())]), re.IGNORECASE
)
_ROW = r"(?:条|个(?!字|词|关键|小时|月|礼拜|星期|人|部门|钟)|台|项|起|款|份|行|次)"
_AT_MOST = r"(?:控制在|限制在|限定在|限定为|限制为|不要超过|不超过|不超出|不多于|最多|至多|上限(?:为|是|设为)?|以|限|取前|仅限)"
_LIMIT = Pattern(
    rf"{_AT_MOST}\s*(?P<n6>{INTEGER})\s*{_ROW}(?:以内|之内|以下|为限|左右)?|(?P<n7>{INTEGER})\s*{_ROW}(?:以内|之内|为限|左右|即可|就够|就行|就好|就可以|够了|足够|足矣)|(?:最新|最近|头|前|先|最后|top|first|latest|last)\s*(?:的)?(?:面|看个?|列个?|给我|给|来|拉|要|发|出|捞|挑)?\s*(?P<n>{INTEGER})\s*(?P<unit>{_ROW})?(?!\s*(?:天|个?小时|个?钟|周|个?星期|个?礼拜|个?月|日|分钟|刻钟|年|h|d|点|号|:|\.))(?=\D|$)"
    rf"|(?P<n2>{INTEGER})\s*{_ROW}(?=.{{0,6}}(?:告警|报警|漏洞|洞|资产|主机|服务器|机器|机子|记录))|(?:来个?|给我?|列(?:出|个)?|看个?|显示|取|要|只要|只看|最多|拉|捞|挑|发|贴|甩|出|整)\s*(?P<n3>{INTEGER})\s*{_ROW}|(?:limit|前)\s*[:=]?\s*(?P<n4>\d{{1,4}})(?!\s*(?:天|小时|月|周|\d|h|d))|(?:^|(?<=[\s,，]))(?P<n5>\d{{1,4}}|[二两三四五六七八九十百]{{1,4}})\s*[条个台](?=$|[\s,，])",
    re.IGNORECASE,
)


# 今天要做汇报, 昨晚值班的同事: when the asker needs it, not when it happened.
_ERRAND = Pattern(
    rf"{mark(Kind.TIME)}(?:我|我们|咱|领导|老板|客户|下午|上午|晚上|就|还|得|又)*(?:要(?!紧)|得(?=交|写|做|开|去)|需要|准备|开会|开例会|例会|早会|晨会|周会|汇报|值班|上班|交班|接班|休假|请假|出差|培训|评审|检查组|来检查|演练|护网|过来)"
)


# 按本周统计, 以本周为准: what counts whatever was said before.
_MEASURED = Pattern(
    rf"[按照]照?\s*(?P<by>{mark(Kind.TIME)})(?:的)?(?:来|口径|数据|范围|时间)*(?:统计|算|计算|计|看|汇总|出|为准|来$|$)|以\s*(?P<as>{mark(Kind.TIME)})(?:的)?(?:数据)?为(?:准|口径)"
)
_CLAUSE = Pattern(r"[^,，。;；!！?？]+")
_NOUN = Pattern(r"告警|报警|警报|预警|事件|alerts?", re.IGNORECASE)


def take_qualifiers(skeleton: Skeleton) -> Skeleton:
    """A further skeleton with severities, statuses and row limits marked as well."""
    marked = skeleton.copy()
    marked.take(Kind.STATUS, _STATUS, lambda m: m.lastgroup)
    marked.take(Kind.SEVERITY, _SEVERITY, _severity)
    marked.take(Kind.LIMIT, _LIMIT, _limit)
    return drop_asides(marked)


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
    """来一份, 有一条 name no number of rows; 最近 5 without a unit must be in digits."""
    number = next((said for name, said in match.groupdict().items() if name != "unit" and said), "")
    value = read_integer(number)
    bare = match["n"] and not match["unit"] and not match.group().isascii() and not match["n"].isdigit()
    single = (
        match["n2"] == "一" or match["n3"] == "一" or (match["n"] == "一" and match["unit"] in ("份", "次"))
    )
    return value if value and value <= 1000 and not bare and not single else None


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
    """``since_hours`` from the time range that goes with the noun, or from a bare duration."""
    said = _times(skeleton)
    if said:
        return {"since_hours": max(entity.value.hours(now) for entity in said)}
    duration = skeleton.first(Kind.DURATION)
    return {"since_hours": max(1, -(-duration.value // 60))} if duration and duration.value else {}


def _times(skeleton: Skeleton) -> list[Entity]:
    """Those in the clause of the noun (昨天没睡好，今天的告警…); without any there the first one that was said."""
    text = _ERRAND.sub("", skeleton.text)
    measured = _MEASURED.search(text)
    if measured:
        return [skeleton.entities[measured["by"] or measured["as"]]]
    for clause in _CLAUSE.findall(text):
        found = Skeleton(clause, skeleton.entities).found(Kind.TIME)
        if found and _NOUN.search(clause):
            return found
    said = Skeleton(text, skeleton.entities).found(Kind.TIME)
    wanted = re.search(rf"(?P<time>{mark(Kind.TIME)})的", text)
    return [skeleton.entities[wanted["time"]]] if wanted and len(said) > 1 else said[:1]
