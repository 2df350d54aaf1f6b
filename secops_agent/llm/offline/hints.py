"""Why a sentence was not taken as a request, and what can be sent instead."""

import re
from collections import Counter
from functools import cache
from operator import itemgetter

from .doubts import HINTS, find_doubt
from .intents import Intent, Understanding
from .skeletons import Kind, Skeleton
from .words import load, pattern

_DEFAULT = ("最近24小时有哪些高危告警", "今天的日报", "帮助")
_ACTION = re.compile(r"封禁|隔离|把|关闭|确认|每天")
_NAMED = (Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.CVE, Kind.DOMAIN, Kind.ALERT)
_OBJECTS = {
    "blocking": (Kind.IP, Kind.ASSET_IP, Kind.NETWORK),
    "isolating": (Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.IP),
    "alerts": (Kind.ALERT, Kind.ALERTS),
    "tasks": (Kind.SCHEDULE,),
}


def refuse(skeleton: Skeleton, plain: str, last: Intent | None) -> Understanding | None:
    """Why this is not done; None when it does not speak of an action, or asks about one."""
    text = skeleton.text
    if pattern("talk.objectless").fullmatch(text):
        hint = "操作需要写明对象（哪个 IP、哪台主机、哪条告警），没有执行任何操作。"
        return Understanding(suggestions=suggest(plain, _completed(text, last)), hint=hint)
    if not any(_speaks(name, text) and skeleton.found(*kinds) for name, kinds in _OBJECTS.items()):
        if not pattern("talk.bulk").match(text):
            return None
    asks = pattern("talk.asks").search(text)
    doubt = find_doubt(text)
    hint = _reason(skeleton, asks=bool(asks), doubted=doubt is not None)
    if not hint and (asks or doubt == "question"):
        return None
    hint = hint or (HINTS[doubt] if doubt else "这句话像一个操作，但格式不够明确，没有执行。")
    return Understanding(suggestions=suggest(plain, _offers(skeleton), harmless=doubt is not None), hint=hint)


def refuse_several(skeleton: Skeleton, plain: str) -> Understanding | None:
    """告警 12 和 13 的详情, web-01 和 web-02 的漏洞: half an answer would look like a whole one."""
    names = (
        name for name in load("talk")["several"] if pattern(f"talk.several.{name}").search(skeleton.text)
    )
    noun = next(names, "")
    if not noun:
        return None
    return Understanding(
        suggestions=suggest(plain, _offers(skeleton), harmless=True),
        hint=f"一次只能查一{noun}，请逐{noun[0]}发送。",
    )


def _speaks(name: str, text: str) -> bool:
    return pattern(f"talk.speaks.{name}").search(text) is not None


def _reason(skeleton: Skeleton, *, asks: bool, doubted: bool) -> str:
    text = skeleton.text
    if pattern("talk.undo").search(text):
        return "解除封禁或隔离请在对应设备上操作，这里没有这个功能，没有执行任何操作。"
    if asks:
        return ""
    if skeleton.found(Kind.NETWORK) and _speaks("blocking", text):
        return "不能封禁网段，只能逐个封禁 IP。"
    several = skeleton.found(Kind.ALERTS) or len(skeleton.found(Kind.ALERT)) > 1
    if pattern("talk.bulk").match(text) or (several and _speaks("alerts", text)):
        return "一次只能处理一条告警，请逐条发送。"
    unknown = skeleton.first(Kind.HOST) or skeleton.first(Kind.IP)
    if _speaks("isolating", text) and unknown and not doubted:
        return f"资产库里没有「{unknown.raw}」，不能隔离。"
    return ""


def _offers(skeleton: Skeleton) -> tuple[str, ...]:
    """Ready questions about the very things that were named."""
    offers = [
        f"告警 {one.value} 的详情" if one.kind is Kind.ALERT else f"查一下 {one.value}"
        for one in skeleton.found(*_NAMED)
    ]
    numbers = [number for one in skeleton.found(Kind.ALERTS) for number in re.findall(r"\d+", one.raw)]
    return tuple(dict.fromkeys(offers + [f"告警 {number} 的详情" for number in numbers]))[:2]


def _completed(text: str, last: Intent | None) -> tuple[str, ...]:
    """The action with the last object named, to be sent as it is; never done by itself."""
    arguments = last.arguments if last else {}
    address = next((str(arguments[key]) for key in ("ip", "value") if key in arguments), "")
    if _speaks("blocking", text) and address:
        return (f"封禁 {address} 一小时",)
    if _speaks("isolating", text) and "asset" in arguments:
        return (f"隔离 {arguments['asset']}",)
    if "alert_id" not in arguments:
        return ()
    number = arguments["alert_id"]
    return (f"误报 A{number}" if "关" in text else f"确认 A{number}", f"把告警 {number} 指派给我")


def suggest(text: str, first: tuple[str, ...] = (), *, harmless: bool = False) -> tuple[str, ...]:
    """Three sentences nearest to the text; ``first`` are put in front; ``harmless``: no actions among them."""
    lowered, asked = text.lower(), _grams(text)
    scored = [
        (2.0 * sum(word in lowered for word in words) + 0.1 * (asked & grams).total(), sentence)
        for sentence, words, grams in _examples()
    ]
    near = [
        sentence
        for score, sentence in sorted(scored, key=itemgetter(0), reverse=True)
        if score >= 2.0 and not (harmless and _ACTION.match(sentence))
    ]
    return tuple(dict.fromkeys([*first, *near, *_DEFAULT]))[:3]


@cache
def _examples() -> tuple[tuple[str, tuple[str, ...], Counter[str]], ...]:
    """(sentence, words that speak for it, its grams)."""
    table = load("talk")["suggestions"]
    return tuple(
        (sentence, tuple(words.lower().split()), _grams(sentence)) for sentence, words in table.items()
    )


def _grams(text: str) -> Counter[str]:
    lowered = text.lower()
    return Counter(lowered[i : i + 2] for i in range(len(lowered) - 1)) + Counter(lowered)
