"""What a call to DingTalk is made for, known to everything that happens on its behalf."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from bifang.channels.ports import Part
from dingtalk_integration.models import Purpose

_spending: ContextVar[Purpose] = ContextVar("spending", default=Purpose.ANSWER)
# Messages outside of a turn, by how their keys begin; what is not listed is said unasked.
_NOTES: Final = {
    "proposal": Purpose.ANSWER,
    "action": Purpose.ANSWER,
    "swap": Purpose.ANSWER,
    "import": Purpose.ANSWER,
    "report": Purpose.REPORT,
}


def current() -> Purpose:
    """What is spent now is spent on this."""
    return _spending.get()


@contextmanager
def spending(purpose: Purpose) -> Iterator[None]:
    """Calls within it are made for this purpose."""
    token = _spending.set(purpose)
    try:
        yield
    finally:
        _spending.reset(token)


def purpose_of(part: Part) -> Purpose:
    """An answer to a turn, or a note that somebody waits for; else an alert or a report."""
    note, _, rest = part.key.partition(":")
    if part.inbox_id is not None or note != "note":
        return Purpose.ANSWER
    return _NOTES.get(rest.partition(":")[0], Purpose.ALERT)
