"""Coverage of a sentence by its answer: what was said and the chosen tool, with these arguments, neither takes nor tells of.

The one place that decides it. A word that another tool knows is no less left over: 按级别 beside a list, 断网了没 beside the card of an asset.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.keywords import count_products, find_known
from secops_agent.llm.offline.words import load, pattern, wordset
from secops_agent.llm.understanding.entities import HOSTS, Sentence
from secops_agent.llm.understanding.frames import PARTS, ToolFrame
from secops_agent.llm.understanding.questions import LISTS, PATTERNS, cues_of

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)*(?![\d.]|\s*[条个台次])")  # 怎么突然20条 narrows nothing
_PIECE: Final = re.compile(rf"(?:(?!{ANY_MARK.pattern})[^,，、。;；!！?？\s])+")
# A condition's words are answered by a list that got one of these arguments, and by a card that tells of the cue.
_CONDITIONS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "said.mine": (("mine", "keeps"), ("keyword", "owner", "person", "assignee")),
    "said.unowned": (("unowned",), ("unassigned",)),
    "said.listed": (("in_lists",), ("listed",)),
    "said.fix": (("fix", "no_fix"), ("fix_available",)),
    "said.verdict": (("judged",), ("verdict", "group_by", "decision")),
    "said.decided": (("decided_on",), ("decision",)),
    "said.scanners": (("scanner",), ("source",)),
    "said.told": (("finding_tells",), ("list_findings", "list_vulnerabilities")),
    "said.status": (("done", "ended", "whole"), ("status", "time_of", "metric", "due")),
    "said.group": (("group_by", "group_by.hour", "group_by.day", "group_by.asset", "each"), ("group_by", "compare")),
    "said.held": (("burden",), ("keyword", "assignee", "overdue")),
    "ask.statistics": ((), ("group_by", "limit", "alert_statistics", "compare_periods")),
    "said.file": (("report_file", "period", "previous"), ("period", "file")),
    "ask.kev": (("kev_only",), ("kev_only",)),
    "ask.due": (("in_time", "late", "soon", "due_word", "due_ahead"), ("due", "overdue", "due_within")),
    "said.finding": (("finding.secret", "finding.code", "finding.misconfiguration"), ("kind",)),
    "noun.oncall": (("on_call_at",), ("at", "person")),
    "said.exposed": (("conditions.exposed",), ("exposed",)),
    "said.not_kev": (("conditions.not_kev", "kev_only"), ("not_kev",)),
    "said.epss": (("epss",), ("epss",)),
    "said.order": (("conditions.order", "soon"), ("order",)),
    "said.about": (("about", "about_alert.order", "about_alert.delivery", "about_alert.calling", "about_alert.gravity", "about_alert.elsewhere"), ("about", "software")),
    "said.grave": (("grave_asked",), ("lookup_cve",)),
    "said.brief": (("brief",), ("brief",)),
    "said.widest": (("widest",), ("widest",)),
    "said.riskiest": (("riskiest",), ("riskiest",)),
    "said.duewithin": (("due_word",), ("due_within",)),
    "said.haskev": (("kev_only",), ("kev",)),
    "said.age": (("age_words", "idle"), ("older_hours", "idle_hours", "older_days", "idle_days", "late_days")),
    "said.score": (("score",), ("cvss",)),
    "said.below": (("older_than",), ("version_below",)),
    "said.proposer": (("proposed_by",), ("asked_by",)),
}  # fmt: skip
# Of these a list that takes no such argument keeps too much.
_NARROWING: Final = ("said.mine", "said.unowned", "said.listed", "said.verdict", "ask.kev", "ask.due")
# What else is told by a tool or an argument; only open flaws are listed.
_IMPLIED: Final[Mapping[str, str]] = {
    "list_vulnerabilities": "status", "compare_periods": "compare", "overdue": "due", "due_within": "due", "group_by": "compare", "keyword": "mine",
    "person": "mine", "owner": "mine", "urgent": "order", "order": "due", "not_kev": "kev_only", "kev": "kev_only", "widest": "group_by",
    "riskiest": "urgent", "older_hours": "age", "idle_hours": "age", "older_days": "age", "idle_days": "age", "late_days": "age",
    "cvss": "more", "version_below": "version", "days": "period",
}  # fmt: skip
# These are narrowed by no rule, attack or product.
_OF_EVERYTHING: Final = ("list_blocks", "list_proposals", "noisy_rules", "security_report", "who_is_on_call")  # fmt: skip
# The arguments that carry a condition, and the cue that tells of it.
_CARRIERS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.TIME: ("since_hours", "at", "due_within", "period", "mended", "days"),
    Kind.DURATION: ("since_hours", "minutes", "due_within", "older_hours", "idle_hours", "older_days", "idle_days", "late_days", "days"),
    Kind.SEVERITY: ("severity", "about"),
    Kind.STATUS: ("status", "time_of", "metric", "due", "unassigned", "scope", "older_days", "idle_days"), Kind.LIMIT: ("limit",), Kind.ENVIRONMENT: ("environment", "keyword"),
}  # fmt: skip
_TOLD: Final = {Kind.TIME: "said.time", Kind.DURATION: "said.time", Kind.SEVERITY: "said.severity", Kind.STATUS: "said.status"}  # fmt: skip
_GROUPED: Final = {Kind.SEVERITY: "severity", Kind.STATUS: "status"}
# A list with these alone is of everything: no answer to a sentence whose words were left over.
_OF_EVERY_LIST: Final = frozenset(("since_hours", "until_hours", "period", "status", "limit", "offset"))
_MOST: Final = 3
_ANY_CUE: Final = tuple(
    f"{table}.{name}" for table in ("noun", "ask", "said") for name in load("cues")[table] if name != "exists"
)  # 有结论没: what there is is a word


def left_over(
    sentence: Sentence, intent: Intent, frame: ToolFrame
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is said not to be answered, and of that without which the answer is another one: names, numbers, conditions, what stands
    before a noun, another day's report."""
    left = unused(sentence, intent, unread(sentence), frame)
    missed = [
        one
        for one in _untold(sentence, intent, frame)
        if not any(one in each or each in one for each in left)
    ]
    text = sentence.question.expand(sentence.question.text)
    beside = re.escape(sentence.keyword) or "$^"
    days = sentence.question.found(Kind.TIME) if intent.tool == "security_report" else []
    people = [one.raw.strip() for one in sentence.question.found(Kind.PERSON)]
    dated = any(one.value.period for one in days)
    narrows = {sentence.keyword, *people, *(one.raw.strip() for one in days if one.value.period or not dated)}
    before = [one for one in left for name in people if f"{one}{name}" in text]  # 别又被张三念
    central = [
        one for one in left if one in (*narrows, *before) or _names_something(one) or _narrows(one, text)
    ]
    around = (rf"{re.escape(one)}\s*{beside}|{beside}\s*{re.escape(one)}" for one in central)
    apart = [not re.search(each, text, re.IGNORECASE) for each in around]
    lost = tuple(one for one, is_apart in zip(central, apart, strict=True) if is_apart)
    lost += tuple(_uncompared(sentence, intent, [*left, *missed])) if intent.tool == "compare_periods" else ()
    named = any(cue.startswith("noun.") for cue in cues_of(sentence)) or intent.tool == "compare_periods"
    everything = intent.tool in LISTS and not named and intent.arguments.keys() <= _OF_EVERY_LIST
    return (*left, *missed), lost or ((*left, *missed) if everything else ())


