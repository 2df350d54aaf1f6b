"""A question: the frame that takes what is named, the arguments that are said, and what stays unread."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Final

from secops_agent.llm.offline.arguments import Asked, build, read_exact
from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind
from secops_agent.llm.offline.intents import READ_TOOLS, Intent
from secops_agent.llm.offline.keywords import count_products
from secops_agent.llm.offline.words import load, pattern, wordset
from secops_agent.llm.understanding.entities import HOSTS, Sentence, is_marked
from secops_agent.llm.understanding.frames import PARTS, Fit, ToolFrame, find_cues, fits
from secops_agent.llm.understanding.ranker import rank

SURE: Final = 0.7  # share of what is possible: so much is right in 94 of 100 (held-out writers)
LIKELY: Final = 0.4
ELSE: Final = 0.5
VETO: Final = 0.8  # so sure that nothing is ordered that nothing is offered
WORTH: Final = 0.05  # a tap
NO_ACTS: Final = ("nothing", "chatter", "knowledge", "absent", "self", "followup")
ORDERS: Final = 0.995  # an offer for words that are no verb
_KINDS = {"severity": (Kind.SEVERITY,), "status": (Kind.STATUS,), "time": (Kind.TIME, Kind.DURATION), "limit": (Kind.LIMIT,)}  # fmt: skip
PATTERNS: Final[Mapping[str, str]] = {
    "said.mine": "filters.mine", "said.urgent": "filters.urgent", "said.unowned": "filters.unowned", "said.listed": "filters.in_lists", "said.nofix": "filters.no_fix",
    "said.fix": "filters.fix", "ask.kev": "filters.kev_only", "said.file": "filters.report_file", "said.whole": "filters.whole", "said.type": "filters.asset_type",
    "said.ours": "cues.said.ours", "said.exists": "cues.said.exists", "said.version": "cues.said.version", "said.held": "cues.said.held", "said.verdict": "cues.verdict",
}  # fmt: skip
_ALONE: Final = ("said.urgent", "said.mine", "said.held", "ask.attacked", "ask.happened")
_HAVE_HOW_MANY: Final = frozenset({"list_alerts", "alert_statistics"})  # both tell it
# What else is told by a tool or an argument; only open flaws are listed.
IMPLIED: Final = (
    ("list_vulnerabilities", "status"),
    ("compare_periods", "compare"),
    ("overdue", "due"),
    ("group_by", "compare"),
    ("keyword", "mine"),
    ("person", "mine"),
    ("owner", "mine"),
    ("urgent", "order"),
    ("not_kev", "kev_only"),
    ("kev", "kev_only"),
    ("widest", "group_by"),
    ("riskiest", "urgent"),
)
_CLAUSE: Final = re.compile(r"(?:[^,，。;；!！?？\n\s]|(?<![一-鿿])\s|\s(?![一-鿿]))+")
# These are narrowed by no rule, attack or product.
_OF_EVERYTHING: Final = (
    "list_blocks",
    "list_proposals",
    "noisy_rules",
    "security_report",
    "service_status",
    "who_is_on_call",
)
LISTS: Final = ("list_alerts", "list_assets", "list_vulnerabilities", "alert_statistics", "compare_periods")
# The arguments that carry a condition.
_CARRIERS: Final = {
    Kind.TIME: ("since_hours", "at", "due_within"),
    Kind.DURATION: ("since_hours", "minutes", "due_within"),
    Kind.SEVERITY: ("severity",),
    Kind.STATUS: ("status", "time_of", "metric", "due", "unassigned"),
    Kind.LIMIT: ("limit",),
    Kind.ENVIRONMENT: ("environment", "keyword"),
}
_GROUPED: Final = {Kind.SEVERITY: "severity", Kind.STATUS: "status"}
_MOST = 3
_MOST_ASKED: Final = 8  # look-ups of one sentence


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a sentence can ask: the tools that take what it names, by how probable they are; ``ranks`` of all that it can be;
    ``unread``: the words that nothing explains."""

    fits: tuple[Fit, ...]
    ranks: Mapping[str, float]
    cues: Mapping[str, str]
    unread: tuple[str, ...]

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
        alike = [fit.score for fit in taking if {fit.frame.tool, taking[0].frame.tool} <= _HAVE_HOW_MANY]
        possible = sum(fit.score for fit in taking) + sum(self.ranks.get(one, 0.0) for one in self.others)
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
        return sum(share for label, share in self.ranks.items() if label in READ_TOOLS)

    def is_one_of(self, *labels: str) -> bool:
        """Is it something else than a question to a tool?"""
        return sum(self.ranks.get(label, 0.0) for label in labels) >= ELSE

    @property
    def act(self) -> str:
        """The action that it certainly orders, in whatever words; "" for none."""
        label, share = next(iter(self.ranks.items()))
        return label if label not in {*READ_TOOLS, *NO_ACTS} and share >= ORDERS else ""


