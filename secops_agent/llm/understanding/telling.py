"""Orders to tell somebody something, now, later or again and again: 跟李四说 …, 把昨天的日报给张三发一份, 明早8点提醒我 …, 每天9点发群里.

Read from the sentence as it was typed: only names are marks. What is read is only ever offered.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final

from secops_agent.llm.offline.expressions.moments import SpokenMoment, read_moment
from secops_agent.llm.offline.expressions.recurrence import on_workdays, read_recurrence
from secops_agent.llm.offline.expressions.reports import period_said
from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, Skeleton
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import load, pattern
from secops_agent.llm.understanding.entities import HOSTS, Sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.reasons import EDGES, Dictated
from secops_agent.llm.understanding.verbs import ACTS, OUTSIDE, SpokenVerb, first_doubt, verbs_in

ME: Final = "我"
NOW: Final = "现在"
SPOKEN: Final = "remind"  # the words of verbs that stand for a whole sentence
CALL_BACK: Final = "请尽快联系我"  # of somebody who is only called
_KINDS: Final = (Kind.PERSON, *HOSTS, Kind.ALERT, Kind.CASE, Kind.HOST)
_CLAUSE: Final = re.compile(r"[,，;；。!！?？\s]+")
_Task = tuple[str, list[str], tuple[str, ...]]  # what it does, for whom, and what it cannot
_QUOTES: Final = '“”"「」『』'
_THIS: Final = re.compile(r"(?:这|那|刚才?|上面)(?:个|句话?|条|段)?的?|")
_BEFORE: Final = re.compile(r"^\s*(?:之|以)?前(?![天日年后面])")
_EARLY: Final = timedelta(minutes=30)  # before a deadline one is reminded of it
_REMINDS: Final = "提醒："
_ROUSED: Final = ("to_call", "to_rouse", "who_is_on", "let")
_CALLED: Final = re.compile(r"[叮钉]|ding|dd|call|艾特|呼", re.IGNORECASE)


def read_telling(sentence: Sentence, focus: Focus) -> Dictated | None:
    """The message, the report for others, or the task of the calendar that is ordered; None for none."""
    typed = as_typed(sentence)
    timed = find_time(typed, sentence.now)
    if timed and (later := _later(timed, sentence, focus)):
        return later
    if timed and timed.cron:
        return None
    return _report(typed, sentence, focus) or _message(typed, focus)


@lru_cache(maxsize=64)
def as_typed(sentence: Sentence) -> Skeleton:
    """The whole sentence as it was typed, with marks only for people, assets, alerts and cases."""
    text = sentence.said or sentence.plain
    named = {
        char: one for char, one in sentence.order.entities.items() if one.kind in _KINDS and one.raw.strip()
    }
    for char, one in sorted(named.items(), key=lambda item: -len(item[1].raw.strip())):
        raw = re.escape(one.raw.strip())
        text = re.sub(rf"(?<![A-Za-z0-9]){raw}(?![A-Za-z0-9])" if raw.isascii() else raw, char, text)
    return Skeleton(text, named)


# Whom


def receivers_in(text: str, said: Skeleton, focus: Focus) -> list[str]:
    """Those whom a piece of the text names, as `tools.operations.recipients` takes them."""
    found: list[str] = []
    for match in _receivers().finditer(text):
        found += _named(match[0], said, focus)
    return list(dict.fromkeys(found))


@cache
def _receivers() -> re.Pattern[str]:
    spoken = (pattern(f"telling.{name}").pattern for name in ("owner", "receiver"))
    return re.compile(f"{'|'.join(spoken)}|{ANY_MARK.pattern}", re.IGNORECASE)


def _named(word: str, said: Skeleton, focus: Focus) -> list[str]:
    marked = said.entities.get(word[0])
    if marked is None and ANY_MARK.match(word):
        return []
    if marked and marked.kind is Kind.PERSON:
        return [str(marked.value)]
    if marked:
        return [f"{marked.value}的负责人"] if pattern("telling.owner").fullmatch(word) else []
    if pattern("telling.me").fullmatch(word):
        return [ME]
    if pattern("telling.them").fullmatch(word):
        people = [*focus.of("person")]
        return people if "们" in word or "俩" in word else people[-1:]
    if pattern("telling.duty").fullmatch(word):
        return ["值班"]
    if pattern("telling.everybody").fullmatch(word):
        return ["所有人"]
    if word.startswith(("这个", "本")):
        return []  # here
    name = re.search(r"(安全|运维|值班|应急|护网)+(?=[组小大工作]*群)", word)
    return [f"{name[0]}群" if name else "群"]


# A message now


def _message(typed: Skeleton, focus: Focus) -> Dictated | None:
    """What stands behind the frame, at the beginning of the sentence or of one of its clauses."""
    for start in _starts(typed.text):
        before, text = typed.text[:start], typed.text[start:]
        if (found := _framed(text)) and not _is_doubtful(before, typed.text):
            return _said(found, text, before, typed, focus)
    return None


def _is_doubtful(before: str, text: str) -> bool:
    """Is it denied, supposed, quoted or reported: 我没有每天…, “每天9点…”, 老板说 跟李四说 …?"""
    told = pattern("telling.quoted").search(text) or pattern("cues.inside.leads").match(text.lstrip("请"))
    denied = pattern("telling.denied").search(before.rstrip(EDGES))
    return bool(told or denied or first_doubt(before, ("negation", "condition", "quotation")))


def _starts(text: str) -> Iterator[int]:
    """Where the sentence and its first clauses begin."""
    yield 0
    yield from (match.end() for match, _ in zip(_CLAUSE.finditer(text), range(3), strict=False))


def _framed(text: str) -> tuple[str, re.Match[str]] | None:
    for name in load("telling")["frame"]:
        if found := pattern(f"telling.frame.{name}").match(text):
            return name, found
    return None


def _people(groups: dict[str, str], before: str, typed: Skeleton, focus: Focus) -> list[str]:
    """Whom the frame names; 他: who was named before it, or was just told to be on call."""
    said = groups.get("to") or groups.get("to2") or ""
    on_duty = {"duty", "duty2"} & groups.keys() or (
        said and focus.last and focus.last.tool == "who_is_on_call" and not focus.last.arguments.get("at")
    )
    named = receivers_in(before, typed, focus)[-1:] if said else []
    found = receivers_in(said, typed, focus)
    found = named or found if pattern("telling.them").fullmatch(said) else found or named
    return found or (["值班"] if on_duty else [])


def _said(
    found: tuple[str, re.Match[str]], text: str, before: str, typed: Skeleton, focus: Focus
) -> Dictated | None:
    name, match = found
    groups = {key: value for key, value in match.groupdict().items() if value}
    people, words = _people(groups, before, typed, focus), text[match.end() :]
    if pattern("telling.no_words").search(words):
        return None
    if before and not words.strip(EDGES) and name not in _ROUSED:
        return None  # …，跟李四说一声 beside something else
    told = _worded(name, groups, words, typed)
    called = name in _ROUSED or _CALLED.search(text[: match.end()])
    told = told or (CALL_BACK if called else "")
    action = {"to": ",".join(people)} if people else {}
    ordered = {verb.tool for verb in verbs_in(Skeleton(before, typed.entities))} & ACTS.keys()
    apart = (f"「{typed.expand(before).strip(EDGES)}」",) if ordered else ()
    return dictated(
        "send_message",
        action | ({"text": told[:500]} if told else {}),
        (*apart, *_cannot(text[: match.end()], words)),
    )


def _worded(name: str, groups: dict[str, str], words: str, typed: Skeleton) -> str:
    """The writer's own words without the frame around them."""
    words = pattern("telling.asked_last").sub("", words)
    words = without_border(words)
    what = groups.get("what", "").strip()
    if what and not _THIS.fullmatch(what):
        words = f"{what}，{words}" if words else what
    said = typed.expand(words).strip(EDGES)  # 李四说“…” keeps both of its marks
    return said.strip(_QUOTES) if said[:1] in _QUOTES or not re.search(r'[“"「『].', said) else said


