"""Joining of assets: two that are one host become the older one, in short transactions.

What is interrupted stands; the next import that shows the bridge completes it. The id of the asset that is gone stays
with the survivor as a key, because the identities of findings hold it.
"""

from typing import Any

from bifang.core.database.rows import update_rows
from secops_agent.models import (
    AlertAsset,
    Asset,
    AssetKey,
    BlockRecord,
    Component,
    DemoObject,
    Finding,
    History,
)
from secops_agent.services.audit import history
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers import duplicates
from secops_agent.services.reading import rows_by
from secops_agent.services.records.identity import FORMER, component_identity
from secops_agent.services.writing import assign, by_key, import_transaction

_PIECE = 100
_TEXTS = ("name", "importance", "environment", "description", "owner_text")
_WRITTEN = (
    "name", "asset_type", "owner", "owner_text", "importance", "environment", "description", "ips", "tags", "sources",
    "locked", "first_seen", "last_seen",
)  # fmt: skip


def join_bridged(session: Session) -> None:
    """Join what the last piece showed to be one. Never inside a transaction."""
    while session.identity_links:
        gone, kept = session.identity_links.popitem()
        if gone != kept:
            Joining(session, gone, kept).run()


class Joining:
    """``gone`` becomes part of ``kept``."""

    def __init__(self, session: Session, gone: int, kept: int) -> None:
        self._session = session
        self._gone = gone
        self._kept = kept

    def run(self) -> None:
        """Piece by piece, until nothing is left; both may vanish meanwhile, then so does the task."""
        more = True
        while more:
            with import_transaction():
                rows = by_key(rows_by(Asset, "id", {self._gone, self._kept}, lock=True), "pk")
                if len(rows) < 2 or self._session.keeps_apart(rows.values()):
                    return  # a person may have set something since
                more = self._step()
                if not more:
                    self._end(rows[self._gone], rows[self._kept])
        self._session.redirect(self._gone, self._kept)

    def at_once(self, gone: Asset, kept: Asset) -> None:
        """All of it in the caller's transaction, which holds both rows."""
        while self._step():
            pass
        self._end(gone, kept)

    def _step(self) -> bool:
        """One piece of whatever is left."""
        return self._move_links() or self._move_components() or self._move_findings() or self._move_history()

    def _move_links(self) -> bool:
        mine = AlertAsset.objects.filter(asset_id=self._gone)
        ids = list(mine.order_by("id").values_list("alert_id", flat=True)[:_PIECE])
        kept = AlertAsset.objects.filter(asset_id=self._kept, alert_id__in=ids)
        mine.filter(alert_id__in=list(kept.values_list("alert_id", flat=True))).delete()
        mine.filter(alert_id__in=ids).update(asset_id=self._kept)
        return bool(ids)

    def _move_components(self) -> bool:
        rows = list(Component.objects.filter(asset_id=self._gone).order_by("id")[:_PIECE])
        identities = {row.pk: component_identity(self._kept, row) for row in rows}
        known = by_key(rows_by(Component, "identity", set(identities.values())), "identity")
        moved, doubles = [], []
        for row in rows:
            twin = known.setdefault(identities[row.pk], row)
            if twin is row:
                row.identity, row.asset_id = identities[row.pk], self._kept
                moved.append(row)
            else:
                duplicates.absorb_component(twin, row)
                doubles.append((row.pk, twin))
        update_rows(Component, ("identity", "asset"), moved)
        update_rows(Component, duplicates.COMPONENT_WRITTEN, [twin for _, twin in doubles])
        for pk, twin in doubles:
            Finding.objects.filter(component_id=pk).update(component_id=twin.pk)
            self._session.replace("component", pk, twin.pk)
        Component.objects.filter(pk__in=[pk for pk, _ in doubles]).delete()
        return bool(rows)

    def _move_findings(self) -> bool:
        rows = list(Finding.objects.filter(asset_id=self._gone).order_by("id")[:_PIECE])
        rules = {row.rule_id for row in rows}
        known = duplicates.only_ones(Finding.objects.filter(asset_id=self._kept, rule_id__in=rules))
        single = duplicates.only_ones(rows)
        moved: list[Finding] = []
        for row in rows:
            alike = duplicates.likeness(row)
            twin = known.get(alike)
            if twin is not None and alike in single:
                duplicates.absorb_finding(self._session, twin, row)
            else:
                row.asset_id = self._kept
                moved.append(row)
        update_rows(Finding, ("asset",), moved)
        return bool(rows)

    def _move_history(self) -> bool:
        mine = History.objects.filter(entity="asset", entity_id=self._gone)
        ids = list(mine.values_list("pk", flat=True)[:_PIECE])
        return bool(History.objects.filter(pk__in=ids).update(entity_id=self._kept)) if ids else False

    def _end(self, gone: Asset, kept: Asset) -> None:
        self._move_keys()
        changes = _absorb(kept, gone)
        update_rows(Asset, _WRITTEN, [kept])
        changes["merged"] = ("", f"{gone.name}（编号 {gone.pk}）")
        note = f"「{gone.name}」（编号 {gone.pk}）与本资产是同一个，已并入。"
        history.record("asset", kept.pk, self._session.actor, "merge", changes, note)
        self._forget_demo()
        BlockRecord.objects.filter(asset_id=self._gone).update(asset_id=self._kept)
        gone.delete()
        self._session.replace("asset", self._gone, self._kept)
        self._session.ledger.update("asset", [self._kept])

    def _move_keys(self) -> None:
        mine = {(row.kind, row.value): row for row in rows_by(AssetKey, "asset_id", [self._kept])}
        theirs = rows_by(AssetKey, "asset_id", [self._gone], order="id")
        double = [row for row in theirs if (row.kind, row.value) in mine]
        AssetKey.objects.filter(pk__in=[row.pk for row in double]).delete()
        grown = []
        for row in double:
            own = mine[(row.kind, row.value)]
            told = (own.identity or row.identity, own.stated or row.stated)
            if told != (own.identity, own.stated):
                own.identity, own.stated = told
                grown.append(own)
        update_rows(AssetKey, ("identity", "stated"), grown)
        AssetKey.objects.filter(asset_id=self._gone).update(asset_id=self._kept)
        former = str(self._gone)
        AssetKey.objects.bulk_create(
            [AssetKey(asset_id=self._kept, kind=FORMER, value=former, identity=f"{FORMER}:{former}")],
        )

    def _forget_demo(self) -> None:
        """What is partly real is no demo: `load_demo --clear` would remove it."""
        marks = DemoObject.objects.filter(entity="asset", entity_id__in=(self._gone, self._kept))
        if marks.count() == 1:
            marks.delete()
        marks.filter(entity_id=self._gone).delete()


def _absorb(kept: Asset, gone: Asset) -> dict[str, tuple[Any, Any]]:
    """What a person decided wins, then what the survivor knows. Returns the changes.

    Tags of both together are what nobody set, as `notifications.matching.facts_of` asks; none is lost by it.
    """
    decided = {"owner_id" if name == "owner" else name for name in set(gone.locked) - set(kept.locked)}
    values: dict[str, Any] = {name: getattr(gone, name) for name in decided - {"tags"}}
    own = {"owner_id" if name == "owner" else name for name in kept.locked}
    for name in (*_TEXTS, "owner_id"):
        if name not in own and not getattr(kept, name):
            values.setdefault(name, getattr(gone, name))
    mixed = {"tags"} if set(kept.tags) != set(gone.tags) else set()
    values["locked"] = sorted({*kept.locked, *gone.locked} - mixed)
    for name, most in (("ips", 64), ("tags", 100), ("sources", 20)):
        values[name] = list(dict.fromkeys([*getattr(kept, name), *getattr(gone, name)]))[:most]
    changes = assign(kept, values)
    kept.first_seen = min(kept.first_seen, gone.first_seen)
    kept.last_seen = max(kept.last_seen, gone.last_seen)
    changes.pop("locked", None)
    return changes
