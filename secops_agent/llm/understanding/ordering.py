"""What is said to an order: one offer, a question back for what it lacks, or why nothing is done."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding import questions
from secops_agent.llm.understanding.completions import (
    LEAVES,
    against,
    complete,
    lacking,
    named_among,
    open_orders,
    says_order,
    tells_more,
    without_turns,
)
from secops_agent.llm.understanding.entities import (
    HOSTS,
    OWN,
    Sentence,
    numbers_of,
    take_verdicts_and_numbers,
)
from secops_agent.llm.understanding.focus import NOTHING
from secops_agent.llm.understanding.hearing import hint
from secops_agent.llm.understanding.narrowing import ListHearing
from secops_agent.llm.understanding.objects import (
    counted_in,
    missing_in,
    rows_in,
    target,
    without_object,
)
from secops_agent.llm.understanding.offers import MOST_ALERTS, Ordered, read_order
from secops_agent.llm.understanding.reasons import EDGES, addressed
from secops_agent.llm.understanding.telling import SPOKEN
from secops_agent.llm.understanding.verbs import (
    ACTS,
    LIKE,
    NAMES,
    OUTSIDE,
    PIECE,
    UNDOES,
    WANTED,
    verbs_in,
    without,
)

_SAID_NOT: Final = ("nothing", "exception", "negation", "condition", "quotation")
# Of a line that is only an example.
_USUAL: Final = {"verdict": "false_positive", "assignee": "我", "severity": "high", "decision": "in_progress"}
_NO_ANSWER: Final = ("question", "condition", "quotation", "later")


@dataclass(frozen=True, slots=True)
class OrderHearing(ListHearing):
    """The part that hears orders."""

    @staticmethod
    def _means_each(sentence: Sentence) -> bool:
        """所有, 那些, 都: the order is for every alert that is described."""
        return pattern("cues.said.each").search(sentence.plain) is not None

    def _asks_beside(self, sentence: Sentence, ordered: Ordered) -> bool:
        """先别隔离 web-01，看下它的告警: a clause of its own asks something."""
        clauses = re.split(r"[,，;；。]", sentence.order.text)
        quiet = [
            one
            for one in clauses
            if not any(pattern(f"cues.act.{verb.words}").search(one) for verb in ordered.verbs)
        ]
        return any(name_of("cues.ask", one) for one in quiet)

    def completed(self, sentence: Sentence) -> Understanding | None:
        """What the last order lacked, or what is changed of it, added to it or left out; taken back it is told so.

        What speaks against it turns the whole order round, or leaves out what it names; of anything else it does nothing."""
        order = self.focus.order
        if order is None or order.tool not in ACTS or self._is_question(sentence, order):
            return None
        lacks = missing_in([order])
        if told := self._kept_back(sentence, order):
            return told
        rest, changes = without_turns(take_verdicts_and_numbers(sentence.order))
        doubt = against(rest)
        new = read_order(sentence, NOTHING)
        if new and new.actions and all(verb.words == SPOKEN for verb in new.verbs):
            return None  # 跟他说前头那份别看: another message
        same = new is None or {verb.tool for verb in new.verbs} <= {order.tool}
        meant = named_among(open_orders(self.focus), rest, self.focus)
        only = bool(meant and pattern("cues.said.only").search(rest.text))
        if same and (only or doubt in LEAVES):
            return self._left_out(sentence, rest, meant, only=only)
        if doubt in _NO_ANSWER or (doubt in LEAVES and not changes):
            return None
        answers = lacks == "verdict" and name_of("cues.answer", rest.text) and not (new and new.actions)
        reports = pattern("cues.inside.told").search(without(rest, verbs_in(rest)))  # A242已经关了
        named = new is not None and new.has_object and not (lacks == "object" and same and not reports)
        if (named or not same or tells_more(rest, order)) and not (changes or answers):
            return None  # an address alone is looked up
        if actions := complete(sentence, rest, self.focus, changes=changes):
            found = self.ordered(sentence, Ordered((), actions, missing=missing_in(actions)))
            return replace(found, drops=bool(found.offers) and not lacks)
        undone = UNDOES.get(order.tool) in {verb.tool for verb in verbs_in(rest)}
        turned = changes and (same or undone) and (doubt in LEAVES or not NAMES.search(rest.text))
        return self._turned(sentence, rest, order) if turned else None

    def _is_question(self, sentence: Sentence, order: Intent) -> bool:
        """Certainly a question, and not what a case is called (事件列表); or one of several pieces asks, and has no verb of an order:
        A5不是我的吧 谁在处理."""
        if ACTS[order.tool].free == "title" and self.weighed(sentence).asked >= questions.CERTAIN:
            return True
        pieces = [Skeleton(one, sentence.order.entities) for one in PIECE.split(sentence.order.text) if one]
        asked = (one for one in pieces if pattern("cues.asks").search(one.text) and not verbs_in(one))
        return len(pieces) > 1 and not missing_in([order]) and any(asked)

    def _kept_back(self, sentence: Sentence, order: Intent) -> Understanding | None:
        """严重的我自己留着, of several: which of them is asked."""
        orders = open_orders(self.focus)
        several = self.focus.beside or "," in str(order.arguments.get("alert_ids", ""))
        named = take_verdicts_and_numbers(sentence.order).first(*OWN, Kind.NUMBER, Kind.ROW)
        if not several or named or not pattern("cues.said.keeps").search(sentence.plain):
            return None
        return Understanding(question=hint("which_of"), order=orders[0], waits=orders[1:])

    def _turned(self, sentence: Sentence, rest: Skeleton, order: Intent) -> Understanding:
        """Its object is wrong, and which is meant was not understood; or it is taken back."""
        act, kept = ACTS[order.tool], self._kept(sentence, rest)
        if not rest.text.strip(EDGES):  # 不是.9
            kept = Understanding(question=f"要{act.verb}{act.which}？没有执行任何操作。")
        return replace(kept, order=without_object(order), waits=(), drops=True) if kept else self.dropped()

    def _left_out(
        self, sentence: Sentence, rest: Skeleton, own: tuple[Intent, ...], *, only: bool
    ) -> Understanding:
        """A282别关, of several; 先不封了, the whole order; 294不要动, which is none of them, changes nothing."""
        orders = open_orders(self.focus)
        if rows_in(rest) and numbers_of(rest) and len(orders) > 1 + len(own):  # they disagree
            return Understanding(question=hint("which_of"), order=orders[0], waits=orders[1:])
        left = own if only else tuple(one for one in orders if one not in own)
        if own and left:
            return Understanding(offers=left, order=left[0], drops=True)
        if not (own or rows_in(rest)) and rest.first(*OWN, Kind.NUMBER):
            return Understanding(hint=hint("negation"), order=orders[0], waits=orders[1:])
        if len(orders) == 1 and "不是" in rest.text:
            return self._turned(sentence, rest, orders[0])
        return self._kept(sentence, rest) or self.dropped()

    def _kept(self, sentence: Sentence, rest: Skeleton) -> Understanding | None:
        """其他几条也一起, 第三条不要了, 是.77, webshell那几个不给: what is to be changed is said and not understood; the order stays."""
        orders = open_orders(self.focus)
        if not (sentence.keyword or rest.first(Kind.ROW) or pattern("cues.said.part_of").search(rest.text)):
            return None
        asked = Understanding(question=hint("which_of"), order=orders[0], waits=orders[1:])
        said = self._within_list(sentence, self._described(sentence)) if len(orders) > 1 else {}
        return (
            replace(asked, question="", hint=asked.question, intent=Intent("list_alerts", said))
            if said
            else asked
        )

    def dropped(self) -> Understanding:
        """All that was open is taken back, and what that was is told."""
        orders = open_orders(self.focus)
        named = "、".join(said for one in orders if (said := says_order(one)) != ACTS[one.tool].verb)
        told = f"好的，「{named}」不做了，没有执行任何操作。" if named else hint("negation")
        filed = any(one.tool in OUTSIDE for one in orders)
        withdrawn = f"已经提出申请的，请用「{says.withdraw(says.CODE)}」撤回。" if filed else ""
        return Understanding(hint=f"{told}{withdrawn}", drops=True)

    def stands(self, sentence: Sentence) -> Understanding | None:
        """批了没, of what is open and done only when somebody approves: the proposals of that."""
        order, said = self.focus.order, pattern("cues.said.stands").fullmatch(sentence.plain.strip(" ?？。"))
        if not said or order is None or order.tool not in OUTSIDE or missing_in([order]):
            return None
        target_of = str(order.arguments[ACTS[order.tool].argument])
        return Understanding(Intent("list_proposals", {"target": target_of}), hint=hint("stands"))

    def ordered(self, sentence: Sentence, ordered: Ordered) -> Understanding:
        """One offer; or what has to be said first."""
        first = next((one for one in ordered.actions if missing_in([one])), ordered.actions[0])
        task = str(first.arguments.get("task", "")) if first.tool == "create_schedule" else ""
        if pattern("telling.points").fullmatch(task.removeprefix("提醒：")):
            return Understanding(question=hint("remind_of"))
        if first.tool in ("isolate_host", "release_host") and (host := sentence.first(Kind.HOST)):
            return Understanding(
                hint=f"资产库里没有「{host.raw}」，不能{ACTS[first.tool].verb}。",
                suggestions=self.taps(sentence),
            )
        if found := self._narrowed(sentence, ordered) or self._miscounted(sentence, ordered):
            return found
        if not ordered.missing:
            people = self.lexicon.called.values()
            offers = tuple(addressed(one, people) for one in ordered.actions)
            return Understanding(offers=offers, order=addressed(first, people), unused=ordered.left)
        if ordered.missing == "object":
            found = self._within(sentence, first) or self._which(sentence, first)
            left = f"没有列入：{'、'.join(ordered.left)}。" if ordered.left and found.intent else ""
            return replace(found, hint=f"{found.hint}\n\n{left}".strip()) if left else found
        person = ordered.missing == "assignee"
        asked_for = self._on_duty(sentence) if person else None
        if asked_for and (look_up := questions.ask("who_is_on_call", asked_for)):
            return Understanding(look_up, order=first, each="one")
        values, asked = lacking(first, ordered.actions, ordered.missing)
        if person and (unknown := pattern("cues.inside.nobody").search(sentence.plain)):
            asked = f"人员里没有「{unknown['name']}」。{asked}"
        waits = tuple(one for one in ordered.actions if one is not first)
        taps = self._completions(first, ordered.missing, values)[:3]
        return Understanding(question=asked, suggestions=taps, order=first, waits=waits)

    def _on_duty(self, sentence: Sentence) -> Sentence | None:
        """A298 给值班的, 那A222给他吧 behind who is on call: the question that tells who that is."""
        said = pattern("cues.on_duty").search(sentence.order.text)
        told = self.focus.last == Intent("who_is_on_call") and "他" in sentence.plain
        return self.heard(sentence.order.expand(said[0]) if said else "谁值班") if said or told else None

    def _completions(self, order: Intent, missing: str, values: Sequence[str]) -> tuple[Suggestion, ...]:
        """The lines that say what lacks."""
        if order.tool == "close_alert":
            numbers = [int(one) for one in values]
            return (
                says.closings(numbers[0], str(order.arguments.get("note") or "")) if len(numbers) == 1 else tuple(says.close_all(numbers, one) for one in says.VERDICTS)
            )  # fmt: skip
        names = list(dict.fromkeys(self.lexicon.called.values()))[:2]
        said: Mapping[str, Sequence[Any]] = {
            "assignee": ["我", *names], "owner": names, "severity": ["critical", "high", "medium"], "verdict": list(says.VERDICTS),
            "decision": ["in_progress", "under_investigation"], "minutes": [60, 480, 1440], "duration_minutes": [60, 1440, 10080],
        }  # fmt: skip
        return tuple(
            says.order(order.tool, {**order.arguments, missing: one})
            if (order.tool, one) != ("assign_alert", "我")
            else says.take(values[0])
            for one in said.get(missing, ())
        )

    def _within(self, sentence: Sentence, order: Intent) -> Understanding | None:
        """A300 那个 IP 封了: what is meant stands in the alert, which is looked up first."""
        row = sentence.order.first(Kind.ROW)
        shown = self.focus.rows(row.value) if row else ("", ())
        numbers = [*map(str, sentence.numbers), *(shown[1] if shown[0] == "alert" else ())]
        if len(numbers) != 1 or not {"ip", "asset"} & set(ACTS[order.tool].kinds):
            return None
        return Understanding(Intent("get_alert", {"alert_id": int(numbers[0])}), order=order, each="all")

    def _which(self, sentence: Sentence, order: Intent) -> Understanding:
        """The order has no object: the list it may be in, or a question back; never somebody's target."""
        act = ACTS[order.tool]
        if {"alert"} <= set(act.kinds) and (listed := self._listed(sentence, order)):
            return listed
        if order.tool == "block_ip" and sentence.first(Kind.NETWORK):
            return Understanding(hint=hint("network"), suggestions=self.taps(sentence))
        if order.tool == "block_ip" and (wrong := pattern("cues.said.no_address").search(sentence.plain)):
            return Understanding(
                hint=f"「{wrong[0]}」不是能封禁的地址。{hint('no_block')}", suggestions=self.taps(sentence)
            )
        listed_kind, rows = self.focus.all_rows()
        again = (
            self.focus.order is not None and missing_in([self.focus.order]) == "object"
        )  # 不是它: none of these
        values = [(kind, value) for kind in act.kinds for value in self.focus.of(kind) if not again][:3]
        values = values or [(listed_kind, row) for row in rows[:3] if listed_kind in act.kinds]
        theirs = act.demands == "assignee" and any(
            one.value == "person" for one in sentence.found(Kind.REF)
        )  # 转给他
        return Understanding(
            question=f"要{act.verb}{act.which}？没有执行任何操作。",
            suggestions=tuple(self._line(order, *one) for one in values if order.tool in says.ORDERED and not theirs), order=order,
        )  # fmt: skip

    def _line(self, order: Intent, kind: str, value: str) -> Suggestion:
        """The exact line that does this to a thing."""
        said = _USUAL | dict(order.arguments) | target(ACTS[order.tool], kind, value)
        return self.line_of(Intent(order.tool, said))

    def _listed(self, sentence: Sentence, order: Intent) -> Understanding | None:
        """The alerts that may be meant: all of them as one offer, or to be told apart by their numbers; None: nothing describes any."""
        said = self._described(sentence)
        # 那几条: of the list, nobody knows which
        shown = sentence.first(Kind.REF) and len(self.focus.all_rows()[1]) > 1
        pointed = any(one.raw.strip() not in ("都", "全") for one in sentence.found(Kind.REF))
        which = shown and pointed and self._means_each(sentence) and not counted_in(sentence.plain)
        within = {} if which else self._within_list(sentence, said)
        said, shown = (within, None) if within else (said, shown)
        each = self._means_each(sentence) and not shown
        if each and (case := self._of_case(sentence, order)):
            return case
        named = sentence.keyword or sentence.first(*HOSTS, Kind.IP) or sentence.question.first(Kind.SEVERITY)
        if sentence.first(Kind.ROW) and not self.focus.all_rows()[1] and (host := self._spoken_of(sentence)):
            return self._of_host(order, {}, host)  # 第一条, of the alerts on a card
        if not said or not (named or each or within):
            return None
        if each and (lost := self._lost(sentence, Intent("list_alerts", said))):
            return self._unlisted(order, said, lost)
        if each and not within and "asset" not in said and (host := self._spoken_of(sentence)):
            return self._of_host(order, said, host)
        told = f"没有执行任何操作。要{ACTS[order.tool].verb}哪一条？写编号，或第几条。"
        oldest = said.get("order") == "oldest"  # 最旧的那个 is one; how many 最旧的几个 are nobody knows
        some = {"limit": 1 if oldest else MOST_ALERTS} if each or oldest else {}
        meant = "all" if each else "" if shown else counted_in(sentence.plain) or "one"
        return Understanding(
            intent=Intent("list_alerts", said | some), hint=told if shown else "", order=order, each=meant
        )

    def nothing(self, sentence: Sentence, ordered: Ordered) -> Understanding | None:
        """Why nothing is done; None: it does not speak of a thing that could have been meant."""
        named = ordered.has_object
        doubt = ordered.doubt
        if doubt == "export" and (exported := self._exported(sentence)):
            return Understanding(exported)
        if doubt in LIKE:
            return Understanding(hint=hint(doubt), suggestions=self.taps(sentence)) if named else None
        meant = ordered.actions and ordered.missing != "object" and ordered.actions[0].tool in says.ORDERED
        if doubt == "unclear" and meant:
            return self._unclear(sentence, ordered.actions[0])
        if pattern("cues.asks").search(sentence.plain) or not (named or doubt in _SAID_NOT):
            return None
        return None if named and self._asks_beside(sentence, ordered) else self._why(sentence, ordered)

    def _exported(self, sentence: Sentence) -> Intent | None:
        """The report of a case, the alerts that are described; of other lists a page has the table, as is told to who asks how."""
        others = any(
            pattern(f"cues.noun.{name}").search(sentence.plain) for name in ("vuln", "asset", "finding")
        )
        if pattern("cues.said.where").search(sentence.plain) or others:
            return None
        if case := sentence.first(Kind.CASE):
            return Intent("export_case", {"case_id": case.value})
        return Intent("export_alerts", self._described(sentence))

    def _why(self, sentence: Sentence, ordered: Ordered) -> Understanding:
        """Why nothing is done; with how the thing stands of which something was reported, or the line of what may be meant."""
        doubt = ordered.doubt
        meant = doubt == "later" or pattern("cues.said.asked_of_me").search(sentence.plain)
        if not meant and doubt == "nothing" and (state := self._state(sentence, ordered)):
            return Understanding(intent=state, hint=hint(doubt), suggestions=self.taps(sentence))
        lines = self.lines_of(ordered) if meant else ()
        return Understanding(
            hint=hint(doubt), suggestions=tuple(dict.fromkeys([*lines, *self.taps(sentence)]))[:3]
        )

    @staticmethod
    def _state(sentence: Sentence, ordered: Ordered) -> Intent | None:
        """What tells how the thing stands of which something was reported: 昨天封了 203.0.113.5."""
        if sentence.numbers:
            return Intent("get_alert", {"alert_id": sentence.numbers[0]})
        blocks = any(verb.tool in (*OUTSIDE, "silence_alerts") for verb in ordered.verbs)
        about = sentence.first(*WANTED["ip"], *WANTED["asset"]) if blocks else None
        return Intent("list_blocks", {"target": str(about.value), "state": "all"}) if about else None

    def lines_of(self, ordered: Ordered) -> tuple[Suggestion, ...]:
        """The exact lines of what may be meant all the same, without a reason."""
        whole = [one for one in ordered.actions[:2] if one.tool in says.ORDERED and not missing_in([one])]
        bare = [
            {name: said for name, said in one.arguments.items() if name != ACTS[one.tool].free}
            for one in whole
        ]
        return tuple(
            self.line_of(replace(one, arguments=said)) for one, said in zip(whole, bare, strict=True)
        )

    def line_of(self, order: Intent) -> Suggestion:
        """The exact line of an order."""
        mine = self.asker and order.arguments.get("assignee") == self.asker and order.tool == "assign_alert"
        return says.take(order.arguments["alert_id"]) if mine else says.order(order.tool, order.arguments)

    def _unclear(self, sentence: Sentence, first: Intent) -> Understanding:
        """The exact line of what may be meant."""
        lines = () if missing_in([first]) else (self.line_of(first),)
        taps = (*lines, *self.taps(sentence))
        asked = f"{hint('unclear')}要这样做请发送整句："
        return Understanding(question=asked, suggestions=tuple(dict.fromkeys(taps))[:3])
