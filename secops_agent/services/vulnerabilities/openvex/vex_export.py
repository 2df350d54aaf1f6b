"""What people decided about findings, as one OpenVEX 0.2.0 document (https://github.com/openvex/spec)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone

from secops_agent.models import AssetKey, Finding, History, VulnerabilityAlias
from secops_agent.services.reading import rows_by
from secops_agent.services.records.identity import ASSET_URN, digest
from secops_agent.services.vulnerabilities.openvex.vex import STATES

MOST: Final = 20_000
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
    """The newest decisions of people, at most `MOST`. A supplier's word that was followed is not ours to repeat."""
    said = _said_by_people()
    rows = Finding.objects.filter(vulnerability__isnull=False).exclude(decision="")
    decided = rows.select_related("component", "vulnerability").order_by("-decided_at", "-id")
    found = [row for row in decided.iterator(2000) if row.pk in said][:MOST]
    names, assets = _names(found), _assets(found)
    statements = [
        _statement(row, said[row.pk], names, assets[row.asset_id]) for row in found if row.asset_id in assets
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


def _statement(row: Finding, note: str, names: Mapping[int, list[str]], asset: str) -> dict[str, Any]:
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
