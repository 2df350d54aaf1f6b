"""A table of fields: how the JSON objects of one source become alerts.

A path is keys joined by dots ("net.http.url"); it reaches through arrays. Where several paths stand, the first that
is filled counts. What was taken from where is remembered, so that `importer_check` can show it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Literal

from secops_agent.services.records import AlertRecord, Severity, StatusHint

from .fields import Table, text

Paths = tuple[str, ...]
SightingKind = Literal["ip", "domain", "url", "hash", "account", "email", "file", "process", "text"]
_NOTHING = frozenset({"", "-", "--", "null", "n/a", "none", "unknown", "无"})


@dataclass(frozen=True, slots=True)
class Host:
    """Where the machine stands. ``inside``: addresses that are only ours when they are private.

    ``victim`` and ``attacker``: the two ends. A private end is ours; so is any victim of an attacker who is none of ours.
    The other ends are indicators. ``victim_name`` and ``attacker_name``: what the machine at that one address is called.
    """

    name: Paths = ()
    ips: Paths = ()
    cloud_id: Paths = ()
    agent_id: Paths = ()
    inside: Paths = ()
    victim: Paths = ()
    attacker: Paths = ()
    victim_name: Paths = ()
    attacker_name: Paths = ()


@dataclass(frozen=True, slots=True)
class AlertTable:
    """One kind of record of a source.

    ``marks``: paths that all its records have, and no other tool's. ``key``: what makes two events one alert, each
    part by its own paths, the first part required; ``kind`` keeps the keys of a source's tables apart. ``event``: what names this single event. ``formats``: the ways in
    which its times are written, where they are no usual ones; ``zone``: of times without one. ``levels``: the source's
    words in lower case; ``other``: the severity of any other word, without it such a record is refused; ``bands``: or
    least numbers, highest first; ``unrated``: the severity without a word. ``count``: of the events that it stands for.
    ``states``: its words for open and closed. ``text`` and ``details`` (label: paths) make the description; ``words``: what the
    source's codes under a label mean.
    ``sightings``: observables by kind; "text" is searched for them. ``action``: what was done about it; ``way``: from which address to which, else the two ends of ``host``. ``refused``: by path, the words that are no alert and why.
    """

    marks: Paths
    title: Paths
    key: tuple[Paths, ...]
    event: Paths
    level: Paths
    last: Paths
    formats: tuple[str, ...] = ()
    zone: tzinfo | None = None
    levels: Mapping[str, Severity] = field(default_factory=dict)
    other: Severity | None = None
    bands: tuple[tuple[float, Severity], ...] = ()
    unrated: Severity = "medium"
    kind: str = ""
    first: Paths = ()
    prefix: str = ""
    rule: Paths = ()
    text: Paths = ()
    details: Mapping[str, Paths] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    count: Paths = ()
    confidence: Paths = ()
    state: Paths = ()
    states: Mapping[str, StatusHint] = field(default_factory=dict)
    host: Host = field(default_factory=Host)
    site: Paths = ()
    images: Paths = ()
    sightings: Mapping[SightingKind, Paths] = field(default_factory=dict)
    techniques: Paths = ()
    references: Paths = ()
    action: Paths = ()
    way: tuple[Paths, Paths] = ((), ())
    refused: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """``name``: our field in the operators' words; ``value`` as the source wrote it."""

    name: str
    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Understood:
    """An alert, what it was made of, and (path, reason) of what is filled and was not taken."""

    record: AlertRecord
    taken: tuple[Taken, ...]
    unused: tuple[tuple[str, str], ...]


class ObjectReader:
    """Reads texts of one object by paths, and remembers them. A wrong type is a BrokenRecord that names the path."""

    def __init__(self, data: Table) -> None:
        self.data = data
        self.taken: list[Taken] = []
        self._spare: dict[str, str] = {}

    def all(self, name: str, paths: Paths) -> tuple[str, ...]:
        """Every filled text under every path, each once."""
        found = [(path, value) for path in paths for value in _texts(self.data, path)]
        self.taken += [Taken(name, path, value) for path, value in found]
        return tuple(dict.fromkeys(value for _, value in found))

    def first(self, name: str, paths: Paths) -> str:
        """The first filled text, or ""."""
        for place, path in enumerate(paths):
            for value in _texts(self.data, path):
                self.taken.append(Taken(name, path, value))
                self._spare |= dict.fromkeys(paths[place + 1 :], f"{name}已取 {path}")
                return value
        return ""

    def unused(self) -> tuple[tuple[str, str], ...]:
        """Filled paths of the object that nothing was taken from, in its order, and why."""
        used = {item.path for item in self.taken}
        left = (path for path in dict.fromkeys(_leaves(self.data)) if path not in used)
        return tuple((path, self._spare.get(path, "字段表里没有")) for path in left)


def _texts(data: Table, path: str) -> Iterator[str]:
    found: Iterable[Any] = [data[path]] if path in data else _reached([data], path.split("."))
    for value in found:
        for item in value if isinstance(value, list) else [value]:
            written = str(item).lower() if isinstance(item, bool) else text({path: item}, path)
            if written.lower() not in _NOTHING:
                yield written


def reaches(data: Table, path: str) -> bool:
    """Whether the object has something under the path, or the key itself, filled or not."""
    return path in data or bool(_reached([data], path.split(".")))


def _reached(found: list[Any], steps: list[str]) -> list[Any]:
    for step in steps:
        items = (item for value in found for item in (value if isinstance(value, list) else [value]))
        found = [item[step] for item in items if isinstance(item, dict) and item.get(step) is not None]
    return found


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """The path of every filled text and number; array elements share theirs."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif value is not None and str(value).strip().lower() not in _NOTHING:
        yield path


HOST_NAME = re.compile(r"(?!launch-advisor)[A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63})*")
