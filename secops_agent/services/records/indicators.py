"""The one spelling by which entries of lists and observables of alerts meet. No Django."""

import ipaddress
import re
from collections.abc import Collection, Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

Kind = Literal["ip", "cidr", "domain", "url", "hash", "email", "account"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LONGEST: Final = 500
# What is nobody's on the Internet. Networks of documentation (203.0.113.0/24 …) are left: examples and tests use them.
_INTERNAL: Final = tuple(
    map(
        ipaddress.ip_network,
        ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
         "224.0.0.0/3", "::/8", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)  # fmt: skip
_RANGES: Final = {  # a list has a hundred thousand of them
    version: tuple((int(each[0]), int(each[-1])) for each in _INTERNAL if each.version == version)
    for version in (4, 6)
}
_WIDEST: Final = {4: 8, 6: 20}  # a network that is wider is a mistake
_HASH: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
_DOMAIN: Final = re.compile(r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")
_EMAIL: Final = re.compile(r"[^@\s]{1,128}@([^@\s]{3,253})")
_DOTS: Final = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|。", re.IGNORECASE)
_ATS: Final = re.compile(r"\[@\]|\(@\)|\[at\]|\(at\)", re.IGNORECASE)
# Under which everybody may have a name: listed by mistake, they would hit everything.
_SUFFIXES: Final = frozenset({
    "com.cn", "net.cn", "org.cn", "gov.cn", "edu.cn", "ac.cn", "mil.cn", "co.uk", "org.uk", "com.hk", "com.tw", "com.sg", "com.au", "co.jp",
    "co.kr", "com.br", "co.in",
})  # fmt: skip
_LABELS: Final = 12  # of a name; what has more is looked up by its end


class Unusable(ValueError):
    """The value cannot be an entry; the text says why."""


def refang(text: str) -> str:
    """hxxps://evil[.]example → https://evil.example."""
    plain = (
        _ATS.sub("@", _DOTS.sub(".", text.strip().strip("'\"`<>"))).replace("[:]", ":").replace("[/]", "/")
    )
    plain = re.sub(r"^(h)[tx]{2}(ps?)(?=:)", r"\1tt\2", plain, flags=re.IGNORECASE)
    return plain.replace("[://]", "://")


def read(text: str, kind: str = "") -> tuple[Kind, str]:
    """An entry as it is stored; ``kind`` where the list says it. Raises Unusable."""
    value = refang(text)
    if not value or not value.isprintable() or len(value) > LONGEST:
        raise Unusable(f"值应为 1 到 {LONGEST} 个可见字符")
    found = kind or _guess(value)
    match found:
        case "ip" | "cidr":
            return _network(value)
        case "domain":
            return "domain", _listed_domain(value)
        case "url":
            return "url", _listed_url(value)
        case "hash":
            return "hash", _hash(value)
        case "email":
            if not _EMAIL.fullmatch(value):
                raise Unusable("不是邮箱地址")
            return "email", value.lower()
        case "account":
            return "account", value.lower()
    raise Unusable("看不出是 IP、网段、域名、URL、哈希还是邮箱：请填写种类")


def _guess(value: str) -> str:
    if _address(value.partition("/")[0]) is not None:
        return "ip" if "/" not in value or value.rpartition("/")[2].isdigit() else "url"
    lower = value.lower()
    if _HASH.fullmatch(lower.rpartition(":")[2]) and "/" not in value:
        return "hash"
    if "://" in value or "/" in value:
        return "url"
    if "@" in value:
        return "email"
    return "domain" if "." in value else ""


def _address(text: str) -> Address | None:
    if "%" in text or (":" not in text and not text[-1:].isdigit()):  # a name: failing costs more than asking
        return None
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _network(value: str) -> tuple[Kind, str]:
    try:
        found = ipaddress.ip_network("" if "%" in value else value.strip("[]"), strict=False)
    except ValueError:
        raise Unusable("不是 IP 地址或网段") from None
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen == 128:
        found = ipaddress.ip_network(getattr(found.network_address, "ipv4_mapped", None) or found)
    first, last = int(found.network_address), int(found.broadcast_address)
    if any(start <= last and first <= end for start, end in _RANGES[found.version]):
        raise Unusable("是内网、保留或组播地址")
    if found.prefixlen < _WIDEST[found.version]:
        raise Unusable(f"网段太大：IPv{found.version} 至少 /{_WIDEST[found.version]}")
    if _address(value.partition("/")[0]) != found.network_address:
        raise Unusable(f"不是网段的起始地址：整个网段请写 {found}，只要这一个地址请去掉 /{found.prefixlen}")
    if found.prefixlen == found.max_prefixlen:
        return "ip", str(found.network_address)
    return "cidr", str(found)


def is_internal(text: str) -> bool:
    """Is it an address that belongs to nobody on the Internet, or no address at all?"""
    found = _address(text)
    return found is None or any(start <= int(found) <= end for start, end in _RANGES[found.version])


def _hash(value: str) -> str:
    found = value.lower().rpartition(":")[2].strip()
    if not _HASH.fullmatch(found):
        raise Unusable("不是 MD5、SHA-1 或 SHA-256")
    return found


def _domain(text: str) -> str:
    """In lower case and ASCII; "" for none."""
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return ""
    return name if _DOMAIN.fullmatch(name) else ""


def _listed_domain(value: str) -> str:
    name = _domain(value.removeprefix("*").removeprefix("."))
    if not name:
        raise Unusable("不是域名")
    if name in _SUFFIXES:
        raise Unusable("是公共后缀，会命中它下面所有的域名")
    return name


def _url(value: str) -> str:
    """Without scheme, fragment and usual port: host in lower case, then path and query as they are. "" for none."""
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    host = f"[{host}]" if ":" in host else _domain(host) or host
    place = host if port in (None, 80, 443) else f"{host}:{port}"
    return f"{place}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"[:LONGEST]


def _listed_url(value: str) -> str:
    found = _url(value)
    host = host_of(found)
    if not host or (_address(host) is None and not _domain(host)):
        raise Unusable("不是网址")
    if _address(host) is not None and is_internal(host):
        raise Unusable("是内网、保留或组播地址")
    return found


def host_of(url: str) -> str:
    """The host of a URL as it is stored."""
    place = url.partition("/")[0]
    return place[1 : place.find("]")] if place.startswith("[") else place.partition(":")[0]


def spellings(kind: str, value: str, prefixes: Collection[str] = ()) -> Iterator[tuple[Kind, str]]:
    """Under which entries an observable of an alert would stand. ``prefixes``: of what networks there are any."""
    match kind:
        case "ip":
            yield from _of_address(value, prefixes)
        case "domain":
            yield from _of_domain(value)
        case "url":
            plain = _url(value)
            if plain:
                yield "url", plain
                yield from _of_host(host_of(plain), prefixes)
        case "hash":
            yield "hash", value.lower()
        case "email":
            yield "email", value.lower()
            yield from _of_domain(value.rpartition("@")[2])
        case "account":
            yield "account", value.lower()


def _of_host(host: str, prefixes: Collection[str]) -> Iterator[tuple[Kind, str]]:
    yield from _of_domain(host) if _address(host) is None else _of_address(host, prefixes)


def _of_address(value: str, prefixes: Collection[str]) -> Iterator[tuple[Kind, str]]:
    found = _address(value)
    if found is None:
        return
    yield "ip", str(found)
    number, bits = int(found), found.max_prefixlen
    for each in prefixes:
        version, _, length = each.partition("/")
        if int(version) == found.version:
            free = bits - int(length)
            start = type(found)(number >> free << free)
            yield "cidr", f"{start}/{length}"


def _of_domain(value: str) -> Iterator[tuple[Kind, str]]:
    labels = _domain(value).split(".")[-_LABELS:]
    for start in range(len(labels) - 1):
        yield "domain", ".".join(labels[start:])


def prefix_of(value: str) -> str:
    """ "4/24" of a network as it is stored."""
    return f"{6 if ':' in value else 4}/{value.rpartition('/')[2]}"