@lru_cache(maxsize=64)
def weigh_sentence(sentence: Sentence, frames: tuple[ToolFrame, ...], first: bool = False) -> Weighed:
    """The tools against the sentence; ``first``: nothing was said before it, so that what only may go on does not."""
    cues, ranks = cues_of(sentence), rank(sentence)
    if first and (others := ranks.get("followup", 0.0)) < ELSE:
        possible = 1 - others
        ranks = {one: share / possible for one, share in ranks.items() if one != "followup"}
    kinds = list(dict.fromkeys(one.kind.name for one in sentence.question.found(*Kind)))
    return Weighed(tuple(fits(frames, ranks, cues, kinds)), ranks, cues, tuple(unread(sentence)))


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


def tells(sentence: Sentence) -> bool:
    """Does a part that asks nothing tell what the others ask about: a name, a condition, a thing?"""
    named = sentence.keyword or is_marked(sentence.question.text) or names_something(sentence.plain)
    return bool(named or cues_of(sentence))


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


@cache
def _known_words() -> tuple["re.Pattern[str]", ...]:
    """Whatever some list explains."""
    cues = load("cues")
    tables = [(table, name) for table in ("noun", "ask", "said") for name in cues[table]]
    names = [
        f"cues.{table}.{name}" for table, name in tables if name != "exists"
    ]  # 有结论没: what there is is a word
    names += [f"filters.{name}" for name in cues["unread"]["explained"]]
    names += ["courtesies.neutral", "courtesies.asking", "courtesies.thanks", "cues.unread.asides"]
    return tuple(pattern(name) for name in names)


def unread(sentence: Sentence, known: tuple["re.Pattern[str]", ...] = ()) -> Iterator[str]:
    """Words that no list explains, or none of what is known; as they were typed."""
    text = _without_asides(sentence.question.text)
    for word, written in load("keywords")["synonyms"].items():
        text = text.replace(word, written) if written in sentence.keyword.replace(" ", "").lower() else text
    squeezed = r"\s*".join(map(re.escape, sentence.keyword.replace(" ", "")))
    more = pattern("keywords.suffix").pattern
    text = re.sub(f"{squeezed}(?:{more})?", " ", text, flags=re.IGNORECASE) if sentence.keyword else text
    text = ANY_MARK.sub(" ", text)
    left = _uncovered(text, known or _known_words())
    yield from _strange(left)
    yield from pattern("cues.unread.alone").findall(left) if known else ()


def _without_asides(text: str) -> str:
    """Without clauses that say why it is asked, if they name nothing: 我要在核心交换上做acl, 老板在催."""
    clauses = _CLAUSE.findall(text)
    kept = [one for one in clauses if is_marked(one) or not pattern("cues.unread.aside").match(one)]
    return "，".join(kept) if kept else text


def _uncovered(text: str, known: tuple["re.Pattern[str]", ...]) -> str:
    """Without everything that is known, however the words overlap."""
    left = list(text)
    for each in known:
        for match in each.finditer(text):
            left[match.start() : match.end()] = " " * (match.end() - match.start())
    return "".join(left)


def _strange(text: str) -> Iterator[str]:
    for word in re.findall(r"[一-鿿]+|[A-Za-z][A-Za-z0-9_.+-]+", text):
        bare = pattern("cues.unread.edges").sub("", word)
        if len(bare) > 1 and bare.lower() not in wordset("keywords.common_english"):
            yield bare


def unused(
    sentence: Sentence, intent: Intent, words: Iterable[str], frame: ToolFrame | None = None
) -> tuple[str, ...]:
    """What was said and the answer is not narrowed by: it is named in the answer, never dropped in silence."""
    told = list(
        dict.fromkeys(sentence.question.expand(one).strip() for one in _left(sentence, intent, words, frame))
    )
    return tuple(one for one in told if not any(one != other and one in other for other in told))[:_MOST]


