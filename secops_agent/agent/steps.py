"""What is worth sending next: taps where the words are a verb and an id, else the words themselves."""

from collections.abc import Sequence
from typing import Final

from bifang.channels.outgoing import may_tap
from bifang.channels.ports import Suggestion

MOST: Final = 3


def with_steps(text: str, steps: Sequence[str], *, is_group: bool) -> tuple[str, tuple[Suggestion, ...]]:
    """The text with the steps that nobody can tap, and the taps; in a group all are only words."""
    chosen = list(dict.fromkeys(steps))[:MOST]
    taps = [] if is_group else [tap for step in chosen if may_tap(tap := _suggestion(step))]
    tapped = {f"{tap.verb} {tap.code}".strip() for tap in taps}
    words = "、".join(f"「{step}」" for step in chosen if step not in tapped)
    return f"{text}\n\n接着可以说：{words}" if words else text, tuple(taps)


def _suggestion(step: str) -> Suggestion:
    verb, _, code = step.partition(" ")
    return Suggestion(verb, code)
