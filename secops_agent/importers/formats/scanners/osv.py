"""OSV: advisories in the OSV schema (one, an array, JSON lines) and the results of osv-scanner (v1 and v2)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from secops_agent.importers.base import Importer, Options, Source, convert, document_outline, whole_outline
from secops_agent.importers.reading.documents import json_documents
from secops_agent.importers.values.fields import table_of
from secops_agent.services.records import Item, Record

from .osv_advisories import read_advisory
from .osv_scanner import read_scan


class Osv:
    """OSV advisories and osv-scanner's JSON."""

    name = "osv"
    title = "OSV 漏洞公告 / osv-scanner 结果"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if (
            "results.item.packages.item.package" in paths
            or {"results.item.source.path", "results.item.source.type"} <= paths
        ):
            return 1.0
        if "results" in paths and paths & {"experimental_config", "image_metadata"}:
            return 0.9
        fields = document_outline(head)
        shape = fields & {
            "affected.item.package",
            "affected.item.ranges",
            "schema_version",
            "database_specific",
        }
        return 0.9 if {"id", "modified"} <= fields and shape else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        if "results" in whole_outline(source.head(options.limits)):
            yield from read_scan(source, options)
        else:
            read = partial(_advisory_records, tool=options.source or "osv")
            yield from convert(json_documents(source, options.limits), read)


def _advisory_records(value: Any, *, tool: str) -> Iterator[Record]:
    yield read_advisory(table_of(value), tool)


IMPORTER: Importer = Osv()
__all__ = ["IMPORTER", "Osv"]
