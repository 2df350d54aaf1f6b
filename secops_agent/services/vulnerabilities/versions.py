"""Is this version inside that range? Compared as the ecosystem compares, never guessed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from univers import versions as univers
from univers.version_range import VersionRange

Answer = Literal["affected", "unaffected", "unknown"]
ANSWER_LABELS: dict[Answer, str] = {"affected": "受影响", "unaffected": "不受影响", "unknown": "无法判断"}
_CLASSES: dict[str, type[Any]] = {
    "deb": univers.DebianVersion,
    "rpm": univers.RpmVersion,
    "apk": univers.AlpineLinuxVersion,
    "pypi": univers.PypiVersion,
    "npm": univers.SemverVersion,
    "maven": univers.MavenVersion,
    "golang": univers.GolangVersion,
    "cargo": univers.SemverVersion,
    "gem": univers.RubygemsVersion,
    "composer": univers.ComposerVersion,
    "nuget": univers.NugetVersion,
    "conan": univers.ConanVersion,
    "hex": univers.SemverVersion,
    "pub": univers.SemverVersion,
}
_VERSION = re.compile(r"^[vVrR]?\d")
_COMPARATOR = re.compile(r"^(<=|>=|==|=|!=|<|>)?\s*([^\s<>=!,|]+)$")
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one < other or one == other),
    ">": lambda one, other: bool(other < one),
    ">=": lambda one, other: bool(other < one or one == other),
    "=": lambda one, other: bool(one == other),
    "==": lambda one, other: bool(one == other),
    "!=": lambda one, other: bool(one != other),
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


@lru_cache(maxsize=200_000)
def judge(scheme: str, span: Span, version: str) -> VersionVerdict:
    """Whether `version` of a package of that scheme lies in the span."""
    try:
        return _judge(scheme, span, version)
    except _Unclear as unclear:
        return VersionVerdict("unknown", str(unclear), span.fixed)


def _judge(scheme: str, span: Span, version: str) -> VersionVerdict:
    if not version:
        raise _Unclear("组件没有版本号")
    if span.range_type == "GIT":
        raise _Unclear("公告只给出 Git 提交范围，不能与版本号比较")
    if version in span.versions:
        return VersionVerdict("affected", f"公告逐个列出了版本 {version}", span.fixed)
    mine = _version(scheme, version)
    _check_epoch(scheme, span, version)
    if any(mine == _version(scheme, each) for each in span.versions if _comparable(scheme, each)):
        return VersionVerdict("affected", f"公告逐个列出了版本 {version}", span.fixed)
    if span.introduced or span.fixed or span.last_affected:
        return _in_bounds(scheme, span, version, mine)
    if span.raw:
        return _in_raw(scheme, span, version, mine)
    if span.versions:
        return VersionVerdict("unaffected", f"公告逐个列出的版本中没有 {version}")
    raise _Unclear("公告没有给出版本范围")


def _check_epoch(scheme: str, span: Span, version: str) -> None:
    """A package whose advisory has an epoch has one itself: if it is missing, a tool has lost it."""
    if scheme not in ("rpm", "deb") or ":" in version:
        return
    for bound in (span.introduced, span.fixed, span.last_affected):
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
        last = _version(scheme, span.last_affected)
        if mine < last or mine == last:
            return VersionVerdict("affected", f"版本 {version} 不高于最后受影响版本 {span.last_affected}")
        return VersionVerdict("unaffected", f"版本 {version} 高于最后受影响版本 {span.last_affected}")
    start = "所有版本" if span.introduced == "0" else f"自 {span.introduced} 起"
    return VersionVerdict("affected", f"{start}受影响，尚无修复版本")


def _in_raw(scheme: str, span: Span, version: str, mine: Any) -> VersionVerdict:
    """ ">=2.0,<2.15.0 || =1.2" and "vers:npm/>=1.0|<2.0"."""
    text = span.raw.strip()
    inside = _in_vers(scheme, text, mine) if text.startswith("vers:") else _in_words(scheme, text, mine)
    if inside:
        return VersionVerdict("affected", f"版本 {version} 在范围「{text[:100]}」内", span.fixed)
    return VersionVerdict("unaffected", f"版本 {version} 不在范围「{text[:100]}」内")


def _in_words(scheme: str, text: str, mine: Any) -> bool:
    alternatives = [_comparators(scheme, part) for part in text.split("||")]
    return any(all(_TESTS[sign](mine, bound) for sign, bound in each) for each in alternatives)


def _comparators(scheme: str, text: str) -> list[tuple[str, Any]]:
    parts = [part.strip() for part in re.split(r",|(?<=[\w.])\s+(?=[<>=!])", text)]
    found = []
    for part in parts:
        match = _COMPARATOR.match(part)
        if match is None:
            raise _Unclear(f"看不懂公告的版本范围「{text.strip()[:100]}」")
        found.append((match[1] or "=", _version(scheme, match[2])))
    return found


def _in_vers(scheme: str, text: str, mine: Any) -> bool:
    """As the vers specification says; a generic range is one of the component's own scheme."""
    named, _, rest = text.removeprefix("vers:").partition("/")
    if named not in (scheme, "generic"):
        raise _Unclear(f"公告的版本范围「{text[:100]}」属于另一种生态")
    try:
        return bool(mine in VersionRange.from_string(f"vers:{scheme}/{rest}"))  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, AttributeError, univers.InvalidVersion):
        raise _Unclear(f"看不懂公告的版本范围「{text[:100]}」") from None


@lru_cache(maxsize=200_000)
def _parsed(scheme: str, text: str) -> Any:
    known = _CLASSES.get(scheme)
    if known is None or not _VERSION.match(text):  # Maven's class takes any word for a version
        return None
    try:
        version = known(text)
        version < version  # noqa: B015 - some classes only complain when they are compared
    except (univers.InvalidVersion, ValueError, TypeError, AttributeError, IndexError, KeyError):
        return None
    return version


def _comparable(scheme: str, text: str) -> bool:
    return _parsed(scheme, text) is not None


def _version(scheme: str, text: str) -> Any:
    if scheme not in _CLASSES:
        raise _Unclear(f"不会比较「{scheme or '未知生态'}」的版本号")
    parsed = _parsed(scheme, text)
    if parsed is None:
        raise _Unclear(f"「{text[:60]}」不是合法的 {scheme} 版本号")
    return parsed
