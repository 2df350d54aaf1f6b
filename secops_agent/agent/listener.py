"""Whoever hears what a turn is doing."""

import logging
from collections.abc import Callable

Tell = Callable[[str], None]
_log = logging.getLogger(__name__)


class Listener:
    """A callback that cannot fail the turn: after its first error it is left alone."""

    def __init__(self, callback: Tell | None) -> None:
        self._callback: Tell | None = callback

    def tell(self, text: str) -> None:
        """Pass ``text`` on."""
        try:
            if self._callback is not None:
                self._callback(text)
        except Exception:
            self._callback = None
            _log.exception("a progress callback failed; this turn goes on without it")
