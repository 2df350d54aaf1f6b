"""In which country or region a public address is registered, from a file of the operator's: nothing is asked over a network.

The file (``BIFANG_IP_LOCATION_DB``) is a MaxMind DB with ``country_code`` (ip-location-db) or ``country.iso_code``.
It is opened, memory-mapped, at the first question of a process.
"""

import logging
from functools import lru_cache
from typing import Any, Final, Protocol

from django.conf import settings

from secops_agent.services.intelligence.countries import NAMES
from secops_agent.services.intelligence.values import is_internal

log = logging.getLogger(__name__)
ATTRIBUTION: Final = "IP 归属地来自运维提供的离线库，按登记信息，可能不准；ip-location-db 的数据来自 NRO（nro.net，CC BY 4.0）。"
# Tried with the broken files of maxmind/MaxMind-DB and with flipped bytes. InvalidDatabaseError is a RuntimeError.
_DAMAGED = (OSError, RuntimeError, ValueError, TypeError, LookupError)


class _Reader(Protocol):
    def get(self, ip_address: str) -> Any: ...


@lru_cache(maxsize=1)
def _reader(path: str) -> _Reader | None:
    """None where it cannot be read: then nothing is said, and the log says why, once."""
    import maxminddb  # only a process that is asked needs it

    try:
        # The reader in Python: some microseconds an address are nothing here, and a damaged file is no crash in C.
        return maxminddb.open_database(path, maxminddb.MODE_MMAP)
    except _DAMAGED as error:
        log.error("IP 归属地库 %s 打不开，不显示归属地：%s。请检查 BIFANG_IP_LOCATION_DB。", path, error)
        return None


def location_of(address: str) -> str:
    """中国; "" for internal addresses, and where nothing is known."""
    path: str = settings.IP_LOCATION_DB
    if not path or is_internal(address):
        return ""
    reader = _reader(path)
    try:
        found = reader.get(address.strip("[]")) if reader else None
    except _DAMAGED as error:
        log.warning("IP 归属地库查不了 %s，不显示归属地：%s。请重新下载这个库。", address, error)
        return ""
    code = _code(found)
    return NAMES.get(code, code)


def _code(found: Any) -> str:
    if not isinstance(found, dict):
        return ""
    country = found.get("country")
    code = found.get("country_code") or (country.get("iso_code") if isinstance(country, dict) else "")
    return code if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() else ""
