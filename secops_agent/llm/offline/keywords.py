"""The word that a list is narrowed by. A piece of the sentence is one only on evidence, else it is ignored:

it is in the lexicon or the vocabulary, in quotation marks, marked as one (关于 X 的, X 相关, 带 X, 关键字 X), stands
as a name directly before the noun (X 告警), or is an ASCII word that is no plain English.
"""

import re

from .compounds import shield, unshield, widen
from .patterns import Pattern
from .skeletons import ANY_MARK, Skeleton
from .vocabulary import COMMON_ENGLISH, NO_NAMES, PRODUCTS, TECHNICAL, find_words

_ASCII = r"[A-Za-z][A-Za-z0-9_.+#-]*[A-Za-z0-9_+]"
_PHRASE = rf"(?:{_ASCII}(?:\s{_ASCII})*(?:\s?[\u4e00-\u9fff]{{1,8}})?|[\u4e00-\u9fff][\u4e00-\u9fffA-Za-z0-9_]{{1,15}}?(?:\s{_ASCII})?)"
_QUOTED = Pattern(r"[“\"「『'‘《]\s*(?P<word>[^“”\"「」『』'‘’《》【】]{2,40}?)\s*[”\"」』'’》]")
_MARKED = tuple(
    Pattern(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:关键字|关键词|keyword|检索词|搜索词)\s*(?:是|为|用|填|:|=)?\s*(?P<word>{_PHRASE})(?=$|[\s,，。的])",
        rf"(?:包含|含有|含|带有|带着|带|提到|匹配|有)\s*(?P<word>{_PHRASE})\s*(?:的)?(?:字样|字眼|关键字|关键词|这个词|几个字|这俩字)",
        rf"(?:标题|名字|名称|规则|描述|内容)(?:里|中|里头|里面)?(?:包含|含有|含|带有|带着|带|有|出现|提到|匹配|写着)\s*(?P<word>{_PHRASE})(?=$|[\s,，。的])",
        rf"(?:关于|有关|针对|跟|与|和|同|围绕)\s*(?P<word>{_PHRASE})\s*(?:方面|这块|那块|这方面)?(?:有关|相关|沾边|搭边|有关系|有关联|挂钩)",
        rf"(?:关于|有关|涉及到?)\s*(?P<word>{_PHRASE})\s*(?:方面|这块|那块|问题)?(?:的|那)",
        rf"(?P<word>{_PHRASE})\s*(?:相关|有关|方面|这一?类|一类|之类|系列|类型?|型)(?:的)?\s*(?=[的那这]|告警|报警|警报|事件|资产|主机|机器|服务器|系统|设备|alert|$)",
        rf"(?:包含|含有|含|带有|带着|带|叫做?|名为)\s*(?P<word>{_PHRASE})\s*(?:的|$)",
        rf"(?P<word>{_PHRASE})\s*(?:开头|打头|结尾|字样|前缀|后缀)",
        rf"(?:搜索?|检索|查找|找|过滤)(?:一下|一搜|搜|下|出)?\s*(?P<word>{_ASCII}|[\u4e00-\u9fff]{{2,6}})\s*$",
    )
)
# A character that no name of a rule, a product or an attack has where none of TECHNICAL's words explains it.
_OTHER = "的了吗呢么吧啊呀嘛啦哦哈哟呗嘞看查列拉给我你您他她它咱俺们把将对和与跟及同或是被有没无不别甭在到从自打去来又再还也都就才只仅光先最更很太挺老总哪那这谁啥什怎咋几多少些个条台批波堆串份次下上里前后过着得请帮问想要找搜捞翻扒瞅瞧瞄贴甩扔推让叫说讲昨刚近每各所另已正曾该能会可"
_BEFORE_NOUN = Pattern(
    rf"(?P<word>(?:{_ASCII}\s(?=[\u4e00-\u9fff]))?(?:{TECHNICAL.pattern}|{_ASCII}|(?![{_OTHER}])[\u4e00-\u9fff])+)\s*(?P<of>的|那些的?|这些|那个|这个)?\s*$",
    re.IGNORECASE,
)
_REPORTING = Pattern(
    r"(?:检测|拦截|上报|触发|产生|发现|识别|命中|阻断|告警|报出|引发|引起|推送|报)(?:到|出|出来|过来)?$"
)
_FIRST_VERBS = Pattern(
    r"^(?:关注|显示|展示|汇总|整理|分析|统计|导出|核对|排查|确认|处理|监控|调取|调出|调阅|获取|取|提供|检查|浏览|订阅|发送|同步|转发|输出|罗列|筛选?|过滤|列举|列示|协助|配合|安排|历史|全部|全量|整体|"
    r"公司|单位|部门|目前|当前|现在|现有|如今|最新|新|所有|近期|其他|其它|其余|剩余|关键|重点|重要|核心|高频|是否存在|是否|存在|发生|出现)+"
)
# db-01 数据库服务器的告警: what kind of thing the asset is.
_MACHINE = Pattern(r"(?:服务器|主机|机器|机子|电脑|终端|节点)$")
# 暴力破解攻击 is looked for as 暴力破解.
_SUFFIX = Pattern(r"(?:攻击|行为|活动|事件|操作|尝试|访问)+")
# 审计组需要一份账号类资产: the name begins after what is wanted of it.
_NO_PART = Pattern(r"需要|要求|有没有|是否|提供|列出|我们|发给|整理|一(?:份|些|批|下)")
_EDGES = Pattern(rf"^[{_OTHER}\s]+|[{_OTHER}\s]+$")
# 出于合规检查需要，…: why it is asked is not what is looked for.
_PURPOSE = Pattern(
    r"(?:^|(?<=[,，。;；]))(?:出于|根据|按照?|鉴于|为了|为|由于|因为|应|配合|考虑到|结合)[^,，。;；告报]{2,20}(?:需要|要求|需求|检查|审计|安排|通知|部署|计划|原因|工作|规定|制度)[^,，。;；告报]{0,4}[,，]"
)
_ORGANISATION = Pattern(
    r"(?:部|组|部门|团队|同事|公司|集团|领导|老板|单位|班|群|边|侧|人|头|手|家|儿|时候|期间|以来)$"
)


