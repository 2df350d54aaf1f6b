"""What people say before and after a request: 麻烦帮我, 老师, 谢谢啦. It is taken off; a word of asking is remembered."""

import re
from dataclasses import dataclass

from .words import pattern


@dataclass(frozen=True, slots=True)
class Request:
    """The bare request; ``asking``: 请问, 我想知道 … stood before it, so it is no order.

    ``pleading``: 麻烦, 烦请 … stood directly before it, and may have been said to somebody: 麻烦张三处理告警 146.
    """

    text: str
    asking: bool = False
    pleading: bool = False


def strip_courtesies(plain: str) -> Request:
    """The normalised sentence without greetings, forms of address and thanks at its ends."""
    text, asking, pleading = plain, False, False
    while (
        (match := pattern("courtesies.first").match(text)) and match.end() < len(text) and _separates(match)
    ):
        pleading = bool(pattern("courtesies.pleading").match(match.group()))
        text, asking = text[match.end() :], asking or bool(match["asking"])
    urged = pattern("courtesies.urged")
    while (
        (match := pattern("courtesies.last").search(text)) and match.start() > 0 and not urged.fullmatch(text)
    ):
        text = text[: match.start()]
    return Request(text, asking, pleading)


def _separates(match: "re.Match[str]") -> bool:
    """A short word such as 急 or 早 is only an address when something separates it from the rest."""
    return bool(match["gap"]) or not pattern("courtesies.glued").search(match.group())
