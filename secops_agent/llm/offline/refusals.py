"""Sentences that speak of an action without being a command: what to say and what to offer instead."""

import re

from .casework import SPEAKS_OF_CASEWORK
from .intents import Intent, Understanding
from .manners import AFTER, POLITE
from .mood import HINTS, find_doubt
from .patterns import Pattern
from .residues import UNWANTED
from .response import SPEAKS_OF_BLOCKING, SPEAKS_OF_ISOLATING
from .skeletons import Kind, Skeleton, mark
from .suggestions import suggest

_ONE = "一次只能处理一条告警，请逐条发送。"
_NETWORK = "不能封禁网段，只能逐个封禁 IP。"
_NO_OBJECT = "操作需要写明对象（哪个 IP、哪台主机、哪条告警），没有执行任何操作。"
_PERSON = mark(Kind.PERSON)
_IT = r"(?:它|他|这个|这台|这条|该|那个|那台|那条|此|的|ip|地址|主机|机器|服务器|告警|报警|对方|攻击者|攻击源|一个|一台|一条|\s)*"
_VERB = r"(?:封禁|封掉|封了|封|拉黑|屏蔽|阻断|block|隔离|断网|isolate|关闭|关掉|关了|关单|确认|认领|指派|分配|转给|派给|交给|删除|close|ack|assign)"
_OBJECTLESS = Pattern(
    rf"{POLITE}(?:把|将|给)?{_IT}{_VERB}{_IT}(?:掉|了|一下|下|吧)*(?:给)?(?:{_PERSON}|我)?[,，\s]*(?:是)?(?:误报|重复|真实攻击)?{AFTER}",
    re.IGNORECASE,
)
_BULK = Pattern(
    rf"{POLITE}(?:(?:把|将)\S{{0,20}}(?:所有|全部|这些|都|批量)\S*(?:关|确认|指派|标|派|转|认领)|(?:批量)?(?:关闭|关掉|确认|认领|指派|分配|标记|清空|处理掉)\s*(?:一下)?(?:所有|全部|这些|今天|昨天|{mark(Kind.TIME)}))",
    re.IGNORECASE,
)
_UNDO = Pattern(
    r"取消封|解封|解除封|解禁|放行|取消隔离|解除\S{0,12}隔离|恢复\S{0,12}网络|unblock|\bun\w*ban",
    re.IGNORECASE,
)
_ASKS = Pattern(
    r"[?？]|[吗么]|如何|怎么|怎样|是否|为什么|谁|哪|什么|啥|步骤|流程|手册|预案|记录|历史|影响|多少|[没不]$|没有$|有它|在不在|\b(?:how|what|why|who|should|can|is|are)\b",
    re.IGNORECASE,
)


_AND = r"\s*(?:、|和|与|跟|及|以及|还有|/|&)\s*"
_PAIRS: tuple[tuple[Pattern, str], ...] = tuple(
    (Pattern(f"{mark(*kinds)}{_AND}{mark(*kinds)}"), noun)
    for kinds, noun in (
        ((Kind.ASSET, Kind.ASSET_IP, Kind.HOST), "台资产"),
        ((Kind.CVE,), "个漏洞编号"),
        ((Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH), "个 IP、域名或哈希"),
        ((Kind.PERSON,), "个人"),
    )
)
_ASIDE = Pattern(rf"{UNWANTED.pattern}\s*(?P<object>[^,，。;；]{{1,40}})[,，。;；]\s*(?P<rest>.+)")
_LOOKS = Pattern(r"查|看|列|显示|情报|有什么|有哪些|有多少")


def read_after_unwanted(plain: str) -> str:
    """别隔离 web-01，先看看它的告警: what is asked about the thing that is left alone; "" for anything else.

    Only ever read as a question.
    """
    match = _ASIDE.fullmatch(plain)
    return f"{match['object']}，{match['rest']}" if match and _LOOKS.search(match["rest"]) else ""


