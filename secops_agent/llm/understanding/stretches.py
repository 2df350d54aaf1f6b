"""What a sentence orders, as a whole and by its stretches, each read by itself: 「A44先ack，拍给小刘，跟他说一声样本在共享盘」 are three orders of one alert.

The tagger says which stretches order something, which text belongs to each and why it is given; each is read as a sentence of its
own, so that what stands around it (a story, a denial of something else) takes nothing back. What has no object of its own takes
that of the one before it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from secops_agent.llm.offline.expressions.skeletons import Skeleton
from secops_agent.llm.offline.intents import ACTION_TOOLS, Intent, Understanding
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding import completions, questions
from secops_agent.llm.understanding.entities import HOSTS, Sentence, read_sentence
from secops_agent.llm.understanding.focus import NOTHING, Focus
from secops_agent.llm.understanding.labelled import read_labelled
from secops_agent.llm.understanding.objects import missing_in
from secops_agent.llm.understanding.offers import Ordered, read_order
from secops_agent.llm.understanding.ordering import OrderHearing
from secops_agent.llm.understanding.questions import Weighed
from secops_agent.llm.understanding.reasons import EDGES, why_in
from secops_agent.llm.understanding.spans import ORDER, REASON, TEXT, Stretch, spans_of
from secops_agent.llm.understanding.telling import SPOKEN, find_later
from secops_agent.llm.understanding.verbs import (
    ACTS,
    DICTATED,
    LABELLED,
    LIKE,
    MILD,
    NOTES,
    OUTSIDE,
    PIECE,
    SAME_AS,
    UNDOES,
    VERB,
    SpokenVerb,
    find_doubt,
    first_doubt,
    verbs_in,
)

_FILLER: Final = re.compile(
    r"(?:[呃啊哎哦嗯唉那这个就的了吧哈嘛呀\s,，。!！~～]|麻烦|劳烦|请|帮我|帮忙|谢谢?|辛苦|[您你]好?)*"
)  # changes nothing
_FRAMES: Final = (
    "nothing",
    "quotation",
    "exception",
    "later",
    "allow",
    "condition",
)  # doubts about the whole of a sentence
_TOLD: Final = 160  # characters; what is longer is read as a whole
_BACK: Final = 5  # characters that can only take an order back: 先别了, 算了
_HARDLY: Final = 0.02  # so probable is an action that a word of the sentence only resembles
_MOST: Final = 5  # orders of one sentence
_HIM: Final = re.compile("[他她]")
_WHO: Final = ("assignee", "to")  # arguments that name whom 他 means behind them
# In which arguments the object of another order may stand.
_FITS: Final = {
    "alert_id": ("alert_id", "alerts", "scope"), "case_id": ("case_id",), "asset": ("asset",), "ip": ("ip",), "findings": ("findings",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretched:
    """One order: ``said``, as it was typed, with its text, and each of them alone; ``why`` it is given."""

    said: str
    why: str
    order: str = ""
    text: str = ""


def parts_of(skeleton: Skeleton, spans: Sequence[Stretch]) -> list[Stretched]:
    """The orders of a sentence in their order."""
    orders = sorted({one.order for one in spans if one.role == ORDER})
    return [_stretched(skeleton, [one for one in spans if one.order == order]) for order in orders]


def orders_many(skeleton: Skeleton) -> bool:
    """Does it order more than one thing?"""
    return len(parts_of(skeleton, spans_of(skeleton))) > 1


def _stretched(skeleton: Skeleton, spans: Sequence[Stretch]) -> Stretched:
    said, alone = "", {ORDER: list[str](), TEXT: list[str]()}
    for one in spans:
        if one.role in alone:
            piece = skeleton.expand(skeleton.text[one.start : one.end]).strip(EDGES)
            alone[one.role].append(piece)
            said += ("：" if one.role == TEXT and said else "，" if said else "") + piece
    why = why_in(skeleton, [skeleton.text[one.start : one.end] for one in spans if one.role == REASON])
    return Stretched(said, why, "，".join(alone[ORDER]), "，".join(alone[TEXT]))


def together(found: Iterable[tuple[Stretched, Ordered | None]]) -> Ordered | None:
    """The orders of all parts as one; a part that orders nothing that is understood is told. None where none is."""
    actions, left, verbs = list[Intent](), list[str](), list[SpokenVerb]()
    for part, ordered in found:
        of_him = _HIM.search(part.said) is not None
        own = [] if ordered is None or ordered.doubt else [*_with_objects(ordered.actions, actions, of_him)]
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
    taking = [one for one in actions if _takes_a_note(one)] if notes else []
    if len(notes) != len(own) or not all(notes.values()):
        return []
    if not notes.keys() <= {one.arguments.get("alert_id") for one in taking}:
        return []
    return [
        replace(one, arguments={**one.arguments, "note": notes[number]})
        if one in taking and (number := one.arguments.get("alert_id")) in notes
        else one
        for one in actions
    ]


def _takes_a_note(one: Intent) -> bool:
    """And has none yet."""
    act = ACTS.get(one.tool)
    return act is not None and (act.noted or act.free == "note") and "note" not in one.arguments


def _with_objects(actions: Sequence[Intent], before: Sequence[Intent], of_him: bool) -> Iterator[Intent]:
    """With the object of what was ordered before, where it has none; ``of_him``: with whom that names, too."""
    for one in actions:
        act = ACTS.get(one.tool)
        people = [str(value) for other in before for name, value in other.arguments.items() if name in _WHO]
        lacks = act and act.demands == "assignee" and "assignee" not in one.arguments
        if of_him and lacks and people and "," not in people[-1]:  # 对了再把A234挂给他
            one = replace(one, arguments={**one.arguments, "assignee": people[-1]})
        if act is None or act.argument in one.arguments:
            yield one
            continue
        if one.tool == "send_message":  # to whom it was given: 都转给李四，说一下 …
            yield replace(one, arguments={"to": people[-1], **one.arguments}) if people else one
            continue
        same = [
            value for other in before for value in _objects(other) if act.argument in _FITS.get(value[0], ())
        ]
        stands = one.tool in ("watch", "create_case") and missing_in([one]) != "object"
        if not same or stands:
            yield one
        elif act.argument == "alerts":
            several = ",".join(str(value) for _, value in same)
            yield replace(one, arguments={"alerts": several, **one.arguments})
        else:
            values = dict.fromkeys(f"A{value}" if act.argument == "scope" else value for _, value in same)
            yield from (replace(one, arguments={act.argument: value, **one.arguments}) for value in values)


def _objects(one: Intent) -> Iterator[tuple[str, Any]]:
    """What it is done to, by the argument that names it."""
    act = ACTS.get(one.tool)
    if act and act.argument in _FITS and act.argument in one.arguments:
        yield act.argument, one.arguments[act.argument]


def _because(one: Intent, why: str) -> Intent:
    act = ACTS.get(one.tool)
    free = act.free if act else ""
    if not why or free not in ("reason", "note") or one.arguments.get(free):
        return one
    return replace(one, arguments={**one.arguments, free: why})


def with_others(found: Ordered | None, sentence: Sentence, focus: Focus) -> Ordered | None:
    """A message together with what the robot is told behind it: 跟李四说…，对了再把A234挂给他. Anything else as it is,
    but 明天8点把 file-01 放出来: nothing outside is done at a set time."""
    if found and not found.doubt and find_later(found.verbs, sentence):
        return replace(found, doubt="later", exact=False)
    message = found.actions[0] if found and len(found.actions) == 1 and not found.doubt else None
    if found is None or message is None or message.tool != "send_message":
        return found
    text = str(message.arguments.get("text", ""))
    for border in PIECE.finditer(text):
        head, rest = text[: border.start()], text[border.end() :]
        turned = pattern("telling.turns").search(head)
        if not head.strip(EDGES) or not (turned or pattern("telling.anew").match(border[0] + rest)):
            continue
        own = pattern("telling.lead").sub("", rest.strip(EDGES), count=1)
        part = read_sentence(own, sentence.lexicon, sentence.now, sentence.asker)
        other = read_order(part, focus)
        if other and other.actions and other.has_object and not other.doubt:
            told = head[: turned.start() if turned else None].strip(EDGES)
            said = replace(message, arguments={**message.arguments, "text": told})
            of_him = _HIM.search(rest) is not None
            actions = (said, *_with_objects(other.actions, [message], of_him))
            return replace(found, actions=actions, missing=missing_in(actions))
    return found


@dataclass(frozen=True, slots=True)
class StretchHearing(OrderHearing):
    """What a sentence orders, as a whole and by its stretches."""

    def read(self, plain: str) -> Understanding:
        """A whole sentence, by whoever reads everything together."""
        raise NotImplementedError

    def _ordered(self, sentence: Sentence, weighed: Weighed) -> Ordered | None:
        """What it orders, as a whole; or what each of its stretches does, where that says more."""
        whole = self._ordered_whole(sentence, weighed)
        if self.whole or len(sentence.plain) > _TOLD or not weighed.surely_orders:
            return whole
        doubt = find_doubt(sentence.order, verbs_in(sentence.order))
        if _is_framed(sentence, doubt, weighed.likely_act):
            return whole
        parts = parts_of(sentence.order, spans_of(sentence.order))
        parts = parts or [Stretched(sentence.plain, "", sentence.plain)]
        read = [self._part(part, weighed) if place < _MOST else None for place, part in enumerate(parts)]
        apart = together(zip(parts, read, strict=True))
        if apart is None or not _says_more(apart, whole, parts, weighed):
            return whole
        if doubt == "condition" and any(one.tool not in MILD for one in apart.actions):
            return whole  # A12要是误报就关了，再有告警就叫我
        is_off = (whole is None or whole.doubt) and self._is_a_word_off(sentence)
        return whole if is_off else apart

    def _is_a_word_off(self, sentence: Sentence) -> bool:
        """上周 关闭 A12, A12 关了 的原因: is it an order without the word at one end? Then that word is why it is none."""
        plainly = replace(self, whole=True, focus=NOTHING)
        said = sentence.plain.strip()
        for size in range(1, _BACK):
            for word, rest in ((said[:size], said[size:]), (said[-size:], said[:-size])):
                at = size if word == said[:size] else len(said) - size
                cut = said[at - 1 : at + 1]
                if _FILLER.fullmatch(word) or (cut.isascii() and " " not in cut):
                    continue  # within a name
                found = plainly.read(rest.strip())
                if found.offers or (found.intent and found.intent.tool in ACTION_TOOLS):
                    return True
        return False

    def _part(self, part: Stretched, of_all: Weighed) -> Ordered | None:
        """What one stretch orders: in a form that is known, else by what the ranker says that it is; without a verb only if that may be
        ordered by the whole sentence, too."""
        own = self.heard(
            pattern("cues.said.suggests").sub("", part.said)
        )  # 能不能帮忙认领一下 is no question here
        weighed = self.weighed(own)
        label = weighed.likely_act
        if not verbs_in(own.order) and of_all.ranks.get(label, 0.0) < _HARDLY:
            return None
        found = self._ordered_whole(own, weighed)
        tool = LABELLED.get(label, label)
        fits = found and found.actions and not found.doubt and not found.missing
        described = (
            own.keyword or own.first(*HOSTS) or pattern("cues.inside.which_one").search(own.order.text)
        )
        if found and found.missing == "object" and described and tool not in DICTATED:
            return replace(found, doubt="unclear")  # 把支付那条关了: not the alert of the order before it
        refused = found and found.doubt and (found.doubt not in ("nothing", "unclear") or tool in OUTSIDE)
        if fits or refused or weighed.ranks.get(label, 0.0) < questions.ELSE:
            return found
        told = read_labelled(label, self.heard(part.order or part.said), part.text, self.focus)
        if told:
            return Ordered((), told, missing=missing_in(told))
        named = read_order(own, self.focus, act=label) if tool in ACTS and tool not in DICTATED else None
        return named if named and named.actions and not named.doubt else found

    def _ordered_whole(self, sentence: Sentence, weighed: Weighed) -> Ordered | None:
        """What it orders. An exact line is one whatever the ranker says. Where that is sure of no order, nothing is
        offered, where of another one, nothing dangerous."""
        ordered = with_others(read_order(sentence, self.focus), sentence, self.focus)
        if found := self._named_act(sentence, weighed.act, ordered):
            return found
        if ordered is None or not (ordered.actions or ordered.doubt in LIKE):
            return ordered
        tools = [one.tool for one in ordered.actions]
        if ordered.exact or (ordered.doubt and (ordered.actions or ordered.doubt not in LIKE)):
            return ordered
        other = tools[:1] and weighed.likely_act not in {*tools, *SAME_AS.get(tools[0], ())}
        typed = self.weighed(self.heard(ordered.said)) if ordered.said else weighed
        if not completions.is_likely(ordered, sentence, weighed, typed):
            is_question = weighed.asked >= questions.ELSE or pattern("cues.asks").search(sentence.plain)
            return replace(ordered, doubt="question" if is_question else weighed.doubt)
        named = ordered.missing != "object"  # which is meant is asked first
        return replace(ordered, doubt="unclear") if other and named and {*tools[:1]} & {*OUTSIDE} else ordered

    def _named_act(self, sentence: Sentence, label: str, ordered: Ordered | None) -> Ordered | None:
        """The action that the ranker certainly names and no verb that is known does: 就归赵六管, 风险先认了; None for none."""
        tool = LABELLED.get(label, label)
        verbs = {verb.tool for verb in ordered.verbs} if ordered else set()
        spoken = ordered and ordered.actions and all(verb.words == SPOKEN for verb in ordered.verbs)
        if tool not in ACTS or tool in DICTATED or spoken or (ordered and ordered.exact):
            return None
        if verbs & {tool, *SAME_AS.get(tool, ())}:
            return None
        found = read_order(sentence, self.focus, act=label)
        own = ordered.actions if ordered and not ordered.doubt else ()
        whole = own and (not missing_in(own) or UNDOES.get(own[0].tool) == tool)  # 那个ip封一下: no release
        return found if found and not (found.doubt or (whole and found.missing)) else None


def _is_framed(sentence: Sentence, doubt: str, label: str) -> bool:
    """Is the whole of it a report, a plan, a quotation or an exception, or asked or taken back at its end, whatever its stretches order? A condition is
    what a watch and a reminder are for."""
    end = sentence.order.text.rstrip(EDGES)[-_BACK:]
    last = re.split(r"[\s,，。;；!！]+", end)[-1]
    back = pattern("cues.asks").search(end) or (len(last) < _BACK and first_doubt(last, ("negation",)))
    begins = pattern("cues.inside.leads").match(f"{sentence.order.text.lstrip('请 ')}{VERB}")  # 李四让我…
    waits = doubt == "condition" and label in ("watch", "create_schedule")
    return bool(back or begins) or (doubt in _FRAMES and not waits)


def _says_more(apart: Ordered, whole: Ordered | None, parts: Sequence[Stretched], weighed: Weighed) -> bool:
    """Is it better understood by its stretches? Also where the whole was read as something that surely is not ordered."""
    if whole is None or whole.doubt or not whole.actions:
        return True
    if whole.exact:
        return False
    mine, theirs = ({one.tool for one in each.actions} for each in (apart, whole))
    if theirs == {"send_message"} and len(parts) > 1 and apart.actions[0].tool not in theirs:
        return True  # A12关了 顺便跟李四说…: what stands before the message is ordered too
    meant = {LABELLED.get(weighed.act, weighed.act)}
    if weighed.act and apart.missing != "object" and not meant & theirs:
        hardly = all(max(weighed.ranks.get(name, 0.0) for name in _labels(tool)) < _HARDLY for tool in theirs)
        if mine & meant and hardly:
            return True
    if apart.missing or len(parts) < 2:
        return whole.missing == "object" and not apart.missing
    return mine > theirs


def _labels(tool: str) -> tuple[str, ...]:
    """What the ranker may call it."""
    others = [label for label, name in LABELLED.items() if name == tool]
    return (tool, *others, *(["comment"] if tool in NOTES else []))
