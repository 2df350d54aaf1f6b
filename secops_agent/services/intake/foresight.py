"""Foresight of an import: what it would change of known assets, reckoned by the writers themselves, nothing written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.utils import timezone

from secops_agent.models import Asset, AssetKey
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.assets import Keys, foreseen
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import AssetRecord, Key
from secops_agent.services.records.identity import realm

MOST: Final = 20  # assets that are told of
MOST_LIKE: Final = 4  # known ones that are like one new one
MOST_READ: Final = 20_000  # records that are compared
_PIECE: Final = 500
# What a reader decides by. Where it was seen and how often changes with every import.
_TELLING: Final = (
    "owner_id",
    "owner_text",
    "name",
    "importance",
    "environment",
    "ips",
    "tags",
    "description",
)


@dataclass(frozen=True, slots=True)
class AssetChange:
    """``why``: what tells that it is this asset, IP 10.0.0.5; ``changes``: label, old and new value as the pages word them."""

    asset_id: int
    name: str
    why: str
    changes: tuple[tuple[str, str, str], ...]

    @property
    def told(self) -> str:
        """负责人 李四 → 赵六；IP 10.0.0.5 → 10.0.0.5、10.99.0.5."""
        return "；".join(f"{label} {old} → {new}" for label, old, new in self.changes)


@dataclass(frozen=True, slots=True)
class AssetTwin:
    """A new asset with the name or address of a known one. ``keys``: what tells it from all others; none where the two cannot be one."""

    name: str
    asset_id: int
    told: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Foresight:
    """``changed`` counts all, of which `MOST` are listed; ``cut``: there is more in the file than was compared; ``unlisted``:
    owners whom the staff list does not have, or has several of."""

    changes: tuple[AssetChange, ...] = ()
    changed: int = 0
    cut: bool = False
    unlisted: tuple[str, ...] = ()
    twins: tuple[AssetTwin, ...] = ()

    @property
    def rest(self) -> int:
        """How many are not listed."""
        return self.changed - len(self.changes)


def foresee(records: Iterable[AssetRecord], actor: Actor, now: datetime | None = None) -> Foresight:
    """The assets of which the records would change a telling field, or which they would make one. Only reads."""
    moment = now or timezone.now()
    session = Session(actor, moment, moment)
    source, read = iter(records), 0
    found: dict[int, AssetChange] = {}
    twins: list[AssetTwin] = []
    while read < MOST_READ and (piece := list(islice(source, _PIECE))):
        read += len(piece)
        session.learn_owners({record.owner for record in piece})
        altered, begun = foreseen(session, piece)
        twins += _twins(begun)
        for row, why, changes in altered:
            if told := _told(row, why, changes):
                found[row.pk] = told
    unlisted = tuple(sorted(name for name, pk in session.owners.items() if pk is None))
    rest = next(source, None) is not None
    return Foresight(tuple(found.values())[:MOST], len(found), rest, unlisted, tuple(twins[:MOST]))


def _twins(begun: Iterable[tuple[Asset, Keys]]) -> list[AssetTwin]:
    """new-01 与「web-01」（10.0.0.5，编号 1）同一个地址: of new hosts, those of each one together, `MOST_LIKE` at most."""
    hosts = [each for each in begun if each[0].asset_type == "host"]
    new = {word.lower(): each for each in hosts for word in (each[0].name, *each[0].ips)}
    keys = sorted(values_by(AssetKey, ["kind", "asset_id", "value"], value=set(new), kind=["hostname", "ip"]))
    known = {row.pk: row for row in rows_by(Asset, "id", {pk for _, pk, _ in keys})}
    found: dict[int, dict[int, AssetTwin]] = {}
    for kind, pk, value in keys:  # the name says more than an address
        (row, its), other, shared = new[value], known[pk], "名称" if kind == "hostname" else f"地址 {value} "
        telling = (
            tuple(key for key, identity in its.items() if identity)
            if realm(other.asset_type) == realm(row.asset_type)
            else ()
        )
        told = f"「{other.name[:80]}」（{'，'.join([*other.ips[:1], f'编号 {pk}'])}）"
        said = f"{row.name[:80]} 与已有的{told}{shared}相同，会成为另一个资产"
        found.setdefault(id(row), {}).setdefault(pk, AssetTwin(row.name, pk, said, telling))
    return [each for known in found.values() for each in list(known.values())[:MOST_LIKE]]


def _told(row: Asset, why: str, changes: Mapping[str, tuple[Any, Any]]) -> AssetChange | None:
    locked = (
        {"owner_text"} if "owner" in row.locked else set()
    )  # a person's word stays; the source's is nobody's concern
    kept = {name: changes[name] for name in _TELLING if name in changes and name not in locked}
    if "owner_id" in kept:  # the name as the source has it tells nothing more
        kept.pop("owner_text", None)
    if "merged" in changes:
        kept["merged"] = changes["merged"]
    if not kept:
        return None
    old_name = str(changes["name"][0]) if "name" in changes else row.name
    return AssetChange(row.pk, old_name, why, history.worded("asset", kept))
