"""What is said to a question: a look-up, what is asked back, or that it is not our subject."""

import re
from dataclasses import dataclass, replace
from typing import Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.offline import followups
from secops_agent.llm.offline.arguments import products_of
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.offline.words import load, name_of, pattern
from secops_agent.llm.understanding import coverage, questions
from secops_agent.llm.understanding.entities import HOSTS, INDICATORS, OWN, Sentence
from secops_agent.llm.understanding.hearing import DEFAULT, SHORT, hint
from secops_agent.llm.understanding.offers import Ordered
from secops_agent.llm.understanding.parts import PartHearing, left_out
from secops_agent.llm.understanding.questions import Weighed
from secops_agent.llm.understanding.ranker import share_of_acts

_WHICH: Final = "「{said}」指的是哪一个？请写出编号、名称或地址。"
_MOST_PARTS: Final = 4
_NOWHERE: Final = ("agents",)  # whatever else is asked is narrowed by it
_OF_PEOPLE: Final = ("contact", "presence")  # the nearest is who is on duty
_COUNTED: Final = {"ask.count", "noun.alert", "said.time", "said.exists", "ask.happened"}
_DAYS: Final = {"since_hours", "until_hours", "period", "time_of"}
_STATES: Final = ("list_blocks", "list_proposals")  # tell how an action stands
_OF_ALERTS: Final = ("list_alerts", "alert_statistics")
_OF_LINE: Final = re.compile("对应|[这那]条")  # asked of a line of a log itself
_ELSEWHERE: Final = ("absent", "chatter", "knowledge")  # is hardly of our data
_FLAWS: Final = ("affected_assets", "lookup_cve", "list_vulnerabilities", "list_findings")
_END_OF_ID: Final = re.compile(
    r"(?<![\w.:/-])(?!20\d\d(?!\d))\d{4,7}(?![\w.:/%-])(?!\s*[个条台次年])", re.ASCII
)


