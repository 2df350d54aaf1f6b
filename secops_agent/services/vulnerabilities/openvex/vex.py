"""What was decided, by people or as a supplier says, about one vulnerability on each asset, in the words of OpenVEX 0.2 and CycloneDX 1.6."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from secops_agent.models import Finding, History, Vulnerability
from secops_agent.services.assets.views import AssetRef

# decision → (OpenVEX status, CycloneDX analysis state)
STATES: Final[Mapping[str, tuple[str, str]]] = {
    "in_progress": ("affected", "exploitable"), "accepted": ("affected", "exploitable"), "affected": ("affected", "exploitable"),
    "false_positive": ("not_affected", "false_positive"), "not_affected": ("not_affected", "not_affected"),
    "under_investigation": ("under_investigation", "in_triage"), "fixed": ("fixed", "resolved"),
}  # fmt: skip
# OpenVEX justification → CycloneDX justification
JUSTIFICATIONS: Final[Mapping[str, str]] = {
    "component_not_present": "code_not_present", "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "vulnerable_code_cannot_be_controlled_by_adversary": "requires_environment",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
}  # fmt: skip
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class VexStatement:
    """One decision, by whom and why; ``openvex`` and ``cyclonedx`` as those formats would write it."""

    finding: int
    asset: AssetRef
    component: str
    decision: str
    justification: str
    until: datetime | None
    openvex: str
    cyclonedx: str
    by: str
    at: datetime | None
    note: str


def statements(row: Vulnerability) -> tuple[VexStatement, ...]:
    """The newest first, at most `MOST`. Two queries."""
    rows = Finding.objects.filter(vulnerability=row).exclude(decision="").select_related("asset", "component")
    found = list(rows.order_by("-decided_at", "-id")[:MOST])
    told = History.objects.filter(
        entity="finding", entity_id__in=[each.pk for each in found], action__in=("decide", "vex")
    )
    last = {each.entity_id: each for each in told.order_by("id")}
    return tuple(_statement(each, last.get(each.pk)) for each in found)


def _statement(row: Finding, said: History | None) -> VexStatement:
    openvex, cyclonedx = STATES[row.decision]
    if row.justification:
        openvex += f" / {row.justification}"
        cyclonedx += f" / {JUSTIFICATIONS[row.justification]}"
    return VexStatement(
        row.pk, AssetRef(row.asset_id, row.asset.name), str(row.component or ""), str(row.get_decision_display()),
        str(row.get_justification_display() or ""), row.until, openvex, cyclonedx, said.actor_name if said else "",
        row.decided_at, said.note if said else "",
    )  # fmt: skip
