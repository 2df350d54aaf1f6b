"""50 calls a second of an application to an API; 5 messages a second into one chat, whoever sends them."""

from dataclasses import dataclass, field
from typing import Any

from simulators.windows import Window


@dataclass(slots=True)
class Limits:
    """All windows, by what they limit: (application, API) or a chat."""

    enforce: bool
    openapi_per_second: int
    chat_per_second: int
    windows: dict[tuple[str, str], Window] = field(default_factory=dict)

    def admit_call(self, app_id: str, api: str) -> bool:
        """One call of an application to an API."""
        return self._admit((app_id, api), self.openapi_per_second)

    def admit_message(self, chat_id: str) -> bool:
        """One message into a chat."""
        return self._admit(("chat", chat_id), self.chat_per_second)

    def describe(self) -> list[dict[str, Any]]:
        """``[{owner, of, limit, max, refused}]``."""
        return [
            {
                "owner": owner,
                "of": of,
                "limit": window.limit,
                "max": window.peak,
                "refused": window.refused,
            }
            for (owner, of), window in self.windows.items()
        ]

    def reset(self) -> None:
        """Forget what was seen."""
        self.windows.clear()

    def _admit(self, key: tuple[str, str], limit: int) -> bool:
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = Window(1.0, limit)
        return window.admit(enforce=self.enforce)
