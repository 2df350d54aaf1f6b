"""Registry of importers by name, and the two doors: `detect` and `parse`."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from bifang.core.errors import InvalidInput
from bifang.core.extensions import Extension, installed
from secops_agent.importers.reading.columns import describe_table
from secops_agent.importers.reading.json_breaks import find_break
from secops_agent.services.records import Item, Rejected

from .base import EMPTY, BrokenFile, Importer, Options, Source
from .language.table_files import read_table
from .values.table_importer import TableImporter

# A module of `formats` with an `IMPORTER`, or a table (TOML), per name, in the order in which they are shown.
FORMATS: Final = (
    "scanners.trivy", "scanners.grype", "scanners.sarif", "scanners.cyclonedx", "scanners.spdx", "intelligence.csaf", "intelligence.openvex",
    "scanners.osv", "scanners.nuclei", "scanners.nmap", "scanners.nessus", "scanners.openvas", "tables.generic", "alerts.wazuh", "alerts.suricata", "alerts.falco", "alerts.alertmanager",
    "alerts.grafana", "alerts.elastic", "alerts.zabbix", "alerts.splunk", "china.aliyun_sas", "intelligence.kev", "intelligence.epss",
    "intelligence.cnvd", "tables.assets_csv", "tables.indicators_csv", "tables.findings_csv", "tables.alerts_csv", "china.tencent_cwp",
    "china.huawei_hss", "china.huawei_secmaster", "china.safeline", "china.skyeye", "china.tdp", "china.sangfor_xdr", "china.sangfor_sip",
    "china.qingteng", "china.cn_alerts", "alerts.zeek", "alerts.microsoft_incidents", "intelligence.indicators_json", "alerts.events",
)  # fmt: skip
_OURS: Final = tuple(place.rpartition(".")[2] for place in FORMATS)
log = logging.getLogger(__name__)
ANYBODY: Final = "events"  # looks only where nobody else claims a file
_MAY_BE_EMPTY = frozenset({"nuclei"})  # whose way to say "no hit" is an empty file
_CLAIM = 0.5  # enough when a person has named the format
_FIRST = 4096  # bytes that mostly show that a named format is the right one; to look at all of the head takes longer
_SURE = 0.7  # enough when nobody has
_SHOWN = 5  # places of empty records
_MOST_REJECTED = 10_000  # of a file of which most is rejected


def unfit(extension: Extension[Any]) -> str:
    """Why this cannot be an importer; "" if it can."""
    if not all(callable(getattr(extension.adds, each, None)) for each in ("sniff", "parse")):
        return "adds 应当是一个导入格式：有 sniff 和 parse"
    same = (extension.adds.name, extension.adds.title) == (extension.name, extension.label)
    return "" if same else "导入格式的 name 和 title 应当与扩展的名称、label 相同"


class UnknownFormat(InvalidInput):
    """A file that is none of any format; a table could be written from it."""


class _Guarded:
    """A package's importer: where its code fails, no other format and no process suffers."""

    def __init__(self, importer: Importer) -> None:
        self.inner = importer
        self.name, self.title = importer.name, importer.title

    def sniff(self, head: bytes) -> float:
        """What it says; nothing where it fails."""
        try:
            return float(self.inner.sniff(head))
        except Exception:
            log.exception("插件的导入格式 %s 在识别文件时出错", self.name)
            return 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        """What it reads; up to where it fails."""
        try:
            yield from self.inner.parse(source, options)
        except InvalidInput:
            raise
        except Exception as error:
            log.exception("插件的导入格式 %s 在读文件时出错", self.name)
            raise BrokenFile(f"{source.name} 读不下去：{self.name} 的插件出错，已记入日志") from error


def unguarded(importer: Importer) -> Importer:
    """The format itself, of a package's too."""
    return importer.inner if isinstance(importer, _Guarded) else importer


def _guarded(found: Iterable[Extension[Any]]) -> dict[str, Importer]:
    return {each.name: _Guarded(each.adds) for each in found}


