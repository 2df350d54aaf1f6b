"""Exposure to one vulnerability: which assets scanners found affected, and our own comparison of versions."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from secops_agent.models import AffectedRange, Asset, Component, Finding, Vulnerability, VulnerabilityAlias
from secops_agent.models.choices import FindingState
from secops_agent.services.assets.views import AssetSummary, summaries
from secops_agent.services.vulnerabilities.comparison import matching
from secops_agent.services.vulnerabilities.comparison.matches import SOURCE
from secops_agent.services.vulnerabilities.comparison.versions import Answer
from secops_agent.services.vulnerabilities.openvex import statements
from secops_agent.services.vulnerabilities.states import REFUTED
from secops_agent.services.vulnerabilities.views import ExposedAsset, Exposure

_MOST = 500
_Line = tuple[
    Answer, int, str, str, str, str, str
]  # answer, asset, component, version, fixed, reason, source


def affected_assets(any_id: str) -> Exposure:
    """受影响, 不受影响 and 无法判断 for one vulnerability, by any of its names; at most 500 assets an answer."""
    name = any_id.strip().upper()
    found = VulnerabilityAlias.objects.select_related("vulnerability").filter(alias=name).first()
    if found is None:
        return Exposure(any_id.strip(), known=False)
    row = found.vulnerability
    scanned = list(_scanned(row))
    lines = [*scanned, *_compared(row, {line[1:3] for line in scanned})]
    return _exposure(row.vuln_id, lines, row.updated_at)


def _scanned(row: Vulnerability) -> Iterable[_Line]:
    """What scanners say. That a person refuted it is an answer too."""
    rows = Finding.objects.filter(vulnerability=row).exclude(source=SOURCE).exclude(state=FindingState.GONE)
    suppliers = statements.told_by_suppliers(row.pk)
    for each in rows.select_related("component").order_by("asset_id", "id"):
        component = each.component
        name, version = (component.name, component.version) if component else ("", "")
        refuted = REFUTED.get(each.decision, "已在工具中忽略" if each.suppressed else "")
        reason = suppliers.get(each.pk) or refuted or f"{each.source} 扫描发现"
        answer: Answer = "unaffected" if refuted else "affected"
        yield answer, each.asset_id, name, version, each.fixed_version, reason, each.source


def _compared(row: Vulnerability, known: set[tuple[int, str]]) -> Iterable[_Line]:
    """Our comparison, where no scanner has spoken about that asset and component."""
    matches = list(matching.match([row.pk]))
    components = Component.objects.in_bulk([each.component_id for each in matches])
    rows = Finding.objects.filter(vulnerability=row, source=SOURCE, decision__in=REFUTED)
    suppliers = statements.told_by_suppliers(row.pk)
    refuted = {
        component: suppliers.get(pk) or REFUTED[decision]
        for pk, component, decision in rows.values_list("pk", "component_id", "decision")
    }
    for each in matches:
        component = components.get(each.component_id)
        if component is None or (each.asset_id, component.name) in known:
            continue
        answer, reason = each.answer, each.reason
        if component.pk in refuted:
            answer, reason = "unaffected", refuted[component.pk]
        yield answer, each.asset_id, component.name, component.version, each.fixed_version, reason, SOURCE
    yield from _named(row)


def _named(row: Vulnerability) -> Iterable[_Line]:
    """Advisories that only name a product (CNVD): the same name is a reason to look, not an answer."""
    names = AffectedRange.objects.filter(vulnerability=row, scheme="").exclude(name="")
    wanted = set(names.values_list("name", flat=True))
    if not wanted or AffectedRange.objects.filter(vulnerability=row).exclude(scheme="").exists():
        return
    reason = "公告只写了产品名称，没有可比较的软件包和版本范围"
    for each in Component.objects.filter(name__in=wanted, active=True)[:_MOST]:
        yield "unknown", each.asset_id, each.name, each.version, "", reason, SOURCE


def _exposure(vuln_id: str, lines: Sequence[_Line], updated_at: datetime) -> Exposure:
    rows = Asset.objects.select_related("owner").in_bulk({line[1] for line in lines})
    views = {view.id: view for view in summaries(rows.values())}
    answers = {answer: _exposed(answer, lines, views) for answer in matching.ANSWER_LABELS}
    return Exposure(vuln_id, True, answers["affected"], answers["unaffected"], answers["unknown"], updated_at)


def _exposed(
    answer: Answer, lines: Sequence[_Line], views: dict[int, AssetSummary]
) -> tuple[ExposedAsset, ...]:
    """One line for each asset and component; what several sources say is one line."""
    found: dict[tuple[int, str, str], ExposedAsset] = {}
    for line in lines:
        _, asset_id, name, version, fixed, reason, source = line
        if line[0] != answer or asset_id not in views:
            continue
        old = found.get((asset_id, name, version))
        sources = (*old.sources, source) if old else (source,)
        fixed, reason = (old.fixed_version or fixed, old.reason) if old else (fixed, reason)
        unique = tuple(dict.fromkeys(sources))
        found[(asset_id, name, version)] = ExposedAsset(views[asset_id], name, version, fixed, reason, unique)
    ordered = sorted(found.values(), key=lambda each: (each.asset.name, each.component))
    return tuple(ordered[:_MOST])
