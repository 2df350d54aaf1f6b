"""What a sentence orders: exactly, or as an offer that nobody has to take.

Verbs are found wherever they stand; each takes the objects that it wants (a block an address, an isolation a host, an
assignment an alert), of its own clause, of the sentence, or of the focus. With its verbs set aside the sentence is searched
for whatever speaks against an order: a question, a denial, somebody else's words. Exact is a line of ``[exact]`` with exact
names and nothing else; all else is only shown, with its exact effect, and done when the asker takes it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from secops_agent import says
from secops_agent.llm.offline.expressions.ends import read_until
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton, mark
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import load, name_of, pattern
from secops_agent.llm.understanding.calendar import read_spoken
from secops_agent.llm.understanding.entities import Sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.objects import (
    decision_in,
    findings_of,
    is_of_findings,
    left_of_findings,
    means_another,
    missing_in,
    named_again,
    narrowed_by,
    objects_of,
    of_findings,
    of_hosts,
    part_at,
    target,
    typed_in,
    unfiltered,
    watched_beside,
    with_alerts,
    with_the_rest,
    without_place,
    without_repeated,
    without_spared,
)
from secops_agent.llm.understanding.reasons import (
    EDGES,
    Dictated,
    case_parts,
    read_dictated,
    rest_of,
    split_note,
    untaken_in,
    verdict_in,
    why_of,
    windowed,
)
from secops_agent.llm.understanding.spans import (
    ORDER,
    TEXT,
    Stretch,
    only,
    order_at,
    ordering_verbs,
    spans_of,
    spans_with,
    without_others,
)
from secops_agent.llm.understanding.verbs import (
    ACTS,
    CLAUSE,
    DICTATED,
    LABELLED,
    OUTSIDE,
    PAGES,
    PIECE,
    VERB,
    WANTED,
    Act,
    SpokenVerb,
    find_doubt,
    first_doubt,
    has_object,
    is_apart,
    marks_of,
    named_as,
    stretch_of,
    verbs_in,
)

MOST: Final = 5  # actions of one offer
MOST_ALERTS: Final = 50  # of one action
_MARKED: Final = re.compile("[^,，]{0,6}[:：]")
_NAMED: Final = re.compile(r"^就?(?:标题|名字|名称)?\s*(?:叫做?|为|是)?\s*[:：]?\s*")
_ALERTS_BEHIND: Final = re.compile(mark(Kind.ALERT, Kind.ALERTS, Kind.NUMBER))
LENGTHS: Final = ("minutes", "duration_minutes", "until_hours")


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a sentence with verbs comes to: ``actions``, ``exact`` or only to be offered; ``doubt``, why it orders none of them; ``said``: what of
    it may order, if that is not all; ``missing``: what has to be said first; ``left``: what nothing here does."""

    verbs: tuple[SpokenVerb, ...]
    actions: tuple[Intent, ...] = ()
    doubt: str = ""
    missing: str = ""
    has_object: bool = False
    left: tuple[str, ...] = ()
    exact: bool = False
    said: str = ""


def read_order(sentence: Sentence, focus: Focus, *, command: bool = False, act: str = "") -> Ordered | None:
    """What the sentence orders; None: no verb that orders. ``command``: a slash command, whose rest is the reason; ``act``: in words that are no verb."""
    sentence, start = windowed(sentence)
    whole, logged = typed_in(sentence)
    whole, together = with_alerts(without_repeated(without_spared(with_the_rest(whole, focus))))
    if said := (None if command else read_spoken(sentence, focus)) or read_dictated(whole, sentence, focus):
        return _dictated(said, whole)
    skeleton, note = split_note(whole)
    verbs = named_as(LABELLED.get(act, act), of_findings(verbs_in(skeleton), whole, focus))
    if not (verbs := of_hosts(verbs, whole, focus)):
        return None
    named = any(has_object(verb.tool, whole) for verb in verbs) or whole.first(Kind.REF, Kind.ROW) is not None
    spans = () if command or any(_is_exact(skeleton, verb.tool) for verb in verbs) else spans_of(skeleton)
    verbs = ordering_verbs(skeleton, verbs, spans)
    known = [verb for verb in verbs if verb.tool in ACTS and verb.tool not in DICTATED]
    doubt = find_doubt(skeleton, verbs, note) or unfiltered(verbs, skeleton, sentence)
    if not known:
        return Ordered(tuple(verbs), doubt=_of_others(verbs[0].tool, doubt, whole.text), has_object=named)
    reason = note or (rest_of(skeleton, verbs) if command else "")
    decided = {"decision": "accepted" if act == "accept_risk" else ""}
    kept: dict[str, dict[str, Any]] = {"silence_alerts": {"start": start}, "close_case": {"with_alerts": together}, "decide_findings": decided}  # fmt: skip
    parts = Parts(skeleton, whole, sentence, focus, {}, note, kept, spans)
    untaken = {verb: parts.untaken(verb, verbs) for verb in verbs if spans and not reason}
    why = {verb: reason or why_of(skeleton, spans, verb, verbs) or untaken.get(verb, "") for verb in verbs}
    found = _settle([action for verb in known for action in replace(parts, reasons=why).act(verb)], parts)
    actions, left = found[: _most(found)], parts.left(verbs, found)
    missing = missing_in(actions) or _open_end(actions, whole)
    told = _is_command(skeleton, verbs) if command else _is_exact(skeleton, actions[0].tool)
    told = told and len(actions) == 1 and _is_plain(reason, note, sentence, found)
    exact = told and not (doubt or missing or left or logged or start)
    rest = _without_apart(whole, logged=logged)
    return Ordered(tuple(verbs), tuple(actions), doubt, missing, named, tuple(left), exact, rest)