_OTHERS: Final = _guarded(installed("importers", _OURS, unfit))
NAMES: Final = (*_OURS, *_OTHERS)


# Who gives the tables that people have written and switched on, as (name, TOML); it is asked often.
TABLES: Final[list[Callable[[], tuple[tuple[str, str], ...]]]] = []


def importers() -> Mapping[str, Importer]:
    """Every importer by name, in the order in which they are shown; those of packages and of people last."""
    written = _written()
    return _with_tables(written) if written else _installed()


@cache
def _installed() -> dict[str, Importer]:
    found = map(_ours, FORMATS)
    return {importer.name: importer for importer in found} | _OTHERS


def _ours(place: str) -> Importer:
    name = place.rpartition(".")[2]
    table = Path(__file__).parent / "formats" / f"{place.replace('.', '/')}.toml"
    if table.is_file():
        return cast("Importer", read_table(table.read_text("utf-8"), name).importer)
    return cast("Importer", import_module(f"{__package__}.formats.{place}").IMPORTER)


def _written() -> tuple[tuple[str, str], ...]:
    return tuple(each for give in TABLES for each in give())


@lru_cache(maxsize=4)
def _with_tables(written: tuple[tuple[str, str], ...]) -> dict[str, Importer]:
    return _installed() | cast("dict[str, Importer]", _tables(written))


@lru_cache(maxsize=4)
def _tables(written: tuple[tuple[str, str], ...]) -> dict[str, TableImporter]:
    """Beside ours and those of packages, whose names are theirs; a table that cannot be read any more is left out."""
    found = {}
    for name, text in written:
        try:
            if name not in NAMES:
                found[name] = read_table(text, name).importer
        except InvalidInput as error:
            log.error("没有使用字段表「%s」：%s", name, error.message)
    return found


def line_table(text: str) -> str:
    """The table of people's that is sure of a line of a log that is no JSON; "" if none or several are."""
    sure = [each.name for each in _tables(_written()).values() if each.input and each.sniff(text.encode())]
    return sure[0] if len(sure) == 1 else ""


def get(name: str) -> Importer:
    """The importer of that name, or InvalidInput that lists the names."""
    try:
        return importers()[name]
    except KeyError:
        raise InvalidInput(f"没有名为「{name}」的导入格式。可用的格式：{'、'.join(importers())}。") from None


def detect(source: Source, options: Options | None = None) -> str:
    """The name of the importer that is sure, "" if none is. Raises InvalidInput (empty, binary, unreadable)."""
    guesses = _guesses(source, options)
    # What one of ours is sure of, neither a package's format nor a table takes over.
    ours = [guess for guess in guesses if guess[1] in _OURS]
    (score, name), (second, _), *_ = ours if ours[0][0] >= _SURE else guesses
    return name if score >= _SURE and score > second else ""


def detect_or_ask(source: Source, ask: str) -> str:
    """Like `detect`; where nothing is sure, InvalidInput says what it may be and ends with `ask`."""
    found = detect(source)
    if found:
        return found
    likely = candidates(source)
    if not likely:
        demand_known(source)
        raise UnknownFormat(f"{source.name}：认不出格式{doubt(source)}，{ask}。")
    shown = "，或 ".join(f"{name}（{get(name).title}）" for name in likely[:3])
    raise InvalidInput(f"{source.name} 可能是 {shown}，但不能确定：{ask}。")


def doubt(source: Source) -> str:
    """ "（不像安全事件：没有级别、时间）": why the last reader does not take a JSON text; "" for what is none."""
    events = cast("Any", get(ANYBODY))
    why: str = events.doubt(source.head())
    return f"（{why}）" if why else ""


def candidates(source: Source) -> list[str]:
    """The importers that would take it, the likeliest first. Raises InvalidInput."""
    return [name for score, name in _guesses(source, None) if score >= _CLAIM]


