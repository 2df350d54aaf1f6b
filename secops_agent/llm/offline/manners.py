"""How people ask politely and in business style, and in what order they say it.

The action rules match whole sentences. ``POLITE`` and ``AFTER`` are what may stand around any of them, ``NOW`` what may
stand between object and verb, ``DO`` an empty verb before the real one (进行隔离). `settle` puts the clauses of a longer
request into the one order that the rules know: object, verb, duration, reason.
"""

import re

from .patterns import Pattern
from .skeletons import ANY_MARK, Kind, Skeleton, mark

# No two of these words read the same text in two ways: what repeats them would else try every combination.
_YOU = r"(?:您|你们?|贵方|各位|毕方|小毕)"
_PLEASE = r"(?:恳请|敬请|烦请|劳请|还请|务请|请|麻烦|劳烦|烦劳|有劳|劳驾|拜托|辛苦|pls|please)"
_NEEDED = rf"(?:我们?|我方|我这边|现)?需要?{_YOU}"
_HELP = r"(?:帮(?:我们?|忙|下忙|个忙|助)?|协助|配合|给我|我要|直接|安排(?:人员|同事|专人)?)"
_SOON = (
    r"(?:赶紧|赶快|快点?|尽快|尽早|及时|第一时间|马上|立马|立即|立刻|即刻|即时|火速|紧急|优先|务必|现在|先)"
)
_HAIL = rf"(?:{_YOU}|一下|那|就|ok|好的?|hi|hello|予以|[,，:：!！\s])"
POLITE = rf"(?:{_PLEASE}|{_NEEDED}|{_HELP}|{_SOON}|{_HAIL})*"
# What makes a request of a sentence that else could be a statement: 由王五跟进告警 12 may tell how things are.
REQUEST = rf"(?:{POLITE}(?:{_PLEASE}|{_NEEDED}){POLITE})"
_THANKS = r"(?:(?<!谢)[多感]?谢+|辛苦|拜托|有劳|麻烦|劳驾)(?:你|您|啦|了|支持|配合|协助|大家|各位)*"
AFTER = rf"(?:一下|下|吧|啊|呀|哈|哦|非常(?=感谢)|{_THANKS}|为盼|为谢|(?:敬?请|望)?(?:知悉|知晓|周知|悉知)|thanks|thx|pls|please|[,，.。!！~\s])*"
DO = r"(?:进行|执行|实施|采取|做|给予|给|予以|加以|来个?|先|直接|立即|马上|尽快|立刻|[,，])*"
SOON = rf"(?:{_SOON}|{_HELP})"
HURRY = rf"(?:{_PLEASE}|{_HELP}|{_SOON}|予以|加以|给予|进行|执行|实施|[,，\s]|把它|将其|对其)"
NOW = rf"{HURRY}*"
# What a request without a word of asking in front lost when its courtesies were stripped.
PLEADING = Pattern(rf"^\s*(?:{_PLEASE}{_YOU}?(?:一下)?|帮(?:我们?|忙))$", re.IGNORECASE)
_ACTING = (
    r"封|拉黑|加黑|黑名单|屏蔽|阻断|隔离|断网|关闭|关掉|关单|结案|指派|分派|转派|转交|认领|接手|删除|取消"
)
# Who said it, and whether it holds: what a fact before 请… must not speak of.
_DOUBTFUL = Pattern(
    r"忽略|无视|算了|玩笑|才怪|是错|错的|之后|操作$|干嘛|干啥|多久|撤[回销]|时候|(?<!攻击)(?:成功|失败)|的的|假装|翻译|例|[?？吗呢么]|不|没|未|无(?!害|风险|威胁)|否|别|勿|谁|哪|何|怎|如|若|假|倘|一旦|万一|等|待|之前|曾|已|过$|过了|(?<!数)据(?!库)|说|称|写|注明|标明|要求|建议|希望|询问|提问|问|表示|指出|认为|觉得|批示|指示|来函|来电|回复|反馈|"
    r"转告|转达|传达|通知|通报|申请|提到|提出|计划|打算|准备|考虑|可能要|演练|测试|模拟|领导|客户|老板|上级|监管|审计|邮件|工单|文档|会议|群里|明天|后天|下周|以后|稍后|暂|可以|(?<![功性])能|会|(?<![需重主必])要|审批|应该|该不该|[「」『』“”‘’\"《》`]"
)
_SPLIT = Pattern(r"[,，;；。]\s*")
_DURATION = mark(Kind.DURATION)
LENGTH = r"(?:(?:封禁|拉黑|封堵|封锁|封停|封|阻断|屏蔽|有效)的?)?(?:时长|时间|期限|周期|时限|有效期|期)(?:暂定|暂)?"
FOR_SO_LONG = rf"(?:{LENGTH}|持续|为期|暂定|先|共|for)?\s*(?:为|是|设置?为|定为)?\s*[:：]?\s*"
_LASTS = Pattern(
    rf"(?:{LENGTH}|持续|为期|暂定)?\s*(?:为|是|设置?为|定为)?\s*[:：]?\s*{_DURATION}(?:时间|时长)?(?:即可|左右)?",
    re.IGNORECASE,
)
WHY = r"(?:封禁|隔离|处置|操作|申请|具体)?(?:原因|理由|缘由|事由|依据)|因为|由于|备注|说明|reason"
_GIVES_WHY = Pattern(
    rf"(?:{WHY}|鉴于|考虑到|因(?!此|何|而|公|故))\s*(?:是|为(?!什么|何|啥)|系|在于)?\s*[:：]?\s*(?P<why>\S.+)|(?P<aim>(?:以防|防止|避免|以免|防范|遏制|以便|便于)\S.+)",
    re.IGNORECASE,
)
# 发现大量扫描，请封禁 X: the fact is the reason.
_CONTAINS = Pattern(r"封|拉黑|加黑|黑名单|屏蔽|阻断|隔离|断网")
_EVIDENCE = Pattern(
    r"攻击|扫描|爆破|破解|入侵|失陷|感染|中毒|木马|病毒|挖矿|勒索|恶意|异常|外联|排查|核实|研判|确认"
)
_OBJECTS = mark(Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.ALERT, Kind.SCHEDULE)
_ABOUT = Pattern(
    rf"(?P<object>{POLITE}{_OBJECTS}(?:这[个条台]|该)?)\s*(?P<fact>[^,，;；。]{{1,24}}?)", re.IGNORECASE
)
_ASKED = Pattern(rf"{REQUEST}\S.*", re.IGNORECASE)


