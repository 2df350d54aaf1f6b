"""Taking back: what an import did to one asset is undone, field by field, and kept from the next import; the undoing, too."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from bifang.core.errors import InvalidInput
from secops_agent.models import Asset, AssetKey, History, ImportJob, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.faults import NotFound
from secops_agent.services.writing import assign

ACTION: Final = "take_back"
MOST_IPS: Final = 64  # of one asset
POSSIBLE: Final = ("import", ACTION)
_FIELDS: Final = (
    "name", "ips", "owner_id", "owner_text", "importance", "environment", "tags", "description", "locked",
)  # fmt: skip


def can_take_back(entry: history.HistoryEntry) -> bool:
    """Is there anything in it that can be put back?"""
    return entry.action in POSSIBLE and not entry.changes.keys().isdisjoint(_FIELDS)


@dataclass(frozen=True, slots=True)
class ImportedChange:
    """What an import did to one asset. ``entry_id``: of its history; ``told``: 负责人 李四 → 赵六；…; ``back``: can any of it still
    be put back?"""

    asset_id: int
    entry_id: int
    name: str
    told: str
    back: bool


def changes_by(job: ImportJob, most: int = 50) -> list[ImportedChange]:
    """What an import changed of assets that were known; the first ones."""
    if job.started_at is None or job.finished_at is None:
        return []
    rows = History.objects.filter(
        at__range=(job.started_at, job.finished_at), entity="asset", action="import",
        actor_kind=job.actor_kind, actor_id=job.actor_ident,
    )  # fmt: skip
    found = list(rows.order_by("pk")[:most])
    assets = Asset.objects.in_bulk([each.entity_id for each in found])
    return [
        ImportedChange(
            row.pk,
            each.pk,
            row.name,
            _told(each),
            any(getattr(row, name) != old for name, old in _former(row, each).items()),
        )
        for each in found
        if (row := assets.get(each.entity_id)) and not each.changes.keys().isdisjoint(_FIELDS)
    ]


def _told(entry: History) -> str:
    changes = {name: tuple(pair) for name, pair in entry.changes.items() if name in _FIELDS}
    return "；".join(f"{label} {old} → {new}" for label, old, new in history.worded("asset", changes))


def take_back(asset_id: int, entry_id: int, actor: Actor) -> tuple[str, ...]:
    """Put the values back that this entry of the history changed, as far as they still are what it made of them; returns the
    labels of those that are not. What an import is taken back of stays as it is at the next one.

    Raises NotFound, InvalidInput where nothing can be put back.
    """
    entry = History.objects.filter(pk=entry_id, entity="asset", entity_id=asset_id, action__in=POSSIBLE)
    with transaction.atomic():
        row, done = Asset.objects.select_for_update().filter(pk=asset_id).first(), entry.first()
        if row is None or done is None:
            raise NotFound("没有这条变更，或这个资产已经不在。")
        before = list(row.ips)
        changes = assign(row, _former(row, done))
        if not changes:
            raise InvalidInput("这些值后来又改过，没有可以收回的。")
        if done.action == "import":
            locked = {*row.locked, *("owner" if name.startswith("owner") else name for name in changes)}
            changes |= assign(row, {"locked": sorted(locked)})
        row.save(update_fields=list(changes))
        keep_addresses(row, before)
        history.record("asset", asset_id, actor, ACTION, changes)
    left = {name: pair for name, pair in done.changes.items() if name in _FIELDS[:-1] and name not in changes}
    return tuple(label for label, _, _ in history.worded("asset", left))


def _former(row: Asset, done: History) -> dict[str, Any]:
    """Field → what it was before the entry, without what somebody has changed since."""
    changes: Mapping[str, Sequence[Any]] = done.changes
    found: dict[str, Any] = {}
    for name in _FIELDS:
        old, new = changes.get(name, (None, None))
        now = getattr(row, name)
        if isinstance(new, list):
            kept = [each for each in now if each in old or each not in new]
            found[name] = [*kept, *(each for each in old if each not in new and each not in kept)]
        elif name in changes and now == new:
            found[name] = old
    if (owner := found.get("owner_id")) and not Staff.objects.filter(pk=owner).exists():
        found["owner_id"] = None
    return found


def read_addresses(given: Sequence[str]) -> list[str]:
    """As they are written. Raises InvalidInput."""
    found = []
    for each in filter(None, map(str.strip, given)):
        try:
            found.append(str(ipaddress.ip_address(each)))
        except ValueError:
            raise InvalidInput(
                f"「{each[:50]}」不是 IP 地址：每个写完整，例如 10.0.0.5，多个用逗号分隔。"
            ) from None
    if len(found) > MOST_IPS:
        raise InvalidInput(f"一个资产最多 {MOST_IPS} 个地址。")
    return list(dict.fromkeys(found))


def keep_addresses(row: Asset, before: Sequence[str]) -> None:
    """Let an asset be found by the addresses that it has, and no more by those that it had. In the caller's transaction."""
    gone = set(before) - set(row.ips)
    AssetKey.objects.filter(asset=row, kind="ip", value__in=gone).delete()
    for ip in row.ips:
        if ip not in before:
            AssetKey.objects.get_or_create(asset=row, kind="ip", value=ip)
