"""What a question pushes aside: 低危先不看，今天高危告警都有啥. Its filters are taken out; what it is about stays."""

import re

from .patterns import Pattern
from .skeletons import Kind, Skeleton, mark

_SEE = r"(?:看|管|理|列|查|要|发|给|推|贴|说|提|算|报|显示|展示|关注|关心|统计|考虑|处理|拉|落|瞅|操心|计入|包含|包括|算上|计算)"
_PUSHED = Pattern(
    rf"(?:暂时|暂|先)?(?:都|就|也|我|咱|咱们|我们)*(?:先|暂时|暂)?(?:不|别|甭|不用|不要|不必|无需|无须|没必要)(?:再|急着|着急|忙着|用|需要?|给我|给|帮我)*{_SEE}(?!落)|"
    r"(?:先|暂时|暂)(?:放|搁|撇|晾|略|缓|停|忽略|跳)(?:一|着|在|到|去)*(?:放|搁|边|旁|下|缓|过|后)*|(?:忽略|跳过|略过|排除|撇开|抛开|除外|不在内|免了|算了|过滤掉|去掉|剔除|不含|不包含|不包括|不算)|"
    r"(?:晚点|晚些|回头|待会儿?|等会儿?|稍后|以后|明天|过会儿?|改天|有空)(?:再|我再|慢慢)+\S{0,2}(?:看|说|管|弄|处理|搞|瞅)|(?:我|咱|咱们)?(?:已经|都|早就)?(?:看过|瞅过|过完|知道|晓得|处理完)了(?:已经)?$"
)
_BUT = Pattern(
    r"(?:除了?|除开|除去|撇开|抛开|刨去|去掉|不算|不含|不包括|不要|排除|过滤掉)(?P<what>[^,，。;；]{1,12}?)(?:以外|之外|外)?(?:的)?(?:,|，|都|其他|其它|全部|所有|还|$)"
)
_FILTERS = Pattern(mark(Kind.SEVERITY, Kind.STATUS, Kind.LIMIT, Kind.TIME))
_OBJECTS = Pattern(mark(Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.IP, Kind.PERSON))
_LEVELS = mark(Kind.SEVERITY)
_CLAUSE = Pattern(r"[^,，。;；!！]+")
_SAID = Pattern(rf"{_FILTERS.pattern}|告警|报警|漏洞|洞|资产")
# A level that is unwanted inside one clause: 不看低危的高危告警, 高危不含低危.
_INSIDE = Pattern(rf"(?:不看|不要|不含|不包括|排除|去掉|别给|除了?)\s*{_LEVELS}(?:的|以外|之外)*")


def drop_asides(skeleton: Skeleton) -> Skeleton:
    """The skeleton without the filters that were pushed aside, if anything else was asked for."""
    text = skeleton.text
    clauses = list(_CLAUSE.finditer(text))
    kept = [clause for clause in clauses if not _is_aside(clause.group())]
    if len(kept) == len(clauses) or not any(_SAID.search(clause.group()) for clause in kept):
        return _drop_inside(skeleton)
    elsewhere = any(_OBJECTS.search(clause.group()) for clause in kept)
    for clause in clauses:
        if clause not in kept:
            text = text[: clause.start()] + _bare(clause.group(), elsewhere) + text[clause.end() :]
    return _drop_inside(Skeleton(text, skeleton.entities))


def _is_aside(clause: str) -> bool:
    return bool(_PUSHED.search(clause) and (_FILTERS.search(clause) or _OBJECTS.search(clause)))


def _bare(clause: str, elsewhere: bool) -> str:
    """Filters and the words that push aside are blanked; what it is about too if another thing is named elsewhere."""
    blank = _PUSHED.sub(lambda match: " " * len(match.group()), clause)
    blank = _FILTERS.sub(" ", blank)
    return _OBJECTS.sub(" ", blank) if elsewhere else blank


def _drop_inside(skeleton: Skeleton) -> Skeleton:
    text = skeleton.text
    if len(re.findall(_LEVELS, text)) > 1:
        text = _INSIDE.sub(lambda match: " " * len(match.group()), text)
    return Skeleton(text, skeleton.entities)
