"""A format as a TOML file: read strictly, each fault told with its place, into an importer and its examples."""

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bifang.core.errors import InvalidInput
from secops_agent.importers.reading.plain import first_line
from secops_agent.importers.values.alert_fields import AlertTable, Host, Paths
from secops_agent.importers.values.table_importer import RecordInput, TableImporter
from secops_agent.services.records import SEVERITIES, WORDS, Severity

from .inputs import CsvInput, Line, LineInput, XmlInput, line_of, pairs_in
from .words import MORE, PLACES, PLAIN, RESULT, SEEN

LONGEST: Final = 200_000  # characters of a file
_RECORD: Final = {"kind", "tell", "same", "event", "fields", "evidence", "skip"}
_TOP: Final = _RECORD | {"id", "name", "input", "each", "inner", "pairs_from", "line", "records", "examples"}
_ID: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LONGEST_WORD: Final = 300
_MOST: Final = 200  # entries of a list or a table
_STATES: Final = ("open", "closed")
# A key of many parts costs the parser their square.
_LONG_KEY: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.){0,300}+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){40}""", re.ASCII
)
_ORDINAL: Final = datetime(2026, 11, 29, 13, 45, 56, tzinfo=UTC)  # what a time format is tried with
Part = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableExample:
    """A record as the source writes it, and what must come of it."""

    record: str
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableFile:
    """A format that somebody wrote as a table."""

    importer: TableImporter
    examples: tuple[TableExample, ...]


def read_table(text: str, name: str = "") -> TableFile:
    """The format; ``name``: what it is called where the file gives no ``id``. Raises InvalidInput that names the place."""
    if len(text) > LONGEST:
        raise InvalidInput(f"字段表超过 {LONGEST} 个字符。")
    if found := _LONG_KEY.search(text):
        raise InvalidInput(f"字段表里「{found[0][:20]}…」的点太多了：一个键最多 40 段。")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"字段表不是有效的 TOML：{first_line(error)}") from None
    return _table_file(document, name)


def _table_file(document: Part, name: str) -> TableFile:
    _only(document, _TOP, "")
    title = _word(document.get("name"), "name")
    name = _word(document.get("id", name if _ID.fullmatch(name) else _made_name(title)), "id")
    if not _ID.fullmatch(name):
        raise _fault("id", "应当是小写字母开头的字母、数字和下划线，2 到 40 个")
    kind, reader = _input(document)
    importer = TableImporter(
        name=name,
        title=title,
        tables=tuple(_tables(document)),
        lists=_lists(document) if kind == "json" else (),
        inner=_word(document.get("inner", ""), "inner", empty=True),
        pairs=f'{_word(document["pairs_from"], "pairs_from")}="'.encode()
        if "pairs_from" in document
        else b"",
        input=reader,
    )
    return TableFile(importer, tuple(_examples(document)))


def _made_name(title: str) -> str:
    return f"t_{hashlib.sha256(title.encode()).hexdigest()[:8]}"


def _input(document: Part) -> tuple[str, RecordInput | None]:
    """How the file is read; None for JSON."""
    kind = _choice(
        document.get("input", "line" if "line" in document else "json"),
        ("json", "csv", "xml", "pairs", "line"),
        "input",
    )
    for key, wanted in (("inner", "json"), ("pairs_from", "json"), ("line", "line")):
        if key in document and kind != wanted:
            raise _fault(key, f'只用在 input = "{wanted}" 的字段表里')
    if kind == "csv":
        return kind, CsvInput()
    if kind == "xml":
        return kind, XmlInput(_word(document.get("each"), "each").removesuffix("[]").rpartition(".")[2])
    if kind == "pairs":
        return kind, LineInput(pairs_in, "这一行里没有 键=值")
    if kind == "line":
        return kind, LineInput(_line(_word(document.get("line"), "line")), "这一行不是「line」写的样子")
    return kind, None


def _line(pattern: str) -> Line:
    try:
        return line_of(pattern)
    except InvalidInput as error:
        raise _fault("line", error.message) from None


def _lists(document: Part) -> Paths:
    """ "data.item[]" → "data.item": the paths of the arrays in which the records stand."""
    places = _paths(document.get("each", ()), "each")
    if bad := next((place for place in places if not place.endswith("[]")), ""):
        raise _fault("each", f"「{bad}」应当以 [] 结尾，例如 events[]")
    return tuple(place.removesuffix("[]").replace("[].", ".item.") for place in places)


def _tables(document: Part) -> Iterator[AlertTable]:
    """One, or one for each of ``records``, which have what stands at the top as well."""
    records = document.get("records")
    if records is None:
        yield _table(document, {}, "")
        return
    if not isinstance(records, list) or not 0 < len(records) <= _MOST:
        raise _fault("records", "应当是一张以上的 [[records]]")
    for number, part in enumerate(records, 1):
        place = f"records[{number}]."
        _only(_mapping(part, place.rstrip(".")), _RECORD, place)
        yield _table(part, document, place)


def _table(part: Part, shared: Part, place: str) -> AlertTable:
    found = {
        each: _mapping(shared.get(each, {}), each) | _mapping(part.get(each, {}), place + each)
        for each in ("fields", "evidence", "skip")
    }
    _only(found["fields"], {*PLAIN, *PLACES, *SEEN, "result"}, f"{place}fields.")
    fields = {name: _Field(name, value, f"{place}fields.{name}") for name, value in found["fields"].items()}
    if "title" not in fields:
        raise _fault(f"{place}fields", "要有 title（标题）")
    table, same = _filled(fields, found["evidence"], place), part.get("same", shared.get("same"))
    marks = _paths(part.get("tell", shared.get("tell", ())), f"{place}tell")
    if not marks:
        raise _fault(f"{place}tell", "要写出这种记录一定有的键")
    return replace(
        table,
        marks=marks,
        kind=_word(part.get("kind", ""), f"{place}kind", empty=True),
        key=tuple(_paths(each, f"{place}same") for each in _list(same, f"{place}same")) if same is not None else _usual_key(table),
        event=_paths(part.get("event", shared.get("event", ())), f"{place}event"),
        refused={
            path: _map(words, f"{place}skip.{path}", lambda word, at: _word(word, at)) for path, words in found["skip"].items()
        },
    )  # fmt: skip


class _Field:
    """What a table says of one field: the paths, and what else it may say."""

    def __init__(self, name: str, value: Any, place: str) -> None:
        self.place = place
        self.more: Part = value if isinstance(value, dict) else {}
        _only(self.more, {"from"} | MORE.get(name, set()), f"{place}.")
        self.paths = _paths(self.more.get("from", ()) if isinstance(value, dict) else value, place)
        if not self.paths and not self.more.keys() - {"from"}:
            raise _fault(place, "没有写取哪个键")

    def map(self, read: Callable[[Any, str], Any]) -> dict[str, Any]:
        """Its words, in lower case."""
        words = _map(self.more.get("map", {}), f"{self.place}.map", read)
        return {word.lower(): value for word, value in words.items()}


def _filled(fields: Mapping[str, _Field], evidence: Part, place: str) -> AlertTable:
    details, words = _evidence(evidence, place)
    if result := fields.get("result"):
        details = {RESULT: result.paths} | details
        words[RESULT] = _map(result.more.get("map", {}), f"{result.place}.map", _word)
    plain = {PLAIN[name]: each.paths for name, each in fields.items() if name in PLAIN}
    table = AlertTable(
        marks=(), key=(), event=(), **{"level": (), "last": (), **plain},  # type: ignore[arg-type]  # paths, all of them
        host=Host(**{PLACES[name]: each.paths for name, each in fields.items() if name in PLACES}),
        sightings={SEEN[name]: each.paths for name, each in fields.items() if name in SEEN},  # type: ignore[misc]  # the kinds are those of `SEEN`
        prefix=_word(fields["title"].more.get("prefix", ""), f"{fields['title'].place}.prefix", empty=True),
        states=fields["status"].map(lambda word, at: _choice(word, _STATES, at)) if "status" in fields else {},
        details=details, words=words,
    )  # fmt: skip
    table = _timed(table, [fields[name] for name in ("time", "first_time") if name in fields])
    return _graded(table, fields["severity"]) if "severity" in fields else table


def _evidence(evidence: Part, place: str) -> tuple[dict[str, Paths], dict[str, dict[str, str]]]:
    """Lines of the description by label, and what the codes under a label mean."""
    details, words = {}, {}
    for label, value in evidence.items():
        at = f"{place}evidence.{label}"
        field = _Field("result", value, at)
        details[_word(label, at)] = field.paths
        if "map" in field.more:
            words[label] = _map(field.more["map"], f"{at}.map", _word)
    return details, words


def _graded(table: AlertTable, field: _Field) -> AlertTable:
    """With the source's words for levels; those that everybody uses where it has none of its own."""
    more = field.more
    levels: dict[str, Severity] = field.map(_severity)
    least = _map(more.get("at_least", {}), f"{field.place}.at_least", _number)
    bands = sorted(
        ((value, _severity(word, f"{field.place}.at_least")) for word, value in least.items()), reverse=True
    )
    return replace(
        table,
        levels=levels or (dict(WORDS) if field.paths and not bands else {}),
        bands=tuple(bands),
        other=_severity(more["other"], f"{field.place}.other") if "other" in more else None,
        unrated=_severity(more.get("default", "medium"), f"{field.place}.default"),
    )


