"""Evidence in an alert: requests, responses and command lines, made readable and without the secrets of whom they come from.

What is masked is masked before anything is taken from the record, so that neither the description nor the kept event has it.
"""

import binascii
import json
import re
import zlib
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from .fields import Table

HIDDEN: Final = "***"
_GZIP_IN_BASE64: Final = "H4sI"
_TELLING: Final = 40  # characters at the end of a key
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
_BEARER: Final = re.compile(r"(\bbearer\s{1,8})([\w.~+/=-]{16,})", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(://[^/\s:@]{0,60}:)([^@/\s]{1,100})(?=@)")
_API_KEY: Final = re.compile(r"()(\b(?:sk-|bf_)[\w-]{16,})")
_OPTION: Final = re.compile(
    rf"((?:^|[\s\"'])--?[\w-]{{0,30}}?{_WORDS}[ \t]{{1,8}})([^\s-]\S*)", re.IGNORECASE
)
_PATTERNS: Final = (_BEARER, _USERINFO, _API_KEY, _HEADER, _PART, _ELEMENT, _PARAMETER, _OPTION)
# One quick look at a whole record and then at each text: most hold nothing of the kind, and plain searches are what it can be had for.
_SUSPICIOUS: Final = (
    "pass", "pwd", "secret", "token", "cookie", "authorization", "sessionid", "phpsessid", "apikey", "api_key", "api-key", "-key", "secretkey", "ticket",
    "bearer", "sk-", "bf_", "session", "@", "h4si", "'\"",
)  # fmt: skip


def disclosed(data: Table) -> dict[str, Any]:
    """The record with its packed texts unpacked and its secrets masked."""
    return _object(data) if _is_suspicious(str(data)) else dict(data)


def _is_suspicious(written: str) -> bool:
    lower = written.lower()
    return any(word in lower for word in _SUSPICIOUS)


def _object(data: Table) -> dict[str, Any]:
    return {key: _value(key, value) for key, value in data.items()}


def _value(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return HIDDEN if value and _is_secret(key) else masked(_unpacked(value))
    if isinstance(value, dict):
        # {"name": "Cookie", "value": "…"}, as lists of headers are written
        named = value.get("name", value.get("key"))
        hidden = isinstance(named, str) and _is_secret(named) and isinstance(value.get("value"), str)
        return _object({**value, "value": HIDDEN} if hidden else value)
    if isinstance(value, list):
        return [_value(key, item) for item in value]
    return value


@lru_cache(maxsize=4096)
def _is_secret(key: str) -> bool:
    return bool(_KEY.search(key[-_TELLING:]))


def masked(text: str) -> str:
    """The text without cookies, credentials and passwords: of headers, parameters, forms, JSON and XML."""
    if not _is_suspicious(text):
        return text
    for pattern in _PATTERNS:
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
