"""Indicators: where one observable was seen."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Q
from django.db.models.expressions import RawSQL

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertIndicator, Asset, AssetKey
from secops_agent.models.choices import AssetType
from secops_agent.services.alerts.queries.mentioned import freshness, naming
from secops_agent.services.alerts.spread import Spread, spread_of, urls_at
from secops_agent.services.alerts.views import AlertSummary, summaries
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.assets.views import summaries as asset_summaries
from secops_agent.services.intelligence.locations import location_of
from secops_agent.services.intelligence.matching import ListedView, look_up
from secops_agent.services.pages import COUNT_CAP, Page, Total, cut
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.services.records.identity import FORMER
from secops_agent.services.records.indicators import refang

_HASH = re.compile(r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$")
_PATH = re.compile(r"/|~/|[A-Za-z]:[\\/]")
_DOMAIN = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$")


@dataclass(frozen=True, slots=True)
class Sightings:
    """``kind`` is what the value looks like; ``alerts`` newest first; ``assets`` are ours that bear it; ``listed``: what lists of
    indicators say of it; ``told``: of the alerts, how many name it in title or description only; ``unread``: texts of older
    alerts are still being read; ``location``: where a public address is registered, "" if that is not known."""

    kind: str
    value: str
    alerts: Page[AlertSummary]
    first_seen: datetime | None
    last_seen: datetime | None
    assets: tuple[AssetSummary, ...]
    updated_at: datetime | None
    listed: tuple[ListedView, ...] = ()
    location: str = ""
    told: int = 0
    unread: bool = False
    spread: Spread | None = None


def normalise(value: str) -> tuple[str, str]:
    """(kind, value as it is stored); defanged forms (hxxp, [.]) too. Raises InvalidInput for an empty value."""
    text = refang(value)
    if not text or "\x00" in text:
        raise InvalidInput("请给出要查的 IP、域名、URL、哈希、账号、进程或文件。")
    try:
        return "ip", str(ipaddress.ip_address(text))
    except ValueError:
        lower = text.lower()
    if "://" in text:
        return "url", text
    if _HASH.match(lower):
        return "hash", lower
    if "@" in text:
        return "email", lower
    if _DOMAIN.match(lower.rstrip(".")):
        return "domain", lower.rstrip(".")
    return ("file" if _PATH.match(text) else "account"), text


def names_people(kind: str, value: str) -> bool:
    """Is this, of the kind that it looks like, a person's account or address, or known as one: zhou.wang?"""
    if kind != "domain":
        return kind in PRIVATE_INDICATORS
    observed = AlertIndicator.objects.filter(value=value, kind__in=PRIVATE_INDICATORS)
    keys = AssetKey.objects.filter(value=value, asset__asset_type=AssetType.ACCOUNT)
    return observed.exists() or keys.exists()


def _kind_seen(kind: str, values: set[str]) -> str:
    """What has no form of its own may be an account, a process or a file: as alerts have it; where one has it as an account, that."""
    if kind != "account":
        return kind
    seen = set(AlertIndicator.objects.filter(value__in=values).values_list("kind", flat=True).distinct())
    return min(seen) if seen and not seen & PRIVATE_INDICATORS else kind


def lookup(value: str, limit: int = 20, *, private: bool = False, whole: bool = False) -> Sightings:
    """Alerts that name the value and assets that bear it; ``whole``: with their spread. Raises InvalidInput.

    ``private``: who asks may read private parts; without, a person's account or address is nowhere, whatever its form.
    """
    kind, text = normalise(value)
    values = {text, text.lower(), value.strip()}
    kind = _kind_seen(kind, values)
    values |= urls_at(text) if kind == "domain" else set()
    rows = Alert.objects.filter(pk__in=RawSQL(*naming(values, private=private)))  # noqa: S611 - our own statement
    observed = Q(pk__in=AlertIndicator.objects.filter(value__in=values).values("alert_id"))
    seen = rows.aggregate(
        first=Min("first_seen"), last=Max("last_seen"), every=Count("pk"), told=Count("pk", filter=~observed)
    )
    every = Total(min(seen["every"], COUNT_CAP), seen["every"] > COUNT_CAP)
    page = cut(
        rows.select_related("assignee", "case__owner"),
        ("-last_seen", "-id"),
        limit,
        "",
        summaries,
        count=every,
    )
    keys = AssetKey.objects.filter(value__in={text, text.lower()}).exclude(kind=FORMER).values("asset_id")
    ours = Asset.objects.filter(pk__in=keys).select_related("owner").order_by("name", "id")
    if not private:
        ours = ours.exclude(asset_type=AssetType.ACCOUNT)
    newest, is_behind = freshness()
    return Sightings(
        kind, text, page, seen["first"], seen["last"], tuple(asset_summaries(ours[:limit])), newest,
        tuple(look_up(kind, text)), location_of(text) if kind == "ip" else "", seen["told"], is_behind,
        spread_of(rows) if whole and page.items else None,
    )  # fmt: skip
