"""Network conditions: addresses of a network where they stand as text, answered by the database."""

import ipaddress
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Q

from bifang.core.errors import InvalidInput

WIDEST: Final = 8  # bits of an IPv4 network
_OCTETS: Final = 4


def inside(text: str, name: str = "value") -> Q:
    """The rows whose column holds the address, or one of the IPv4 network (10.0.0.0/24). Raises InvalidInput."""
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise InvalidInput(f"「{text[:50]}」不是 IP 或网段；例如 10.0.0.5 或 10.0.0.0/24。") from None
    if found.num_addresses == 1:
        return Q(**{name: str(found.network_address)})
    if found.version == 6:
        raise InvalidInput("IPv6 只能查单个地址，不能查网段。")
    if found.prefixlen < WIDEST:
        raise InvalidInput(f"网段 {found} 太宽：最宽 /{WIDEST}。")
    return _begun(str(found.network_address).split("."), found.prefixlen, name)


def _begun(octets: list[str], length: int, name: str) -> Q:
    """10.0.8.0/22 is what begins with 10.0.8. to 10.0.11.; of /25 to /31 each address is named."""
    whole, bits = divmod(length, 8)
    if not bits:
        return Q(**{f"{name}__startswith": ".".join(octets[:whole]) + "."})
    first = int(octets[whole])
    begun = [".".join([*octets[:whole], str(number)]) for number in range(first, first + 2 ** (8 - bits))]
    if whole == _OCTETS - 1:
        return Q(**{f"{name}__in": begun})
    return reduce(or_, (Q(**{f"{name}__startswith": f"{each}."}) for each in begun))
