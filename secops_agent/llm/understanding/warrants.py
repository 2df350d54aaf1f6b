"""What a sentence lets a model put before its writer as an offer: the actions whose verbs stand in it, unless something speaks
against them. Computed from the typed words alone; no evidence and no model has a part in it.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from secops_agent.llm.offline.commands import spell_out
from secops_agent.llm.offline.expressions.normalization import normalize, split_address, strip_courtesies
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton, mark
from secops_agent.llm.offline.lexicon import Lexicon
from secops_agent.llm.offline.sounds import respell
from secops_agent.llm.offline.words import load, pattern
from secops_agent.llm.understanding.calendar import read_spoken
from secops_agent.llm.understanding.completions import adds_to, without_turns
from secops_agent.llm.understanding.entities import (
    Sentence,
    numbers_of,
    read_sentence,
    take_verdicts_and_numbers,
)
from secops_agent.llm.understanding.focus import Focus, names_in
from secops_agent.llm.understanding.likelihoods import (
    NO_DOUBT,
    SURELY,
    forbids,
    is_asking,
    likely_in,
    orders_surely,
    weigh_doubt,
)
from secops_agent.llm.understanding.objects import corrected, objects_of
from secops_agent.llm.understanding.offers import read_order
from secops_agent.llm.understanding.ranker import (
    rank,
    share_of_questions,
)
from secops_agent.llm.understanding.reading import LONGEST, is_pasted
from secops_agent.llm.understanding.reasons import split_note, why_of
from secops_agent.llm.understanding.spans import TEXT, spans_of
from secops_agent.llm.understanding.stretches import with_others
from secops_agent.llm.understanding.verbs import (
    ACTS,
    CLAUSE,
    DICTATED,
    MILD,
    NOTES,
    OF_FINDING,
    OUTSIDE,
    PIECE,
    WANTED,
    SpokenVerb,
    find_doubt,
    first_doubt,
    verbs_in,
    without,
)

# web-02就行: of those that were named before
_NARROWS: Final = re.compile(r"[^\s，,]{1,40}\s*(?:就行|就好|就可以|即可)了?")
_PASS_ON = (*DICTATED, *MILD)
_TEXTS = frozenset({"text", "note", "task", "title"})
_RULES: Final = 3  # that a word of theirs may stand for
_TO: Final = re.compile(rf"^(?:\s*{mark(Kind.PERSON)}\s*[和跟与及、]?)*")
_MORE: Final = pattern("telling.change.one_more")
_JOINED: Final = re.compile("然后|接着|再|并|顺[便手]|另外|同时|对了|还有")
_FILED: Final = (("asset", "isolate_host"), ("ip", "block_ip"))
_TELLS = 4  # characters that say why
_SHORT = 12  # characters of a sentence that completes what was ordered before


@dataclass(frozen=True, slots=True)
class Warrant:
    """``tools``: the actions whose verbs were typed; none where something speaks against them (a name of ``[nothing]``, pasted,
    overheard); ``may``: the words ask nothing, so that they may order what no verb of ours says (那个完成了); ``typed``: the normalised words; ``own``: those of them that order, without what is only passed on (a message, a note, a reminder) or
    depends on something; ``named``: what these name, by kind; ``points``: they point at something (它, 第一个,
    攻击源); ``meant``: what code itself takes for the object of its verbs, from the focus; ``verdicts``, ``minutes`` and ``decisions`` (with the
    grounds of one): those that were said; ``reason``: why, in these words; ``changes``: they change or complete what was offered; ``spared``: what is to be left alone;
    ``asks``: they surely ask for data, whatever else they deny; ``alone``: no other tool may be called; ``told_to``: whom code reads
    that something is told; ``people``: the Chinese names of colleagues."""

    tools: frozenset[str] = frozenset()
    typed: str = ""
    own: str = ""
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    points: bool = False
    meant: frozenset[str] = frozenset()
    reason: str = ""
    verdicts: frozenset[str] = frozenset()
    minutes: frozenset[int] = frozenset()
    decisions: frozenset[str] = frozenset()
    changes: bool = False
    spared: frozenset[str] = frozenset()
    may: bool = False
    asks: bool = False
    alone: bool = False
    told_to: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


NO_WARRANT = Warrant()


def read_warrant(
    text: str, lexicon: Lexicon, now: datetime, focus: Focus, asker: str, before: str = ""
) -> Warrant:
    """What these typed words order. ``focus``: an order that waits may be completed or changed by them; ``before``: what the asker
    typed just before, if it was answered with no offer: a few words (4小时, 例行的) complete what it ordered."""
    people = frozenset(one for one in lexicon.people if not one.isascii() and len(one) > 1)
    warrant = replace(_read(text, lexicon, now, focus, asker), people=people)
    more = warrant.may or warrant.reason or _NARROWS.fullmatch(text.strip())
    if not before or not more or len(warrant.typed) > _SHORT:
        return warrant
    return _completed(warrant, _read(before, lexicon, now, focus, asker))


def _completed(warrant: Warrant, before: Warrant) -> Warrant:
    """What was ordered before, with what these words say of it."""
    if not before.tools:
        return warrant
    plain = not (warrant.minutes or warrant.named or warrant.points)
    why = warrant.typed if plain and not pattern("cues.hurry").search(warrant.typed) else ""
    left = {
        one.lower()
        for kind in before.named.keys() & warrant.named.keys()
        for one in {*before.named[kind]} - {*warrant.named[kind]}
    }
    return replace(
        warrant,
        tools=warrant.tools | before.tools,
        typed=f"{before.typed}，{warrant.typed}",
        own=f"{before.own}，{warrant.own}",
        named={**before.named, **warrant.named},
        points=warrant.points or before.points,
        meant=warrant.meant or before.meant,
        reason=warrant.reason or before.reason or why,
        verdicts=warrant.verdicts or before.verdicts,
        minutes=warrant.minutes or before.minutes,
        decisions=warrant.decisions or before.decisions,
        spared=warrant.spared | before.spared | left,
    )


def _read(text: str, lexicon: Lexicon, now: datetime, focus: Focus, asker: str) -> Warrant:
    if is_pasted(text) or len(text) > LONGEST:
        return NO_WARRANT
    addressee, said = split_address(spell_out(normalize(text)))
    return _weigh(said, addressee, lexicon, now, focus, asker)


def _weigh(said: str, addressee: str, lexicon: Lexicon, now: datetime, focus: Focus, asker: str) -> Warrant:
    request = strip_courtesies(said)
    typed = read_sentence(respell(request.text), lexicon, now, asker, said)
    own = _own(typed, focus)
    sentence, note = own.sentence, own.note
    whole = _whole(sentence)
    turned = split_note(whole)[0]  # of an order that waits 不对，给王五 is a change, no denial
    skeleton, spared = _spared(without_turns(turned)[0] if focus.order else turned)
    verbs = verbs_in(skeleton)
    stated = "overheard" if addressee else "question" if request.asking else find_doubt(skeleton, verbs, note)
    verbs, stated, waits = _beside(verbs, stated, _waits(focus, said))
    spoken, filed = _spoken(typed, focus), dict(_filed(said, focus))
    changes, left = _changes(stated, verbs, waits, typed, whole)
    doubt = weigh_doubt(stated, typed, changes=changes) if addressee or not spoken else ""
    if doubt == "negation" and (apart := _undenied(whole)):
        others = _read(apart[0], lexicon, now, focus, asker)
        return replace(others, typed=said, spared=others.spared | apart[1])
    narrow = stated == "condition" and not (doubt or waits)  # by the ranker alone
    read = _read_tools(verbs, whole, typed, own, spoken, narrow=narrow) | waits | spoken | filed.keys()
    ordered = _with_findings(read, whole) if doubt in NO_DOUBT else frozenset[str]()
    return Warrant(
        ordered, said, sentence.said, _named(sentence), spared=spared | left, told_to=own.to,
        points=bool(skeleton.first(Kind.REF, Kind.ROW) or pattern("cues.said.pointed").search(sentence.said)),
        meant=frozenset((*_meant(verbs, (skeleton, whole), focus), *filed.values())),
        reason="" if doubt not in NO_DOUBT and not changes else note or (why_of(skeleton, spans_of(skeleton), verbs[0], ()) or _told_beside(skeleton, verbs) if verbs else ""),
        decisions=_found("decision", whole.text) | _found("justification", said) | _verdicts(whole),
        verdicts=_found("hinted", sentence.said), minutes=frozenset(int(one.value) for one in skeleton.found(Kind.DURATION)),
        changes=bool(waits - spoken) and not adds_to(said), asks=share_of_questions(rank(typed)) >= SURELY,
        may=doubt in NO_DOUBT and not (changes or narrow or own.depends or own.passes or is_asking(sentence)),
        alone=own.depends or own.passes or (bool(ordered) and ordered <= {*_PASS_ON}),
    )  # fmt: skip


def _whole(sentence: Sentence) -> Skeleton:
    """Its verdicts and numbers taken; 剩下的 are those that a model knows."""
    whole = take_verdicts_and_numbers(sentence.order)
    whole.text = pattern("cues.the_rest").sub("那些", whole.text)
    return whole


def _changes(
    stated: str, verbs: Sequence[SpokenVerb], waits: set[str], typed: Sentence, whole: Skeleton
) -> tuple[bool, frozenset[str]]:
    """Is it said of the order that waits? And what its denial names: 不要隔离web-01, while another isolation waits."""
    part = stated == "negation" and (typed.keyword or _names_in(whole) or whole.first(Kind.DURATION))
    changes = bool(waits) and (not verbs or bool(part and {verb.tool for verb in verbs} <= waits))
    denied = _denied(whole)[1] if part and changes else []
    return changes, frozenset[str]().union(*map(_names_in, denied))


@dataclass(frozen=True, slots=True)
class _Own:
    """What of a sentence orders; its ``note``; is something of it only passed on (``to`` whom, as code reads it) or supposed, and does
    it all depend on something (如果…就封)?"""

    sentence: Sentence
    note: str = ""
    passes: bool = False
    to: frozenset[str] = frozenset()
    depends: bool = False


def _own(typed: Sentence, focus: Focus) -> _Own:
    """Without what is corrected (A300，不对，A294), supposed or only passed on."""
    whole = take_verdicts_and_numbers(typed.order)
    plain, whole.text = whole.text, corrected(whole)
    label, note = pattern("reasons.note").search(whole.text), split_note(whole)[1]
    texts, to = _told(typed, whole, focus)
    texts += [note] * bool(label and (label["note"] or re.search("[:：]", label[0])))
    kept = Skeleton(_without(whole, texts, _ordered_behind(whole)), whole.entities)
    own, depends = _certain(kept)
    sentence = typed
    if own.text != plain:
        text = own.expand(own.text)
        sentence = read_sentence(text, typed.lexicon, typed.now, typed.asker, text)
    return _Own(sentence, note, any(texts) or own != kept, to, depends)


def _undenied(said: Skeleton) -> tuple[str, frozenset[str]] | None:
    """那俩我接了，ip先别封: the clauses that deny nothing, and what is named in the others, which deny another thing or act; 我没写时间
    denies nothing at all."""
    rest, denied = _denied(said)
    ordered = {verb.tool for verb in verbs_in(rest)} & ACTS.keys()
    mine = _names_in(rest)
    same = any(_names_in(part, "person") & mine for part in denied)  # 203.0.113.9封了，李四说别封
    told = [part for part in denied if _names_in(part) or verbs_in(part) or forbids(part.text)]
    apart = (_names_in(part, "person") or {one.tool for one in verbs_in(part)} - ordered for part in told)
    if same or not (denied and ordered and all(apart)) or find_doubt(rest, verbs_in(rest)):
        return None
    return rest.expand(rest.text), frozenset[str]().union(*map(_names_in, denied)) - mine


def _parted(said: Skeleton, is_apart: Callable[[Skeleton], bool]) -> tuple[Skeleton, list[Skeleton]]:
    """What is left without the clauses that are set apart, and these."""
    parts = [Skeleton(clause, said.entities) for clause in PIECE.split(said.text)]
    apart = [part for part in parts if is_apart(part)]
    return Skeleton("，".join(part.text for part in parts if part not in apart), said.entities), apart


def _names_in(part: Skeleton, besides: str = "") -> frozenset[str]:
    named = names_in(part, numbers_of(part))
    return frozenset(name.lower() for kind, names in named.items() if kind != besides for name in names)


def _told(typed: Sentence, whole: Skeleton, focus: Focus) -> tuple[list[str], frozenset[str]]:
    """The texts of messages, notes, tasks, reminders and titles: as code reads them, with what the tagger takes for one behind the verb;
    else all that stands behind it and whom it names. Nothing dangerous is ordered by a clause of a note. And whom they are for."""
    if focus.order and focus.order.tool in _PASS_ON and (more := _MORE.match(typed.plain)):
        return [typed.plain[more.end() :]], frozenset()
    found = with_others(read_order(typed, focus), typed, focus)
    actions = [one for one in (found.actions if found else ()) if one.tool in (*_PASS_ON, "create_case")]
    to = frozenset(name for one in actions for name in str(one.arguments.get("to", "")).split(",") if name)
    texts = [str(one.arguments[name]) for one in actions for name in _TEXTS & one.arguments.keys()]
    if found and actions and len(found.actions) > len(actions):
        return texts, to
    verbs = verbs_in(whole)
    begins = min((verb.end for verb in verbs if verb.tool in (*_PASS_ON, "remind")), default=-1)
    stretches = [one for one in spans_of(whole) if one.role == TEXT] if begins >= 0 else ()
    texts += [whole.expand(whole.text[max(one.start, begins) : one.end]) for one in stretches]
    behind = [verb.end for verb in verbs if verb.tool in ("send_message", "remind")]
    texts += [whole.expand(_TO.sub("", whole.text[at:])) for at in behind[: not texts]]
    noted = CLAUSE.split(_JOINED.split(whole.text[begins:])[0]) if actions and begins >= 0 else ()
    clauses = (Skeleton(one, whole.entities) for one in noted)
    texts += [one.expand(one.text) for one in clauses if {verb.tool for verb in verbs_in(one)} & {*OUTSIDE}]
    return texts, to


def _read_tools(
    verbs: Sequence[SpokenVerb],
    whole: Skeleton,
    typed: Sentence,
    own: _Own,
    spoken: set[str],
    *,
    narrow: bool,
) -> set[str]:
    """Of the verbs, of what they hint at and of the ranker; of what depends on something only what reads and tells."""
    likely = set() if spoken and narrow else likely_in(own.sentence)
    read = likely if narrow else likely | {verb.tool for verb in verbs} | _hinted(whole, typed, own)
    return read & {*MILD} if own.depends else read


def _hinted(whole: Skeleton, typed: Sentence, own: _Own) -> set[str]:
    """The tools of ``[offered]``; beside what is passed on those that its own verb does not hint at."""
    hinted = _found("offered", whole.text)
    if not own.passes:
        return {*hinted}
    passing = [verb for verb in verbs_in(whole) if verb.tool in _PASS_ON]
    return {*(hinted | likely_in(typed)) & {*_PASS_ON}, *_found("offered", without(whole, passing))}


def _ordered_behind(whole: Skeleton) -> range:
    """E1加个备注 已轮换 然后提醒李四…: the places of an order behind a note that no colon begins, but for the words of a message."""
    verbs = verbs_in(whole)
    noted = next((verb.end for verb in verbs if verb.tool in NOTES), len(whole.text))
    for joined in () if re.search("[:：]", whole.text) else _JOINED.finditer(whole.text, noted):
        then = next((verb for verb in verbs if verb.start >= joined.end()), None)
        if then and then.tool not in OUTSIDE:
            passes, behind = then.tool in (*_PASS_ON, "remind"), whole.text[then.end :]
            whom = len(behind) - len(_TO.sub("", behind))
            return range(joined.start(), then.end + whom if passes else len(whole.text))
    return range(0)


def _without(whole: Skeleton, texts: Sequence[str], ordered: Collection[int]) -> str:
    """The text with a comma in the place of each of these, which may have lost marks and gaps, but for what is ``ordered``;
    A12转给李四，跟他说…: in one that begins with what stands before its order, only what stands behind it."""
    places = [
        (char, at)
        for at, one in enumerate(whole.text)
        for char in whole.expand(one).lower()
        if char.isalnum()
    ]
    said, kept = "".join(char for char, _ in places), list(whole.text)
    if not any(texts):
        return whole.text
    people = {char for char, one in whole.entities.items() if one.kind is Kind.PERSON}
    named = next((at for at, (_, place) in enumerate(places) if whole.text[place] in people), 0)
    for text in (one.removeprefix("提醒：") for one in texts):
        first, *pieces = ("".join(filter(str.isalnum, one)).lower() for one in (text, *CLAUSE.split(text)))
        for piece in filter(None, [first] if first in said else pieces):
            start = said.rfind(piece)
            for _, at in places[start : start + len(piece)] if first == piece or start >= named else ():
                kept[at] = kept[at] if at in ordered else "，"
    return re.sub("[，,\\s]*，[，,\\s]*", "，", "".join(kept)).strip("，")


def _certain(said: Skeleton) -> tuple[Skeleton, bool]:
    """What stands before something that is supposed and has its own order (A299关了，要是再有就告诉我), or all of it; and does it depend?"""
    clauses = CLAUSE.split(said.text)
    for at in range(len(clauses)):
        head, rest = (Skeleton("，".join(each), said.entities) for each in (clauses[:at], clauses[at:]))
        marked = without(rest, verbs_in(rest))
        supposed = pattern("cues.supposed").search(marked)
        if supposed and supposed.start() <= len(CLAUSE.split(marked)[0]):
            behind = Skeleton(
                "，".join(CLAUSE.split(rest.text)[1:]), rest.entities
            )  # what happens then, not the supposition
            own = pattern("cues.said.consequence").search(CLAUSE.split(rest.text)[0])
            then = own or verbs_in(behind) or pattern("cues.said.then").search(behind.text)
            return (head, False) if then and orders_surely(head) else (said, True)
    return said, False


def _beside(verbs: list[SpokenVerb], doubt: str, waits: set[str]) -> tuple[list[SpokenVerb], str, set[str]]:
    """别关 给李四: of the order that waits nothing is left, but what is ordered beside its denial."""
    others = [verb for verb in verbs if verb.tool not in waits]
    if doubt == "negation" and others and len(others) < len(verbs):
        return others, "", set()
    return verbs, doubt, waits


def _waits(focus: Focus, said: str) -> set[str]:
    """The tool of the order that these words may complete or change."""
    changed = any(pattern(f"cues.said.{name}").search(said) for name in ("changes", "part_of"))
    return {focus.order.tool} if focus.order and (changed or len(said) <= _SHORT) else set()


def _spoken(sentence: Sentence, focus: Focus) -> set[str]:
    """What the whole sentence orders to be told, or of the calendar: what stands behind 跟李四说 doubts nothing."""
    told = read_spoken(sentence, focus)
    return {one.tool for one in told.actions} if told else set()


def _verdicts(said: Skeleton) -> frozenset[str]:
    return frozenset(str(one.value) for one in said.found(Kind.VERDICT))


def _with_findings(ordered: set[str], said: Skeleton) -> frozenset[str]:
    """With what is ordered of findings by the same words, where no alert is named."""
    if said.first(*WANTED["alert"]):
        return frozenset(ordered)
    asks = pattern("cues.asks").search(said.text)  # 修了没
    decided = {"decide_findings"} if _verdicts(said) and not asks else set()
    return frozenset(ordered | decided | {OF_FINDING[tool] for tool in ordered & OF_FINDING.keys()})


def _named(sentence: Sentence) -> dict[str, tuple[str, ...]]:
    """What is named, by kind, with the rule and the levels."""
    levels = tuple(one.raw for one in sentence.question.found(Kind.SEVERITY))
    rules = sentence.lexicon.rules_named(sentence.keyword)  # 错误率 stands for 支付系统错误率过高
    rule = {"rule": (sentence.keyword, *rules[:_RULES])} if sentence.keyword else {}
    return names_in(sentence.order, sentence.numbers) | rule | ({"level": levels} if levels else {})


def _spared(skeleton: Skeleton) -> tuple[Skeleton, frozenset[str]]:
    """A132给王五,A209不动; A14除外: without the clauses that only say what is to be left alone, and what that is."""
    rest, left = _parted(skeleton, _is_left_alone)
    return (rest if left else skeleton), frozenset[str]().union(*map(_names_in, left))


def _is_left_alone(part: Skeleton) -> bool:
    said = first_doubt(part.text) == "exception" or pattern("cues.said.left_alone").search(part.text)
    return bool(said and _names_in(part)) and not verbs_in(part)


def _denied(said: Skeleton) -> tuple[Skeleton, list[Skeleton]]:
    """What is left without the clauses that deny, and these."""
    return _parted(said, lambda part: find_doubt(part, verbs_in(part)) == "negation")


def _found(table: str, text: str) -> frozenset[str]:
    """The lists of a table of `cues.toml` that speak in the text."""
    return frozenset(name for name in load("cues")[table] if pattern(f"cues.{table}.{name}").search(text))


def _filed(said: str, focus: Focus) -> Iterator[tuple[str, str]]:
    """行，那提吧: what may be asked to be approved of the only thing of its kind that was spoken of here."""
    if pattern("cues.said.goes_on").search(said):
        yield from ((tool, focus.of(kind)[0].lower()) for kind, tool in _FILED if len(focus.of(kind)) == 1)


def _told_beside(said: Skeleton, verbs: Sequence[SpokenVerb]) -> str:
    """关了 发布脚本写的: what stands beside what is closed, and so may say why."""
    closes = {verb.tool for verb in verbs} & {"close_alert", "decide_findings"}
    parts = (Skeleton(one, said.entities) for one in PIECE.split(said.text) if closes and len(one) >= _TELLS)
    return next((one.expand(one.text) for one in parts if not (verbs_in(one) or find_doubt(one, ()))), "")


def _meant(verbs: Sequence[SpokenVerb], places: Sequence[Skeleton], focus: Focus) -> Iterator[str]:
    """What the verbs are done to, as code reads it."""
    for verb in verbs:
        if verb.tool in ACTS:
            yield from (value.lower() for _, value in objects_of(ACTS[verb.tool], places, focus))
