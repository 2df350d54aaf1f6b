"""The identities under which the same thing of two imports is one row."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol

from secops_agent.services.records import AlertRecord, AssetRecord, FindingRecord, Key

_HOST_LIKE = ("host", "network", "cloud")
ASSET_URN = "urn:bifang:asset:"  # how our own VEX names an asset: its identity follows
FORMER = "merged"  # the kind of the key that holds the id of an asset that was merged into another
KEYS = {
    "hostname": "主机名", "fqdn": "域名", "ip": "IP", "mac": "MAC 地址", "cloud_id": "云实例", "agent_id": "代理",
    "image": "镜像", "image_digest": "镜像摘要", "repo_url": "代码仓库", "url": "网址", "account": "账号",
    "application": "应用", "path": "路径", "other": "其他",
}  # fmt: skip
_NEVER = ("ip",)  # addresses are reused and translated: they find an asset, they do not prove it


def digest(*parts: object) -> str:
    """32 hex digits that stand for some values."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def realm(asset_type: str) -> str:
    """Types whose keys mean the same: a machine is one asset whatever a tool calls it; a website is not its host."""
    return "host" if asset_type in _HOST_LIKE else asset_type


def asset_identities(record: AssetRecord) -> tuple[str, ...]:
    """The keys that make it this asset, strongest first; empty when only addresses are known."""
    strong = [key for key in record.keys if key.kind not in _NEVER and key.value]
    if record.asset_type == "website":
        strong = [key for key in strong if key.kind == "url"] or strong
    return tuple(identity_of(record.asset_type, key) for key in strong)


def identity_of(asset_type: str, key: Key) -> str:
    """ "host:fqdn:web-01.corp.example"."""
    return f"{realm(asset_type)}:{key.kind}:{key.value}"[:540]


def asset_addresses(record: AssetRecord) -> tuple[str, ...]:
    """Every IP address, from keys and addresses."""
    found = [key.value for key in record.keys if key.kind == "ip"]
    return tuple(dict.fromkeys([*record.ips, *found]))


class Software(Protocol):
    """A component's record or row."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def purl(self) -> str: ...
    @property
    def component_type(self) -> str: ...


def component_identity(asset_id: int, record: Software) -> str:
    """(asset, purl), or (asset, type, name, version)."""
    if record.purl:
        return digest("purl", asset_id, record.purl)
    return digest("name", asset_id, record.component_type, record.name, record.version)


def finding_identity(asset_id: int, record: FindingRecord) -> str:
    """(source, kind, asset, key)."""
    return digest(record.source, record.kind, asset_id, *record.key)


def alert_identity(record: AlertRecord) -> str:
    """(source, dedup_key)."""
    return digest(record.source, *record.dedup_key)


def event_mark(identity: str, record: AlertRecord) -> str:
    """One occurrence: its own id, else its time, else its content."""
    if record.event_id:
        return digest(identity, "id", record.event_id, record.status_hint)
    at = record.occurred_at or record.last_seen
    if at is not None:
        return digest(identity, "at", at.astimezone(UTC).isoformat(), record.status_hint)
    return digest(identity, "raw", json.dumps(record.raw, sort_keys=True, default=str))


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The earliest of those that are known."""
    return min((moment for moment in moments if moment is not None), default=None)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    """The latest of those that are known."""
    return max((moment for moment in moments if moment is not None), default=None)
