"""What went wrong at a model's server, told in Chinese with the remedy. No text here ever holds an API key."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bifang.core.errors import BadCredentials, BifangError, RateLimited, RemoteError

SHOWN_CHARS: Final = 200
_CODE_CHARS = 60
_KEY = re.compile(r"\bsk-[\w*.-]+")
_WAIT_S = 2.0  # when a server names none

Matches = Callable[[int, str, str], bool]


@dataclass(frozen=True, slots=True)
class ErrorBook:
    """How one sort of server says what is wrong, and what we say.

    ``kinds``: name and test on (HTTP status, code, text), in lower case; the first that fits counts. ``permanent`` and
    ``passing``: the Chinese text of each kind; "throttled" must be there, "credentials" and "rejected" too.
    ``codes``: codes of our own, that the agent loop acts on; all else keeps the server's. ``waits``: seconds for a
    server's code.
    """

    kinds: Sequence[tuple[str, Matches]]
    permanent: Mapping[str, str]
    passing: Mapping[str, str]
    codes: Mapping[str, str]
    waits: Mapping[str, float] = field(default_factory=dict)

    def classify(self, status: int, code: str, text: str) -> str:
        """Which kind of trouble an answer is."""
        low = (status, code.lower(), text.lower())
        return next((kind for kind, matches in self.kinds if matches(*low)), "rejected")

    def error(
        self, model: str, secret: str, status: int, code: str, text: str, retry_after: float = 0.0
    ) -> BifangError:
        """The error for an answer: HTTP ``status``, the server's ``code`` and message ``text``.

        ``secret`` is erased from what is shown. ``retry_after`` (s) is the server's wish, 0 if it named none.
        """
        kind = self.classify(status, code, text)
        code = redact(code, secret)[:_CODE_CHARS]
        known = f"HTTP {status}" if code in ("", "Unknown") else code
        template = self.permanent.get(kind) or self.passing[kind]
        said = template.format(
            model=model, remote=_shown(code, text, secret), status_text=known, code=code or status
        )
        if kind == "throttled":
            wait = retry_after or self.waits.get(code.lower(), _WAIT_S)
            return RateLimited(said, retry_after=wait, status=status, code=code)
        if kind == "credentials":
            return BadCredentials(said, status=status, code=code)
        permanent = kind in self.permanent
        return RemoteError(said, permanent=permanent, status=status, code=self.codes.get(kind, code))


def timeout_error(what: str, code: str = "timeout") -> RemoteError:
    """A call that took too long; ``what`` names the part that did."""
    return RemoteError(f"{what}，已停止等待。请稍后再试。", permanent=False, code=code)


def cut_error(who: str) -> RemoteError:
    """A stream that ended too early."""
    return RemoteError(f"与{who}的连接在回答中途断开，请稍后再试。", permanent=False, code="network")


def redact(text: str, secret: str) -> str:
    """``text`` without the API key, or anything that looks like one (servers quote keys in their messages)."""
    return _KEY.sub("sk-***", text.replace(secret, "***") if secret else text)


def seconds_of(retry_after: str) -> float:
    """Seconds of a Retry-After header; 0 for none, or a date."""
    return float(retry_after) if retry_after.isdigit() else 0.0


def _shown(code: str, text: str, secret: str) -> str:
    said = redact(" ".join(text.split()), secret)[:SHOWN_CHARS]
    return f"原因：{code or '未知'}{'，' + said if said else ''}"
