"""A question: the frame that takes what is named, the arguments that are said, and what stays unread."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Final

from secops_agent.llm.offline.arguments import Asked, build, read_exact
from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind
from secops_agent.llm.offline.filters import group_of
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.keywords import count_products, find_known
from secops_agent.llm.offline.words import load, pattern, wordset
from secops_agent.llm.terms import terms
from secops_agent.llm.understanding.entities import HOSTS, NAMED, Sentence, is_marked
from secops_agent.llm.understanding.frames import (
    BACKGROUND,
    PARTS,
    Fit,
    ToolFrame,
    find_cues,
    weigh,
)

ENOUGH: Final = 1.9  # less does not say what is asked
PLAIN: Final = 1.0  # enough where every word was read
NEAR: Final = 0.35  # two frames so near each other are a question
_KINDS = {"severity": (Kind.SEVERITY,), "status": (Kind.STATUS,), "time": (Kind.TIME, Kind.DURATION), "limit": (Kind.LIMIT,)}  # fmt: skip
PATTERNS: Final[Mapping[str, str]] = {
    "said.mine": "filters.mine", "said.urgent": "filters.urgent", "said.unowned": "filters.unowned", "said.listed": "filters.in_lists", "said.nofix": "filters.no_fix",
    "said.fix": "filters.fix", "ask.kev": "filters.kev_only", "said.file": "filters.report_file", "said.whole": "filters.whole", "said.type": "filters.asset_type",
    "said.ours": "cues.said.ours", "said.exists": "cues.said.exists", "said.version": "cues.said.version", "said.held": "cues.said.held", "said.verdict": "cues.verdict",
}  # fmt: skip
_ALONE: Final = ("said.urgent", "said.mine", "said.held", "ask.attacked", "ask.happened")
_OURS: Final = {
    "ask.how",
    "said.urgent",
    "said.topgroup",
    "said.time",
    "said.status",
    "ask.attacked",
    "said.held",
}
_HAVE_HOW_MANY: Final = ("list_alerts", "alert_statistics")  # both tell it
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
    """What a sentence can ask: the frames by their fit, and the words that nothing explains."""

    fits: tuple[Fit, ...]
    cues: Mapping[str, str]
    unread: tuple[str, ...]

    @property
    def best(self) -> Fit | None:
        """The frame that certainly fits; None: nothing does, or two do."""
        enough = PLAIN if not self.unread else ENOUGH
        return self.fits[0] if self.fits and self.fits[0].score >= enough else None

    @property
    def whole(self) -> bool:
        """Does one tool take all of it?"""
        return self.best is not None and self.best.whole

    @property
    def doubled(self) -> bool:
        """Are two frames so near each other that only the asker can tell?"""
        scores = [fit.score for fit in self.fits[:2]]
        alike = all(fit.frame.tool in _HAVE_HOW_MANY for fit in self.fits[:2])
        return len(scores) == 2 and not alike and scores[0] - scores[1] < NEAR and scores[0] < 2 * ENOUGH


@lru_cache(maxsize=64)
def weigh_sentence(sentence: Sentence, frames: tuple[ToolFrame, ...]) -> Weighed:
    """The frames against the sentence."""
    cues = cues_of(sentence)
    kinds = list(dict.fromkeys(one.kind.name for one in sentence.question.found(*Kind)))
    fits = weigh(frames, {**cues, **{f"kind.{kind}": "" for kind in kinds}}, kinds)
    return Weighed(tuple(fits), cues, tuple(unread(sentence)))


@lru_cache(maxsize=64)
def cues_of(sentence: Sentence) -> Mapping[str, str]:
    """Everything that the words tell: nouns, questions, filters."""
    skeleton = sentence.question
    text = _without_asides(skeleton.text)
    cues = _asked_about(text)
    if text != skeleton.text and not any(cue.startswith("noun.") for cue in cues):
        text = skeleton.text  # 老板要看月报，赶紧生成一个
        cues = _asked_about(text)
    cues |= {f"said.{name}": "" for name, kinds in _KINDS.items() if skeleton.first(*kinds)}
    cues |= {cue: match.group() for cue, name in PATTERNS.items() if (match := pattern(name).search(text))}
    if skeleton.first(Kind.PERSON) and pattern("filters.keeps").search(text):
        cues["said.people"] = ""
    if "noun.asset" in cues and "noun.alert" not in cues:
        cues.pop("said.held", None)  # 赵六手里有多少资产
    if "ask.count" in cues and "ask.list" not in cues:
        cues["said.countonly"] = ""
    cues |= _looked_up(sentence, cues)
    return cues | _compared(sentence, cues)


def _asked_about(text: str) -> dict[str, str]:
    """The nouns and questions; a clause that asks nothing (明天要汇报, 值班交接) brings no noun where another one asks of its own."""
    found = find_cues(text)
    background = [cue for cue in BACKGROUND if cue in found]
    if not background or len([cue for cue in found if cue.startswith("noun.")]) < 2:
        return found
    asking = [each for each in _CLAUSE.findall(text) if pattern("cues.said.asks").search(each)]
    aside = [cue for cue in background if not any(pattern(f"cues.{cue}").search(each) for each in asking)]
    kept = {cue: said for cue, said in found.items() if cue not in aside}
    return kept if any(cue.startswith("noun.") for cue in kept) else found


def _looked_up(sentence: Sentence, cues: Mapping[str, str]) -> dict[str, str]:
    """What the words of the company tell: its rules and attacks, its runbooks, names of software."""
    text, word = sentence.question.text, sentence.keyword
    is_asset = word.isascii() and "noun.asset" in cues
    is_asset = is_asset or find_known(word, frozenset(), "asset_words") == word
    handled = "ask.how" in cues and (sentence.first(Kind.ALERT) or not sentence.lexicon.runbooks)
    named = not sentence.lexicon.runbooks.isdisjoint(terms(word or text))
    told = {
        "word.asset": find_known(text, frozenset(), "asset_words"),
        "said.software": software_of(text),
        "word.attack": word if cues.keys() & {"noun.alert", "said.time"} or not is_asset else "",
        "ask.patched": "noun.alert" not in cues and pattern("cues.ask.patched").search(sentence.plain),
        "noun.oncall": pattern("cues.noun.oncall").search(sentence.plain),
        "word.runbook": named,
        "said.handled": handled or ("ask.how" in cues and named),
        "noun.service": pattern("cues.noun.service").search(sentence.said),
        "noun.proposal": pattern("cues.noun.proposal").search(sentence.order.text),
        "said.reporttime": "noun.report" in cues and pattern("cues.said.posting").search(text),
    }
    return {cue: found if isinstance(found, str) else "" for cue, found in told.items() if found}


def _compared(sentence: Sentence, cues: Mapping[str, str]) -> dict[str, str]:
    """Groups, and two spans of time against each other."""
    skeleton, found = sentence.question, dict[str, str]()
    text, most = skeleton.text, "ask.statistics" in cues or pattern("cues.said.top").search(sentence.plain)
    grouped = most or cues.keys() & {"noun.alert", "ask.trend", "word.attack"}
    plain = pattern("filters.alert_noun").sub(" ", text)
    plain = (
        pattern("filters.grown").sub(" ", plain) if "ask.compare" in cues else plain
    )  # 哪类涨最多 is by rule
    group = group_of(plain).get("group_by", "")
    named = {"severity": (Kind.SEVERITY,), "asset": HOSTS}.get(group, ())
    if grouped and group and len(skeleton.found(*named)) != 1:
        named_by = pattern(f"filters.group_by.{group}").search(text)
        found["said.group"] = named_by.group() if named_by else ""
        if most:
            found["said.topgroup"] = ""
    elif "ask.count" in cues and len({one.value for one in skeleton.found(Kind.PERSON)}) > 1:
        found |= {"said.group": "", "said.topgroup": ""}
    elif "ask.statistics" in cues and count_products(text, frozenset()) > 1:
        found["said.topgroup"] = ""
    times = skeleton.found(Kind.TIME)
    against = "ask.compare" in cues or (len(times) > 1 and pattern("cues.said.against").search(text))
    if against and (times or "noun.alert" in cues):
        found["said.compared"] = ""
        if len(times) > 1 and "noun.alert" not in cues and not pattern("cues.said.more_or_less").search(text):
            found["said.periods"] = ""
    return found


def is_knowledge(sentence: Sentence, cues: Mapping[str, str]) -> bool:
    """Is it about the world, not about what is ours? 什么是…, …和…区别, 怎么检测…, without anything of ours named."""
    ours = sentence.order.found(*(kind for kind in NAMED if kind is not Kind.TECHNIQUE))
    if ours or "said.ours" in cues or (sentence.first(Kind.REF) and not sentence.keyword):
        return False
    if "ask.differ" in cues and "ask.howlong" not in cues:
        return True
    asks = cues.keys() & {"ask.define", "ask.howto"}
    loose = ("noun.vuln", *PARTS[1:]) if "ask.define" in cues else PARTS[1:]
    nouns = (text for cue, text in cues.items() if cue.startswith("noun.") and cue not in loose)
    return bool(asks) and all(map(pattern("cues.unread.jargon").fullmatch, nouns)) and not cues.keys() & _OURS


def tells(sentence: Sentence) -> bool:
    """Does a part that asks nothing tell what the others ask about: a name, a condition, a thing?"""
    return bool(cues_of(sentence)) or is_marked(sentence.question.text) or names_something(sentence.plain)


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
    name, values = "asset", [one.value for one in sentence.question.found(*HOSTS)]
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
    names = [f"cues.{table}.{name}" for table in ("noun", "ask", "said") for name in cues[table]]
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
        told = frame.words.get(said.get(one.kind, ""), -1) >= 0
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
        if (names_something(one) or _narrows(one, text))
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