def is_blind(sentence: Sentence, intent: Intent, frame: ToolFrame, left: Collection[str]) -> bool:
    """Would a card be shown of which nothing was said: no object, no name of it, and nothing that was understood?"""
    said = re.sub("[,，]", " ", sentence.said or sentence.plain)  # 机器人老兄，还正常吗
    nouns = (cue for cue in frame.tells if cue.startswith("noun."))
    if (
        any(pattern(PATTERNS.get(cue) or f"cues.{cue}").search(said) for cue in nouns)
        or intent.arguments
        or intent.tool not in load("talk")["cards"]
    ):
        return False
    text = sentence.question.expand(sentence.question.text)
    return bool(left) and not any(
        _strange(_uncovered(text, tuple(re.compile(re.escape(one)) for one in left)))
    )


def _uncompared(sentence: Sentence, intent: Intent, left: Iterable[str]) -> Iterator[str]:
    """What makes it another comparison: a second attack, a number, a third span, one around a day that nobody has told (割接前三天)."""
    text, times = sentence.question.text, sentence.question.found(Kind.TIME)
    yield from (one for one in left if find_known(one, sentence.lexicon.keywords) or re.search(r"\d", one))
    yield from re.findall(r"(?<![\w.:-])\d{3,}(?![\w.:-])", text)
    yield from (one.raw for one in times[2:])
    if (
        len(times) == 1
        and times[0].value.end is None
        and not intent.arguments.keys() & {*_CARRIERS[Kind.TIME], "against"}
    ):
        yield times[0].raw
    for char in text:
        one = sentence.question.entities.get(char)
        if one is None or one.kind not in (Kind.TIME, Kind.DURATION):
            continue
        said = text[: text.index(char)][-2:] + one.raw.strip()
        if pattern("filters.of_event").search(said):
            yield said


