"""What changed in a configuration, as it may be written down for good: no secret, no address beyond its host."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from bifang.core.kinds import Field, Kind
from bifang.core.models import SystemConfig
from bifang.core.redaction import redact

SET, UNSET, OTHER, MORE = "（已设置）", "（未设置）", "（已更换）", "…"
LONGEST: Final = 200


def told_changes(kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Field → [old, new] of the fields that differ. Of a secret only that it was set, changed or removed."""
    names = {one.name: one for one in kind.fields}
    changed = (
        one for name, one in names.items() if before.get(name, one.default) != after.get(name, one.default)
    )
    return {
        one.name: _secret(before.get(one.name), after.get(one.name))
        if one.sealed
        else [_told(one, before.get(one.name, one.default)), _told(one, after.get(one.name, one.default))]
        for one in changed
    }


def _secret(old: Any, new: Any) -> list[Any]:
    return [SET if old else UNSET, (OTHER if old else SET) if new else UNSET]


def _told(field: Field, value: Any) -> Any:
    if isinstance(value, SystemConfig):
        return value.name
    if isinstance(value, str) and "://" in value:
        return _origin(value)
    return redact(value)[:LONGEST] if isinstance(value, str) else value


def _origin(address: str) -> str:
    """An address may carry a token in its user, path or query."""
    try:
        parts = urlsplit(address)
        place = f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return MORE
    return place if address.rstrip("/") == place else f"{place}/{MORE}"
