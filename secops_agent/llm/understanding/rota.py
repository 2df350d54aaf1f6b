"""Whose shift goes to whom, by what people do in the sentence: X 的班给 Y, Y 替 X, 我跟 Y 换. Without a list of reasons: who is named and does
neither is who is relieved.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton, mark
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import expression, pattern
from secops_agent.llm.understanding.entities import Sentence
from secops_agent.llm.understanding.verbs import SpokenVerb, find_doubt

ME = "我"
_MOST_BETWEEN = 13  # days of a range
_NUMERAL = re.compile(r"[一二三四五六七八九十]{1,3}(?=\s*(?:月|号))")
_COLLOQUIAL = re.compile(r"(?P<day>[今明后])儿个?(?!子)")  # 明儿个
_RANGE = re.compile(
    r"(?P<month>\d{1,2}\s*月\s*)?(?P<first>\d{1,2})\s*[号日]?\s*(?:到|至|[-~])\s*(?P<last>\d{1,2})\s*[号日]"
)
_JOINED = re.compile(r"\s*(?:到|至|[-~])\s*")
_WEEKDAY_OF_DATE = re.compile(r"(?<=[\d号日])\s*[(（]?\s*(?:周|星期|礼拜)[一二三四五六日天]\s*[)）]?")


@dataclass(frozen=True, slots=True)
class Rota:
    """What a sentence says of shifts: ``order`` (none: nobody can tell), and the lines that say it, or what it may be."""

    order: Intent | None = None
    lines: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class _Mention:
    who: str
    start: int
    end: int
    comes: bool
    goes: bool
    talks: bool  # is only spoken to


@dataclass(frozen=True, slots=True)
class _Change:
    """``who`` comes in the place of the ``relieved`` ("" of whoever it is); ``both``: and that one in theirs."""

    who: str
    relieved: str
    both: bool = False


def read_rota(sentence: Sentence) -> Rota:
    """Of a sentence that orders something of shifts."""
    text = _text(sentence)
    days, found = _days(text), list(_mentions(text, sentence))
    part = next((one for one in says.PARTS if pattern(f"schedules.rota.{one}").search(text)), "")
    others = list(dict.fromkeys(each.who for each in found if each.who != ME))  # "": nobody who is named
    change = _change(text, found, others)
    if not days or pattern("schedules.rota.unclear").search(text) or not change:
        return Rota(lines=tuple(_lines([*filter(None, others)], days, part)))
    return Rota(_order(change, days, part, sentence.asker), (_line(change, days, part),))


def doubt_of_shifts(order: Skeleton) -> str:
    """As `find_doubt`, of the piece that says who comes; a wish (能不能跟李四换) is no question."""
    act = pattern("schedules.rota.acts").search(order.text)
    ends = re.compile(r"[,，。;；!！\s]|$").search(order.text, act.end() if act else 0)
    at = ends.start() if ends else 0
    doubt = find_doubt(order, [SpokenVerb("swap_shift", at, at, "swap_shift")])
    asks = pattern("schedules.rota.only_asks").search(order.text)
    return "" if doubt == "question" and not asks else doubt


def _line(change: _Change, days: str, part: str) -> Suggestion:
    if change.relieved == ME:
        return says.swap(change.who, days)
    return says.cover(change.who, days, change.relieved, part)


def _order(change: _Change, days: str, part: str, asker: str) -> Intent:
    """``relieved`` "" is whoever has it. What somebody gives away is asked of who is to take it."""
    if change.relieved == ME:
        return Intent("swap_shift", {"colleague": change.who, "when": days})
    said = {
        "person": asker if change.who == ME else change.who, "when": days, "relieved": change.relieved,
        "both": change.both, "part": part,
    }  # fmt: skip
    return Intent("cover_shift", {key: value for key, value in said.items() if value})


def _text(sentence: Sentence) -> str:
    """As it was typed, with marks for people only; days in figures."""
    text, marked = sentence.plain, sentence.order.entities
    people = [(one.raw.strip(), char) for char, one in marked.items() if one.kind is Kind.PERSON]
    for raw, char in sorted(people, key=lambda one: -len(one[0])):
        text = text.replace(raw, char)
    text = _COLLOQUIAL.sub(r"\g<day>天", text)
    return _NUMERAL.sub(lambda one: str(read_integer(one[0])), text)


def _mentions(text: str, sentence: Sentence) -> Iterator[_Mention]:
    me, they = expression("schedules", "rota.me"), expression("schedules", "rota.they")
    named = [""]
    for match in re.finditer(rf"(?P<me>{me})|(?P<they>{they})|{mark(Kind.PERSON)}", text, re.IGNORECASE):
        name = "" if match["me"] or match["they"] else str(sentence.order.entities[match[0]].value)
        before, behind = text[: match.start()], text[match.end() :]
        who = ME if match["me"] or name == sentence.asker else name or _meant(before, named)
        named += [who] if who not in (ME, named[-1]) else []
        goes = any(
            pattern(f"schedules.rota.{one}").search(place)
            for one, place in (("goes", before), ("goes_off", behind))
        )
        comes = pattern("schedules.rota.comes_on").search(behind) or (
            not goes and pattern("schedules.rota.comes").search(before)
        )
        talks = pattern("schedules.rota.with").search(before) and pattern("schedules.rota.talked").search(
            behind
        )
        talks = talks or pattern("schedules.rota.told").search(before)
        yield _Mention(who, match.start(), match.end(), bool(comes), goes, bool(talks))


def _meant(before: str, named: list[str]) -> str:
    """Who 他 is: who was named last; of 李四有事，让王五替他 nobody comes in his own place. "" for nobody who was named."""
    himself = re.search(rf"{mark(Kind.PERSON)}[^,，。;；\s]{{0,3}}$", before)
    if himself and pattern("schedules.rota.goes").search(before):
        return named[-2] if len(named) > 1 else ""
    return named[-1]


def _change(text: str, found: list[_Mention], others: list[str]) -> _Change | None:
    """None where nobody can tell."""
    if "" in others:
        return None
    if both := _with(text, found):
        one, other = sorted(both, key=lambda each: each == ME)
        return _Change(one, other, both=other != ME)
    coming, going = ({one.who for one in found if getattr(one, does)} for does in ("comes", "goes"))
    told = pattern("schedules.rota.both").search(text) is not None
    if told or (coming and coming == going):
        if len(others) == 1:
            return _Change(others[0], ME)
        alone = len(others) == 2 and not any(one.who == ME for one in found)
        return _Change(others[1], others[0], both=True) if alone else None
    come = coming - going or ({*others} - going if len(going) == 1 else set())
    if len(come) != 1:
        return None
    meant = {one.who for one in found if not one.talks} - {ME}
    left = going - come or meant - come or {one.who for one in found if one.who == ME} - come
    (who,) = come
    return _Change(who, next(iter(left), "")) if len(left) <= 1 else None


def _with(text: str, found: list[_Mention]) -> tuple[str, str] | None:
    """Who is named behind 跟, and with whom they exchange: who is named before it, or the asker."""
    for at, one in enumerate(found):
        before = found[at - 1].who if at else ME
        if (
            one.who != before
            and not one.talks
            and pattern("schedules.rota.with").search(text[: one.start])
            and pattern("schedules.rota.swaps").search(text)
        ):
            return one.who, before
    return None


def _lines(others: list[str], days: str, part: str) -> Iterator[Suggestion]:
    """Each a whole line: with whom the asker may swap, who may come in whose place."""
    if not days:
        return
    if len(others) == 2:
        yield says.cover(others[0], days, others[1], part)
        yield says.cover(others[1], days, others[0], part)
    for one in others[:1] if len(others) == 1 else ():
        yield says.swap(one, days)
        yield says.cover(one, days, part=part)


def _days(text: str) -> str:
    """周四和周五, with 和 between; "" where none is said, or nobody can count them."""
    text = _RANGE.sub(_between, text)
    text = _WEEKDAY_OF_DATE.sub(" ", text)
    matches = list(pattern("schedules.rota.dates").finditer(text))
    joined = [text[one.end() : other.start()] for one, other in pairwise(matches)]
    if any(_JOINED.fullmatch(one) for one in joined):
        return ""
    said = [one[0] for one in matches if not text[: one.start()].endswith("不是")]
    days = [one for one in said if not pattern("schedules.rota.wide").fullmatch(one)] or said
    return pattern("schedules.rota.weekend").sub(
        lambda one: f"{one['week'] or ''}周六和{one['week'] or ''}周日", "和".join(dict.fromkeys(days))
    )


def only_days(sentence: Sentence) -> str:
    """The days where the whole sentence says nothing else: 周五, 改成周四和周五吧."""
    text = pattern("cues.edit_lead").sub("", _text(sentence))
    left = pattern("schedules.rota.dates").sub("", re.sub("^(?:改|换|还)*(?:成|为|到|是)*", "", text))
    return "" if left.strip(" ,，。和、吧啊了") else _days(text)


def _between(match: re.Match[str]) -> str:
    """10号到12号 with what lies between."""
    first, last = int(match["first"]), int(match["last"])
    if not first < last <= first + _MOST_BETWEEN:
        return match[0]
    return " ".join(f"{match['month'] or ''}{day}号" for day in range(first, last + 1))