def find_known(text: str, keywords: frozenset[str]) -> str:
    """A rule, an attack or a product in the text, as it was typed: an attack before a product, then the longest."""
    found = [text[start:end] for start, end in find_words(text)] + _of_lexicon(text, keywords)
    return max(found, key=lambda word: (word.lower() not in PRODUCTS, len(word)), default="")


def count_products(text: str, keywords: frozenset[str]) -> int:
    """How many sources the sentence names: two of them are compared."""
    known = {text[start:end].lower() for start, end in find_words(text)} & PRODUCTS
    return len(known | {word.lower() for word in _of_lexicon(text, keywords)})


def _of_lexicon(text: str, keywords: frozenset[str]) -> list[str]:
    lowered = text.lower()
    pieces = (
        (i, lowered[i : i + n]) for n in range(2, min(len(text), 24) + 1) for i in range(len(text) - n + 1)
    )
    return [text[i : i + len(piece)] for i, piece in pieces if piece in keywords]


def find_keyword(
    skeleton: Skeleton,
    nouns: Pattern,
    keywords: frozenset[str] = frozenset(),
    *,
    of_assets: bool = False,
) -> str:
    """What the noun (告警, 资产) is narrowed by; "" when nothing is evidence enough."""
    text = skeleton.text
    quoted = _QUOTED.search(text)
    if quoted and not nouns.fullmatch(quoted["word"]):
        return skeleton.expand(quoted["word"])
    text = _PURPOSE.sub(_blank, text)
    known = _known_asset_word(nouns.sub(_blank, text)) if of_assets else find_known(text, keywords)
    marked, before = _marked(text, nouns), _before_noun(text, nouns, strict=not of_assets)
    nearest = "" if of_assets else find_known(before, frozenset())
    if nearest and nearest.lower() not in PRODUCTS:
        known = nearest
    if known:
        return next((word for word in (marked, before) if _extends(word, known)), known)
    return marked or before or _english(text, nouns)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _known_asset_word(text: str) -> str:
    return max((text[start:end] for start, end in find_words(text, of_assets=True)), key=len, default="")


def _extends(word: str, known: str) -> bool:
    """越权访问 for 越权, ssh 爆破 for 爆破: what else the phrase holds must be technical as well."""
    if known.lower() not in word.lower() or known.lower() in PRODUCTS:
        return False
    at = word.lower().index(known.lower())
    rest = (word[:at].strip(), word[at + len(known) :].strip())
    if not any(rest) or _SUFFIX.fullmatch("".join(rest)) or {part.lower() for part in rest} & PRODUCTS:
        return False
    return all(
        not part or bool(re.fullmatch(rf"(?:{TECHNICAL.pattern}|[A-Za-z0-9_.-])+", part)) for part in rest
    )


def _marked(text: str, nouns: Pattern) -> str:
    for pattern in _MARKED:
        for match in pattern.finditer(text):
            word = _clean(widen(text, *match.span("word")))
            if pattern is _MARKED[-1] and nouns.search(word):  # 搜出对外网站: the noun is no part of it
                continue
            if word and not ANY_MARK.search(word) and len(nouns.sub("", word)) > 1:
                return word
    return ""


def _before_noun(text: str, nouns: Pattern, *, strict: bool) -> str:
    """``strict``: a Chinese name that nobody knows must hold a technical word."""
    for match in nouns.finditer(text):
        found = _BEFORE_NOUN.search(text[: match.start()])
        word = _clean(widen(text, *found.span("word"))) if found else ""
        if word and not nouns.search(word) and (word.isascii() or TECHNICAL.search(word) or not strict):
            return word
    return ""


def _clean(phrase: str) -> str:
    """The phrase without verbs at its edges; "" when it is no name."""
    phrase = _NO_PART.split(phrase)[-1]
    word = _FIRST_VERBS.sub("", _REPORTING.sub("", _EDGES.sub("", shield(phrase.strip()))).strip())
    word = unshield(_EDGES.sub("", word))
    if len(word) < 2 or word in NO_NAMES or word.lower() in COMMON_ENGLISH or word.isdigit():
        return ""
    if word.isascii() and all(part.lower() in COMMON_ENGLISH for part in word.split()):
        return ""
    if _MACHINE.search(word):
        return ""
    return "" if _ORGANISATION.search(word) and not TECHNICAL.search(word) else word


def _english(text: str, nouns: Pattern) -> str:
    """Unknown ASCII words next to each other; in a wholly English sentence only before the noun."""
    if text.isascii() or not re.search("[\u4e00-\u9fff]", text):
        return ""
    words = re.finditer(_ASCII, nouns.sub(_blank, text))
    unknown = [m for m in words if m.group().lower() not in COMMON_ENGLISH]
    if not unknown:
        return ""
    last = unknown[0]
    for word in unknown[1:]:
        if text[last.end() : word.start()] != " ":
            break
        last = word
    return text[unknown[0].start() : last.end()]
