"""Values that every simulator writes: ids, times, JSON."""

import json
import re
import secrets
import time
from typing import Any

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def mint(prefix: str) -> str:
    """A fresh unguessable id."""
    return prefix + secrets.token_hex(12)


def now_ms() -> int:
    """Epoch milliseconds."""
    return int(time.time() * 1000)


def dump(value: Any) -> str:
    """Compact JSON, Chinese left readable. Half a surrogate pair, which UTF-8 cannot carry, stays an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return LONE_SURROGATE.sub(lambda half: f"\\u{ord(half.group()):04x}", text)
