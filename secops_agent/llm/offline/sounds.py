"""Words of this field in the place of what only sounds like them: 静莫 is 静默, 挖框 挖矿, as an input method or a voice has them.

One of the two characters has to be the word's own, but for the words that nothing else sounds like. What is so read is never exact.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from secops_agent.llm.offline.pinyin import sound_of
from secops_agent.llm.offline.words import pattern, wordset

_TWO: Final = 2


def respell(plain: str) -> str:
    """The normalised text with these words in it."""
    words, others, left = _words(), wordset("spelling.other_words"), plain
    for at in range(len(plain) - 1):
        pair = left[at : at + _TWO]
        meant = words.get(_key(pair)) if pair not in others and not pair.isascii() else None
        if not meant or meant == pair:
            continue
        alike = pair[0] == meant[0] or pair[1] == meant[1] or meant in wordset("spelling.sounds_alone")
        inside = pattern("spelling.inside").search(left, max(0, at - 1), at + _TWO + 1)
        if alike and not inside:
            left = left[:at] + meant + left[at + _TWO :]
    return left


@cache
def _words() -> Mapping[str, str]:
    return {_key(word): word for word in wordset("spelling.sounds")}


@cache
def _ending(char: str) -> str:
    """Its syllable; who speaks of the south makes no difference between in and ing."""
    sound = sound_of(char)
    return sound[:-1] if sound.endswith(("ing", "eng")) else sound


def _key(pair: str) -> str:
    return " ".join(map(_ending, pair))
