"""Names of packages in their ecosystems, so that components and advisories meet.

A scheme is the purl type (deb, rpm, apk, pypi, npm, maven, golang …). Distribution packages also have a platform,
"debian-12": an advisory for one release says nothing about another.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from packageurl import PackageURL

_ECOSYSTEMS = {
    "pypi": "pypi", "npm": "npm", "maven": "maven", "go": "golang", "golang": "golang", "crates.io": "cargo",
    "cargo": "cargo", "nuget": "nuget", "rubygems": "gem", "gem": "gem", "packagist": "composer",
    "composer": "composer", "hex": "hex", "pub": "pub", "conancenter": "conan", "conan": "conan",
    "debian": "deb", "ubuntu": "deb", "deb": "deb", "alpine": "apk", "apk": "apk", "wolfi": "apk",
    "chainguard": "apk", "red hat": "rpm", "redhat": "rpm", "rhel": "rpm", "rocky linux": "rpm", "almalinux": "rpm",
    "suse": "rpm", "opensuse": "rpm", "openeuler": "rpm", "rpm": "rpm", "centos": "rpm", "amazonlinux": "rpm",
    "oraclelinux": "rpm", "fedora": "rpm", "anolis": "rpm", "alinux": "rpm", "mageia": "rpm", "photon": "rpm",
    "java": "maven", "python": "pypi", "javascript": "npm", "ruby": "gem", "php": "composer", "dotnet": "nuget",
    "rust": "cargo",
}  # fmt: skip
_FAMILIES = {
    "red hat": "redhat", "rhel": "redhat", "rocky linux": "rocky", "almalinux": "alma", "amazonlinux": "amazon",
    "oraclelinux": "oracle", "rockylinux": "rocky", "amzn": "amazon", "ol": "oracle",
}  # fmt: skip
SYSTEM_SCHEMES = frozenset({"deb", "rpm", "apk"})
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Coordinates:
    """``package`` as advisories of the scheme name it; ``source_package`` "" unless it differs and is known.

    ``version`` holds an rpm or deb epoch; ``source_version`` is the source package's where it differs.
    """

    scheme: str = ""
    package: str = ""
    source_package: str = ""
    version: str = ""
    platform: str = ""


@lru_cache(maxsize=20_000)
def component_coordinates(purl: str, name: str, version: str, distro: str) -> Coordinates:
    """Of a component, from its purl; without one nothing is comparable and only the name is known."""
    if not purl:
        return Coordinates(package=name.lower(), version=version)
    try:
        parts = PackageURL.from_string(purl)
    except ValueError:
        return Coordinates(package=name.lower(), version=version)
    qualifiers = parts.qualifiers if isinstance(parts.qualifiers, dict) else {}
    upstream, _, _ = qualifiers.get("upstream", "").partition("@")
    return Coordinates(
        parts.type,
        package_name(parts.type, parts.namespace or "", parts.name),
        upstream.lower().removesuffix(".src.rpm"),
        _with_epoch(parts.type, version or parts.version or "", qualifiers.get("epoch", "")),
        _platform(parts.namespace or "", distro or qualifiers.get("distro", "")),
    )


def package_name(scheme: str, namespace: str, name: str) -> str:
    """ "@babel/core", "org.apache.logging.log4j:log4j-core", "golang.org/x/net", "openssl"; lower case."""
    if scheme in SYSTEM_SCHEMES or not namespace:
        plain = name
    else:
        plain = f"{namespace}:{name}" if scheme == "maven" else f"{namespace}/{name}"
    plain = plain.lower()
    return re.sub(r"[-_.]+", "-", plain) if scheme == "pypi" else plain


@lru_cache(maxsize=20_000)
def advisory_coordinates(ecosystem: str, package: str, purl: str) -> Coordinates:
    """Of what an advisory affects; scheme "" when the ecosystem is not one that we can compare."""
    if purl:
        found = component_coordinates(purl, package, "", "")
        platform = _ecosystem_platform(ecosystem) or found.platform
        return Coordinates(found.scheme, found.package, platform=platform)
    scheme = _ECOSYSTEMS.get(_family_word(ecosystem), "")
    if not scheme:
        return Coordinates(package=package.lower())
    name = re.sub(r"[-_.]+", "-", package.lower()) if scheme == "pypi" else package.lower()
    return Coordinates(scheme, name, platform=_ecosystem_platform(ecosystem))


def _family_word(ecosystem: str) -> str:
    """ "Debian:12" → "debian"; Grype's "debian:distro:debian:12" and "github:language:python" → the third word."""
    words = ecosystem.lower().split(":")
    return words[2] if len(words) > 2 and words[1] in ("distro", "language") else words[0].strip()


def _ecosystem_platform(ecosystem: str) -> str:
    family = _family_word(ecosystem)
    if _ECOSYSTEMS.get(family) not in SYSTEM_SCHEMES or family in SYSTEM_SCHEMES:
        return ""
    release = _RELEASE.search(ecosystem.lower().removeprefix(family))
    return _platform(family, f"{family}-{release[0]}" if release else family)


def _platform(family: str, distro: str) -> str:
    """ "debian-12.5" and ("debian", "12") → "debian-12"; Alpine and Ubuntu releases have two numbers."""
    word, _, rest = distro.lower().partition("-")
    word = word if word and not word[0].isdigit() else family.lower()
    word = _FAMILIES.get(word, word)
    release = _RELEASE.search(rest or distro)
    if not word or release is None:
        return word
    numbers = release[0].split(".")
    kept = numbers[:2] if word in ("alpine", "ubuntu") else numbers[:1]
    return f"{word}-{'.'.join(kept)}"


def _with_epoch(scheme: str, version: str, epoch: str) -> str:
    if scheme in ("rpm", "deb") and epoch.isdigit() and epoch != "0" and ":" not in version:
        return f"{epoch}:{version}"
    return version
