"""What a decision covers: the assets of some findings, what matters most first, and what of it takes two persons."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from secops_agent.models import Asset, Finding
from secops_agent.models.choices import Importance
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.vulnerabilities.states import needs_second


@dataclass(frozen=True, slots=True)
class CoveredAsset:
    """An asset, and how many of the findings are on it; ``exposure``: why the internet may reach it, "" where nothing says so."""

    id: int
    name: str
    owner: str
    core: bool
    exposure: str
    findings: int

    @property
    def marks(self) -> tuple[str, ...]:
        """In words."""
        return ("核心",) * self.core + ("可能对外",) * bool(self.exposure)


def covered(ids: Collection[int]) -> list[CoveredAsset]:
    """Core ones first, then what may be reached from the internet, then by name."""
    on = Counter(Finding.objects.filter(pk__in=ids).order_by().values_list("asset_id", flat=True))
    rows = Asset.objects.select_related("owner").filter(pk__in=on)
    found = [
        CoveredAsset(
            row.pk, row.name, row.owner.name if row.owner else row.owner_text,
            row.importance == Importance.CRITICAL, exposure_of(row), on[row.pk],
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda each: (not each.core, not each.exposure, each.name))


def of_two(ids: Collection[int], decision: str) -> frozenset[int]:
    """Those of the findings of which nobody decides this alone."""
    return frozenset(Finding.objects.filter(needs_second(decision), pk__in=ids).values_list("pk", flat=True))