def unused(
    sentence: Sentence, intent: Intent, words: Iterable[str], frame: ToolFrame | None = None
) -> tuple[str, ...]:
    """What was said and the answer is not narrowed by; ``words``: those of it that are no condition."""
    told = list(
        dict.fromkeys(sentence.question.expand(one).strip() for one in _left(sentence, intent, words, frame))
    )
    return tuple(one for one in told if not any(one != other and one in other for other in told))[:_MOST]


def _left(sentence: Sentence, intent: Intent, words: Iterable[str], frame: ToolFrame | None) -> Iterator[str]:
    arguments, lists = _taken(intent), intent.tool in LISTS
    if (by := arguments.get("group_by")) in ("assignee", "closer"):
        arguments["person"] = " ".join(str(one.value) for one in sentence.order.found(Kind.PERSON)).lower()
    if "keyword" in arguments:
        arguments.setdefault("asset", "")  # 它 may be what is looked for
    counted = by == "source" and count_products(sentence.keyword, sentence.lexicon.keywords)
    counted = counted or _is_of_a_scan(sentence, sentence.keyword, intent.tool)
    if (lists or intent.tool in _OF_EVERYTHING) and not counted and not _carried(sentence.keyword, arguments):
        yield from filter(None, [sentence.keyword])
    yield from _names(sentence, arguments, None if lists or not frame else frame.tells)
    if intent.tool == "list_assets" and "version_below" not in arguments:
        yield from pattern("filters.old_version").findall(
            sentence.question.text
        )  # each version is told, none left out
    if intent.tool == "list_cases":
        yield from _conditions(sentence.question.text, arguments, ("age",))
    if lists:
        said = _conditions(sentence.question.text, arguments, load("filters")["conditions"])
        yield from (one for one in said if "几" not in sentence.question.expand(one))  # 超了几天 is asked
        for word in words:
            counted = by == "source" and count_products(word, sentence.lexicon.keywords)
            counted = counted or _is_of_a_scan(sentence, word, intent.tool)
            if not (counted or _carried(word, arguments)):
                yield word


def _is_of_a_scan(sentence: Sentence, word: str, tool: str) -> bool:
    """代码扫描: the word is no rule of alerts, but says that findings are asked for."""
    said = pattern("cues.noun.finding").finditer(sentence.question.text) if tool == "list_findings" else ()
    return any(word in match.group() for match in said)


def _taken(intent: Intent) -> dict[str, str]:
    """The arguments, with what they and the tool imply."""
    found = {name: str(value).lower() for name, value in intent.arguments.items()}
    return found | {
        _IMPLIED[name]: ""
        for name in (intent.tool, *found)
        if name in _IMPLIED and _IMPLIED[name] not in found
    }


def _names(sentence: Sentence, arguments: Mapping[str, str], tells: Collection[str] | None) -> Iterator[str]:
    """Names and conditions that no argument carries; ``tells``: what the answer of a tool that is no list tells of, which takes its names by
    its frame, and a report only its own periods."""
    values = " ".join(arguments.values())
    hosts = HOSTS if "asset" in arguments else ()  # several are looked up one by one
    for char, one in sentence.question.entities.items():
        if char not in sentence.question.text or (one.kind is Kind.DURATION and one.raw.startswith("几")):
            continue  # 几天 is asked
        of_proposals = "noun.proposal" in (tells or ()) and "target" not in arguments
        person = one.kind is Kind.PERSON and (of_proposals or "owner" in arguments)
        if one.kind not in _CARRIERS:
            taken = (tells is not None and not person) or one.kind in (Kind.REF, Kind.ROW, *hosts)
            taken = taken or str(one.value).lower() in values or one.raw.lower() in values
        elif tells is None:
            taken = "compare" in arguments or arguments.get("group_by") == _GROUPED.get(one.kind, "compare")
        else:
            of_period = one.kind is Kind.TIME and "period" in arguments
            span = str(one.value.period).partition("_")[2] if of_period and "said.file" in tells else ""
            taken = (
                bool(one.value.period) and span in arguments["period"]
                if of_period
                else _TOLD.get(one.kind, "") in tells
            )
        if one.kind is Kind.TIME and "noun.block" in (tells or ()) and "target" in arguments:
            continue  # 前两天封过的: the ledger tells when
        report = one.kind is Kind.TIME and "said.file" in (tells or ())  # 上周的日报 is no other day's
        if not taken and (report or arguments.keys().isdisjoint(_CARRIERS.get(one.kind, ()))):
            yield one.raw


