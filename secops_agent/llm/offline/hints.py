"""Why a sentence was not taken as a request, and what can be sent instead."""

import re

from .intents import Intent, Understanding
from .notes import find_doubt
from .questions import rank
from .skeletons import Kind, Skeleton
from .words import load, pattern

_DEFAULT = ("最近24小时有哪些高危告警", "今天的日报", "帮助")
_ACTION = re.compile(r"封禁|隔离|把|关闭|确认|每天")
_NAMED = (Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.CVE, Kind.DOMAIN, Kind.ALERT)
_OBJECTS = {name: tuple(Kind[kind] for kind in kinds) for name, kinds in load("talk")["spoken_of"].items()}


def hint(name: str) -> str:
    """A text of ``[hints]``."""
    return str(load("talk")["hints"][name])


def refuse(skeleton: Skeleton, last: Intent | None) -> Understanding | None:
    """Why this is not done; None when it does not speak of an action, or asks about one."""
    text = skeleton.text
    if pattern("talk.objectless").fullmatch(text):
        return Understanding(suggestions=suggest(skeleton, _completed(text, last)), hint=hint("objectless"))
    spoken = any(
        pattern(f"talk.speaks.{name}").search(text) and skeleton.found(*kinds)
        for name, kinds in _OBJECTS.items()
    )
    doubt, asks = find_doubt(text), pattern("talk.asks").search(text) is not None
    reason = _reason(skeleton, asks=asks, doubted=bool(doubt))
    if not (spoken or pattern("talk.bulk").match(text)) or (not reason and (asks or doubt == "question")):
        return None
    suggestions = suggest(skeleton, harmless=bool(doubt))
    return Understanding(suggestions=suggestions, hint=reason or hint(doubt or "unclear"))


def _reason(skeleton: Skeleton, *, asks: bool, doubted: bool) -> str:
    text = skeleton.text
    several = skeleton.found(Kind.ALERTS) or len(skeleton.found(Kind.ALERT)) > 1
    unknown = skeleton.first(Kind.HOST) or skeleton.first(Kind.IP)
    if pattern("talk.undo").search(text):
        return hint("undo")
    if asks:
        return ""
    if skeleton.found(Kind.NETWORK) and pattern("talk.speaks.blocking").search(text):
        return hint("network")
    if pattern("talk.bulk").match(text) or (several and pattern("talk.speaks.alerts").search(text)):
        return hint("bulk")
    isolates = pattern("talk.speaks.isolating").search(text) and unknown and not doubted
    return f"资产库里没有「{unknown.raw}」，不能隔离。" if unknown and isolates else ""


def _ready(skeleton: Skeleton) -> tuple[str, ...]:
    """Questions about the very things that were named."""
    named = skeleton.found(*_NAMED)
    ready = [f"告警 {one.value} 的详情" if one.kind is Kind.ALERT else f"查一下 {one.value}" for one in named]
    numbers = [number for one in skeleton.found(Kind.ALERTS) for number in re.findall(r"\d+", one.raw)]
    return tuple(dict.fromkeys(ready + [f"告警 {number} 的详情" for number in numbers]))[:2]


def _completed(text: str, last: Intent | None) -> tuple[str, ...]:
    """The action with the last object named, to be sent as it is; never done by itself."""
    arguments = last.arguments if last else {}
    address, number = arguments.get("ip") or arguments.get("value"), arguments.get("alert_id")
    if pattern("talk.speaks.blocking").search(text) and address:
        return (f"封禁 {address} 一小时",)
    if pattern("talk.speaks.isolating").search(text) and "asset" in arguments:
        return (f"隔离 {arguments['asset']}",)
    close = f"误报 A{number}" if "关" in text else f"确认 A{number}"
    return (close, f"把告警 {number} 指派给我") if number else ()


def suggest(skeleton: Skeleton, first: tuple[str, ...] = (), *, harmless: bool = False) -> tuple[str, ...]:
    """``first``, or questions about what was named, then examples of what it most probably asks for; ``harmless``: no actions among them."""
    examples = load("talk")["suggestions"]
    near = [examples[tool] for score, tool in rank(skeleton) if tool in examples and score > 0]
    kept = [sentence for sentence in near if not (harmless and _ACTION.match(sentence))]
    return tuple(dict.fromkeys([*(first or _ready(skeleton)), *kept[:2], *_DEFAULT]))[:3]
