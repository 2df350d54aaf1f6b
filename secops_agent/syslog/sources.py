"""Sources: how people write them down, and how a sender's address finds its own."""

import ipaddress
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from django.db import transaction
from pydantic import Field, field_validator

from bifang.core.configuration.entries import Entry, read_entry
from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.models import SyslogSource
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep

AUTO: Final = "auto"
Way = Literal["datagrams", "connections"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_NETWORKS: Final = 200
FILES: Final = frozenset({  # formats that are a whole file, never a line of a log
    "trivy", "grype", "sarif", "cyclonedx", "spdx", "csaf", "openvex", "osv", "nuclei", "nmap", "nessus", "openvas", "kev", "epss", "cnvd",
    "assets_csv", "indicators_csv", "findings_csv", "alerts_csv", "indicators_json",
})  # fmt: skip
TOLD: Final = ("enabled", "networks", "encoding", "zone", "format", "plain_level", "rate")
_LEVELS: Final = {
    "emerg": 0,
    "alert": 1,
    "crit": 2,
    "err": 3,
    "warning": 4,
    "notice": 5,
    "info": 6,
    "debug": 7,
}
_KNOWN_SENDERS: Final = 4096


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One enabled source as the listener uses it."""

    pk: int
    name: str
    networks: tuple[Network, ...]
    encoding: str
    zone: ZoneInfo
    format: str
    plain_level: int
    rate: int


@dataclass(slots=True)
class RateLimit:
    """A bucket that holds two seconds' worth; without a rate there is no limit."""

    rate: int
    _left: float = field(init=False)
    _at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._left = 2.0 * self.rate

    def wait(self) -> float:
        """Take one; 0 if there was one, else the seconds until there is."""
        if not self.rate:
            return 0.0
        now = time.monotonic()
        self._left = min(self._left + (now - self._at) * self.rate, 2.0 * self.rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self.rate


class SourceBook:
    """Which source an address belongs to: of all networks that hold it the one with the longest prefix."""

    def __init__(self, sources: Iterable[SourceSettings] = ()) -> None:
        self._limits: dict[tuple[int, Way], RateLimit] = {}
        self._known: dict[str, SourceSettings | None] = {}
        self.replace(sources)

    def replace(self, sources: Iterable[SourceSettings]) -> None:
        """What holds from now on."""
        self.sources = tuple(sources)
        pairs = [(network, source) for source in self.sources for network in source.networks]
        self._networks = sorted(pairs, key=lambda pair: pair[0].prefixlen, reverse=True)
        self._known.clear()
        rates = {each.pk: each.rate for each in self.sources}
        self._limits = {key: limit for key, limit in self._limits.items() if rates.get(key[0]) == limit.rate}

    def find(self, address: str) -> SourceSettings | None:
        """The source; what forged addresses cost is bounded."""
        if address not in self._known:
            if len(self._known) >= _KNOWN_SENDERS:
                self._known.clear()
            self._known[address] = self._look_up(address)
        return self._known[address]

    def limit(self, source: SourceSettings, way: Way) -> RateLimit:
        """One for each way: forged datagrams take nothing from those who send by a connection."""
        return self._limits.setdefault((source.pk, way), RateLimit(source.rate))

    def _look_up(self, address: str) -> SourceSettings | None:
        parsed = ipaddress.ip_address(address)
        for network, source in self._networks:
            if parsed.version == network.version and parsed in network:
                return source
        return None


@lru_cache(maxsize=4096)
def sender(host: str) -> str:
    """The address of a peer in its usual form: no zone, IPv4 not written as IPv6."""
    parsed = ipaddress.ip_address(host.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def read_networks(values: Iterable[Any]) -> list[str]:
    """The networks in their usual form. Raises InvalidInput."""
    found: list[str] = []
    for value in values:
        word = str(value).strip()
        if not word:
            continue
        try:
            found.append(str(ipaddress.ip_network(word)))
        except ValueError:
            raise InvalidInput(
                f"「{word[:50]}」不是网段：应形如 192.0.2.0/24 或一个地址，主机位为零。"
            ) from None
    if not found:
        raise InvalidInput("请至少写一个网段，例如 10.1.0.0/16。")
    if len(found) > MOST_NETWORKS:
        raise InvalidInput(f"一个来源最多 {MOST_NETWORKS} 个网段。")
    return list(dict.fromkeys(found))


def check_taken(networks: Sequence[str], pk: int | None) -> None:
    """The same network cannot belong to two sources. Raises InvalidInput naming the other."""
    for other in SyslogSource.objects.all():
        if other.pk == pk:
            continue
        both = set(networks) & set(other.networks)
        if both:
            raise InvalidInput(f"网段 {sorted(both)[0]} 已经属于来源「{other.name}」。")


def check_zone(value: str) -> str:
    """A zone that this machine knows. Raises InvalidInput."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(f"不认识的时区「{value[:40]}」：应形如 Asia/Shanghai、UTC。") from None
    return value


def formats(kept: str = "") -> list[tuple[str, str]]:
    """What a source's lines can be: (name, title without what is technical in it); with the one that is set."""
    known = registry.importers().items()
    lines = [
        (name, each.title.partition("（")[0]) for name, each in known if name == kept or name not in FILES
    ]
    return [(AUTO, "自动识别"), *lines]


def enabled_sources() -> list[SourceSettings]:
    """What the listener works by."""
    return [_settings(row) for row in SyslogSource.objects.filter(enabled=True).order_by("pk")]


def _settings(row: SyslogSource) -> SourceSettings:
    networks = tuple(ipaddress.ip_network(each) for each in row.networks)
    return SourceSettings(
        row.pk, row.name, networks, row.encoding, ZoneInfo(row.zone), row.format, row.plain_level, row.rate
    )


class SourceEntry(Entry):
    """One source in the file of apply_configs."""

    name: str = Field(min_length=1, max_length=60)
    enabled: bool = True
    networks: list[str]
    encoding: Literal["utf-8", "gbk"] = "utf-8"
    time_zone: str = "Asia/Shanghai"
    format: str = AUTO
    plain_level: Literal["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] = "warning"
    rate: int = Field(500, ge=0, le=100_000)

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        names = [name for name, _ in formats()]
        if value not in names:
            raise ValueError(f"没有这种格式；可用的：{'、'.join(names)}")
        return value

    def values(self) -> dict[str, Any]:
        """As the row has them. Raises InvalidInput."""
        return {
            "enabled": self.enabled,
            "networks": read_networks(self.networks),
            "encoding": "gb18030" if self.encoding == "gbk" else "utf-8",
            "zone": check_zone(self.time_zone),
            "format": self.format,
            "plain_level": _LEVELS[self.plain_level],
            "rate": self.rate,
        }


def apply_source_entries(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ``syslog_sources`` section of apply_configs. Raises InvalidInput naming entry and key."""
    rows = []
    for number, given in enumerate(entries, 1):
        try:
            rows.append(_apply(read_entry(SourceEntry, given)))
        except InvalidInput as error:
            place = f"syslog_sources 第 {number} 项（{given.get('name') or '缺少 name'}）"
            raise InvalidInput(f"{place}：{error.message}") from None
    return [f"{row.pk}\tsyslog_source\t{row.name}" for row in rows]


def _apply(entry: SourceEntry) -> SyslogSource:
    values = entry.values()
    with transaction.atomic():
        row = SyslogSource.objects.filter(name=entry.name).first() or SyslogSource(name=entry.name)
        before = described(row) if row.pk else {}
        check_taken(values["networks"], row.pk)
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
        keep_change(Actor.system("apply_configs"), row, before)
    return row


def described(row: SyslogSource) -> dict[str, Any]:
    """What it says, for the record of changes."""
    return {name: getattr(row, name) for name in TOLD}


def keep_change(actor: Actor, row: SyslogSource, before: Mapping[str, Any]) -> None:
    """Record what became of it, in the caller's transaction; nothing if nothing did."""
    after = described(row)
    changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
    if changes:
        verb = "修改" if before else "新增"
        keep(actor, f"{verb} Syslog 来源「{row.name}」", f"syslog_source:{row.pk}", {"changes": changes})