def _conditions(text: str, arguments: Mapping[str, str], names: Iterable[str]) -> Iterator[str]:
    """What only other lists can be narrowed by, and what none can."""
    for argument in names:
        match = pattern(f"filters.conditions.{argument}").search(text)
        if argument == "asset_type" and "asset" in arguments:  # 镜像 pay/gateway:4.1.7 is named
            continue
        if match and argument not in arguments and not _carried(match.group(), arguments):
            yield match.group()


def unread(sentence: Sentence, known: tuple["re.Pattern[str]", ...] = ()) -> Iterator[str]:
    """Words that nothing known explains, or without it no tool at all; as they were typed."""
    text = sentence.question.text
    for word, written in load("keywords")["synonyms"].items():
        text = (
            text.replace(word, written)
            if written.lower() in sentence.keyword.replace(" ", "").lower()
            else text
        )
    squeezed = r"\s*".join(map(re.escape, sentence.keyword.replace(" ", ""))).replace("：", "[:：]")
    more = pattern("keywords.suffix").pattern
    text = re.sub(f"{squeezed}(?:{more})?", " ", text, flags=re.IGNORECASE) if sentence.keyword else text
    for source in {
        rule.partition("：")[0] for rule in sentence.lexicon.rules_named(sentence.keyword) if "：" in rule
    }:
        text = re.sub(
            re.escape(source), " ", text, flags=re.IGNORECASE
        )  # WAF那边的SQL注入: a part of its name
    text = ANY_MARK.sub(" ", text)
    left = _uncovered(text, known or _words_of())
    yield from _strange(left)
    yield from _NUMBER.findall(left)
    yield from pattern("cues.unread.alone").findall(left) if known else ()


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


def _names_something(word: str) -> bool:
    conditions = (pattern(f"filters.conditions.{each}") for each in load("filters")["conditions"])
    return re.search(
        r"[A-Za-z0-9]|[一二两三四五六七八九十几半]+(?:天|周|个月|个?小时|分钟)", word
    ) is not None or any(each.search(word) for each in conditions)


def _narrows(word: str, text: str) -> bool:
    """打印机的告警, 孙七手上: it stands before what is listed."""
    return re.search(re.escape(word) + f"(?:{pattern('cues.unread.before').pattern})", text) is not None


def _carried(word: str, arguments: Mapping[str, str]) -> bool:
    return any(value and (word.lower() in value or value in word.lower()) for value in arguments.values())


@cache
def _words_of(
    frame: ToolFrame | None = None, taken: frozenset[str] = frozenset()
) -> tuple["re.Pattern[str]", ...]:
    """What the answer of this tool, with these arguments, tells of, without a tool that of any; and what tells nothing at all."""
    told = frame.tells if frame else _ANY_CUE
    names = [f"filters.{name}" for name in load("cues")["unread"]["of_anything"]]
    names += [
        PATTERNS.get(cue) or f"cues.{cue}"
        for cue in (*told, *PARTS, "ask.see", "ask.list", "said.ours")
        if cue not in _CONDITIONS and (cue in PATTERNS or not frame or not cue.startswith(("said.", "word.")))
    ]
    for cue, (words, arguments) in _CONDITIONS.items():
        if not frame or not taken.isdisjoint(arguments) or (cue in told and frame.tool not in LISTS):
            names += [f"filters.{word}" for word in words]
            names += (
                [PATTERNS[cue]] if cue in PATTERNS else [f"cues.{cue}"] if not cue.startswith("said.") else []
            )
    names += [f"cues.act.{act}" for act in load("cues")["act"] if frame and "noun.proposal" in told]
    names += ["courtesies.neutral", "courtesies.asking", "courtesies.thanks", "cues.unread.asides"]
    return tuple(pattern(name) for name in names)


def _untold(sentence: Sentence, intent: Intent, frame: ToolFrame) -> list[str]:
    """Words that are neither an argument of the intent nor what its tool tells of, though another tool may know them."""
    if "query" in intent.arguments:  # the sentence itself is searched for
        return []
    values = _taken(intent)
    taken = {intent.tool, *values}
    words = unread(sentence, _words_of(frame, frozenset(taken)))
    by_source = values.get("group_by") == "source"
    left = [
        one
        for one in words
        if not (len(one) > 1 and _carried(one, values))
        and not (by_source and count_products(one, sentence.lexicon.keywords))
    ]
    if intent.tool in LISTS:
        said = [(word, _CONDITIONS[cue][1]) for cue, word in cues_of(sentence).items() if cue in _NARROWING]
        return [*left, *(one for one, takers in said if taken.isdisjoint(takers) and one not in left)]
    if intent.tool not in load("talk")["cards"]:
        return left
    clauses = map(str.strip, _PIECE.findall(sentence.question.text))
    return [each for each in clauses if any(word in each for word in left)]
