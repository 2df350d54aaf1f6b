"""Where a public address is registered, read from real MaxMind DB files; written here, after the format's specification 2.0."""

from pathlib import Path
from typing import Any

import pytest

from secops_agent.services.intelligence import locations

MARKER = b"\xab\xcd\xefMaxMind.com"


def encoded(value: Any) -> bytes:
    """A map, an empty list, a string or a number (32 bits) of the data section."""
    if isinstance(value, list):
        return b"\x00\x04"
    if isinstance(value, dict):
        return bytes([0xE0 | len(value)]) + b"".join(
            map(encoded, (each for pair in value.items() for each in pair))
        )
    if isinstance(value, str):
        return bytes([0x40 | len(value)]) + value.encode()
    return b"\xc4" + int(value).to_bytes(4, "big")


def database(found: dict[str, Any], network: int = 81, bits: int = 8) -> bytes:
    """An IPv4 tree in which one network of ``bits`` bits leads to ``found``."""
    tree = b""
    for depth in range(bits):
        onward = depth + 1 if depth + 1 < bits else bits + 16
        pair = (bits, onward) if network >> (bits - 1 - depth) & 1 else (onward, bits)
        tree += b"".join(record.to_bytes(3, "big") for record in pair)
    about = {
        "node_count": bits, "record_size": 24, "ip_version": 4, "database_type": "Test-Country",
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1,
        "description": {}, "languages": [],
    }  # fmt: skip
    return tree + bytes(16) + encoded(found) + MARKER + encoded(about)


@pytest.mark.parametrize("found", [{"country": {"iso_code": "GB"}}, {"country_code": "GB"}])
def test_both_shapes_of_a_database_are_read(found: dict[str, Any], settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "country.mmdb"
    path.write_bytes(database(found))
    settings.IP_LOCATION_DB = str(path)
    assert locations.location_of("81.2.69.142") == "英国"
    assert locations.location_of("8.8.8.8") == ""
    assert locations.location_of("2001:218::1") == ""


def test_a_database_that_is_damaged_anywhere_costs_the_location_only(settings: Any, tmp_path: Path) -> None:
    whole = database({"country": {"iso_code": "GB"}})
    for place in range(len(whole)):
        path = tmp_path / f"{place}.mmdb"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        settings.IP_LOCATION_DB = str(path)
        assert len(locations.location_of("81.2.69.142")) in {0, 2}
