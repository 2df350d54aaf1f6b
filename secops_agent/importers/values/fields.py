"""Typed reading of a tool's JSON objects. A wrong type is a BrokenRecord that names the key; nothing else is raised."""

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import islice
from typing import Any

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError
from packageurl import PackageURL

from secops_agent.importers.reading.documents import BrokenRecord
from secops_agent.services.records import Cvss

Table = Mapping[str, Any]
_ALIAS = re.compile(
    r"(CVE-\d{4}-\d{4,}|CNVD-(?:C-)?\d{4}-\d+|CNNVD-\d{6}-\d+|GHSA(?:-[0-9a-z]{4}){3})", re.IGNORECASE
)
_FRACTION = re.compile(r"(\.\d{6})\d+")
LATEST = datetime(2200, 1, 1, tzinfo=UTC)  # later years overflow on their way to a page
_MAX_LONG = 64_000
_MAX_NAME = 2000  # of what a record cannot do without, and other records repeat
_MAX_WIDE = 200
_LONGEST_TIME = 60


def table_of(value: Any, what: str = "记录") -> Table:
    """The value as an object, or BrokenRecord."""
    if isinstance(value, BrokenRecord):
        raise value
    if not isinstance(value, dict):
        raise BrokenRecord(f"{what}应当是 JSON 对象，实际是{_kind(value)}")
    return value


def table(data: Table, key: str) -> Table:
    """The object under ``key``; missing or null is empty."""
    value = data.get(key)
    return {} if value is None else table_of(value, f"「{key}」")


def rows(data: Table, key: str) -> list[Any]:
    """The array under ``key``; missing or null is empty."""
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BrokenRecord(f"「{key}」应当是数组，实际是{_kind(value)}")
    return value


def tables(data: Table, key: str) -> list[Table]:
    """The array of objects under ``key``."""
    return [table_of(item, f"「{key}」的元素") for item in rows(data, key)]


def text(data: Table, key: str, default: str = "") -> str:
    """The text under ``key``, stripped; numbers are written out; missing or null is ``default``."""
    value = data.get(key)
    if value is None:
        return default
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _written(value, key)
    raise BrokenRecord(f"「{key}」应当是文字，实际是{_kind(value)}")


def _written(value: int | float, key: str) -> str:
    if isinstance(value, int) and abs(value) >= 10**30:
        raise BrokenRecord(f"「{key}」的数字太大")
    return str(value)


def need(data: Table, key: str) -> str:
    """Like `text`, but it must be there and not empty."""
    value = text(data, key)
    if not value:
        raise BrokenRecord(f"缺少必填字段「{key}」")
    if len(value) > _MAX_NAME:
        raise BrokenRecord(f"「{key}」超过 {_MAX_NAME} 个字符")
    return value


def texts(data: Table, key: str) -> tuple[str, ...]:
    """The texts under ``key``: an array, or one text. Empty ones are left out, repeats too, order kept."""
    value = data.get(key)
    if isinstance(value, str):
        value = [value]
    items = rows({key: value}, key)
    return distinct(text({key: item}, key) for item in items)


def number(data: Table, key: str) -> float | None:
    """The finite number under ``key`` (also written as text); missing, null or "" is None."""
    value = data.get(key)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            result = float(value)
            if abs(result) < float("inf"):
                return result
    except (ValueError, OverflowError):
        pass
    raise BrokenRecord(f"「{key}」应当是数字，实际是{_kind(value)}")


def flag(data: Table, key: str) -> bool:
    """The boolean under ``key`` (also "true"/"false"); missing is False."""
    value = data.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("true", "false", ""):
        return value.strip().lower() == "true"
    raise BrokenRecord(f"「{key}」应当是布尔值，实际是{_kind(value)}")


def moment(data: Table, key: str, zone: tzinfo = UTC) -> datetime | None:
    """The ISO 8601 time under ``key`` (naive ones are of ``zone``); missing, "" and Go's year 1 are None."""
    value = text(data, key)
    return parse_moment(value, zone, what=f"「{key}」") if value else None


def parse_moment(value: str, zone: tzinfo = UTC, *, what: str = "时间") -> datetime | None:
    """An ISO 8601 time; None for years before 1971 (a tool's zero value), at most `LATEST`. BrokenRecord if it is none."""
    try:
        parsed = datetime.fromisoformat(_FRACTION.sub(r"\1", value))
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
        return _held(aware)
    except (ValueError, OverflowError) as error:
        raise BrokenRecord(f"{what}不是有效的时间：{value[:40]}") from error


def moment_written(value: str, formats: Collection[str], zone: tzinfo, *, what: str) -> datetime | None:
    """A time in one of these ways of writing (as of strptime); bounds and errors as of `parse_moment`."""
    for each in formats:
        with suppress(ValueError, OverflowError):
            at = datetime.strptime(value[:_LONGEST_TIME], each)  # noqa: DTZ007 - the zone follows
            return _held(at if at.tzinfo else at.replace(tzinfo=zone))
    raise BrokenRecord(f"{what}不是写成「{'」「'.join(formats)}」的时间：{value[:40]}")