def settle(skeleton: Skeleton) -> Skeleton | None:
    """The request with its clauses in the usual order; None when it is in that order already or tells no order.

    因为扫描，请封禁 X，为期三天 is 请封禁 X，为期三天，原因：扫描. A fact about the object before 请 is left out if it is
    only that: 告警 76 比较棘手，请转交李四.
    """
    clauses = [clause for clause in _SPLIT.split(skeleton.text.strip(" ,，;；。")) if clause]
    why, rest = _take_why(clauses)
    lasts = [clause for clause in rest if _LASTS.fullmatch(clause)]
    said = [clause for clause in rest if clause not in lasts]
    if not said or len(lasts) > 1 or why is None:
        return None
    main, *more = _leave_facts(said)
    text = "，".join([main, *lasts, *more, *([f"原因：{why}"] if why else [])])
    return None if text == skeleton.text else Skeleton(text, skeleton.entities)


def _take_why(clauses: list[str]) -> tuple[str | None, list[str]]:
    """The reason ("" for none, None if there are several) and the other clauses; what follows a reason at the end is its own."""
    at = [i for i, clause in enumerate(clauses) if _GIVES_WHY.fullmatch(clause)]
    if not at:
        return "", clauses
    first, match = at[0], _GIVES_WHY.fullmatch(clauses[at[0]])
    if len(at) > 1 or match is None:
        return None, clauses
    before, after = clauses[:first], clauses[first + 1 :]
    more = [clause for clause in after if before and not ANY_MARK.search(clause)]
    return "，".join([match["why"] or match["aim"], *more]), before + [
        clause for clause in after if clause not in more
    ]


def _leave_facts(clauses: list[str]) -> list[str]:
    """告警 76 比较棘手，请… without 比较棘手; as it is when a fact is more than a fact."""
    if len(clauses) < 2 or not _ASKED.fullmatch(clauses[-1]):
        return clauses
    match = _ABOUT.fullmatch(clauses[0])
    first = match["fact"] if match else clauses[0]
    if not all(map(is_mere_fact, [first, *clauses[1:-1]])) or not (match or _EVIDENCE.search(first)):
        return clauses
    facts = "，".join([first, *clauses[1:-1]])
    main = f"{match['object']}，{clauses[-1]}" if match else clauses[-1]
    return [main, f"原因：{facts}"] if _CONTAINS.search(clauses[-1]) else [main]


def is_mere_fact(text: str) -> bool:
    """Whether it only tells how things are: nobody is quoted, nothing is doubted, planned or done."""
    return not _DOUBTFUL.search(text) and not re.search(_ACTING, text) and not ANY_MARK.search(text)


def ends_with_length(why: str) -> bool:
    """原因是扫描，时长一天: the length stands after the reason and is none of it."""
    return bool(_LASTS.fullmatch(_SPLIT.split(why.strip(" ,，。"))[-1]))
