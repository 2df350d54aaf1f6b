"""Writer of indicator lists: entries that are our own or over are refused."""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bifang.core.database.rows import insert_many
from secops_agent.models import AssetKey, IndicatorList, ListedIndicator, Role
from secops_agent.services.intake.session import Session
from secops_agent.services.intelligence import comparing
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import ListedRecord, Rejected
from secops_agent.services.records.identity import FORMER
from secops_agent.services.records.indicators import Network, host_of, prefix_of
from secops_agent.services.writing import state_of, update_changed

_WRITTEN = ("note", "origin", "expires_at")
Key = tuple[str, str]  # kind, value


def write_listed(session: Session, records: Sequence[ListedRecord]) -> None:
    """Create or extend entries. One transaction's work; a list that is named for the first time is made."""
    for name in {each.list for each in records}:
        _write_list(session, name, [each for each in records if each.list == name])


def _write_list(session: Session, name: str, records: Sequence[ListedRecord]) -> None:
    owner, _ = IndicatorList.objects.get_or_create(name=name)
    own = {} if owner.protects else _own(session, records)
    wanted: dict[Key, ListedRecord] = {}
    for each in records:
        refusal = _guarded(owner, session) or _refusal(each, own, session.now)
        if refusal:
            session.ledger.rejected.append(Rejected(each.position, refusal))
        else:
            wanted[each.kind, each.value] = each
    rows = {
        (row.kind, row.value): row
        for row in rows_by(ListedIndicator, "value", {value for _, value in wanted}, lock=True)
        if row.list_id == owner.pk
    }
    expiry = session.now + timedelta(days=owner.default_days) if owner.default_days else None
    fresh = [_row(owner, each, expiry, session.now) for key, each in wanted.items() if key not in rows]
    insert_many(ListedIndicator, fresh)
    kept = [(rows[key], each) for key, each in wanted.items() if key in rows]
    revived = _update(session, kept, expiry)
    session.ledger.create("indicator", _ids(owner, fresh))
    _note(owner, wanted, bool(fresh) or revived)


def _row(owner: IndicatorList, each: ListedRecord, expiry: datetime | None, now: datetime) -> dict[str, Any]:
    return {
        "list_id": owner.pk, "kind": each.kind, "value": each.value, "note": each.note, "origin": each.origin,
        "expires_at": each.expires_at or expiry, "created_at": now,
    }  # fmt: skip


def _ids(owner: IndicatorList, fresh: Sequence[dict[str, Any]]) -> list[int]:
    rows = values_by(ListedIndicator, ["id", "list"], value={each["value"] for each in fresh})
    return [pk for pk, list_id in rows if list_id == owner.pk]


def _update(
    session: Session, kept: Sequence[tuple[ListedIndicator, ListedRecord]], expiry: datetime | None
) -> bool:
    """Notes and expiry as they are now; whether an entry that was over holds again."""
    changed: list[tuple[ListedIndicator, dict[str, Any]]] = []
    revived = False
    for row, each in kept:
        before = state_of(row, _WRITTEN)
        was_over = row.expires_at is not None and row.expires_at <= session.now
        row.note, row.origin = each.note or row.note, each.origin or row.origin
        if (
            each.expires_at or was_over
        ):  # the default is counted from the first import: the same file changes nothing
            row.expires_at = each.expires_at or expiry
        revived = revived or was_over
        if state_of(row, _WRITTEN) != before:
            changed.append((row, before))
    update_changed(ListedIndicator, changed)
    session.ledger.see("indicator", (row.pk for row, _ in kept))
    session.ledger.update("indicator", (row.pk for row, _ in changed))
    return revived


def _note(owner: IndicatorList, wanted: dict[Key, ListedRecord], more: bool) -> None:
    """What kinds of networks it has, and that stored alerts are to be compared with what is new."""
    prefixes = {prefix_of(value) for kind, value in wanted if kind == "cidr"}
    known = set(owner.prefixes)
    if not prefixes <= known:
        IndicatorList.objects.filter(pk=owner.pk).update(prefixes=sorted(known | prefixes))
    if more:
        comparing.begin(owner.pk)


def _guarded(owner: IndicatorList, session: Session) -> str:
    """ "" for who may say what must not be blocked: an administrator, or who works at the command line."""
    if not owner.protects or session.actor.via.startswith("import:"):
        return ""
    staff = staff_of(session.actor)
    return (
        "" if staff and staff.role == Role.ADMIN else "这是「永不封禁」的名单，只有「管理」角色的人可以加入"
    )


def _refusal(each: ListedRecord, own: dict[str, str], now: datetime) -> str:
    """ "" for what may be an entry."""
    if each.expires_at is not None and each.expires_at <= now:
        return "已经过了有效期"
    asset = own.get(each.value)
    return f"是我们自己的资产（{asset}）的地址，不作为情报" if asset else ""


def _own(session: Session, records: Sequence[ListedRecord]) -> dict[str, str]:
    """Value of an entry → the asset of ours that it is, or that is in it."""
    asked = {(host_of(each.value) if each.kind == "url" else each.value): each.value for each in records}
    keys = AssetKey.objects.filter(
        value__in=list(asked), kind__in=("ip", "fqdn", "hostname", "url"), stated=True
    )
    rows = keys.exclude(kind=FORMER).values_list("value", "asset__name")
    found = {asked[value]: name for value, name in rows}
    networks = [each.value for each in records if each.kind == "cidr"]
    return found | (_within(networks) if networks else {})


def _within(networks: Sequence[str]) -> dict[str, str]:
    """Networks that hold an address of ours."""
    wanted: dict[tuple[int, int], dict[int, str]] = {}
    for each in networks:
        network: Network = ipaddress.ip_network(each)
        bits = network.max_prefixlen - network.prefixlen
        wanted.setdefault((network.version, bits), {})[int(network.network_address) >> bits] = each
    found: dict[str, str] = {}
    keys = AssetKey.objects.filter(kind="ip", stated=True).values_list("value", "asset__name")
    for value, name in keys.iterator(2000):
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            continue
        for (version, bits), starts in wanted.items():
            if version == address.version and (hit := starts.get(int(address) >> bits)):
                found[hit] = name
    return found
