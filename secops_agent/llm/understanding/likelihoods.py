"""Likelihoods: what the ranker says of a sentence and its pieces, and the doubt that is left beside it."""

from collections.abc import Mapping

from secops_agent.llm.offline.expressions.skeletons import Skeleton
from secops_agent.llm.offline.intents import ACTION_TOOLS, READ_TOOLS
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import Sentence
from secops_agent.llm.understanding.questions import CERTAIN
from secops_agent.llm.understanding.ranker import NO_ACTS, pieces_of, rank, ranker, share_of_acts
from secops_agent.llm.understanding.verbs import (
    ACTS,
    LABELLED,
    MILD,
    NOTES,
    OUTSIDE,
    PIECE,
    VERB,
    find_doubt,
    verbs_in,
)

NO_DOUBT = frozenset({"", "unclear"})  # a model may understand what only reads oddly
SURELY = 0.8
_OF_CHANGES = frozenset({"negation", "condition", "exception"})  # 不对, 等等: words of a change as well
_NEVER_ORDERS = frozenset({"overheard", "quotation", "pasted", "negation", "exception"})
_LIKELY = 0.1
_ORDERS = 0.3
_ASKS = 0.5
_SHIFTS = frozenset(("swap_shift", "cover_shift"))  # one label of the ranker


def is_asking(sentence: Sentence) -> bool:
    """Is it for data, or about anything but what is to be done?"""
    asks = {*READ_TOOLS, *NO_ACTS} - {"followup", "decide"}
    return sum(odds for label, odds in rank(sentence).items() if label in asks) >= _ASKS


def likely_in(sentence: Sentence) -> set[str]:
    """The orders that it, or one of its pieces, may be without a verb that is known: 都归四哥."""
    ranks = [rank(sentence), *_ordering(sentence)]
    likely = {LABELLED.get(label, label) for one in ranks for label, odds in one.items() if odds >= _LIKELY}
    alike = (_SHIFTS, {"comment", *NOTES})  # each is one label
    return (likely | {tool for one in alike if likely & one for tool in one}) & (ACTS.keys() | ACTION_TOOLS)


def _ordering(sentence: Sentence) -> list[Mapping[str, float]]:
    """The probabilities of the pieces that most likely order something by themselves, whatever stands beside them: 还有任务没完，
    把A15确认了. Nothing dangerous is so ordered."""
    if {verb.tool for verb in verbs_in(sentence.order)} & {*OUTSIDE}:
        return []
    pieces = [Skeleton(one, sentence.order.entities) for one in PIECE.split(sentence.order.text)]
    free = [one for one in pieces if (verbs := verbs_in(one)) and find_doubt(one, verbs) in NO_DOUBT]
    ranks = [ranker().scores(pieces_of(one)) for one in free]
    return [one for one in ranks if share_of_acts(one) >= _ASKS]


def weigh_doubt(doubt: str, sentence: Sentence, *, changes: bool) -> str:
    """The doubt that is left beside what the ranker says: none of what changes an offer, nor of what may well be an order (a model
    weighs it, and its asker decides); "nothing" where probably nothing is ordered."""
    if changes and doubt != "question":
        return "" if doubt in _OF_CHANGES else doubt
    ranks = rank(sentence)
    if doubt == "nothing" and pattern("cues.reported").match(f"{sentence.order.text}{VERB}"):
        return doubt  # 李四昨天说要通知王五
    if doubt not in _NEVER_ORDERS and share_of_acts(ranks) >= (SURELY if doubt == "nothing" else _ORDERS):
        return ""
    if doubt == "negation" and share_of_acts(ranks) >= SURELY and not forbids(sentence.plain):
        return ""  # 到现在还没有封, 麻烦提一下封禁
    nothing = ranks.get("nothing", 0.0) >= CERTAIN and not _ordering(sentence)
    return doubt or ("nothing" if nothing else "")


def forbids(said: str) -> bool:
    """Is something not to be done, beside what is only not so, and 别的一概不要动?"""
    return pattern("cues.said.forbids").search(pattern("cues.said.others_alone").sub("", said)) is not None


def orders_surely(said: Skeleton) -> bool:
    """Does it order by itself, by a verb or surely by the ranker?"""
    verbs = any(verb.tool not in MILD for verb in verbs_in(said))
    return verbs or share_of_acts(ranker().scores(pieces_of(said))) >= SURELY