def _left(sentence: Sentence, intent: Intent, words: Iterable[str], frame: ToolFrame | None) -> Iterator[str]:
    arguments = {name: str(value).lower() for name, value in intent.arguments.items()}
    if intent.tool not in LISTS:
        yield from _conditions_of(sentence, frame, arguments) if frame else ()
        if intent.tool in _OF_EVERYTHING and sentence.keyword:
            yield sentence.keyword
        return
    arguments |= {known: "" for name, known in IMPLIED if name in {intent.tool, *arguments}}
    if (by := arguments.get("group_by")) == "assignee":
        arguments["person"] = " ".join(str(one.value) for one in sentence.order.found(Kind.PERSON)).lower()
    if by == "source":
        words = [word for word in words if not count_products(word, sentence.lexicon.keywords)]
    judged = "verdict" in arguments or by == "verdict"
    words = [word for word in words if not (judged and pattern("cues.verdict").search(word))]
    if "keyword" in arguments:
        arguments.setdefault("asset", "")  # 它 may be what is looked for
    if sentence.keyword and not carried(sentence.keyword, arguments):
        yield sentence.keyword
    yield from _names(sentence, arguments)
    yield from _conditions(sentence.question.text, arguments)
    yield from (word for word in words if not carried(word, arguments))


def _conditions_of(sentence: Sentence, frame: ToolFrame, arguments: Mapping[str, str]) -> Iterator[str]:
    """Times, levels, states and numbers of rows that a tool which is no list neither takes nor tells; a report has only its own periods."""
    for char, one in sentence.question.entities.items():
        if one.kind not in _CARRIERS or char not in sentence.question.text:
            continue
        said = {
            Kind.TIME: "said.time",
            Kind.DURATION: "said.time",
            Kind.SEVERITY: "said.severity",
            Kind.STATUS: "said.status",
        }
        told = said.get(one.kind, "") in frame.tells
        if one.kind is Kind.TIME and "period" in arguments:
            told = bool(one.value.period)
        if not told and arguments.keys().isdisjoint(_CARRIERS[one.kind]):
            yield one.raw


def matters(sentence: Sentence, left: Iterable[str]) -> tuple[str, ...]:
    """Of what was not used, that without which the answer is another one: names, numbers, conditions, what stands before a noun."""
    text = sentence.question.expand(sentence.question.text)
    beside = re.escape(sentence.keyword) or "$^"
    return tuple(
        one
        for one in left
        if (one == sentence.keyword or names_something(one) or _narrows(one, text))
        and not re.search(rf"{re.escape(one)}\s*{beside}|{beside}\s*{re.escape(one)}", text, re.IGNORECASE)
    )


def names_something(word: str) -> bool:
    conditions = (pattern(f"filters.conditions.{each}") for each in load("filters")["conditions"])
    return re.search(
        r"[A-Za-z0-9]|[一二两三四五六七八九十几半]+(?:天|周|个月|个?小时|分钟)", word
    ) is not None or any(each.search(word) for each in conditions)


def _narrows(word: str, text: str) -> bool:
    """打印机的告警, 孙七手上: it stands before what is listed."""
    return re.search(re.escape(word) + f"(?:{pattern('cues.unread.before').pattern})", text) is not None


def carried(word: str, arguments: Mapping[str, str]) -> bool:
    return any(value and (word.lower() in value or value in word.lower()) for value in arguments.values())


def _names(sentence: Sentence, arguments: Mapping[str, Any]) -> Iterator[str]:
    values = " ".join(map(str, arguments.values()))
    hosts = HOSTS if "asset" in arguments else ()  # several are looked up one by one
    for char, one in sentence.question.entities.items():
        named = str(one.value).lower() in values or one.raw.lower() in values
        carried = named or one.kind in (Kind.REF, Kind.ROW, *hosts)
        if one.kind in _CARRIERS:
            grouped = arguments.get("group_by") == _GROUPED.get(one.kind, "compare")
            carried = (
                grouped or "compare" in arguments or not arguments.keys().isdisjoint(_CARRIERS[one.kind])
            )
        if not carried and char in sentence.question.text:
            yield one.raw


def _conditions(text: str, arguments: Mapping[str, str]) -> Iterator[str]:
    """What only other lists can be narrowed by, and what none can."""
    for argument in load("filters")["conditions"]:
        match = pattern(f"filters.conditions.{argument}").search(text)
        if match and argument not in arguments and not carried(match.group(), arguments):
            yield match.group()
