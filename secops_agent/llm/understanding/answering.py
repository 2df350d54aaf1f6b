"""What is said to a question: a look-up, what is asked back, or that it is not our subject."""

import re
from collections.abc import Sequence
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
from secops_agent.llm.understanding import focus as focuses
from secops_agent.llm.understanding.entities import HOSTS, INDICATORS, OWN, Sentence, is_marked
from secops_agent.llm.understanding.following import FollowingHearing
from secops_agent.llm.understanding.frames import strange
from secops_agent.llm.understanding.hearing import DEFAULT, SHORT, hint
from secops_agent.llm.understanding.offers import Ordered
from secops_agent.llm.understanding.questions import Weighed

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
class QuestionHearing(FollowingHearing):
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
        found = self._follow_up(sentence) or self._in_turn(sentence) or self._pasted_log(sentence)
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

    def _in_turn(self, sentence: Sentence) -> Understanding | None:
        """我自己的呢，只看严重的: each part goes on with the one before it, and the last has the conditions of all."""
        reader, found = self, list[Intent]()
        for part in self._parts(sentence) if self.focus.last else ():
            more = reader._follow_up(part)
            if not (more and more.intent) or not all(_is_part(one, more.intent) for one in found):
                return None
            found.append(more.intent)
            reader = replace(self, focus=self.focus.after_look_up(more.intent))
        return Understanding(intent=found[-1], guessed=True) if found else None

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
        hinted = _left_out(left) if left else ""
        return Understanding(told[0], beside=tuple(told[1:]), guessed=True, hint=hinted)

    def _parts(self, sentence: Sentence) -> list[Sentence]:
        """The parts of a sentence between marks, and behind 顺便; none of one that is all one part."""
        cut = (part.strip() for part in re.split(pattern("cues.said.parts"), sentence.plain))
        parts = [part for part in cut if len(part) > 1]
        return [self.heard(part) for part in parts] if len(parts) > 1 else []

    def _with_rest(self, sentence: Sentence, found: Understanding) -> Understanding:
        """With the parts whose question the look-up does not take."""
        parts = self._parts(sentence) if found.intent and not found.beside else []
        asked = [part for part in parts if pattern("cues.said.asks").search(part.plain)]
        left = [part.plain for part in asked if found.intent and not self._tells_of(found.intent, part)]
        return (
            replace(found, hint=_left_out(left)) if 0 < len(left) < len(parts) and not found.hint else found
        )

    def _tells_of(self, intent: Intent, part: Sentence) -> bool:
        """Is the answer of its tool one to what the part asks?"""
        frame = next((frame for frame in self.frames if frame.tool == intent.tool), None)
        return frame is None or not strange(frame, questions.cues_of(part))

    def _several(self, sentence: Sentence) -> Understanding | None:
        """今天几条高危，A283谁在弄，明天谁值班: each part, where no one tool takes all; a part may go on with the one before it."""
        parts = self._parts(sentence)
        if not 1 < len(parts) <= _MOST_PARTS:
            return None
        beside = pattern("cues.said.beside").search(sentence.plain) is not None
        asked = [part for part in parts if pattern("cues.said.asks").search(part.plain)]
        # Each number is one of the whole; 下周三呢 asks once more.
        counts = len(asked) > 1 and "ask.count" in questions.cues_of(asked[0])
        again = any(part in asked and followups.is_marked_as_one(part.plain) for part in parts[1:])
        again = again or len(_groups(asked)) > 1  # 哪个来源最多 哪台机器最多
        whole = not (beside or counts or again) and self._is_one(sentence, parts)
        if whole or any(part not in asked and coverage.tells(part) for part in parts):
            return None
        found, left, reader = list[Intent](), list[str](), self
        for part in parts:
            if part not in asked or (counts and found and found[0].tool == "list_alerts" and _asks_who(part)):
                continue  # the list tells it
            alone = questions.stands_alone(questions.cues_of(part)) or part.order.found(*OWN)
            intent = reader._clearly(part, goes_on=bool(found and not alone))
            if found and intent == found[-1] and _asks_more(part, parts):
                left.append(part.plain)  # 还剩多少, 有没有误报: what was asked before is no answer to it
                continue
            of_all = intent and intent.arguments.keys() <= {"asset_type"} and intent.tool in questions.LISTS
            if intent and not (found and of_all):  # all machines answer nothing
                found.append(intent)
                reader = reader._after(sentence, intent) if not counts or len(found) == 1 else reader
            elif counts and "ask.count" not in questions.cues_of(part):
                return None  # 都打的哪台: the whole tells it
            elif counts or not (found and self._tells_of(found[-1], part)):
                left.append(part.plain)
        return _each(found, left, apart=counts or again or _is_apart(sentence), counts=counts, beside=beside)

    def _is_one(self, sentence: Sentence, parts: Sequence[Sentence]) -> bool:
        """Does one tool take all of it, and no part ask for another?"""
        weighed = self.weighed(sentence)
        bests = (self.weighed(part).best for part in parts if coverage.tells(part))
        tools = {best.frame.tool for best in bests if best}
        return weighed.whole and not tools - {weighed.best.frame.tool if weighed.best else ""}

    def _after(self, sentence: Sentence, intent: Intent) -> "QuestionHearing":
        """The next part is read behind this one, and behind the indicator that it is narrowed by: 封了没."""
        named = {one.value for one in sentence.found(*INDICATORS)} & {*intent.arguments.values()}
        last = replace(intent, about={"value": min(named)}) if named else intent
        return replace(self, focus=self.focus.after_look_up(last))

    def _clearly(self, sentence: Sentence, *, goes_on: bool = False) -> Intent | None:
        """What a part asks, if nothing of it is left over; ``goes_on``: only as something more about the part before it."""
        found = self._follow_up(sentence)
        weighed = self.weighed(sentence)
        found = found or (self._chosen(sentence, weighed) if weighed.whole and not goes_on else None)
        return found.intent if found and not found.beside and not found.unused else None

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
            weighed.whole or alone or meant.order.found(*OWN) or not self.focus.last
        )  # 在别的机器上出现过没 is none
        stands = weighed.best is None and weighed.asks_how_it_stands(meant.plain)
        best = next((fit for fit in weighed.fits if stands and fit.frame.tool == "list_blocks"), None)
        found = (self._chosen(meant, weighed, best) if anew else None) or self._asked_back(meant, weighed)
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
        return Understanding(
            question=f"{about}：想看什么？" if about else "是想问哪一个？", suggestions=taps, guessed=True
        )

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