def without_border(words: str) -> str:
    """Without what only leads to the words: 说一声, 一句, 让他."""
    border = pattern("telling.border").match(words)
    return words[border.end() :] if border else words


def _cannot(head: str, words: str = "") -> tuple[str, ...]:
    """The ways of telling that there are none of."""
    found = pattern("telling.cannot").search(f"{head}{words[:6]}")
    said = found[0].strip(EDGES) if found else ""
    return (f"「{said}」（只能发普通消息，不能打电话、发短信、发邮件或 DING）",) if found else ()


def dictated(tool: str, arguments: dict[str, Any], left: tuple[str, ...] = ()) -> Dictated:
    """An order that the whole sentence is, or its end."""
    return Dictated(SpokenVerb(tool, 0, 0, SPOKEN), (Intent(tool, arguments),), left=left)


# A report now


def _report(typed: Skeleton, sentence: Sentence, focus: Focus) -> Dictated | None:
    """周报给李四一份, E2报告发王五跟李四, pdf的: for somebody else than the asker."""
    text = pattern("telling.report.kept").sub(" ", typed.text)
    if pattern("telling.quoted").search(text) or pattern("telling.tailed").search(text.strip(EDGES)):
        return None
    told = pattern("telling.report.said").search(text)
    head = text[: told.start()] if told else text
    about = _reported(head, typed, sentence)
    if (
        not about
        or not pattern("telling.report.sends").search(head)
        or pattern("telling.report.refused").search(head)
    ):
        return None
    people = [one for one in receivers_in(head, typed, focus) if one != ME]
    if not people:
        return None
    if pattern("telling.change.lasting").search(head) and not about.get("case"):
        return None
    file = pattern("telling.report.file").search(text)
    about |= {"file": file.lastgroup} if file else {}
    about |= {"text": typed.expand(told["text"]).strip(EDGES)} if told else {}
    return dictated("send_message", {"to": ",".join(people), **about})


