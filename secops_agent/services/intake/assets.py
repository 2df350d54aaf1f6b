"""Writes assets: two sources of one thing meet in one row, and what people set stays."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from secops_agent.models import Asset, AssetKey, History
from secops_agent.services import history
from secops_agent.services.identity import FORMER, asset_addresses, asset_identities, identity_of, realm
from secops_agent.services.intake import bridges
from secops_agent.services.intake.session import Session
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import AssetRecord, Key
from secops_agent.services.writing import assign, by_key, insert_new, state_of, update_changed

_WRITTEN = (
    "name", "ips", "owner", "owner_text", "importance", "tags", "environment", "description", "sources", "first_seen",
    "last_seen",
)  # fmt: skip
_MOST_IPS = 64


def write_assets(session: Session, records: Iterable[AssetRecord]) -> None:
    """Create or complete the assets of some records and remember their ids in the session. One transaction's work."""
    wanted = list(dict.fromkeys(records))
    held = {session.assets[record] for record in wanted if record in session.assets}
    alive = {pk for (pk,) in values_by(Asset, ["id"], id=held)}  # others may have joined or deleted some
    fresh = [record for record in wanted if session.assets.get(record) not in alive]
    if not fresh:
        return
    session.learn_owners({record.owner for record in fresh})
    book = _Book(fresh)
    for record in fresh:
        book.take(record, session)
    book.save(session)
    for record, row in book.placed.items():
        session.assets[record] = row.pk


class _Book:
    """The assets that some records may be, and what becomes of them."""

    def __init__(self, records: Sequence[AssetRecord]) -> None:
        identities = {name for record in records for name in asset_identities(record)}
        addresses = {ip for record in records for ip in asset_addresses(record)}
        self._by_identity: dict[str, Asset] = {}
        self._by_address: dict[str, list[Asset]] = {}
        self._keys: dict[int, dict[Key, str | None]] = {}  # by id() of the asset
        self.placed: dict[AssetRecord, Asset] = {}
        self._new: list[Asset] = []
        self._old: dict[int, tuple[Asset, dict[str, tuple[Any, Any]]]] = {}
        self._new_keys: list[AssetKey] = []
        self._bridges: list[tuple[Asset, Asset]] = []
        self._load(identities, addresses)

    def _load(self, identities: set[str], addresses: set[str]) -> None:
        matched = {pk for (pk,) in values_by(AssetKey, ["asset_id"], identity=identities)}
        matched |= {pk for (pk,) in values_by(AssetKey, ["asset_id"], value=addresses, kind=["ip"])}
        self._loaded = by_key(rows_by(Asset, "id", matched), "pk")  # held: `_keys` goes by id()
        self._stored = {pk: state_of(row, _WRITTEN) for pk, row in self._loaded.items()}
        keys = values_by(AssetKey, ["id", "asset_id", "kind", "value", "identity"], asset_id=matched)
        for _, asset_id, kind, value, identity in sorted(keys):
            self._index(self._loaded[asset_id], Key(kind, value), identity)

    def _index(self, row: Asset, key: Key, identity: str | None) -> None:
        self._keys.setdefault(id(row), {})[key] = identity
        if identity:
            self._by_identity[identity] = row
        if key.kind == "ip" and realm(row.asset_type) == "host":
            self._by_address.setdefault(key.value, []).append(row)

    def take(self, record: AssetRecord, session: Session) -> None:
        """Find or begin the asset of a record and give it what the record knows."""
        row = self._find(record)
        row = self._across(row, record) if row else None
        seen = record.seen_at or session.received_at
        if row is None:
            row = _begin(record, seen)
            self._new.append(row)
        changes = _complete(row, record, session, self._is_nameless(row, record))
        row.first_seen, row.last_seen = min(row.first_seen, seen), max(row.last_seen, seen)
        if row.pk is not None:
            known = self._old.setdefault(row.pk, (row, {}))[1]
            for name, (old, new) in changes.items():
                known[name] = (known[name][0] if name in known else old, new)
        self._add_keys(row, record)
        self.placed[record] = row

    def _find(self, record: AssetRecord) -> Asset | None:
        identities = asset_identities(record)
        for identity in identities:
            row = self._by_identity.get(identity)
            if row is not None and not self._contradicts(row, record):
                return row
        return self._find_by_address(record, only_addressed=bool(identities))

    def _across(self, row: Asset, record: AssetRecord) -> Asset:
        """The oldest of the assets that this record proves to be one; the others are to be joined to it."""
        named = [self._by_identity.get(identity) for identity in asset_identities(record)]
        found = {id(each): each for each in (row, *named) if each is not None}
        if len(found) == 1 or not bridges.proves(row, self._keys[id(row)], record):
            return row
        proven = [each for each in found.values() if bridges.proves(each, self._keys[id(each)], record)]
        proven = [each for each in proven if not self._contradicts(each, record)]
        kept = min(proven, key=self._age)
        same = [each for each in proven if each is kept or not self._differ(kept, each)]
        if not any(each is row for each in same):
            return row
        self._bridges += [(each, kept) for each in same if each is not kept]
        return kept

    def _age(self, row: Asset) -> tuple[bool, int]:
        """What is stored is older than what is not yet."""
        return row.pk is None, row.pk or [id(each) for each in self._new].index(id(row))

    def _differ(self, one: Asset, other: Asset) -> bool:
        return bridges.contradict(one, self._keys[id(one)], other, self._keys[id(other)])

    def _note_former(self, session: Session) -> None:
        for row in self.placed.values():
            former = [int(key.value) for key in self._keys[id(row)] if key.kind == FORMER]
            if former:
                session.former[row.pk] = tuple(former)

    def _contradicts(self, row: Asset, record: AssetRecord) -> bool:
        """web-01.a and web-01.b share a short name, yet are two."""
        known = self._keys.get(id(row), {})
        for kind in bridges.SINGLE:
            mine = {key.value for key in record.keys if key.kind == kind}
            theirs = {key.value for key, identity in known.items() if key.kind == kind and identity}
            if record.asset_type != "website" and mine and theirs and not mine & theirs:
                return True
        return False

    def _find_by_address(self, record: AssetRecord, only_addressed: bool) -> Asset | None:
        """By address only where nothing better is known on one of the two sides."""
        if realm(record.asset_type) != "host":
            return None
        for address in asset_addresses(record):
            rows = self._by_address.get(address, [])
            if only_addressed:
                rows = [row for row in rows if not any(self._keys[id(row)].values())]
            if rows:
                return max(rows, key=lambda row: (row.last_seen, -(row.pk or 0)))
        return None

    def _is_nameless(self, row: Asset, record: AssetRecord) -> bool:
        """Known only by its address so far, and now it gets a name."""
        return _is_address(row.name) and not _is_address(record.name)

    def _add_keys(self, row: Asset, record: AssetRecord) -> None:
        own = set(asset_identities(record))
        keys = [*record.keys, *(Key("ip", ip) for ip in asset_addresses(record))]
        known = self._keys.setdefault(id(row), {})
        for key in dict.fromkeys(keys):
            if key in known or not key.value:
                continue
            identity: str | None = identity_of(row.asset_type, key)
            if identity not in own or identity in self._by_identity:
                identity = None
            self._index(row, key, identity)
            self._new_keys.append(
                AssetKey(asset=row, kind=key.kind, value=key.value[:500], identity=identity)
            )

    def save(self, session: Session) -> None:
        """Write rows, keys and history, and note what is to be joined."""
        insert_new(Asset, self._new)
        update_changed(Asset, ((row, self._stored[pk]) for pk, (row, _) in self._old.items()))
        for key in self._new_keys:
            key.asset_id = key.asset.pk
        insert_new(AssetKey, self._new_keys)
        for gone, kept in self._bridges:
            session.bridges.setdefault(gone.pk, kept.pk)
        self._note_former(session)
        session.ledger.create("asset", (row.pk for row in self._new))
        session.ledger.see("asset", self._old)
        grown = {key.asset_id for key in self._new_keys} & self._old.keys()
        changed = {pk: changes for pk, (_, changes) in self._old.items() if changes}
        session.ledger.update("asset", changed.keys() | grown)
        History.objects.bulk_create(
            history.entry("asset", pk, session.actor, "import", changes) for pk, changes in changed.items()
        )


