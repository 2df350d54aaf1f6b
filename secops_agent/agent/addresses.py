"""Does something stand in an address? Nothing secret may be put there: who follows it would carry it away.

Asked of a model's words before they are shown, so it errs on the side of yes. No Django here.
"""

import re
from typing import Final

from bifang.channels.visible import visible

# What makes a word an address, or may: a scheme, a path of a host, a name with a dot, an entity that could be any of them.
_SIGN: Final = re.compile(
    r"//|\\\\|\]\(|\]:|\b(?:mailto|tel|sms|dtmd|dingtalk|javascript|data|ftp|file):|www|&#?\w{1,31};"
    r"|[\w-][.．。｡][a-z0-9-]|%[0-9a-f]{2}|@[\w-]",
    re.IGNORECASE | re.ASCII,
)
_URL: Final = re.compile(r"//|www\.|\]\(", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s")
_FENCE: Final = re.compile(r"^[ >]*(?:```|~~~)", re.MULTILINE)
_NEAR: Final = 2000  # characters; no address is longer
_PLACEHOLDER: Final = re.compile(r"\[\[[^\[\]\n]{1,30}\]\]")


def stands_in_address(text: str, start: int, end: int) -> bool:
    """Is ``text[start:end]`` part of a URL, a link's destination, a host's name, or code that holds one?"""
    # As it will be shown: what nobody sees divides no words then.
    before, behind = visible(text[max(0, start - _NEAR) : start]), visible(text[end : end + _NEAR])
    word = _PLACEHOLDER.sub("x", _word_around(before, behind))
    code = visible(_code_around(text, start, end))
    return bool(_SIGN.search(word) or _URL.search(code)) or _in_brackets(before)


def _word_around(before: str, behind: str) -> str:
    """What stands between spaces, with the place itself as an "x"."""
    head = _SPACE.split(before)[-1]
    tail = _SPACE.split(behind, maxsplit=1)[0]
    return f"{head}x{tail}"


def _code_around(text: str, start: int, end: int) -> str:
    """The code span or block that the place is in; "" outside of code."""
    if len(_FENCE.findall(text, 0, start)) % 2:
        block = _FENCE.search(text, end)
        opening = list(_FENCE.finditer(text, 0, start))[-1].end()
        return text[opening : block.start() if block else len(text)]
    line = text[text.rfind("\n", 0, start) + 1 : start]
    if line.count("`") % 2 == 0:
        return ""
    closing = text.find("`", end)
    return line[line.rfind("`") :] + "x" + text[end : closing if closing >= 0 else end + _NEAR]


def _in_brackets(before: str) -> bool:
    """Behind an open destination or "<" of the same paragraph: a space does not end these."""
    paragraph = before.rpartition("\n\n")[2]
    destination = paragraph.rpartition("](")[2] if "](" in paragraph else ")"
    return paragraph.rfind("<") > paragraph.rfind(">") or destination.count("(") >= destination.count(")")
