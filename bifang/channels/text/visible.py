"""Text without what nobody sees: an order of signs that lies, letters of no width, hidden tags, controls."""

import re
from typing import Final

# Controls (but tab and line feed), soft hyphen, fillers, zero-width signs, orders of writing, variation selectors
# (but the one that colours an emoji), lone surrogates, tags, noncharacters.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff"
    "\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_LINE_END: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACE: Final = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")


def visible(text: str) -> str:
    """What a reader sees of it; every line end is a line feed, every space but the wide one a space."""
    if text.isascii() and text.isprintable():
        return text
    return _SPACE.sub(" ", _INVISIBLE.sub("", _LINE_END.sub("\n", text)))


def visible_value(value: object) -> object:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): visible_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [visible_value(one) for one in value]
    return value