def _is_apart(sentence: Sentence) -> bool:
    """Are its questions sentences of their own?"""
    return re.search("[?？;；].", sentence.said) is not None


def _each(
    found: list[Intent], left: list[str], *, apart: bool, counts: bool, beside: bool
) -> Understanding | None:
    """What the parts of a sentence ask, and which of them is not answered. Parts about one thing are one question, unless a mark cuts
    it, or the first asks for a number of its own: 几条没关 严重的几条."""
    alike = len(found) > 1 and len({followups.NOUNS.get(one.tool, one.tool) for one in found}) == 1
    if not found or (len(found) < 2 and not (left and (beside or counts))) or (alike and not apart):
        return None
    each = [
        one
        for i, one in enumerate(found)
        if not any(one == other or (_is_part(one, other) and not counts) for other in found[i + 1 :])
    ]
    told = _left_out(left) if left else ""
    return Understanding(intent=each[0], beside=tuple(each[1:]), guessed=True, hint=told)


def _groups(asked: Sequence[Sentence]) -> set[str]:
    """By what the parts want numbers."""
    statistics = (questions.ask("alert_statistics", part) for part in asked)
    return {str(one.arguments["group_by"]) for one in statistics if one and "group_by" in one.arguments}


def _asks_more(part: Sentence, parts: Sequence[Sentence]) -> bool:
    """Does it tell of something that no part before it does: a verdict, what is left?"""
    before = parts[: parts.index(part)]
    known = {cue for each in before for cue in questions.cues_of(each)} | {"said.exists"}
    left = pattern("filters.burden").search(part.question.text)
    return bool(left or questions.cues_of(part).keys() - known)


def _asks_who(part: Sentence) -> bool:
    """谁在处理, and of no thing of its own."""
    only = questions.cues_of(part).keys() <= {"ask.who", "ask.handler", "said.status"}
    return only and not is_marked(part.order.text)


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


def _left_out(parts: list[str]) -> str:
    return hint("not_answered").format(words="、".join(f"「{one}」" for one in parts))


def _is_part(one: Intent, other: Intent) -> bool:
    """Is it the same question, or with fewer conditions?"""
    return one.tool == other.tool and one.arguments.items() <= other.arguments.items()
