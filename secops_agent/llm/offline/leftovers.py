"""What of a question no argument carries: it is named in the answer, never dropped in silence."""

import re
from collections.abc import Iterator

from .classifier import is_known
from .intents import Intent
from .keywords import find_known
from .questions import Asked
from .skeletons import Kind
from .words import load, pattern, wordset

_LISTS = ("list_alerts", "list_assets", "list_vulnerabilities", "alert_statistics")
_CARRIERS = {Kind.TIME: "since_hours", Kind.DURATION: "since_hours", Kind.SEVERITY: "severity", Kind.STATUS: "status",
             Kind.LIMIT: "limit"}  # fmt: skip
_MOST = 3
_CLAUSES = re.compile(r"[,，。;；!！?？\s]")


def find_unused(asked: Asked, intent: Intent) -> tuple[str, ...]:
    """Names, times, levels, known conditions and new words that the list was not narrowed by."""
    if intent.tool not in _LISTS:
        return ()
    arguments = {name: str(value).lower() for name, value in intent.arguments.items()}
    if intent.tool == "list_vulnerabilities":
        arguments["status"] = ""  # only open ones are listed
    if "keyword" in arguments:
        arguments.setdefault("asset", "")  # 它 may be what is looked for
    said = [*_names(asked, arguments), *_conditions(asked.text, arguments), *_new_words(asked, arguments),
            *_products(asked, intent)]  # fmt: skip
    return tuple(dict.fromkeys(asked.skeleton.expand(one).strip() for one in said))[:_MOST]


def _names(asked: Asked, arguments: dict[str, str]) -> Iterator[str]:
    """Not the times of clauses that are about something else."""
    text, values = asked.text, " ".join(arguments.values())
    about = "".join(one for one in _CLAUSES.split(text) if pattern("filters.noun").search(one)) or text
    for char, one in asked.skeleton.entities.items():
        named = str(one.value).lower() in values or one.raw.lower() in values
        carriers = {_CARRIERS.get(one.kind, ""), "group_by", "compare"} & arguments.keys()
        carried = carriers if one.kind in _CARRIERS else named
        if not carried and char in (about if one.kind is Kind.TIME else text):
            yield one.raw


def _conditions(text: str, arguments: dict[str, str]) -> Iterator[str]:
    """What only other lists can be narrowed by, and what none can."""
    for argument in load("filters")["conditions"]:
        match = pattern(f"filters.conditions.{argument}").search(text)
        said = match.group().lower() if match else ""
        if (
            said
            and argument not in arguments
            and not any(value and (said in value or value in said) for value in arguments.values())
        ):
            yield said


def _new_words(asked: Asked, arguments: dict[str, str]) -> Iterator[str]:
    """What stands beside the noun and in none of the sentences that the grammar was learned from."""
    text = asked.text
    for value in sorted(arguments.values(), key=len, reverse=True):
        text = re.sub(re.escape(value), " ", text, flags=re.IGNORECASE) if value else text
    for clause in _CLAUSES.split(text):
        for near in pattern("filters.beside_noun").finditer(clause):
            for word in re.findall("[一-鿿]+", near["before"] or near["after"] or ""):
                yield from (new for new in _unknown(word) if len(new) > 1)


def _products(asked: Asked, intent: Intent) -> Iterator[str]:
    """The product that is named, and English words that are none of the grammar's: mostly software."""
    text, values = asked.text, " ".join(str(value).lower() for value in intent.arguments.values())
    if intent.arguments.get("group_by") == "source":  # 哪家报得多: WAF 还是 HIDS
        return
    for name in ("keywords.purpose", "filters.roles", "filters.ours"):
        text = pattern(name).sub(" ", text)
    settled = "keyword" in intent.arguments and intent.tool != "list_assets"
    known = "" if settled else find_known(text, frozenset())
    for word in (known, *pattern("filters.software_word").findall(text)):
        if word and word.lower() not in wordset("keywords.common_english") and word.lower() not in values:
            yield word


def _unknown(word: str) -> list[str]:
    """The runs of characters of which no pair is known, without fillers at their ends."""
    pairs = [is_known(word[i : i + 2]) for i in range(len(word) - 1)]
    around = zip([False, *pairs], [*pairs, False], strict=True)
    kept = "".join(char if not any(known) else " " for char, known in zip(word, around, strict=True))
    return [pattern("filters.filler_edges").sub("", run) for run in kept.split()] if pairs else []
