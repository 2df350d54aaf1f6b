"""What the records of our exchange format are made of: strict choices, assets, components."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast, get_args

from secops_agent.importers.base import BrokenRecord, Options
from secops_agent.importers.values.assets import host_asset, image_asset, repository_asset, website_asset
from secops_agent.importers.values.fields import (
    Table,
    canonical_purl,
    distinct,
    moment,
    need,
    shortened,
    table_of,
    text,
    texts,
)
from secops_agent.importers.values.purls import purl_kind
from secops_agent.services.records import (
    SEVERITIES,
    AssetRecord,
    AssetType,
    ComponentRecord,
    Key,
    KeyKind,
    Severity,
    severity_of,
)

GUIDE = "/api/docs/ 和 docs/generic-format.md"
ASSET_FIELDS = {
    "type", "name", "hostname", "fqdn", "ips", "macs", "cloud_id", "agent_id", "images", "image_digests", "repo_url",
    "url", "account", "application", "path", "owner", "importance", "tags", "environment", "description", "seen_at",
    "source",
}  # fmt: skip
COMPONENT_FIELDS = {"asset", "name", "version", "purl", "type", "distro", "location", "licenses", "source"}


@dataclass(frozen=True, slots=True)
class Context:
    """``source`` of records that name none, and the options of the import."""

    source: str
    options: Options

    def source_of(self, data: Table) -> str:
        """The record's own source, else the document's."""
        return text(data, "source") or self.source


def known(data: Table, fields: set[str], where: str) -> None:
    """Raises BrokenRecord for a field that is not among these."""
    unknown = sorted(set(data) - fields)
    if unknown:
        raise BrokenRecord(
            f"{where}有不认识的字段：{'、'.join(unknown)[:200]}。认识的有：{'、'.join(sorted(fields))}。写法见 {GUIDE}。"
        )


def choice(data: Table, key: str, choices: tuple[str, ...], default: str = "") -> str:
    """One of the choices; BrokenRecord for another word."""
    value = text(data, key) or default
    if value not in choices:
        raise BrokenRecord(
            f"「{key}」应当是 {'、'.join(filter(None, choices))} 之一，实际是 {value[:40] or '空'}"
        )
    return value


def severity(data: Table) -> Severity:
    """A level in English or Chinese; an unknown word is refused."""
    word = text(data, "severity") or "info"
    found = severity_of(word)
    if found == "info" and word.lower() not in ("info", "unknown", "none", "信息", "未知", "提示"):
        raise BrokenRecord(f"「severity」应当是 {'、'.join(SEVERITIES)} 之一，实际是 {word[:40]}")
    return found


def asset_of(data: Table, context: Context) -> AssetRecord:
    """An asset with every key that is given; BrokenRecord without one."""
    known(data, ASSET_FIELDS, "资产")
    parts = [found for found in _identities(data) if found]
    keys = tuple(dict.fromkeys(key for part in parts for key in part.keys))
    single: tuple[KeyKind, ...] = ("account", "application", "path")
    keys += tuple(Key(kind, text(data, kind)) for kind in single if text(data, kind))
    if not keys:
        raise BrokenRecord(
            "资产没有标识：至少给出 hostname、fqdn、ips、cloud_id、images、repo_url、url 等之一"
        )
    guessed = parts[0].asset_type if parts else "account" if text(data, "account") else "application"
    return AssetRecord(
        asset_type=cast("AssetType", choice(data, "type", get_args(AssetType), guessed)),
        name=text(data, "name") or (parts[0].name if parts else keys[0].value),
        keys=keys,
        ips=distinct(address for part in parts for address in part.ips),
        owner=text(data, "owner"),
        importance=severity({"severity": text(data, "importance")}) if text(data, "importance") else "",
        tags=texts(data, "tags"),
        environment=text(data, "environment"),
        source=context.source_of(data),
        description=shortened(text(data, "description")),
        seen_at=moment(data, "seen_at", context.options.zone),
    )


def _identities(data: Table) -> Iterator[AssetRecord | None]:
    yield image_asset(texts(data, "images"), texts(data, "image_digests"))
    yield repository_asset(text(data, "repo_url"))
    yield website_asset(text(data, "url")) if text(data, "url") else None
    names = distinct([text(data, "fqdn"), text(data, "hostname")]) or ("",)
    agent = text(data, "agent_id")
    for name in names:
        yield host_asset(name, ips=texts(data, "ips"), cloud_id=text(data, "cloud_id"), agent_id=agent,
                         macs=texts(data, "macs"))  # fmt: skip


def asset_at(data: Table, key: str, context: Context) -> AssetRecord | None:
    """The asset under a key, else the one that the import is for."""
    value = data.get(key)
    return context.options.asset if value is None else asset_from(value, context)


def asset_from(value: Any, context: Context) -> AssetRecord:
    """An asset object, or a text: an address with a scheme is a website, else a host by name or IP."""
    if not isinstance(value, str):
        return asset_of(table_of(value, "资产"), context)
    tool = context.source
    found = website_asset(value, tool) if "://" in value else host_asset(value, source=tool)
    if found is None:
        raise BrokenRecord(f"资产「{value[:80]}」不是主机名、IP 或网址")
    return found


def component_of(data: Table, context: Context, asset: AssetRecord | None) -> ComponentRecord:
    """A component of `asset`, or of none."""
    known(data, COMPONENT_FIELDS, "组件")
    purl = canonical_purl(text(data, "purl"))
    return ComponentRecord(
        name=need(data, "name"),
        version=text(data, "version"),
        purl=purl,
        component_type=text(data, "type") or purl_kind(purl),
        asset=asset,
        distro=text(data, "distro"),
        location=text(data, "location"),
        licenses=texts(data, "licenses"),
        source=context.source_of(data),
    )