def _timed(table: AlertTable, fields: list[_Field]) -> AlertTable:
    formats = [
        _time_format(each, f"{field.place}.format")
        for field in fields
        for each in _paths(field.more.get("format", ()), f"{field.place}.format")
    ]
    zones = [_zone(field.more["zone"], f"{field.place}.zone") for field in fields if "zone" in field.more]
    return replace(table, formats=tuple(dict.fromkeys(formats)), zone=zones[0] if zones else None)


def _time_format(written: str, place: str) -> str:
    try:
        found = datetime.strptime(_ORDINAL.strftime(written), written)  # noqa: DTZ007 - only its year is looked at
    except Exception as error:  # of several kinds
        raise _fault(place, f"「{written[:60]}」不是时间的写法，例如 %Y-%m-%d %H:%M:%S") from error
    if found.year != _ORDINAL.year:
        raise _fault(place, f"「{written[:60]}」里要有年份（%Y）")
    return written


def _zone(name: Any, place: str) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise _fault(place, f"没有「{str(name)[:40]}」这个时区，例如 Asia/Shanghai") from None


def _usual_key(table: AlertTable) -> tuple[Paths, ...]:
    """The same rule between the same two ends."""
    host = table.host
    here = host.name + host.ips + host.agent_id + host.victim + host.inside + table.site
    return tuple(
        filter(None, (table.rule + table.title, here, host.attacker + table.sightings.get("account", ())))
    )


