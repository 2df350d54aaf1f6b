"""Suggested messages: taps where the words are a verb and an id, else the words themselves."""

from collections.abc import Sequence
from typing import Final

from bifang.channels.ports import Suggestion
from bifang.channels.text.outgoing import may_tap

MOST: Final = 3
AND_NOW: Final = "接着可以说："  # before the steps that are only words


def with_steps(
    text: str, steps: Sequence[Suggestion], *, is_group: bool
) -> tuple[str, tuple[Suggestion, ...]]:
    """The text with the steps that nobody can tap, and the taps; in a group all are only words."""
    chosen = list(dict.fromkeys(steps))[:MOST]
    taps = () if is_group else tuple(filter(may_tap, chosen))
    words = "、".join(f"「{step}」" for step in chosen if step not in taps)
    return f"{text}\n\n{AND_NOW}{words}" if words else text, taps
