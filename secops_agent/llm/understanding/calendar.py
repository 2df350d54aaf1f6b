"""Orders about what is set already: another time or one more recipient for a task of the calendar, its end, the end of a watch; named by what
they do. And what a short sentence changes of a message, a task, a watch or a note that was just offered."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from secops_agent.llm.offline.expressions.moments import read_moment
from secops_agent.llm.offline.expressions.numerals import read_number
from secops_agent.llm.offline.expressions.recurrence import read_recurrence
from secops_agent.llm.offline.expressions.reports import period_said
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import HOSTS, Sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.reasons import EDGES, Dictated
from secops_agent.llm.understanding.rota import only_days
from secops_agent.llm.understanding.telling import (
    ME,
    as_typed,
    dictated,
    find_time,
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
        or _changed(text, typed, sentence, focus)
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
    return dictated("delete_schedule", {"what": _what(text, typed, sentence)})


def _what(text: str, typed: Skeleton, sentence: Sentence) -> str:
    """What the task does: 日报, 提醒 db-01, 09:00; 全部 of the asker's own."""
    if pattern("telling.change.all").search(text):
        return ALL
    kind = pattern("telling.kinds").search(text)
    named = [typed.expand(char) for char in text if (one := typed.entities.get(char)) and one.kind in HOSTS]
    spoken = re.search("提醒|闹钟|叫我|喊我", text)
    words = [kind[0]] if kind else ["提醒"] if spoken else []
    if not (kind or named) and (timed := find_time(typed, sentence.now)):
        clock = f"{timed.at:%H:%M}" if timed.at else _clock_of(timed.cron)
        words += [clock] if clock else []
    return " ".join([*words, *named]) or "定时"


def _clock_of(cron: str) -> str:
    minute, hour, *_ = cron.split()
    return f"{int(hour):02}:{int(minute):02}" if minute.isdigit() and hour.isdigit() else ""


def _changed(text: str, typed: Skeleton, sentence: Sentence, focus: Focus) -> Dictated | None:
    """To another time, later by so much, or to one more person."""
    number = sentence.first(Kind.SCHEDULE)
    noun = pattern("telling.change.noun").search(text)
    if not (number or noun):
        return None
    which = {"schedule_id": number.value} if number else {"what": _what_changes(text, typed)}
    if later := pattern("telling.change.later").search(text):
        return dictated("change_schedule", {**which, "later_minutes": _minutes(later)})
    if also := pattern("telling.change.also").search(text):
        people = [one for one in receivers_in(also["to"] or also["to2"], typed, focus) if one != ME]
        lasting = number or pattern("telling.change.lasting").search(text)
        return (
            dictated("change_schedule", {**which, "also_to": ",".join(people)})
            if people and lasting
            else None
        )
    if not (to := pattern("telling.change.to_time").search(text)):
        return None
    when = time_of(text[to.end() :], sentence)
    return dictated("change_schedule", {**which, **when}) if when else None


def _what_changes(text: str, typed: Skeleton) -> str:
    kind = pattern("telling.kinds").search(text)
    return kind[0] if kind else "提醒" if re.search("提醒|闹钟", text) else "定时"


def _minutes(found: re.Match[str]) -> int:
    number = 0.5 if found["n"] == "半" else read_number(found["n"]) or 1
    minutes = round(number * _UNITS[found["unit"]])
    return -minutes if "前" in found[0] else minutes


def time_of(text: str, sentence: Sentence) -> dict[str, str]:
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
            new = _new_message(said, typed, sentence, focus)
        case "create_schedule":
            new = _new_task(said, typed, sentence, focus)
        case "watch":
            new = _new_watch(said, typed, sentence, focus)
        case "swap_shift" | "cover_shift":
            new = {**said, "when": days} if (days := only_days(sentence)) else {}
        case _:
            return _one_more_note(order, typed)
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


def _swapped(text: str, typed: Skeleton) -> tuple[str, str] | None:
    """不是 db-01 是 db-02: the wrong name and the right one."""
    found = re.search(
        r"不是?\s*(?:看|叫|给|发)?\s*(.)[,，\s]*(?:而?是|改成|换成)\s*(?:看|叫|给|发)?\s*(.)", text
    )
    if found is None or not {found[1], found[2]} <= typed.entities.keys():
        return None
    return typed.expand(found[1]), typed.expand(found[2])


def _new_message(said: dict[str, Any], typed: Skeleton, sentence: Sentence, focus: Focus) -> dict[str, Any]:
    text = typed.text.strip(EDGES)
    if written := pattern("telling.change.written_too").fullmatch(text):
        return {**said, "text": f"{said.get('text', '')}，{typed.expand(written['words'])}"}
    if more := pattern("telling.change.one_more").match(text):
        words = typed.expand(without_border(text[more.end() :])).strip(EDGES)
        return {**said, "text": "，".join(filter(None, (said.get("text", ""), words)))} if words else {}
    if people := _receivers([*filter(None, said.get("to", "").split(","))], typed, focus):
        return {**said, "to": people}
    bare = Skeleton(pattern("cues.said.turns").sub("", text).strip(EDGES), typed.entities)
    if "text" in said and (swapped := _corrected(str(said["text"]), bare, sentence)):
        return {**said, "text": str(said["text"]).replace(*swapped)}
    if ("report" in said or "date" in said) and pattern("telling.change.of_period").fullmatch(text):
        return _of_period(said, text, sentence)
    if (
        not said.get("text")
        and not {"report", "date", "case"} & said.keys()
        and text.startswith(("说", "就说", "跟他说", "问他"))
    ):
        return {
            **said,
            "text": typed.expand(without_border(re.sub("^(?:跟|问)[他她]", "", text))).strip(EDGES),
        }
    return {}


