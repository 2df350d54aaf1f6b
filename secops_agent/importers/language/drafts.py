"""Drafts of tables: what the keys of a sample seem to mean, in the words of a table, for a person to correct.

The sample is evidence: its keys and values are read, shown and quoted, nothing in them decides anything.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import BrokenRecord, Options, Source
from secops_agent.importers.values.alert_fields import reaches
from secops_agent.importers.values.event_keys import Leaf, leaves_of
from secops_agent.importers.values.event_levels import level_of
from secops_agent.importers.values.event_tables import EventTable
from secops_agent.importers.values.evidence import disclosed, masked
from secops_agent.importers.values.fields import moment_written, parse_moment, shortened
from secops_agent.services.records import WORDS, Severity

from .examples import read_example
from .shapes import UNKNOWN, Shape, event_table, records_of, shape_of
from .table_files import read_table
from .toml_text import toml_text
from .words import LABELS, SEEN

LARGEST: Final = 10 << 20  # bytes of a sample
EVIDENCE: Final = "evidence"  # of a key that becomes a line of the description
SHOWN: Final = 3  # values of a key
_MOST_KEYS: Final = 150
_MOST_WORDS: Final = 20  # of a level
_JUDGED: Final = 30  # records, of which the most telling one says what the keys mean
_LONGEST_VALUE: Final = 120
_TITLE: Final = re.compile(
    r"name|title|rule|type|event|attack|threat|sig|alarm|alert|msg|名称|规则|类型|事件|告警|威胁|攻击|标题"
)
_WORTH: Final = re.compile(
    r"req|resp|rsp|payload|body|header|uri|path|query|param|cmd|command|method|action|agent|referer|port|proto|reason|detail|evidence|请求|响应|载荷|动作|命令|端口|协议|原因|建议"
)
_WORDED: Final = re.compile(r"[^\W\d_]{2}")
# Keys that many products have: alone they tell nothing.
_USUAL: Final = frozenset(
    ["id", "uuid", "name", "title", "type", "time", "timestamp", "@timestamp", "ts", "date", "datetime", "level", "severity", "priority", "host", "hostname", "ip", "user", "username", "message", "msg", "status", "state", "source", "src", "dst", "src_ip", "dst_ip", "src_port", "dst_port", "description", "desc", "data", "version", "action", "port", "protocol", "count", "event", "category", "product", "vendor", "tags", "url"]
)  # fmt: skip
_FORMATS: Final = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y.%m.%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y年%m月%d日 %H:%M:%S", "%Y-%m-%d %H:%M:%S,%f",
    "%Y-%m-%d-%H:%M:%S", "%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%b %d %Y %H:%M:%S", "%b %d, %Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S",
)  # fmt: skip
_CLOCK: Final = re.compile(r"\d.*\d:\d\d")
_DATED: Final = re.compile(r"(?:19|20)\d{6}(?:\d{6})?")


@dataclass(frozen=True, slots=True)
class DraftKey:
    """A key of the sample, three of its values, and the field that it becomes: `EVIDENCE`, or "" where it stays unread."""

    path: str
    values: tuple[str, ...]
    field: str = ""


@dataclass(frozen=True, slots=True)
class TableDraft:
    """What a sample says. ``levels``: its words for levels and ours; ``records``: how many were looked at."""

    shape: Shape
    keys: tuple[DraftKey, ...]
    tell: tuple[str, ...]
    levels: Mapping[str, Severity] = field(default_factory=dict)
    format: str = ""
    example: str = ""
    records: int = 0


def draft_of(source: Source) -> TableDraft:
    """A draft from the beginning of a sample. Raises InvalidInput for what is no log, JSON, CSV or XML."""
    if source.size() > LARGEST:
        raise InvalidInput(f"样例超过 {LARGEST >> 20} MB：几十条就够了，请截取一段。")
    shape, records = shape_of(source)
    records = [disclosed(each) for each in records]
    leaves = _leaves(records)
    if not leaves:
        raise InvalidInput(UNKNOWN)
    means = _meanings(records, leaves)
    values = {path: _distinct(found) for path, found in leaves.items()}
    times = [path for path, name in means.items() if name == "time"]
    written = _format([str(leaf.value) for path in times for leaf in leaves[path]])
    if written is None:
        means |= dict.fromkeys(times, EVIDENCE)
    keys = tuple(DraftKey(path, shown(values[path]), means.get(path, "")) for path in values)
    graded = next((leaves[path] for path, name in means.items() if name == "severity"), [])
    draft = TableDraft(
        shape, keys, _telling(records, means), _levels(graded), written or "", records=len(records)
    )
    return replace(draft, example=_example(source, draft))


def shown(values: Iterable[str]) -> tuple[str, ...]:
    """Three values of a key, short."""
    return tuple(shortened(" ".join(value.split()), _LONGEST_VALUE) for value in list(values)[:SHOWN])


def _leaves(records: list[dict[str, Any]]) -> dict[str, list[Leaf]]:
    """What is filled in the records, by path; only what a table can reach."""
    found: dict[str, list[Leaf]] = {}
    for record in records:
        for leaf in leaves_of(record):
            if (leaf.path in found or len(found) < _MOST_KEYS) and reaches(record, leaf.path):
                found.setdefault(leaf.path, []).append(leaf)
    return found


def _distinct(leaves: list[Leaf]) -> list[str]:
    return list(dict.fromkeys(str(leaf.value) for leaf in leaves))


def _meanings(records: list[dict[str, Any]], leaves: Mapping[str, list[Leaf]]) -> dict[str, str]:
    """Path → field, each path once; by what its key means, as for a JSON event of any product."""
    table = _most_telling(records)
    found: dict[str, str] = {}
    if table is not None:
        for name, paths in _named(table):
            found |= {path: name for path in paths if path in leaves and path not in found}
    found |= _by_values(leaves, found)
    if "title" not in found.values() and (title := _title(leaves, found)):
        found[title] = "title"
    for path in leaves:
        if path not in found and _WORTH.search(path.lower()):
            found[path] = EVIDENCE
    return found


def _by_values(leaves: Mapping[str, list[Leaf]], taken: Mapping[str, str]) -> dict[str, str]:
    """A time and a level, where no key says that it is one but the values of one are nothing else."""
    found: dict[str, str] = {}
    for path, values in ((path, _distinct(found)) for path, found in leaves.items() if path not in taken):
        known = {*taken.values(), *found.values()}
        if "severity" not in known and all(value.strip().lower() in WORDS for value in values):
            found[path] = "severity"
        elif (
            "time" not in known
            and all(_CLOCK.search(value) for value in values)
            and _format(values) is not None
        ):
            found[path] = "time"
    return found


def _most_telling(records: list[dict[str, Any]]) -> EventTable | None:
    found = [each for record in records[:_JUDGED] if (each := event_table(record))]
    return max(found, key=lambda each: each.confidence, default=None)


def _named(event: EventTable) -> Iterable[tuple[str, tuple[str, ...]]]:
    """The fields of a table of an event, in the words of our tables, what matters most first."""
    table, host = event.table, event.table.host
    yield from (
        ("title", table.title),
        ("severity", table.level),
        ("time", table.last),
        ("attacker", host.attacker),
        ("victim", host.victim),
    )
    yield from (("host", host.name), ("host_ip", host.ips), ("technique", table.techniques))
    yield from ((name, table.sightings.get(kind, ())) for name, kind in SEEN.items() if kind != "ip")  # type: ignore[call-overload]  # the kinds are those of `SEEN`
    yield from (("ip", table.sightings.get("ip", ())), ("rule", table.rule), ("description", table.text))
    yield from (
        ("result", table.details.get("结果", ())[:1]),
        ("link", table.details.get("链接", ())),
        (EVIDENCE, table.details.get("命令行", ())),
    )


def _title(leaves: Mapping[str, list[Leaf]], taken: Mapping[str, str]) -> str:
    """A key that might name an alert: of texts in words, what is called so, then what has few values."""
    texts = {
        path: found for path, found in leaves.items()
        if path not in taken and not found[0].address and _WORDED.search(str(found[0].value)) and len(str(found[0].value)) <= 200
    }  # fmt: skip
    return min(
        texts,
        key=lambda path: (
            not _TITLE.search(path.lower()),
            len(set(_distinct(texts[path]))) > len(texts[path]) / 2,
            path.count("."),
        ),
        default="",
    )


def _levels(leaves: list[Leaf]) -> dict[str, Severity]:
    """What each of its words says; "medium" for one that says nothing."""
    found: dict[str, Severity] = {}
    for leaf in leaves:
        read = level_of([leaf])
        found.setdefault(str(leaf.value).strip(), read[1] if read else "medium")
    return dict(sorted(found.items())[:_MOST_WORDS]) if len(found) <= _MOST_WORDS else {}


def _format(values: list[str]) -> str | None:
    """The way in which they are written, "" for the usual ones; None where nothing reads them all."""
    values = list(dict.fromkeys(values))[:50]
    if all(map(_is_usual, values)):
        return ""
    for each in _FORMATS:
        with suppress(BrokenRecord):
            if all(moment_written(value, [each], Options().zone, what="") for value in values):
                return each
    return None


def _is_usual(value: str) -> bool:
    if value.replace(".", "", 1).isdecimal():
        return not _DATED.fullmatch(value)
    with suppress(BrokenRecord):
        return parse_moment(value, Options().zone) is not None
    return False


def _telling(records: list[dict[str, Any]], means: Mapping[str, str]) -> tuple[str, ...]:
    """Keys that every record has, those that no other product is likely to have first."""
    common = [key for key in records[0] if all(key in record for record in records)]
    unusual = [key for key in common if key.lower() not in _USUAL]
    titles = [
        path
        for path, name in means.items()
        if name in ("title", "severity") and all(reaches(each, path) for each in records)
    ]
    chosen = dict.fromkeys([*sorted(unusual, key=len, reverse=True)[:3], *titles[:2], *common])
    return tuple(chosen)[: max(3, len(unusual[:3]) + 1)]


def _example(source: Source, draft: TableDraft) -> str:
    """The first record as it is written, its secrets masked; "" where it cannot be told from the rest."""
    head = source.head().decode("utf-8", "replace")
    lines = [line for line in head.splitlines() if line.strip()]
    match draft.shape.get("input", "line" if "line" in draft.shape else "json"):
        case "json" if head.lstrip()[:1] in "{[":
            return _first_json(source, draft.shape)
        case "xml":
            name = re.escape(draft.shape["each"])
            found = re.search(rf"(?s)<{name}[\s>].{{0,20000}}?</{name}>", head)
            return masked(found[0]) if found else ""
        case "csv":
            return masked("\n".join(lines[:2]))
    return masked(lines[0]) if lines else ""


def _first_json(source: Source, shape: Shape) -> str:
    return json.dumps(disclosed(records_of(source, shape, 1)[0]), ensure_ascii=False, default=str)


def written_table(
    draft: TableDraft,
    name: str,
    ident: str = "",
    *,
    fields: Mapping[str, str],
    levels: Mapping[str, Severity],
    format: str = "",
) -> str:
    """The table (TOML) of a draft as a person has corrected it: ``fields`` by path. Raises InvalidInput."""
    chosen: dict[str, list[str]] = {}
    for key in draft.keys:
        chosen.setdefault(fields.get(key.path, ""), []).append(key.path)
    if "title" not in chosen:
        raise InvalidInput("还没有说哪个键是「标题」：每条告警都要有一个。")
    document: dict[str, Any] = {"id": ident} if ident else {}
    document |= {"name": name, **draft.shape, "tell": list(draft.tell), "fields": {}}
    for each in LABELS:
        if each in chosen:
            document["fields"][each] = _written(each, chosen[each], levels, format)
    if EVIDENCE in chosen:
        document["evidence"] = {path: path for path in chosen[EVIDENCE]}
    return toml_text(_with_example(document, draft.example))


def _written(name: str, paths: list[str], levels: Mapping[str, Severity], format: str) -> Any:
    places: Any = paths[0] if len(paths) == 1 else paths
    if name == "severity" and levels:
        return {
            "from": places,
            "map": {word.lower(): level for word, level in levels.items()},
            "other": "medium",
        }
    if name == "severity":
        return {
            "from": places,
            "at_least": {"critical": 90, "high": 70, "medium": 40, "low": 1},
            "other": "medium",
        }
    return {"from": places, "format": format} if name in ("time", "first_time") and format else places


def _with_example(document: dict[str, Any], example: str) -> dict[str, Any]:
    """With the first record of the sample and what comes of it; without where it is no record by itself."""
    with suppress(InvalidInput):
        alert = read_example(read_table(toml_text(document)).importer, example)
        expect = {"title": alert.title, "severity": alert.severity}
        return document | {"examples": [{"record": example, "expect": expect}]}
    return document
