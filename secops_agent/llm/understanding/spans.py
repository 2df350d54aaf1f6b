"""Spans of a sentence: which stretch is one order, why it is given, text that is passed on, a question, or nothing to be done.

A linear chain over characters, words and names (of which only the kind counts): each token begins or goes on a stretch of one
role. Trained on sentences that people marked, by ``python -m tests.secops.spans``, which writes the weights beside this module.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, MaskedName, Names, Skeleton
from secops_agent.llm.offline.intents import READ_TOOLS
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.objects import part_at
from secops_agent.llm.understanding.ranker import (
    LIKE,
    Weights,
    pieces_of,
    ranker,
    share_of_acts,
    share_of_questions,
    unpack,
)
from secops_agent.llm.understanding.verbs import (
    ACTS,
    PIECE,
    VERB,
    SpokenVerb,
    first_doubt,
    has_object,
    verbs_in,
    without_harmless,
)

WEIGHTS: Final = "spans.json.gz"
ROLES: Final = "ortqn"
ORDER, REASON, TEXT, QUESTION, ASIDE = ROLES
BETWEEN: Final = "-"  # 然后, 顺便
RESUMED: Final = "C-o"  # an order goes on behind another part
LABELS: Final = (BETWEEN, RESUMED, *(f"{at}-{role}" for role in ROLES for at in "BI"))
GAPS: Final = ("", " ", ",，、", ":：", ".。;；!！\n~", "?？", "\"'“”「」『』")
_GAP: Final = {char: at for at, chars in enumerate(GAPS) for char in chars}
_TOKEN: Final = re.compile(
    rf"{ANY_MARK.pattern}|[A-Za-z0-9]+(?:[._:/@-]+[A-Za-z0-9]+)*|[^\s()（）\[\]【】…{re.escape(''.join(GAPS))}-]"
)
_BORDER: Final = 4  # the gap before the first token and behind the last
_PASSES_ON: Final = (
    "create_schedule", "send_message", "comment_alert", "comment_case", "add_case_task", "create_case", "remind",
)  # fmt: skip
_NO_OBJECT: Final = ("#PERSON", "#TIME", "#DURATION", "#VERDICT", "#SEVERITY", "#ROW")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one role, from ``start`` to ``end`` of the skeleton's text; ``order``: which of its orders it is, or comes behind."""

    role: str
    start: int
    end: int
    order: int


@dataclass(frozen=True, slots=True)
class Token:
    """``said``: what counts of it; ``gap``: the place in `GAPS` of what stands before it; ``tool``: of the verb that it is in."""

    said: str
    start: int
    end: int
    gap: int
    tool: str


@dataclass(frozen=True, slots=True)
class _Clause:
    """Tokens between two gaps: the tools of its verbs, the kinds it names, and by the ranker how probable it is in a few steps that
    it orders (``acts``), asks, or does neither; ``best``: its label."""

    first: int
    last: int
    verb: str
    kinds: tuple[str, ...]
    acts: int
    other: str
    best: str

    @property
    def has_object(self) -> bool:
        return not all(kind.startswith(_NO_OBJECT) for kind in self.kinds)


def tokens_of(skeleton: Skeleton, verbs: Sequence[SpokenVerb]) -> list[Token]:
    """Its characters, words and names in their order, without a courtesy before them."""
    found: list[Token] = []
    end = len(skeleton.text) - len(skeleton.text.lstrip("请 "))
    for match in _TOKEN.finditer(skeleton.text, end):
        between = skeleton.text[end : match.start()]
        gap = max((_GAP.get(char, 1) for char in between), default=0) if found else _BORDER
        one = skeleton.entities.get(match[0])
        said = _kind_of(one) if one else re.sub("[0-9]+", "0", match[0].lower())
        tool = next((verb.tool for verb in verbs if verb.start <= match.start() < verb.end), "")
        found.append(Token(said, match.start(), match.end(), gap, tool))
        end = match.end()
    return found


def _kind_of(one: MaskedName) -> str:
    """#ASSET; of a verdict with its last character, by which 误报 is told from 自己扫的."""
    return f"#{LIKE.get(one.kind, one.kind).name}{one.raw[-1] if one.kind is Kind.VERDICT else ''}"


