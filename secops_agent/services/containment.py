"""Containment that did not hold: alerts that occurred after their host was isolated or their address blocked."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery

from bifang.channels.text.markup import plain
from secops_agent.models import Alert, AlertAsset, AlertIndicator
from secops_agent.models.automation.block import BlockRecord, BlockState
from secops_agent.models.choices import IndicatorKind, Outcome
from secops_agent.services.clock import clock

_STANDING = BlockRecord.objects.filter(state=BlockState.ACTIVE).order_by("since")
_ISOLATED, _BLOCKED = _STANDING.filter(kind="isolate_host"), _STANDING.filter(kind="block_ip")


def not_contained(links: QuerySet[AlertAsset]) -> Q:
    """They occurred although it stood, as our records have it, and nothing stopped them; hosts are looked for among these links."""
    isolated = _ISOLATED.filter(asset_id=OuterRef("asset_id")).values("since")[:1]
    blocked = _BLOCKED.filter(target=OuterRef("value")).values("since")[:1]
    hosts = links.filter(
        asset_id__in=_ISOLATED.order_by().values("asset_id"), alert__last_seen__gt=Subquery(isolated)
    )
    addresses = AlertIndicator.objects.filter(
        kind=IndicatorKind.IP,
        value__in=_BLOCKED.order_by().values("target"),
        alert__last_seen__gt=Subquery(blocked),
    )
    found = Q(pk__in=hosts.values("alert_id")) | Q(pk__in=addresses.order_by().values("alert_id"))
    return found & ~Q(outcome=Outcome.BLOCKED)


def standing(aims: Collection[int | str]) -> dict[int | str, BlockRecord]:
    """Number of an asset or address → what stands of it. One query, none about nothing."""
    assets = [each for each in aims if isinstance(each, int)]
    addresses = [each for each in aims if isinstance(each, str)]
    of_these = Q(kind="isolate_host", asset_id__in=assets) | Q(kind="block_ip", target__in=addresses)
    found: dict[int | str, BlockRecord] = {}
    for row in _STANDING.filter(of_these) if aims else ():
        aim = row.target if row.kind == "block_ip" else row.asset_id or 0
        found.setdefault(aim, row)
    return found


def has_passed(block: BlockRecord, at: datetime, outcome: str) -> bool:
    """Did something happen at that time although it stood, and nothing stopped it?"""
    return at > block.since and outcome != Outcome.BLOCKED


def told(row: Alert) -> str:
    """隔离 web-01（11-26 12:00）以后又发生，设备可能没有执行; "" for what did not. Three queries."""
    seen = AlertIndicator.objects.filter(alert=row, kind=IndicatorKind.IP).values_list("value", flat=True)
    linked = AlertAsset.objects.filter(alert=row).values_list("asset_id", flat=True)
    blocks = standing([*seen, *linked]).values()
    named = "、".join(
        f"{'封禁' if each.kind == 'block_ip' else '隔离'} {plain(each.target, 60)}（{clock(each.since)}）"
        for each in blocks
        if has_passed(each, row.last_seen, row.outcome)
    )
    return f"{named}以后又发生，设备可能没有执行" if named else ""
