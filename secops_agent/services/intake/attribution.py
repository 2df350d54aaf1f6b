"""Records from outside that carry no rights: whatever they claim, they come from where we got them.

Their own source becomes a part of their keys, so that two tools behind one source do not mix.
"""

from dataclasses import replace
from datetime import datetime

from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    ScanRecord,
)


def attributed(item: Item, source: str, at: datetime, event: str) -> Item:
    """``at``, ``event``: when it came, and which one it is, for an alert that tells neither."""
    if isinstance(item, AlertRecord):
        return _alert(item, source, at, event)
    if isinstance(item, FindingRecord):
        return replace(
            item, source=_behind(source, item.source), asset=_asset(item.asset, source),
            component=_component(item.component, source),
        )  # fmt: skip
    if isinstance(item, ScanRecord):  # ends what the same tool found, nobody else's
        return replace(item, source=_behind(source, item.source), asset=replace(item.asset, source=source))
    if isinstance(item, ComponentRecord):
        return _component(item, source) or item
    return _asset(item, source) or item if isinstance(item, AssetRecord) else item


def _behind(source: str, tool: str) -> str:
    return f"{source}/{tool}"[:60]


def _asset(asset: AssetRecord | None, source: str) -> AssetRecord | None:
    return replace(asset, source=source) if asset else None


def _component(component: ComponentRecord | None, source: str) -> ComponentRecord | None:
    if component is None:
        return None
    tool = _behind(source, component.source)
    return replace(component, source=tool, asset=_asset(component.asset, source))


def _alert(alert: AlertRecord, source: str, at: datetime, event: str) -> AlertRecord:
    """One without any time happened when it came; then its place in there tells it from others."""
    changed = replace(
        alert, source=source, dedup_key=(alert.source, *alert.dedup_key),
        assets=tuple(replace(asset, source=source) for asset in alert.assets),
    )  # fmt: skip
    if alert.occurred_at or alert.last_seen:
        return changed
    return replace(changed, event_id=alert.event_id or event, occurred_at=at)