def refuse_several(skeleton: Skeleton, plain: str) -> Understanding | None:
    """告警 12 和 13 的详情, web-01 和 web-02 的漏洞: half an answer would look like a whole one."""
    noun = next((noun for pattern, noun in _PAIRS if pattern.search(skeleton.text)), "")
    noun = "条告警" if skeleton.found(Kind.ALERTS) else noun
    if not noun:
        return None
    named = skeleton.found(Kind.ASSET, Kind.ASSET_IP, Kind.CVE, Kind.IP, Kind.DOMAIN)
    offers = [f"查一下 {one.value}" for one in named]
    numbers = [n for one in skeleton.found(Kind.ALERTS) for n in re.findall(r"\d+", one.raw)]
    offers += [f"告警 {number} 的详情" for number in numbers]
    return Understanding(
        suggestions=suggest(plain, tuple(dict.fromkeys(offers))[:2], harmless=True),
        hint=f"一次只能查一{noun}，请逐{noun[0]}发送。",
    )


def speaks_of_action(skeleton: Skeleton) -> bool:
    """Whether the sentence names an action and something that it could be done to."""
    text = skeleton.text
    blocking = SPEAKS_OF_BLOCKING.search(text) and skeleton.found(Kind.IP, Kind.ASSET_IP, Kind.NETWORK)
    isolating = SPEAKS_OF_ISOLATING.search(text) and skeleton.found(
        Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.IP
    )
    casework = SPEAKS_OF_CASEWORK.search(text) and skeleton.found(Kind.ALERT, Kind.ALERTS)
    return bool(blocking or isolating or casework or _BULK.match(text) or _OBJECTLESS.fullmatch(text))


def refuse(skeleton: Skeleton, plain: str, last: Intent | None = None) -> Understanding | None:
    """Why this is not done and what can be sent instead; None when it is a question that a read tool answers."""
    if _OBJECTLESS.fullmatch(skeleton.text):
        return Understanding(suggestions=suggest(plain, _completed(skeleton.text, last)), hint=_NO_OBJECT)
    hint = _reason(skeleton)
    if not hint and _ASKS.search(skeleton.text):
        return None
    doubt = find_doubt(skeleton.text)
    if doubt == "question":
        return None
    hint = hint or (HINTS[doubt] if doubt else "这句话像一个操作，但格式不够明确，没有执行。")
    return Understanding(suggestions=suggest(plain, _offers(skeleton), harmless=doubt is not None), hint=hint)


def _reason(skeleton: Skeleton) -> str:
    text = skeleton.text
    if _UNDO.search(text):
        return "解除封禁或隔离请在对应设备上操作，这里没有这个功能，没有执行任何操作。"
    if skeleton.found(Kind.NETWORK) and SPEAKS_OF_BLOCKING.search(text) and not _ASKS.search(text):
        return _NETWORK
    if _BULK.match(text) and not _ASKS.search(text):
        return _ONE
    several = skeleton.found(Kind.ALERTS) or len(skeleton.found(Kind.ALERT)) > 1
    if SPEAKS_OF_CASEWORK.search(text) and several and not _ASKS.search(text):
        return _ONE
    unknown = skeleton.first(Kind.HOST) or skeleton.first(Kind.IP)
    if SPEAKS_OF_ISOLATING.search(text) and unknown and not find_doubt(text) and not _ASKS.search(text):
        return f"资产库里没有「{unknown.raw}」，不能隔离。"
    return ""


def _offers(skeleton: Skeleton) -> tuple[str, ...]:
    """Ready sentences about the very things that were named."""
    named = skeleton.found(Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.ALERT)
    offers = [
        f"告警 {one.value} 的详情" if one.kind is Kind.ALERT else f"查一下 {one.value}" for one in named
    ]
    several = skeleton.first(Kind.ALERTS)
    if several:
        numbers = re.findall(r"\d+", several.raw)
        offers += [f"关闭告警 {number} 误报" for number in numbers[:2]]
    return tuple(dict.fromkeys(offers))[:2]


def _completed(text: str, last: Intent | None) -> tuple[str, ...]:
    """The action with the last object named, to be sent as it is; never done by itself."""
    arguments = last.arguments if last else {}
    address = next((str(arguments[key]) for key in ("ip", "value") if key in arguments), "")
    if SPEAKS_OF_BLOCKING.search(text) and address:
        return (f"封禁 {address} 一小时",)
    if SPEAKS_OF_ISOLATING.search(text) and "asset" in arguments:
        return (f"隔离 {arguments['asset']}",)
    if "alert_id" not in arguments:
        return ()
    number = arguments["alert_id"]
    return (f"关闭告警 {number} 误报" if "关" in text else f"确认告警 {number}", f"把告警 {number} 指派给我")
