"""Products of VEX documents: whether one is a component of ours, by purl or CPE. Doubt is "no"."""

import re
from dataclasses import dataclass
from functools import lru_cache

from packageurl import PackageURL

from secops_agent.services.vulnerabilities.comparison.software import (
    SYSTEM_SCHEMES,
    Coordinates,
    component_coordinates,
)

_CPE_COLON = re.compile(r"(?<!\\):")
_ANY, _EXACT = 1, 2


@dataclass(frozen=True, slots=True)
class Installable:
    """A component as far as a product can name it."""

    name: str = ""
    version: str = ""
    purl: str = ""
    distro: str = ""


@dataclass(frozen=True, slots=True)
class Cpe:
    """Of an application; vendor, product and version in lower case, a version of "*" for any."""

    vendor: str
    product: str
    version: str


@lru_cache(maxsize=20_000)
def product_package(product: str) -> str:
    """What a component must be called to be this product; "" for a whole asset."""
    if product.startswith("pkg:"):
        return component_coordinates(product, "", "", "").package[:300]
    found = read_cpe(product)
    return found.product[:300] if found else product.lower()[:300]


def component_packages(own: Installable) -> frozenset[str]:
    """Every `product_package` that may be meant by a product that is this component."""
    found = component_coordinates(own.purl, own.name, own.version, own.distro)
    return frozenset(filter(None, (found.package, found.source_package, own.name.lower(), _plain(own.name))))


def fit(product: str, platform: str, own: Installable) -> int:
    """0: another product; 1: any version of it is meant; 2: this very version."""
    if product.startswith("pkg:"):
        return _fit_purl(product, platform, own)
    found = read_cpe(product)
    return _fit_cpe(found, own) if found else 0


def _fit_purl(product: str, platform: str, own: Installable) -> int:
    said, mine = _parsed(product), _parsed(own.purl)
    if said is None or mine is None or said.type != mine.type:
        return 0
    named = component_coordinates(product, "", "", "")
    found = component_coordinates(own.purl, own.name, own.version, own.distro)
    source = _qualifier(said, "arch") in ("src", "source")
    if not _same_package(said, mine, named, found, source):
        return 0
    if said.version:
        return _EXACT if named.version == found.version and not source else 0
    if said.type in SYSTEM_SCHEMES:
        release = platform or (named.platform if "-" in named.platform else "")
        return _ANY if not release or release == found.platform else 0
    return _ANY


def _same_package(
    said: PackageURL, mine: PackageURL, named: Coordinates, found: Coordinates, source: bool
) -> bool:
    if said.type in SYSTEM_SCHEMES and said.namespace and said.namespace != mine.namespace:
        return False
    if source:
        return named.package in (found.package, found.source_package)
    arch, own_arch = _qualifier(said, "arch"), _qualifier(mine, "arch")
    return named.package == found.package and (not arch or not own_arch or arch == own_arch)


@lru_cache(maxsize=20_000)
def _parsed(purl: str) -> PackageURL | None:
    try:
        return PackageURL.from_string(purl)
    except ValueError:
        return None


def _qualifier(purl: PackageURL, name: str) -> str:
    return str(purl.qualifiers.get(name, "")) if isinstance(purl.qualifiers, dict) else ""


@lru_cache(maxsize=20_000)
def read_cpe(text: str) -> Cpe | None:
    """CPE 2.2 ("cpe:/a:…") or 2.3 ("cpe:2.3:a:…") of an application; None for anything else."""
    parts = [_unescaped(part) for part in _CPE_COLON.split(text.strip().lower())]
    if parts[:2] == ["cpe", "2.3"]:
        parts = parts[2:]
    elif parts[0] == "cpe" and len(parts) > 1 and parts[1] == "/a":
        parts = ["a", *parts[2:]]
    else:
        return None
    if len(parts) < 3 or parts[0] != "a" or not parts[2] or "*" in parts[1] + parts[2]:
        return None
    return Cpe(parts[1], parts[2], parts[3] if len(parts) > 3 and parts[3] else "*")


def _unescaped(part: str) -> str:
    return re.sub(r"\\(.)", r"\1", part)


def _fit_cpe(said: Cpe, own: Installable) -> int:
    """The name, the version, and where a purl tells whose the package is, the vendor as well."""
    if _plain(own.name) != _plain(said.product):
        return 0
    mine = _parsed(own.purl)
    if mine is not None:
        owners = {_plain(mine.name), *map(_plain, re.split(r"[./:]", mine.namespace or ""))}
        if mine.type in SYSTEM_SCHEMES or _plain(said.vendor) not in owners:
            return 0
    if said.version == "*":
        return _ANY
    return _EXACT if said.version == own.version.lower() else 0


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")
