"""Products of VEX documents: purls and CPEs as they are compared, assets by their identities."""

import re
from urllib.parse import unquote

from packageurl import PackageURL

from secops_agent.importers.base import BrokenRecord
from secops_agent.importers.values.assets import image_reference
from secops_agent.importers.values.fields import canonical_purl
from secops_agent.services.records import AssetRecord, Key
from secops_agent.services.records.identity import ASSET_URN, asset_identities, identity_of

_DIGEST = re.compile(r"sha(?:256|384|512):[0-9a-f]{32,128}")
_CPE = re.compile(r"cpe:(?:2\.3:|/)[aoh]:", re.IGNORECASE)
_RELEASE = re.compile(
    r"cpe:(?:/|2\.3:)[ao]:(?:redhat:(?:enterprise_linux|rhel\w*)|(suse|opensuse|canonical|debian|openeuler):\w+):(\d+(?:\.\d+)?)",
    re.IGNORECASE,
)


def product_of(identifiers: tuple[str, ...]) -> str:
    """The purl among some identifiers, else a CPE, else the first one as it is."""
    purl = next((text for text in identifiers if text.startswith("pkg:")), "")
    if purl:
        return _purl(purl)
    named = next((text for text in identifiers if _CPE.match(text)), "")
    return (named or next(iter(identifiers), ""))[:1000]


def _purl(text: str) -> str:
    """A product that is not a valid purl is a name for people."""
    try:
        return canonical_purl(text)[:1000]
    except BrokenRecord:
        return text.removeprefix("pkg:")[:1000]


def asset_of(product: str) -> str:
    """The identity of the asset that a product is: an image, or what our own export names; "" for others."""
    if product.startswith(ASSET_URN):
        return unquote(product.removeprefix(ASSET_URN))[:540]
    if not product.startswith(("pkg:oci/", "pkg:docker/")):
        return ""
    digest = _DIGEST.search(unquote(product))
    if digest:
        return identity_of("container_image", Key("image_digest", digest[0]))
    parts = PackageURL.from_string(product)
    name = "/".join(filter(None, (parts.namespace, parts.name)))
    tag = parts.version or (parts.qualifiers.get("tag", "") if isinstance(parts.qualifiers, dict) else "")
    return identity_of("container_image", Key("image", image_reference(f"{name}:{tag}"))) if tag else ""


def chosen_asset(asset: AssetRecord | None) -> str:
    """The identity of the asset that was named for the import; "" for none. BrokenRecord if nothing identifies it."""
    if asset is None:
        return ""
    found = asset_identities(asset)
    if not found:
        raise BrokenRecord("指定的资产没有稳定的标识（只有地址）：请用主机名、域名或镜像指定")
    return found[0]


def platform_of(identifiers: tuple[str, ...]) -> str:
    """ "redhat-8" of "cpe:/o:redhat:enterprise_linux:8"; what is no known release stays as it is written."""
    for text in identifiers:
        found = _RELEASE.match(text)
        if found:
            family = {"canonical": "ubuntu"}.get(found[1] or "", found[1] or "redhat")
            release = found[2] if family == "ubuntu" else found[2].partition(".")[0]
            return f"{family}-{release}".lower()
    return next(iter(identifiers), "")[:200]
