"""What each stretch of a sentence orders, read by itself: 「A44先ack，拍给小刘，跟他说一声样本在共享盘」 are three orders of one alert.

The tagger says which stretches order something, which text belongs to each and why it is given; each is read as a sentence of its
own, so that what stands around it (a story, a denial of something else) takes nothing back. What has no object of its own takes
that of the one before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import Skeleton
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.understanding.objects import missing_in
from secops_agent.llm.understanding.offers import Ordered
from secops_agent.llm.understanding.reasons import EDGES, why_in
from secops_agent.llm.understanding.spans import ORDER, REASON, TEXT, Stretch
from secops_agent.llm.understanding.verbs import ACTS, SpokenVerb

_MOST: Final = 5  # orders of one sentence


@dataclass(frozen=True, slots=True)
class Part:
    """One order: ``said``, as it was typed, with its text, and each of them alone; ``why`` it is given."""

    said: str
    why: str
    order: str = ""
    text: str = ""


def parts_of(skeleton: Skeleton, spans: Sequence[Stretch]) -> list[Part]:
    """The orders of a sentence in their order."""
    orders = sorted({one.order for one in spans if one.role == ORDER})
    return [_part(skeleton, [one for one in spans if one.order == order]) for order in orders][:_MOST]


def _part(skeleton: Skeleton, spans: Sequence[Stretch]) -> Part:
    said, alone = "", {ORDER: list[str](), TEXT: list[str]()}
    for one in spans:
        if one.role in alone:
            piece = skeleton.expand(skeleton.text[one.start : one.end]).strip(EDGES)
            alone[one.role].append(piece)
            said += ("：" if one.role == TEXT and said else "，" if said else "") + piece
    why = why_in(skeleton, [one for one in spans if one.role == REASON])
    return Part(said, why, "，".join(alone[ORDER]), "，".join(alone[TEXT]))


def together(found: Iterable[tuple[Part, Ordered | None]]) -> Ordered | None:
    """The orders of all parts as one; a part that orders nothing that is understood is told. None where none is."""
    actions, left, verbs = list[Intent](), list[str](), list[SpokenVerb]()
    for part, ordered in found:
        own = [] if ordered is None or ordered.doubt else [*_with_objects(ordered.actions, actions)]
        if ordered is None or not own:
            left.append(f"「{part.said}」")
            continue
        actions = _noted(actions, own) or [*actions, *(_because(one, part.why) for one in own)]
        left += ordered.left
        verbs += ordered.verbs
    if not actions:
        return None
    return Ordered(tuple(verbs), tuple(actions), "", missing_in(actions), True, tuple(left))


def _noted(actions: Sequence[Intent], own: Sequence[Intent]) -> list[Intent]:
    """With a note on the same alerts as a part of what is done to them; nothing where it is none."""
    notes = {
        one.arguments.get("alert_id"): one.arguments.get("note") for one in own if one.tool == "comment_alert"
    }
    taking = (
        [one for one in actions if ACTS[one.tool].noted or ACTS[one.tool].free == "note"] if notes else []
    )
    if len(notes) != len(own) or not all(notes.values()):
        return []
    if not notes.keys() <= {one.arguments.get("alert_id") for one in taking if "note" not in one.arguments}:
        return []
    return [
        replace(one, arguments={**one.arguments, "note": notes[number]})
        if one in taking and (number := one.arguments.get("alert_id")) in notes
        else one
        for one in actions
    ]


def _with_objects(actions: Sequence[Intent], before: Sequence[Intent]) -> Iterator[Intent]:
    """With the object of what was ordered before, where it has none."""
    for one in actions:
        act = ACTS.get(one.tool)
        if act is None or act.argument in one.arguments:
            yield one
            continue
        if one.tool == "send_message":  # to whom it was given: 都转给李四，说一下 …
            people = [str(other.arguments["assignee"]) for other in before if "assignee" in other.arguments]
            yield replace(one, arguments={"to": people[-1], **one.arguments}) if people else one
            continue
        same = [
            other.arguments[ACTS[other.tool].argument]
            for other in before
            if other.tool in ACTS
            and ACTS[other.tool].kinds[:1] == act.kinds[:1]
            and ACTS[other.tool].argument in other.arguments
        ]
        if not same:
            yield one
        elif act.argument in ("alerts", "findings"):
            yield replace(one, arguments={act.argument: ",".join(map(str, same)), **one.arguments})
        else:
            yield from (
                replace(one, arguments={act.argument: value, **one.arguments})
                for value in dict.fromkeys(same)
            )


def _because(one: Intent, why: str) -> Intent:
    act = ACTS.get(one.tool)
    free = act.free if act else ""
    if not why or free not in ("reason", "note") or one.arguments.get(free):
        return one
    return replace(one, arguments={**one.arguments, free: why})
