"""CISA's catalogue of known exploited vulnerabilities (known_exploited_vulnerabilities.json, or .csv)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import csv_rows, json_values
from secops_agent.importers.values.fields import (
    aliases_in,
    distinct,
    moment,
    need,
    primary_id,
    shortened,
    table_of,
    text,
    texts,
)
from secops_agent.importers.values.observables import sighted_in
from secops_agent.services.records import Item, Kev, Record, VulnerabilityRecord

_ENTRY = "vulnerabilities.item"


class CisaKev:
    """The catalogue gives no severity and no ranges: it only says what is being exploited, since when, and what to do."""

    name = "kev"
    title = "CISA 已被利用漏洞目录（KEV，JSON / CSV）"

    def sniff(self, head: bytes) -> float:
        if _is_csv(head):
            return 1.0
        paths = whole_outline(head)
        if f"{_ENTRY}.cveID" in paths:
            return 1.0
        return 0.9 if {"catalogVersion", "vulnerabilities"} <= paths else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        pairs: Iterator[tuple[str, Any]]
        if _is_csv(source.head(options.limits)):
            pairs = ((position, _listed(row)) for position, row in csv_rows(source, options.limits))
        else:
            pairs = (
                (position, value) for _, position, value in json_values(source, {_ENTRY}, options.limits)
            )
        return convert(pairs, partial(_entry, tool=options.source or "kev"))


def _is_csv(head: bytes) -> bool:
    """The same names as in JSON, as a header, in whatever order."""
    header = {name.strip(b' "\r') for name in head.lstrip().partition(b"\n")[0].split(b",")}
    return {b"cveID", b"dateAdded"} <= header


def _listed(row: Any) -> Any:
    """A row in the shape of an entry: of the cells only ``cwes`` holds several values."""
    if isinstance(row, dict):
        return row | {"cwes": [part.strip() for part in row.get("cwes", "").split(",")]}
    return row


def _entry(value: Any, *, tool: str) -> Iterator[Record]:
    entry = table_of(value)
    vuln_id, _ = primary_id([need(entry, "cveID")])
    if not aliases_in(vuln_id):
        raise BrokenRecord(f"「cveID」不是 CVE 编号：{vuln_id[:40]}")
    known = Kev(
        added=moment(entry, "dateAdded"),
        due=moment(entry, "dueDate"),
        action=shortened(text(entry, "requiredAction"), 4000),
        ransomware=text(entry, "knownRansomwareCampaignUse").lower() == "known",
    )
    product = f"{text(entry, 'vendorProject')} {text(entry, 'product')}".strip()
    yield VulnerabilityRecord(
        vuln_id=vuln_id,
        title=shortened(text(entry, "vulnerabilityName") or product, 500),
        description=shortened(text(entry, "shortDescription")),
        cwes=texts(entry, "cwes"),
        kev=known,
        references=distinct(link for kind, link in sighted_in(text(entry, "notes")) if kind == "url"),
        source=tool,
    )


IMPORTER: Importer = CisaKev()
__all__ = ["IMPORTER", "CisaKev"]