def _reported(text: str, typed: Skeleton, sentence: Sentence) -> dict[str, Any]:
    """Which report: its period, or its case."""
    case = next((one for char, one in typed.entities.items() if one.kind is Kind.CASE and char in text), None)
    if case and re.search("报告|材料", text):
        return {"case": str(case.value)}
    if pattern("telling.kinds").search(text) or re.search(r"月度|周度", text):
        return period_said(text, sentence.now)
    return {}


def _without_delivery(text: str, typed: Skeleton, focus: Focus) -> tuple[str, list[str]]:
    """A question as it is typed, and to whom its answer goes."""
    people: list[str] = []

    def take(match: re.Match[str]) -> str:
        said = next(value for name, value in match.groupdict().items() if value)
        people.extend(receivers_in(said, typed, focus))
        return " "

    rest = pattern("telling.later.delivers").sub(take, text)
    rest = pattern("telling.later.ask").sub("", re.sub(r"^[\s,，]*(?:把|将)", "", rest).strip(EDGES))
    return " ".join(typed.expand(rest).split()).strip(EDGES), list(dict.fromkeys(people))


# Later, and again and again


@dataclass(frozen=True, slots=True)
class Timed:
    """``cron`` of what recurs, or ``at`` of what is done once, ``until`` of 4点前; what stands before and behind it, with the marks of ``said``."""

    said: Skeleton
    before: str
    after: str
    cron: str = ""
    at: datetime | None = None
    is_deadline: bool = False
    until: datetime | None = None

    def arguments(self, now: datetime) -> dict[str, str]:
        """As the tool takes it: 4点前 is half an hour earlier, or half of what is left."""
        if self.at and self.until and self.until > now:
            return {"at": f"{self.at - min(_EARLY, (self.at - now) / 2):%Y-%m-%d %H:%M}"}
        return {"at": f"{self.at:%Y-%m-%d %H:%M}"} if self.at else {"cron": self.cron}


