"""Which alerts an order describes: by conditions of its own, over the whole of the last list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.followups import CARDS, changed, last_list
from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding import coverage, questions
from secops_agent.llm.understanding.entities import HOSTS, OWN, Sentence
from secops_agent.llm.understanding.hearing import Hearing, hint
from secops_agent.llm.understanding.objects import is_of_findings, missing_in, without_object
from secops_agent.llm.understanding.offers import MOST_ALERTS, Ordered
from secops_agent.llm.understanding.verbs import ACTS, MILD

_OF_ORDER: Final = ("assignee", "verdict", "limit", "offset")  # said of what is to be done
TIMES: Final = ("since_hours", "until_hours", "period")
_SEVERAL: Final = 2
_OF_ALERTS: Final = tuple(kind for kind in OWN if kind is not Kind.PERSON)  # 高危的都给李四 widens nothing


@dataclass(frozen=True, slots=True)
class ListHearing(Hearing):
    """The part that hears which alerts of a list are meant."""

    @staticmethod
    def _lost(sentence: Sentence, intent: Intent) -> list[str]:
        """What tells, before 都 or 全, which are meant, and the list is not narrowed by: those would be others."""
        ends = [match.end() for match in pattern("cues.said.each").finditer(sentence.plain)]
        head = sentence.plain[: max(ends, default=0)]
        several = pattern("cues.said.of_several").findall(head)  # 两台里没人接的都: which two no list tells
        rules = sentence.lexicon.rules_named(
            sentence.keyword
        )  # ssh登录成功: every rule of that name says ssh
        apart = " ".join(one.raw for one in sentence.found(Kind.PERSON))
        apart += " ".join(match.group() for match in pattern("cues.verdict").finditer(sentence.plain))
        return several + [
            one
            for one in coverage.unused(sentence, intent, coverage.unread(sentence))
            if one in head and one not in apart
            if not rules or any(one.lower() not in rule.lower() for rule in rules)
        ]

    def _described(self, sentence: Sentence) -> dict[str, Any]:
        """The conditions of the alerts that are meant."""
        intent = questions.ask("list_alerts", sentence)
        said = {
            name: value
            for name, value in (intent.arguments if intent else {}).items()
            if name not in _OF_ORDER
        }
        if sentence.first(Kind.DURATION) and not sentence.first(Kind.TIME):
            said.pop("since_hours", None)
        if said.get("status") == "closed":  # the verb itself
            del said["status"]
        held = pattern("cues.inside.theirs").search(sentence.order.text)
        people = [str(one.value) for one in sentence.found(Kind.PERSON)]
        whose = next(iter([*people, *self.focus.of("person")]), "")
        if held and whose:
            said |= {"assignee": whose}
        elif pattern("cues.inside.held").search(sentence.order.text):
            said |= {"assignee": self.asker}
        if said.get("keyword") in {*people, self.asker} and not sentence.keyword:
            del said["keyword"]
        return said

    def _within_list(self, sentence: Sentence, said: Mapping[str, Any]) -> dict[str, Any]:
        """没人管的都给李四, 挖矿那条我来, behind a list of alerts: its conditions with these; {} where nothing is narrowed, or it is widened."""
        listed = self.focus.last if self.focus.last and self.focus.last.tool == "list_alerts" else None
        wide = bool(pattern("cues.said.everything").search(sentence.plain))
        wide = wide or bool(listed and sentence.found(*HOSTS) and "asset" in listed.arguments)  # another one
        own = {name: one for name, one in said.items() if name not in TIMES}
        if listed is None or wide or not own or not listed.arguments.keys() - {"limit", "offset", "status"}:
            return {}
        people = self.lexicon.people.values()
        whole = changed(Intent("list_alerts", own), listed, people).arguments
        return {name: one for name, one in whole.items() if name not in _OF_ORDER}

    def _spoken_of(self, sentence: Sentence) -> str:
        """The host that was spoken of just before, and that the sentence neither names nor widens: perhaps only its alerts are meant."""
        wide = sentence.found(*_OF_ALERTS) or pattern("cues.said.everything").search(sentence.plain)
        return "" if wide else self.focus.host

    def shared(self, sentence: Sentence) -> Understanding:
        """那5条我跟李四分一下: the alerts, and that nobody but the asker tells which are whose."""
        said = {name: one for name, one in self._described(sentence).items() if name != "assignee"}
        return Understanding(intent=Intent("list_alerts", said), hint=hint("shares"))

    def _of_case(self, sentence: Sentence, order: Intent) -> Understanding | None:
        """Which are meant is asked, where the card of a case was shown just before and nothing is named or widens: no list has its alerts."""
        wide = sentence.found(*_OF_ALERTS) or pattern("cues.said.everything").search(sentence.plain)
        case = self.focus.last
        if case is None or case.tool != "get_case" or wide or sentence.keyword:
            return None
        told = f"没有执行任何操作。要{ACTS[order.tool].verb}其中哪几条？写编号。"
        return Understanding(intent=case, hint=told, order=order)

    def _narrowed(self, sentence: Sentence, ordered: Ordered) -> Understanding | None:
        """超时的都转给我, of a list: those of the whole list that meet it, never just the rows that it showed; None: nothing narrows it."""
        first, listed = ordered.actions[0], last_list(self.focus.last)
        if first.tool not in ACTS:
            return None
        act, (kind, rows) = ACTS[first.tool], self.focus.all_rows()
        same = [str(one.arguments.get(act.argument, "")) for one in ordered.actions if one.tool == first.tool]
        taken = {value.removeprefix("A") for said in same for value in said.split(",")}
        if kind != "alert" or not listed or len(rows) < _SEVERAL or taken != set(rows) or sentence.numbers:
            return None
        each = pattern("cues.inside.each_such").search(sentence.order.text)
        own = {
            name: value
            for name, value in self._described(sentence).items()
            if name != act.beside and (each or name not in TIMES) and listed.arguments.get(name) != value
        }
        people = (*(str(one.value) for one in sentence.found(Kind.PERSON)), *self.lexicon.called.values())
        said = dict(changed(Intent("list_alerts", own), listed, people).arguments)
        lost = self._lost(sentence, Intent("list_alerts", said)) if each else []
        if aged := pattern("filters.oldest").search(sentence.plain) if "order" in own else None:
            lost = [*lost, aged[0]]  # 最早那几条: how many these are nobody knows
        if not (own or lost) or sentence.first(Kind.ROW):
            return None
        order = without_object(first)
        if listed.tool in CARDS:  # no list can be narrowed to what a card shows
            asked = f"要{act.verb}其中哪几条？写编号。没有执行任何操作。"
            return self._of_case(sentence, order) or Understanding(question=asked, order=order)
        if lost:
            return self._unlisted(order, said, lost)
        if (host := self._spoken_of(sentence)) and "asset" not in said:
            return self._of_host(order, said, host)
        return Understanding(Intent("list_alerts", said | {"limit": MOST_ALERTS}), order=order, each="all")

    @staticmethod
    def _unlisted(order: Intent, said: Mapping[str, Any], lost: Sequence[str]) -> Understanding:
        """Which are meant is asked, where the list cannot be narrowed to them."""
        told = f"不能按{'、'.join(f'「{one}」' for one in lost)}筛选，没有列为选项。要{ACTS[order.tool].verb}哪几条？写编号，或第几条。"
        return Understanding(intent=Intent("list_alerts", said), hint=told, order=order)

    @staticmethod
    def _of_host(order: Intent, said: Mapping[str, Any], host: str) -> Understanding:
        """Which are meant is asked, with those of the host that was spoken of."""
        told = hint("of_host").format(host=host, verb=ACTS[order.tool].verb)
        return Understanding(intent=Intent("list_alerts", {**said, "asset": host}), hint=told, order=order)

    def _miscounted(self, sentence: Sentence, ordered: Ordered) -> Understanding | None:
        """两个都封, and one is known: which ones is asked."""
        first, said = ordered.actions[0], pattern("cues.inside.both").search(sentence.plain)
        if (
            not said
            or (act := ACTS.get(first.tool)) is None
            or is_of_findings(first.tool)
            or first.tool in MILD
        ):
            return None
        known = [one for one in ordered.actions if one.tool == first.tool and not missing_in([one])]
        values = str(first.arguments.get(act.argument, "")).split(",") if len(known) == 1 else known
        if not known or len(values) == read_integer(said["n"].replace("俩", "两")):
            return None
        told = hint("miscounted").format(n=said["n"], verb=act.verb)
        return Understanding(question=told, order=without_object(first))
