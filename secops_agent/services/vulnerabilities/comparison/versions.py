"""Version ranges: is this version inside one? Compared as the ecosystem compares, never guessed."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise
from typing import Any, Literal
from urllib.parse import unquote

# How the ecosystems order versions, where univers differs from the reference; None: not a version of that scheme.

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
    order = _univers("MavenVersion")
    return MavenOrder(order(plain), order(_DOTTED_WORD.sub("-", plain)))


def rpm_order(text: str) -> Any | None:
    """rpm's own order; a release that is empty is none."""
    return None if text.endswith("-") else _univers("RpmVersion")(text)


def _univers(name: str) -> Callable[[str], Any]:
    def order(text: str) -> Any:
        from univers import versions  # not at the start: few processes compare versions

        return getattr(versions, name)(text)

    return order


Answer = Literal["affected", "unaffected", "unknown"]
ANSWER_LABELS: dict[Answer, str] = {"affected": "受影响", "unaffected": "不受影响", "unknown": "无法判断"}
_ORDERS: dict[str, Callable[[str], Any]] = {
    "deb": _univers("DebianVersion"),
    "rpm": rpm_order,
    "apk": _univers("AlpineLinuxVersion"),
    "pypi": _univers("PypiVersion"),
    "npm": semver_order,
    "maven": maven_order,
    "golang": semver_order,
    "cargo": semver_order,
    "gem": _univers("RubygemsVersion"),
    "composer": composer_order,
    "nuget": _univers("NugetVersion"),
    "conan": _univers("ConanVersion"),
    "hex": semver_order,
    "pub": pub_order,
}
# Grype writes how it compared behind a range; "semver" is also what it calls the order of a language that has its own.
_NOTED_ORDER = re.compile(r"\s*\(([A-Za-z0-9]+)\)$")
_NOTED: dict[str, frozenset[str]] = {
    "deb": frozenset({"deb"}),
    "dpkg": frozenset({"deb"}),
    "rpm": frozenset({"rpm"}),
    "apk": frozenset({"apk"}),
    "python": frozenset({"pypi"}),
    "pep440": frozenset({"pypi"}),
    "gem": frozenset({"gem"}),
    "maven": frozenset({"maven"}),
    "go": frozenset({"golang"}),
    "semver": frozenset({"npm", "cargo", "hex", "pub", "golang", "composer", "nuget"}),
    "semantic": frozenset({"npm", "cargo", "hex", "pub", "golang", "composer", "nuget"}),
}
_VERSION = re.compile(r"^[vVrR]?\d")
_COMPARATOR = re.compile(r"^(<=|>=|==|=|!=|<|>)?\s*([^\s<>=!,|]+)$")


def _same(one: Any, other: Any) -> bool:
    """Neither is lower: some classes call versions different that their order does not tell apart."""
    return not one < other and not other < one


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: not other < one,
    ">": lambda one, other: bool(other < one),
    ">=": lambda one, other: not one < other,
    "=": _same,
    "==": _same,
    "!=": lambda one, other: not _same(one, other),
}


@dataclass(frozen=True, slots=True)
class Span:
    """The versions that an advisory affects, as `records.Affected` defines them."""

    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""
    raw: str = ""
    range_type: str = ""
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionVerdict:
    """One of three answers, and why, in Chinese."""

    answer: Answer
    reason: str
    fixed_version: str = ""


class _Unclear(Exception):
    """Cannot be compared; the text says why."""


def highest(scheme: str, texts: Iterable[str]) -> str:
    """The last of these versions in the order of the scheme; "" where one of them cannot be compared."""
    said = list(dict.fromkeys(texts))
    if not said or (len(said) > 1 and not all(_comparable(scheme, each) for each in said)):
        return ""
    try:
        return reduce(
            lambda one, other: other if _version(scheme, one) < _version(scheme, other) else one, said
        )
    except UncertainOrder:
        return ""


@lru_cache(maxsize=200_000)
def judge(scheme: str, span: Span, version: str) -> VersionVerdict:
    """Whether `version` of a package of that scheme lies in the span."""
    try:
        return _judge(scheme, span, version)
    except (_Unclear, UncertainOrder) as unclear:
        return VersionVerdict("unknown", str(unclear), span.fixed)


def _judge(scheme: str, span: Span, version: str) -> VersionVerdict:
    if not version:
        raise _Unclear("组件没有版本号")
    if span.range_type == "GIT":
        raise _Unclear("公告只给出 Git 提交范围，不能与版本号比较")
    if version in span.versions:
        return VersionVerdict("affected", f"公告逐个列出了版本 {version}", span.fixed)
    mine = _version(scheme, version)
    for bound in (span.introduced, span.fixed, span.last_affected):
        _check_epoch(scheme, bound, version)
    if any(_same(mine, _version(scheme, each)) for each in span.versions if _comparable(scheme, each)):
        return VersionVerdict("affected", f"公告逐个列出了版本 {version}", span.fixed)
    if span.introduced or span.fixed or span.last_affected:
        return _in_bounds(scheme, span, version, mine)
    if span.raw:
        return _in_raw(scheme, span, version, mine)
    if span.versions:
        return VersionVerdict("unaffected", f"公告逐个列出的版本中没有 {version}")
    raise _Unclear("公告没有给出版本范围")


def _check_epoch(scheme: str, bound: str, version: str) -> None:
    """A package whose advisory has an epoch has one itself: if it is missing, a tool has lost it."""
    if scheme not in ("rpm", "deb") or ":" in version:
        return
    epoch, colon, _ = bound.partition(":")
    if colon and epoch != "0":
        raise _Unclear(f"组件版本 {version} 没有给出 epoch，而公告的 {bound} 有")


