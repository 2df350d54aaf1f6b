"""OpenVEX 0.0.1 to 0.2.0 (https://github.com/openvex/spec): what a supplier, or we ourselves, said about vulnerabilities."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, cast, get_args

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_head, json_values
from secops_agent.importers.values.fields import (
    Table,
    distinct,
    moment,
    need,
    primary_id,
    rows,
    shortened,
    table,
    table_of,
    text,
    texts,
)
from secops_agent.services.records import Item, Record, VexRecord, VexWord

from .vex_products import asset_of, chosen_asset, product_of

_ROOT = {"@id", "author", "version", "timestamp", "last_updated"}
_STATEMENT = "statements.item"
VEX_REASONS = frozenset({
    "component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
})  # fmt: skip  # CSAF has the same words
_MOST, _MOST_PAIRS = 5000, 100_000  # products of one statement, and of all


@dataclass(frozen=True, slots=True)
class _Document:
    """What all statements share."""

    ident: str
    author: str
    version: str
    said_at: datetime | None
    asset: str
    tool: str


class OpenVex:
    """A statement about several products becomes a record for each."""

    name = "openvex"
    title = "OpenVEX 声明（JSON）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if "statements" not in paths or b"openvex" not in head.lower():
            return 0.0
        return 1.0 if "@context" in paths or f"{_STATEMENT}.status" in paths else 0.6

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        document = _read_document(source, options)
        once = Once()
        values = json_values(source, {_STATEMENT}, options.limits)
        pairs = ((position, value) for _, position, value in values)
        for said, item in enumerate(convert(pairs, partial(_statement, document=document))):
            if said >= _MOST_PAIRS:
                raise InvalidInput(f"产品与部件的组合超过 {_MOST_PAIRS} 个，已停止导入：请拆分文件。")
            yield from once(item)


def _read_document(source: Source, options: Options) -> _Document:
    pieces, broken = json_head(source, _ROOT, options.limits)
    data = {path: value for path, _, value in pieces}
    if broken and "author" not in data:
        raise broken
    said = moment(data, "last_updated") or moment(data, "timestamp")
    asset = chosen_asset(options.asset)
    return _Document(
        text(data, "@id"), need(data, "author"), text(data, "version"), said, asset, options.source or "openvex"
    )  # fmt: skip


def _statement(value: Any, *, document: _Document) -> Iterator[Record]:
    data = table_of(value)
    vuln_id, aliases = primary_id(_names(data))
    status = need(data, "status")
    if status not in get_args(VexWord):
        raise BrokenRecord(f"「status」应为 {'、'.join(get_args(VexWord))} 之一，实际是 {status[:40]}")
    said = moment(data, "last_updated") or moment(data, "timestamp") or document.said_at
    if said is None:
        raise BrokenRecord("没有说明什么时候说的（「timestamp」）")
    found = tuple(dict.fromkeys(islice(_products(data, document.asset), _MOST + 1)))
    if not found:
        raise BrokenRecord("没有说明是哪个产品（「products」）：请在导入时指定资产")
    if len(found) > _MOST:
        raise BrokenRecord(f"一条声明的产品超过 {_MOST} 个：请拆分")
    for asset, product in found:
        yield VexRecord(
            vulnerability=vuln_id, status=cast("VexWord", status), author=document.author, document=document.ident, said_at=said,
            version=document.version, product=product, asset=asset, justification=known_justification(text(data, "justification")),
            note=shortened(text(data, "impact_statement") or text(data, "status_notes"), 4000),
            action=shortened(text(data, "action_statement"), 4000), aliases=aliases, source=document.tool,
        )  # fmt: skip


def known_justification(word: str) -> str:
    """The word, or BrokenRecord."""
    if word and word not in VEX_REASONS:
        raise BrokenRecord(f"不认识的理由「{word[:60]}」，应为 {'、'.join(sorted(VEX_REASONS))} 之一")
    return word


def _names(data: Table) -> tuple[str, ...]:
    """A text in 0.0.1, an object since 0.2.0."""
    if isinstance(data.get("vulnerability"), str):
        return (need(data, "vulnerability"),)
    flaw = table(data, "vulnerability")
    name = text(flaw, "name") or text(flaw, "@id").rpartition("/")[2]
    return distinct([name, *texts(flaw, "aliases")])


def _products(data: Table, chosen: str) -> Iterator[tuple[str, str]]:
    """(asset, product) pairs; a product with parts is the asset, or the software, in which the parts are."""
    shared = rows(data, "subcomponents")  # 0.0.1 has them beside the products
    for each in rows(data, "products"):
        product = _identified(each)
        parts = (rows(each, "subcomponents") if isinstance(each, dict) else []) or shared
        asset = asset_of(product)
        if parts:
            inside = chosen or asset or f"product:{product}"[:540]
            yield from ((inside, _identified(part)) for part in parts)
        else:
            yield (chosen or asset, "" if asset else product)
    if chosen and not rows(data, "products"):
        yield chosen, ""


def _identified(value: Any) -> str:
    if isinstance(value, str):
        if not value.strip():
            raise BrokenRecord("有一个产品是空的")
        return product_of((value.strip(),))
    found = table_of(value, "产品")
    known = table(found, "identifiers")
    identifiers = distinct([text(found, "@id"), *(text(known, key) for key in ("purl", "cpe23", "cpe22"))])
    if not identifiers:
        raise BrokenRecord("产品既没有「@id」也没有「identifiers」")
    return product_of(identifiers)


IMPORTER: Importer = OpenVex()
__all__ = ["IMPORTER", "OpenVex"]
