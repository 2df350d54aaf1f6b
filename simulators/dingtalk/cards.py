"""Card instances and the generic template that the chat page shows.

Whatever ``cardTemplateId`` is named, the page shows these variables of ``cardParamMap`` (all are strings):

- ``title``: heading; ``content``: markdown, the variable to stream; ``flowStatus``: 1 处理中, 2 输入中, 3 完成,
  4 执行中, 5 失败;
- ``buttons``: a JSON string, ``[{"id": "approve", "text": "同意", "style": "primary|danger|default",
  "params": {…}, "disabled": false}]``. A click calls back with ``actionIds: [id]`` and those ``params``;
- any other variable that is not JSON is shown as a small line ``name：value``.

``privateData`` (and ``userPrivateData`` of a callback's answer) overrides variables for one person.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.values import now_ms

SHOWN_APART = ("title", "content", "flowStatus", "buttons")


@dataclass(slots=True)
class Card:
    """One instance. ``entries``: the bubbles that show it. ``finalized``: streaming was ended."""

    out_track_id: str
    client_id: str
    template_id: str
    callback_type: str
    params: dict[str, str]
    callback_route: str = ""
    private: dict[str, dict[str, str]] = field(default_factory=dict)
    spaces: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    created_at: int = field(default_factory=now_ms)
    updated_at: int = field(default_factory=now_ms)
    updates: int = 0
    streams: int = 0
    late_streams: int = 0
    times_created: int = 1
    finalized: bool = False
    failed: bool = False
    guids: set[str] = field(default_factory=set)
    busy: bool = False

    def merge(self, params: Mapping[str, str], *, by_key: bool = True) -> None:
        """Change public variables: those given (``by_key``), or all of them."""
        self.params = {**self.params, **params} if by_key else dict(params)
        self._touch()

    def merge_private(self, user_id: str, params: Mapping[str, str], *, by_key: bool = True) -> None:
        """Change variables that one person sees."""
        self.private[user_id] = {**self.private.get(user_id, {}), **params} if by_key else dict(params)
        self._touch()

    def stream(self, key: str, content: str, *, full: bool, final: bool, error: bool) -> None:
        """One streaming update of a variable."""
        self.streams += 1
        self.late_streams += self.finalized
        self.params[key] = content if full else self.params.get(key, "") + content
        self.finalized = self.finalized or final
        self.failed = self.failed or error
        self._touch()

    def seen_by(self, user_id: str) -> dict[str, str]:
        """The variables as one person sees them."""
        return {**self.params, **self.private.get(user_id, {})}

    def to_dict(self) -> dict[str, Any]:
        """One row of ``GET /sim/cards``; also what is stored."""
        return {
            "out_track_id": self.out_track_id,
            "client_id": self.client_id,
            "template_id": self.template_id,
            "callback_type": self.callback_type,
            "params": self.params,
            "private": self.private,
            "spaces": self.spaces,
            "entries": self.entries,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "updates": self.updates,
            "streams": self.streams,
            "late_streams": self.late_streams,
            "times_created": self.times_created,
            "finalized": self.finalized,
            "failed": self.failed,
        }

    def _touch(self) -> None:
        self.updates += 1
        self.updated_at = now_ms()


@dataclass(slots=True)
class Cards:
    """Cards by (robot, outTrackId)."""

    known: dict[tuple[str, str], Card] = field(default_factory=dict)

    def find(self, client_id: str, out_track_id: str) -> Card | None:
        """The card, or None."""
        return self.known.get((client_id, out_track_id))

    def add(self, card: Card) -> Card:
        """Keep a card; one that exists already stays, and is counted."""
        known = self.known.setdefault((card.client_id, card.out_track_id), card)
        if known is not card:
            known.times_created += 1
        return known

    def reset(self) -> None:
        """Forget all cards."""
        self.known.clear()


def parse_buttons(text: str) -> list[dict[str, Any]]:
    """The buttons of a card, in the contract above; what is not one is left out."""
    try:
        rows = json.loads(text) if text else []
    except ValueError:
        return []
    return [
        {
            "id": str(row["id"]),
            "text": str(row.get("text") or row["id"]),
            "style": str(row.get("style") or "default"),
            "params": row.get("params") if isinstance(row.get("params"), dict) else {},
            "disabled": bool(row.get("disabled")),
        }
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and row.get("id")
    ]


def list_extras(params: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables that the template does not name, worth a small line each."""
    return [
        (name, value)
        for name, value in params.items()
        if name not in SHOWN_APART and value and not name.startswith(("_", "sys_")) and value[0] not in "[{"
    ]
