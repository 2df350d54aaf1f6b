"""Evidence in an alert: requests, responses and command lines, made readable and without the secrets of whom they come from.

What is masked is masked before anything is taken from the record, so that neither the description nor the kept event has it.
"""

import binascii
import json
import re
import zlib
from contextlib import suppress
from typing import Any, Final

from bifang.core.secrets.redaction import HIDDEN, redact

from .fields import Table

_GZIP_IN_BASE64: Final = "H4sI"
_MOST_UNPACKED: Final = 64 << 10
_MOST_TIMES: Final = 20  # of its length: as for an xlsx
_WORDS: Final = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|secret[_-]?key|token|jsessionid|phpsessid|sessionid)"
)
_KEY: Final = re.compile(
    r"(?:cookies?2?|authorization|passw(?:or)?d|passphrase|pwd|client[_-]?secret|secret[_-]?key|api[_-]?key"
    r"|(?:access|refresh|auth|session|bearer|security)[_-]?token)$",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(
    r"((?:^|[\r\n\"'{,;]|\\n)[ \t]{0,8}(?:HTTP_)?(?:(?:set-)?cookie2?|(?:proxy-)?authorization|x-[\w-]{0,30}(?:key|token))"
    r"\\?[\"']?\s*[:=]\s*\\?[\"']?)((?:(?!\\[rn\"]|;HTTP_|[\r\n\"]).)+)",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(
    rf"((?:^|[^\w.%$-])(?:[\w.%$-]{{0,40}}?{_WORDS}|pass)(?:\\?[\"'\]]|%5D){{0,2}}\s*[=:]\s*)"
    r"(\\\"(?:(?!\\\").)*|\"(?:[^\"\\]|\\.)*|'[^']*|[^&;\s\"',}<)]+)",
    re.IGNORECASE,
)
_PART: Final = re.compile(
    rf"(name=\\?\"[^\"]{{0,60}}{_WORDS}[^\"]{{0,40}}\"(?:\s|\\[rn]){{1,8}})((?:(?!\\[rn]|[\r\n]).)+)",
    re.IGNORECASE,
)
_ELEMENT: Final = re.compile(rf"(<[\w:]{{0,40}}{_WORDS}[^<>]{{0,40}}>)([^<]+)", re.IGNORECASE)
_OPTION: Final = re.compile(
    rf"((?:^|[\s\"'])--?[\w-]{{0,30}}?{_WORDS}[ \t]{{1,8}})([^\s-]\S*)", re.IGNORECASE
)
_SUSPICIOUS: Final = ("pass", "pwd", "secret", "token", "key", "cookie", "authorization", "sess")


def disclosed(data: Table) -> dict[str, Any]:
    """The record with its packed texts unpacked and its secrets masked."""
    return {key: _value(key, value) for key, value in data.items()}


def _value(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return HIDDEN if value and _KEY.search(key) else masked(_unpacked(value))
    if isinstance(value, dict):
        # {"name": "Cookie", "value": "…"}, as lists of headers are written
        named = value.get("name", value.get("key"))
        hidden = isinstance(named, str) and bool(_KEY.search(named)) and isinstance(value.get("value"), str)
        return disclosed({**value, "value": HIDDEN} if hidden else value)
    if isinstance(value, list):
        return [_value(key, item) for item in value]
    return value


def masked(text: str) -> str:
    """The text without cookies, credentials and passwords: of headers, parameters, forms, JSON and XML."""
    text = redact(text)
    lower = text.lower()
    if any(word in lower for word in _SUSPICIOUS):
        for pattern in (_HEADER, _PART, _ELEMENT, _PARAMETER, _OPTION):
            text = pattern.sub(_hide, text)
    return text


def _hide(found: "re.Match[str]") -> str:
    quote = next((mark for mark in ('\\"', '"', "'") if found[2].startswith(mark)), "")
    return f"{found[1]}{quote}{HIDDEN}"


def _unpacked(text: str) -> str:
    """What is a JSON text in quotes, or gzip in base64, as what it stands for; what cannot be read stays."""
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        with suppress(ValueError, RecursionError):
            inner = json.loads(text)
            return inner if isinstance(inner, str) else text
    if text.startswith(_GZIP_IN_BASE64):
        with suppress(binascii.Error, zlib.error, ValueError):
            most = min(_MOST_UNPACKED, _MOST_TIMES * len(text))
            found = zlib.decompressobj(31).decompress(binascii.a2b_base64(text), most)
            return found.decode("utf-8", "replace").replace("\0", "\ufffd")
    return text


__all__ = ["disclosed", "masked"]
