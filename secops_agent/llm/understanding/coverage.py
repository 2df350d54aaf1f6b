"""Coverage of a sentence by its answer: what was said and the chosen tool, with these arguments, neither takes nor tells of.

A word that another tool knows is no less unanswered: 按级别 beside a list, 断网了没 beside the card of an asset.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import load, pattern
from secops_agent.llm.understanding.entities import Sentence
from secops_agent.llm.understanding.frames import PARTS, ToolFrame
from secops_agent.llm.understanding.questions import IMPLIED, LISTS, PATTERNS, carried, cues_of, unread

_PIECE: Final = re.compile(rf"(?:(?!{ANY_MARK.pattern})[^,，、。;；!！?？\s])+")
# A condition's words are answered by a list that got one of these arguments, and by a card that tells of the cue.
_CONDITIONS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "said.mine": (("mine", "keeps"), ("keyword", "owner", "person", "assignee")),
    "said.unowned": (("unowned",), ("unassigned",)),
    "said.listed": (("in_lists",), ("listed",)),
    "said.fix": (("fix", "no_fix"), ("fix_available",)),
    "said.verdict": (("judged",), ("verdict", "group_by")),
    "said.status": (("done", "ended", "whole"), ("status", "time_of", "metric", "due")),
    "said.group": (("group_by", "group_by.hour", "group_by.day", "group_by.asset", "each"), ("group_by", "compare")),
    "said.held": (("burden",), ("keyword", "assignee")),
    "ask.statistics": ((), ("group_by", "limit", "alert_statistics", "compare_periods")),
    "said.file": (("report_file", "period", "previous"), ("period", "file")),
    "ask.kev": (("kev_only",), ("kev_only",)),
    "ask.due": (("late", "soon"), ("due", "overdue")),
    "said.finding": (("finding.secret", "finding.code", "finding.misconfiguration"), ("kind",)),
    "noun.oncall": (("on_call_at",), ("at", "person")),
    "said.exposed": (("conditions.exposed",), ("exposed",)),
    "said.not_kev": (("conditions.not_kev", "kev_only"), ("not_kev",)),
    "said.epss": (("epss",), ("epss",)),
    "said.order": (("conditions.order", "soon"), ("order",)),
    "said.about": (("about",), ("about", "software")),
    "said.widest": (("widest",), ("widest",)),
    "said.riskiest": (("riskiest",), ("riskiest",)),
    "said.duewithin": (("due_word",), ("due_within",)),
    "said.haskev": (("kev_only",), ("kev",)),
}  # fmt: skip
# Of these a list that takes no such argument keeps too much.
_NARROWING: Final = ("said.mine", "said.unowned", "said.listed", "said.verdict", "ask.kev", "ask.due")


@cache
def _words_of(frame: ToolFrame, taken: frozenset[str]) -> tuple["re.Pattern[str]", ...]:
    """What the answer of this tool, with these arguments, tells of; and what tells nothing at all."""
    told = frame.tells
    names = [f"filters.{name}" for name in load("cues")["unread"]["of_anything"]]
    names += [
        PATTERNS.get(cue) or f"cues.{cue}"
        for cue in (*told, *PARTS, "ask.see", "ask.list", "said.ours")
        if cue not in _CONDITIONS and (cue in PATTERNS or not cue.startswith(("said.", "word.")))
    ]
    for cue, (words, arguments) in _CONDITIONS.items():
        if not taken.isdisjoint(arguments) or (cue in told and frame.tool not in LISTS):
            names += [f"filters.{word}" for word in words]
            names += (
                [PATTERNS[cue]] if cue in PATTERNS else [f"cues.{cue}"] if not cue.startswith("said.") else []
            )
    names += [f"cues.act.{act}" for act in load("cues")["act"] if "noun.proposal" in told]
    names += ["courtesies.neutral", "courtesies.asking", "courtesies.thanks", "cues.unread.asides"]
    return tuple(pattern(name) for name in names)


def unanswered(sentence: Sentence, intent: Intent, frame: ToolFrame) -> list[str]:
    """Words that are neither an argument of the intent nor what its tool tells of, though another tool may know them."""
    if "query" in intent.arguments:  # the sentence itself is searched for
        return []
    taken = {
        intent.tool,
        *intent.arguments,
        *(known for name, known in IMPLIED if name in {intent.tool, *intent.arguments}),
    }
    values = {name: str(value).lower() for name, value in intent.arguments.items()}
    left = [
        one
        for one in unread(sentence, _words_of(frame, frozenset(taken)))
        if not (len(one) > 1 and carried(one, values))
    ]
    if intent.tool in LISTS:
        said = [(word, _CONDITIONS[cue][1]) for cue, word in cues_of(sentence).items() if cue in _NARROWING]
        return [*left, *(one for one, takers in said if taken.isdisjoint(takers) and one not in left)]
    if intent.tool not in load("talk")["cards"]:
        return left
    clauses = map(str.strip, _PIECE.findall(sentence.question.text))
    return [each for each in clauses if any(word in each for word in left)]
