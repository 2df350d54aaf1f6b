"""Wordings: the letters of what a model writes in the asker's name, beside the letters of what the asker typed."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from typing import Final

from bifang.channels.text.visible import visible

CLAUSE: Final = re.compile("[^，,。；;！!？?\n]+")
BETWEEN: Final = re.compile(r"[\W_]+")
NOT: Final = re.compile("[不没勿未无莫非]|别(?!忘|的)|禁止")
SUPPOSED: Final = re.compile("如果|要是|假如|倘若|万一|除非|一旦|等[^，,]{1,14}(?:再|就|才|后)")
WIDE: Final = re.compile("[\u4e00-\u9fff]")
_NAME: Final = re.compile(r"[a-z0-9][\w.:/-]*", re.ASCII)
_TOKEN: Final = re.compile(rf"{WIDE.pattern}|[a-z0-9][a-z0-9_.:/-]*|\w")
_COURTEOUS: Final = re.compile(r"请您?|麻烦您?|谢谢|辛苦了?|一下|尽快|[你您他她]们?|[的了吧哈呢啊]")


def skeleton(clause: str) -> tuple[str, frozenset[str]]:
    """The letters of a clause, of whatever script, with nothing between them, and its names and figures apart."""
    plain = _plain(clause)
    names = frozenset(name.rstrip(".:/-") for name in _NAME.findall(plain))
    return BETWEEN.sub("", _COURTEOUS.sub("", _NAME.sub("", plain))), names


def run_of(text: str) -> str:
    """All letters and figures in their order, without courtesies, marks and gaps."""
    return BETWEEN.sub("", _COURTEOUS.sub("", _plain(text)))


def tokens_of(clause: str) -> list[str]:
    """Its letters and its names and figures, in their order, without courtesies."""
    return _TOKEN.findall(_COURTEOUS.sub("", _plain(clause)))


def covers(said: Sequence[str], typed: Sequence[str], known: Collection[str]) -> bool:
    """Do two thirds of the letters that are said stand in the same order in what was typed, with every name that stands there or is not
    ``known``?"""
    blocks = SequenceMatcher(None, said, typed, autojunk=False).get_matching_blocks()
    kept = [token for block in blocks for token in said[block.a : block.a + block.size]]
    letters, shared = (sum(WIDE.match(token) is not None for token in one) for one in (said, kept))
    names = (token for token in said if not WIDE.match(token) and (token in typed or token not in known))
    return 3 * shared >= 2 * max(letters, 1) and all(kept.count(name) >= said.count(name) for name in names)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", visible(text)).lower()
