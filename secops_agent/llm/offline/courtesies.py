"""What people say before and after a request: 麻烦帮我, 老师, 谢谢啦. It is taken off; a word of asking is remembered."""

from dataclasses import dataclass

from .words import pattern


@dataclass(frozen=True, slots=True)
class BareRequest:
    """The bare request; ``asking``: 请问, 我想知道 … stood before it, so it is no order.

    ``pleading``: 麻烦, 烦请 … stood directly before it, and may have been said to somebody: 麻烦张三处理告警 146.
    """

    text: str
    asking: bool = False
    pleading: bool = False


def strip_courtesies(plain: str) -> BareRequest:
    """The normalised sentence without greetings, forms of address and thanks at its ends."""
    text, asking, pleading = plain, False, False
    first, last, urged = (pattern(f"courtesies.{name}") for name in ("first", "last", "urged"))
    while (match := first.match(text)) and match.end() < len(text):
        # A short word such as 急 or 早 is only an address when something separates it from the rest.
        if not match["gap"] and pattern("courtesies.glued").search(match.group()):
            break
        pleading = bool(pattern("courtesies.pleading").match(match.group()))
        text, asking = text[match.end() :], asking or bool(match["asking"])
    while (match := last.search(text)) and match.start() > 0 and not urged.fullmatch(text):
        text = text[: match.start()]
    return BareRequest(text, asking, pleading)
