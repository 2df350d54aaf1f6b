"""Observables: indicators, ATT&CK techniques and own addresses, common to alerts of every source."""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from secops_agent.services.records import AssetRecord, Indicator, IndicatorKind

from .assets import host_asset
from .fields import distinct
from .indicators import indicator

Sighting = tuple[IndicatorKind, str]
_TECHNIQUE = re.compile(r"(?<![0-9A-Za-z])T\d{4}(?:\.\d{3})?(?![0-9A-Za-z])", re.IGNORECASE)
# RFC 1918, RFC 6598 (used inside clouds) and RFC 4193. Python's is_private also takes in documentation ranges.
_INSIDE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
_ADDRESS = re.compile(
    r"(?<![\w.-])(?:(?:\d{1,3}\.){3}\d{1,3}(?![\w.-]|:\w*:)|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:]))",
    re.ASCII,
)
_URL = re.compile(r"(?:https?|ftp)://[^\s\"'<>，。；、）)\]]+")
_DIGEST = re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})(?![0-9a-fA-F])")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", re.ASCII)
_LONGEST = 4096
_EMPTY = {"", "-", "n/a", "null", "none", "<na>", "(null)", "unknown"}


def observed(sightings: Iterable[Sighting]) -> tuple[Indicator, ...]:
    """The indicators that hold, each once, in order; what tools write for "nothing" ("<NA>", "-") is left out."""
    found = (
        _known(kind, value) for kind, value in sightings if value and value.strip().lower() not in _EMPTY
    )
    return tuple(dict.fromkeys(item for item in found if item))


@lru_cache(maxsize=8192)
def _known(kind: IndicatorKind, value: str) -> Indicator | None:
    return indicator(kind, value)


def sighted(kind: IndicatorKind, *values: str) -> list[Sighting]:
    """The values as sightings of one kind."""
    return [(kind, value) for value in values]


def sighted_in(value: str) -> list[Sighting]:
    """Addresses, URLs, hashes and mail addresses in a free text (its first 4,096 characters)."""
    value = value[:_LONGEST]
    patterns: tuple[tuple[IndicatorKind, re.Pattern[str]], ...] = (
        ("ip", _ADDRESS), ("url", _URL), ("hash", _DIGEST), ("email", _MAIL),
    )  # fmt: skip
    return [(kind, found) for kind, pattern in patterns for found in pattern.findall(value)]


def techniques_in(*values: str) -> tuple[str, ...]:
    """Every ATT&CK technique in the texts, upper case ("T1110.001")."""
    return distinct(found.upper() for value in values for found in _TECHNIQUE.findall(value))


@lru_cache(maxsize=8192)
def is_inside(address: str) -> bool:
    """Whether an address is of a private range: the only ones that are surely ours."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _INSIDE if network.version == parsed.version)


@lru_cache(maxsize=8192)
def address_asset(address: str, source: str) -> AssetRecord | None:
    """A host known by its address only. Cached: events of one host share one record."""
    return host_asset(ips=(address,), source=source)
