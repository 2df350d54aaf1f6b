"""Reading a made-up file through the public door."""

import gzip
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.services.records import Item, Rejected

T = TypeVar("T")


def source_of(value: Any, *, packed: bool = False) -> Source:
    """A source from bytes, text, or anything JSON can write."""
    data = (
        value
        if isinstance(value, bytes)
        else value.encode()
        if isinstance(value, str)
        else json.dumps(value).encode()
    )
    return Source.from_bytes(gzip.compress(data) if packed else data, "report")


def read(name: str, value: Any, options: Options | None = None, *, packed: bool = False) -> list[Item]:
    """Every record and rejection."""
    return list(registry.parse(name, source_of(value, packed=packed), options))


def of(items: Sequence[Item], kind: type[T]) -> list[T]:
    """Those of one kind."""
    return [item for item in items if isinstance(item, kind)]


def rejected(items: Sequence[Item]) -> list[tuple[str, str]]:
    """(position, reason) of what was refused."""
    return [(item.position, item.reason) for item in items if isinstance(item, Rejected)]
