"""Wordings: the letters of what a model writes in the asker's name, beside the letters of what the asker typed."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

from bifang.channels.text.visible import visible
from secops_agent.llm.offline.pinyin import spelled

CLAUSE: Final = re.compile("[^，,。；;！!？?\n]+")
BETWEEN: Final = re.compile(r"[\W_]+")
NOT: Final = re.compile("[不没勿未无莫非]|别(?!忘|的)|禁止")
SUPPOSED: Final = re.compile("如果|要是|假如|倘若|万一|除非|一旦|等[^，,]{1,14}(?:再|就|才|后)")
_MOST_STRETCHES: Final = 2
WIDE: Final = re.compile("[\u4e00-\u9fff]")
NAME: Final = re.compile(r"[a-z0-9][\w.:/-]*", re.ASCII | re.IGNORECASE)
_TOKEN: Final = re.compile(rf"{WIDE.pattern}|[a-z0-9][a-z0-9_.:/-]*|\w")
_COURTEOUS: Final = re.compile(r"请您?|麻烦您?|谢谢|辛苦了?|一下|尽快|[你您他她]们?|[的了吧哈呢啊]")


def skeleton(clause: str) -> tuple[str, frozenset[str]]:
    """The letters of a clause, of whatever script, with nothing between them, and its names and figures apart."""
    plain = _plain(clause)
    names = frozenset(name.rstrip(".:/-") for name in NAME.findall(plain))
    return BETWEEN.sub("", _COURTEOUS.sub("", NAME.sub("", plain))), names


def run_of(text: str) -> str:
    """All letters and figures in their order, without courtesies, marks and gaps."""
    return BETWEEN.sub("", _COURTEOUS.sub("", _plain(text)))


def tokens_of(clause: str) -> list[str]:
    """Its letters and its names and figures, in their order, without courtesies."""
    return _TOKEN.findall(_COURTEOUS.sub("", _plain(clause)))


def covers(said: Sequence[str], typed: Sequence[str], known: Collection[str]) -> bool:
    """Are these tokens (`tokens_of`) one or two stretches of those that were typed, by their sound (处里, 处理)? A name is one that was
    typed, or, where none was, ``known``."""
    own = [token for token in typed if not WIDE.match(token)]
    if any(token not in (own or known) for token in said if not WIDE.match(token)):
        return False
    sounds, heard = ([spelled(token)[0] for token in one if WIDE.match(token)] for one in (said, typed))
    for _ in range(_MOST_STRETCHES):
        sounds = sounds[_longest(sounds, heard) :]
    return not sounds


def _longest(said: Sequence[str], typed: Sequence[str]) -> int:
    """How many sounds at the beginning stand together in what was typed; one alone is none."""
    whole = f" {' '.join(typed)} "
    sizes = range(len(said), 1, -1)
    return next((size for size in sizes if f" {' '.join(said[:size])} " in whole), 0)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", visible(text)).lower()
