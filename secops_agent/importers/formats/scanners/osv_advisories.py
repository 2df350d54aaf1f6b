"""OSV advisories: one in the OSV schema (1.0 to 1.7) as a record."""

import re
from collections.abc import Iterator

from secops_agent.importers.values.fields import (
    Table,
    build_purl,
    canonical_purl,
    cvss,
    distinct,
    moment,
    need,
    primary_id,
    shortened,
    table,
    tables,
    text,
    texts,
)
from secops_agent.services.records import Affected, Cvss, VulnerabilityRecord, highest, severity_of

_DISTRO_ID = re.compile(r"^[A-Z]+-(CVE-\d{4}-\d{4,})$")
_ECOSYSTEMS = {
    "npm": "npm", "pypi": "pypi", "go": "golang", "maven": "maven", "crates.io": "cargo", "nuget": "nuget",
    "rubygems": "gem", "packagist": "composer", "hex": "hex", "pub": "pub", "conancenter": "conan",
    "debian": "deb/debian", "ubuntu": "deb/ubuntu", "alpine": "apk/alpine", "wolfi": "apk/wolfi",
    "chainguard": "apk/chainguard", "red hat": "rpm/redhat", "rocky linux": "rpm/rocky-linux",
    "almalinux": "rpm/almalinux", "opensuse": "rpm/opensuse", "suse": "rpm/suse", "openeuler": "rpm/openeuler",
    "swifturl": "swift", "github actions": "githubactions", "cran": "cran",
}  # fmt: skip


def read_advisory(data: Table, tool: str) -> VulnerabilityRecord:
    """One advisory of the OSV schema (1.0 to 1.7)."""
    vuln_id, aliases = primary_id([need(data, "id"), *_distro_cve(need(data, "id")), *texts(data, "aliases")])
    scores = tuple(dict.fromkeys(_scores(data)))
    specific = table(data, "database_specific")
    affected = tuple(entry for item in tables(data, "affected") for entry in _affected(item))
    return VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        title=shortened(text(data, "summary"), 500),
        description=shortened(text(data, "details")),
        severity=highest(
            severity_of(_word(specific), max((score.score for score in scores), default=None)),
            *(severity_of(_word(table(item, key))) for item in tables(data, "affected") for key in _SPECIFIC),
        ),
        cvss=scores,
        cwes=texts(specific, "cwe_ids"),
        affected=affected,
        fixed_versions=distinct(entry.fixed for entry in affected if entry.range_type != "GIT"),
        references=distinct(text(item, "url") for item in tables(data, "references")),
        published=moment(data, "published"),
        modified=moment(data, "modified"),
        withdrawn=moment(data, "withdrawn"),
        source=tool,
    )


_SPECIFIC = ("ecosystem_specific", "database_specific")


def _word(data: Table) -> str:
    word = data.get("severity")
    return word if isinstance(word, str) else ""


def _distro_cve(advisory: str) -> list[str]:
    """DEBIAN-CVE-2026-1 and UBUNTU-CVE-2026-1 speak of that very CVE."""
    found = _DISTRO_ID.match(advisory)
    return [found[1]] if found else []


def _scores(data: Table) -> Iterator[Cvss]:
    for holder in (data, *tables(data, "affected")):
        for item in tables(holder, "severity"):
            found = cvss(text(item, "score")) if text(item, "type").startswith("CVSS") else None
            if found:
                yield found


def _affected(item: Table) -> Iterator[Affected]:
    package = table(item, "package")
    ecosystem, name = text(package, "ecosystem"), text(package, "name")
    purl = canonical_purl(text(package, "purl")) or ecosystem_purl(ecosystem, name)
    for span in tables(item, "ranges"):
        for bounds in _bounds(tables(span, "events")):
            yield Affected(ecosystem, name, purl, *bounds, range_type=text(span, "type"))
    versions = texts(item, "versions")
    if versions:
        yield Affected(ecosystem, name, purl, versions=versions)


def _bounds(events: list[Table]) -> Iterator[tuple[str, str, str]]:
    """``(introduced, fixed, last_affected)`` for each stretch of a range's events."""
    introduced: str | None = None
    for event in events:
        if text(event, "introduced"):
            if introduced is not None:
                yield introduced, "", ""
            introduced = text(event, "introduced")
        elif introduced is not None and (text(event, "fixed") or text(event, "last_affected")):
            yield introduced, text(event, "fixed"), text(event, "last_affected")
            introduced = None
    if introduced is not None:
        yield introduced, "", ""


def ecosystem_purl(ecosystem: str, name: str, version: str = "") -> str:
    """A purl for a package of an OSV ecosystem ("Debian:12", "PyPI"); "" for those that have no purl type."""
    family, _, release = ecosystem.partition(":")
    kind, _, namespace = _ECOSYSTEMS.get(family.lower(), "").partition("/")
    if not kind:
        return ""
    if namespace:
        distro = {"distro": f"{namespace}-{release.removeprefix('v')}"} if release and version else None
        return build_purl(kind, name, version, namespace, distro)
    group, _, last = name.rpartition(":" if kind == "maven" else "/")
    return build_purl(kind, last, version, group)
