"""Where a request comes from, for what is counted by address."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

_HOUSEHOLD = 64  # bits; whoever has one IPv6 address has all that share these


def address_of(request: HttpRequest) -> str | None:
    """The visitor's address, an IPv6 one by its network; None if it has none (a Unix socket).

    Anyone can write X-Forwarded-For: what a hop says counts only if BIFANG_TRUSTED_PROXIES names that hop.
    """
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    address = _parsed(request.META.get("REMOTE_ADDR", ""))
    while hops and address is not None and any(address in proxy for proxy in settings.TRUSTED_PROXIES):
        told = _parsed(hops.pop())
        if told is None:
            break
        address = told
    return _counted(address)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _counted(address: _Address | None) -> str | None:
    if address is None:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, _HOUSEHOLD), strict=False).network_address)
