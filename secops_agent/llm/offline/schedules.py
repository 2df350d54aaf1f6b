"""Creating a scheduled task: 每天早上9点发日报. A recurrence, a question to run, and words of making or delivering."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .doubts import find_doubt
from .intents import READ_TOOLS, Intent
from .orders import Chunk, cut
from .recurrence import Recurrence, read_recurrence
from .words import pattern

_LISTS = (
    "no_task",
    "of_task",
    "make",
    "making",
    "deliver",
    "read",
    "wish",
    "around",
    "please",
    "now",
    "urge",
)
_BREAKS = " ,，;；。.:：!！~\t"
_UNRULY = re.compile(r"[?？吗么]|为什么|谁|怎么|如何|是否|能不能|要不要")


@dataclass(frozen=True, slots=True)
class Schedule:
    """``when`` as it was said, the ``task`` to run; ``certain``: it was ordered, not only spoken of."""

    when: str
    cron: str
    task: str
    certain: bool


def read_schedule(text: str, understand_task: Callable[[str], Intent | None]) -> Schedule | None:
    """The task that a normalised sentence wants to be run; ``understand_task`` tells what a task asks for."""
    bare, quoted = _take_quoted(_join(pattern("schedules.purpose").sub("", text)))
    found = _find_recurrence(bare)
    if not found:
        return None
    before, recurrence, after = found
    parts = (_split(before), _split(after))
    tasks = [task for _, task in parts if task] + ([quoted] if quoted else [])
    if len(tasks) != 1 or _is_doubtful(f"{before}，{after}") or not _is_task(tasks[0], understand_task):
        return None
    if parts[0][1] and (find_doubt(parts[0][1]) or pattern("doubts.by_others").search(parts[0][1])):
        return None
    when = bare[len(before) : len(bare) - len(after)]
    return Schedule(when, recurrence.cron, tasks[0], _is_order(parts, recurrence))


def _join(text: str) -> str:
    """周一上午十点，每周都要，…: what recurs, said beside the day, is put before it."""
    joined = pattern("schedules.after").sub(lambda match: f"每{match['day']}", text)
    return pattern("schedules.before").sub("每", joined)


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


def _split(text: str) -> tuple[frozenset[str], str]:
    """The roles of the words around the task, and the task itself."""
    chunks = [chunk for chunk in _separate(text)]
    unknown = [i for i, chunk in enumerate(chunks) if not chunk.role]
    inside = range(unknown[0], unknown[-1] + 1) if unknown else range(0)
    roles = frozenset(chunk.role for i, chunk in enumerate(chunks) if i not in inside)
    return roles, "".join(chunks[i].text for i in inside)


def _separate(text: str) -> list[Chunk]:
    pieces = re.split(f"([{_BREAKS}]+)", text)
    return [
        chunk
        for piece in pieces
        for chunk in ([Chunk("break", piece)] if piece.strip(_BREAKS) == "" else cut(piece, _LISTS))
    ]


def _is_order(parts: tuple[tuple[frozenset[str], str], ...], recurrence: Recurrence) -> bool:
    """Without 新建定时任务 it needs a verb of delivery before the task, or a clock and the task after it."""
    (first, task_first), (second, _) = parts
    roles = first | second
    if "read" in first or ("deliver" in first and not task_first) or ("now" in first and task_first):
        return False
    if "of_task" in roles and ("of_task" in first or not roles & {"making", "make"}):
        return False
    if roles & {"make", "of_task"}:
        return True
    if "wish" in roles:
        return False
    return bool(roles & {"deliver", "read"}) or (recurrence.timed and not task_first)


def _is_task(task: str, understand_task: Callable[[str], Intent | None]) -> bool:
    """A single question about data, never an action."""
    if pattern("schedules.acts").search(task) or _find_recurrence(task):
        return False
    wanted = understand_task(task) if pattern("schedules.ends").search(task) else None
    return wanted is not None and wanted.tool in READ_TOOLS - {"list_schedules", "service_status"}


def _is_doubtful(said: str) -> bool:
    """A state in the task (未处理) is no doubt, and a verb of delivery makes even 有哪些 a wish."""
    if pattern("schedules.unsent").search(said):
        return True
    doubt = find_doubt(pattern("schedules.states").sub("", said))
    return (
        bool(_UNRULY.search(said)) if doubt == "question" else doubt in ("negation", "quotation", "condition")
    )