def _in_bounds(scheme: str, span: Span, version: str, mine: Any) -> VersionVerdict:
    if span.introduced not in ("", "0") and mine < _version(scheme, span.introduced):
        return VersionVerdict("unaffected", f"版本 {version} 低于起始版本 {span.introduced}")
    if span.fixed:
        if mine < _version(scheme, span.fixed):
            return VersionVerdict("affected", f"版本 {version} 低于修复版本 {span.fixed}", span.fixed)
        return VersionVerdict("unaffected", f"版本 {version} 不低于修复版本 {span.fixed}")
    if span.last_affected:
        if not _version(scheme, span.last_affected) < mine:
            return VersionVerdict("affected", f"版本 {version} 不高于最后受影响版本 {span.last_affected}")
        return VersionVerdict("unaffected", f"版本 {version} 高于最后受影响版本 {span.last_affected}")
    start = "所有版本" if span.introduced == "0" else f"自 {span.introduced} 起"
    return VersionVerdict("affected", f"{start}受影响，尚无修复版本")


def _in_raw(scheme: str, span: Span, version: str, mine: Any) -> VersionVerdict:
    """ ">=2.0,<2.15.0 || =1.2", "< 1.2.3-1 (deb)" and "vers:npm/>=1.0|<2.0"."""
    text = span.raw.strip()
    read = _vers if text.startswith("vers:") else _words
    inside = any(
        all(_TESTS[sign](mine, _bound(scheme, bound, version)) for sign, bound in each)
        for each in read(scheme, text)
    )
    if inside:
        return VersionVerdict("affected", f"版本 {version} 在范围「{text[:100]}」内", span.fixed)
    return VersionVerdict("unaffected", f"版本 {version} 不在范围「{text[:100]}」内")


def _bound(scheme: str, bound: str, version: str) -> Any:
    _check_epoch(scheme, bound, version)
    return _version(scheme, bound)


Comparators = list[tuple[str, str]]


def _words(scheme: str, text: str) -> list[Comparators]:
    """Alternatives, each of comparators that must all hold; every bound is checked to be a version."""
    noted = _NOTED_ORDER.search(text)
    if noted and scheme not in _NOTED.get(noted[1].lower(), ()):
        raise _Unclear(f"公告的版本范围「{text[:100]}」没有说明按哪种生态比较")
    plain = _NOTED_ORDER.sub("", text)
    return [_comparators(scheme, part, text) for part in plain.split("||")]


def _comparators(scheme: str, part: str, text: str) -> Comparators:
    found = []
    for piece in re.split(r",|(?<=[\w.])\s+(?=[<>=!])", part):
        match = _COMPARATOR.match(piece.strip())
        if match is None:
            raise _Unclear(f"看不懂公告的版本范围「{text[:100]}」")
        _version(scheme, match[2])
        found.append((match[1] or "=", match[2]))
    return found


def _vers(scheme: str, text: str) -> list[Comparators]:
    """As the vers specification says; a generic range is one of the component's own scheme."""
    named, _, rest = text.removeprefix("vers:").partition("/")
    if named not in (scheme, "generic"):
        raise _Unclear(f"公告的版本范围「{text[:100]}」属于另一种生态")
    if rest == "*":
        return [[]]
    every = [pair for part in rest.split("|") for pair in _comparators(scheme, unquote(part), text)]
    _check_sorted(scheme, every, text)
    unequal = [pair for pair in every if pair[0] == "!="]
    spans = _vers_spans([pair for pair in every if pair[0] not in ("=", "==", "!=")], text)
    if not spans and len(unequal) == len(every):
        raise _Unclear(f"看不懂公告的版本范围「{text[:100]}」")
    return [[pair] for pair in every if pair[0] in ("=", "==")] + [[*span, *unequal] for span in spans]


def _check_sorted(scheme: str, every: Comparators, text: str) -> None:
    bounds = [_version(scheme, bound) for _, bound in every]
    if any(not one < other for one, other in pairwise(bounds)):
        raise _Unclear(f"公告的版本范围「{text[:100]}」没有按版本排序")


def _vers_spans(bounds: Comparators, text: str) -> list[Comparators]:
    """ "<1", ">=2", "<3", ">4" → [<1], [>=2, <3], [>4]."""
    spans: list[Comparators] = []
    opened: Comparators = []
    for sign, bound in bounds:
        if sign[0] == ">" and not opened:
            opened = [(sign, bound)]
        elif sign[0] == "<" and (opened or not spans):
            spans.append([*opened, (sign, bound)])
            opened = []
        else:
            raise _Unclear(f"看不懂公告的版本范围「{text[:100]}」")
    return [*spans, opened] if opened else spans


@lru_cache(maxsize=200_000)
def _parsed(scheme: str, text: str) -> Any:
    known = _ORDERS.get(scheme)
    if known is None or not _VERSION.match(text):  # some classes take any word for a version
        return None
    try:
        version = known(text)
        version < version  # noqa: B015 - some classes only complain when they are compared
    except (ValueError, TypeError, AttributeError, IndexError, KeyError):
        return None
    return version


def _comparable(scheme: str, text: str) -> bool:
    return _parsed(scheme, text) is not None


def _version(scheme: str, text: str) -> Any:
    if scheme not in _ORDERS:
        raise _Unclear(f"不会比较「{scheme or '未知生态'}」的版本号")
    parsed = _parsed(scheme, text)
    if parsed is None:
        raise _Unclear(f"「{text[:60]}」不是合法的 {scheme} 版本号")
    return parsed
