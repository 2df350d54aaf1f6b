"""What a word for software leads to: the components of that name, and the vulnerabilities that it stands for."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from secops_agent.models import Component, Finding
from secops_agent.services.assets.software import software
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter

_MOST = 3
_READ = 2000


@dataclass(frozen=True, slots=True)
class Installed:
    """Of one asset: components with their versions, and the vulnerabilities found in them, gravest first."""

    components: tuple[str, ...]
    flaws: tuple[str, ...]


def software_named(word: str, assets: Collection[int]) -> Mapping[int, Installed]:
    """What is on these assets of which the name holds the word, or the name and the version."""
    rows = Component.objects.filter(software(word), asset__in=assets, active=True).order_by("name", "id")
    found: dict[int, dict[str, None]] = defaultdict(dict)
    for asset_id, name, version in rows.values_list("asset_id", "name", "version")[:_READ]:
        found[asset_id][f"{name.rpartition(':')[2]} {version}".strip()] = None
    findings = Finding.objects.filter(software(word, "component__"), asset__in=assets, active=True)
    flaws: dict[int, dict[str, None]] = defaultdict(dict)
    worst = findings.order_by("-vulnerability__priority").values_list("asset_id", "vulnerability__vuln_id")
    for asset_id, vuln_id in worst[:_READ]:
        flaws[asset_id][vuln_id] = None
    return {each: Installed(tuple(names), tuple(flaws[each])) for each, names in found.items()}


def related_flaws(word: str) -> tuple[str, ...]:
    """The ids of the gravest vulnerabilities whose title, alias or component holds the word, those here first."""
    wanted = VulnerabilityFilter(keyword=word, limit=_MOST)
    return catalogue.first(wanted) or catalogue.first(replace(wanted, present_only=False))
