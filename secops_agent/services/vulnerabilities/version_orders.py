"""How the ecosystems order versions, where univers differs from the reference; None: not a version of that scheme.

Each function gives a value that can be compared with `<` to others of the same function.
"""

import re
from dataclasses import dataclass
from typing import Any

from univers import versions as univers

Order = tuple[Any, ...]
_SEMVER = re.compile(
    r"[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_LONGEST = 200

# composer/semver, VersionParser::normalize: up to four numbers or a date, then a stability.
_STABILITY = r"[._-]?(?:(stable|beta|b|rc|alpha|a|patch|pl|p)((?:[.-]?\d+)*+)?)?([.-]?dev)?"
_COMPOSER = re.compile(rf"v?(\d{{1,5}}+(?:\.\d++){{0,3}}+){_STABILITY}", re.IGNORECASE)
_COMPOSER_DATE = re.compile(
    rf"v?(\d{{4}}(?:[.:-]?\d{{2}}){{1,6}}(?:[.:-]?\d{{1,3}}){{0,2}}){_STABILITY}", re.IGNORECASE
)
# PHP, version_compare(): words below and above a number, which has weight 4.
_WEIGHTS = {"dev": 0, "alpha": 1, "a": 1, "beta": 2, "b": 2, "rc": 3, "patch": 5, "pl": 5, "p": 5}
_NUMBER = 4

# Maven, ComparableVersion: these words are the release itself.
_RELEASE_WORD = re.compile(r"(?:(?<=\d)|[.-])(?:ga|final|release)(?=-|$)", re.IGNORECASE)
_DOTTED_WORD = re.compile(r"(?<=\d)\.(?=[a-z])", re.IGNORECASE)
_ODD_RELEASE_WORD = re.compile(r"(?<![a-z])(?:ga|final|release)(?![a-z])", re.IGNORECASE)


def semver_order(text: str) -> Order | None:
    """Semantic versioning 2.0: build metadata does not count; "1.2" is 1.2.0, a fourth number is none."""
    found = _SEMVER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    numbers = tuple(int(part or 0) for part in found.groups()[:3])
    return (*numbers, (0, _identifiers(found[4])) if found[4] else (1,))


def pub_order(text: str) -> Order | None:
    """pub_semver: as semantic versioning, but a build comes after none, and builds have an order."""
    plain = semver_order(text)
    if plain is None:
        return None
    _, _, build = text.partition("+")
    return (*plain, _identifiers(build) if build else ())


def _identifiers(text: str) -> Order:
    return tuple(
        (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in text.split(".")
    )


def composer_order(text: str) -> Order | None:
    """What Composer makes of a version before PHP's version_compare sees it; branches ("dev-main") have no order."""
    plain = text.partition("+")[0]
    if len(plain) > _LONGEST or not plain.isascii():
        return None
    found = _COMPOSER.fullmatch(plain) or _COMPOSER_DATE.fullmatch(plain)
    if found is None:
        return None
    numbers = [int(part) for part in re.split(r"\D", found[1])]
    parts: list[tuple[int, int]] = [(_NUMBER, part) for part in (*numbers, *[0] * (4 - len(numbers)))]
    word = (found[2] or "").lower()
    if word and word != "stable":
        parts.append((_WEIGHTS[word], 0))
        parts += [(_NUMBER, int(part)) for part in re.findall(r"\d+", found[3] or "")]
    if found[4] and word != "stable":
        parts.append((_WEIGHTS["dev"], 0))
    return (*parts, (_NUMBER, -1))  # the end: below a further number, between the words


class UncertainOrder(Exception):
    """Two versions whose order differs between releases of the tool itself; the text says so, in Chinese."""


@dataclass(frozen=True, slots=True)
class MavenOrder:
    """A version as Maven before 3.9 reads it, and as later ones do (MNG-7644): 2.0.a was above 2-1 and is below it."""

    before: Any
    since: Any

    def __lt__(self, other: "MavenOrder") -> bool:
        lower = bool(self.before < other.before)
        if lower != (self.since < other.since):
            raise UncertainOrder(f"{self.before} 与 {other.before} 的先后，Maven 3.9 前后的规则不同")
        return lower


def maven_order(text: str) -> MavenOrder | None:
    """Maven's own order; what does not begin with a number, or hides a release word inside, is not certain."""
    plain = _RELEASE_WORD.sub("", text)
    if not plain[:1].isdigit() or _ODD_RELEASE_WORD.search(plain):
        return None
    return MavenOrder(univers.MavenVersion(plain), univers.MavenVersion(_DOTTED_WORD.sub("-", plain)))


def rpm_order(text: str) -> Any | None:
    """rpm's own order; a release that is empty is none."""
    return None if text.endswith("-") else univers.RpmVersion(text)
