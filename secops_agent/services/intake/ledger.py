"""Ledger of an import: what it did, counted by kind."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from secops_agent.models import Asset
from secops_agent.services.records import Rejected

APART = (
    "看来是同一台主机，没有合并，因为其中有人设定过的内容。确实是同一台：请由人在网页上导入一份同时写明两者标识的文件"
    "（例如资产表）；不是：请核对是谁把它们的标识写在一起。"
)
NOTHING = "报告里没有发现"
_MOST_APART = 1000  # that one import names
Kind = Literal["asset", "component", "vulnerability", "finding", "statement", "alert", "indicator"]
KINDS: tuple[Kind, ...] = (
    "asset",
    "component",
    "vulnerability",
    "finding",
    "statement",
    "alert",
    "indicator",
)
COMPARED: Final = ("vulnerability", "component", "statement", "finding")  # with what is stored, once they are


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """Counts of things (not of records) by kind. ``matched``: findings that Bifang's own matching added.

    ``vanished``: findings that a complete scan no longer has. ``apart``: assets that seem to be one and were not joined.
    ``nothing``: it was read whole, and there was nothing in it.
    """

    created: dict[str, int]
    updated: dict[str, int]
    unchanged: dict[str, int]
    rejected: tuple[Rejected, ...]
    matched: int = 0
    vanished: int = 0
    created_ids: dict[str, frozenset[int]] = field(default_factory=dict, repr=False)
    apart: tuple[str, ...] = ()
    nothing: bool = False

    @property
    def counts_anything(self) -> bool:
        """Whether anything was taken, new or not."""
        return any(sum(counts.values()) for counts in (self.created, self.updated, self.unchanged))

    @property
    def refusal(self) -> str:
        """Why nothing at all was taken; "" if something was, or if there was nothing."""
        if self.counts_anything or not self.rejected:
            return ""
        first = self.rejected[0]
        return f"{len(self.rejected)} 条记录一条也没有导入。第一条（{first.position}）：{first.reason}"

    def as_dict(self, name: str) -> dict[str, Any]:
        """The last line of import_data, and the answer of the API."""
        return {
            "format": name,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": [{"position": each.position, "reason": each.reason} for each in self.rejected],
            **({"apart": list(self.apart)} if self.apart else {}),
            **({"note": NOTHING} if self.nothing else {}),
        }


def _number(row: Asset) -> str:
    return f"编号 {row.pk}" if row.pk else "新资产"


class Ledger:
    """Collects what happens to each thing; created outweighs updated outweighs unchanged."""

    def __init__(self) -> None:
        self._created: dict[str, set[int]] = {kind: set() for kind in KINDS}
        self._updated: dict[str, set[int]] = {kind: set() for kind in KINDS}
        self._seen: dict[str, set[int]] = {kind: set() for kind in KINDS}
        self._news: dict[str, set[int]] = {kind: set() for kind in COMPARED}
        self.scores = {"created": 0, "updated": 0, "unchanged": 0}
        self.rejected: list[Rejected] = []
        self._apart: dict[str, None] = {}
        self.matched = 0
        self.vanished = 0
        self.nothing = False

    def create(self, kind: Kind, ids: Iterable[int]) -> None:
        """These are new."""
        fresh = set(ids)
        self._created[kind] |= fresh
        if kind in COMPARED:
            self._news[kind] |= fresh

    def update(self, kind: Kind, ids: Iterable[int]) -> None:
        """These were there and changed."""
        changed = set(ids)
        self._updated[kind] |= changed
        if kind in COMPARED and kind != "finding":  # a finding is the same one, however a scan finds it again
            self._news[kind] |= changed

    def see(self, kind: Kind, ids: Iterable[int]) -> None:
        """These were there."""
        self._seen[kind].update(ids)

    def drop(self, kind: Kind, gone: int) -> None:
        """This one has become part of another."""
        for book in (self._created, self._updated, self._seen):
            book[kind].discard(gone)

    def keep_apart(self, rows: Sequence[Asset]) -> None:
        """These seem to be one, and are not joined."""
        if len(self._apart) < _MOST_APART:
            ordered = sorted(rows, key=lambda row: row.pk or math.inf)
            self._apart["、".join(f"「{row.name[:80]}」（{_number(row)}）" for row in ordered)] = None

    def created(self, kind: Kind) -> frozenset[int]:
        """The new ones so far."""
        return frozenset(self._created[kind])

    def touched(self, kind: Kind) -> frozenset[int]:
        """The new and changed ones so far."""
        return frozenset(self._created[kind] | self._updated[kind])

    def take_news(self) -> dict[str, list[int]]:
        """By kind, what has to be compared of all that came since the last call; {} if nothing has."""
        news, self._news = self._news, {kind: set() for kind in COMPARED}
        return {kind: sorted(ids) for kind, ids in news.items() if ids}

    def outcome(self) -> ImportOutcome:
        """The counts; scores of a feed count as vulnerabilities."""
        created: dict[str, int] = {kind: len(self._created[kind]) for kind in KINDS}
        updated: dict[str, int] = {kind: len(self._updated[kind] - self._created[kind]) for kind in KINDS}
        unchanged: dict[str, int] = {
            kind: len(self._seen[kind] - self._updated[kind] - self._created[kind]) for kind in KINDS
        }
        for counts, name in ((created, "created"), (updated, "updated"), (unchanged, "unchanged")):
            counts["vulnerability"] += self.scores[name]
        ids: dict[str, frozenset[int]] = {kind: frozenset(self._created[kind]) for kind in KINDS}
        return ImportOutcome(
            created,
            updated,
            unchanged,
            tuple(self.rejected),
            self.matched,
            self.vanished,
            ids,
            tuple(self._apart),
            self.nothing and not self.rejected,
        )
