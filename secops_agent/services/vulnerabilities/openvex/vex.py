"""VEX statements of ours: decisions about one vulnerability, and all of people's as one OpenVEX 0.2.0 document (https://github.com/openvex/spec)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone

from secops_agent.models import AssetKey, Finding, History, Vulnerability, VulnerabilityAlias
from secops_agent.services.assets.views import AssetRef
from secops_agent.services.reading import rows_by
from secops_agent.services.records.identity import ASSET_URN, digest

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


MOST_WRITTEN: Final = 20_000
AUTHOR: Final = "毕方"
_SAYING: Final = ("decide", "vex", "expire")
_STEPS: Final = {
    "in_progress": "正在修复。",
    "accepted": "已接受风险，暂不处理。",
    "affected": "已确认受影响，待处理。",
}


def document_prefix() -> str:
    """How the documents of this installation begin, so that it knows them again."""
    return f"urn:bifang:vex:{digest('vex', settings.SECRET_KEY)[:16]}:"


def document() -> dict[str, Any]:
    """The newest decisions of people, at most `MOST_WRITTEN`. A supplier's word that was followed is not ours to repeat."""
    said = _said_by_people()
    rows = Finding.objects.filter(vulnerability__isnull=False).exclude(decision="")
    decided = rows.select_related("component", "vulnerability").order_by("-decided_at", "-id")
    found = [row for row in decided.iterator(2000) if row.pk in said][:MOST_WRITTEN]
    names, assets = _names(found), _assets(found)
    statements = [
        _written(row, said[row.pk], names, assets[row.asset_id]) for row in found if row.asset_id in assets
    ]
    now = timezone.now()
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": f"{document_prefix()}{now:%Y%m%dT%H%M%SZ}",
        "author": AUTHOR,
        "timestamp": now.isoformat(),
        "version": 1,
        "statements": statements,
    }


def _said_by_people() -> Mapping[int, str]:
    """Finding → the note of the newest decision, where a person made it."""
    decided = Finding.objects.exclude(decision="").values("pk")
    told = History.objects.filter(entity="finding", entity_id__in=decided, action__in=_SAYING).order_by("id")
    newest = {
        pk: (action, note) for pk, action, note in told.values_list("entity_id", "action", "note").iterator()
    }
    return {pk: note for pk, (action, note) in newest.items() if action == "decide"}


def _names(found: Sequence[Finding]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for each in rows_by(VulnerabilityAlias, "vulnerability_id", {row.vulnerability_id for row in found}):
        names.setdefault(each.vulnerability_id, []).append(each.alias)
    return names


def _assets(found: Sequence[Finding]) -> dict[int, str]:
    """Asset → its oldest identity; one that is only known by an address has none, and no statement."""
    assets: dict[int, str] = {}
    keys: Iterable[AssetKey] = rows_by(AssetKey, "asset_id", {row.asset_id for row in found})
    for key in sorted(keys, key=lambda key: key.pk):
        if key.identity:
            assets.setdefault(key.asset_id, key.identity)
    return assets


def _written(row: Finding, note: str, names: Mapping[int, list[str]], asset: str) -> dict[str, Any]:
    assert row.vulnerability is not None
    assert row.decided_at is not None
    status, _ = STATES[row.decision]
    own = row.vulnerability.vuln_id
    aliases = sorted(name for name in names.get(row.vulnerability.pk, ()) if name != own.upper())
    product: dict[str, Any] = {"@id": ASSET_URN + quote(asset, safe=":")}
    if row.component:
        product["subcomponents"] = [_component(row)]
    said: dict[str, Any] = {
        "vulnerability": {"name": own, **({"aliases": aliases} if aliases else {})},
        "products": [product],
        "status": status,
        "timestamp": row.decided_at.isoformat(),
    }
    if row.justification:
        said["justification"] = row.justification
    if status == "affected":
        return said | {"action_statement": note or _STEPS[row.decision]}
    note = note or ("扫描工具的误报。" if row.decision == "false_positive" else "")
    return said | ({"impact_statement" if status == "not_affected" else "status_notes": note} if note else {})


def _component(row: Finding) -> dict[str, Any]:
    assert row.component is not None
    purl = row.component.purl
    return {"@id": purl, "identifiers": {"purl": purl}} if purl else {"@id": f"{row.component}"}