def _dictated(said: Dictated, whole: Skeleton) -> Ordered:
    """What stands behind a colon is text, and orders nothing."""
    end, lacks = said.verb.end, missing_in(said.actions)
    head = whole.expand(whole.text[:end]) if _MARKED.match(whole.text, end) else ""
    return Ordered((said.verb,), said.actions, said.doubt, lacks, True, said.left, said=head)


def _without_apart(whole: Skeleton, *, logged: bool) -> str:
    """What of it may order, if that is not all: what was typed beside a log, an order without what is looked up beside it, or is
    not to be minded (先别管业务)."""
    clauses = CLAUSE.split(pattern("cues.regardless").sub("", whole.text))
    own = "，".join(one for one in clauses if not is_apart(one))
    return whole.expand(own) if logged or len(own) < len(whole.text) else ""


def _open_end(actions: Sequence[Intent], said: Skeleton) -> str:
    """The argument of an end that was said and could not be read: 静默 A12 周末."""
    if not pattern("cues.said.ahead").search(said.expand(said.text)):
        return ""
    ends = ((ACTS[one.tool].beside, one.arguments) for one in actions)
    return next((name for name, given in ends if name in LENGTHS and name not in given), "")


def _of_others(tool: str, doubt: str, text: str) -> str:
    """Of a verb that no tool here does: that it is so, unless it is denied or reported; of a page also where it is asked how."""
    how = tool in PAGES and pattern("cues.said.where").search(text)
    tool = "unclear" if tool in DICTATED else tool
    return tool if how or doubt in ("", "unclear") else doubt


def _most(actions: Sequence[Intent]) -> int:
    return MOST if any(one.tool in OUTSIDE for one in actions) else MOST_ALERTS


def _is_command(skeleton: Skeleton, verbs: Sequence[SpokenVerb]) -> bool:
    """One verb, what it is done to, and words only where its tool takes a reason: /封禁 203.0.113.5 1小时 扫描."""
    act = ACTS[verbs[0].tool]
    said = re.sub(rf"^(?:\s|{mark(Kind.DURATION)})+", "", skeleton.text[verbs[0].end :])
    behind = Skeleton(said[:1], skeleton.entities)
    named = any(behind.first(*WANTED[kind]) for kind in act.kinds)
    return len(verbs) == 1 and (named if act.free else not rest_of(skeleton, verbs))


def _is_plain(reason: str, note: str, sentence: Sentence, found: Sequence[Intent]) -> bool:
    """Does the reason of an exact line, which stands behind a colon, neither ask nor take anything back, and is it no note beside it?"""
    marked = not note or any(f"{mark}{note}" in sentence.plain for mark in (" ", ":", "：", "是", "备注"))
    noted = any("note" in one.arguments and ACTS[one.tool].noted for one in found)
    return marked and not (noted or first_doubt(reason) or pattern("cues.asks").search(reason))


def _is_exact(skeleton: Skeleton, tool: str) -> bool:
    """Is it nothing but a line of ``[exact]``, with every name written exactly?"""
    text = skeleton.text.strip(EDGES)
    line = tool in load("cues")["exact"] and pattern(f"cues.exact.{tool}").fullmatch(text)
    return bool(line) and all(one.exact for one in skeleton.found(*Kind))


