"""JSON on the way of every message: `orjson`, and the standard library for what only that one takes.

Which is: NaN and Infinity when reading (they are written as null), lone surrogates, and when writing keys that are no
text and integers above 64 bits (when reading, those become floats).
"""

import json
from collections.abc import Callable
from typing import Any

import orjson


def decode(text: str | bytes) -> Any:
    """What the text holds. Raises ValueError, or RecursionError for nesting that nobody reads."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


def encode(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """The value as compact text. TypeError for what is no JSON and what `default` does not turn into it."""
    try:
        return orjson.dumps(value, default).decode()
    except TypeError:
        return json.dumps(value, separators=(",", ":"), default=default)
