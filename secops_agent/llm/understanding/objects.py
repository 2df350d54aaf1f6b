"""What an order is done to: what its clause or its sentence names, what it refers to, and how its tool takes it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.expressions.skeletons import Kind, MaskedName, Skeleton, mark
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import numbers_of
from secops_agent.llm.understanding.focus import Focus, meant_by
from secops_agent.llm.understanding.verbs import ACTS, NEEDS, WANTED, Act, SpokenVerb

_ORDINALS: Final = {"first": 0, "second": 1, "third": 2, "last": -1, "top": 0, "bottom": -1}
_SPARED: Final = (*WANTED["alert"], *WANTED["ip"], *WANTED["asset"])
_ALL: Final = MaskedName(Kind.REF, "全", "all", exact=False)
_LOGGED: Final = re.compile(
    rf"^(?P<log>.*(?<![\s:：=,，(（\[「“]))(?:\s+|\s*→\s*)(?P<said>(?:[一-鿿]|{mark(Kind.REF)})[^A-Za-z\"'“”=:{{}}<>]*)$"
)
_BEFORE_LOG: Final = re.compile(r"^(?P<said>[^A-Za-z\"'“”=:<>]{2,20})[:：]\s*(?P<log>.+)$")


def objects_of(act: Act, places: Sequence[Skeleton], focus: Focus) -> Iterator[tuple[str, str]]:
    """What the verb is done to: named in the first of these places that names one, else referred to; nothing else."""
    for said in places:
        for kind in act.kinds:
            if found := named_in(kind, said):
                yield from ((kind, value) for value in found)
                return
    last, reference = places[-1], None
    if rows := next(filter(None, map(rows_in, places)), ()):
        kind, values = focus.rows(rows)
    else:
        reference = last.first(Kind.REF)
        if reference is None and pattern("cues.said.entire").match(last.text):
            reference = _ALL
        others = last.first(Kind.IP, Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.DOMAIN, Kind.CVE, Kind.ALERT)
        kind, values = (
            ("", ())
            if others and not reference
            else meant_by(str(reference.value) if reference else "it", focus, act.kinds)
        )
        if values and not focus.is_about(values[0]):
            return  # something else was shown since
    one = len(values) < 2 or rows or not reference or reference.value in ("all", "person")
    if kind in act.kinds and one:  # 那条 of several is nobody's
        yield from ((kind, value) for value in values)


def named_again(act: Act, skeleton: Skeleton, start: int, end: int) -> list[tuple[str, str]]:
    """A210和A199重复，关A210: what is named a second time right behind the verb, and nothing else."""
    before = Skeleton(skeleton.text[:start], skeleton.entities)
    behind = Skeleton(skeleton.text[end:].lstrip()[:1], skeleton.entities)
    said = ((kind, named_in(kind, before), named_in(kind, behind)) for kind in act.kinds)
    return [(kind, again[0]) for kind, named, again in said if len(named) > 1 and set(again) & set(named)]


def with_alerts(whole: Skeleton) -> tuple[Skeleton, bool]:
    """E1结案，下面的告警一起关: without these words, and were they said of a case?"""
    rest = pattern("cues.inside.with_alerts").sub("", whole.text) if whole.first(Kind.CASE) else whole.text
    return Skeleton(rest, whole.entities), rest != whole.text


def without_spared(whole: Skeleton) -> Skeleton:
    """19 197关掉 232先甭动: without what is to be left alone, if that is none of the others."""
    rest = pattern("cues.inside.spared").sub("，", whole.text)
    kept = Skeleton(rest, {char: one for char, one in whole.entities.items() if char in rest})
    others = kept.found(*_SPARED)
    spared = [one.value for char, one in whole.entities.items() if char in whole.text and char not in rest]
    return kept if spared and others and not {one.value for one in others} & set(spared) else whole


def without_repeated(whole: Skeleton) -> Skeleton:
    """A199跟A297一个东西，重复，关: without the alert that the other repeats."""
    repeats = any(one.value == "duplicate" for one in whole.found(Kind.VERDICT))
    rest = pattern("cues.inside.same").sub(" ", whole.text) if repeats else whole.text
    return Skeleton(rest, whole.entities)


def rows_in(said: Skeleton) -> tuple[int, ...]:
    """Places in the last list: 第二条, 前三条, the first one."""
    if row := said.first(Kind.ROW):
        return tuple(row.value)
    if some := pattern("cues.said.first_rows").search(said.text):
        return tuple(range(read_integer(some["n"]) or 0))
    found = pattern("cues.said.ordinal").search(said.text)
    return (_ORDINALS[str(found.lastgroup)],) if found else ()


def counted_in(text: str) -> str:
    """How many are meant of what is described: 那两条; "" where no number is said."""
    said = pattern("cues.inside.counted").search(text)
    number = read_integer((said["n"] or said["m"]).replace("俩", "两").replace("仨", "三")) if said else 0
    return str(number) if number else ""


def named_in(kind: str, said: Skeleton) -> list[str]:
    if kind == "alert":
        return [str(number) for number in numbers_of(said)]
    found = [
        one for one in said.found(*WANTED[kind]) if "*" not in str(one.value)
    ]  # a family is nobody's target
    return list(
        dict.fromkeys(
            one.raw if kind == "ip" and one.kind is Kind.ASSET_IP else str(one.value) for one in found
        )
    )


def target(act: Act, kind: str, value: str) -> dict[str, Any]:
    """The object as the tool takes it."""
    if not value:
        return {}
    if act.argument == "scope":
        return {
            "scope": f"A{value}" if kind == "alert" else f"{'规则' if kind == 'rule' else '资产'}:{value}"
        }
    return {act.argument: int(value) if act.argument.endswith("_id") else value}


def without_object(order: Intent) -> Intent:
    """The order, of which is to be asked what it is done to."""
    argument = ACTS[order.tool].argument
    return Intent(order.tool, {name: one for name, one in order.arguments.items() if name != argument})


def missing_in(actions: Sequence[Intent]) -> str:
    """What has to be said before it can be shown: object, assignee, verdict; "" for nothing."""
    for action in actions:
        act = ACTS.get(action.tool)
        if act and act.argument not in action.arguments and not _stands_alone(action):
            return "object"
        if act and act.demands and not action.arguments.get(act.demands):
            return act.demands
        lacks = NEEDS.get(str(action.arguments.get("decision", "")), ())
        if left := next((name for name in lacks if not action.arguments.get(name)), ""):
            return left
    return ""


def _stands_alone(action: Intent) -> bool:
    """A case without alerts has a title."""
    return action.tool == "create_case" and "title" in action.arguments


def beside_log(skeleton: Skeleton) -> Skeleton:
    """What is typed beside a pasted line of a log, with the one address and the one host of the line; all of it in quotation marks
    if nothing is, or if what is typed names what the line does not."""
    quoted = Skeleton(f"「{skeleton.text}」", skeleton.entities)
    found = _LOGGED.match(skeleton.text) or _BEFORE_LOG.match(skeleton.text)
    if found is None:
        return quoted
    log, said = (Skeleton(found[part], skeleton.entities) for part in ("log", "said"))
    kinds = ((Kind.IP,), (Kind.ASSET, Kind.ASSET_IP))
    named = [{one.value: one for one in log.found(*kind)} for kind in kinds]
    if {one.value for one in said.found(*kinds[0], *kinds[1])} - {value for one in named for value in one}:
        return quoted
    chars = [
        char
        for one in named
        if len(one) == 1
        for char in log.text
        if skeleton.entities.get(char) in one.values()
    ]
    return Skeleton(f"{''.join(dict.fromkeys(chars))}，{said.text}", skeleton.entities)


def part_at(skeleton: Skeleton, verb: SpokenVerb, border: "re.Pattern[str]") -> Skeleton:
    """The part of the text between two borders that the verb stands in."""
    text, start = skeleton.text, 0
    for match in border.finditer(text):
        if match.start() >= verb.end:
            return Skeleton(text[start : match.start()], skeleton.entities)
        start = match.end() if match.end() <= verb.start else start
    return Skeleton(text[start:], skeleton.entities)
