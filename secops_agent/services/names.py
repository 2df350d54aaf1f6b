"""Names of the estate: assets, people, sources and rules, against which the offline mode reads a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Exists, Max, OuterRef

from secops_agent.models import Alert, Asset, AssetKey, Finding, Staff, Vulnerability
from secops_agent.models.choices import FindingKind
from secops_agent.services.reading import values_by

_MOST = 50_000
_FIGURES = 5  # of a number that people call a vulnerability by
PeopleMark = tuple[int, datetime | None]
_NAMING = ("hostname", "fqdn", "ip", "url", "cloud_id")


@dataclass(frozen=True, slots=True)
class KnownNames:
    """``assets``: (name, its other names and addresses); ``people``: (staffId, name, nick). ``rules`` of findings that are no
    vulnerabilities; ``flaws``: the last number of a vulnerability that no other one and no alert has."""

    assets: tuple[tuple[str, tuple[str, ...]], ...]
    people: tuple[tuple[str, str, str], ...]
    keywords: frozenset[str]
    rules: tuple[str, ...] = ()
    flaws: Mapping[str, str] = field(default_factory=dict)


def known_names() -> KnownNames:
    """Read them all; eight queries. Keep the answer for a while rather than reading it for every sentence."""
    aliases: dict[int, list[str]] = {}
    keys = AssetKey.objects.filter(kind__in=_NAMING).values_list("asset_id", "value")[: 4 * _MOST]
    for asset_id, value in keys:
        aliases.setdefault(asset_id, []).append(value)
    named = Asset.objects.order_by("id").values_list("pk", "name")[:_MOST]
    assets = tuple((name, tuple(aliases.get(pk, ()))) for pk, name in named)
    return KnownNames(
        assets=assets,
        people=known_people(),
        keywords=_keywords(),
        rules=_rules(),
        flaws=_flaws(),
    )


def known_people() -> tuple[tuple[str, str, str], ...]:
    """As `KnownNames` has them."""
    people = Staff.objects.filter(active=True).values_list("staff_id", "name")[:_MOST]
    return tuple((staff_id, name, "") for staff_id, name in people)


def people_mark() -> PeopleMark:
    """Another one whenever `known_people` may be others; one query, of every turn."""
    found = Staff.objects.filter(active=True).aggregate(number=Count("pk"), last=Max("updated_at"))
    return found["number"], found["last"]


def _keywords() -> frozenset[str]:
    """Sources and rules that alerts have had of late."""
    rows = Alert.objects.order_by("-last_seen").values_list("source", "rule_name")[:5000]
    return frozenset(word for pair in set(rows) for word in pair if word)


def _rules() -> tuple[str, ...]:
    """Of findings that no known vulnerability tells."""
    rows = Finding.objects.exclude(kind=FindingKind.VULNERABILITY).exclude(rule_id="")
    return tuple(rows.order_by().values_list("rule_id", flat=True).distinct()[:5000])


def _flaws() -> Mapping[str, str]:
    """Of those that something was found of."""
    here = Vulnerability.objects.filter(Exists(Finding.objects.filter(vulnerability=OuterRef("pk"))))
    found: dict[str, str] = {}
    for name in here.order_by("pk").values_list("vuln_id", flat=True)[:_MOST]:
        end = name.rpartition("-")[2]
        if len(end) >= _FIGURES and end.isdecimal():
            found[end] = "" if end in found else name
    last = Alert.objects.aggregate(last=Max("pk"))["last"] or 0
    low = [end for end in found if int(end) <= last]
    found |= {str(number): "" for (number,) in values_by(Alert, ("pk",), pk=low)}
    return {end: name for end, name in found.items() if name}