def _of_period(said: dict[str, Any], text: str, sentence: Sentence) -> dict[str, Any]:
    """The report of another day, week or month."""
    old = str(said.get("report"))
    kind = "周报" if "week" in old else "月报" if "month" in old else ""
    kept = {name: value for name, value in said.items() if name not in ("report", "date")}
    return kept | period_said(f"{text}{kind}", sentence.now)


def _new_task(said: dict[str, Any], typed: Skeleton, sentence: Sentence, focus: Focus) -> dict[str, Any]:
    """Each piece that says days or one more person changes it, and the first that says a time; the others are why: 改成周五下午四点吧，周一太忙了."""
    found, when = {**said}, dict[str, str]()
    for piece in filter(None, (one.strip(EDGES) for one in PIECE.split(typed.text))):
        bare = Skeleton(pattern("cues.said.turns").sub("", piece).strip(EDGES), typed.entities)
        if (swapped := _corrected(str(said["task"]), bare, sentence)) and swapped[0] in found["task"]:
            found["task"] = found["task"].replace(*swapped)
            continue
        more = _piece_of_task(found, bare, focus)
        if not more and not when and (when := _time_in(found, bare.text, sentence)):
            found = {name: one for name, one in found.items() if name not in ("at", "cron")} | when
        found |= more
    return found


def _corrected(told: str, typed: Skeleton, sentence: Sentence) -> tuple[str, str] | None:
    """不是 db-01 是 db-02; 是 db-02, 机器是2, where one host is told: the wrong name, and the right one."""
    if swapped := _swapped(typed.text, typed):
        return swapped
    said = pattern("telling.change.is_another").fullmatch(typed.text)
    names = dict.fromkeys(filter(sentence.lexicon.asset, re.findall(r"[A-Za-z][\w.-]*", told, re.ASCII)))
    if said is None or len(names) != 1:
        return None
    old, named = min(names), typed.entities.get(said["name"] or "")
    new = (
        named.raw.strip()
        if named and named.kind in HOSTS
        else sentence.lexicon.sibling(old, said["n"] or said["n2"] or "")
    )
    return (old, new) if new else None


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
    to = pattern("telling.change.to_time").search(text)
    days = (
        read_recurrence(f"每{text}")
        if "cron" in said
        and re.match("(?:周|星期)[一二三四五六日天][、和]?(?:周|星期)?[一二三四五六日天]", text)
        else None
    )
    if days and not days.timed:  # 周一三五就行: at the same hour
        minute, hour, *_ = str(said["cron"]).split()
        return {"cron": " ".join([minute, hour, *days.cron.split()[2:]])}
    if re.search("[不别]|太[早晚]", text):
        return {}
    text = re.sub("^(?:应该|还)?是", "", text)
    if "at" in said and (at := _relative(str(said["at"]), text, sentence)):
        return {"at": f"{at:%Y-%m-%d %H:%M}"}
    when = time_of(text[to.end() :] if to else text, sentence)
    if "at" in said and "at" in when and not re.search("[点:：时半]|[早晚上中下]午?|凌晨", text):
        return {"at": f"{when['at'][:10]} {str(said['at'])[11:]}"}  # 后天吧: another day at the same time
    return _clocked(said, when["clock"], sentence.now) if "clock" in when else when


def _relative(at: str, text: str, sentence: Sentence) -> datetime | None:
    """推迟十分钟 from when it was set for; 改成十分钟, 半小时后 from now."""
    if later := pattern("telling.change.later").search(text):
        return sentence.now.strptime(at, "%Y-%m-%d %H:%M") + timedelta(minutes=_minutes(later))
    lengths = [one for one in sentence.found(Kind.DURATION) if one.raw.strip() in text]
    return sentence.now + timedelta(minutes=int(lengths[-1].value)) if lengths else None


def _clocked(said: dict[str, Any], clock: str, now: datetime) -> dict[str, str]:
    """The same days at another time; 3点半 of a day whose morning is over is in the afternoon."""
    if at := said.get("at"):
        hour, _, minute = clock.partition(":")
        late = int(hour) < 12 and f"{str(at)[:10]} {clock}" < f"{now:%Y-%m-%d %H:%M}"
        return {"at": f"{str(at)[:10]} {int(hour) + 12 * late:02}:{minute}"}
    _, _, *days = str(said["cron"]).split()
    hour, minute = clock.split(":")
    return {"cron": f"{int(minute)} {int(hour)} {' '.join(days)}"}


def _new_watch(said: dict[str, Any], typed: Skeleton, sentence: Sentence, focus: Focus) -> dict[str, Any]:
    level = sentence.question.first(Kind.SEVERITY)
    only = pattern("telling.change.only").search(sentence.plain)
    if level and only and not sentence.first(*HOSTS):
        return {**said, "severity": level.value}
    also = pattern("telling.change.call_too").fullmatch(typed.text.strip(EDGES))
    people = receivers_in(also["to"], typed, focus) if also else []
    return {**said, "to": ",".join([said.get("to") or ME, *people])} if people else {}


def _one_more_note(order: Intent, typed: Skeleton) -> tuple[Intent, ...]:
    more = pattern("telling.change.one_more").match(typed.text.strip(EDGES))
    words = typed.expand(without_border(typed.text.strip(EDGES)[more.end() :])).strip(EDGES) if more else ""
    return (order, replace(order, arguments={**order.arguments, "note": words})) if words else ()