def features(skeleton: Skeleton, tokens: Sequence[Token]) -> Iterator[list[str]]:
    """Of each token: what stands around it, its clause, and, of the first of a clause, what comes before that."""
    said = ["^", "^", *(one.said for one in tokens), "$", "$"]
    clauses = list(_clauses(skeleton, tokens))
    several = min(3, len({*filter(None, (one.tool for one in tokens))}))
    before: _Clause | None = None
    passes = ""
    for place, clause in enumerate(clauses):
        after = clauses[place + 1] if place + 1 < len(clauses) else None
        shared = _of_clause(clause, tokens, before, after, passes)
        shared += [f"n{several}{clause.verb != BETWEEN}", f"#{min(4, place)}", f"/{min(4, len(clauses))}{min(4, place)}"]  # fmt: skip
        seam: list[str] = _of_seam(before, clause, tokens, passes) if before else []
        for at in range(clause.first, clause.last):
            yield [*_around(at, said, tokens, clause), *(seam if at == clause.first else ()), *shared]
        before = clause
        passes = next((one for one in (clause.verb, clause.best) if one in _PASSES_ON), passes)


def _clauses(skeleton: Skeleton, tokens: Sequence[Token]) -> Iterator[_Clause]:
    starts = [at for at, one in enumerate(tokens) if one.gap]
    for first, last in zip(starts, [*starts[1:], len(tokens)], strict=True):
        said = Skeleton(skeleton.text[tokens[first].start : tokens[last - 1].end], skeleton.entities)
        ranks = ranker().scores(pieces_of(said))
        asks = share_of_questions(ranks)
        best = next(iter(ranks))
        yield _Clause(
            first,
            last,
            min(filter(None, (one.tool for one in tokens[first:last])), default=BETWEEN),
            tuple(sorted({one.said for one in tokens[first:last] if one.said[0] == "#"})),
            int(share_of_acts(ranks) * 4.99),
            f"{int(asks * 3.99)}{int(ranks['nothing'] * 3.99)}",
            "read" if best in READ_TOOLS else best,
        )


def _around(at: int, said: Sequence[str], tokens: Sequence[Token], clause: _Clause) -> list[str]:
    """Of a token: its neighbours, the verbs near it, and the gaps beside it."""
    a, b, c, d, e = said[at : at + 5]
    gap, behind = tokens[at].gap, tokens[at + 1].gap if at + 1 < len(tokens) else _BORDER
    tool = tokens[at].tool
    near = next((one.tool for one in reversed(tokens[max(0, at - 3) : at]) if one.tool), "")
    ahead = next((one.tool for one in tokens[at + 1 : at + 4] if one.tool), "")
    return [
        f"0{c}", f"1{b}{c}", f"2{c}{d}", f"3{b}", f"4{d}", f"5{a}{b}{c}", f"6{b}{c}{d}", f"7{c}{d}{e}", f"8{a}", f"9{e}",
        f"t{tool}", f"T{gap}{tool}", f"b{near}", f"f{ahead}", f"G{gap}{c}", f"H{gap}{behind}", f"I{behind}{c}",
        f"J{gap > 0}{b}{c}", f"K{behind > 0}{c}{d}", f"M{gap}{c}{d}", f"U{gap}{clause.acts}", f"V{gap}{c}{clause.acts}",
    ]  # fmt: skip


def _of_clause(
    clause: _Clause, tokens: Sequence[Token], before: _Clause | None, after: _Clause | None, passes: str
) -> list[str]:
    """Of every token of a clause: how it begins and ends, its verb, its names, and what the ranker says of it and of those beside it."""
    said = [one.said for one in tokens[clause.first : clause.last]]
    verb, acts, kinds = clause.verb, clause.acts, ",".join(clause.kinds)
    size = f"{min(5, len(said) // 3)}"
    return [
        f"c{''.join(said[:2])}", f"C{said[0]}", f"e{''.join(said[-2:])}", f"E{said[-1]}", f"v{verb}", f"k{kinds}", f"w{verb}{kinds}",
        f"p{before.verb if before else ''}|{verb}", f"l{size}{verb != BETWEEN}", f"g{tokens[clause.first].gap}{verb != BETWEEN}",
        f"ra{acts}", f"ro{acts}{clause.other}", f"rt{clause.best}", f"ru{clause.best}{verb}", f"rl{acts}{size}",
        f"rp{before.acts if before else ''}|{acts}", f"rn{acts}|{after.acts if after else ''}",
        f"d{passes}", f"da{passes}{acts}", f"dv{passes}{verb}",
    ]  # fmt: skip


