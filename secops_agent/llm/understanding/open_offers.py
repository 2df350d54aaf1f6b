"""What is said to an open offer, or to one behind which something was looked up: an edit, a refusal, another order in its place."""

from dataclasses import dataclass, replace
from typing import Final

from secops_agent.llm.offline.expressions.normalization import BareRequest
from secops_agent.llm.offline.intents import ACTION_TOOLS, Understanding
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.calendar import retold
from secops_agent.llm.understanding.completions import (
    beside_refusal,
    is_bare,
    open_orders,
    redecided,
    says_order,
    without_turns,
)
from secops_agent.llm.understanding.edits import edited
from secops_agent.llm.understanding.entities import Sentence
from secops_agent.llm.understanding.focus import NOTHING
from secops_agent.llm.understanding.hearing import hint
from secops_agent.llm.understanding.objects import missing_in
from secops_agent.llm.understanding.offers import Ordered, read_order
from secops_agent.llm.understanding.stretches import StretchHearing
from secops_agent.llm.understanding.verbs import MILD, find_doubt, verbs_in

_MOST_TOLD: Final = 3  # open orders


@dataclass(frozen=True, slots=True)
class OpenOfferHearing(StretchHearing):
    """The part that hears what is said to an open offer."""

    def read_within(self, sentence: Sentence, request: BareRequest) -> Understanding:
        """A whole sentence, with what stands around it."""
        raise NotImplementedError

    def or_open(self, sentence: Sentence, found: Understanding) -> Understanding:
        """Where something of the open offer is to be changed and was not understood: what is open, and which of it is meant."""
        orders = open_orders(self.focus) or self.focus.held
        heard = found.intent or found.offers or found.order or found.category or found.control or found.drops
        lost = found.question or not found.hint or found.hint == hint("nothing")
        if not orders or missing_in(orders) or heard or not lost:
            return found
        if not pattern("cues.edit_hint").search(sentence.plain) or pattern("cues.asks").search(
            sentence.plain
        ):
            return found
        asked = hint("which_open").format(what="；".join(map(says_order, orders[:_MOST_TOLD])))
        return Understanding(question=asked, order=orders[0], waits=orders[1:])

    def of_what_was_said(self, sentence: Sentence, request: BareRequest) -> Understanding | None:
        """What is said to the open order, or once more of one that was carried out."""
        if self.focus.order:
            return self._of_the_open(sentence, request)
        if self.focus.held and not request.asking and (found := self._of_the_held(sentence, request)):
            return found
        passed = None if request.asking else retold(sentence, self.focus)
        return self.ordered(sentence, Ordered((), passed, missing=missing_in(passed))) if passed else None

    def _of_the_open(self, sentence: Sentence, request: BareRequest) -> Understanding | None:
        """What is said to the open order; behind 哎不, 等下不对 perhaps another one in its place."""
        if request.asking or (stands := self.stands(sentence)):
            return None if request.asking else stands
        mild = {one.tool for one in (self.focus.order, *self.focus.beside) if one} <= {*MILD}
        if mild and pattern("cues.said.by_hand").fullmatch(sentence.plain):
            return self.dropped()
        if found := self.edit(sentence, request):
            return found
        if found := self._retold(sentence):
            return found
        if (beside := beside_refusal(sentence, self.focus)) is not None:
            return self._in_place(beside, request)
        if found := self.completed(sentence):
            instead = pattern("cues.said.turns").sub("", sentence.plain)
            dropped = found.drops and not (found.offers or found.question)
            return self._in_place(instead, request) if dropped else found
        rest, _ = without_turns(sentence.order)
        if rest.text.strip() == sentence.order.text.strip():
            return None
        found = self.read_within(self.heard(rest.expand(rest.text).strip()), request)
        return replace(found, drops=bool(found.offers)) if found.offers else found

    def _retold(self, sentence: Sentence) -> Understanding | None:
        """The open decision with its reason, the open message, task, watch or note with what is changed of it."""
        told = redecided(sentence, self.focus) or retold(sentence, self.focus)
        if not told:
            return None
        anew = self.ordered(sentence, Ordered((), told, missing=missing_in(told)))
        return replace(anew, drops=bool(anew.offers) and not missing_in(open_orders(self.focus)))

    def _of_the_held(self, sentence: Sentence, request: BareRequest) -> Understanding | None:
        """An edit of the offer that stands behind a look-up, or that it is taken back; nothing else is meant for it."""
        order, *beside = self.focus.held
        reader = replace(self, focus=replace(self.focus, order=order, beside=tuple(beside)))
        if found := reader.edit(sentence, request) or reader._retold(sentence):
            return found
        verbs = verbs_in(sentence.order)
        asks = pattern("cues.asks").search(sentence.plain) or find_doubt(sentence.order, verbs)
        if verbs and not asks and {one.tool for one in verbs} <= {order.tool} and is_bare(sentence, verbs):
            return Understanding(offers=self.focus.held, order=order, drops=True)  # 那就封吧
        refused = beside_refusal(sentence, reader.focus)
        return None if refused is None else reader._in_place(refused, request)

    def edit(self, sentence: Sentence, request: BareRequest) -> Understanding | None:
        """One offer of what stands after an edit, and of what is ordered of what was left out; what is still to be said of it."""
        orders = tuple(filter(None, (self.focus.order, *self.focus.beside)))
        if (whole := read_order(sentence, NOTHING)) and whole.exact:
            return None  # an order of its own
        if (edit := edited(sentence, orders)) is None:
            return None
        left, rest = edit.orders, edit.rest
        alone = replace(self, focus=self.focus.without_order())
        also = alone.read_within(alone.heard(rest), request) if rest else Understanding()
        offers, missing = (*left, *also.offers), missing_in(left)
        if missing:
            return replace(self.ordered(sentence, Ordered((), offers, missing=missing)), drops=True)
        if not left:
            return replace(also, drops=True) if also.offers or also.order else self.dropped()
        unread = (f"「{rest}」",) if rest and not also.offers else ()
        return Understanding(offers=offers, order=offers[0], drops=True, unused=unread)

    def _in_place(self, rest: str, request: BareRequest) -> Understanding:
        """等下 先看它还打过谁, 别关 给李四: the order is dropped, and what is asked or ordered instead is answered or offered."""
        told, reader = self.dropped(), replace(self, focus=self.focus.without_order())
        asks = pattern("cues.said.asks").search(rest)
        found = reader.read_within(reader.heard(rest), request) if rest else told
        acts = found.intent and found.intent.tool in ACTION_TOOLS
        if found.offers or acts or (found.order and missing_in([found.order]) not in ("", "object")):
            return replace(found, drops=True)
        return replace(told, intent=found.intent, beside=found.beside) if asks and found.intent else told
