"""What is said to an order: one offer, a question back for what it lacks, or why nothing is done."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.intents import READ_TOOLS, Intent, Understanding
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding import questions
from secops_agent.llm.understanding.entities import Sentence, take_verdicts_and_numbers
from secops_agent.llm.understanding.focus import NOTHING
from secops_agent.llm.understanding.hearing import Hearing, hint
from secops_agent.llm.understanding.offers import (
    MOST_ALERTS,
    Ordered,
    complete,
    missing_in,
    read_order,
    target,
)
from secops_agent.llm.understanding.verbs import ACTS, LIKE, OUTSIDE, WANTED, is_doubtful

_OF_ORDER: Final = ("assignee", "verdict", "limit", "offset")  # said of what is to be done
_SAID_NOT: Final = ("exception", "withdrawn", "takes_back", "condition", "hearsay", "quotation")
_TIMES: Final = ("since_hours", "until_hours", "period")
_USUAL: Final = {
    "verdict": "false_positive",
    "assignee": "我",
    "severity": "high",
}  # of a line that is only an example
# What is asked where something beside the object lacks.
_ASKED: Final = {
    "owner": "{what} 的负责人改为谁？", "severity": "{what} 改成哪个级别？", "case_id": "{what} 归入哪个事件？写事件编号。",
    "text": "要转告{what}什么？", "verdict": "关闭 {what} 的结论是什么？", "assignee": "{what} 指派给谁？",
}  # fmt: skip
_AS_IT_WAS: Final[Mapping[str, Callable[[int], Suggestion]]] = {
    "reopen_alert": says.reopen, "hand_back": says.hand_back, "end_silence": says.end_silence,
}  # fmt: skip
_SPOKEN: Final = frozenset({"close_alert", "acknowledge_alert", "assign_alert", "silence_alerts"})
_SHORT: Final = 10  # characters that say something, of an answer to what was asked back


def _says_more(sentence: Sentence) -> bool:
    """算了 给我 changes the order; 算了 先不隔离 does not."""
    me = pattern("cues.inside.me").search(sentence.order.text)
    return bool(me or sentence.order.first(Kind.PERSON, Kind.DURATION))


@dataclass(frozen=True, slots=True)
class OrderHearing(Hearing):
    """The part that hears orders."""

    def is_asked(self, sentence: Sentence, ordered: Ordered) -> bool:
        """Is a verb without an object a word of a question: 未确认的, 给我看, 关的最多?"""
        tools = {verb.tool for verb in ordered.verbs}
        if "assignee" in ordered.actions[0].arguments and not pattern("cues.said.asks").search(
            sentence.plain.replace("给", "")
        ):
            return False  # 未分配的中危给李四
        if (
            "delete_schedule" in tools
            or sentence.first(Kind.REF, Kind.ROW)
            or self._within(sentence, ordered.actions[0])
        ):
            return False
        explicit = bool(tools & _SPOKEN)
        if explicit and self._means_each(sentence):
            return False
        described = (
            explicit
            and (sentence.keyword or sentence.order.found(Kind.ASSET, Kind.ASSET_IP))
            and not sentence.question.found(Kind.STATUS)
        )
        best = questions.weigh_sentence(sentence, self.frames).best
        return best is not None and best.score >= 2.4 and not described

    @staticmethod
    def _means_each(sentence: Sentence) -> bool:
        """所有, 那些, 都: the order is for every alert that is described."""
        return pattern("cues.said.each").search(sentence.plain) is not None

    def aimless(self, sentence: Sentence, ordered: Ordered, found: Understanding) -> Understanding:
        """What is known of what the sentence names, and what the order is to be done to is asked."""
        first = ordered.actions[0]
        act = ACTS[first.tool]
        if first.tool not in OUTSIDE or not found.intent or found.intent.tool not in READ_TOOLS:
            return found
        names_none = first.tool == "block_ip" and sentence.first(Kind.DOMAIN, Kind.URL)
        told = hint("no_block") if names_none else f"没有执行任何操作。要{act.verb}{act.which}？"
        return replace(found, hint=told, order=first)

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
        """What the last order lacked, or what is changed of it; taken back it is told so."""
        order, text = self.focus.order, sentence.order.text
        if order is None or pattern("cues.nothing.question").search(text):
            return None
        if pattern("cues.said.left_alone").search(take_verdicts_and_numbers(sentence.order).text):
            return Understanding(hint=hint("negation"))
        new = read_order(sentence, NOTHING)
        tools = {verb.tool for verb in new.verbs} if new else set()
        withdrawn = tools <= {order.tool} and pattern("cues.nothing.withdrawn").search(text) is not None
        refused = withdrawn and new is not None and new.doubt != "" and len(self.focus.beside) == 0
        changes = pattern("cues.said.changes").search(text) is not None
        short = len(pattern("cues.unread.filler").sub("", text)) <= _SHORT
        own = new is not None and (new.has_object or tools != {order.tool}) and not withdrawn
        bare = None  # an address alone is looked up
        if order.tool in ACTS and not missing_in([order]) and not pattern("cues.said.other").search(text):
            bare = sentence.order.first(*WANTED[ACTS[order.tool].kinds[0]])
        if (
            (own and not changes)
            or bare
            or not (changes or short)
            or pattern("talk.category").search(sentence.plain)
        ):
            return None
        actions = () if refused and not _says_more(sentence) else complete(sentence, self.focus)
        if actions:
            found = self.ordered(sentence, Ordered((), actions, missing=missing_in(actions)))
            return replace(found, drops=bool(found.offers) and not missing_in([order]))
        return self.dropped() if withdrawn else None

    def dropped(self) -> Understanding:
        """The order is taken back, and which it was is told."""
        order = self.focus.order
        act = ACTS.get(order.tool) if order else None
        what = str(order.arguments.get(act.argument, "")) if order and act else ""
        named = f"「{act.verb} {says.code(what)}」" if act and what else ""
        told = f"好的，{named}不做了，没有执行任何操作。" if named else hint("takes_back")
        filed = (
            f"已经提出申请的，请用「{says.withdraw(says.CODE)}」撤回。"
            if order and order.tool in OUTSIDE
            else ""
        )
        return Understanding(hint=f"{told}{filed}", drops=True)

    def ordered(self, sentence: Sentence, ordered: Ordered) -> Understanding:
        """One offer; or what has to be said first."""
        first = next((one for one in ordered.actions if missing_in([one])), ordered.actions[0])
        if first.tool in ("isolate_host", "release_host") and (host := sentence.first(Kind.HOST)):
            return Understanding(
                hint=f"资产库里没有「{host.raw}」，不能{ACTS[first.tool].verb}。",
                suggestions=self.taps(sentence),
            )
        if not ordered.missing:
            return Understanding(offers=ordered.actions, order=first, unused=ordered.left)
        if ordered.missing == "object":
            return self._within(sentence, first) or self._which(sentence, first)
        act = ACTS[first.tool]
        values = [str(one.arguments[act.argument]) for one in ordered.actions if one.tool == first.tool]
        what = "、".join(map(says.code, values)) if act.argument == "alert_id" else "、".join(values)
        unknown = (
            pattern("cues.inside.nobody").search(sentence.plain) if ordered.missing == "assignee" else None
        )
        asked = (f"人员里没有「{unknown['name']}」。" if unknown else "") + _ASKED[ordered.missing].format(
            what=what
        )
        return Understanding(
            question=asked, suggestions=self._completions(first, ordered.missing, values)[:3], order=first, waits=ordered.actions[1:]
        )  # fmt: skip

    def _completions(self, order: Intent, missing: str, values: Sequence[str]) -> tuple[Suggestion, ...]:
        """The lines that say what lacks."""
        if order.tool == "close_alert":
            numbers = [int(one) for one in values]
            return (
                says.closings(numbers[0]) if len(numbers) == 1 else tuple(says.close_all(numbers, one) for one in says.VERDICTS)
            )  # fmt: skip
        names = list(dict.fromkeys(self.lexicon.surnames.values()))[:2]
        said: Mapping[str, Sequence[str]] = {
            "assignee": ["我", *names], "owner": names, "severity": ["critical", "high", "medium"], "verdict": list(says.VERDICTS)
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
        return Understanding(Intent("get_alert", {"alert_id": int(numbers[0])}), order=order, each=True)

    def _which(self, sentence: Sentence, order: Intent) -> Understanding:
        """The order has no object: the list it may be in, or a question back; never somebody's target."""
        act = ACTS[order.tool]
        if order.tool == "silence_alerts" and (lines := self._silences(sentence, order)):
            part = "、".join(f"「{one}」" for one in sentence.narrowing)
            told = (
                f"静默不能只限{part}的告警，只能整个静默"
                if part
                else "静默一次只能按一条规则或一台资产，不能两样都限定"
            )
            return Understanding(
                question=f"{told}。要哪一个？没有执行任何操作。", suggestions=lines, order=order
            )
        if {"alert"} <= set(act.kinds) and (listed := self._listed(sentence, order)):
            return listed
        if order.tool == "delete_schedule":
            told = f"没有执行任何操作。要删除哪一个？写「{says.delete_task(says.NUMBER)}」。"
            return Understanding(intent=Intent("list_schedules"), hint=told, order=order)
        if order.tool == "block_ip" and sentence.first(Kind.NETWORK):
            return Understanding(hint=hint("network"), suggestions=self.taps(sentence))
        if order.tool == "block_ip" and (wrong := pattern("cues.said.no_address").search(sentence.plain)):
            return Understanding(
                hint=f"「{wrong[0]}」不是能封禁的地址。{hint('no_block')}", suggestions=self.taps(sentence)
            )
        listed_kind, rows = self.focus.all_rows()
        values = [(kind, value) for kind in act.kinds for value in self.focus.of(kind)][:3]
        values = values or [(listed_kind, row) for row in rows[:3] if listed_kind in act.kinds]
        values = values or [("asset", one) for one in self._alike(sentence, act.kinds)]
        return Understanding(
            question=f"要{act.verb}{act.which}？没有执行任何操作。",
            suggestions=tuple(self._line(order, *one) for one in values if order.tool in says.ORDERED), order=order,
        )  # fmt: skip

    def _silences(self, sentence: Sentence, order: Intent) -> tuple[Suggestion, ...]:
        """The lines that silence a rule or an asset that is named; none where it has to be an alert."""
        rules = [("rule", one) for one in self.lexicon.rules_named(sentence.keyword)[:2]]
        hosts = [("asset", str(one.value)) for one in sentence.found(Kind.ASSET, Kind.ASSET_IP)]
        named = [*rules, *hosts] if rules or sentence.narrowing else []
        return tuple(self._line(order, kind, value) for kind, value in named)[:3]

    @staticmethod
    def _line(order: Intent, kind: str, value: str) -> Suggestion:
        """The exact line that does this to a thing."""
        return says.order(order.tool, _USUAL | dict(order.arguments) | target(ACTS[order.tool], kind, value))

    def _alike(self, sentence: Sentence, kinds: tuple[str, ...]) -> list[str]:
        """隔离web: the hosts whose names begin so."""
        words = re.findall(r"[a-z][a-z0-9-]+", sentence.plain.lower()) if "asset" in kinds else []
        names = sorted(set(self.lexicon.assets.values())) if words else []
        return [name for name in names if any(name.lower().startswith(word) for word in words)][:3]

    @staticmethod
    def _lost(sentence: Sentence, intent: Intent) -> list[str]:
        """What tells, before 都 or 全, which are meant, and the list is not narrowed by: those would be others."""
        ends = [match.end() for match in pattern("cues.said.each").finditer(sentence.plain)]
        head = sentence.plain[: max(ends, default=0)]
        people = {one.raw for one in sentence.found(Kind.PERSON)}
        return [
            one
            for one in questions.unused(sentence, intent, questions.unread(sentence))
            if one in head and one not in people
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
        if pattern("cues.inside.besides").search(
            sentence.plain
        ):  # 顺便告诉我今晚谁值班: its time is another's
            said = {name: value for name, value in said.items() if name not in _TIMES}
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

    def _listed(self, sentence: Sentence, order: Intent) -> Understanding | None:
        """The alerts that may be meant: all of them as one offer, or to be told apart by their numbers; None: nothing describes any."""
        said = self._described(sentence)
        shown = (
            sentence.first(Kind.REF) and len(self.focus.all_rows()[1]) > 1
        )  # 那几条: of the list, nobody knows which
        each = self._means_each(sentence) and not shown
        named = (
            sentence.keyword
            or sentence.first(Kind.ASSET, Kind.ASSET_IP, Kind.IP)
            or sentence.question.first(Kind.SEVERITY)
        )
        if not said or not (named or each):
            return None
        if each and (lost := self._lost(sentence, Intent("list_alerts", said))):
            told = f"不能按{'、'.join(f'「{one}」' for one in lost)}筛选，没有列为选项。要{ACTS[order.tool].verb}哪几条？写编号，或第几条。"
            return Understanding(intent=Intent("list_alerts", said), hint=told, order=order)
        told = f"没有执行任何操作。要{ACTS[order.tool].verb}哪一条？写编号，或第几条。"
        some = {"limit": MOST_ALERTS} if each else {}
        return Understanding(
            intent=Intent("list_alerts", said | some), hint="" if each else told, order=order, each=each
        )

    def nothing(self, sentence: Sentence, ordered: Ordered) -> Understanding | None:
        """Why nothing is done; None: it does not speak of a thing that could have been meant."""
        named = ordered.has_object
        doubt = ordered.doubt
        shown = map(int, self.focus.of("alert")) if sentence.first(Kind.REF) else ()
        if doubt in _AS_IT_WAS and (numbers := sentence.numbers or list(shown)):
            taps = tuple(map(_AS_IT_WAS[doubt], numbers[:3]))
            return Understanding(question="没有执行任何操作。要这样做吗？", suggestions=taps)
        if doubt in LIKE:
            named = named or doubt == "end_silence"
            return Understanding(hint=hint(doubt), suggestions=self.taps(sentence)) if named else None
        if (
            doubt == "unclear"
            and ordered.actions
            and not ordered.missing
            and ordered.actions[0].tool in says.ORDERED
        ):
            return self._unclear(sentence, ordered.actions[0])
        if not named and doubt in _SAID_NOT and not pattern("cues.nothing.question").search(sentence.plain):
            return Understanding(hint=hint(doubt), suggestions=self.taps(sentence))
        if (
            not named
            or pattern("cues.nothing.question").search(sentence.plain)
            or self._asks_beside(sentence, ordered)
        ):
            return None
        return Understanding(hint=hint(doubt), suggestions=self.taps(sentence))

    def _unclear(self, sentence: Sentence, first: Intent) -> Understanding:
        """The exact line of what may be meant, without a reason that takes it back."""
        free = ACTS[first.tool].free
        if is_doubtful(str(first.arguments.get(free, ""))):
            first = replace(
                first, arguments={name: said for name, said in first.arguments.items() if name != free}
            )
        mine = self.asker and first.arguments.get("assignee") == self.asker and first.tool == "assign_alert"
        line = says.take(first.arguments["alert_id"]) if mine else says.order(first.tool, first.arguments)
        taps = (line, *self.taps(sentence))
        asked = f"{hint('unclear')}要这样做请发送整句："
        return Understanding(question=asked, suggestions=tuple(dict.fromkeys(taps))[:3])
