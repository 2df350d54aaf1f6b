"""Sentences that name a foreign tool that reads, with its values and nothing else that has a meaning.

Read whole: what has any other word is left to the grammar and to models.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from secops_agent.llm.offline.words import pattern
from secops_agent.services.mcp.definitions import ReadyTool
from secops_agent.services.mcp.schemas import FORMATS

_LONGEST: Final = 200
_VALUE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._@:/\\-]*")
_CLOSEST: Final = (
    "ip",
    "network",
    "hash",
    "host",
    "word",
    "line",
    "",
)  # the formats that say most come first


def line_in(text: str, tools: Iterable[ReadyTool]) -> str | None:
    """What to type behind the command for the one tool that a sentence names; None for none, or for several."""
    if len(text) > _LONGEST:
        return None
    found = [line for tool in tools if tool.risk == "read" and (line := _line(text, tool)) is not None]
    return found[0] if len(found) == 1 else None


def _line(text: str, tool: ReadyTool) -> str | None:
    plain = re.sub(rf"用?\s*{re.escape(tool.service)}(?![0-9A-Za-z])", " ", text, count=1)
    own = (
        [tool.name] if plain != text or re.search("[_.-]", tool.name) else []
    )  # a bare "search" is anybody's word
    names = (
        re.search(_pattern(name), plain, re.I) for name in sorted((*own, *tool.when), key=len, reverse=True)
    )
    named = next(filter(None, names), None)
    if named is None:
        return None
    rest = f"{plain[: named.start()]} {plain[named.end() :]}"
    values = [value.rstrip(".:/") for value in _VALUE.findall(rest)]
    given = None if _says_more(_VALUE.sub(" ", rest)) else _fill(tool.schema, values)
    if given is None:
        return None
    return " ".join([tool.service, tool.name, *(f'{name}="{value}"' for name, value in given.items())])


def _says_more(rest: str) -> bool:
    """Has it a word with a meaning of its own, or is it denied?"""
    if pattern("cues.nothing.negation").search(rest):
        return True
    for empty in ("cues.ask.see", "cues.unread.filler"):
        rest = pattern(empty).sub(" ", rest)
    return re.search(r"\w", rest) is not None


def _pattern(name: str) -> str:
    return rf"(?<![0-9A-Za-z_.-]){re.escape(name)}(?![0-9A-Za-z_-])" if name.isascii() else re.escape(name)


def _fill(schema: Mapping[str, Any], values: list[str]) -> dict[str, str] | None:
    """Each value to the argument that takes it: those that must be given first. None where one has no place."""
    needed, known = schema.get("required", []), schema["properties"]
    order = sorted(
        known, key=lambda name: (name not in needed, _CLOSEST.index(known[name].get("format", "")))
    )
    given: dict[str, str] = {}
    for value in values:
        place = next((name for name in order if name not in given and _takes(known[name], value)), None)
        if place is None:
            return None
        given[place] = value
    return given


def _takes(schema: Mapping[str, Any], value: str) -> bool:
    if schema.get("type") in ("integer", "number"):
        return value.isdecimal()
    if schema.get("type") != "string" or ("enum" in schema and value not in schema["enum"]):
        return False
    try:
        return bool(FORMATS[schema["format"]][1](value)) if "format" in schema else True
    except ValueError:
        return False
