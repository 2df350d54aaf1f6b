"""Matching of advisories with known components: 受影响, 不受影响 or 无法判断, each with its reason."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from secops_agent.models import AffectedRange, Component
from secops_agent.services.actors import Actor
from secops_agent.services.vulnerabilities.comparison import matches
from secops_agent.services.vulnerabilities.comparison.software import (
    SYSTEM_SCHEMES,
    advisory_coordinates,
    component_coordinates,
)
from secops_agent.services.vulnerabilities.comparison.versions import (
    ANSWER_LABELS,
    Answer,
    Span,
    VersionVerdict,
    judge,
)

__all__ = ["ANSWER_LABELS", "Answer", "Match", "Subject", "Target", "match", "refresh", "verdict"]

_ROLLING = frozenset({"wolfi", "chainguard", "arch"})  # distributions without releases
_PIECE = 400
_ORDER: tuple[Answer, ...] = ("affected", "unknown", "unaffected")


@dataclass(frozen=True, slots=True)
class Target:
    """One range of an advisory: a scheme's package, on a platform ("debian-12", "" for languages)."""

    scheme: str
    name: str
    platform: str
    span: Span


@dataclass(frozen=True, slots=True)
class Subject:
    """A component as far as matching needs it."""

    scheme: str
    packages: tuple[str, ...]
    version: str
    platform: str


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for one vulnerability and one component."""

    vulnerability_id: int
    component_id: int
    asset_id: int
    answer: Answer
    reason: str
    fixed_version: str = ""


def verdict(targets: Sequence[Target], subject: Subject) -> VersionVerdict | None:
    """One answer from all ranges of a vulnerability; None when none of them is about this package.

    Affected by one range outweighs "unknown" of another, which outweighs "unaffected".
    """
    about = [each for each in targets if each.scheme == subject.scheme and each.name in subject.packages]
    if not about:
        return None
    found = [_judge(each, subject) for each in about]
    decided = [each for each in found if each is not None]
    if not decided:
        names = "、".join(sorted({each.platform for each in about if each.platform})[:5])
        return VersionVerdict("unknown", f"公告只说明了 {names}，没有说明 {subject.platform}")
    return min(decided, key=lambda each: _ORDER.index(each.answer))


def _judge(target: Target, subject: Subject) -> VersionVerdict | None:
    """None: the range is for another release and says nothing about this one."""
    if target.scheme in SYSTEM_SCHEMES:
        unclear = _platform_doubt(target.platform, subject.platform)
        if unclear is not None:
            return VersionVerdict("unknown", unclear) if unclear else None
    return judge(target.scheme, target.span, subject.version)


def _platform_doubt(target: str, subject: str) -> str | None:
    """None: the same release. "": another one. Otherwise why nothing can be said."""
    family, _, release = target.partition("-")
    own_family, _, own_release = subject.partition("-")
    if family and own_family and family != own_family:
        return ""
    if not own_family or (not own_release and own_family not in _ROLLING):
        return "组件没有说明发行版及其版本"
    if not family or (not release and family not in _ROLLING):
        return "公告没有说明发行版的版本"
    return None if release == own_release else ""


def match(
    vulnerability_ids: Collection[int] | None = None, component_ids: Collection[int] | None = None
) -> Iterator[Match]:
    """Every answer for these vulnerabilities and components (None: all); pairs of different packages give none."""
    book = _targets(vulnerability_ids, component_ids)
    answers: dict[tuple[int, Subject], VersionVerdict | None] = {}
    for component_id, asset_id, subject in _subjects(book.keys(), component_ids):
        about: dict[int, list[Target]] = {}
        for package in subject.packages:
            for vulnerability_id, targets in book.get((subject.scheme, package), {}).items():
                about.setdefault(vulnerability_id, []).extend(targets)
        for vulnerability_id, targets in about.items():
            key = (vulnerability_id, subject)
            if key not in answers:
                answers[key] = verdict(targets, subject)
            found = answers[key]
            if found is not None:
                yield Match(
                    vulnerability_id, component_id, asset_id, found.answer, found.reason, found.fixed_version
                )


Book = dict[tuple[str, str], dict[int, list[Target]]]


def _targets(vulnerability_ids: Collection[int] | None, component_ids: Collection[int] | None) -> Book:
    """(scheme, package) → vulnerability → ranges."""
    rows = AffectedRange.objects.exclude(scheme="").filter(vulnerability__withdrawn=None)
    columns = (
        "vulnerability_id", "scheme", "name", "ecosystem", "package", "purl", "introduced", "fixed", "last_affected",
        "raw", "range_type", "versions",
    )  # fmt: skip
    book: Book = {}
    pieces = [rows]
    if vulnerability_ids is not None:
        pieces = [rows.filter(vulnerability_id__in=piece) for piece in _pieces(sorted(vulnerability_ids))]
    elif component_ids is not None:
        pieces = [
            rows.filter(scheme=scheme, name__in=piece)
            for scheme, names in _packages(component_ids).items()
            for piece in _pieces(sorted(names))
        ]
    for piece in pieces:
        for row in piece.values_list(*columns).iterator(2000):
            introduced, fixed, last, raw, kind, versions = row[6:]
            span = Span(introduced, fixed, last, raw, kind, tuple(versions))
            target = Target(row[1], row[2], advisory_coordinates(*row[3:6]).platform, span)
            book.setdefault((row[1], row[2]), {}).setdefault(row[0], []).append(target)
    return book


def _packages(component_ids: Collection[int]) -> dict[str, set[str]]:
    """Scheme → names of packages, binary and source."""
    found: dict[str, set[str]] = {}
    for piece in _pieces(sorted(component_ids)):
        rows = Component.objects.filter(pk__in=piece).exclude(ecosystem="")
        for scheme, *names in rows.values_list("ecosystem", "package", "source_package"):
            found.setdefault(scheme, set()).update(filter(None, names))
    return found


def _subjects(
    packages: Collection[tuple[str, str]], component_ids: Collection[int] | None
) -> Iterator[tuple[int, int, Subject]]:
    """The components that are one of these packages, by binary or source name."""
    rows = Component.objects.filter(active=True)
    names: dict[str, list[str]] = {}
    for scheme, package in sorted(packages):
        names.setdefault(scheme, []).append(package)
    wanted = None if component_ids is None else frozenset(component_ids)
    seen: set[int] = set()
    for scheme, mine in names.items():
        for piece in _pieces(mine):
            for field in ("package", "source_package"):
                found = rows.filter(ecosystem=scheme, **{f"{field}__in": piece})
                if field == "source_package":
                    found = found.exclude(source_package="")
                for row in found.values_list(*_COLUMNS).iterator(2000):
                    if row[0] not in seen and (wanted is None or row[0] in wanted):
                        seen.add(row[0])
                        yield row[0], row[1], _subject(row)


_COLUMNS = ("id", "asset_id", "ecosystem", "package", "source_package", "purl", "name", "version", "distro")


def _subject(row: tuple[int, int, str, str, str, str, str, str, str]) -> Subject:
    _, _, scheme, package, source, purl, name, version, distro = row
    found = component_coordinates(purl, name, version, distro)
    packages = (package, source) if source and source != package else (package,)
    return Subject(scheme, packages, found.version, found.platform)


def _pieces(values: Sequence[int] | Sequence[str]) -> Iterator[Sequence[int] | Sequence[str]]:
    for start in range(0, len(values), _PIECE):
        yield values[start : start + _PIECE]


def refresh(
    *,
    actor: Actor,
    vulnerability_ids: Collection[int] | None = None,
    component_ids: Collection[int] | None = None,
) -> int:
    """Keep the findings of our own matching (source "bifang") right for what changed.

    Affected: a finding, unless a scanner already has it on that asset and package. No longer: gone. Both arguments
    None: everything. Returns how many findings are new. Short transactions of its own.
    """
    if vulnerability_ids is None and component_ids is None:
        return matches.write(actor, match(), None)
    added = 0
    if vulnerability_ids:
        added += matches.write(actor, match(vulnerability_ids), {"vulnerability_id": vulnerability_ids})
    if component_ids:
        added += matches.write(actor, match(component_ids=component_ids), {"component_id": component_ids})
    return added
