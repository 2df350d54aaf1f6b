"""Exposure of assets: whether the internet can reach one, as far as the inventory tells."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from secops_agent.models import Asset
from secops_agent.models.choices import AssetType
from secops_agent.services.assets.views import AssetSummary

_OUTSIDE: Final = ("公网", "外网", "互联网", "dmz", "internet", "public", "对外", "官网", "vpn")


def exposure_of(row: Asset | AssetSummary) -> str:
    """Why it can be reached from outside, "" where nothing says so."""
    if public := next(filter(is_public, row.ips), ""):
        return f"有公网地址 {public}"
    if row.asset_type == AssetType.WEBSITE:
        return "是网站"
    marks: Iterable[str] = (*row.tags, row.environment)
    marked = next((mark for mark in marks if any(word in str(mark).lower() for word in _OUTSIDE)), "")
    return f"标记为「{marked}」" if marked else ""


def exposed_ids() -> list[int]:
    """The assets that something says can be reached from outside; told from a few columns of every asset."""
    rows = Asset.objects.only("ips", "asset_type", "tags", "environment").iterator(chunk_size=2000)
    return [row.pk for row in rows if exposure_of(row)]


def is_public(text: str) -> bool:
    """Is it an address that anybody can reach?"""
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False