def _guesses(source: Source, options: Options | None) -> list[tuple[float, str]]:
    head = source.head((options or Options()).limits)
    others = ((importer.sniff(head), name) for name, importer in importers().items() if name != ANYBODY)
    guesses = sorted(others, reverse=True)
    best = guesses[0][0]
    if best < _SURE:
        score = get(ANYBODY).sniff(head)
        guesses = sorted([*guesses, (min(score, _CLAIM) if best >= _CLAIM else score, ANYBODY)], reverse=True)
    return guesses


def parse(name: str, source: Source, options: Options | None = None) -> Iterator[Item]:
    """Records and rejections of a file.

    Records with nothing in them are one rejection, at the end: there may be a million of them.

    Raises InvalidInput at the first `next` for another format, an attack, or a file that breaks before its first
    record; a file that breaks later ends with a fatal Rejected. Limits (size, nesting, entities) raise at any point;
    what was yielded before stands.
    """
    options = options or Options()
    importer = get(name)
    if name in _MAY_BE_EMPTY and source.is_blank(options.limits):
        return
    _check(importer, source, options)
    source.begin()
    empty = _Empty()
    try:
        yield from _counted(source, empty.without(importer.parse(source, options)))
    except BrokenFile as error:
        yield from empty.told()
        if not source.budget.taken:
            raise
        yield Rejected(error.position, error.message, fatal=True)
    except InvalidInput:
        yield from empty.told()
        raise
    else:
        yield from empty.told()
    if source.unread:
        yield Rejected(
            "工作表",
            f"只读了第一个工作表，没有读：{'、'.join(source.unread)}。要导入的话请另存为单独的文件。",
        )


def _counted(source: Source, items: Iterable[Item]) -> Iterator[Item]:
    """Raises InvalidInput when most of it is rejected."""
    refused = 0
    for item in items:
        if isinstance(item, Rejected):
            refused += 1
        else:
            source.budget.take()
        yield item
        if refused > _MOST_REJECTED and refused > source.budget.taken:
            raise InvalidInput(f"读到的一大半被拒绝（{refused} 条），已停止导入。最近的一条：{_why(item)}")


class _Empty:
    """Records with nothing in them: the places of the first, and how many there are."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._count = 0

    def without(self, items: Iterable[Item]) -> Iterator[Item]:
        """The others."""
        for item in items:
            if isinstance(item, Rejected) and item.reason == EMPTY:
                self._count += 1
                if self._count <= _SHOWN:
                    self._first.append(item.position)
            else:
                yield item

    def told(self) -> Iterator[Rejected]:
        """One rejection for all."""
        if self._count:
            places = "、".join(self._first) + ("、…" if self._count > _SHOWN else "")
            yield Rejected(places, EMPTY if self._count == 1 else f"共 {self._count} 条{EMPTY}")


def _why(item: Item) -> str:
    return f"{item.position}，{item.reason}" if isinstance(item, Rejected) else ""


def _check(importer: Importer, source: Source, options: Options) -> None:
    head = source.head(options.limits)
    if importer.sniff(head[:_FIRST]) >= _CLAIM or importer.sniff(head) >= _CLAIM:
        return
    other = detect(source, options)
    if other and other != ANYBODY:
        raise InvalidInput(f"这个文件像是 {other}，不是 {importer.name}：请按 {other} 格式导入。")
    demand_known(source, options)
    raise InvalidInput(f"这个文件不像是 {importer.name}：{importer.title}。请检查导出的格式和内容是否完整。")


def demand_known(source: Source, options: Options | None = None) -> None:
    """Of a file that nothing claims: raises InvalidInput, saying what is wrong, for broken JSON and for a table."""
    head = source.head((options or Options()).limits)
    if table := describe_table(head):
        raise UnknownFormat(f"{source.name}：{table}")
    where = find_break(head)
    if where:
        raise InvalidInput(f"{source.name} 的 JSON {where}。请检查生成它的程序，或重新导出。")
