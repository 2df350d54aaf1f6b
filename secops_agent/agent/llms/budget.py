"""Context budget: a dialogue is cut to what a model reads, before its server refuses it or cuts it in silence."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from bifang.core.errors import RemoteError
from secops_agent.llm.types import Message, ToolSpec

_WORDS = re.compile(r"\b[A-Za-z_]+\b| +", re.ASCII)  # what has digits in it is read letter by letter
# A turn's tools that read: the first two whatever is asked, the others and as many of the nearest as fit.
_CORE: Final = (
    "list_alerts",
    "get_alert",
    "get_asset",
    "lookup_indicator",
    "search_runbook",
    "lookup_cve",
    "affected_assets",
)
_LIKELY: Final = 4
_ALWAYS: Final = 3  # the core and the nearest, however large they are
_TOOLS: Final = 2800  # tokens
_EACH: Final = 8  # tokens around a message
_SHORTEST: Final = 120  # characters that are left of a result
_Argument = tuple[str, str]  # its name and what explains it
_CUT: Final = "\n…（为适合模型的上下文长度，此处截去 {} 字。）\n"


def tokens_of(text: str) -> int:
    """Rather too many: a Chinese character, a digit, a mark count one each, three letters of a word or spaces one."""
    light = sum(map(len, _WORDS.findall(text)))
    return len(text) - light + -(-light // 3)


def fit(
    messages: Sequence[Message], specs: Sequence[ToolSpec], room: int, earlier: int
) -> tuple[Message, ...]:
    """The messages in at most ``room`` tokens: the oldest of the conversation go first, then results are shortened.

    ``earlier``: so many after the first, which holds the rules, are of the conversation before this turn. The rules, the question and the calls stay. RemoteError "context_overflow" if that is too much already.
    """
    left = room - sum(_spec_tokens(spec) for spec in specs)
    kept = _without_history(list(messages), left, earlier)
    over = sum(map(_size, kept)) - left
    if over > 0:
        kept = _shortened(kept, over)
    if sum(map(_size, kept)) > left:
        text = f"上下文过长：规则、工具说明和这次的提问已超过模型的 {room} token。请缩小问题，或把模型的上下文调大。"
        raise RemoteError(text, permanent=True, code="context_overflow")
    return tuple(kept)


def offered(specs: tuple[ToolSpec, ...], nearest: Sequence[str], room: int) -> tuple[ToolSpec, ...]:
    """The tools that a model with so much room is shown: all, if half of it is enough, else the ``nearest`` that fit."""
    left = room // 2
    if not room or sum(map(_spec_tokens, specs)) <= left:
        return specs
    places = {name: at for at, name in enumerate(nearest)}
    kept = set[str]()
    for spec in sorted(specs, key=lambda one: places.get(one.name, len(places))):
        left -= _spec_tokens(spec)
        if left < 0 and kept:
            break
        kept.add(spec.name)
    return tuple(spec for spec in specs if spec.name in kept)


def needed(specs: Sequence[ToolSpec], nearest: Sequence[str]) -> tuple[ToolSpec, ...]:
    """The tools that a question needs: the core, and the ``nearest`` to it that fit beside them; all, if none are known."""
    if not nearest:
        return tuple(specs)
    by_name, left, kept, told = {spec.name: spec for spec in specs}, _TOOLS, set[str](), set[_Argument]()
    for name in dict.fromkeys((*_CORE[:2], *nearest[:_LIKELY], *_CORE, *nearest)):
        if name in by_name:
            without, arguments = _sizes(by_name[name])
            size = without + sum(brief if each in told else full for each, (full, brief) in arguments.items())
            if size <= left or len(kept) < _ALWAYS:
                kept.add(name)
                told |= arguments.keys()
                left -= size
    return without_repeats([spec for spec in specs if spec.name in kept])


@lru_cache(maxsize=512)
def _sizes(spec: ToolSpec) -> tuple[int, dict[_Argument, tuple[int, int]]]:
    """What a tool takes without its arguments, and each of these: explained, and once it has been."""
    properties = spec.parameters.get("properties", {})
    arguments = {
        _argument(name, each): (_json_tokens({name: each}), _json_tokens({name: _brief(each)}))
        for name, each in properties.items()
    }
    bare = replace(spec, parameters={**spec.parameters, "properties": {}})
    return _spec_tokens(bare), arguments


def without_repeats(specs: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    """The tools, each argument explained once: what a later one calls by the same name means the same."""
    told, slim = set[_Argument](), list[ToolSpec]()
    for spec in specs:
        properties = dict(spec.parameters.get("properties", {}))
        for name, each in properties.items():
            if (argument := _argument(name, each)) in told:
                properties[name] = _brief(each)
            told.add(argument)
        slim.append(replace(spec, parameters={**spec.parameters, "properties": properties}))
    return tuple(slim)


def _argument(name: str, explained: Mapping[str, Any]) -> _Argument:
    return name, str(explained.get("description", ""))


def _brief(explained: Mapping[str, Any]) -> dict[str, Any]:
    """An argument that another tool explained."""
    return {name: explained[name] for name in ("type", "enum") if name in explained}


def _spec_tokens(spec: ToolSpec) -> int:
    return tokens_of(spec.name) + tokens_of(spec.description) + _json_tokens(spec.parameters) + 4 * _EACH


def _json_tokens(value: Mapping[str, Any]) -> int:
    return tokens_of(json.dumps(value, ensure_ascii=False))


def _size(message: Message) -> int:
    calls = sum(tokens_of(call.name) + tokens_of(call.arguments) + 2 * _EACH for call in message.tool_calls)
    return tokens_of(message.content) + calls + _EACH


def _without_history(messages: list[Message], room: int, earlier: int) -> list[Message]:
    """Without as many questions and answers as do not fit; what is left begins with a question."""
    size, at, end = sum(map(_size, messages)), 1, 1 + earlier
    while at < end and (size > room or messages[at].role != "user"):
        size -= _size(messages[at])
        at += 1
    return [*messages[:1], *messages[at:]]


def _shortened(messages: list[Message], over: int) -> list[Message]:
    """The longest results first, so that each keeps as much as the others."""
    longest = sorted((one for one in messages if one.role == "tool"), key=_size, reverse=True)
    limits = [_size(one) for one in longest]
    for count in range(1, len(longest) + 1):
        floor = limits[count] if count < len(longest) else 0
        target = (sum(limits[:count]) - over) // count
        if target >= floor:
            break
    allowed = max(target, 0) if longest else 0
    return [_cut(one, allowed) if one.role == "tool" and _size(one) > allowed else one for one in messages]


def _cut(message: Message, allowed: int) -> Message:
    """Of the end, where a fence may close, a little is kept."""
    text = message.content
    room = allowed - _EACH - tokens_of(_CUT) - 6
    kept = max(_SHORTEST, _prefix(text, room - _SHORTEST // 2))
    tail = _SHORTEST // 2
    if kept + tail >= len(text):
        return message
    gone = len(text) - kept - tail
    return message._replace(content=f"{text[:kept]}{_CUT.format(gone)}{text[-tail:]}")


def _prefix(text: str, room: int) -> int:
    """How many characters fit."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tokens_of(text[:middle]) <= room else (low, middle - 1)
    return low
