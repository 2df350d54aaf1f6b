"""The lines that change shifts, of who is named and the days that are: which of them is meant the asker tells by a tap."""

import re
from itertools import pairwise
from typing import Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import Sentence

_WEEKDAY_OF_DATE: Final = re.compile(r"(?<=[\d号日])\s*[(（]?\s*(?:周|星期|礼拜)[一二三四五六日天]\s*[)）]?")


def shift_lines(sentence: Sentence) -> tuple[Suggestion, ...]:
    """A swap with the one who is named, or one of two in the other's place; none without a day, or for a range of days."""
    text = _WEEKDAY_OF_DATE.sub(" ", sentence.plain)
    dates = list(pattern("schedules.rota.dates").finditer(text))
    between = [text[one.end() : other.start()].strip() for one, other in pairwise(dates)]
    named = [str(one.value) for one in sentence.order.found(Kind.PERSON)]
    others = [one for one in dict.fromkeys(named) if one != sentence.asker]
    if not dates or {"到", "至", "-", "~"} & {*between}:
        return ()
    said = [one[0] for one in dates]
    narrow = [one for one in said if not pattern("schedules.rota.wide").fullmatch(one)]
    days = "和".join(dict.fromkeys(narrow or said))
    part = next((one for one in says.PARTS if pattern(f"schedules.rota.{one}").search(text)), "")
    match others:
        case [one]:
            return says.swap(one, days), says.cover("我", days, one, part), says.cover(one, days, part=part)
        case [one, other]:
            return says.cover(one, days, other, part), says.cover(other, days, one, part)
    return ()
