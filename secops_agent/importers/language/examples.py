"""Examples of a table: each is read, and what came of it is held against what the table says it must be."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import Options, Source
from secops_agent.importers.values.alert_fields import Understood
from secops_agent.importers.values.fields import parse_moment
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.services.records import AlertRecord

from .table_files import TableExample, TableFile
from .words import LABELS, PLACES

# Fields that are one value of the alert; the others are among its assets, indicators and techniques, or in its words.
_WHOLE: Final = {"title": "title", "severity": "severity", "rule": "rule_id", "status": "status_hint"}
_NUMBERS: Final = {"count": "count", "confidence": "confidence"}
_PLACES: Final = {LABELS[name] for name in PLACES}
_TIMES: Final = {"time": "last_seen", "first_time": "first_seen"}


def faults_of(table: TableFile) -> list[str]:
    """What its examples do not say truly, a sentence each; none: it may be used."""
    return [
        f"第 {number} 个样例：{why}。"
        for number, example in enumerate(table.examples, 1)
        for why in _faults(table.importer, example)
    ]


def _faults(importer: TableImporter, example: TableExample) -> Iterator[str]:
    try:
        understood = _understand(importer, example.record)
    except InvalidInput as error:
        yield f"读不了：{error.message.rstrip('。')}"
        return
    for name, wanted in example.expect.items():
        for each in wanted if isinstance(wanted, list) else [wanted]:
            if why := _differs(understood.record, name, each) or _misplaced(understood, name, str(each)):
                yield f"{name} {why}"


def _misplaced(understood: Understood, name: str, wanted: str) -> str:
    """An end, a host or an address that stands in the record, but was taken as another one."""
    label = LABELS[name] if name in PLACES else ""
    places = [each.name for each in understood.taken if wanted in each.value]
    others = [each for each in places if each in _PLACES]
    wrong = label and label not in places and others
    return f"应当是{label}，字段表把 {wanted} 读成了{others[0]}" if wrong else ""


def read_example(importer: TableImporter, record: str) -> AlertRecord:
    """The alert of a text that is one record. Raises InvalidInput."""
    return _understand(importer, record).record


def _understand(importer: TableImporter, record: str) -> Understood:
    source = Source.from_bytes(record.encode("utf-8", "replace"), "样例")
    found = list(islice(importer.entries(source, Options()), 2))
    if len(found) != 1:
        raise InvalidInput("应当正好是一条记录")
    return importer.explain(found[0][1], Options())


def _differs(alert: AlertRecord, name: str, wanted: Any) -> str:
    if name in _WHOLE | _NUMBERS:
        found = getattr(alert, (_WHOLE | _NUMBERS)[name])
        return "" if str(found) == str(wanted) else f"应当是 {wanted}，读出的是 {found}"
    if name in _TIMES:
        at = getattr(alert, _TIMES[name])
        same = at == (parse_moment(str(wanted), Options().zone) if isinstance(wanted, str) else wanted)
        return "" if same else f"应当是 {wanted}，读出的是 {at.isoformat() if at else '没有'}"
    return "" if str(wanted) in values_of(alert) or str(wanted) in alert.description else f"里没有 {wanted}"


def values_of(alert: AlertRecord) -> set[str]:
    """Names and keys of the assets, indicators, techniques and links."""
    found = {each.value for each in alert.indicators} | {*alert.techniques, *alert.references}
    for asset in alert.assets:
        found |= {asset.name, *asset.ips, *(key.value for key in asset.keys)}
    return found


__all__ = ["faults_of", "read_example", "values_of"]
