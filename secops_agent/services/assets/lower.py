"""Versions as people compare them: by their numbers alone."""

import re
from collections.abc import Sequence


def is_below(version: str, bound: str) -> bool | None:
    """Is it a lower one, by the numbers before anything else in it; None where it has none. The epoch of a package is none of them."""
    mine, other = (_numbers(text) for text in (version, bound))
    if mine is None or other is None:
        return None
    longest = max(len(mine), len(other))
    return _padded(mine, longest) < _padded(other, longest)


def _numbers(version: str) -> list[int] | None:
    found = re.match(r"(?:\d+:)?v?(\d{1,9}(?:\.\d{1,9})*)", version.strip(), re.IGNORECASE)
    return [*map(int, found[1].split("."))] if found else None


def _padded(numbers: Sequence[int], length: int) -> list[int]:
    return [*numbers, *[0] * (length - len(numbers))]
