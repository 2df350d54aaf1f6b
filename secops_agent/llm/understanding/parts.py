"""A question of several parts: each is read as a sentence of its own, behind what the parts before it are about.

A part that asks nothing says what the next one is about (那个支付网关 pay-gateway-3，现在几条告警), or nothing at all. A part that no tool
takes is told: it is never dropped, and never a condition of another part.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from secops_agent.llm.offline import followups
from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.offline.words import load, pattern
from secops_agent.llm.understanding import coverage, questions
from secops_agent.llm.understanding import focus as focuses
from secops_agent.llm.understanding.entities import HOSTS, OWN, Sentence, is_marked
from secops_agent.llm.understanding.following import NOT_OURS, FollowingHearing
from secops_agent.llm.understanding.frames import strange
from secops_agent.llm.understanding.hearing import hint

_FEWEST_PARTS: Final = 2
_MOST_PARTS: Final = 5
# 我记得是王五 is an aside.
_SCOPES: Final = (*(kind for kind in OWN if kind is not Kind.PERSON), Kind.ENVIRONMENT)
_ASKING: Final = ("ask.compare", "ask.statistics", "ask.trend", "ask.count", "ask.list")
# What is asked of any list: it does not say of which.
_OF_ANYTHING: Final = {"ask.what", "ask.list", "ask.count", "ask.see", "ask.due", "said.status", "said.exists", "said.limit", "said.unowned", "said.urgent"}  # fmt: skip
_ORDERS: Final = ("group_by", "limit", "order", "urgent")  # these leave nothing out
_OF_WHICH: Final = ("asset", "keyword", "owner", "importance", "environment", "exposed")
_OF_ALL_OF_IT: Final = ("search_runbook", "compare_periods")  # one answer tells every part
_SHOWN: Final = {"noun.alert", "noun.vuln"}  # on the card of a machine too
_OF_RUNBOOKS: Final = ("noun.runbook", "ask.how")
_STATES: Final = ("list_proposals", "list_cases")
_IN_FIGURES: Final = {"severity", "due", "unassigned", "limit", "order", "urgent"}  # above the rows of a list
_OF_ITS_OWN: Final = ("ask.count", "said.exists")  # answered however the next part narrows it


@dataclass(frozen=True, slots=True)
class PartScope:
    """What the parts so far name: ``things`` that others can be asked of, and the ``word`` of a rule or an attack."""

    things: str = ""
    word: str = ""
    person: str = ""

    def then(self, other: "PartScope", part: Sentence) -> "PartScope":
        """After a part that names these: another rule may be of the same machine, and 他 is who was named."""
        person = next((one.raw.strip() for one in part.found(Kind.PERSON)), self.person)
        if not other.things:
            return PartScope(self.things, other.word or self.word, person)
        return PartScope(re.sub("^[他她](?:自己)?", person or "他", other.things), other.word, person)

    def before(self, other: "PartScope") -> str:
        """What a part that names only these leaves out."""
        return "" if other.things else f"{self.things} {'' if other.word else self.word}".strip()


_NOTHING: Final = PartScope()


@dataclass(slots=True)
class PartsHeard:
    """What came of the parts: the look-ups, each with its part, and the parts that are none."""

    found: list[tuple[Sentence, Intent]] = field(default_factory=list)
    missed: list[Sentence] = field(default_factory=list)
    anew: list[Sentence] = field(default_factory=list)  # of these, what asks more than what was read of them
    unused: list[str] = field(default_factory=list)

    @property
    def intents(self) -> list[Intent]:
        """The look-ups, in order."""
        return [intent for _, intent in self.found]

    def kept(self, apart: bool) -> list[Intent]:
        """Each once, and none that a later one only narrows; ``apart``: each is a question of its own."""
        each = [
            (part, one)
            for i, (part, one) in enumerate(self.found)
            if not any(
                one == other or (_is_less(one, other) and not (apart or _is_asked(part, later)))
                for later, other in self.found[i + 1 :]
            )
        ]
        wider = [
            one
            for i, (part, one) in enumerate(each)
            if _scope(part) == _NOTHING and any(_is_less(one, before) for _, before in each[:i])
        ]
        return [one for _, one in each if one not in wider]


@dataclass(frozen=True, slots=True)
class PartHearing(FollowingHearing):
    """The part that hears the parts of a question."""

    def _parts(self, sentence: Sentence) -> list[Sentence]:
        """The parts that ask or narrow, each behind what was said before it and asks nothing; none where nothing is cut off."""
        cut = list[str]()
        for said in map(str.strip, re.split(pattern("cues.said.parts"), sentence.plain)):
            if cut and said.startswith("比"):  # 昨天多少 比前天多吗: one comparison
                cut[-1] = f"{cut[-1]} {said}"
            elif len(said) > 1:
                cut.append(said)
        if len(cut) < _FEWEST_PARTS:
            return []
        found, about = list[str](), ""
        for piece in map(self.heard, cut):
            if _asks(piece, found) or ((found or self.focus.last) and _narrows(piece)):
                found, about = [*found, f"{about} {piece.plain}".strip()], ""
            elif _scope(piece) != _NOTHING or piece.found(Kind.REF) or (not found and _tells(piece)):
                about = f"{about} {_about(piece)}".strip()
        if about and found:
            found[-1] = f"{found[-1]} {about}"
        return [self.heard(one) for one in found]

    def _several(self, sentence: Sentence) -> Understanding | None:
        """今天几条高危，A283谁在弄，明天谁值班: what each part asks, where no one tool takes all of it."""
        parts = self._parts(sentence)
        if not _FEWEST_PARTS <= len(parts) <= _MOST_PARTS or self._is_one(sentence, parts):
            return None
        counts = _has_count(parts[0])  # each number is one of the whole
        all_of_it, reader, scope = PartsHeard(), self, PartScope()
        for part in parts:
            read = reader._read_part(part, scope, all_of_it.intents)
            if read is None or read.intent is None or _is_no_answer(read.intent, part, parts, all_of_it):
                all_of_it.missed.append(part)
                all_of_it.anew += (
                    [part] if read and read.intent in all_of_it.intents and _asks_more(part) else []
                )
                reader = reader._past(part)
            else:
                all_of_it.found += [(part, one) for one in (read.intent, *read.beside)]
                all_of_it.unused += read.unused
                first = len(all_of_it.found) == 1 + len(read.beside)
                reader = reader._after(part, read.intent) if first or not counts else reader
            scope = scope.then(_scope(part), part)
        return self._answered(sentence, parts, all_of_it)

    def _answered(
        self, sentence: Sentence, parts: Sequence[Sentence], heard: PartsHeard
    ) -> Understanding | None:
        """The look-ups of the parts, and which part is not answered; None where the sentence as a whole is the better question."""
        apart = _has_count(parts[0]) or pattern("cues.said.beside").search(sentence.plain) is not None
        kept = heard.kept(apart)
        whole = self._better_whole(sentence, parts, kept[0], heard) if len(kept) == 1 else None
        if not kept or whole:
            anew = [part.plain for part in heard.anew]
            return replace(whole, hint=left_out(anew)) if whole and anew else None
        missed = (
            part for part in heard.missed if part in heard.anew or not self._is_told(heard.intents, part)
        )
        left = [part.plain for part in missed]
        unused = tuple(dict.fromkeys(heard.unused))
        return Understanding(
            kept[0], beside=tuple(kept[1:]), guessed=True, hint=left_out(left) if left else "", unused=unused
        )

    def _better_whole(
        self, sentence: Sentence, parts: Sequence[Sentence], kept: Intent, heard: PartsHeard
    ) -> Understanding | None:
        """The sentence as a whole, where it asks the same with more conditions, or more of what its parts ask."""
        whole = self._chosen(sentence, self.weighed(sentence))
        if whole is None or whole.intent is None:
            return None
        told, own = kept.arguments.items(), whole.intent.arguments.items()
        named = {name for name, _ in own - told} & {*_OF_WHICH, "kev_only", "fix_available"}
        begins = parts[0] not in heard.missed  # then what another part names is no condition of it
        same = whole.intent.tool in questions.alike_to(kept.tool)
        more = told < own or not heard.missed
        if same and more and told <= own and not whole.unused and not (named and begins):
            return whole
        read = [part for part in parts if not any(coverage.unread(part))]
        of_it = [part for part in read if self._is_told([whole.intent], part)]
        if len(of_it) == len(parts) and not (named and begins):
            return whole
        better = not begins and len(of_it) + (parts[0] in of_it) > len(heard.found)
        return whole if better else None

    def _is_one(self, sentence: Sentence, parts: Sequence[Sentence]) -> bool:
        """Does one tool take all of it, and no part ask for another, for a number of its own, or once more?"""
        weighed = self.weighed(sentence)
        tool = weighed.best.frame.tool if weighed.best else ""
        if weighed.is_one_of(*NOT_OURS):
            return True
        if tool not in _OF_ALL_OF_IT and (
            _are_apart(parts) or pattern("cues.said.beside").search(sentence.plain)
        ):
            return False
        bests = (self.weighed(part).best for part in parts if _tells(part))
        others = {best.frame.tool for best in bests if best} - {tool}
        if not weighed.whole or (others and tool != "compare_periods"):
            return False
        whole = self._chosen(sentence, weighed)
        return whole is None or whole.intent is not None

    def _read_part(self, part: Sentence, scope: PartScope, before: Sequence[Intent]) -> Understanding | None:
        """What a part asks: something more about the part before it, or of what the parts before it name, else by itself."""
        own = _scope(part)
        named, weighed = scope.before(own), self.weighed(part)
        anew = own.things and before and not followups.is_marked_as_one(part.plain)
        if anew and weighed.best and (found := self._by_itself(part)):
            return found
        if not (named and not before) and (found := self._follow_up(part)):
            return found
        timed = part.question.found(Kind.TIME, Kind.DURATION)
        alone = questions.stands_alone(weighed.cues)
        pointed = pattern("cues.said.within").search(part.plain)
        if named and (pointed or not (alone and timed)) and (found := self._inside(named, part)):
            return found
        by_noun = part.found(Kind.REF) or not before or _has_noun(part)
        if found := self._follow_up(part if by_noun else self.heard(f"那{part.plain}")):
            return found
        if pointed:
            return None
        meant, sure = self._referred(part), weighed.ranks.get("followup", 0.0) < questions.WORTH
        if before and not (alone or sure or own != _NOTHING or meant is not part):
            return None
        found = self._by_itself(meant) or (self._by_itself(part) if meant is not part else None)
        lost = named and not timed and meant is part and found is not None and found.intent
        return None if lost and lost.tool in questions.LISTS else found

    def _inside(self, named: str, part: Sentence) -> Understanding | None:
        """What it asks of what the parts before it name, where nothing of that is left over."""
        bare = pattern("cues.said.within").sub("", followups.without_lead(part.plain))
        whole = self.heard(f"{named} {bare}")
        weighed = self.weighed(whole)
        found = self._chosen(whole, weighed) if weighed.whole and not any(coverage.unread(whole)) else None
        if found is None or found.intent is None or not found.intent.arguments:
            return None
        return found if found.intent.tool in questions.LISTS or not found.unused else None

    def _by_itself(self, part: Sentence) -> Understanding | None:
        """What a part asks without the others; of nothing that it names it is no answer."""
        weighed = self.weighed(part)
        best, cards = weighed.best, load("talk")["cards"]
        shown = best and best.frame.tool == "get_asset" and _SHOWN.issuperset(best.strange)
        best = self._standing(part, weighed) or (best if shown else None)
        found = self._chosen(part, weighed, best) if weighed.whole or best else None
        if found is None or found.intent is None:
            return found
        cues, tells = weighed.cues, self._frame_of(found.intent.tool).tells
        told = found.intent.tool in cards or any(cue in tells and cue.startswith("noun.") for cue in cues)
        told = told or bool(found.intent.arguments.keys() - {"asset_type"})
        if found.intent.tool == "search_runbook":
            told = not cues.keys().isdisjoint(_OF_RUNBOOKS)
        return found if told else None

    def _clearly(self, sentence: Sentence) -> Intent | None:
        """What a sentence asks, if nothing of it is left over."""
        found = self._follow_up(sentence) or self._by_itself(sentence)
        return found.intent if found and not found.beside and not found.unused else None

    def _is_told(self, found: Sequence[Intent], part: Sentence) -> bool:
        """Is the answer of one of them one to what the part asks?"""
        cues = questions.cues_of(part)
        for intent in found:
            frame = self._frame_of(intent.tool)
            lacks = strange(frame, cues)
            narrow = intent.tool in (*questions.LISTS, *_STATES) and questions.ask(intent.tool, part)
            if narrow and narrow.arguments and not any(cue.startswith("noun.") for cue in lacks):
                if _is_less(narrow, intent):
                    return True
                lacks += narrow.arguments.keys() - _IN_FIGURES
            if cues and not lacks:
                return True
        return False

    def _past(self, part: Sentence) -> "PartHearing":
        """The next part is read behind one that was not understood: what that names is spoken of, and no list before it."""
        named = focuses.names_in(part.order, part.numbers)
        return replace(self, focus=self.focus.anew().after_words(named))

    def _after(self, part: Sentence, intent: Intent) -> "PartHearing":
        """The next part is read behind this one, and behind what it named."""
        named = focuses.names_in(part.order, part.numbers)
        kept = {str(one) for one in intent.arguments.values()}
        values = [one for one in named.get("ip", ()) if one in kept]
        last = replace(intent, about={"value": values[0]}) if len(values) == 1 else intent
        focus = self.focus.after_words(named).after_look_up(last, named)
        return replace(self, focus=focus)

    def _with_rest(self, sentence: Sentence, found: Understanding) -> Understanding:
        """With the parts whose question the look-up does not take."""
        parts = self._parts(sentence) if found.intent and not (found.beside or found.hint) else []
        left = [part.plain for part in parts if found.intent and not self._is_told([found.intent], part)]
        return replace(found, hint=left_out(left)) if 0 < len(left) < len(parts) else found


def _scope(part: Sentence) -> PartScope:
    """What it names that others can be asked of: machines, addresses, an alert; whose or which assets; a rule."""
    found = part.question.found(*_SCOPES)
    named = [
        str(one.value) if one.kind in HOSTS and "*" not in str(one.value) else one.raw.strip()
        for one in found
    ]
    whose = pattern("cues.said.whose_assets").search(part.question.text)
    which = pattern("cues.said.which_assets").search(part.question.text)
    named += [f"{part.question.expand(one.group())}资产" for one in (whose, which) if one]
    return PartScope(" ".join(dict.fromkeys(named)), part.keyword)


def _asks(piece: Sentence, before: Sequence[str]) -> bool:
    """Does it ask, in whatever words; behind another part also as 处置手册也发我?"""
    if before and _has_noun(piece) and pattern("cues.said.wants").search(piece.plain):
        return True
    asks = pattern("cues.said.asks").search(piece.plain) or pattern("followups.item").search(piece.plain)
    return bool(asks) or not questions.cues_of(piece).keys().isdisjoint(_ASKING)


def _tells(piece: Sentence) -> bool:
    """严重的告警里头: does it say of what the next part asks?"""
    return bool(piece.keyword) or is_marked(piece.question.text) or _has_noun(piece)


def _has_count(part: Sentence) -> bool:
    """Does it ask for a number?"""
    return "ask.count" in questions.cues_of(part)


def _has_noun(part: Sentence) -> bool:
    """Does it say what is asked of?"""
    return any(cue.startswith("noun.") for cue in questions.cues_of(part))


def _about(piece: Sentence) -> str:
    """What a piece that asks nothing tells of the next one: what it names, or all of it where it has conditions too."""
    scope = _scope(piece)
    conditions = piece.question.found(Kind.SEVERITY, Kind.STATUS, Kind.TIME, Kind.DURATION)
    return piece.plain if conditions or not scope.things else f"{scope.things} {scope.word}".strip()


def _narrows(part: Sentence) -> bool:
    """只看严重的, 超时的先给我看: does it ask the same again, of fewer?"""
    return (
        followups.is_marked_as_one(part.plain)
        or pattern("cues.said.put_first").search(part.plain) is not None
    )


def left_out(parts: Sequence[str]) -> str:
    """That these were not answered."""
    return hint("not_answered").format(words="、".join(f"「{one}」" for one in parts))


def _are_apart(parts: Sequence[Sentence]) -> bool:
    """Is a number of its own asked for, or whether there is any; once more, or of something else?"""
    first, *others = map(_scope, parts)
    anew = any(
        (one.things and one.things != first.things) or (one.word and one.word != first.word) for one in others
    )
    asked = [part for part in parts[1:] if pattern("cues.said.asks").search(part.plain)]
    again = any(
        followups.is_marked_as_one(part.plain) or "said.exists" in questions.cues_of(part) for part in asked
    )
    return _has_count(parts[0]) or again or anew or len(_groups(parts)) > 1


def _is_asked(part: Sentence, later: Sentence) -> bool:
    """Is it a question of its own: for a number, whether there is any, or beside one whether there is any of these?"""
    cues = questions.cues_of(part).keys()
    anew = "said.exists" in questions.cues_of(later) or _scope(later).things
    return bool(not cues.isdisjoint(_OF_ITS_OWN) or anew)


def _is_less(one: Intent, other: Intent) -> bool:
    """Is it the same question, or with fewer conditions?"""
    return one.tool == other.tool and one.arguments.items() <= other.arguments.items()


def _is_wider(one: Intent, other: Intent) -> bool:
    """Does it leave out every condition of what was asked of the same before, or of which things another thing was asked?"""
    same = followups.NOUNS.get(one.tool) == followups.NOUNS.get(other.tool)
    told = {
        item for item in other.arguments.items() if (item[0] not in _ORDERS if same else item[0] in _OF_WHICH)
    }
    return bool(told) and told.isdisjoint(one.arguments.items()) and (same or not one.arguments)


def _groups(parts: Sequence[Sentence]) -> set[str]:
    """By what the parts want numbers: 哪个来源最多 哪台机器最多."""
    statistics = (questions.ask("alert_statistics", part) for part in parts)
    found = {str(one.arguments["group_by"]) for one in statistics if one and "group_by" in one.arguments}
    return found - {"assignee", "closer", "status", "day"}  # how many were closed is asked of one list


def _is_no_answer(intent: Intent, part: Sentence, parts: Sequence[Sentence], heard: PartsHeard) -> bool:
    """Is it a list of other things, or of more, than the parts before it are of; or one that was asked already, where the part
    asks what no part before it does: a verdict, what is left?"""
    if intent.tool not in questions.LISTS:
        return False
    lists = [one for one in heard.intents if one.tool in questions.LISTS]
    nouns, cues = {followups.NOUNS.get(one.tool) for one in lists}, questions.cues_of(part).keys()
    unsaid = _scope(part) == _NOTHING and not part.question.found(Kind.TIME, Kind.DURATION)
    if unsaid and nouns and cues <= _OF_ANYTHING and followups.NOUNS.get(intent.tool) not in nouns:
        return True  # 哪些还没人管, behind vulnerabilities
    if unsaid and any(_is_wider(intent, one) for one in lists):
        return True
    if not intent.arguments.keys() - {"asset_type"} and heard.missed:
        return True
    if intent not in heard.intents:
        return False
    before = parts[: parts.index(part)]
    known = {cue for each in before for cue in questions.cues_of(each)} | {"said.exists"}
    return bool(_asks_more(part) or cues - known)


def _asks_more(part: Sentence) -> bool:
    """还剩多少, 有没有误报: a number of others is no answer to it; 谁在跟 every list tells."""
    cues = questions.cues_of(part)
    burden = "ask.who" not in cues and pattern("filters.burden").search(part.question.text)
    return bool(burden or "said.verdict" in cues)
