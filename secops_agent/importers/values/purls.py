"""Package URLs from the words of scanners."""

from packageurl import PackageURL

from .fields import build_purl

_OS_KINDS = {
    "alpine": "apk", "wolfi": "apk", "chainguard": "apk",
    "debian": "deb", "ubuntu": "deb", "kylin": "deb", "uos": "deb", "deepin": "deb",
    "redhat": "rpm", "centos": "rpm", "rocky": "rpm", "alma": "rpm", "oracle": "rpm", "amazon": "rpm",
    "fedora": "rpm", "photon": "rpm", "suse": "rpm", "opensuse": "rpm", "opensuse-leap": "rpm",
    "suse linux enterprise server": "rpm", "cbl-mariner": "rpm", "azurelinux": "rpm", "anolis": "rpm",
    "openeuler": "rpm", "alinux": "rpm",
}  # fmt: skip
_LANGUAGE_KINDS = {
    "npm": "npm", "yarn": "npm", "pnpm": "npm", "bun": "npm", "node-pkg": "npm", "javascript": "npm",
    "pip": "pypi", "pipenv": "pypi", "poetry": "pypi", "uv": "pypi", "pylock": "pypi", "python-pkg": "pypi",
    "conda-pkg": "conda", "gomod": "golang", "gobinary": "golang", "go-module": "golang",
    "jar": "maven", "pom": "maven", "gradle": "maven", "gradle-lockfile": "maven", "sbt-lockfile": "maven",
    "java-archive": "maven", "bundler": "gem", "gemspec": "gem", "cargo": "cargo", "rustbinary": "cargo",
    "composer": "composer", "composer-vendor": "composer", "nuget": "nuget", "dotnet-core": "nuget",
    "packages-props": "nuget", "conan": "conan", "pub": "pub", "hex": "hex", "swift": "swift", "cocoapods": "cocoapods",
}  # fmt: skip


def package_purl(kind: str, name: str, version: str, distro: str = "") -> str:
    """The purl of a package of a scanner's type ("debian", "node-pkg"); "" for types that have none."""
    family = kind.lower()
    if family in _OS_KINDS:
        return build_purl(_OS_KINDS[family], name, version, family, {"distro": distro} if distro else None)
    purl_kind = _LANGUAGE_KINDS.get(family, "")
    if not purl_kind:
        return ""
    separator = ":" if purl_kind == "maven" else "/"
    namespace, _, last = name.rpartition(separator)
    return build_purl(purl_kind, last, version, namespace)


def purl_kind(purl: str) -> str:
    """The type of a canonical purl, "" for ""."""
    return purl[4:].partition("/")[0] if purl else ""


def without_version(purl: str) -> str:
    """The package that a canonical purl names, without version, qualifiers and subpath."""
    if not purl:
        return ""
    parts = PackageURL.from_string(purl)
    return str(PackageURL(parts.type, parts.namespace, parts.name).to_string())
