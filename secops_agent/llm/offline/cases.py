"""Cases: read in exact forms only, those of `words/cases.toml`. Whatever else a sentence has, it is none of them."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from .intents import Intent
from .words import load, name_of, pattern

_NUMBER = re.compile(r"\d+")
_ME = frozenset(("我", "我自己", "自己", "本人"))
_FREE = ("text", "note", "title", "title2", "assignee", "to2")


def read_case_order(plain: str, asker: str) -> Intent | None:
    """The order that the whole sentence is; ``asker`` is the staff id that 我 means."""
    for tool, said in _matches("orders", plain):
        free = [said[name] for name in _FREE if name in said]
        if not any(pattern("cases.asks").search(text) for text in free):
            return Intent(tool, _arguments(said, asker))
    return None


def read_case_question(plain: str) -> Intent | None:
    """The question that the whole sentence is."""
    for tool, said in _matches("questions", plain):
        return Intent(tool, _arguments(said, ""))
    return None


def _matches(table: str, plain: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for tool, form in _forms(table):
        if match := form.fullmatch(plain):
            yield tool, {name: value.strip() for name, value in match.groupdict().items() if value}


@cache
def _forms(table: str) -> tuple[tuple[str, "re.Pattern[str]"], ...]:
    """Tool and form; a second form of a tool has a number, because a name stands in a pattern once."""
    return tuple((key.rstrip("_2"), pattern(f"cases.{table}.{key}")) for key in load("cases")[table])


def _arguments(said: Mapping[str, str], asker: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in said.items():
        match name.rstrip("23"):
            case "words":
                found["text"] = value
            case "case_id" | "into_id" | "alert_id" | "watch_id" | "schedule_id" as key:
                found[key] = int(value)
            case "alerts" | "findings" as key:
                field, mark = ("alerts", "") if key == "alerts" else ("findings", "F")
                found[field] = ",".join(f"{mark}{each}" for each in dict.fromkeys(_NUMBER.findall(value)))
            case "verdict":
                found["verdict"] = name_of("cases.verdicts", value)
            case "together":
                found["with_alerts"] = True
            case "status":
                found["status"] = name_of("cues.to_status", value)
            case "scope" | "report" as key:
                found[key] = name_of(f"cases.{key}s", value)
            case "assignee":
                found["assignee"] = asker if value in _ME and asker else value
            case key:
                found[key] = value
    return found
