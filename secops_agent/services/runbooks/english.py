"""A Chinese question in the English words of the field, for runbooks that are written in English."""

import re
from functools import cache

from secops_agent.llm.offline.words import load

_CHINESE = re.compile(r"[一-鿿]+")


def is_chinese(text: str) -> bool:
    """Whether any of it is."""
    return bool(_CHINESE.search(text))


def in_english(question: str) -> tuple[str, str]:
    """Its English words and those that the glossary has for Chinese ones; and the Chinese that the glossary lacks."""
    asked = question.lower()
    known = [_glossary()[word] for word in _known_words().findall(asked)]
    left = _known_words().sub(" ", asked)
    return " ".join([_CHINESE.sub(" ", left), *known]), " ".join(_CHINESE.findall(left))


@cache
def _glossary() -> dict[str, str]:
    pairs = [pair.split("=") for words in load("glossary").values() for pair in words.split()]
    found = {word: english.replace("_", " ") for written, english in pairs for word in written.split("/")}
    for english, word in load("keywords")["synonyms"].items():
        if english.isascii():
            found[word] = f"{found.get(word, '')} {english}".strip()
    return found


@cache
def _known_words() -> "re.Pattern[str]":
    """The longest at each place."""
    return re.compile("|".join(map(re.escape, sorted(_glossary(), key=len, reverse=True))))
