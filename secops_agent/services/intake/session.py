"""Session of an import: what its writers share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from secops_agent.models import Asset, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.intake.comparisons import Remainder
from secops_agent.services.intake.ledger import Kind, Ledger
from secops_agent.services.records import AssetRecord
from secops_agent.services.sla import SlaLimits


@dataclass
class Session:
    """``received_at`` is the time of records that carry none, ``now`` that of the writing itself.

    ``scanned`` collects the findings and components that each (source, asset) had in this import. ``identity_links``: assets
    that turned out to be another one, which is older; ``former``: the ids of those that an asset has taken in.
    """

    actor: Actor
    now: datetime
    received_at: datetime
    announce: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    remainder: Remainder = field(default_factory=Remainder)
    limits: SlaLimits = field(default_factory=SlaLimits)
    assets: dict[AssetRecord, int] = field(default_factory=dict)
    owners: dict[str, int | None] = field(default_factory=dict)
    scanned: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    components: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    identity_links: dict[int, int] = field(default_factory=dict)
    former: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def keeps_apart(self, rows: Iterable[Asset]) -> bool:
        """May these not be joined? What a person set of one would be said of both: people do that, and who works at the
        command line; not what comes in by itself, however well it knows their keys."""
        trusted = self.actor.kind == "person" or self.actor.via.startswith("import:")
        return not trusted and any(row.locked for row in rows)

    def learn_owners(self, names: set[str]) -> None:
        """Resolve staff ids and names of owners that are not known yet, of who is in two corporations as one of the actor's; one query."""
        wanted = names - self.owners.keys() - {""}
        if not wanted:
            return
        rows = list(Staff.objects.filter(Q(staff_id__in=wanted) | Q(name__in=wanted), active=True))
        home = self.actor.named[0]
        for name in wanted:
            named = [row for row in rows if row.staff_id == name] or [row for row in rows if row.name == name]
            named = [row for row in named if row.corp_id == home] or named
            self.owners[name] = named[0].pk if len(named) == 1 else None

    def replace(self, kind: Kind, gone: int, kept: int) -> None:
        """A row has become part of another one."""
        self.ledger.drop(kind, gone)
        seen = {"finding": self.scanned, "component": self.components}.get(kind, {})
        for ids in seen.values():
            if gone in ids:
                ids.remove(gone)
                ids.add(kept)

    def redirect(self, gone: int, kept: int) -> None:
        """An asset has become part of another one."""
        self.assets = {record: kept if pk == gone else pk for record, pk in self.assets.items()}
        for book in (self.scanned, self.components):
            for source, pk in [key for key in book if key[1] == gone]:
                book.setdefault((source, kept), set()).update(book.pop((source, pk)))
        self.former[kept] = (*self.former.get(kept, ()), *self.former.pop(gone, ()), gone)
        self.identity_links = {
            one: kept if other == gone else other for one, other in self.identity_links.items()
        }
