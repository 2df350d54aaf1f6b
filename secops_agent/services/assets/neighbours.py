"""Neighbours of an asset: the others of its network."""

import ipaddress
from dataclasses import dataclass
from typing import Final

from secops_agent.models import Asset, AssetKey

SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """``network`` is 10.0.0.0/24, "" for an asset without an IPv4 address; ``assets`` are the first of the others."""

    network: str = ""
    assets: tuple[Asset, ...] = ()


def around(asset: Asset) -> Neighbourhood:
    """By its first address. One query: the addresses of a /24 begin alike."""
    address = next((each for each in asset.ips if _is_v4(each)), None)
    if address is None:
        return Neighbourhood()
    start = str(address).rpartition(".")[0]
    # "/" follows "." in the order of characters, and so bounds what begins with "10.0.0.".
    beside = AssetKey.objects.filter(kind="ip", value__gt=f"{start}.", value__lt=f"{start}/")
    rows = Asset.objects.filter(pk__in=beside.values("asset_id")).exclude(pk=asset.pk)
    return Neighbourhood(f"{start}.0/24", tuple(rows.order_by("name", "id")[:SHOWN]))


def _is_v4(text: object) -> bool:
    try:
        return ipaddress.ip_address(str(text)).version == 4
    except ValueError:
        return False
