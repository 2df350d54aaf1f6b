"""Writer of assets: two sources of one thing meet in one row, and what people set stays."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bifang.core.database.rows import update_rows
from secops_agent.models import Asset, AssetKey, History
from secops_agent.services.audit import history
from secops_agent.services.intake.session import Session
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import FACTS, GUESSED, AssetRecord, Key
from secops_agent.services.records.identity import (
    FORMER,
    KEYS,
    asset_addresses,
    asset_identities,
    identity_of,
    realm,
)
from secops_agent.services.writing import assign, state_of, update_changed

# When two known assets are one host: a record carries what proves each of them, and nothing speaks against it.

Keys = Mapping[Key, str | None]  # key → identity, None for those that only help to find it
SINGLE = ("cloud_id", "fqdn")  # an asset has one of these: another value is another asset
_NAMES = ("hostname", "fqdn")
_STABLE = ("cloud_id", "agent_id", "fqdn")
_SUPPORTED = (
    "hostname",
    "mac",
)  # names repeat and made-up MACs too: they prove something with a shared address
_SHARED_MACS = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:00:00:00:00")  # VRRP, and no address at all
_UNITED = ("tags",)  # of these nobody loses anything


def proves(row: Asset, keys: Keys, record: AssetRecord) -> bool:
    """Does the record name this host by more than an address or a name that others may have as well?"""
    if realm(row.asset_type) != "host" or realm(record.asset_type) != "host":
        return False
    shared = [key for key in record.keys if keys.get(key) == identity_of(record.asset_type, key)]
    if any(_is_stable(key) for key in shared):
        return True
    known = {*row.ips, *(key.value for key in keys if key.kind == "ip")}
    return any(key.kind in _SUPPORTED for key in shared) and not known.isdisjoint(asset_addresses(record))


def _is_stable(key: Key) -> bool:
    if key.kind != "mac":
        return key.kind in _STABLE
    made_up = int(key.value[:2], 16) & 0b11  # locally administered (containers, bridges) or a group's
    return not made_up and not key.value.startswith(_SHARED_MACS)


def contradict(one: Asset, its: Keys, other: Asset, others: Keys) -> bool:
    """Two machines: other cloud ids, names or agents of one tool; or people said different things of them."""
    for kind in SINGLE:
        if _differ(_values(its, kind), _values(others, kind)):
            return True
    mine, theirs = _agents(its), _agents(others)
    if any(_differ(mine[tool], theirs[tool]) for tool in mine.keys() & theirs.keys()):
        return True
    decided = set(one.locked) & set(other.locked) - set(_UNITED)
    return any(_decision(one, name) != _decision(other, name) for name in decided)


def bare_name(record: AssetRecord) -> str:
    """What may be the name of a host we know: a scan's, of a thing of which it knows no more than a path; a list's, beside no more
    than addresses; else ""."""
    values = {key.value for key in record.keys}
    if realm(record.asset_type) == "host" and record.keys[0].kind == "ip":  # the strongest
        return "" if _is_address(record.name) else record.name.lower()
    bare = len(values) == 1 and all(key.kind == "path" for key in record.keys)
    name = next(iter(values)).lower() if bare else ""
    return "" if "/" in name or "\\" in name else name


def _differ(mine: Collection[str], theirs: Collection[str]) -> bool:
    return bool(mine and theirs) and set(mine).isdisjoint(theirs)


def _values(keys: Keys, kind: str) -> set[str]:
    return {key.value for key, identity in keys.items() if key.kind == kind and identity}


def _agents(keys: Keys) -> dict[str, set[str]]:
    """Tool → its agents: "wazuh:001"."""
    found: dict[str, set[str]] = {}
    for value in _values(keys, "agent_id"):
        found.setdefault(value.partition(":")[0], set()).add(value)
    return found


def _decision(row: Asset, name: str) -> object:
    return row.owner_id if name == "owner" else getattr(row, name)


_WRITTEN = (
    "name", "ips", "owner", "owner_text", "importance", "tags", "environment", "description", "sources", "first_seen",
    "last_seen",
)  # fmt: skip
_MOST_IPS = 64


def write_assets(session: Session, records: Iterable[AssetRecord], *, stated: bool = True) -> None:
    """Create or complete the assets of some records and remember their ids in the session. One transaction's work.

    ``stated``: see `AssetKey`.
    """
    wanted = list(dict.fromkeys(records))
    held = {session.assets[record] for record in wanted if record in session.assets}
    alive = {pk for (pk,) in values_by(Asset, ["id"], id=held)}  # others may have joined or deleted some
    fresh = [record for record in wanted if session.assets.get(record) not in alive]
    if not fresh:
        return
    session.learn_owners({record.owner for record in fresh})
    book = _UnitOfWork(fresh, stated=stated)
    for record in fresh:
        book.take(record, session)
    book.save(session)
    for record, row in book.placed:
        session.assets[record] = row.pk


def foreseen(
    session: Session, records: Iterable[AssetRecord]
) -> tuple[list[tuple[Asset, str, dict[str, tuple[Any, Any]]]], list[tuple[Asset, Keys]]]:
    """What `write_assets` would change of assets that are stored, each with what it is known by (云实例 i-07) and the names of
    those that it would take in as ``merged``; and the assets that it would begin, with their keys. Nothing is written."""
    wanted = list(dict.fromkeys(records))
    session.learn_owners({record.owner for record in wanted})
    book = _UnitOfWork(wanted)
    for record in wanted:
        book.take(record, session)
    return book.changes(), book.begun


@dataclass(eq=False, slots=True)
class _Candidate:
    """An asset that records may be.

    ``keys``: key → identity, None for those that only help to find it; ``unstated``: those that only alerts name.
    ``stored``: what it was before, None for a new one. ``age``: its place in the order of their beginnings. ``why``: what a record
    and it have in common, in words.
    """

    row: Asset
    age: tuple[bool, int]
    stored: Mapping[str, Any] | None = None
    keys: dict[Key, str | None] = field(default_factory=dict)
    unstated: dict[Key, AssetKey] = field(default_factory=dict)
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    why: str = ""

    def know_by(self, record: AssetRecord) -> None:
        """Keep the strongest thing in common with the first record that is it."""
        shared = [key for key in record.keys if self.keys.get(key) == identity_of(record.asset_type, key)]
        shared += [key for ip in asset_addresses(record) if (key := Key("ip", ip)) in self.keys]
        first = next(iter(shared), Key("hostname", bare_name(record)))
        self.why = self.why or f"{KEYS[first.kind]} {first.value}"

    def contradicts(self, record: AssetRecord) -> bool:
        """web-01.a and web-01.b share a short name, yet are two."""
        for kind in SINGLE:
            mine = {key.value for key in record.keys if key.kind == kind}
            theirs = {key.value for key, identity in self.keys.items() if key.kind == kind and identity}
            if record.asset_type != "website" and mine and theirs and not mine & theirs:
                return True
        return False

    def is_proven_by(self, record: AssetRecord) -> bool:
        """See `identity_links.proves`."""
        return proves(self.row, self.keys, record)

    def differs_from(self, other: "_Candidate") -> bool:
        """See `identity_links.contradict`."""
        return contradict(self.row, self.keys, other.row, other.keys)

    def note(self, changes: Mapping[str, tuple[Any, Any]]) -> None:
        """Keep what was before the first of several changes."""
        for name, (old, new) in changes.items():
            self.changes[name] = (self.changes[name][0] if name in self.changes else old, new)


class _UnitOfWork:
    """The assets that some records may be, and what becomes of them."""

    def __init__(self, records: Sequence[AssetRecord], *, stated: bool = True) -> None:
        self._stated = stated
        identities = {name for record in records for name in asset_identities(record)}
        addresses = {ip for record in records for ip in asset_addresses(record)}
        self._by_identity: dict[str, _Candidate] = {}
        self._by_address: dict[str, list[_Candidate]] = {}
        self._placed: dict[AssetRecord, _Candidate] = {}
        self._new: list[_Candidate] = []
        self._new_keys: list[AssetKey] = []
        self._confirmed: list[AssetKey] = []
        self._bridges: list[tuple[_Candidate, _Candidate]] = []
        self._by_name: dict[str, _Candidate] = {}
        names = {name for record in records if (name := bare_name(record))}
        called = {record.name for record in records if bare_name(record) and record.keys[0].kind == "ip"}
        self._load(identities, addresses, names, called)

    @property
    def placed(self) -> Iterator[tuple[AssetRecord, Asset]]:
        """Which asset each record is."""
        return ((record, candidate.row) for record, candidate in self._placed.items())

    def _load(self, identities: set[str], addresses: set[str], names: set[str], called: set[str]) -> None:
        """``names``: `bare_name` of records; ``called``: those of lists, as they are written."""
        named: dict[str, set[int]] = {}
        for asset_id, value in values_by(
            AssetKey, ["asset_id", "value"], value=names, kind=_NAMES, stated=[True]
        ):
            named.setdefault(value, set()).add(asset_id)
        for asset_id, value in values_by(Asset, ["id", "name"], name=called):
            named.setdefault(value.lower(), set()).add(asset_id)
        single = {name: pk for name, ids in named.items() if len(ids) == 1 for pk in ids}
        matched = set(single.values())
        matched |= {pk for (pk,) in values_by(AssetKey, ["asset_id"], identity=identities)}
        matched |= {pk for (pk,) in values_by(AssetKey, ["asset_id"], value=addresses, kind=["ip"])}
        stored = {
            row.pk: _Candidate(row, (False, row.pk), state_of(row, _WRITTEN))
            for row in rows_by(Asset, "id", matched)
        }
        keys = values_by(
            AssetKey, ["id", "asset_id", "kind", "value", "identity", "stated"], asset_id=matched
        )
        for pk, asset_id, kind, value, identity, stated in sorted(keys):
            self._index(stored[asset_id], Key(kind, value), identity)
            if not stated:
                stored[asset_id].unstated[Key(kind, value)] = AssetKey(pk=pk)
        self._by_name = {
            name: stored[pk] for name, pk in single.items() if realm(stored[pk].row.asset_type) == "host"
        }

    def _index(self, candidate: _Candidate, key: Key, identity: str | None) -> None:
        candidate.keys[key] = identity
        if identity:
            self._by_identity[identity] = candidate
        if key.kind == "ip" and realm(candidate.row.asset_type) == "host":
            self._by_address.setdefault(key.value, []).append(candidate)

    def take(self, record: AssetRecord, session: Session) -> None:
        """Find or begin the asset of a record and give it what the record knows."""
        seen = record.seen_at or session.received_at
        found = self._find(record)
        candidate = self._across(found, record, session) if found else self._begin(record, seen)
        candidate.know_by(record)
        row = candidate.row
        row.first_seen, row.last_seen = min(row.first_seen, seen), max(row.last_seen, seen)
        if candidate.stored is None or not record.hearsay:
            candidate.note(_complete(row, record, session, self._is_nameless(row, record)))
            self._add_keys(candidate, record)
        self._placed[record] = candidate

    def _begin(self, record: AssetRecord, seen: datetime) -> _Candidate:
        row = Asset(
            asset_type=record.asset_type, name=record.name[:300], first_seen=seen, last_seen=seen, ips=[], tags=[],
            sources=[],
        )  # fmt: skip
        candidate = _Candidate(row, (True, len(self._new)))
        self._new.append(candidate)
        return candidate

    def _find(self, record: AssetRecord) -> _Candidate | None:
        identities = asset_identities(record)
        for identity in identities:
            candidate = self._by_identity.get(identity)
            if candidate is not None and not candidate.contradicts(record):
                return candidate
        named = self._by_name.get(bare_name(record))
        return named or self._find_by_address(record, only_addressed=bool(identities))

    def _across(self, found: _Candidate, record: AssetRecord, session: Session) -> _Candidate:
        """The oldest of the assets that this record proves to be one; the others are to be joined to it, if they may."""
        named = [self._by_identity.get(identity) for identity in asset_identities(record)]
        candidates = list(dict.fromkeys(each for each in (found, *named) if each is not None))
        if len(candidates) == 1 or not found.is_proven_by(record):
            return found
        proven = [each for each in candidates if each.is_proven_by(record) and not each.contradicts(record)]
        kept = min(proven, key=lambda each: each.age)
        same = [each for each in proven if each is kept or not kept.differs_from(each)]
        if found not in same or len(same) == 1:
            return found
        if session.keeps_apart(each.row for each in same):
            session.ledger.keep_apart([each.row for each in same])
            return found
        for each in same:
            each.know_by(record)
        self._bridges += [(each, kept) for each in same if each is not kept]
        return kept

    def _find_by_address(self, record: AssetRecord, only_addressed: bool) -> _Candidate | None:
        """By address only where nothing better is known on one of the two sides."""
        if realm(record.asset_type) != "host":
            return None
        for address in asset_addresses(record):
            candidates = self._by_address.get(address, [])
            if only_addressed:
                candidates = [each for each in candidates if not any(each.keys.values())]
            if candidates:
                return max(candidates, key=lambda each: (each.row.last_seen, -(each.row.pk or 0)))
        return None

    def _is_nameless(self, row: Asset, record: AssetRecord) -> bool:
        """Known only by its address so far, and now it gets a name."""
        return _is_address(row.name) and not _is_address(record.name)

    def _add_keys(self, candidate: _Candidate, record: AssetRecord) -> None:
        row, own = candidate.row, set(asset_identities(record))
        keys = [*record.keys, *(Key("ip", ip) for ip in asset_addresses(record))]
        stated = self._stated and not record.hearsay
        for key in dict.fromkeys(keys):
            if stated and (known := candidate.unstated.pop(key, None)):
                known.stated = True
                self._confirmed.append(known)
            if key in candidate.keys or not key.value or _is_refused(row, key):
                continue
            identity: str | None = identity_of(row.asset_type, key)
            if identity not in own or identity in self._by_identity:
                identity = None
            self._index(candidate, key, identity)
            fresh = AssetKey(
                asset=row, kind=key.kind, value=key.value[:500], identity=identity, stated=stated
            )
            self._new_keys.append(fresh)
            if not stated:
                candidate.unstated[key] = fresh

    @property
    def begun(self) -> list[tuple[Asset, Keys]]:
        """The assets that are new."""
        return [(each.row, each.keys) for each in self._new]

    def changes(self) -> list[tuple[Asset, str, dict[str, tuple[Any, Any]]]]:
        """Of the assets that were stored before."""
        taken: dict[_Candidate, list[str]] = {}
        for gone, kept in dict.fromkeys(self._bridges):
            taken.setdefault(kept, []).append(f"{gone.row.name}（{gone.why}）")
        placed = [each for each in dict.fromkeys((*self._placed.values(), *taken)) if each.stored is not None]
        merged = {
            each: {"merged": (None, "、".join(taken[each]))} if each in taken else {} for each in placed
        }
        return [(each.row, each.why, each.changes | merged[each]) for each in placed]

    def save(self, session: Session) -> None:
        """Write rows, keys and history, and note what is to be joined."""
        old = {each.row.pk: each for each in dict.fromkeys(self._placed.values()) if each.stored is not None}
        Asset.objects.bulk_create([each.row for each in self._new])
        update_changed(Asset, ((each.row, each.stored or {}) for each in old.values()))
        AssetKey.objects.bulk_create(self._new_keys)
        update_rows(AssetKey, ("stated",), self._confirmed)
        for gone, kept in self._bridges:
            session.identity_links.setdefault(gone.row.pk, kept.row.pk)
        self._note_former(session)
        session.ledger.create("asset", (each.row.pk for each in self._new))
        session.ledger.see("asset", old)
        grown = {key.asset_id for key in self._new_keys} & old.keys()
        changed = {pk: each.changes for pk, each in old.items() if each.changes}
        session.ledger.update("asset", changed.keys() | grown)
        History.objects.bulk_create(
            history.entry("asset", pk, session.actor, "import", changes) for pk, changes in changed.items()
        )

    def _note_former(self, session: Session) -> None:
        for candidate in self._placed.values():
            former = [int(key.value) for key in candidate.keys if key.kind == FORMER]
            if former:
                session.former[candidate.row.pk] = tuple(former)


def _complete(row: Asset, record: AssetRecord, session: Session, rename: bool) -> dict[str, tuple[Any, Any]]:
    """Give a row what a record knows; what people set stays. Returns the changes."""
    values: dict[str, Any] = {
        "ips": _union(row.ips, asset_addresses(record), _MOST_IPS),
        "tags": _union(row.tags, record.tags, 100),
        "sources": _union(row.sources, [record.source] if record.source else [], 20),
    }
    if rename or not row.name:
        values["name"] = record.name[:300]
    texts = {
        "environment": record.environment[:50],
        "description": _described(row.description, record.description),
    }
    texts |= {"importance": record.importance, "owner_text": record.owner[:200]}
    values |= {name: text for name, text in texts.items() if text}
    owner = session.owners.get(record.owner)
    if owner:
        values["owner_id"] = owner
    locked = {"owner_id" if name == "owner" else name for name in row.locked}
    return assign(row, {name: value for name, value in values.items() if name not in locked})


def _described(old: str, new: str) -> str:
    """A scan's guess gives way to what is known; lines of `FACTS` replace their own, and leave the rest."""
    lines = new.splitlines()
    labels = [line.partition("：")[0] for line in lines]
    if old and len(lines) == 1 and new.startswith(GUESSED) and not old.startswith(GUESSED):
        return old
    if not all(label in FACTS for label in labels):
        return new
    return "\n".join([*(line for line in old.splitlines() if line.partition("：")[0] not in labels), *lines])


def _union(old: Sequence[str], more: Sequence[str], most: int) -> list[str]:
    return list(dict.fromkeys([*old, *more]))[:most]


def _is_refused(row: Asset, key: Key) -> bool:
    """An address that is not among those that people gave the asset."""
    return key.kind == "ip" and "ips" in row.locked and key.value not in row.ips


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def resolve(session: Session, record: AssetRecord) -> int:
    """The id of an asset that `write_assets` has seen."""
    return session.assets[record]
