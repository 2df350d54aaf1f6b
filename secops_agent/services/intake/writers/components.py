"""Writer of components."""

from collections.abc import Iterable, Sequence
from typing import Any

from bifang.core.database.rows import update_rows
from secops_agent.models import Component
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.assets import write_assets
from secops_agent.services.reading import rows_by
from secops_agent.services.records import ComponentRecord, Rejected
from secops_agent.services.records.identity import component_identity
from secops_agent.services.vulnerabilities.comparison.software import component_coordinates
from secops_agent.services.writing import assign, by_key

_NO_ASSET = "没有说明这个组件在哪个资产上：请在导入时指定资产。"
_WRITTEN = ("distro", "location", "licenses", "active", "last_seen")


def write_components(session: Session, records: Sequence[ComponentRecord]) -> dict[ComponentRecord, int]:
    """Create or complete components, with their assets. One transaction's work. Returns their ids."""
    owned = [record for record in dict.fromkeys(records) if record.asset is not None]
    session.ledger.rejected += (
        Rejected(f"{record.name} {record.version}".strip()[:80], _NO_ASSET)
        for record in records
        if record.asset is None
    )
    write_assets(session, (record.asset for record in owned if record.asset is not None))
    placed = {record: _identity(session, record) for record in owned}
    known = by_key(rows_by(Component, "identity", set(placed.values())), "identity")
    new: dict[str, Component] = {}
    touched: dict[str, Component] = {}
    changed: set[int] = set()
    for record, identity in placed.items():
        row = known.get(identity) or new.get(identity)
        if row is None:
            new[identity] = _begin(session, record, identity)
        elif _complete(session, row, record) and row.pk:
            changed.add(row.pk)
        if row is not None and row.pk:
            touched[identity] = row
    Component.objects.bulk_create(list(new.values()))
    update_rows(Component, _WRITTEN, touched.values())
    session.ledger.create("component", (row.pk for row in new.values()))
    session.ledger.see("component", (row.pk for row in touched.values()))
    session.ledger.update("component", changed)
    rows = known | new
    _remember(session, placed, rows)
    return {record: rows[identity].pk for record, identity in placed.items()}


def _identity(session: Session, record: ComponentRecord) -> str:
    assert record.asset is not None
    return component_identity(session.assets[record.asset], record)


def _remember(session: Session, placed: dict[ComponentRecord, str], rows: dict[str, Component]) -> None:
    for record, identity in placed.items():
        row = rows[identity]
        session.components.setdefault((record.source, row.asset_id), set()).add(row.pk)


def _begin(session: Session, record: ComponentRecord, identity: str) -> Component:
    assert record.asset is not None
    found = component_coordinates(record.purl, record.name, record.version, record.distro)
    seen = record.asset.seen_at or session.received_at
    return Component(
        identity=identity,
        asset_id=session.assets[record.asset],
        name=record.name[:300],
        version=record.version[:200],
        purl=record.purl[:1000],
        component_type=record.component_type[:50],
        ecosystem=found.scheme[:30],
        package=found.package[:300],
        source_package=found.source_package[:300],
        distro=record.distro[:60],
        location=record.location[:500],
        licenses=list(record.licenses),
        source=record.source[:60],
        first_seen=seen,
        last_seen=seen,
    )


def _complete(session: Session, row: Component, record: ComponentRecord) -> dict[str, tuple[Any, Any]]:
    """What a record adds; places differ between tools, the first one stays."""
    assert record.asset is not None
    values: dict[str, Any] = {"licenses": list(dict.fromkeys([*row.licenses, *record.licenses]))[:50]}
    if not row.active:
        values["active"] = True
    texts = {"distro": record.distro[:60], "location": record.location[:500]}
    values |= {name: text for name, text in texts.items() if text and not getattr(row, name)}
    row.last_seen = max(row.last_seen, record.asset.seen_at or session.received_at)
    return assign(row, values)


def retire_components(ids: Iterable[int]) -> None:
    """A complete scan no longer has these."""
    Component.objects.filter(pk__in=list(ids), active=True).update(active=False)
