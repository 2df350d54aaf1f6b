"""What an automatic investigation may say to a foreign tool: values of the alert's fields, never its words."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import Final

from secops_agent.models.choices import AssetType
from secops_agent.services.investigations.subject import Examined
from secops_agent.services.mcp.definitions import AlertField, ReadyTool

MOST_VALUES: Final = 3  # of one field
MOST_CALLS: Final = 3  # of one tool
_DOMAIN: Final = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}", re.IGNORECASE
)
_HASH: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}", re.IGNORECASE)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


# Whoever writes an alert chooses its indicators: only what is nothing else than what it says goes out.
_SHAPES: Final[Mapping[str, Callable[[str], object]]] = {
    "ip": _is_address, "domain": _DOMAIN.fullmatch, "hash": _HASH.fullmatch,
}  # fmt: skip


def fields_of(subject: Examined) -> dict[AlertField, tuple[str, ...]]:
    """By field, the first values. People's accounts are no assets here."""
    assets = [each for each in subject.assets if each.asset_type != AssetType.ACCOUNT]
    hosts = (each.name for each in assets if each.asset_type == AssetType.HOST)
    found: dict[AlertField, tuple[str, ...]] = {
        "ip": _observed(subject, "ip"), "domain": _observed(subject, "domain"), "hash": _observed(subject, "hash"),
        "host": tuple(hosts), "asset": tuple(each.name for each in assets),
    }  # fmt: skip
    return {name: values[:MOST_VALUES] for name, values in found.items()}


def _observed(subject: Examined, kind: str) -> tuple[str, ...]:
    shape = _SHAPES[kind]
    return tuple(value for one, value in subject.indicators if one == kind and shape(value))


def arguments_for(tool: ReadyTool, fields: Mapping[AlertField, tuple[str, ...]]) -> list[dict[str, str]]:
    """What the tool is asked, once for each; nothing where the alert lacks a field that it wants."""
    names = list(tool.investigation)
    given = product(*(fields[tool.investigation[name]] for name in names)) if names else ()
    return [dict(zip(names, values, strict=True)) for values in given][:MOST_CALLS]
