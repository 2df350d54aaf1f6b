"""Orders about what is set already: another time or one more recipient for a task of the calendar, its end, the end of a watch; named by what
they do. And what a short sentence changes of a message, a task, a watch or a note that was just offered."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from secops_agent.llm.offline.expressions.moments import read_moment
from secops_agent.llm.offline.expressions.recurrence import read_recurrence
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import HOSTS, Sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.reasons import EDGES, Dictated
from secops_agent.llm.understanding.telling import (
    ME,
    as_typed,
    dictated,
    read_telling,
    receivers_in,
    without_border,
)
from secops_agent.llm.understanding.verbs import PIECE

ALL: Final = "全部"
_UNITS: Final = {"小时": 60, "钟头": 60, "分钟": 1, "刻钟": 15}
_TALK: Final = (
    "send_message",
    "create_schedule",
    "watch",
    "comment_alert",
    "comment_case",
    "swap_shift",
    "cover_shift",
)


def read_spoken(sentence: Sentence, focus: Focus) -> Dictated | None:
    """What the whole sentence orders of the calendar, of watches, or to be told; None for none of it."""
    return read_calendar(sentence, focus) or read_telling(sentence, focus)


def read_calendar(sentence: Sentence, focus: Focus) -> Dictated | None:
    """日报定时停了, file-01不用盯了, 日报那个改成八点半, 日报也抄一份给李四，以后天天都抄; None for none of them."""
    typed = as_typed(sentence)
    text = typed.text
    if pattern("cues.asks").search(text):
        return None
    return (
        _ended_watch(text, typed, sentence)
        or _changed(text, typed, sentence)
        or _ended(text, typed, sentence)
    )


def _ended_watch(text: str, typed: Skeleton, sentence: Sentence) -> Dictated | None:
    if not pattern("telling.change.unwatched").search(text):
        return None
    names = [str(one.value) for one in sentence.found(*HOSTS, Kind.IP)]
    names += [sentence.keyword] * bool(sentence.keyword) + [
        one.raw for one in sentence.question.found(Kind.SEVERITY)
    ]
    watched = names[:5] or [ALL]
    actions = tuple(Intent("delete_schedule", {"watched": name}) for name in watched)
    return replace(dictated("delete_schedule", {}), actions=actions)


def _ended(text: str, typed: Skeleton, sentence: Sentence) -> Dictated | None:
    noun = pattern("telling.change.noun").search(text)
    ends = pattern("telling.change.ended").search(text)
    if (
        not noun
        or not ends
        or sentence.first(Kind.SCHEDULE, Kind.ALERT)
        or pattern("telling.change.anew").search(text)
    ):
        return None
    if pattern("telling.change.some_days").search(text):
        return replace(dictated("delete_schedule", {}), actions=(), doubt="pause")
    return dictated("delete_schedule", {"what": _what(text, typed)})


def _what(text: str, typed: Skeleton) -> str:
    """What the task does: 日报, 提醒 db-01; 定时 where nothing of it is said."""
    kind = pattern("telling.kinds").search(text)
    named = [typed.expand(char) for char in text if (one := typed.entities.get(char)) and one.kind in HOSTS]
    words = [kind[0]] if kind else ["提醒"] if re.search("提醒|闹钟|[叫喊]我", text) else []
    return " ".join([*words, *named]) or "定时"


def _changed(text: str, typed: Skeleton, sentence: Sentence) -> Dictated | None:
    """To another time."""
    number = sentence.first(Kind.SCHEDULE)
    to = pattern("telling.change.to_time").search(text)
    if to is None or not (number or pattern("telling.change.noun").search(text)):
        return None
    which = {"schedule_id": number.value} if number else {"what": _what(text[: to.start()], typed)}
    when = _time_of(text[to.end() :], sentence)
    return dictated("change_schedule", {**which, **when}) if when else None


def _time_of(text: str, sentence: Sentence) -> dict[str, str]:
    """The new time: a recurrence, a moment of a day, or a clock of the same days; nothing where it is not understood."""
    said = re.split("[,，;；。]", text.strip(EDGES))[0]
    if (found := read_recurrence(said)) and not said[found.end :].strip(EDGES + "发吧了"):
        return {"cron": found.cron}
    moment = read_moment(said, 0, sentence.now.replace(hour=0, minute=0))  # 八点 is in the morning
    if moment is None or len(said[moment.end :].strip(EDGES + "发吧了再")) > 4:
        return {}
    words = said[: moment.end]
    if (day := re.search("(?:周|星期|礼拜)([一二三四五六日天])", words)) and not re.search(
        "下|这|本|月|号", words[:2]
    ):
        weekday = "日一二三四五六".index(day[1].replace("天", "日"))
        return {"cron": f"{moment.at.minute} {moment.at.hour} * * {weekday}"}
    dated = re.search(r"[明后今]|周|星期|礼拜|月|号|日", words)
    return {"at": f"{moment.at:%Y-%m-%d %H:%M}"} if dated else {"clock": f"{moment.at:%H:%M}"}


# What changes an offer


def retold(sentence: Sentence, focus: Focus) -> tuple[Intent, ...]:
    """The open message, task, watch or note with what this sentence changes of it: 改成七点半, 也给张三一份, 再加一句 …, 只要严重的, 不是 db-01 是
    db-02. Of a report that was just shown: 给张三也发. None where it changes nothing of it."""
    typed, order = as_typed(sentence), focus.order
    if order is None or order.tool not in _TALK:
        return _forwarded(typed, focus)
    if ended := _ended_watch(typed.text, typed, sentence):  # of several
        gone, several = [one.arguments["watched"] for one in ended.actions], (order, *focus.beside)
        left = tuple(one for one in several if one.arguments.get("target") not in gone)
        return left if len(left) < len(several) else ()
    said: dict[str, Any] = {**order.arguments}
    match order.tool:
        case "send_message":
            new = _new_message(said, typed, focus)
        case "create_schedule":
            new = _new_task(said, typed, sentence, focus)
        case _:
            return ()
    return (Intent(order.tool, new),) if new and new != order.arguments else ()


def _forwarded(typed: Skeleton, focus: Focus) -> tuple[Intent, ...]:
    last, people = focus.last, _receivers((), typed, focus)
    if not people or last is None:
        return ()
    reports = {
        "export_case": {"case": str(last.arguments.get("case_id", ""))},
        "security_report": {"report": last.arguments.get("period", "today")},
    }
    about = reports.get(last.tool)
    return (Intent("send_message", {"to": people, **about}),) if about else ()


def _receivers(before: Sequence[str], typed: Skeleton, focus: Focus) -> str:
    """To whom, by its pieces: 也给张三一份 is one more, 发张三，王五不用 and 不对 发张三 are others; "" where a piece says anything else."""
    turned = pattern("cues.said.turns").match(typed.text) or pattern("telling.change.rather").match(
        typed.text
    )
    instead = turned is not None
    also, gone = list[str](), list[str]()
    for piece in filter(None, (one.strip(EDGES) for one in PIECE.split(typed.text))):
        bare = pattern("cues.said.turns").sub("", f"{piece}，").strip(EDGES)
        if not bare or pattern("telling.change.aside").fullmatch(bare):
            continue
        said = pattern("telling.change.also_now").fullmatch(bare)
        denied = None if said else pattern("telling.change.not_to").fullmatch(bare)
        if not (said or denied):
            return ""
        groups = (said or denied).groupdict()  # type: ignore[union-attr]
        (also if said else gone).extend(receivers_in(next(filter(None, groups.values()), ""), typed, focus))
    kept = [] if instead and also else [one for one in before if one not in gone]
    people = [one for one in dict.fromkeys([*kept, *also]) if one != ME]
    return ",".join(people) if also or gone else ""


def _new_message(said: dict[str, Any], typed: Skeleton, focus: Focus) -> dict[str, Any]:
    if people := _receivers([*filter(None, said.get("to", "").split(","))], typed, focus):
        return {**said, "to": people}
    text = typed.text.strip(EDGES)
    told = {"text", "report", "date", "case"} & said.keys()
    if told or not text.startswith(("说", "就说", "跟他说", "问他")):
        return {}
    words = without_border(re.sub("^(?:跟|问)[他她]", "", text))
    return {**said, "text": typed.expand(words).strip(EDGES)}


def _new_task(said: dict[str, Any], typed: Skeleton, sentence: Sentence, focus: Focus) -> dict[str, Any]:
    """Each piece that says days or one more person changes it, and the first that says a time; the others are why: 改成周五下午四点吧，周一太忙了."""
    found, when = {**said}, dict[str, str]()
    for piece in filter(None, (one.strip(EDGES) for one in PIECE.split(typed.text))):
        bare = Skeleton(pattern("cues.said.turns").sub("", piece).strip(EDGES), typed.entities)
        more = _piece_of_task(found, bare, focus)
        if not more and not when and (when := _time_in(found, bare.text, sentence)):
            found = {name: one for name, one in found.items() if name not in ("at", "cron")} | when
        found |= more
    return found


def _piece_of_task(said: dict[str, Any], typed: Skeleton, focus: Focus) -> dict[str, Any]:
    if also := pattern("telling.change.also_now").fullmatch(typed.text):
        people = receivers_in(next(filter(None, also.groupdict().values()), ""), typed, focus)
        before = said.get("to") or ME
        return {"to": ",".join(dict.fromkeys([*before.split(","), *people]))}
    if "cron" in said and pattern("telling.change.workdays").fullmatch(typed.text):
        minute, hour, *_ = str(said["cron"]).split()
        return {"cron": f"{minute} {hour} * * 1-5"}
    return {}


def _time_in(said: dict[str, Any], text: str, sentence: Sentence) -> dict[str, str]:
    several = "cron" in said and re.match(
        "(?:周|星期)[一二三四五六日天][、和]?(?:周|星期)?[一二三四五六日天]", text
    )
    if (
        several and (days := read_recurrence(f"每{text}")) and not days.timed
    ):  # 周一三五就行: at the same hour
        minute, hour, *_ = str(said["cron"]).split()
        return {"cron": " ".join([minute, hour, *days.cron.split()[2:]])}
    if re.search("[不别]|太[早晚]", text):
        return {}
    length = sentence.first(Kind.DURATION) if re.search("以?后|[改换][成到]", text) else None
    if "at" in said and length and length.raw.strip() in text:
        return {"at": f"{sentence.now + timedelta(minutes=int(length.value)):%Y-%m-%d %H:%M}"}
    to = pattern("telling.change.to_time").search(text)
    when = _time_of(text[to.end() :] if to else re.sub("^(?:应该|还)?是", "", text), sentence)
    if "at" in said and "at" in when and not re.search("[点:：时半]|[早晚上中下]午?|凌晨", text):
        return {"at": f"{when['at'][:10]} {str(said['at'])[11:]}"}  # 后天吧: another day at the same time
    return _clocked(said, when["clock"], sentence.now) if "clock" in when else when


def _clocked(said: dict[str, Any], clock: str, now: datetime) -> dict[str, str]:
    """The same days at another time; 3点半 of a day whose morning is over is in the afternoon."""
    if at := said.get("at"):
        hour, _, minute = clock.partition(":")
        late = int(hour) < 12 and f"{str(at)[:10]} {clock}" < f"{now:%Y-%m-%d %H:%M}"
        return {"at": f"{str(at)[:10]} {int(hour) + 12 * late:02}:{minute}"}
    _, _, *days = str(said["cron"]).split()
    hour, minute = clock.split(":")
    return {"cron": f"{int(minute)} {int(hour)} {' '.join(days)}"}