def _begin(record: AssetRecord, seen: datetime) -> Asset:
    return Asset(
        asset_type=record.asset_type, name=record.name[:300], first_seen=seen, last_seen=seen, ips=[], tags=[],
        sources=[],
    )  # fmt: skip


def _complete(row: Asset, record: AssetRecord, session: Session, rename: bool) -> dict[str, tuple[Any, Any]]:
    """Give a row what a record knows; what people set stays. Returns the changes."""
    values: dict[str, Any] = {
        "ips": _union(row.ips, asset_addresses(record), _MOST_IPS),
        "tags": _union(row.tags, record.tags, 100),
        "sources": _union(row.sources, [record.source] if record.source else [], 20),
    }
    if rename or not row.name:
        values["name"] = record.name[:300]
    texts = {"environment": record.environment[:50], "description": record.description}
    texts |= {"importance": record.importance, "owner_text": record.owner[:200]}
    values |= {name: text for name, text in texts.items() if text}
    owner = session.owners.get(record.owner)
    if owner:
        values["owner_id"] = owner
    locked = {"owner_id" if name == "owner" else name for name in row.locked}
    return assign(row, {name: value for name, value in values.items() if name not in locked})


def _union(old: Sequence[str], more: Sequence[str], most: int) -> list[str]:
    return list(dict.fromkeys([*old, *more]))[:most]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def resolve(session: Session, record: AssetRecord) -> int:
    """The id of an asset that `write_assets` has seen."""
    return session.assets[record]


def dated(record: AssetRecord, seen_at: datetime | None) -> AssetRecord:
    """The record with the time of the scan that saw it, if it has none of its own."""
    return record if record.seen_at or seen_at is None else replace(record, seen_at=seen_at)
