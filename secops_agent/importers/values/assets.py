"""Assets as importers name them, so that two tools that see one host or image give the same keys."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from secops_agent.services.records import AssetRecord, Key, KeyKind

from .fields import canonical_ip, distinct

_DIGEST = re.compile(r"sha(?:256|384|512):[0-9a-f]{32,128}")
_SCP_ADDRESS = re.compile(r"^[\w.-]+@([\w.-]+):(.+)$")
_MAC = re.compile(r"^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$")
_LOCAL_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost", "(none)", "unknown", "-", "none", ""}
# First labels that name a service of some domain, not a machine: no identity by themselves.
_SERVICE_NAMES = {"www", "web", "mail", "smtp", "imap", "pop", "ftp", "ns", "ns1", "ns2", "dns", "api", "vpn", "proxy",
                  "gateway", "gw", "router", "mx", "m", "app", "admin", "static", "cdn"}  # fmt: skip
_MOST_KEYS = 100  # of a kind: every finding carries its asset
_UNNAMED = "(未命名)"
_VAGUE_PATHS = {
    "",
    ".",
    "./",
    "/",
    "-",
    "stdin",
    "unknown",
    _UNNAMED,
}  # "unknown": Grype, of an SBOM without a subject


def host_asset(
    hostname: str = "",
    *,
    ips: Iterable[str] = (),
    cloud_id: str = "",
    agent_id: str = "",
    macs: Iterable[str] = (),
    source: str = "",
    name: str = "",
) -> AssetRecord | None:
    """A host; None when nothing identifies it. A fully qualified name also gives its short name as a key.

    ``agent_id`` is only unique within its tool: pass it as "wazuh:001". Loopback and unspecified addresses are
    left out; an address becomes a key too, the weakest.
    """
    addresses = distinct(filter(_is_real, map(canonical_ip, ips)))[:_MOST_KEYS]
    keys = _keys(cloud_id, agent_id, hostname, macs, addresses)
    if not keys:
        return None
    shown = name or hostname.strip() or cloud_id or (addresses[0] if addresses else keys[0].value)
    return AssetRecord("host", shown, keys, ips=addresses, source=source)


def _keys(
    cloud_id: str, agent_id: str, hostname: str, macs: Iterable[str], addresses: Iterable[str]
) -> tuple[Key, ...]:
    pairs: list[tuple[KeyKind, str]] = [("cloud_id", cloud_id.strip()), ("agent_id", agent_id.strip())]
    pairs += _name_keys(hostname)
    pairs += [
        ("mac", mac.strip().lower().replace("-", ":")) for mac in macs if _MAC.match(mac.strip().lower())
    ]
    pairs += [("ip", address) for address in addresses]
    return tuple(dict.fromkeys(Key(kind, value) for kind, value in pairs if value))[: 2 * _MOST_KEYS]


def _name_keys(hostname: str) -> list[tuple[KeyKind, str]]:
    name = hostname.strip().rstrip(".").lower()
    if name in _LOCAL_NAMES:
        return []
    if canonical_ip(name):
        return [("ip", canonical_ip(name))] if _is_real(name) else []
    short = name.partition(".")[0]
    if short == name:
        return [("hostname", name)]
    return [("fqdn", name)] if short in _SERVICE_NAMES else [("fqdn", name), ("hostname", short)]


def _is_real(address: str) -> bool:
    if not address:
        return False
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast)


def image_asset(names: Iterable[str], digests: Iterable[str], source: str = "") -> AssetRecord | None:
    """A container image. ``names`` are references ("nginx:1.25", "reg/app@sha256:…"), ``digests`` anything that
    holds a digest. Identity: digests first, then every reference with a tag.
    """
    names = distinct(name.strip() for name in names)
    found = distinct(digest for text in (*digests, *names) for digest in _DIGEST.findall(text))[:_MOST_KEYS]
    references = distinct(image_reference(name[:2000]) for name in names)[:_MOST_KEYS]
    keys = (*(Key("image_digest", digest) for digest in found), *(Key("image", name) for name in references))
    if not keys:
        return None
    return AssetRecord("container_image", references[0] if references else keys[0].value, keys, source=source)


def image_reference(name: str) -> str:
    """ "docker.io/library/nginx" → "nginx:latest"; "" for a bare digest or a reference by digest only."""
    plain = (
        name.partition("@")[0]
        .removeprefix("docker-daemon:")
        .removeprefix("docker:")
        .removeprefix("registry:")
    )
    if not plain or _DIGEST.fullmatch(plain):
        return ""
    for prefix in ("index.docker.io/", "docker.io/", "library/"):
        plain = plain.removeprefix(prefix)
    if ":" in plain.rpartition("/")[2]:
        return plain
    return "" if "@" in name else f"{plain}:latest"


def repository_asset(address: str, source: str = "") -> AssetRecord | None:
    """A source repository by URL ("https://…", "git@host:team/app.git"); None for what is no address."""
    key = repository_key(address)
    if not key:
        return None
    return AssetRecord("repository", key, (Key("repo_url", key),), source=source)


def repository_key(address: str) -> str:
    """ "host/team/app" without scheme, credentials and .git, in lower case; "" for what is no address."""
    scp = _SCP_ADDRESS.match(address.strip())
    place = f"ssh://{scp[1]}/{scp[2]}" if scp else address.strip()
    try:
        parts = urlsplit(place)
        host = parts.hostname or ""
    except ValueError:
        return ""
    path = parts.path.strip("/").removesuffix(".git")
    return f"{host}/{path}".lower() if host and path else ""


def path_asset(path: str, source: str = "") -> AssetRecord:
    """An application known only by the directory or file that was scanned."""
    name = path[:2000] or _UNNAMED
    return AssetRecord("application", name, (Key("path", name),), source=source)


def is_vague(asset: AssetRecord) -> bool:
    """Whether the only identity is a path such as "." that another scan would give as well."""
    return all(key.kind == "path" and key.value in _VAGUE_PATHS for key in asset.keys)


def website_asset(address: str, source: str = "") -> AssetRecord | None:
    """A website by URL or host[:port], identified by scheme, host and port; an IP address gives its key as well."""
    place = address.strip() if "://" in address else f"//{address.strip()}"
    try:
        parts = urlsplit(place)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if not host:
        return None
    shown = f"[{host}]" if ":" in host else host
    if port and (parts.scheme, port) not in (("http", 80), ("https", 443)):
        shown += f":{port}"
    site = f"{parts.scheme}://{shown}" if parts.scheme else shown
    address = canonical_ip(host)
    keys: tuple[Key, ...] = (Key("url", site), Key("ip", address) if address else Key("fqdn", host))
    return AssetRecord("website", site, keys, ips=(address,) if address else (), source=source)
