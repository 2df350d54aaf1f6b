"""Indicators in the one spelling by which two sources meet."""

import re
from typing import get_args

from secops_agent.services.records import Indicator, IndicatorKind

from .fields import canonical_ip

_HASH = re.compile(r"^[0-9a-f]{32}$|^[0-9a-f]{40}$|^[0-9a-f]{64}$|^[0-9a-f]{128}$")
_DOMAIN = re.compile(r"^(?=.{4,253}$)(?:[\w-]{1,63}\.)+[a-z][a-z0-9-]{1,62}$")
KINDS: tuple[IndicatorKind, ...] = get_args(IndicatorKind)


def indicator(kind: IndicatorKind, value: str) -> Indicator | None:
    """The indicator, or None when the value is not of its kind (an address that is none, "-", "")."""
    text = value.strip()
    if kind == "ip":
        text = canonical_ip(text)
    elif kind == "domain":
        text = text.rstrip(".").lower()
        text = text if _DOMAIN.match(text) else ""
    elif kind == "hash":
        text = text.lower().rpartition(":")[2]
        text = text if _HASH.match(text) else ""
    elif kind == "email":
        text = text.lower() if "@" in text else ""
    return Indicator(kind, text[:2048]) if text and text != "-" else None
