"""What is ordered beside a message: before its frame (把 A291 给李四 顺便跟他说…) or behind its text (跟李四说…，对了再把A234挂给他). Each
part that orders something whole of its own becomes part of the same offer; of what looks like an order and is not whole it is told."""

import re
from dataclasses import replace
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import Sentence, read_sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.objects import missing_in
from secops_agent.llm.understanding.offers import Ordered, read_order
from secops_agent.llm.understanding.questions import VETO, WORTH
from secops_agent.llm.understanding.ranker import rank, share_of_acts
from secops_agent.llm.understanding.reasons import EDGES
from secops_agent.llm.understanding.spans import ORDER, spans_of
from secops_agent.llm.understanding.telling import find_later
from secops_agent.llm.understanding.verbs import ACTS, DICTATED, PIECE

_HIM: Final = re.compile("[他她]")


def with_others(found: Ordered | None, sentence: Sentence, focus: Focus) -> Ordered | None:
    """The order of a message together with what else the sentence orders; any other order as it is, but 明天8点把 file-01 放出来:
    nothing outside is done at a set time."""
    if found and not found.doubt and find_later(found.verbs, sentence):
        return replace(found, doubt="later", exact=False)
    if found is None or len(found.actions) != 1 or found.doubt or "text" not in found.actions[0].arguments:
        return found
    message = found.actions[0]
    if message.tool != "send_message":
        return found
    text, behind, within = _ended(str(message.arguments["text"]), sentence, message, focus)
    before = _apart(found.before, sentence, message, focus, anew=False) if found.before else None
    first = before.actions if before and not before.doubt else ()
    left = (f"「{found.before.strip(EDGES)}」",) if before and not first else ()
    actions = (*first, replace(message, arguments={**message.arguments, "text": text}), *behind)
    return replace(found, actions=actions, missing=missing_in(actions), left=(*found.left, *left, *within))


def _ended(
    text: str, sentence: Sentence, message: Intent, focus: Focus
) -> tuple[str, tuple[Intent, ...], tuple[str, ...]]:
    """The text up to where something of its own is ordered of the robot again, and that: behind 对了, 另外, 再帮我, or given to 他, by
    the tagger. What may be meant for either stays in the text, and that it does is told."""
    within: tuple[str, ...] = ()
    orders = [
        sentence.order.expand(sentence.order.text[one.start :])
        for one in (spans_of(sentence.order) if PIECE.search(text) else ())
        if one.role == ORDER
    ]
    for border in PIECE.finditer(text):
        head, rest = text[: border.start()], text[border.end() :]
        turned = pattern("telling.turns").search(head)
        tagged = any(_same(one, border[0] + rest) or _same(one, rest) for one in orders)
        anew = turned or pattern("telling.anew").match(border[0] + rest)
        if not head.strip(EDGES) or not (anew or tagged):
            continue
        other = _apart(rest, sentence, message, focus, anew=bool(anew))
        if other is None or not other.actions or other.doubt:
            continue
        if anew or (_HIM.search(rest) and not other.missing):
            return head[: turned.start() if turned else None].strip(EDGES), other.actions, ()
        within = within or (f"「{rest.strip(EDGES)}」（写在消息里了，没有另外去办）",)
    return text, (), within


def _same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


def _apart(said: str, sentence: Sentence, message: Intent, focus: Focus, *, anew: bool) -> Ordered | None:
    """What a part of it orders of what it names, by itself; 他 is whom the message is for; ``anew``: the robot is spoken to again. None
    where it orders nothing."""
    own = pattern("telling.lead").sub("", said.strip(EDGES), count=1)
    part = read_sentence(own, sentence.lexicon, sentence.now, sentence.asker)
    found = read_order(part, focus)
    tools = {verb.tool for verb in found.verbs} if found else set()
    if found is None or not found.has_object or not tools & {*ACTS} - {*DICTATED}:
        return None
    ranks = rank(part)
    if ranks["nothing"] >= VETO or share_of_acts(ranks) < max(WORTH, 0.0 if anew else ranks["nothing"]):
        return replace(found, actions=())
    to, him = str(message.arguments.get("to", "")), part.first(Kind.REF)
    if him is None or him.value != "person" or part.first(Kind.PERSON) or not to or "," in to:
        return found
    actions = tuple(
        replace(one, arguments={**one.arguments, "assignee": to}) if one.tool == "assign_alert" else one
        for one in found.actions
    )
    return replace(found, actions=actions, missing=missing_in(actions))
