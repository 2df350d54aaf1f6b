"""Clauses that only state something around an action on an alert or a schedule: 12 号告警是主机组的事，指派给赵六.

Only closed kinds of statements are left out: what the object is or who it belongs to, why somebody is the right one,
until when the work is to be done. What they leave is read by the same strict rules as if it had been said alone.
"""

from .manners import POLITE, is_mere_fact
from .patterns import Pattern
from .skeletons import Kind, Skeleton, mark

_OBJECT = rf"(?:{POLITE}(?:把|将)?\s*{mark(Kind.ALERT, Kind.SCHEDULE)}(?:这[个条]|该)?)"
_OWNS = r"(?:的(?:事儿?|事情|活儿?|范围|职责|工作|业务|领域|单子|系统|机器|资产|主机|设备|任务)?|那边的|这边的|负责的?|管的?|的锅|(?<=[组部队侧方门])|(?:建|设|加|配|弄|做|留|写|开|订|提|定)(?:置|立)?(?:下|出)?(?:来)?的)"
_IS = rf"(?:就|本来|本就|本|原来|原本|其实|都|也)?(?:是|属于|归属?于?|算|系)(?P<what>[^,，。;；]{{1,14}}?){_OWNS}"
_TRIAL = r"(?:就|原来|原本|其实)?是(?:测试|临时|演示|试用|调试)(?:时|期间)?(?:用|建|设|加|配)?(?:置|立)?的"
_IS_LIKE = r"(?:比较|挺|有点儿?|有些|很|非常|相当|十分|蛮)(?:着急|紧急|急|棘手|复杂|重要|麻烦|难搞|专业|特殊|敏感)(?:的)?"
_STATED = Pattern(
    rf"(?P<object>{_OBJECT})\s*[,，]?\s*(?:{_TRIAL}|{_IS}|{_IS_LIKE})[,，;；]\s*(?P<order>[^,，;；。]+)"
)
_OTHERS = Pattern(mark(*(kind for kind in Kind if kind is not Kind.PERSON)))
_TIME = Pattern(mark(Kind.TIME))
# 是李四昨天关的 tells of an action.
_DONE = Pattern(r"是|[关封删停派转认领撤结]|取消|处理|接手|误报|重复")
_I = r"(?:我|咱)(?:这边|自己|们)?"
_FREE = r"(?:正好|刚好|今天|今晚|现在|目前|手上|手头|这会儿?)*(?:有空|有时间|没事|没活|不忙|值班|在值班|当班|在岗|在线)"
_SKILLED = r"(?:对?(?:这块|这个|这类|这方面|这套|这边|那边)(?:业务|系统|问题|东西)?)?(?:比较|最|更|很|挺|也)?(?:熟悉|熟|擅长|有经验|在行|懂行|清楚|了解|拿手)"
_LEARNS = r"(?:也|正|就)?(?:想|来)(?:顺便|借机|先|也)*(?:练练手|练手|练一练|学习一下|学习学习|学一下|学学|熟悉一下|熟悉熟悉|积累(?:一下|点|些)?经验|看看|研究一下|研究研究|跟一下|试试手)"
_DAY = rf"(?:{mark(Kind.TIME, Kind.DURATION)}|今天|今晚|明早|明天|本周|这周|下班|(?:本|这)?周[一二三四五六日]|月底)(?:上午|中午|下午|晚上|下班|{mark(Kind.TIME)})?(?:之前|以前|前|之内|以内|内)?"
_DUE = rf"(?:务必|尽量|争取|请|麻烦|要求?)?(?:在|于)?{_DAY}(?:务必|尽量|争取|要|得|给|能)?(?:处理|解决|搞定|弄|处置|闭环|排查|跟进|反馈|回复|给结论|出结论|给结果)(?:完毕|完成|完|好|掉|结果|结论|一下)?"
_URGENT = r"(?:比较|挺|有点儿?|很|非常|事情)?(?:着急|紧急|急)(?:的)?"
_WHY_SO = Pattern(
    rf"(?P<order>[^,，;；。]+)[,，;；]\s*(?:{_I}(?:{_LEARNS}|{_FREE}|{_SKILLED})|(?:他|她)(?:{_FREE}|{_SKILLED})|这(?:块|类|个|方面)?(?:他|她|我)(?:{_SKILLED})|(?:已经|早就|现在)*(?:没人(?:再)?(?:看|用|收|需要)了?|用不上了|用不着了|作废了|过期了)|{_DUE}|{_URGENT})"
)
# 昨天处理完 and 两小时前处理完 tell of what has been done.
_COMES = Pattern(r"(?:[今本当这]|上午|中午|下午|晚上|下班)|.*内$")
_I_AM = Pattern(rf"{_I}(?:{_LEARNS}|{_FREE}|{_SKILLED})[,，;；]\s*(?P<order>[^,，;；。]+)")
_ENDS = " 。.!！~,，"


def leave_statements(skeleton: Skeleton) -> Skeleton | None:
    """The order without the statement before or after it; None when there is no such statement."""
    text = skeleton.text.strip(_ENDS)
    after = _WHY_SO.fullmatch(text) or _I_AM.fullmatch(text)
    if after and all(
        _COMES.match(skeleton.entities[char].raw) for char in _TIME.findall(text[after.end("order") :])
    ):
        return Skeleton(after["order"], skeleton.entities)
    before = _STATED.fullmatch(text)
    if not before or not _is_harmless(before["what"] or "") or _OTHERS.search(before["order"]):
        return None
    return Skeleton(f"{before['object']}，{before['order']}", skeleton.entities)


def _is_harmless(what: str) -> bool:
    return is_mere_fact(_TIME.sub("", what)) and not _DONE.search(what)
