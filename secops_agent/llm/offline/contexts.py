"""Clauses before a question that plan something or say what it is for: 今晚 db-01 要做变更，先把它没关的告警列一下.

They narrow nothing, so their times and words are taken out; what they name stays if the question names nothing itself.
"""

import re

from .patterns import Pattern
from .skeletons import Kind, Skeleton, mark

_CLAUSE = Pattern(r"(?P<said>[^,，。;；:：!！]+)(?P<end>[,，。;；:：!！]|$)")
_NOUN = r"告警|报警|警报|预警|事件|漏洞|补丁|资产|alerts?|vulns?"
_WANTS = Pattern(
    rf"{_NOUN}|[?？吗么]|哪|什么|啥|谁|多少|几[条个台]|怎么|如何|列|查|统计|给我|发我|看看|看下|看一下|有没有|是否|拉[个一出]",
    re.IGNORECASE,
)
_PLANS = Pattern(
    r"(?:要|得|准备|打算|计划|即将|安排了?|会|该|需要|需)(?:再|先|去|开始|进行|给|向|跟|和|对|一起|做|搞|来)*(?:一次|一个|个|次)?\S{0,6}?"
    r"(?:变更|上线|下线|割接|迁移|升级|发版|发布|扩容|缩容|维护|停机|重启|演练|汇报|开会|例会|早会|晨会|周会|复盘|交接|交班|培训|评审|检查|审计|迎检|值班|值守|封网|切换|巡检|讲|述职|答辩|投产|验收|做变更)"
)
_SOON = Pattern(
    r"(?:今晚|今夜|明[天早晚日]|后天|下(?:周|个?月|个?礼拜)[一二三四五六日天]?|周末|下午|晚上|等下|待会儿?)[^了过完哪什么谁]{0,8}"
    r"(?:变更|上线|下线|割接|迁移|升级|发版|发布|扩容|维护|停机|演练|开会|例会|培训|评审|检查|迎检|封网|切换|巡检|投产|验收|护网)"
)
_HEADING = Pattern(
    r"(?:on-?call|hand-?over|stand-?up|值班|交接|交班|接班|早会|晨会|晚会|周会|例会|复盘|汇报|巡检|会议|日常|备忘|todo|提醒|背景|场景|用途|目的|求助|需求)[\s\w]{0,6}",
    re.IGNORECASE,
)
# 我担心服务出现异常: why it is asked.
_WORRIES = Pattern(
    r"\s*(?:我|我们|领导|老板|大家|客户)?(?:们)?(?:还是|有点|比较|很|就)*(?:担心|害?怕(?!是)|放心不下|不放心|生怕)"
)
_OBJECTS = Pattern(mark(Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.IP, Kind.DOMAIN, Kind.CVE))


def drop_contexts(skeleton: Skeleton) -> Skeleton:
    """The skeleton with such clauses blanked, as long as a question is left."""
    text = skeleton.text
    clauses = list(_CLAUSE.finditer(text))
    asked = next((i for i, clause in enumerate(clauses) if _WANTS.search(clause["said"])), 0)
    elsewhere = any(_OBJECTS.search(clause["said"]) for clause in clauses[asked:])
    for clause in clauses:
        before = clause.start() < clauses[asked].start()
        said = skeleton.expand(clause["said"])
        if _WORRIES.match(said) if not before else _is_context(said, clause["end"]):
            text = text[: clause.start()] + _bare(clause.group(), elsewhere) + text[clause.end() :]
    return Skeleton(text, skeleton.entities)


def _is_context(said: str, end: str) -> bool:
    if end in ":：":
        return bool(_HEADING.fullmatch(said.strip()))
    return bool(_WORRIES.match(said) or _PLANS.search(said) or _SOON.fullmatch(said.strip()))


def _bare(clause: str, elsewhere: bool) -> str:
    """As long as it was, with nothing in it but what 它 stands for."""
    return "".join(char if _OBJECTS.match(char) and not elsewhere else " " for char in clause)
