"""A question: the frame that takes what is named, the arguments that are said, and what stays unread."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from secops_agent.llm.offline.arguments import build, read_exact
from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.filters import Asked
from secops_agent.llm.offline.intents import READ_TOOLS, Intent
from secops_agent.llm.offline.words import pattern, wordset
from secops_agent.llm.understanding.entities import HOSTS, Sentence
from secops_agent.llm.understanding.frames import PARTS, Fit, ToolFrame, find_cues, fits
from secops_agent.llm.understanding.ranker import NO_ACTS, rank, share_of_acts, share_of_questions
from secops_agent.llm.understanding.verbs import OUTSIDE

SURE: Final = 0.7  # share of what is possible: so much is right in 94 of 100 (held-out writers)
LIKELY: Final = 0.4
CERTAIN: Final = 0.95
ELSE: Final = 0.5
VETO: Final = 0.8  # so sure that nothing is ordered that nothing is offered
WORTH: Final = 0.05  # a tap
# An offer for words that are no verb: 129 of 133 are right, of writers who were not taught.
ORDERS: Final = 0.9
_KINDS = {"severity": (Kind.SEVERITY,), "status": (Kind.STATUS,), "time": (Kind.TIME, Kind.DURATION), "limit": (Kind.LIMIT,)}  # fmt: skip
PATTERNS: Final[Mapping[str, str]] = {
    "said.mine": "filters.mine", "said.urgent": "filters.urgent", "said.unowned": "filters.unowned", "said.listed": "filters.in_lists", "said.nofix": "filters.no_fix",
    "said.fix": "filters.fix", "ask.kev": "filters.kev_only", "said.file": "filters.report_file", "said.whole": "filters.whole", "said.type": "filters.asset_type",
    "said.ours": "cues.said.ours", "said.exists": "cues.said.exists", "said.version": "cues.said.version", "said.held": "cues.said.held", "said.verdict": "cues.verdict",
}  # fmt: skip
_ALONE: Final = ("said.urgent", "said.mine", "said.held", "ask.attacked", "ask.happened")
_ALIKE: Final = (
    ("list_alerts", "alert_statistics"),
    ("list_findings", "list_vulnerabilities"),
    ("get_asset", "list_alerts"),
    ("list_blocks", "get_asset"),
)  # both tell it
# In a question how they stand is asked: 203.0.113.5 放出来没.
_STATES: Final = ("list_blocks", "block_ip", "unblock_ip", "isolate_host", "release_host")
LISTS: Final = (
    "list_alerts",
    "list_assets",
    "list_vulnerabilities",
    "alert_statistics",
    "compare_periods",
    "list_findings",
)
_MOST_ASKED: Final = 8  # look-ups of one sentence


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a sentence can ask: the tools that take what it names, by how probable they are; ``ranks`` of all that it can be."""

    fits: tuple[Fit, ...]
    ranks: Mapping[str, float]
    cues: Mapping[str, str]

    @property
    def may_be_spoken(self) -> bool:
        """Is it not certainly something else? Then a form of an order speaks for itself."""
        return self.ranks.get("nothing", 0.0) < CERTAIN and self.asked < CERTAIN

    @property
    def best(self) -> Fit | None:
        """The tool that is certainly asked for, and takes every name; None: only the asker can tell."""
        return self._at_least(SURE)

    @property
    def likely(self) -> Fit | None:
        """The tool that is asked for if anything is: enough where what is said before speaks for it too."""
        return self._at_least(LIKELY)

    def _at_least(self, sure: float) -> Fit | None:
        taking = [fit for fit in self.fits if not fit.untaken]
        left = sum(fit.score for fit in self.fits if fit.untaken)
        if not taking or self.fits[0].untaken:
            return None
        if (
            taking[0].frame.tool in LISTS
            and self.is_told
            and not any(one.startswith("noun.") for one in self.cues)
        ):
            return None
        sure_of_noun = taking[0].score >= SURE  # 十点要汇报，还有几条没关: no report is asked
        full = [fit for fit in taking if fit.narrowed and fit.score >= WORTH]
        full = [fit for fit in full if fit.of_the_noun or sure_of_noun]
        rivals = taking = full or taking
        tools = {one for pair in _ALIKE if taking[0].frame.tool in pair for one in pair}
        alike = [fit.score for fit in taking if fit.frame.tool in tools]
        possible = sum(fit.score for fit in rivals) + sum(self.ranks.get(one, 0.0) for one in self.others)
        share = (sum(alike) or taking[0].score) / max(possible, 1e-9)
        return taking[0] if share >= sure and left < 1 - LIKELY else None

    @property
    def others(self) -> tuple[str, ...]:
        """The labels that are no question to a tool. Where nothing is ordered, only the state of things can be told."""
        if self.is_one_of("nothing"):
            return ()
        return tuple(one for one in self.ranks if one not in READ_TOOLS)

    @property
    def whole(self) -> bool:
        """Does one tool take all of it?"""
        return self.likely is not None and self.likely.whole

    @property
    def asked(self) -> float:
        """How probable it is that it asks for anything."""
        return share_of_questions(self.ranks)

    def is_one_of(self, *labels: str) -> bool:
        """Is it something else than a question to a tool?"""
        return sum(self.ranks.get(label, 0.0) for label in labels) >= ELSE

    def is_order(self, missing: str = "") -> bool:
        """Is something ordered, where a verb says what? Only that nothing is ordered speaks against it; where something is ``missing``,
        that must be sure, or of an object that something is asked. What goes on with something said before is ranked as that."""
        nothing, acts = self.ranks.get("nothing", 0.0), share_of_acts(self.ranks)
        if missing:
            return nothing < VETO and self.asked < (SURE if missing == "object" else CERTAIN)
        return nothing <= WORTH if self.is_one_of("followup") else acts >= max(WORTH, nothing)

    @property
    def surely_orders(self) -> bool:
        """Is nothing else possible than that something is ordered?"""
        return self.ranks.get("nothing", 0.0) <= WORTH and share_of_acts(self.ranks) >= ORDERS

    @property
    def doubt(self) -> str:
        """Why nothing is offered where no order is certain: it speaks of an action and orders none, or nobody can tell."""
        return "nothing" if self.ranks.get("nothing", 0.0) >= ELSE else "unclear"

    @property
    def likely_act(self) -> str:
        """The label of the action that it most probably orders, if any."""
        return next((one for one in self.ranks if one not in {*READ_TOOLS, *NO_ACTS}), "")

    def asks_how_it_stands(self, text: str) -> bool:
        """Is it asked, of a block or an isolation, and not whether or how to do it?"""
        if sum(self.ranks.get(one, 0.0) for one in _STATES) < SURE or not pattern("cues.asks").search(text):
            return False
        return not any(pattern(f"cues.said.{each}").search(text) for each in ("proposes", "where"))

    @property
    def is_told(self) -> bool:
        """Is nothing ordered, and nothing asked? 刚跟王五打过电话了 asks for no list."""
        return self.is_one_of("nothing") and self.asked < WORTH

    @property
    def act(self) -> str:
        """The label of the action that it certainly orders, in whatever words; "" for none."""
        label = self.likely_act
        return label if self.ranks.get(label, 0.0) >= (CERTAIN if label in OUTSIDE else ORDERS) else ""


