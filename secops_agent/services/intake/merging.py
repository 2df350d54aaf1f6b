"""Merging of assets by hand: what no import proved to be one, and a person knows to be; what would move is told before."""

from collections.abc import Collection
from typing import Final

from django.db.models import Q
from django.utils import timezone

from bifang.core.database.rows import count_each
from bifang.core.errors import InvalidInput
from secops_agent.models import AlertAsset, Asset, AssetKey, BlockRecord, Case, Component, Finding
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.faults import Conflict, Forbidden
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.joining import Joining
from secops_agent.services.records import Key
from secops_agent.services.records.identity import FORMER, identity_of, realm
from secops_agent.services.switches import refuse_when_read_only
from secops_agent.services.writing import import_transaction

MOST: Final = (
    1000  # things that one transaction moves (0.1 s of processor time): everybody who writes waits for it
)
_TWINS: Final = 5


def belongings(asset_id: int) -> dict[str, int]:
    """Word → how many of them the asset has, closed and gone ones too: what a merging moves. One query."""
    rows = {
        "告警": AlertAsset.objects.filter(asset=asset_id).values("pk"),
        "发现": Finding.objects.filter(asset=asset_id).values("pk"),
        "组件": Component.objects.filter(asset=asset_id).values("pk"),
        "标识": AssetKey.objects.filter(asset=asset_id).exclude(kind=FORMER).values("pk"),
        "事件": Case.objects.filter(alerts__asset_links__asset=asset_id).distinct().values("pk"),
        "封禁和隔离": BlockRecord.objects.filter(asset_id=asset_id).values("pk"),
    }
    return {
        word: number for word, number in zip(rows, count_each(list(rows.values())), strict=True) if number
    }


def twins(row: Asset) -> list[tuple[Asset, str]]:
    """Other assets of the same name, and other machines with one of its addresses; each with what is the same."""
    held = (
        AssetKey.objects.filter(kind="ip", value__in=row.ips).exclude(asset=row).values_list("asset", "value")
    )
    shared = dict(held.order_by("-value")) if realm(row.asset_type) == "host" else {}
    rows = Asset.objects.filter(Q(name__iexact=row.name) | Q(pk__in=shared)).exclude(pk=row.pk).order_by("pk")
    return [
        (each, "同名" if each.name.lower() == row.name.lower() else f"同一个 IP {shared[each.pk]}")
        for each in rows[:_TWINS]
        if each.name.lower() == row.name.lower() or realm(each.asset_type) == "host"
    ]


def _held(ids: Collection[int], homes: Collection[str] | None) -> dict[int, Asset]:
    """These, locked, and theirs to merge. Raises Conflict, Forbidden."""
    rows = Asset.objects.select_for_update(of=("self",)).select_related("owner").in_bulk(ids)
    if len(rows) < len(ids):
        raise Conflict("要合并的资产刚刚被合并或删除了，没有改动：请刷新再看。")
    for row in rows.values():
        if homes is not None and row.owner and row.owner.corp_id not in ("", *homes):
            raise Forbidden(f"「{row.name}」的负责人是另一个企业的，由那个企业的人合并。没有改动。")
    return rows


def recognise(
    kept: int, name: str, keys: Collection[Key], actor: Actor, homes: Collection[str] | None
) -> None:
    """What a source calls so is this asset: what tells it from others becomes the asset's, by which this import and all
    later ones find it. Raises as `merge`."""
    refuse_when_read_only()
    with import_transaction():
        row = _held([kept], homes)[kept]
        identities = {key: identity_of(row.asset_type, key) for key in keys}
        if AssetKey.objects.filter(identity__in=identities.values()).exclude(asset=row).exists():
            raise Conflict(f"「{name}」刚刚成了另一个资产：请在它的页面上用「合并到…」。没有导入。")
        for key, identity in identities.items():
            given = {"identity": identity, "stated": True}
            AssetKey.objects.update_or_create(asset=row, kind=key.kind, value=key.value[:500], defaults=given)
        note = f"导入时认定「{name}」就是这个资产，以后的导入也认得。"
        history.record("asset", kept, actor, "merge", {"merged": ("", name)}, note)


def merge(gone: int, kept: int, actor: Actor, homes: Collection[str] | None) -> str:
    """``gone`` becomes part of ``kept``, in one transaction; more than `MOST` things piece by piece, which merging again
    completes if it is interrupted. Returns what moved. ``homes``: the corporations of who does it
    (None: not restricted). Raises InvalidInput, Conflict, Forbidden, ReadOnly."""
    refuse_when_read_only()
    if gone == kept:
        raise InvalidInput("不能把资产并入它自己：请写另一个资产的 IP 或编号。")
    moved, now = belongings(gone), timezone.now()
    joining, few = Joining(Session(actor, now, now), gone, kept), sum(moved.values()) <= MOST
    with import_transaction():
        rows = _held([gone, kept], homes)
        if few:
            joining.at_once(rows[gone], rows[kept])
    if not few:
        joining.run()
    return "、".join(f"{word} {number}" for word, number in moved.items())
