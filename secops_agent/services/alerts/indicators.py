"""One observable: where we have seen it."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Min

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertIndicator, Asset, AssetKey
from secops_agent.services.alerts.views import AlertSummary, summaries
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.assets.views import summaries as asset_summaries
from secops_agent.services.identity import FORMER
from secops_agent.services.intelligence.locations import location_of
from secops_agent.services.intelligence.matching import ListedView, look_up
from secops_agent.services.intelligence.values import refang
from secops_agent.services.pages import Page, cut

_HASH = re.compile(r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$")
_DOMAIN = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$")


@dataclass(frozen=True, slots=True)
class Sightings:
    """``kind`` is what the value looks like; ``alerts`` newest first; ``assets`` are ours that bear it; ``listed``: what lists of
    indicators say of it; ``location``: where a public address is registered, "" if that is not known."""

    kind: str
    value: str
    alerts: Page[AlertSummary]
    first_seen: datetime | None
    last_seen: datetime | None
    assets: tuple[AssetSummary, ...]
    updated_at: datetime | None
    listed: tuple[ListedView, ...] = ()
    location: str = ""


def normalise(value: str) -> tuple[str, str]:
    """(kind, value as it is stored); defanged forms (hxxp, [.]) too. Raises InvalidInput for an empty value."""
    text = refang(value)
    if not text or "\x00" in text:
        raise InvalidInput("请给出要查的 IP、域名、URL、哈希或账号。")
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
    return ("domain", lower.rstrip(".")) if _DOMAIN.match(lower.rstrip(".")) else ("account", text)


def lookup(value: str, limit: int = 20) -> Sightings:
    """Alerts that name the value and assets that bear it. Raises InvalidInput."""
    kind, text = normalise(value)
    named = AlertIndicator.objects.filter(value__in={text, text.lower(), value.strip()})
    rows = Alert.objects.filter(pk__in=named.values("alert_id"))
    page = cut(rows.select_related("assignee"), ("-last_seen", "-id"), limit, "", summaries, count=rows)
    seen = rows.aggregate(first=Min("first_seen"), last=Max("last_seen"))
    keys = AssetKey.objects.filter(value__in={text, text.lower()}).exclude(kind=FORMER).values("asset_id")
    ours = Asset.objects.filter(pk__in=keys).select_related("owner").order_by("name", "id")[:limit]
    newest = Alert.objects.order_by("-last_seen").values_list("last_seen", flat=True).first()
    return Sightings(
        kind, text, page, seen["first"], seen["last"], tuple(asset_summaries(ours)), newest,
        tuple(look_up(kind, text)), location_of(text) if kind == "ip" else "",
    )  # fmt: skip
