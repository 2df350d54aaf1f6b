"""Names of the estate: assets, people, sources, rules and runbooks, against which the offline mode reads a sentence."""

from dataclasses import dataclass

from secops_agent.models import Alert, Asset, AssetKey, Runbook, Staff

_MOST = 50_000
_NAMING = ("hostname", "fqdn", "ip", "url", "cloud_id")


@dataclass(frozen=True, slots=True)
class KnownNames:
    """``assets``: (name, its other names and addresses); ``people``: (staffId, name, nick)."""

    assets: tuple[tuple[str, tuple[str, ...]], ...]
    people: tuple[tuple[str, str, str], ...]
    keywords: frozenset[str]
    runbooks: tuple[str, ...] = ()


def known_names() -> KnownNames:
    """Read them all; five queries. Keep the answer for a while rather than reading it for every sentence."""
    aliases: dict[int, list[str]] = {}
    keys = AssetKey.objects.filter(kind__in=_NAMING).values_list("asset_id", "value")[: 4 * _MOST]
    for asset_id, value in keys:
        aliases.setdefault(asset_id, []).append(value)
    named = Asset.objects.order_by("id").values_list("pk", "name")[:_MOST]
    assets = tuple((name, tuple(aliases.get(pk, ()))) for pk, name in named)
    people = Staff.objects.filter(active=True).values_list("staff_id", "name")[:_MOST]
    return KnownNames(
        assets=assets,
        people=tuple((staff_id, name, "") for staff_id, name in people),
        keywords=_keywords(),
        runbooks=_runbooks(),
    )


def _keywords() -> frozenset[str]:
    """Sources and rules that alerts have had of late."""
    rows = Alert.objects.order_by("-last_seen").values_list("source", "rule_name")[:5000]
    return frozenset(word for pair in set(rows) for word in pair if word)


def _runbooks() -> tuple[str, ...]:
    """What the published runbooks of everybody are about: their titles and tags."""
    rows = Runbook.objects.filter(published=True).values_list("title", "tags")[:1000]
    return tuple(word for title, tags in rows for word in (title, *(tags or ())) if word)
