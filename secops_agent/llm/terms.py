"""The terms of a text, for finding one by another: Chinese in pairs of characters, English by the stems of its words."""

import re
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*|[一-鿿]+")
_LONGEST: Final = 60
# What English people say around the thing they mean.
_WORDS: Final = """
a about after again all also am an and any are as at be been before being between both but by can could did do does doing done
each else for from get give got had has have he her here how i if in into is it its just know let like made make many may me more
most much must my need no not of off on one only or our out over own please same she should show so some such take tell than that
the their them then there these they thing this those through to too under until up us use used using very want was way we well
were what when where whether which while who whose why will with within without would you your
"""
_SILENT: Final = frozenset(_WORDS.split())
_ENDING: Final = re.compile(
    r"(\w{4,}?)(?:ations?|at(?:ing|e|ed|es|ors?)|ing(?:s|ly)?|ed(?:ly)?|[ea]nc(?:e|es|y)|ent(?:ly)?|ants?|ions?|ments?"
    r"|it(?:y|ies)|ies|[eo]rs?|ives?|ous(?:ly)?|al(?:s|ly)?|ly|es|e|y)|(\w{2,}[^s])s"
)
_DOUBLED: Final = re.compile(r"([^lsz\d])\1$")


def terms(text: str) -> list[str]:
    """In order, with repetitions; words that carry no meaning are left out.

    A name with a digit in it (web-01, T1110.001, CVE-2021-44228) is one term, and its parts are terms, too.
    """
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if "一" <= word[0] <= "鿿":
            found += [word[at : at + 2] for at in range(len(word) - 1)] or [word]
        elif word.isalpha():
            found += () if word in _SILENT else (stem(word),)
        else:
            found += _parts(word)
    return found


def _parts(word: str) -> list[str]:
    parts = re.split(r"[._-]", word)
    whole = [word[:_LONGEST]] if any(map(str.isdigit, word)) or len(parts) == 1 else []
    return whole + [stem(part) for part in parts if len(parts) > 1 and len(part) > 1 and part not in _SILENT]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """detecting, detection, detects → detect. The stem need be no word: it only has to be the same for all of them."""
    word = word[:_LONGEST]
    if word.endswith("ysis"):
        return f"{word[:-4]}yz"
    found = _ENDING.fullmatch(word)
    return _DOUBLED.sub(r"\1", found[1] or found[2]) if found else word