@lru_cache(maxsize=64)
def weigh_sentence(sentence: Sentence, frames: tuple[ToolFrame, ...], first: bool = False) -> Weighed:
    """The tools against the sentence; ``first``: nothing was said before it, so that what only may go on does not."""
    cues, ranks = cues_of(sentence), rank(sentence)
    if first and (others := ranks.get("followup", 0.0)) < ELSE:
        possible = 1 - others
        ranks = {one: share / possible for one, share in ranks.items() if one != "followup"}
    if pattern("cues.said.shown").search(sentence.plain):  # 那几条给我看看: nobody takes them on
        taken = ranks.get("acknowledge_alert", 0.0)
        ranks = {**ranks, "acknowledge_alert": 0.0, "list_alerts": ranks.get("list_alerts", 0.0) + taken}
    kinds = list(dict.fromkeys(one.kind.name for one in sentence.question.found(*Kind)))
    words, host = bool(sentence.keyword), sentence.first(*HOSTS) is not None
    described = {"get_case": words or host, "get_alert": words and host}
    return Weighed(tuple(fits(frames, ranks, cues, kinds, described)), ranks, cues)


@lru_cache(maxsize=64)
def cues_of(sentence: Sentence) -> Mapping[str, str]:
    """What the words tell: nouns, questions, filters."""
    skeleton = sentence.question
    cues = find_cues(skeleton.text)
    cues |= {f"said.{name}": "" for name, kinds in _KINDS.items() if skeleton.first(*kinds)}
    cues |= {
        cue: match.group() for cue, name in PATTERNS.items() if (match := pattern(name).search(skeleton.text))
    }
    if software := software_of(skeleton.text):
        cues["said.software"] = software
    return cues


def alike_to(tool: str) -> tuple[str, ...]:
    """The tools that tell the same, with this one."""
    return next((pair for pair in _ALIKE if tool in pair), (tool,))


def stands_alone(cues: Mapping[str, str]) -> bool:
    """Is it a question without another one before it: about a thing of its own, or about everything?"""
    alone = _ALONE if "ask.statistics" not in cues else ()
    return any(cue in alone or (cue.startswith("noun.") and cue not in PARTS) for cue in cues)


def software_of(text: str) -> str:
    """An English word that is no other of ours."""
    found: list[str] = pattern("filters.software_word").findall(text)
    return next((word for word in found if word.lower() not in wordset("keywords.common_english")), "")


def ask(tool: str, sentence: Sentence, *, command: bool = False) -> Intent | None:
    """The tool with the arguments that were said."""
    return build(
        tool,
        Asked(sentence.question, sentence.lexicon, sentence.now, sentence.asker, command, sentence.keyword),
    )


def ask_each(frame: ToolFrame, sentence: Sentence) -> list[Intent]:
    """The frame's tool for each of the things that it needs and that are named: 203.0.113.5 198.51.100.7 are two look-ups."""
    first = ask(frame.tool, sentence)
    if first is None:
        return []
    name, values = "asset", [one.value for one in sentence.question.found(*HOSTS, Kind.HOST)]
    if "asset" not in first.arguments or frame.tool not in LISTS or len(set(values)) < 2:
        named = sentence.found(*(Kind[kind] for kind in frame.needs if kind != "ALERTS"))
        values = sentence.numbers if "ALERT" in frame.needs else [one.value for one in named]
        name = next((name for name, value in first.arguments.items() if value in values[:1]), "")
    each = list(dict.fromkeys(values))[: _MOST_ASKED if name != "alert_id" else None] if name else []
    if name == "alert_id" and frame.tool == "get_alert" and len(each) > 1:  # one answer tells what they share
        return [replace(first, arguments={name: each[0], "alert_ids": ",".join(map(str, each[1:]))})]
    return [replace(first, arguments={**first.arguments, name: value}) for value in each] or [first]


def exact(sentence: Sentence) -> Intent | None:
    """The question that the whole sentence certainly is: about cases, or about who has some software."""
    return read_exact(Asked(sentence.question, sentence.lexicon, sentence.now, sentence.asker))
