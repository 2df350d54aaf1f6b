"""Creating a scheduled task: 每天早上9点发日报. A recurrence, a question to run, and words of making or delivering."""

import re
from collections.abc import Callable, Sequence
from functools import cache

from secops_agent.llm.offline.intents import READ_TOOLS, Intent, Wish
from secops_agent.llm.offline.words import load, pattern

from .recurrence import Recurrence, read_recurrence

_BREAKS = " ,，;；。.:：!！~\t"
_UNRULY = re.compile(r"[?？吗么]|为什么|谁|怎么|如何|是否|能不能|要不要")
_REASON = re.compile("[,，。;；]")
_JOINED = re.compile("[a-z0-9_-]{2}", re.IGNORECASE)
_CHOICE = re.compile(r"\(([^()]*)\)")
_Part = tuple[frozenset[str], str]


def read_schedule(text: str, read_task: Callable[[str], Intent | None]) -> Wish | None:
    """The task that a normalised sentence wants to be run; ``read_task`` tells what question a task asks."""
    bare, quoted = _take_quoted(_join(text))
    found = _find_recurrence(bare)
    if not found:
        return None
    before, recurrence, after = found
    first, second = _split(before), _split(after)
    said, *aside = _REASON.split(after, maxsplit=1)
    if trimmed := bool(aside and _split(said)[1]):  # …，老板要看
        second = _split(said)
    tasks = [task for task in (first[1], second[1], quoted) if task]
    told = first[1] and not pattern("schedules.plain").search(first[1])
    if len(tasks) != 1 or told or _is_doubtful(f"{before}，{after}") or not _is_task(tasks[0], read_task):
        return None
    intent = Intent("create_schedule", {"task": tasks[0], "cron": recurrence.cron})
    return Wish(
        intent,
        not trimmed and _is_order(first, second, recurrence),
        when=bare[len(before) : len(bare) - len(after)],
    )


def _join(text: str) -> str:
    """周一上午十点，每周都要，…: what recurs, said beside the day, is put before it."""
    return pattern("schedules.before").sub("每", pattern("schedules.after").sub(r"每\g<day>", text))


def _take_quoted(text: str) -> tuple[str, str]:
    """The sentence without the task that is quoted in it, and the task."""
    found = list(pattern("schedules.quoted").finditer(text))
    if len(found) != 1 or _find_recurrence(found[0]["task"]):
        return text, ""
    return text[: found[0].start()] + text[found[0].end() :], found[0]["task"].strip()


def _find_recurrence(text: str) -> tuple[str, Recurrence, str] | None:
    """What stands before it, the recurrence itself, what stands after it; 每天9点的日报 is none."""
    for match in pattern("times.starts").finditer(text):
        recurrence = read_recurrence(text[match.start() :])
        if recurrence:
            after = text[match.start() + recurrence.end :]
            of_it = pattern("schedules.of_it").match(after)
            return None if of_it else (text[: match.start()], recurrence, after)
    return None


def _split(text: str) -> _Part:
    """The lists of the words around the task, and the task itself."""
    chunks, at = list[tuple[str, str]](), 0  # the list that has the longest word here, and the word
    while at < len(text):
        role, end = _longest(text, at) if text[at] not in _BREAKS else ("break", at + 1)
        chunks.append((role, text[at:end]))
        at = end
    unknown = [i for i, (role, _) in enumerate(chunks) if not role]
    inside = range(unknown[0], unknown[-1] + 1) if unknown else range(0)
    around = frozenset(role for i, (role, _) in enumerate(chunks) if i not in inside)
    return around, "".join(chunks[i][1] for i in inside)


def _longest(text: str, at: int) -> tuple[str, int]:
    """The list of the longest word at a place and where it ends; an English word stands alone."""
    role, end = "", at + 1
    for name, word in _words():
        match = word.match(text, at)
        if match and match.end() >= end + bool(role):
            role, end = name, match.end()
    joined = (at and _JOINED.match(text, at - 1)) or _JOINED.match(text, end - 1)
    return ("", at + 1) if joined else ("" if role == "no_task" else role, end)


@cache
def _words() -> Sequence[tuple[str, "re.Pattern[str]"]]:
    """Each with its list, and the longer of its alternatives first."""
    return [
        (name, re.compile(_CHOICE.sub(lambda m: f"(?:{'|'.join(sorted(m[1].split('|'), key=len, reverse=True))})", word), re.I))
        for name, words in load("schedules")["words"].items()
        for word in words
    ]  # fmt: skip


def _is_order(first: _Part, second: _Part, recurrence: Recurrence) -> bool:
    """Without 新建定时任务 it needs a verb of delivery before the task, or a clock and the task after it."""
    before, words = first[0], first[0] | second[0]
    if "read" in before or ("now" if first[1] else "deliver") in before:
        return False
    if "of_task" in words:
        return "of_task" not in before and bool(words & {"making", "make"})
    if "make" in words or "wish" in words:
        return "make" in words
    return bool(words & {"deliver", "read"}) or (recurrence.timed and not first[1])


def _is_task(task: str, read_task: Callable[[str], Intent | None]) -> bool:
    """A single question about data, never an action."""
    refused = pattern("schedules.acts").search(task) or _find_recurrence(task)
    wanted = read_task(task) if pattern("schedules.ends").search(task) and not refused else None
    return wanted is not None and wanted.tool in READ_TOOLS - {"list_schedules", "service_status"}


def _is_doubtful(said: str) -> bool:
    """A state in the task (未处理) is no doubt, and a verb of delivery makes even 有哪些 a wish."""
    told = pattern("schedules.states").sub("", said)
    doubted = any(
        pattern(f"cues.nothing.{name}").search(told) for name in ("negation", "quotation", "condition")
    )
    return bool(doubted or _UNRULY.search(said) or pattern("schedules.unsent").search(said))