def _held(at: datetime) -> datetime | None:
    if at.year <= 1970:
        return None
    return LATEST if at.year >= LATEST.year else at.astimezone(UTC)


def from_epoch(value: float | None, *, what: str = "时间") -> datetime | None:
    """Epoch seconds, or milli-, micro-, nanoseconds when beyond the year 5138; None and `LATEST` as of `parse_moment`."""
    if not value or value < 0:
        return None
    while 1e11 < value < 1e21:
        value /= 1000
    try:
        return _held(datetime.fromtimestamp(value, UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise BrokenRecord(f"{what}不是有效的时间戳：{value}") from error


def distinct(items: Iterable[str]) -> tuple[str, ...]:
    """Not empty, each once, in order."""
    return tuple(dict.fromkeys(item for item in items if item))


def shortened(value: str, size: int = _MAX_LONG) -> str:
    """At most ``size`` characters, with a mark where it was cut."""
    return value if len(value) <= size else value[: size - 1] + "…"


def bounded(value: Any) -> Any:
    """The value without what is endless: texts cut, of arrays and objects the first two hundred entries."""
    if isinstance(value, str):
        return value if len(value) <= _MAX_LONG else value[:_MAX_LONG]
    if isinstance(value, list):
        return [bounded(item) for item in value[:_MAX_WIDE]]
    if isinstance(value, dict):
        return {key: bounded(item) for key, item in islice(value.items(), _MAX_WIDE)}
    return value


def aliases_in(*values: str) -> tuple[str, ...]:
    """Every CVE, CNVD, CNNVD and GHSA id in the texts, in the ids' own case."""
    return distinct(canonical_id(found) for value in values for found in _ALIAS.findall(value))


def canonical_id(value: str) -> str:
    """The usual case: CVE-…, CNVD-…, CNNVD-… upper; GHSA-xxxx lower behind its prefix; others as they are."""
    value = value.strip()
    if not _ALIAS.fullmatch(value):
        return value
    return "GHSA" + value[4:].lower() if value[:4].upper() == "GHSA" else value.upper()


def primary_id(ids: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """``(vuln_id, aliases)``: the first CVE leads, else the first id."""
    known = distinct(canonical_id(item) for item in ids)
    if not known:
        raise BrokenRecord("没有漏洞编号")
    if any(len(item) > _MAX_NAME for item in known):
        raise BrokenRecord(f"漏洞编号超过 {_MAX_NAME} 个字符")
    first = next((item for item in known if item.startswith("CVE-")), known[0])
    return first, tuple(item for item in known if item != first)


def cvss(vector: str, score: float | None = None, source: str = "") -> Cvss | None:
    """A score from a vector (2.0 to 4.0). A vector the library refuses keeps the tool's own score; else None."""
    vector = vector.strip().strip("()")
    try:
        base, version = _parsed(vector)
        return Cvss(version, base, vector, source)
    except (CVSSError, ValueError, ArithmeticError):
        return Cvss(_version(vector), score, "", source) if score is not None and 0 <= score <= 10 else None


@lru_cache(maxsize=4096)
def _parsed(vector: str) -> tuple[float, str]:
    if len(vector) > 500:
        raise ValueError("vector too long")
    if vector.startswith("CVSS:4"):
        return float(CVSS4(vector).base_score), "4.0"
    if vector.startswith("CVSS:3"):
        return float(CVSS3(vector).base_score), vector[5:8]
    return float(CVSS2(vector).base_score), "2.0"


def _version(vector: str) -> str:
    return vector[5:8] if vector.startswith("CVSS:") else ""


def canonical_purl(value: str) -> str:
    """The canonical spelling; "" for ""; BrokenRecord for what is no purl."""
    if not value:
        return ""
    if len(value) > _MAX_NAME:
        raise BrokenRecord(f"purl 超过 {_MAX_NAME} 个字符")
    try:
        return _canonical(value)
    except ValueError as error:
        raise BrokenRecord(f"purl 无效：{value[:120]}") from error


@lru_cache(maxsize=4096)
def _canonical(value: str) -> str:
    return str(PackageURL.from_string(value).to_string())


def build_purl(
    kind: str, name: str, version: str = "", namespace: str = "", qualifiers: Mapping[str, str] | None = None
) -> str:
    """A canonical purl, or "" if the parts make none."""
    try:
        return str(
            PackageURL(kind, namespace or None, name, version or None, dict(qualifiers or {})).to_string()
        )
    except ValueError:
        return ""


def canonical_ip(value: str) -> str:
    """The address in its usual form; "" if it is none (zones are dropped)."""
    try:
        return str(ipaddress.ip_address(value.strip().partition("%")[0]))
    except ValueError:
        return ""


def _kind(value: Any) -> str:
    names: Iterator[tuple[type, str]] = iter(
        ((bool, "布尔值"), (dict, "对象"), (list, "数组"), (str, "文字"), (int, "数字"), (float, "数字"))
    )
    return next((name for kind, name in names if isinstance(value, kind)), "空值")
