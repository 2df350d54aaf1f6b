"""OpenTelemetry traces, if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; without it nothing of the library is imported.

What belongs together has one trace, in whichever process it happens: its id is made of the row's name ("inbox:17") and
the installation's key, so that nothing has to be handed on. Spans carry ids, names, counts and kinds of errors; never
what anybody wrote.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bifang.core.monitoring.spans import Spans

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
Value = str | int | float | bool


class _Tracing:
    """Off until `begin`."""

    def __init__(self) -> None:
        self.spans: Spans | None = None
        self.key = b""

    def name(self, trace: str) -> bytes:
        """24 bytes that only this installation makes of the name."""
        return hashlib.blake2b(trace.encode(), digest_size=24, key=self.key).digest()


_on: Final = _Tracing()


def begin(secret: str) -> None:
    """Start, if the environment says where spans go; ``secret``: what all processes of the installation know."""
    endpoint = os.environ.get(ENDPOINT, "").rstrip("/")
    url = os.environ.get(TRACES, "") or (f"{endpoint}/v1/traces" if endpoint else "")
    if not url or _on.spans:
        return
    from bifang.core.monitoring.spans import Spans

    _on.key, _on.spans = hashlib.sha256(secret.encode()).digest(), Spans(url)


def end() -> None:
    """Send what is left, and stop."""
    spans, _on.spans = _on.spans, None
    if spans:
        spans.end()


@contextmanager
def root(name: str, trace: str, begun_ms: float = 0, **attributes: Value) -> Iterator[None]:
    """The span under which everything of a trace hangs; ``begun_ms``: when it began, if that is not now."""
    if _on.spans is None:
        yield
        return
    with _on.spans.root(name, _on.name(trace), begun_ms, attributes):
        yield


@contextmanager
def span(name: str, trace: str = "", begun_ms: float = 0, **attributes: Value) -> Iterator[None]:
    """A part of what runs now; if ``trace`` is given, of that. ``begun_ms`` as of `root`."""
    if _on.spans is None:
        yield
        return
    with _on.spans.part(name, _on.name(trace) if trace else b"", begun_ms, attributes):
        yield


def mark(**attributes: Value) -> None:
    """Tell more of the span that runs now."""
    if _on.spans is not None:
        _on.spans.mark(attributes)
