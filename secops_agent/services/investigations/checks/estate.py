"""Check of assets: whose they are, how much they matter, whether the internet can reach them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from secops_agent.models import Asset
from secops_agent.models.choices import AssetType, Importance
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.investigations.checks.base import Check, Evidence, Statement
from secops_agent.services.investigations.subject import Examined


@dataclass(frozen=True, slots=True)
class TouchedAsset:
    """``exposure``: why it can be reached from outside, "" where nothing says so."""

    id: int
    name: str
    asset_type: str
    importance: str
    environment: str
    owner: str
    exposure: str

    @property
    def evidence(self) -> Evidence:
        """How it is cited."""
        return Evidence("asset", self.id, self.name)


@dataclass(frozen=True, slots=True)
class EstateFacts:
    """The assets of an alert, the first ones."""

    alert_id: int
    assets: tuple[TouchedAsset, ...]


def look(subject: Examined) -> EstateFacts:
    """From the inventory as it is: assets keep no earlier state."""
    return EstateFacts(subject.alert.pk, tuple(_touched(each) for each in subject.assets))


def _touched(row: Asset) -> TouchedAsset:
    owner = row.owner.name if row.owner else row.owner_text
    return TouchedAsset(
        row.pk, row.name, row.asset_type, row.importance, row.environment, owner, exposure_of(row)
    )


def tell(facts: EstateFacts) -> Sequence[Statement]:
    """One sentence an asset."""
    if not facts.assets:
        return [Statement("没有关联到资产：来源没有写明，或资产没有登记", ())]
    return [Statement(_line(each), (each.evidence,)) for each in facts.assets]


def _line(asset: TouchedAsset) -> str:
    importance = f"重要性{Importance(asset.importance).label}" if asset.importance else "重要性没有登记"
    parts = [
        f"{AssetType(asset.asset_type).label} {asset.name}", importance, asset.environment,
        f"负责人 {asset.owner}" if asset.owner else "没有负责人",
        f"可能对外（{asset.exposure}）" if asset.exposure else "没有对外的迹象",
    ]  # fmt: skip
    return "，".join(filter(None, parts))


CHECK: Final = Check("estate", "涉及什么", EstateFacts, look, tell)