def find_time(said: Skeleton, now: datetime) -> Timed | None:
    """每天9点 anywhere; 明早8点 where the order begins, or behind 提醒我."""
    text = pattern("telling.later.early_late").sub(lambda m: f"{m['part']}上{m['h']}点", said.text)
    text = re.sub(r"(?<=点)(?=[早晚]上?\d)|(?<=\d)跟(?=\d{1,2}[:点])", "和", text)
    for match in pattern("times.starts").finditer(text):
        if found := read_recurrence(text[match.start() :]):
            after = text[match.start() + found.end :]
            lost = not found.timed and re.match(r"[^,，]{0,3}?[\d一二两三四五六七八九十]+\s*[点:]", after)
            cron = (
                said.expand(text[match.start() :])[:12] if lost or after.startswith("最后一") else found.cron
            )
            return Timed(said, text[: match.start()], *on_workdays(after, cron))
    if bad := pattern("telling.later.every_bad").search(text):
        return Timed(said, text[: bad.start()], text[bad.end() :], bad[0])
    for place in _places(text):
        if (found_at := read_moment(text, place, now)) and _is_clear(found_at, text):
            after = _BEFORE.sub("", text[found_at.end :])
            until = found_at.at if len(after) < len(text) - found_at.end else None
            late = until is not None or text[: found_at.end].endswith("前")
            return Timed(said, text[:place], after, at=found_at.at, until=until, is_deadline=late)
    return None


def _places(text: str) -> Iterator[int]:
    """Where the moment of an order may stand: at its beginning, behind 提醒我, at the beginning of a later clause."""
    lead = pattern("telling.lead")
    for start in _starts(text):
        begin = lead.match(text, start)
        place = begin.end() if begin else start
        yield place
        if wish := pattern("telling.later.wishes").match(text, place):
            yield wish.end() + len(text[wish.end() :]) - len(text[wish.end() :].lstrip(EDGES))
        if remind := pattern("telling.later.remind").match(text[start:]):
            end = start + remind.end()
            yield end + len(text[end:]) - len(text[end:].lstrip(EDGES))


def _is_clear(found: SpokenMoment, text: str) -> bool:
    """A day or a part of it alone, and what stands in a later clause, is the time only of a reminder: 下周一提醒李四接班."""
    after, before = text[found.end :].lstrip(EDGES), text[: found.start]
    reminds = any(pattern(f"telling.later.{name}").match(after) for name in ("remind", "tells"))
    first = pattern("telling.lead").fullmatch(before) or pattern("telling.later.wishes").search(before)
    return bool(reminds or "提醒" in before or (found.clear and first))


def _later(timed: Timed, sentence: Sentence, focus: Focus) -> Dictated | None:
    """What is to be done then: a reminder, a report, a question."""
    said = timed.said
    before, after = (pattern("telling.later.wishes").sub(" ", part) for part in (timed.before, timed.after))
    rest = f"{before.strip(EDGES)} {after.strip(EDGES)}".strip()
    tailed = timed.cron and pattern("telling.tailed").search(said.text.strip(EDGES))
    if tailed or not rest.strip(EDGES) or _is_doubtful(before, said.text):
        return None
    if pattern("telling.later.dangerous").search(rest) and not pattern("telling.later.remind").search(rest):
        return None
    found = _reminder(before.strip(EDGES), after.strip(EDGES), said, focus) or _task(
        rest, timed, sentence, focus
    )
    if found is None:
        return None
    task, people, left = found
    private = pattern("telling.privately").search(said.text) and {*people} <= {ME}
    to = {"to": ",".join(people or [ME])} if private or [one for one in people if one != ME] else {}
    if timed.until and task.startswith(_REMINDS):
        task = f"{_REMINDS}{timed.until:%H:%M} 前{task.removeprefix(_REMINDS)}"
    return dictated("create_schedule", {"task": task[:190], **timed.arguments(sentence.now), **to}, left)


