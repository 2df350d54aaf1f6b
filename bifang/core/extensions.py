"""Extensions: formats, tools, connectors, channels and checks of packages that the operator installed beside us.

A package names each in its entry points, in one of `GROUPS`; the entry point leads to an `Extension` of the same name.
Ours are listed in code, where their registry stands, and pass the same `problem`. Found once per process, frozen.
What cannot be taken stops nothing: the log and the health check `extensions` tell it. No Django.
"""

import logging
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, Literal, TypeVar

from bifang.core.configuration.kinds import Kind
from bifang.core.errors import ConfigError

VERSION: Final = "0.1.0"  # as in pyproject.toml
GROUPS: Final = ("importers", "tools", "connectors", "channels", "checks")
Group = Literal["importers", "tools", "connectors", "channels", "checks"]
NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LONGEST_LABEL: Final = 60
_BOUND: Final = re.compile(r"(>=|<)\s*(\d+(?:\.\d+){0,2})")
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Extension(Generic[T]):
    """One thing that a package adds. ``adds``: what its group takes (docs/extending.md).

    ``versions`` of Bifang that it works with (">=0.1,<0.2"; "": any). ``settings``: the kind of configuration by which
    people set it up, named as it is; None for what has nothing to set.
    """

    name: str
    label: str
    adds: T
    versions: str = ""
    settings: Any = None


@dataclass(frozen=True, slots=True)
class RefusedExtension:
    """An extension of an installed package that was not taken."""

    group: str
    name: str
    package: str
    why: str


_refusals: list[RefusedExtension] = []


def problem(extension: object, taken: Collection[str], fits: Callable[[Any], str]) -> str:
    """Why it cannot be taken, "" if it can. ``taken``: names that are somebody's; ``fits`` says the same of ``adds``."""
    if not isinstance(extension, Extension):
        return f"应当是 Extension，却是 {type(extension).__name__}"
    if not isinstance(extension.name, str) or not NAME.fullmatch(extension.name):
        return "名称应当是小写字母开头的字母、数字和下划线，2 到 40 个"
    if extension.name in taken:
        return f"名称「{extension.name}」已经有了，不能替换"
    if not isinstance(extension.label, str) or not 0 < len(extension.label.strip()) <= _LONGEST_LABEL:
        return f"应当有 1 到 {_LONGEST_LABEL} 个字的 label"
    if not covers(extension.versions):
        return f"它要的毕方版本是「{extension.versions}」，现在是 {VERSION}"
    if extension.settings is not None and getattr(extension.settings, "name", "") != extension.name:
        return "settings 的 name 应当和它的名称相同"
    return fits(extension) or _misshapen(extension.settings)


def _misshapen(kind: Any) -> str:
    """Which attribute of a kind of configuration is of another type than pages and sorting need."""
    for name, usual in vars(Kind).items():
        wanted = type(usual) if isinstance(usual, str | int | dict) else None
        if wanted and not name.startswith("_") and not isinstance(getattr(kind, name, usual), wanted):
            return f"settings 的 {name} 应当是 {wanted.__name__}"
    return "" if isinstance(getattr(kind, "label", ""), str) else "settings 的 label 应当是 str"


def covers(versions: str) -> bool:
    """Does the range hold for this version? False for what is no range."""
    now = _numbers(VERSION)
    for part in filter(None, (each.strip() for each in str(versions).split(","))):
        bound = _BOUND.fullmatch(part)
        if bound is None or (now >= _numbers(bound[2])) != (bound[1] == ">="):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in [*version.split("."), "0", "0"][:3])


def installed(
    group: Group, taken: Collection[str], fits: Callable[[Any], str] = lambda one: ""
) -> tuple[Extension[Any], ...]:
    """What packages add to a group beside the names of ours, by name. Called once per group, by its registry."""
    found: dict[str, Extension[Any]] = {}
    for point in sorted(_points().get(group, ()), key=lambda each: (each.name, each.value)):
        try:
            extension = point.load()
            why = problem(extension, (*taken, *found), fits)
            if not why and extension.name != point.name:
                why = f"入口点的名称应当和它的名称「{extension.name}」相同"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # code of others: it may even try to end the process
            log.exception("插件 %s 读不进来", point.value)
            why = f"读不进来：{type(error).__name__}：{error}"[:300]
        if why:
            _refuse(group, point, why)
        else:
            found[point.name] = extension
    return tuple(found.values())


@cache
def _points() -> dict[str, list[EntryPoint]]:
    """The entry points of our groups. Reading what every installed package offers costs milliseconds: once."""
    try:
        every = entry_points()
        return {group: list(dict.fromkeys(every.select(group=f"bifang.{group}"))) for group in GROUPS}
    except Exception as error:  # what some package says of itself is damaged, whosever it is
        log.exception("读不到已安装的包说了什么，没有使用任何插件")
        _refusals.append(
            RefusedExtension("包", "全部", "Python 环境", f"{type(error).__name__}：{error}"[:300])
        )
        return {}


def _refuse(group: Group, point: EntryPoint, why: str) -> None:
    package = point.value
    with suppress(Exception):  # a package may not say its name
        package = f"{point.dist.name} {point.dist.version}" if point.dist else package
    _refusals.append(RefusedExtension(group, point.name, package, why))
    log.error("没有使用插件 %s 的 %s「%s」：%s", package, group, point.name, why)


def check_extensions() -> str:
    """A health check: every extension of an installed package was taken. Raises ConfigError."""
    if _refusals:
        told = (f"{each.package} 的 {each.group}「{each.name}」：{each.why}" for each in _refusals[:3])
        raise ConfigError(f"有 {len(_refusals)} 个插件没有使用：{'；'.join(told)}")
    names = [point.name for points in _points().values() for point in points]
    return f"已使用：{'、'.join(names)}" if names else "没有安装插件"
