"""When two known assets are one host: a record carries what proves each of them, and nothing speaks against it."""

from collections.abc import Collection, Mapping

from secops_agent.models import Asset
from secops_agent.services.identity import asset_addresses, identity_of, realm
from secops_agent.services.records import AssetRecord, Key

Keys = Mapping[Key, str | None]  # key → identity, None for those that only help to find it
SINGLE = ("cloud_id", "fqdn")  # an asset has one of these: another value is another asset
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