def _examples(document: Part) -> Iterator[TableExample]:
    for number, part in enumerate(_list(document.get("examples", []), "examples"), 1):
        place = f"examples[{number}]"
        _only(_mapping(part, place), {"record", "expect"}, f"{place}.")
        if not isinstance(part.get("record"), str) or not part["record"].strip():
            raise _fault(f"{place}.record", "应当是一条原始记录")
        expect = _mapping(part.get("expect", {}), f"{place}.expect")
        _only(expect, {*PLAIN, *PLACES, *SEEN, "result"}, f"{place}.expect.")
        yield TableExample(part["record"], expect)


# The shapes of values, each fault with the place where it stands.


def _fault(place: str, why: str) -> InvalidInput:
    return InvalidInput(f"字段表「{place}」：{why}。" if place else f"字段表：{why}。")


def _only(part: Part, known: set[str], place: str) -> None:
    if strange := next((key for key in part if key not in known), None):
        raise _fault(f"{place}{strange}"[:120], f"不认识这一项，可以写的是 {'、'.join(sorted(known))}")


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > _MOST:
        raise _fault(place, "应当是一张表")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise _fault(place, "应当是一个列表")
    return value


def _word(value: Any, place: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (empty or value.strip()) or len(value) > _LONGEST_WORD:
        raise _fault(place, f"应当是 {_LONGEST_WORD} 字以内的文字")
    return value


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _fault(place, "应当是数字")
    return value


def _choice(value: Any, known: tuple[str, ...], place: str) -> Any:
    if value not in known:
        raise _fault(place, f"应当是 {'、'.join(known)} 之一")
    return value


def _severity(value: Any, place: str) -> Severity:
    word: Severity = _choice(value, SEVERITIES, place)
    return word


def _paths(value: Any, place: str) -> Paths:
    """One, or several of which the first that is filled counts."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple) or len(value) > _MOST:
        raise _fault(place, "应当是一个键，或几个键的列表")
    return tuple(_word(each, place) for each in value)


def _map(value: Any, place: str, read: Callable[[Any, str], Any]) -> dict[str, Any]:
    return {
        _word(word, place): read(each, f"{place}.{word}"[:120])
        for word, each in _mapping(value, place).items()
    }


__all__ = ["TableExample", "TableFile", "read_table"]
