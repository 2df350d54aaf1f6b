"""What a conversation asked and was shown last: kept beside its memory, so that 第二个, 它 and 更多 have a meaning.

The same whoever answered: it comes from the tools that ran, never from anybody's words.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from secops_agent.agent.outcome import ToolRun
from secops_agent.llm.offline import LIST_TOOLS, Intent

_MOST = 200  # ids of one list
_OBJECTS = frozenset({"asset", "alert_id", "cve_id", "value", "ip"})
_SUBJECT = "subject"  # what else 它 may be, in the data of a result


@dataclass(frozen=True, slots=True)
class Recall:
    """``last`` is the last look-up; ``told``: this conversation was told that no model answers here."""

    last: Intent | None = None
    told: bool = False

    def after(self, runs: Iterable[ToolRun], *, told: bool) -> "Recall":
        """With what the tools of a turn found."""
        last = self.last
        for run in runs:
            if run.executed and run.result.useful:
                last = _intent(run, last)
        return Recall(last, self.told or told)

    def spell(self) -> str:
        """As it is stored."""
        return json.dumps({"last": _plain(self.last), "told": self.told}, ensure_ascii=False, default=str)


NOTHING = Recall()


def read_recall(text: str) -> Recall:
    """What was stored; nothing for what is not ours."""
    try:
        stored = json.loads(text or "{}")
        return Recall(_intent_of(stored.get("last")), bool(stored.get("told")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return NOTHING


def _intent(run: ToolRun, before: Intent | None) -> Intent:
    said = {name: value for name, value in run.arguments.items() if value not in (None, "", False, 0)}
    data = run.result.data
    about = data.get(_SUBJECT, {}) if isinstance(data, Mapping) else {}
    items = tuple(_items(data))[:_MOST] if run.call.name in LIST_TOOLS else ()
    if items:
        return Intent(run.call.name, said, items, about)
    if before and not _OBJECTS & said.keys():  # a runbook, a report: what was spoken of stays
        about = {
            **before.about,
            **{key: before.arguments[key] for key in _OBJECTS & before.arguments.keys()},
            **about,
        }
    listed = before if before and before.items else before and before.before
    return Intent(run.call.name, said, (), about, replace(listed, before=None) if listed else None)


def _items(data: Any) -> Iterable[str]:
    """Ids in the order in which they were shown."""
    if isinstance(data, Mapping):
        return dict.fromkeys(str(each) for part in data.values() if isinstance(part, list) for each in part)
    return map(str, data) if isinstance(data, list) else ()


def _plain(intent: Intent | None) -> dict[str, Any] | None:
    if intent is None:
        return None
    return {
        "tool": intent.tool, "arguments": dict(intent.arguments), "items": list(intent.items), "about": dict(intent.about),
        "before": _plain(intent.before),
    }  # fmt: skip


def _intent_of(stored: Any) -> Intent | None:
    if not stored:
        return None
    items = tuple(map(str, stored["items"]))
    return Intent(stored["tool"], stored["arguments"], items, stored["about"], _intent_of(stored["before"]))