def _of_seam(before: _Clause, clause: _Clause, tokens: Sequence[Token], passes: str) -> list[str]:
    """Of the first token of a clause: how it goes on from the one before it."""
    gap, first = tokens[clause.first].gap, tokens[clause.first].said
    verbs = f"{before.verb != BETWEEN}{clause.verb != BETWEEN}"
    objects = f"{before.has_object}{clause.has_object}"
    return [
        f"sA{gap}{before.verb}|{clause.verb}", f"sB{verbs}{objects}", f"sC{before.acts}{clause.acts}{clause.other}", f"sD{gap}{first}",
        f"sE{before.verb == clause.verb}{verbs}", f"sF{passes}|{clause.verb}", f"sG{passes}|{clause.acts}", f"sH{first}{verbs}",
        f"sI{before.best}|{clause.best}", f"sJ{objects}{before.acts}{clause.acts}", f"sK{gap}{passes}", f"sL{before.verb}|{clause.acts}",
    ]  # fmt: skip


def allowed(before: str, label: str) -> bool:
    """May the label follow the other; "": begin the sentence?"""
    if label[0] == "I":
        return before not in ("", BETWEEN) and before[2] == label[2]
    return bool(before) or label != RESUMED


@cache
def _tagger() -> tuple[Weights, tuple[tuple[tuple[tuple[int, float], ...], ...], ...]]:
    """The weights that are shipped; of each gap and label the labels that may stand before it, with what that pair weighs."""
    kept, size = unpack((files(__package__) / WEIGHTS).read_bytes()), len(LABELS)
    before = tuple(tuple(at for at, one in enumerate(LABELS) if allowed(one, label)) for label in LABELS)
    return kept, tuple(
        tuple(
            tuple((one, kept.bias[(gap * size + one) * size + label]) for one in before[label])
            for label in range(size)
        )
        for gap in range(len(GAPS))
    )


def labels_of(skeleton: Skeleton, tokens: Sequence[Token]) -> list[str]:
    """The most probable labels, by Viterbi."""
    weights, moves = _tagger()
    scores = [0.0 if allowed("", label) else -1e9 for label in LABELS]
    came: list[list[int]] = []
    for token, found in zip(tokens, features(skeleton, tokens), strict=True):
        here, _ = weights.sums([*found, ""])
        if came or token is not tokens[0]:
            best = [max((scores[one] + move, one) for one, move in ways) for ways in moves[token.gap]]
            came.append([one for _, one in best])
            scores = [score for score, _ in best]
        scores = [score + each for score, each in zip(scores, here, strict=True)]
    at = scores.index(max(scores))
    path = [at]
    for back in reversed(came):
        at = back[at]
        path.append(at)
    return [LABELS[one] for one in reversed(path)]


def spans_of(skeleton: Skeleton) -> tuple[Stretch, ...]:
    """The spans of a sentence in their order; none of one without words."""
    return _spans_of(skeleton.text, skeleton.names)


@lru_cache(maxsize=128)
def _spans_of(text: str, names: Names) -> tuple[Stretch, ...]:
    """Of a sentence that is read as a whole, by its stretches and beside another one the same: read once."""
    skeleton = Skeleton(text, dict(names))
    tokens = tokens_of(skeleton, verbs_in(skeleton))
    found: list[Stretch] = []
    orders, last = -1, ""
    for token, label in zip(tokens, labels_of(skeleton, tokens) if tokens else (), strict=True):
        orders += label == f"B-{ORDER}"
        role = label[-1]
        if role != BETWEEN and (label[0] != "I" or role != last):
            found.append(Stretch(role, token.start, token.end, max(orders, 0)))
        elif role != BETWEEN:
            found[-1] = replace(found[-1], end=token.end)
        last = role
    return tuple(found)