@dataclass(frozen=True, slots=True)
class Parts:
    """What the arguments of the actions are read from: ``skeleton`` without the note, ``whole`` with it; ``spans``: what of the
    skeleton orders, and what does not."""

    skeleton: Skeleton
    whole: Skeleton
    sentence: Sentence
    focus: Focus
    reasons: Mapping[SpokenVerb, str]
    note: str = ""
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by tool, what was said of the whole
    spans: tuple[Stretch, ...] = ()

    def act(self, verb: SpokenVerb) -> Iterator[Intent]:
        """The actions of one verb: one for each of its objects, one without any if it has none."""
        act, places = ACTS[verb.tool], self._places(verb)
        described = [at for at in self._same(verb) if self._is_described(act, at)]
        objects = findings_of if is_of_findings(act.tool) else objects_of
        found = named_again(act, self.skeleton, verb.start, verb.end) or (
            self._rule(act, described[0]) if described else list(objects(act, places, self.focus))
        )
        found = [] if means_another(verb, self.skeleton) else found
        if act.argument in ("alerts", "findings") and found:
            found = [(found[0][0], ",".join(value for _, value in found))]
        for kind, value in found or [("", "")]:
            watched = watched_beside(self.sentence) if act.tool == "watch" else {}
            said = target(act, kind, value) | self.beside(act, verb, places[:-1]) | watched
            reason = self._words(act, verb) or self.reasons.get(verb, "")
            if act.free == "title":
                more, kept = case_parts(reason, self.whole, self.sentence.asker)
                more = case_parts(self._ordering().text, self.whole, self.sentence.asker)[0] | more
                said, reason = said | more, " ".join(kept)
            said |= {act.free: reason} if act.free and reason else {}
            said |= {"note": self.note} if act.noted and self.note else {}
            if is_of_findings(act.tool):
                named = any(self.whole.first(*WANTED[one]) for one in act.kinds)
                said = without_place(said | narrowed_by(self.sentence, places, self.focus, named=named))
            also = self.more.get(act.tool, {})
            yield Intent(act.tool, said | {key: one for key, one in also.items() if one})

    def _places(self, verb: SpokenVerb) -> tuple[Skeleton, ...]:
        """Where what belongs to a verb may stand, nearest first."""
        mine = spans_with(self.skeleton, self.spans, verb)
        own = only(self.skeleton, mine) if mine else self.skeleton
        near = [part_at(own, verb, PIECE), *stretch_of(self.skeleton, verb), part_at(own, verb, CLAUSE)]
        near = [] if len({one.order for one in mine}) > 1 else near
        return (*near, own, *self._around(verb), self._ordering(), self.skeleton, self.whole)

    def untaken(self, verb: SpokenVerb, verbs: Sequence[SpokenVerb]) -> str:
        """What is said beside the verb that nothing takes; nor words by which alerts are meant that are not named."""
        alerts = verb.tool in ACTS and "alert" in ACTS[verb.tool].kinds
        meant = alerts and not self.whole.first(*WANTED["alert"])
        described = self.sentence.keyword.replace(" ", "").lower() if meant else ""
        return untaken_in(without_others(self.skeleton, self.spans, verb, verbs), verbs, described)

    def _ordering(self) -> Skeleton:
        """The stretches that order, without the reasons."""
        ordering = [one for one in self.spans if one.role == ORDER]
        return only(self.skeleton, ordering) if ordering else self.skeleton

    def _same(self, verb: SpokenVerb) -> list[tuple[Skeleton, ...]]:
        """The places of this verb; X 别再响了，静音到明天: of a silence that is said twice, of both."""
        twice = verbs_in(self.skeleton) if ACTS[verb.tool].argument == "scope" else []
        return [self._places(one) for one in {verb: 0} | {one: 0 for one in twice if one.tool == verb.tool}]

    def _words(self, act: Act, verb: SpokenVerb) -> str:
        """The title of a case, the words of its task: what stands beside the verb, with the names in it."""
        if act.free == "title":
            behind = _ALERTS_BEHIND.split(self.skeleton.text[verb.end :])[0]
            named = Skeleton(behind, self.skeleton.entities).first(*WANTED["asset"], *WANTED["ip"])
            own = named and not pattern("cues.inside.entitled").search(behind)
            said = self._text(verb) or (self.skeleton.expand(behind) if own else self.reasons.get(verb, ""))
            return _NAMED.sub("", said.strip(EDGES))
        if act.free == "task":
            text = f"{self.skeleton.text[: verb.start]} {self.skeleton.text[verb.end :]}"
            return self.skeleton.expand(re.sub(mark(Kind.CASE), "", text)).strip(EDGES)
        if (
            act.kinds == ("case",) and self.reasons.get(verb) and not self.note
        ):  # the names in it are no objects
            pieces = re.split(
                r"[\s,，。;；]+", f"{self.skeleton.text[: verb.start]} {VERB}{self.skeleton.text[verb.end :]}"
            )
            mine = [
                one
                for one in pieces
                if not re.search(f"{mark(Kind.CASE, Kind.VERDICT, Kind.PERSON)}|{VERB}", one)
            ]
            return "，".join(filter(None, map(self.skeleton.expand, mine)))
        return ""

    def _text(self, verb: SpokenVerb) -> str:
        """What is dictated behind its order, with its marks."""
        own = order_at(self.spans, verb.start)
        said = [one for one in self.spans if one.role == TEXT and one.order == own]
        return " ".join(self.skeleton.text[one.start : one.end] for one in said)

    def _rule(self, act: Act, places: Sequence[Skeleton]) -> list[tuple[str, str]]:
        """端口扫描 静默: the one rule that is named so; web-01 的端口扫描 静默: on the one host that is named with it."""
        rules = self.sentence.lexicon.rules_named(self._named_rule(places))
        hosts = self.whole.found(*WANTED["asset"])
        several = len(hosts) > 1 or any("*" in str(one.value) for one in hosts)
        if act.argument != "scope" or len(rules) != 1 or several or self.sentence.narrowing:
            return []
        return [("rule", f"{rules[0]} @ {hosts[0].value}" if hosts else rules[0])]

    def _named_rule(self, places: Sequence[Skeleton]) -> str:
        """The rule or attack that stands beside the verb, in its clause or in what orders; one in another clause is why."""
        ordering = [self._ordering()] if self.spans else []
        words = [replace(self.sentence, order=one).keyword for one in (*places[:2], *ordering)]
        return max((one for one in words if self.sentence.keyword in ("", one)), key=len, default="")

    def _is_described(self, act: Act, places: Sequence[Skeleton]) -> bool:
        """静默 web-01 的 CC 告警, 把我的都给他: not what was spoken of before, but alerts that are described."""
        if "alert" not in act.kinds or self.whole.found(*WANTED["alert"]):
            return False
        if pattern("cues.inside.held").search(self.skeleton.text) or self._is_narrowed(act):
            return True
        return act.argument == "scope" and bool(self._named_rule(places))

    def _is_narrowed(self, act: Act) -> bool:
        """What a silence cannot be narrowed by; 低危的那几条, of a list that was not asked for by that."""
        if act.tool == "silence_alerts":
            return bool(self.sentence.narrowing)
        level = () if act.tool == "set_severity" else self.sentence.question.found(Kind.SEVERITY)
        said = [str(one.value) for one in (*level, *self.whole.found(*WANTED["asset"], Kind.IP))]
        said += filter(None, [self.sentence.keyword])
        return self.whole.first(Kind.REF) is not None and self.focus.shows_others(said)

    def left(self, verbs: Sequence[SpokenVerb], actions: Sequence[Intent]) -> list[str]:
        """What is too much for one offer, and what it says beside that these actions do not do."""
        done = {"acknowledge_alert", *(one.tool for one in actions)}
        text = self.skeleton.text
        rule = "规则" in text and any(str(one.arguments.get("scope"))[0] == "A" for one in actions)
        others = [self.said(verb) for verb in verbs if verb.tool not in done]
        untold = pattern("cues.tells_nothing").findall(text)
        others += [f"「{self.skeleton.expand(one).strip(EDGES)}」（没有写要说什么）" for one in untold]
        others += [self.said(one) for one in verbs_in(self.skeleton) if means_another(one, self.skeleton)]
        whole = ["「规则」（只列了这一条告警；要按规则，请写「静默规则」加名称）"] if rule else []
        whole += left_of_findings(verbs, self.whole, actions)
        noted = any(ACTS[one.tool].free or ACTS[one.tool].noted for one in actions)
        note = [f"备注「{self.note}」"] if self.note and not noted else []
        codes = [says.code(str(one.arguments[ACTS[one.tool].argument])) for one in actions[_most(actions) :]]
        return [*codes, *dict.fromkeys(others), *whole, *note]

    def said(self, verb: SpokenVerb) -> str:
        """The verb with what stands around it, as it was typed."""
        return f"「{self.skeleton.expand(self._around(verb)[0].text).strip(EDGES)}」"

    def _around(self, verb: SpokenVerb) -> tuple[Skeleton, Skeleton]:
        """The verb's piece between spaces, and its clause."""
        return part_at(self.skeleton, verb, PIECE), part_at(self.skeleton, verb, CLAUSE)

    def beside(self, act: Act, verb: SpokenVerb | None, places: Sequence[Skeleton]) -> dict[str, Any]:
        """Verdict, assignee, level, length: nearest to the verb first."""

        def last(kind: Kind) -> Any:
            found = next((found for place in places if (found := place.found(kind))), None)
            return found[-1].value if found else None

        said: Any = None
        match act.beside:
            case "verdict":
                said = verdict_in(self._ordering()) or verdict_in(self.skeleton)
            case "assignee" | "owner" if act.beside == "owner" or not self._names_several():
                nobody = "清空" if act.beside == "owner" and self._ends("清空") else ""
                said = (
                    self._assignee(verb, () if act.beside == "owner" else places)
                    or last(Kind.PERSON)
                    or (self.sentence.asker if self._ends("我") else nobody)
                )
            case "decision":
                return decision_in(places, self.sentence)
            case "severity":
                behind = self.skeleton.text[verb.end :] if verb else self.skeleton.text
                level = self.sentence.question.first(Kind.SEVERITY)
                said = name_of("cues.level", behind) or (level and level.value in says.LEVELS and level.value)
            case "case_id":
                said = last(Kind.CASE)
            case "status":
                said = name_of("cues.to_status", self.skeleton.text)
            case "minutes" | "duration_minutes" | "until_hours":
                said = self._length(last(Kind.DURATION), hours=act.beside == "until_hours")
                if said is None and verb and act.beside == "minutes":
                    said = self._rest_of_day(verb)
        return {act.beside: said} if said or (said == 0 and act.beside == "duration_minutes") else {}

    def _length(self, said: Any, *, hours: bool) -> Any:
        """Minutes that were said, or until the end that was; if so wanted in hours, the last one whole."""
        until = self.skeleton.expand(self.skeleton.text)
        minutes = said if said is not None else read_until(until, self.sentence.now)
        return -(-minutes // 60) if hours and minutes else minutes

    def _rest_of_day(self, verb: SpokenVerb) -> int | None:
        """今天都别推了: until midnight."""
        before = self.skeleton.expand(self.skeleton.text[: verb.start])
        return (
            read_until("到今天24点", self.sentence.now)
            if pattern("cues.inside.today").search(before)
            else None
        )

    def _ends(self, word: str) -> bool:
        return self.skeleton.text.rstrip(EDGES).endswith(word)

    def _names_several(self) -> bool:
        """李四和王五: nobody can tell whose it is to be."""
        people = "".join(map(re.escape, marks_of(self.skeleton, Kind.PERSON)))
        both = rf"[{people}]\s*[和跟与及、/]\s*[{people}]|[{people}]\s*[{people}]\s*(?:$|[,，。]|{mark(*WANTED['alert'], Kind.NUMBER)})"
        return bool(people) and re.search(both, self.skeleton.text) is not None

    def _assignee(self, verb: SpokenVerb | None, places: Sequence[Skeleton]) -> Any:
        """Who stands right behind the verb, or 我; A140给我 李四… is mine."""
        words = self.skeleton.text[verb.start : verb.end].rstrip("的") if verb else ""
        if words.endswith("我") or words.startswith("我"):  # 我接了
            return self.sentence.asker
        behind = re.sub(r"^\s*[给到]?\s*", "", self.skeleton.text[verb.end :])[:1] if verb else ""  # 改派给
        if (named := self.skeleton.entities.get(behind)) and named.kind is Kind.PERSON:
            return named.value
        if named and named.value == "person":  # 转给他, whoever that is: never the asker
            return next(reversed(self.focus.of("person")), "")
        me = any(pattern("cues.inside.me").search(place.text) for place in places)
        return self.sentence.asker if me else ""


def _settle(actions: Sequence[Intent], parts: Parts) -> list[Intent]:
    """Each once, and what is whole before what lacks its object; who closes an alert, or takes it (我来), does not confirm it too,
    unless that was said."""
    said = pattern("cues.said.confirms").search(parts.whole.text)
    mine = "" if said else parts.sentence.asker
    unique: dict[tuple[str, Any], Intent] = {}
    for action in actions:
        unique.setdefault((action.tool, action.arguments.get(ACTS[action.tool].argument)), action)
    whole = [one for one in unique.values() if ACTS[one.tool].argument in one.arguments]
    done = {
        one.arguments["alert_id"]
        for one in whole
        if one.tool == "close_alert"
        or (one.tool == "assign_alert" and mine and one.arguments.get("assignee") == mine)
    }
    kept = [
        one for one in whole if not (one.tool == "acknowledge_alert" and one.arguments["alert_id"] in done)
    ]
    return kept or list(unique.values())[:1]