@dataclass(frozen=True, slots=True)
class QuestionHearing(PartHearing):
    """The part that hears questions."""

    def question(self, sentence: Sentence, ordered: Ordered | None) -> Understanding:
        text = sentence.question.text
        if exact := questions.exact(sentence):
            of_one = (
                "about" in exact.arguments and exact.tool == "who_is_on_call" and self.focus.just == "alert"
            )
            spoken = questions.exact(self.heard(f"{self.focus.thing} {sentence.plain}")) if of_one else None
            return self._covered(sentence, spoken or exact)
        if pattern("followups.more").match(text.strip(" 。.!！")):
            more = followups.read_more(self.focus.last)
            return Understanding(intent=more, suggestions=DEFAULT, hint="" if more else hint("no_list"))
        if absent := self._absent(sentence):
            return absent
        found = self._follow_up(sentence) or self._pasted_log(sentence)
        if found := found or self._several(sentence):
            return found
        meant = self._referred(sentence)
        if meant is not sentence and (exact := questions.exact(meant)):
            return self._covered(meant, exact)
        found = self._meant_by(meant) or self._with_rest(meant, self._looked_up(meant))
        found = self._of_that_period(sentence, self._of_product(sentence, found) or found)
        return (
            self._with_doubt(sentence, found, ordered)
            if ordered and ordered.doubt and ordered.has_object
            else found
        )

    def _covered(self, sentence: Sentence, exact: Intent) -> Understanding:
        """With what of the sentence a list of findings, or of what has an old version, does not take; without a condition it is asked back."""
        if exact.tool != "list_findings" and "version_below" not in exact.arguments:
            return Understanding(intent=exact)
        frame = next(frame for frame in self.frames if frame.tool == exact.tool)
        told, central = coverage.left_over(sentence, exact, frame)
        return (
            self._without(sentence, central, self.weighed(sentence))
            if central
            else Understanding(
                intent=exact,
                unused=told,
                hint=hint("not_done") if "decision" in exact.arguments and "标" in sentence.plain else "",
            )
        )

    def _absent(self, sentence: Sentence) -> Understanding | None:
        """Ports, telephone numbers: what no source of ours tells is said so, beside the rest of the question or with what is nearest."""
        text = sentence.question.text
        what, weighed = name_of("talk.absent", text), self.weighed(sentence)
        meant = weighed.ranks.get("absent", 0.0)
        if what not in _NOWHERE and meant < (questions.WORTH if what else questions.SURE):
            return None
        told = hint("absent").format(what=load("talk")["absent_named"][what or "else"])
        said = pattern(f"talk.absent.{what}").sub(" ", text) if what else ""
        rest = self.heard(sentence.question.expand(said).strip(" ,，"))
        asks = any(cue.startswith("ask.") for cue in questions.cues_of(rest))
        if what not in _NOWHERE and asks and (intent := self._clearly(rest)):
            return Understanding(intent=intent, hint=told, guessed=True)
        taps = (says.ON_CALL,) if what in _OF_PEOPLE else self.taps(sentence) or DEFAULT
        return Understanding(question=told, suggestions=taps, guessed=True)

    def _of_product(self, sentence: Sentence, found: Understanding) -> Understanding | None:
        """log4j影响哪些, 46604有补丁没: the flaws of a product, or of the end of an id, where no answer is narrowed to them."""
        about = found.intent
        flaws = sum(self.weighed(sentence).ranks.get(tool, 0.0) for tool in _FLAWS)
        if flaws < questions.ELSE or (
            about and (about.tool not in _FLAWS or about.arguments.keys() - {"fix_available"})
        ):
            return None
        ends, words = _END_OF_ID.findall(sentence.plain), products_of(sentence.question.text)
        named = [one.raw for one in sentence.found(*OWN) if one.kind is not Kind.ALERT]
        word = ends[0] if len(ends) == 1 else "" if ends or not words else words[-1]  # mysql connector
        if not word or named or (sentence.numbers and [*map(str, sentence.numbers)] != ends):
            return None
        by = {"group_by": "asset"} if pattern("filters.which_machines").search(sentence.plain) else {}
        return Understanding(Intent("list_vulnerabilities", {"keyword": word, **by}), guessed=True)

    def _of_that_period(self, sentence: Sentence, found: Understanding) -> Understanding:
        """出成周报, of last week's figures: the report of the week that was spoken of."""
        spoken = str(self.focus.last.arguments.get("period", "")) if self.focus.last else ""
        report = found.intent if found.intent and found.intent.tool == "security_report" else None
        if not report or sentence.question.found(Kind.TIME) or spoken.partition("_")[0] != "last":
            return found
        alike = str(report.arguments["period"]).partition("_")[2] == spoken.partition("_")[2]
        return (
            replace(found, intent=replace(report, arguments={**report.arguments, "period": spoken}))
            if alike
            else found
        )

    def _pasted_log(self, sentence: Sentence) -> Understanding | None:
        """A line of a log: what is asked beside it of what it names, else that is looked up, whatever its other words are."""
        if not pattern("cues.said.logged").search(sentence.said or sentence.plain):
            return None
        source, host = sentence.first(*INDICATORS) or sentence.first(Kind.OBSERVABLE), sentence.first(*HOSTS)
        found = Intent("get_asset", {"asset": host.value}) if host else None
        if source:
            found = Intent("lookup_indicator", {"value": source.value})
        if source and host:
            found = Intent("list_alerts", {"asset": host.value, "keyword": source.value, "status": "all"})
        if found is None:
            return None
        asked = _asked_beside(sentence.order)
        thing = str(next(iter(found.arguments.values())) if source is None else source.value)
        each = [
            found if _OF_LINE.search(one) else self._clearly(self.heard(f"{thing} {one}")) for one in asked
        ]
        each = [found if one and one.tool in _OF_ALERTS else one for one in each]
        left = [one for one, intent in zip(asked, each, strict=True) if intent is None]
        told = list(filter(None, each)) or [found]
        hinted = left_out(left) if left else ""
        return Understanding(told[0], beside=tuple(told[1:]), guessed=True, hint=hinted)

    def _meant_by(self, meant: Sentence) -> Understanding | None:
        """A reference that nothing gives a meaning is asked back."""
        reference = meant.first(Kind.REF)
        if reference is None or reference.value in ("all", "person") or meant.order.found(*OWN):
            return None
        if len(meant.plain) > SHORT or meant.keyword:
            return None
        taps = self.taps(meant) or DEFAULT
        return Understanding(question=_WHICH.format(said=reference.raw), suggestions=taps, guessed=True)

    @staticmethod
    def _bare_indicator(meant: Sentence) -> Intent | None:
        """An address or an alert alone is looked up: 203.0.113.5, 再查查 203.0.113.5, 你看看 A245."""
        text = pattern("cues.unread.filler").sub("", pattern("cues.ask.see").sub("", meant.order.text))
        kind = getattr(meant.order.entities.get(text.strip(" ,，。?？")), "kind", None)
        if kind is Kind.ALERT and len(meant.numbers) == 1:
            return Intent("get_alert", {"alert_id": meant.numbers[0]})
        return questions.ask("lookup_indicator", meant) if kind in (Kind.IP, Kind.OBSERVABLE) else None

    def _looked_up(self, meant: Sentence) -> Understanding:
        if bare := self._bare_indicator(meant):
            return Understanding(intent=bare)
        weighed = self.weighed(meant)
        alone = meant.keyword and questions.stands_alone(weighed.cues)
        anew = (
            weighed.whole
            or alone
            or meant.order.found(*OWN)
            or not self.focus.last
            or self._is_knowledge(meant)
        )  # 在别的机器上出现过没 is none
        found = (
            self._chosen(meant, weighed, self._standing(meant, weighed)) if anew else None
        ) or self._asked_back(meant, weighed)
        if found.intent and found.intent.tool == "list_alerts" and weighed.cues.keys() <= _COUNTED:
            days = questions.ask(
                "alert_statistics", meant
            )  # 今天多少告警 asks for the number, the closed ones too
            counts = days and "period" in days.arguments and "ask.count" in weighed.cues
            return (
                replace(found, intent=days) if days and counts and days.arguments.keys() <= _DAYS else found
            )
        lost = next((one.raw for one in meant.found(Kind.REF) if one.value in ("all", "person")), "")
        theirs = None if meant.found(Kind.PERSON) else pattern("cues.inside.theirs").search(meant.order.text)
        lost = lost or (theirs[0] if theirs else "")
        if lost and self.focus.last and found.intent and found.intent.tool in questions.LISTS:
            return Understanding(
                question=_WHICH.format(said=lost), suggestions=found.suggestions, guessed=True
            )
        return found  # 这些资产上的: those of the list, which nothing can be narrowed to

    @staticmethod
    def _with_doubt(sentence: Sentence, found: Understanding, ordered: Ordered) -> Understanding:
        """A question that speaks of an action says that nothing was done."""
        if found.intent is None or all(verb.end == verb.start for verb in ordered.verbs):
            return found
        proposes = pattern("cues.said.proposes").search(sentence.plain.rstrip("?？"))
        told = (
            found.hint if found.intent.tool in _STATES and not proposes else hint("not_done")
        )  # 203.0.113.5 封了没
        acts = [pattern(f"cues.act.{verb.words}") for verb in ordered.verbs]
        left = tuple(one for one in found.unused if not any(act.fullmatch(one) for act in acts))
        return replace(found, hint=told, unused=left)

    def _asked_back(self, sentence: Sentence, weighed: Weighed) -> Understanding:
        """What can be asked of what was named; or one line, what is our subject."""
        if weighed.is_one_of("chatter") and not sentence.order.found(*OWN):
            return Understanding(category="chatter", suggestions=DEFAULT)
        denied = weighed.ranks.get("nothing", 0.0) >= questions.VETO
        if denied and not pattern("cues.asks").search(sentence.plain):
            return Understanding(hint=hint("nothing"), suggestions=self.taps(sentence, weighed))
        taps = self.taps(sentence, weighed) or self._taps_of_last(sentence, weighed)
        outside = sum(weighed.ranks.get(one, 0.0) for one in _ELSEWHERE)
        if outside >= questions.LIKELY / 2 and not (sentence.keyword or sentence.order.found(*OWN)):
            taps = taps if any(cue.startswith("noun.") for cue in weighed.cues) else ()
        if not taps and weighed.is_one_of("followup"):
            told = _WHICH.format(said=sentence.plain.strip(" 。?？")[:SHORT])
            return Understanding(question=told, suggestions=DEFAULT, guessed=True)
        if not taps:
            return Understanding(suggestions=DEFAULT, hint=hint("not_ours"), guessed=True)
        named = sentence.order.found(*OWN)
        about = "、".join(dict.fromkeys(one.raw.strip() for one in named))[:60]
        orders = share_of_acts(weighed.ranks) >= questions.ELSE
        told = hint("unknown").format(names=about) if orders else f"{about}：想看什么？"
        return Understanding(question=told if about else "是想问哪一个？", suggestions=taps, guessed=True)

    def _taps_of_last(self, sentence: Sentence, weighed: Weighed) -> tuple[Suggestion, ...]:
        """What can be asked of the one thing that was spoken of, or of the first rows of the list."""
        last = self.focus.last
        if (
            last is None
            or len(sentence.plain) > SHORT
            or not any(cue.startswith("ask.") for cue in weighed.cues)
        ):
            return ()
        if thing := next(followups.things_of(last, sentence.plain), ""):
            return self.taps(self.heard(thing))
        kind, rows = self.focus.all_rows()
        return tuple(says.show(int(row)) if kind == "alert" else says.look_up(row) for row in rows[:3])


def _asked_beside(log: Skeleton) -> list[str]:
    """The questions that are typed behind a line of a log, without 这个 and 这ip."""
    refs = {
        ord(char): None for char, one in log.entities.items() if one.kind is Kind.REF and one.value != "alert"
    }
    found: list[str] = []
    for piece in reversed([one for one in re.split(pattern("cues.said.parts"), log.text) if one.strip()]):
        tail = piece.split()[-1]
        if not pattern("cues.said.asks").search(tail):
            break
        found.insert(0, log.expand(tail.translate(refs)))
    return found
