"""The words of the offline mode: TOML files beside this module, read once.

A list holds words or short regular expressions (at most 150 characters each, without regard to case); ``{name}`` in
one stands for another list of the same file, ``{ASSET}`` for a name of that kind (`skeletons.Kind`). A text of
words between spaces is a plain word list, where ``_`` stands for a space that may be left out.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from secops_agent.llm.offline.expressions.skeletons import Kind, mark

_REFERENCE = re.compile(r"\{([A-Za-z][A-Za-z_0-9]*)\}")


@cache
def load(file: str) -> dict[str, Any]:
    """One file of words."""
    return tomllib.loads((files(__package__) / "words" / f"{file}.toml").read_text(encoding="utf-8"))


@cache
def pattern(name: str) -> "re.Pattern[str]":
    """``file.list`` as a pattern (``file.table.list`` too); a table becomes one with a named group for each list."""
    file, _, key = name.partition(".")
    return re.compile(expression(file, key), re.IGNORECASE | re.ASCII)


def name_of(table: str, text: str) -> str:
    """The first list of a table (``file.table``) that is found in the text; "" for none."""
    file, _, key = table.partition(".")
    return next((name for name in load(file)[key] if pattern(f"{table}.{name}").search(text)), "")


@cache
def wordset(name: str) -> frozenset[str]:
    """``file.text`` as plain words in lower case."""
    file, _, key = name.partition(".")
    return frozenset(word.replace("_", " ").lower() for word in load(file)[key].split())


@cache
def expression(file: str, key: str) -> str:
    """The regular expression of one list or table."""
    table, _, name = key.partition(".")
    value = load(file)[table][name] if name else load(file)[table]
    if isinstance(value, dict):
        return "|".join(f"(?P<{name}>{_join(file, words)})" for name, words in value.items())
    return f"(?:{_join(file, value)})"


def _join(file: str, words: list[str]) -> str:
    return "|".join(_resolve_all(file, word) for word in words)


def _resolve_all(file: str, word: str) -> str:
    return _REFERENCE.sub(lambda match: _resolve(file, match[1]), word)


def _resolve(file: str, name: str) -> str:
    if name.isupper():
        return mark(Kind[name])
    value = load(file)[name]
    if isinstance(value, dict):
        return "(?:" + "|".join(_join(file, words) for words in value.values()) + ")"
    return f"(?:{_join(file, value)})"
