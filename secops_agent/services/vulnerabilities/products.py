"""What a word for software leads to: the components of that name, and the vulnerabilities that it stands for."""

from collections.abc import Collection, Mapping

from secops_agent.models import Component
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter

_MOST = 3


def software_named(word: str, assets: Collection[int]) -> Mapping[int, str]:
    """Asset → the components on it whose name holds the word, with their versions."""
    rows = Component.objects.filter(asset__in=assets, active=True, name__icontains=word).order_by(
        "name", "id"
    )
    found: dict[int, dict[str, None]] = {}
    for asset_id, name, version in rows.values_list("asset_id", "name", "version")[:1000]:
        found.setdefault(asset_id, {})[f"{name} {version}".strip()] = None
    return {asset_id: "、".join(list(names)[:_MOST]) for asset_id, names in found.items()}


def related_flaws(word: str) -> tuple[str, ...]:
    """The ids of the gravest vulnerabilities whose title, alias or component holds the word, those here first."""
    for present in (True, False):
        wanted = VulnerabilityFilter(keyword=word, present_only=present, limit=_MOST)
        found = catalogue.search(wanted).items
        if found:
            return tuple(each.vuln_id for each in found)
    return ()