def order_at(spans: Sequence[Stretch], at: int) -> int | None:
    """Which order stands at this place of the text; None for none."""
    return next((one.order for one in spans if one.role == ORDER and one.start <= at < one.end), None)


def role_at(spans: Sequence[Stretch], at: int) -> str:
    """The role of what stands at this place; an order where nothing is known of the sentence."""
    return next((one.role for one in spans if one.start <= at < one.end), BETWEEN if spans else ORDER)


def only(skeleton: Skeleton, spans: Sequence[Stretch]) -> Skeleton:
    """The text of these spans alone, at the same places: commas in the place of everything else."""
    kept = ["，"] * len(skeleton.text)
    for span in spans:
        kept[span.start : span.end] = skeleton.text[span.start : span.end]
    return Skeleton("".join(kept), skeleton.entities)


def without_others(
    skeleton: Skeleton, spans: Sequence[Stretch], verb: SpokenVerb, verbs: Sequence[SpokenVerb]
) -> Skeleton:
    """The text with commas in the place of questions, and of the other orders where the verbs are of several tools."""
    own = order_at(spans, verb.start) if len({one.tool for one in verbs}) > 1 else None
    kept = list(skeleton.text)
    for span in spans:
        asks = span.role == QUESTION and not any(span.start <= one.start < span.end for one in verbs)
        if asks or own not in (None, span.order):
            kept[span.start : span.end] = "，" * (span.end - span.start)
    return Skeleton("".join(kept), skeleton.entities)


def spans_with(skeleton: Skeleton, spans: Sequence[Stretch], verb: SpokenVerb) -> list[Stretch]:
    """The order of a verb, with those behind it that have none: A245 转李四 A257 也转他; nothing where no order is known."""
    order, verbs = order_at(spans, verb.start), [one.start for one in verbs_in(skeleton)]
    found: list[Stretch] = []
    for one in spans if order is not None else ():
        silent = found and not any(one.start <= at < one.end for at in verbs)
        if one.role == ORDER and (one.order == order or silent):
            found.append(one)
        elif one.role == ORDER and found:
            break
    return found


def ordering_verbs(skeleton: Skeleton, verbs: list[SpokenVerb], spans: Sequence[Stretch]) -> list[SpokenVerb]:
    """The verbs of the spans that order, and of others, but questions, those beside what they are done to; all of them, if none is."""

    def orders(verb: SpokenVerb) -> bool:
        role, piece = role_at(spans, verb.start), part_at(skeleton, verb, PIECE)
        own = verb.tool in ACTS and has_object(verb.tool, piece)
        begins = piece.text.startswith(skeleton.text[verb.start : verb.end])
        apart = verb.tool == "other" and not (begins or ANY_MARK.search(piece.text))  # 在恢复备份
        likely = role == ASIDE and verb.tool in ACTS and not own and _is_order(piece)  # the ranker hears one
        return not apart and (role == ORDER or likely or (own and role != QUESTION))

    return _not_reported(skeleton, [verb for verb in verbs if orders(verb)] or verbs)


def _is_order(piece: Skeleton) -> bool:
    """Is it an order by itself, by the ranker?"""
    ranks = ranker().scores(pieces_of(piece))
    return share_of_acts(ranks) > ranks["nothing"] + share_of_questions(ranks)


def _not_reported(skeleton: Skeleton, verbs: list[SpokenVerb]) -> list[SpokenVerb]:
    """Without those that a piece of its own reports (已经拦了) or takes back (不该关), if others order."""

    def reports(verb: SpokenVerb) -> bool:
        part = part_at(skeleton, verb, PIECE)
        said = skeleton.text[verb.start : verb.end]
        at = part.text.find(said)
        head, tail = part.text[:at], part.text[at + len(said) :]
        told = pattern("cues.inside.told").search(f"{head}{VERB}")
        return bool(told or first_doubt(without_harmless(f"{head}{VERB}{tail}", (verb.tool,)), ("negation",)))

    return [verb for verb in verbs if not reports(verb)] or verbs
