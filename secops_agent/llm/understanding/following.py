"""What goes on with something said before, and which frame answers: a row, the last question with other conditions, a question about the
one thing that was spoken of.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from secops_agent import says
from secops_agent.llm.offline import followups
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton, mark
from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.offline.words import load, pattern
from secops_agent.llm.understanding import coverage, questions
from secops_agent.llm.understanding import focus as focuses
from secops_agent.llm.understanding.entities import HOSTS, OWN, Sentence, take_verdicts_and_numbers
from secops_agent.llm.understanding.frames import Fit, ToolFrame
from secops_agent.llm.understanding.hearing import DEFAULT, SHORT, Hearing, hint
from secops_agent.llm.understanding.questions import Weighed
from secops_agent.llm.understanding.terms import explain

_LEADING: Final = re.compile(rf"[^\w]*(?:看看?|查一?下?|帮我?看?下?|那个?)?\s*{mark(Kind.NUMBER)}")
_OF_AN_ALERT: Final = {"ask.judge", "ask.what", "ask.handler", "ask.investigate", "ask.why", "ask.see", "ask.who"}  # fmt: skip
NOT_OURS: Final = ("chatter", "knowledge")
_OF_ONE: Final = ("affected_assets", "get_alert", "get_case")  # asked of the thing that is spoken of
_OF_ALL: Final = (
    "since_hours",
    "listed",
    "kev_only",
)  # beside a noun: a question of its own, about everything
_OF_MANY: Final = {"said.unowned", "said.mine", "said.held"}  # 有没有没派出去的 is asked of no one alert
_CLEAR: Final = 0.9  # so probable that no model need be asked what was meant


@dataclass(frozen=True, slots=True)
class FollowingHearing(Hearing):
    """The part that hears what goes on, and chooses who answers."""

    def _follow_up(self, sentence: Sentence) -> Understanding | None:
        """A row of the last list, the last question with other conditions, or a question about the one thing that was spoken of."""
        last, text = self.focus.last, sentence.plain.strip(" 。.!！?？")
        cues = questions.cues_of(sentence)
        if last and (most := pattern("followups.superlative").search(text)):
            asked = f"{text[: most.start()]}{most['most']}的哪一{most['unit']}{text[most.end() :]}"
            return self._follow_up(self.heard(asked)) if last.tool in questions.LISTS else None
        pointed = [one for one in sentence.found(Kind.REF) if one.value != "all"]
        theirs = not sentence.found(Kind.PERSON) and pattern("cues.inside.theirs").search(sentence.order.text)
        if last and last.tool == "get_case" and "noun.schedule" in cues and not sentence.found(*OWN):
            return Understanding(intent=Intent(last.tool, last.arguments))  # 他那没弄完的任务: on its card
        if len(text) > 2 * SHORT or pointed or theirs:
            return None
        if last is None:
            return self._of_thing(sentence, followups.without_lead(text))
        if last.tool == "search_runbook" and pattern("followups.steps").search(text):
            return Understanding(Intent(last.tool, {"query": last.arguments.get("query", "")}))
        number = pattern("followups.sibling").fullmatch(text)
        asset = str(last.arguments.get("asset", ""))
        if number and (number["of"] or "") in asset and (name := self.lexicon.sibling(asset, number["n"])):
            return Understanding(intent=Intent(last.tool, {**last.arguments, "asset": name}))
        if row := self._row(text, last):
            return row
        bare = followups.without_lead(text)
        of_flaw = "cve_id" in last.arguments and self._of_thing(sentence, bare)
        found = None if of_flaw else self._changed(sentence, bare, last)
        return of_flaw or (Understanding(intent=found) if found else self._of_thing(sentence, bare))

    def _row(self, text: str, last: Intent) -> Understanding | None:
        """第 2 条: what is asked of that row of the last list; a row that it does not have is told."""
        if row := followups.read_row(text, last):
            return Understanding(intent=self._about(self.heard(row[0])) or row[1])
        said = pattern("followups.item").search(text) if followups.last_list(last) else None
        told = f"上面的列表里没有「{said.group()}」，请写出编号、名称或地址。" if said else ""
        return Understanding(question=told, guessed=True) if told else None

    def _changed(self, sentence: Sentence, bare: str, last: Intent) -> Intent | None:
        """The last question with what is said now; a sentence that stands by itself says so: 那, 再, 呢."""
        cues, noun = questions.cues_of(sentence), followups.NOUNS.get(last.tool, "")
        if not bare or self._is_another(sentence, cues, noun):
            return None
        bare = pattern("followups.me").sub("我的", bare)
        if (period := last.arguments.get("period")) and pattern("followups.earlier").search(sentence.plain):
            bare = f"{load('followups')['before'][period]}呢"
        noun = "修了多少漏洞" if "mended" in last.arguments else noun
        whole = self.heard(f"{noun} {bare}".strip())
        weighed = self.weighed(whole)
        tools = [fit.frame.tool for fit in weighed.fits if fit.whole]
        same = [tool for tool in tools if tool == last.tool or (noun and followups.NOUNS.get(tool) == noun)]
        if not same or any(coverage.unread(whole)):
            return None
        if "ask.when" in cues or pattern("followups.next_time").search(bare):
            last = _without(last, "at")
        one = "list_alerts" in same and pattern("filters.which_one_of").search(bare)  # no number tells which
        stays = last.tool in same and "ask.list" not in weighed.cues
        intent = questions.ask("list_alerts" if one else last.tool if stays else same[0], whole)
        found = followups.changed(intent, last, self.lexicon.people.values()) if intent else None
        if found and pattern("filters.closed_in").search(bare) and "time_of" not in found.arguments:
            found = followups.closed(found)
        frame = next((fit.frame for fit in weighed.fits if found and fit.frame.tool == found.tool), None)
        if found is None or (not cues and found.tool == last.tool and found.arguments == last.arguments):
            return None  # what was not understood of it changes nothing
        return None if coverage.unused(whole, found, (), frame) else found

    def _is_another(self, sentence: Sentence, cues: Mapping[str, str], noun: str) -> bool:
        """Is it a question of its own, or none at all?"""
        fresh = questions.stands_alone(_of_these(cues, noun))
        own = self.weighed(sentence).best if fresh and "said.exists" in cues else None
        if own and own.whole and followups.NOUNS.get(own.frame.tool) != noun:  # 有什么待审批的, behind blocks
            return True
        alone = fresh or (sentence.keyword and "said.exists" in cues) or sentence.order.found(*OWN)
        marked = followups.is_marked_as_one(sentence.plain)
        return not (marked or (cues and not alone)) or _has_a_scope(sentence, cues)

    def _of_thing(self, sentence: Sentence, bare: str) -> Understanding | None:
        """The sentence with the thing that was spoken of in front of it: which one is told, with a tap for the whole."""
        last, thing = self.focus.last, self.focus.thing
        of_flaw = last is not None and "cve_id" in last.arguments
        everything = not of_flaw and pattern("cues.said.everything").search(sentence.said or bare)
        alone = questions.stands_alone(questions.cues_of(sentence))
        among = of_flaw and not alone  # of these: 支付的, 张三的
        own = sentence.order.found(*(kind for kind in OWN if not among or kind not in (*HOSTS, Kind.PERSON)))
        anothers = self._bare_number(sentence) or self._is_knowledge(sentence)  # 什么是勒索软件
        if own or everything or not bare or anothers:
            return None
        things = filter(None, dict.fromkeys([thing, *(followups.things_of(last, bare) if last else ())]))
        anew = alone and "said.exists" in questions.cues_of(sentence)
        by_itself = self.weighed(sentence).best if anew else None
        whole = by_itself if by_itself and by_itself.whole else None
        for one in things:
            same = last.tool if last and of_flaw else ""
            if found := self._about(self.heard(f"{one} {bare}"), same):
                if whole and whole.frame.tool != found.tool:  # 有什么待审批的, behind one block
                    return None
                if found.tool not in questions.LISTS:
                    cues = questions.cues_of(sentence).keys()
                    many = cues & _OF_MANY or {"said.exists", "said.status"} <= cues
                    return None if many and found.tool == "get_alert" else Understanding(_kept(found, last))
                of_all = alone and not found.arguments.keys().isdisjoint(_OF_ALL)  # 今天有哪些严重告警
                if of_all and not of_flaw:
                    return None
                told, all_of_it = hint("of_thing").format(thing=one), says.plainly(f"全部{bare}")
                best = self.weighed(self.heard(str(all_of_it))).best
                taps = (all_of_it,) if best and best.whole else ()
                return Understanding(found, hint=told, suggestions=taps)
        return None

    def _is_knowledge(self, sentence: Sentence) -> bool:
        """Does it ask what a word of its own means, whatever was spoken of?"""
        ranks = self.weighed(sentence).ranks
        return ranks.get("knowledge", 0.0) >= (questions.ELSE if sentence.keyword else questions.CERTAIN)

    def _about(self, whole: Sentence, same: str = "") -> Intent | None:
        """What a whole sentence asks, if one tool takes all of it; 只要生产的 asks ``same`` again where it narrows that."""
        weighed = self.weighed(whole)
        again = same and whole.first(Kind.CVE) and not any(coverage.unread(whole))
        narrowed = questions.ask(same, whole) if again else None
        if narrowed and narrowed.arguments.keys() - {"cve_id"}:
            return narrowed
        certain = weighed.whole and not any(coverage.unread(whole))
        likely = (
            weighed.likely if certain and weighed.likely and weighed.likely.frame.tool in _OF_ONE else None
        )
        found = self._chosen(whole, weighed, likely) if certain else None
        return found.intent if found else None

    def _referred(self, sentence: Sentence) -> Sentence:
        """The sentence with what its references mean in their place; of 它那台机器 the one that says more."""
        skeleton = sentence.order
        if not skeleton.found(*OWN) and (alert := self._bare_number(sentence)):
            return replace(sentence, order=alert)
        references = sorted(skeleton.found(Kind.REF), key=lambda one: one.value in ("it", "all"))
        of_hash = self.focus.just != "ip" and pattern("filters.elsewhere_asked").search(sentence.plain)
        wanted = ("alert",) if of_hash else ()
        known = [one for one in references if focuses.meant_by(one.value, self.focus, wanted)[1]]
        references = [*known[:1], *(one for one in references if one not in known[:1])]  # 它上面的那条: its
        kind, values = focuses.meant_by(references[0].value, self.focus, wanted) if references else ("", ())
        marked = Skeleton(skeleton.text, dict(skeleton.entities))
        if not values or (references[0].value == "all" and len(values) > 1):
            return sentence
        first, *others = (char for one in references for char, each in marked.entities.items() if each is one)
        marked.text = marked.text.translate({ord(char): None for char in others})
        marked.put(focuses.mark_for(kind, values[0]), instead_of=first)
        return replace(sentence, order=marked)

    @staticmethod
    def _bare_number(sentence: Sentence) -> Skeleton | None:
        """222 是真的吗: the one number of a short question that is about nothing else."""
        marked = take_verdicts_and_numbers(sentence.order)
        numbers = marked.found(Kind.NUMBER)
        short = len(sentence.plain) <= 2 * SHORT and _LEADING.match(marked.text)
        if len(numbers) != 1 or not short:
            return None
        cues = questions.cues_of(sentence)
        about = cues.keys() & _OF_AN_ALERT or len(marked.text.strip(" ?？呢")) == 1
        nouns = {cue for cue in cues if cue.startswith("noun.")}
        if not about or questions.software_of(marked.text) or nouns - {"noun.alert"}:
            return None
        char = next(char for char, one in marked.entities.items() if one == numbers[0])
        marked.put(focuses.mark_for("alert", str(numbers[0].value)), instead_of=char)
        return marked

    def _chosen(self, sentence: Sentence, weighed: Weighed, best: Fit | None = None) -> Understanding | None:
        """The question of the frame that takes everything, or of ``best``; None: nothing fits, or two do."""
        best = best or weighed.best
        if weighed.is_one_of("chatter") and not sentence.order.found(*OWN):
            return Understanding(category="chatter", suggestions=DEFAULT)
        if weighed.is_one_of(*NOT_OURS):
            return self._not_ours(sentence)
        frame = self._telling(best.frame, sentence, weighed) if best else None
        intents = questions.ask_each(frame, sentence) if frame else []
        if best is None or frame is None or not intents:
            return None
        intent, *beside = intents
        told, central = coverage.left_over(sentence, intent, frame)
        if coverage.is_blind(sentence, intent, frame, told):
            taps = self.taps(sentence, weighed) or DEFAULT
            question = hint("not_heard").format(words="、".join(f"「{one}」" for one in told))
            return Understanding(question=question, suggestions=taps, guessed=True)
        if central:
            return self._without(sentence, central, weighed)
        return Understanding(intent=intent, beside=tuple(beside), unused=told, guessed=best.score < _CLEAR)

    def _telling(self, frame: ToolFrame, sentence: Sentence, weighed: Weighed) -> ToolFrame:
        """Numbers by level show no alert and nobody who has it: where these are asked for, and no other group, the list that tells both."""
        if frame.tool == "lookup_indicator" and sentence.found(*HOSTS):  # deploy 在 jump-01 上
            narrower, intent = self._frame_of("list_alerts"), questions.ask("list_alerts", sentence)
            lost = intent is None or coverage.left_over(sentence, intent, narrower)[1]
            return frame if lost else narrower
        if frame.tool == "get_asset" and (other := self._beside_card(sentence)):
            return self._frame_of(other)
        closer = "ask.list" not in weighed.cues and pattern("filters.group_by.closer").search(sentence.plain)
        if closer and frame.tool == "list_alerts" and not re.search("[这那]一?条", sentence.plain):
            return self._frame_of("alert_statistics")  # 昨天谁关的告警
        if pattern("filters.why_many").search(sentence.plain):
            return self._frame_of("alert_statistics") if frame.tool == "list_alerts" else frame
        asked = weighed.cues.keys() & {"ask.handler", "ask.list", "ask.related", "ask.who"}
        asked = asked if "ask.statistics" not in weighed.cues else set()
        if frame.tool != "alert_statistics" or not (
            asked or pattern("filters.most_often").search(sentence.plain)
        ):
            return frame
        intent = questions.ask(frame.tool, sentence)
        grouped = intent is None or not intent.arguments.keys().isdisjoint(("group_by", "time_of"))
        return frame if grouped else self._frame_of("list_alerts")

    @staticmethod
    def _standing(sentence: Sentence, weighed: Weighed) -> Fit | None:
        """203.0.113.5 放出来没: how a block or an isolation stands, where no tool is certain."""
        stands = weighed.best is None and weighed.asks_how_it_stands(sentence.plain)
        return next((fit for fit in weighed.fits if stands and fit.frame.tool == "list_blocks"), None)

    def _frame_of(self, tool: str) -> ToolFrame:
        return next(one for one in self.frames if one.tool == tool)

    @staticmethod
    def _beside_card(sentence: Sentence) -> str:
        """What a card does not tell: who attacks it, several machines, alerts that are described; "" for nothing."""
        if pattern("filters.attackers").search(sentence.question.text):
            return "alert_statistics"
        if any("*" in str(one.value) for one in sentence.found(Kind.ASSET)):
            return "list_assets"
        return "list_alerts" if sentence.lexicon.rules_named(sentence.keyword) else ""

    @staticmethod
    def _not_ours(sentence: Sentence) -> Understanding:
        """A word of ours is explained; other knowledge is none of ours, never our data as if they were the answer."""
        taps = (says.alerts_of(sentence.keyword),) if sentence.keyword else DEFAULT
        return Understanding(hint=explain(sentence.said) or hint("not_known"), suggestions=taps, guessed=True)

    def _without(self, sentence: Sentence, central: Sequence[str], weighed: Weighed) -> Understanding:
        """A condition that cannot be taken is asked back, with what can be asked as taps."""
        told = "、".join(f"「{one}」" for one in central)
        taps = self.taps(sentence, weighed) or DEFAULT
        return Understanding(question=hint("not_taken").format(words=told), suggestions=taps, guessed=True)


def _kept(found: Intent, last: Intent | None) -> Intent:
    """负责人都是谁, of the assets of a vulnerability that matter most: of these still."""
    same = last and found.tool == last.tool == _OF_ONE[0]
    if not (last and same) or found.arguments["cve_id"] != last.arguments["cve_id"]:
        return found
    return replace(found, arguments={**last.arguments, **found.arguments})


def _of_these(cues: Mapping[str, str], noun: str) -> Mapping[str, str]:
    """KEV的列出来, of vulnerabilities: these, and no other thing."""
    of_kev = cues.get("noun.vuln", "").lower() == "kev" and noun == followups.NOUNS["list_vulnerabilities"]
    return {cue: said for cue, said in cues.items() if not (of_kev and cue == "noun.vuln")}


def _without(last: Intent, name: str) -> Intent:
    """When something is asked at another time than before, or of other machines."""
    return replace(last, arguments={each: one for each, one in last.arguments.items() if each != name})


def _has_a_scope(sentence: Sentence, cues: Mapping[str, str]) -> bool:
    """那 web-01 上周的告警呢: what, where and when are said, so nothing that was said before is meant too."""
    named = any(cue.startswith("noun.") for cue in cues)
    timed = sentence.question.found(Kind.TIME, Kind.DURATION)
    return bool(named and timed and sentence.order.found(*HOSTS))
