"""Where a SARIF result is, and what tells it from another one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from secops_agent.importers.values.fields import Table, distinct, number, shortened, table, tables, text


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A file or a logical name; line and column are 0 where the tool gives none. ``within``: all that tells it apart."""

    path: str = ""
    line: int = 0
    column: int = 0
    snippet: str = ""
    within: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


def places(result: Table, artifacts: Sequence[str]) -> tuple[CodePlace, ...]:
    """Every location; ``artifacts`` are the run's files by index."""
    return tuple(_place(location, artifacts) for location in tables(result, "locations"))


def _place(location: Table, artifacts: Sequence[str]) -> CodePlace:
    physical = table(location, "physicalLocation")
    artifact, region = table(physical, "artifactLocation"), table(physical, "region")
    path = text(artifact, "uri") or _at(artifacts, number(artifact, "index"))
    logical = tables(location, "logicalLocations")
    names = distinct(text(item, "fullyQualifiedName") or text(item, "name") for item in logical)
    path = path or next(iter(names), "")
    return CodePlace(
        unquote(path).removeprefix("file://"),
        int(number(region, "startLine") or 0),
        int(number(region, "startColumn") or 0),
        text(table(region, "snippet"), "text"),
        (text(artifact, "uriBaseId"), *names),
    )


def _at(items: Sequence[str], index: float | None) -> str:
    return items[int(index)] if index is not None and 0 <= index < len(items) else ""


def other_places(found: Sequence[CodePlace]) -> str:
    """ "另有 2 处：a.py:3、b.py:9" of those behind the first; "" if there are none."""
    others = distinct(str(place) for place in found[1:])
    return f"另有 {len(others)} 处：{'、'.join(others)}" if others else ""


def fingerprint(result: Table, line: int, message: str) -> tuple[str, ...]:
    """The tool's own fingerprints with their keys (they survive moved lines), else line and message."""
    for key in ("fingerprints", "partialFingerprints"):
        prints = table(result, key)
        written = ((name, _written(prints[name])) for name in sorted(prints))
        found = distinct(f"{name}={value}" for name, value in written if value and value != "requires login")
        if found:
            return found
    return (str(line), shortened(message, 300))


def _written(value: Any) -> str:
    """Some tools nest objects where the standard wants a text."""
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return "" if value is None else shortened(plain.strip(), 300)


@dataclass(slots=True)
class Numbers:
    """Tells results apart that have one key but another place or message: the second is 2, the third 3."""

    _counts: dict[int, int] = field(default_factory=dict)
    _known: dict[int, int] = field(default_factory=dict)

    def of(self, key: tuple[str, ...], mark: object) -> int:
        """1 for the first of this key; the same number for the same mark again."""
        whole = hash((key, mark))
        if whole not in self._known:
            self._counts[hash(key)] = self._counts.get(hash(key), 0) + 1
            self._known[whole] = self._counts[hash(key)]
        return self._known[whole]