def _reminder(before: str, after: str, said: Skeleton, focus: Focus) -> _Task | None:
    """提醒我看 db-01, 叮李四看 jump-01, 给李四发一句 …; 提醒我 before the time too. None where data is wanted: 告诉我还有多少 …"""
    head = pattern("telling.later.remind").match(before)
    for text, match in (
        (after, head),
        (after, pattern("telling.later.remind").match(after)),
        (after, pattern("telling.later.tells").match(after)),
    ):
        if match is None:
            continue
        to = next(value for name, value in match.groupdict().items() if value and name.startswith("to"))
        words = text if match is head else text[match.end() :]
        if pattern("telling.past").search(words):
            return None
        if "verb" not in match.groupdict() and (
            pattern("telling.later.data").search(words) or pattern("telling.kinds").search(words)
        ):
            return None
        told = said.expand(without_border(words)).strip(EDGES).strip(_QUOTES)
        told = (
            told
            or said.expand("" if match is head else before).strip(EDGES)
            or ("时间到了" if "我" in to else "")
        )
        people = receivers_in(to, said, focus)
        return (f"{_REMINDS}{told}", people, _cannot(match[0])) if told and people else None
    return None


def _task(rest: str, timed: Timed, sentence: Sentence, focus: Focus) -> _Task | None:
    """日报发群里, 把支付系统的告警情况发张三: what is made or looked up then."""
    said = timed.said
    refused = not pattern("telling.later.data").search(rest) and pattern("telling.report.refused").search(
        rest
    )
    if refused or pattern("telling.tailed").search(said.text.strip(EDGES)):
        return None
    if kind := pattern("telling.kinds").search(rest):
        people = receivers_in(rest, said, focus)
        sends = pattern("telling.report.sends").search(rest) or timed.at
        mine = not timed.at and not [one for one in people if one != ME]
        mine = mine and pattern("telling.later.bare").sub("", rest).strip(EDGES) != ""
        when = pattern("telling.later.of_when").search(rest)
        title = f"{when[0] if when else ''}{kind[0].replace('抱', '报')}".replace("的", "")
        return (title, people, ()) if sends and not mine else None
    task, people = _without_delivery(rest, said, focus)
    wanted = pattern("telling.later.data").search(task)
    delivered = people or task != said.expand(rest).strip(EDGES)
    return (task, people, ()) if wanted and delivered and len(task) > 2 else None


def find_later(verbs: Sequence[SpokenVerb], sentence: Sentence) -> str:
    """ "later" where something outside is to be done at a moment that is ahead: 明天8点帮我把 file-01 解除隔离; else ""."""
    if not {verb.tool for verb in verbs} & {*OUTSIDE}:
        return ""
    timed = find_time(as_typed(sentence), sentence.now)
    first = timed and not timed.before.strip(EDGES)
    ahead = timed and first and timed.at and timed.at > sentence.now and not timed.is_deadline
    return "later" if ahead else ""


def asks_somebody(sentence: Sentence) -> bool:
    """问下张三 …: is somebody else asked, and not the robot?"""
    typed = as_typed(sentence)
    found = _framed(typed.text)
    return bool(found and found[0] == "to_tell" and re.match("(?:请|麻烦|帮我|帮忙)*问", typed.text))


def names_others(sentence: Sentence, focus: Focus) -> bool:
    """Does an order of the calendar name somebody else than the asker, or a group: it is none for this conversation?"""
    told = read_telling(sentence, focus)
    return bool(told and any("to" in one.arguments and one.tool == "create_schedule" for one in told.actions))
