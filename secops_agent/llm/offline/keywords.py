"""The word that a list is narrowed by, only on evidence: it is in the lexicon or a known attack or product, in
quotation marks, marked as one (X 类的, 叫 X), or stands as a name directly before the noun (X 告警)."""

import re
from functools import cache

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Skeleton

from .words import load, pattern, wordset

_LONGEST_NAME = 24


def find_known(text: str, keywords: frozenset[str], *lists: str) -> str:
    """A rule, an attack or a product in the text, as it was typed: an attack before a product, then the longest."""
    found = [text[start:end] for start, end in _find_words(text, *(lists or ("attacks", "products")))]
    found += _of_lexicon(text, keywords)
    return max(found, key=lambda word: (not _is_product(word), len(word)), default="")


def count_products(text: str, keywords: frozenset[str]) -> int:
    """How many sources the sentence names: two of them are compared."""
    known = {text[start:end].lower() for start, end in _find_words(text, "products")}
    return len(known | {word.lower() for word in _of_lexicon(text, keywords)})


def find_keyword(skeleton: Skeleton, nouns: str, *, of_assets: bool = False) -> str:
    """What the noun (a list of words: 告警, 资产) is narrowed by; "" when nothing is evidence enough."""
    text, noun = skeleton.text, pattern(nouns)
    quoted = pattern("keywords.quoted").search(text)
    if quoted and not noun.fullmatch(quoted["word"]):
        return skeleton.expand(quoted["word"])
    text = pattern("keywords.purpose").sub("", text)
    marked, before = _marked(text, noun), _before_noun(text, noun, strict=not of_assets)
    known = find_known(noun.sub(" ", text), frozenset(), "asset_words") if of_assets else ""
    return known or marked or before


def _is_product(word: str) -> bool:
    return word.lower() in wordset("keywords.products")


def _of_lexicon(text: str, keywords: frozenset[str]) -> list[str]:
    lowered = text.lower()
    sizes = range(2, min(len(text), _LONGEST_NAME) + 1)
    places = ((i, n) for n in sizes for i in range(len(text) - n + 1)) if keywords else ()
    return [text[i : i + n] for i, n in places if lowered[i : i + n] in keywords]


def _marked(text: str, noun: "re.Pattern[str]") -> str:
    for way in load("keywords")["marked"]:
        for match in pattern(f"keywords.marked.{way}").finditer(text):
            word = _clean(match["word"])
            if word and not ANY_MARK.search(word) and len(noun.sub("", word)) == len(word):
                return word
    return ""


def _before_noun(text: str, noun: "re.Pattern[str]", *, strict: bool) -> str:
    """``strict``: a Chinese name that nobody knows must hold a technical word."""
    for match in noun.finditer(text):
        found = pattern("keywords.before_noun").search(text[: match.start()])
        word = _clean(found["word"]) if found else ""
        if word and not noun.search(word) and (word.isascii() or _is_technical(word) or not strict):
            return word
    return ""


def _is_technical(word: str) -> bool:
    return pattern("keywords.technical").search(word) is not None


def _clean(phrase: str) -> str:
    """The phrase without verbs at its edges; "" when it is no name."""
    word = phrase.strip()
    for edge in ("edges", "first_verb", "edges"):
        word = pattern(f"keywords.{edge}").sub("", word).strip()
    common = wordset("keywords.common_english")
    plain = word.isascii() and common.issuperset(word.lower().split())
    if len(word) < 2 or plain or word.isdigit() or word.lower() in wordset("keywords.no_names"):
        return ""
    whose = pattern("keywords.organisation").search(word) and not _is_technical(word)
    return "" if whose else word


def _find_words(text: str, *lists: str) -> list[tuple[int, int]]:
    """Where known words of `words/keywords.toml` stand, the longest at each place, none inside another."""
    return [match.span() for match in _words(*lists).finditer(text)]


@cache
def _words(*lists: str) -> "re.Pattern[str]":
    """What has a space may be written without it; no letter or digit touches an English word."""
    words = sorted({word for name in lists for word in wordset(f"keywords.{name}")}, key=len, reverse=True)
    said = "|".join(re.escape(word).replace("\\ ", " ?") for word in words)
    starts = re.escape("".join(sorted({word[0] for word in words})))
    touched = "[a-z0-9_-]"
    return re.compile(
        rf"(?=[{starts}])(?:(?<!{touched})|(?!{touched}))(?:{said})(?:(?!{touched})|(?<!{touched}))",
        re.IGNORECASE,
    )
