"""What people say before and after a request: 麻烦帮我, 老师, 谢谢啦. It is taken off; a word of asking is remembered."""

import re
from dataclasses import dataclass

from .manners import PLEADING
from .patterns import Pattern

# 别磨叽了，把它封了 looks like a negation and is a hurry; 别犹豫要不要封 is none.
_HURRY = r"(?:你们?|大家)?(?:别|不要|甭|莫)再?(?:磨叽|磨蹭|墨迹|墨叽|犹豫|迟疑|拖拉|拖延|拖|耽搁|耽误|愣着?|废话|啰嗦|纠结|发呆|等)(?:时间)?了?"
_NEUTRAL = (
    rf"{_HURRY}(?=[,，!！。~\s]|(?<=了)(?:把|将|赶紧|赶快|直接|快|马上|立刻|立即))|"
    r"麻烦(?:你们?|您|各位)?(?:一下)?|劳烦(?:您)?|烦劳(?:您)?|有劳(?:您)?|劳驾|烦请|恳请|敬请|帮(?:我们?|忙|个忙|下忙)(?:一下)?|请(?:帮忙|帮我们?)|你好|您好|hi|hello|嗨|哈喽|hey|早上好|下午好|晚上好|早|在吗|在么|在不|"
    r"机器人(?:阁下|大人|老师|同学|兄弟|大哥|老兄|君|先生)?(?=[,，:：!！])|老师|同学|兄弟|老铁|大哥|大佬|亲|各位|那个(?=[,，、\s])|嗯+|额|呃|哎|诶|喂|急+|毕方|小毕|bifang|收到|好嘞|好滴|好的|明白|了解|行吧|打扰(?:一下|了|下)?|不好意思|抱歉|辛苦(?:一下|你|您)?"
)
_ASKING = r"敢问(?:一下)?|请问(?:一下|下)?|请教(?:一下|下)?|咨询(?:一下|下)?|我?想(?:要)?(?:知道|问问|问(?:一下|下)?|了解(?:一下|下)?|看看|看(?:一下|下)?|查看|查(?:一下|下)?)|问(?:一下|下)|话说|说起来|我想看|好奇"
_FIRST = Pattern(rf"^(?:(?P<asking>{_ASKING})|(?:{_NEUTRAL}))(?P<gap>[,，、:：!！~。.\s]*)", re.IGNORECASE)
_GLUED = Pattern(r"(?:早|收到|好嘞|好滴|好的|明白|了解|行吧|急+|亲|额|嗯+|喂|hi|hey)$", re.IGNORECASE)
_LAST = Pattern(
    r"[,，、。.!！~\s]*(?:谢谢(?:你|您|啦|了|哈|大家)*|多谢(?:啦|了)?|谢了|谢啦|(?:非常|万分|十分)?感谢(?:您|你|大家|各位|支持|配合|协助|的|帮助)*|有劳(?:您|了)*|为盼|为谢|thx|thanks|thank you|麻烦(?:了|啦|你了|您了)|辛苦(?:了|啦|你了|您了)?|拜托(?:了|啦)?|(?<=[,，\s])急+|"
    rf"(?<=[,，!！。\s]){_HURRY}|"
    r"在线等|急用|很急|"
    r"哈+|(?<!了)呗|呀|哦|噢|喔|啊|(?<![封禁离黑断闭关掉单网])[咯嘞]|哟|(?<!了)吧|[,，、。.!！~\s]+)$",
    re.IGNORECASE,
)

# 删了 3 号任务吧: without 吧 it would tell of what has been done.
_URGED = Pattern(r"[^,，]{0,4}(?:删|关|停|结|撤|取消)掉?了[^,，]{1,30}吧", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """The bare request; ``asking``: 请问, 我想知道 … stood before it, so it is no command.

    ``pleading``: 麻烦, 烦请 … stood directly before it, and may have been said to somebody: 麻烦张三处理告警 146.
    """

    text: str
    asking: bool
    pleading: bool = False


def strip_courtesies(plain: str) -> Request:
    """The normalised sentence without greetings, forms of address and thanks at its ends."""
    text, asking, pleading = plain, False, False
    while (match := _FIRST.match(text)) and match.end() < len(text) and _separates(match):
        pleading = bool(PLEADING.match(match.group()))
        text, asking = text[match.end() :], asking or bool(match["asking"])
    while (match := _LAST.search(text)) and match.start() > 0 and not _URGED.fullmatch(text):
        text = text[: match.start()]
    return Request(text, asking, pleading)


def _separates(match: re.Match[str]) -> bool:
    """A short word such as 急 or 早 is only an address when something separates it from the rest."""
    return bool(match["gap"]) or not _GLUED.search(match.group())
