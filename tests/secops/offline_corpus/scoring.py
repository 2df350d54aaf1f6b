"""Scores of labelled sentences."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from secops_agent.llm.offline import ACTION_TOOLS, Understanding
from tests.secops.offline_corpus import Line, read
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

# What makes since_hours exact; the sentences were labelled before it was an argument.
_NEWER = ("period", "time_of")


@dataclass(frozen=True)
class Score:
    """Counts of sentences. ``faults``: what was read otherwise than labelled, as text."""

    lines: int = 0
    questions: int = 0
    questions_right: int = 0
    orders: int = 0
    orders_right: int = 0
    offered: int = 0
    wrong: int = 0
    none: int = 0
    offers_to_none: int = 0
    faults: tuple[str, ...] = ()

    def __add__(self, other: "Score") -> "Score":
        return Score(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


def score(path: Path, every: int = 1) -> Score:
    """Of one file, or of every so manieth of its lines."""
    return sum((_score(line) for line in list(read(path))[::every]), Score())


@cache
def find(text: str) -> Understanding:
    """What the offline mode understands."""
    return understand(text, LEXICON, NOW, asker=ASKER)


def answers(call: tuple[str, dict[str, Any]], line: Line) -> bool:
    """Is this what the line wants? A question to the manuals goes there whole; what it is about must be in it."""
    (tool, arguments), wanted = call, dict(line.arguments)
    if tool == "search_runbook" and "query" in wanted and wanted["query"] in arguments.get("query", ""):
        arguments = {**arguments, "query": wanted["query"]}
    arguments = {name: value for name, value in arguments.items() if name not in _NEWER or name in wanted}
    if tool == "alert_statistics" and "limit" not in wanted:  # how many groups: newer, too
        arguments.pop("limit", None)
    return (tool, arguments) == (line.tool, wanted)


def proposed(found: Understanding) -> tuple[str, dict[str, Any]]:
    """The tool that is called, a question's or an order's; ("", {}) for none."""
    return (found.intent.tool, dict(found.intent.arguments)) if found.intent else ("", {})


def offered(found: Understanding) -> tuple[str, dict[str, Any]]:
    """The tool that is offered; ("", {}) for none, or for several."""
    return (found.offers[0].tool, dict(found.offers[0].arguments)) if len(found.offers) == 1 else ("", {})


def _score(line: Line) -> Score:
    found = find(line.text)
    call, offer, wanted = proposed(found), offered(found), (line.tool, line.arguments)
    wrong = int(call[0] in ACTION_TOOLS and call != wanted)
    fault = (
        f"{line.text}\t{line.tool} {line.arguments}\t-> {call if call[0] else offer} {'WRONG' if wrong else ''}",
    )
    if line.tool == "!":
        faults = fault if wrong or found.offers else ()
        return Score(lines=1, wrong=wrong, none=1, offers_to_none=int(bool(found.offers)), faults=faults)
    if line.tool in ACTION_TOOLS:
        right = wanted in (call, offer)
        given = int(wanted == offer)
        return Score(
            1, orders=1, orders_right=int(right), offered=given, wrong=wrong, faults=() if right else fault
        )
    right = answers(call, line) if line.tool else not call[0] and not found.offers
    return Score(1, questions=1, questions_right=int(right), wrong=wrong, faults=() if right else fault)
