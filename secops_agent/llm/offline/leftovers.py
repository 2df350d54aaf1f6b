"""What of a question no argument carries: it is named in the answer, never dropped in silence."""

import re
from collections.abc import Iterator

from .classifier import is_known
from .intents import Intent
from .questions import Asked
from .skeletons import Kind, MaskedName
from .words import load, pattern

_LISTS = ("list_alerts", "list_assets", "list_vulnerabilities", "alert_statistics")
_CARRIERS = {Kind.TIME: "since_hours", Kind.DURATION: "since_hours", Kind.SEVERITY: "severity", Kind.STATUS: "status",
             Kind.LIMIT: "limit"}  # fmt: skip
_MOST = 3
_CLAUSES = re.compile(r"[,，。;；!！?？\s]")


def find_unused(asked: Asked, intent: Intent) -> tuple[str, ...]:
    """Names, times, levels, known conditions and new words that the list was not narrowed by."""
    if intent.tool not in _LISTS:
        return ()
    arguments = {name: str(value) for name, value in intent.arguments.items()}
    open_only = {Kind.STATUS} if intent.tool == "list_vulnerabilities" else set()
    names = [
        one.raw for one in _names(asked) if one.kind not in open_only and not _is_carried(one, arguments)
    ]
    said = [*names, *_conditions(asked.text, arguments), *_new_words(asked, arguments)]
    return tuple(dict.fromkeys(asked.skeleton.expand(one).strip() for one in said))[:_MOST]


def _names(asked: Asked) -> list[MaskedName]:
    """Not the times of errands: 今天要汇报; nor those of clauses that are about something else."""
    clauses = [one for one in _CLAUSES.split(pattern("filters.errand").sub("", asked.text)) if one]
    about = "".join(one for one in clauses if pattern("filters.noun").search(one)) or "".join(clauses)
    return [
        one
        for char, one in asked.skeleton.entities.items()
        if char in ("".join(clauses) if one.kind is not Kind.TIME else about)
    ]


def _is_carried(one: MaskedName, arguments: dict[str, str]) -> bool:
    carrier = _CARRIERS.get(one.kind)
    if carrier:
        return carrier in arguments or "group_by" in arguments or "compare" in arguments
    said = " ".join(arguments.values()).lower()
    return str(one.value).lower() in said or one.raw.lower() in said


def _conditions(text: str, arguments: dict[str, str]) -> Iterator[str]:
    """What only other lists can be narrowed by, and what none can."""
    said = " ".join(arguments.values())
    for argument in load("filters")["conditions"]:
        match = pattern(f"filters.conditions.{argument}").search(text)
        known = match and (
            match.group() in said or any(value in match.group() for value in arguments.values())
        )
        if match and argument not in arguments and not known:
            yield match.group()


def _new_words(asked: Asked, arguments: dict[str, str]) -> Iterator[str]:
    """What stands beside the noun and in none of the sentences that the grammar was learned from."""
    text = asked.text
    for value in sorted(arguments.values(), key=len, reverse=True):
        text = text.replace(value, " ")
    for clause in _CLAUSES.split(text):
        for near in pattern("filters.beside_noun").finditer(clause):
            for word in re.findall("[一-鿿]+", near["before"] or near["after"] or ""):
                yield from (new for new in _unknown(word) if len(new) > 1)


def _unknown(word: str) -> list[str]:
    """The runs of characters of which no pair is known, without fillers at their ends."""
    pairs = [is_known(word[i : i + 2]) for i in range(len(word) - 1)]
    around = zip([False, *pairs], [*pairs, False], strict=True)
    kept = "".join(char if not any(known) else " " for char, known in zip(word, around, strict=True))
    return [pattern("filters.filler_edges").sub("", run) for run in kept.split()] if pairs else []
