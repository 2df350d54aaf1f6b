"""What a stretch orders by its label alone, where no form of words that is known says it: a message, a note, a task, a reminder.

The ranker says what is ordered; to whom, of what and when stands in the stretch, and its text beside it or behind the name.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import Sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.objects import objects_of, target
from secops_agent.llm.understanding.reasons import EDGES
from secops_agent.llm.understanding.telling import ME, as_typed, find_time, receivers_in, without_border
from secops_agent.llm.understanding.verbs import ACTS

_LONGEST: Final = 190  # characters of a reminder
_SHORTEST: Final = 2  # characters that tell anything


def read_labelled(label: str, order: Sentence, text: str, focus: Focus) -> tuple[Intent, ...]:
    """The actions; none where a label has no such form, or what it needs is not said."""
    return _READERS[label](order, text, focus) if label in _READERS else ()


def _message(order: Sentence, text: str, focus: Focus) -> tuple[Intent, ...]:
    typed = as_typed(order)
    pieces = (receivers_in(piece, typed, focus) for piece in reversed(re.split("[,，。;；]", typed.text)))
    people = [one for one in next(filter(None, pieces), []) if one != ME]  # the last who are named
    said = text or _behind_the_last_name(typed)
    if said and (len(said) < _SHORTEST or pattern("cues.inside.was_said").match(said)):
        return ()  # 告诉李四了
    to = {"to": ",".join(people)} if people else {}
    return (Intent("send_message", to | ({"text": said} if said else {})),) if to or said else ()


def _behind_the_last_name(typed: Skeleton) -> str:
    """跟李四说 …: what follows the person."""
    people = [char for char, one in typed.entities.items() if one.kind is Kind.PERSON and char in typed.text]
    behind = typed.text[max((typed.text.rindex(char) for char in people), default=-1) + 1 :] if people else ""
    return typed.expand(without_border(behind)).strip(EDGES)


def _note(order: Sentence, text: str, focus: Focus) -> tuple[Intent, ...]:
    kinds = ("case", "alert") if order.first(Kind.CASE) else ("alert", "case")
    for kind in kinds:
        act = ACTS[f"comment_{kind}"]
        objects = [target(act, *one) for one in objects_of(act, (order.order,), focus)]
        if objects:
            return tuple(Intent(act.tool, one | ({"note": text} if text else {})) for one in objects)
    return (Intent("comment_alert", {"note": text}),) if text else ()


def _schedule(order: Sentence, text: str, focus: Focus) -> tuple[Intent, ...]:
    """明早七点五十叫我：写交接班记录: when it is said anywhere, what stands beside it, and whom it names."""
    typed = as_typed(order)
    timed = find_time(typed, order.now)
    if timed is None or (timed.at and timed.at <= order.now):
        return ()
    rest = f"{timed.before} {timed.after}"
    people = receivers_in(rest, typed, focus)
    others = [one for one in people if one != ME]
    told = text or typed.expand(without_border(rest.strip(EDGES))).strip(EDGES)
    asks = not text and (pattern("telling.kinds").search(rest) or pattern("telling.later.data").search(rest))
    reminds = pattern("telling.later.remind").search(typed.text) or "提醒" in typed.text
    if not told or not (text or asks or reminds):
        return ()
    to = {"to": ",".join(people)} if others else {}
    task = (told if asks else f"提醒：{told}")[:_LONGEST]
    return (Intent("create_schedule", {"task": task, **timed.arguments(order.now), **to}),)


_READERS: Final[Mapping[str, Callable[[Sentence, str, Focus], tuple[Intent, ...]]]] = {
    "send_message": _message, "comment": _note, "create_schedule": _schedule,
}  # fmt: skip
