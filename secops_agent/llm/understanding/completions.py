"""A short sentence behind an order: what it lacked, what is changed of it, added to it or left out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding.entities import Sentence, numbers_of, take_verdicts_and_numbers
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.objects import (
    decided_anew,
    decision_in,
    missing_in,
    named_in,
    objects_of,
    rows_in,
    target,
)
from secops_agent.llm.understanding.offers import LENGTHS, MOST, Parts
from secops_agent.llm.understanding.reasons import EDGES, case_parts, split_note, tells, told_in
from secops_agent.llm.understanding.verbs import ACTS, CLAUSE, NAMES, WANTED, find_doubt, verbs_in

_SHORT: Final = 10  # characters that say something, of an answer to what was asked back


def without_turns(skeleton: Skeleton) -> tuple[Skeleton, bool]:
    """What is said without the words of a change, and was it one: 等等 改成两小时, 算了只要第一个, 不是 A13 是 A14."""
    text = pattern("cues.said.instead").sub(" ", skeleton.text)
    rest = pattern("cues.said.turns").sub("", text)
    while rest.strip(EDGES) and rest != (
        more := pattern("cues.said.turns").sub("", rest)
    ):  # 等下不对 应该是…
        rest = more
    rest = rest if rest.strip(EDGES) else text
    changes = rest != skeleton.text or pattern("cues.said.changes").search(text) is not None
    return Skeleton(rest, skeleton.entities), changes


def adds_to(text: str) -> bool:
    """A13也是, but not 也看看."""
    return bool(pattern("cues.said.adds").search(text)) and not pattern("cues.ask.see").search(text)


def open_orders(focus: Focus) -> tuple[Intent, ...]:
    """What was ordered and not done."""
    return tuple(one for one in (focus.order, *focus.beside) if one and one.tool in ACTS)


def named_among(orders: Sequence[Intent], said: Skeleton, focus: Focus) -> tuple[Intent, ...]:
    """Those of the open orders that are meant by their name, or by their place: of the offer, or of the list that they come from; none
    where the two differ."""
    if (places := rows_in(said)) and not numbers_of(said):
        _, rows = focus.rows(places)
        listed = tuple(one for one in orders if str(one.arguments.get(ACTS[one.tool].argument)) in rows)
        placed = tuple(orders[i] for i in places if -len(orders) <= i < len(orders))
        return listed or placed if not (listed and placed) or listed == placed else ()

    if len(orders) == 2 and (side := pattern("cues.said.of_two").search(said.text)):
        return (orders[-1 if side["last"] else 0],)

    def is_named(order: Intent) -> bool:
        act = ACTS[order.tool]
        objects = [target(act, kind, value) for kind in act.kinds for value in named_in(kind, said)]
        return any(order.arguments.items() >= one.items() for one in objects)

    return tuple(filter(is_named, orders))


def _decided_instead(rest: Skeleton, sentence: Sentence, focus: Focus) -> tuple[Intent, ...]:
    """不接受了，改成修复中: the open decisions with the one that the last clause says; none where it says no other one, or denies it."""
    last = Skeleton(CLAUSE.split(rest.text)[-1], rest.entities)
    said = decision_in((last,), sentence)
    if not said.get("decision") or find_doubt(last, verbs_in(last)) not in ("", "unclear"):
        return ()
    return tuple(
        replace(one, arguments=decided_anew({**one.arguments}, said))
        for one in open_orders(focus)
        if one.tool == "decide_findings" and one.arguments.get("decision") != said["decision"]
    )


def _with_reason(sentence: Sentence, focus: Focus) -> tuple[Intent, ...]:
    """The open decisions with the whole sentence as the reason that was asked for; none where it is anything else: a question, an
    order, another thing."""
    orders, said = open_orders(focus), take_verdicts_and_numbers(sentence.order)
    if missing_in(orders) != "note" or verbs_in(said):
        return ()
    other = NAMES.search(said.text) or pattern("cues.said.asks").search(sentence.plain)
    if other or pattern("cues.inside.no_reason").search(sentence.plain) or not tells(said.text):
        return ()
    return tuple(
        replace(one, arguments={**one.arguments, "note": sentence.plain.strip()[:500]}) for one in orders
    )


def redecided(sentence: Sentence, focus: Focus) -> tuple[Intent, ...]:
    """The open decisions with the reason that lacked, or with another decision; none where neither is said."""
    if focus.order is None or focus.order.tool != "decide_findings":
        return ()
    rest, changes = without_turns(take_verdicts_and_numbers(sentence.order))
    return _with_reason(sentence, focus) or (_decided_instead(rest, sentence, focus) if changes else ())


def tells_more(rest: Skeleton, order: Intent) -> bool:
    """Is it more than what completes this order: a question, another object, 王五今天休假?"""
    if len(pattern("cues.unread.filler").sub("", rest.text)) > _SHORT or pattern("cues.said.asks").search(
        rest.text
    ):
        return True
    if missing_in([order]):
        return False
    beside, _ = split_note(rest)
    dated = rest.first(Kind.TIME) and ACTS[order.tool].beside not in LENGTHS
    told = NAMES.search(beside.text) and (dated or tells(beside.text))
    return bool(told or rest.first(*WANTED[ACTS[order.tool].kinds[0]]))


def complete(
    sentence: Sentence, rest: Skeleton, focus: Focus, *, changes: bool, adds: bool
) -> tuple[Intent, ...]:
    """The orders that waited for what this sentence says: 第一条, A222, 李四, 误报, 爆破, 改成两小时, 不对 是 web-03; ``adds``: beside
    those that there are, A13也是."""
    orders, (skeleton, note) = open_orders(focus), split_note(rest)
    act = ACTS[orders[0].tool]
    said = Parts(skeleton, skeleton, sentence, focus, {}).beside(act, None, (skeleton,))
    found = list(objects_of(act, (skeleton,), replace(focus, named={})))
    targets = [target(act, kind, value) for kind, value in found]
    told = [] if targets or changes else told_in(skeleton)
    reason = note or "，".join(one for one in told if not name_of("cues.answer", one))
    parts, rest_of_case = (
        case_parts(skeleton.text, skeleton, sentence.asker) if act.free == "title" else ({}, [])
    )
    said |= {act.free: reason} if act.free and reason and not (parts and not rest_of_case) else {}
    said |= parts
    if not said and not targets:
        return ()
    again = [one for one in orders if any(one.arguments.items() >= each.items() for each in targets)]
    if said and again and len(orders) > len(again) == len(targets):  # 291 是真的, of several
        return tuple(
            replace(one, arguments={**one.arguments, **said}) if one in again else one for one in orders
        )
    if len(orders) > 1 and not targets:
        return tuple(
            replace(one, arguments=decided_anew({**one.arguments}, said))
            for one in orders
            if one.tool == act.tool
        )
    targets = [_narrowed(orders[0], one, skeleton) for one in targets]
    new = [
        Intent(act.tool, {**decided_anew({**orders[0].arguments}, said), **one}) for one in targets or [{}]
    ]
    return tuple([*orders, *(one for one in new if one not in orders)] if adds and targets else new[:MOST])


def _narrowed(order: Intent, said: dict[str, Any], skeleton: Skeleton) -> dict[str, Any]:
    """只静默 web-01 上的, of a rule: the rule on this host; 整台 web-01 is the host."""
    rule, _, _ = str(order.arguments.get("scope", "")).partition(" @ ")
    host = str(said.get("scope", "")).removeprefix("资产:")
    whole = host == said.get("scope", "") or pattern("cues.said.whole_host").search(skeleton.text)
    return said if whole or not rule.startswith("规则:") else {"scope": f"{rule} @ {host}"}
