"""Rate limits, and the most that was ever seen in one window."""

from dataclasses import dataclass, field
from typing import Any

from simulators.windows import Window


@dataclass(slots=True)
class Limits:
    """All windows, by what they limit: (robot, conversation) or (application, API)."""

    enforce: bool
    webhook_per_minute: int
    openapi_per_second: int
    webhook: dict[tuple[str, str], Window] = field(default_factory=dict)
    openapi: dict[tuple[str, str], Window] = field(default_factory=dict)

    def admit_webhook(self, client_id: str, conversation_id: str) -> bool:
        """One message of a robot to a conversation."""
        key = (client_id, conversation_id)
        window = self.webhook.get(key)
        if window is None:
            window = self.webhook[key] = Window(60.0, self.webhook_per_minute)
        return window.admit(enforce=self.enforce)

    def admit_openapi(self, client_id: str, api: str) -> bool:
        """One call of an application to an API."""
        key = (client_id, api)
        window = self.openapi.get(key)
        if window is None:
            window = self.openapi[key] = Window(1.0, self.openapi_per_second)
        return window.admit(enforce=self.enforce)

    def describe(self) -> dict[str, Any]:
        """Peaks and refusals: ``{webhook: {limit, max, refused, windows: […]}, openapi: {…}}``."""
        return {
            "enforced": self.enforce,
            "webhook": _describe(self.webhook, self.webhook_per_minute),
            "openapi": _describe(self.openapi, self.openapi_per_second),
        }

    def reset(self) -> None:
        """Forget what was seen."""
        self.webhook.clear()
        self.openapi.clear()


def _describe(windows: dict[tuple[str, str], Window], limit: int) -> dict[str, Any]:
    rows = [
        {"client_id": owner, "of": of, "max": window.peak, "refused": window.refused}
        for (owner, of), window in windows.items()
    ]
    return {
        "limit": limit,
        "max": max((window.peak for window in windows.values()), default=0),
        "refused": sum(window.refused for window in windows.values()),
        "windows": rows,
    }
