"""CSAF 2.0 and 2.1 (OASIS): a supplier's advisory or VEX: vulnerabilities, and each product's status."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.formats.intelligence.openvex import known_justification
from secops_agent.importers.formats.intelligence.vex_products import chosen_asset, platform_of, product_of
from secops_agent.importers.reading.documents import json_head, json_values
from secops_agent.importers.values.fields import (
    Table,
    cvss,
    distinct,
    moment,
    number,
    primary_id,
    shortened,
    table,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.purls import without_version
from secops_agent.services.records import (
    Affected,
    Cvss,
    Item,
    Record,
    VexRecord,
    VexWord,
    VulnerabilityRecord,
    highest,
    severity_of,
)

_DEEPEST: Final = 12  # branches in branches; suppliers have four
_BRANCHES = tuple(f"product_tree{'.branches.item' * depth}" for depth in range(1, _DEEPEST + 1))
_PLAIN = "product_tree.full_product_names.item"
_RELATION = "product_tree.relationships.item"
_GROUP = "product_tree.product_groups.item"
WANTED: Final = frozenset(
    {*(f"{branch}.{key}" for branch in _BRANCHES for key in ("category", "name", "product")), _PLAIN, _RELATION, _GROUP}
)  # fmt: skip
_MOST, _MOST_TEXT = 120_000, 16 << 20  # products, and characters of them
_MOST_MEMBERS = 2_000_000  # of groups, each time that something is said of one
_LONGEST_CHAIN = 8  # parts of parts


@dataclass(frozen=True, slots=True)
class Product:
    """``named``: purl or CPE or name; ``versions``: the range that a branch gives instead of a version ("<4.2")."""

    named: str
    platform: str = ""
    versions: str = ""


@dataclass(slots=True)
class ProductTree:
    """Product id → identifiers, name and range; (part, whole) of those that are one inside another."""

    products: dict[str, tuple[tuple[str, ...], str, str]] = field(default_factory=dict)
    relations: dict[str, tuple[str, str]] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _size: int = 0
    _members: int = 0

    def find(self, product_id: str) -> Product:
        """What an id stands for; BrokenRecord for one that the tree does not have."""
        part, whole = self.relations.get(product_id, (product_id, ""))
        seen = {product_id}
        while part in self.relations and part not in seen and len(seen) <= _LONGEST_CHAIN:  # a part of a part
            seen.add(part)
            part = self.relations[part][0]
        found = self.products.get(part)
        if found is None:
            raise BrokenRecord(f"产品 {product_id[:80]} 在「product_tree」里没有说明")
        identifiers, name, versions = found
        around = self.products.get(whole, ((), "", ""))
        platform = platform_of(around[0] or distinct([around[1]])) if whole else ""
        return Product(product_of(identifiers or (name,)), platform, versions)

    def members(self, data: Table) -> Iterator[str]:
        """The product ids that a flag, threat or remediation is about."""
        yield from texts(data, "product_ids")
        for group in texts(data, "group_ids"):
            members = self.groups.get(group, ())
            self._members += len(members)
            if self._members > _MOST_MEMBERS:
                raise InvalidInput("产品组被引用得太多，已停止导入：请拆分文件。")
            yield from members

    def add(self, product: Table, versions: str = "") -> None:
        """A full product name."""
        known = table(product, "product_identification_helper")
        identifiers = distinct([text(known, "purl"), *texts(known, "purls"), text(known, "cpe")])[:4]
        entry = tuple(shortened(each, 1000) for each in identifiers), shortened(text(product, "name"), 500)
        self._count(sum(map(len, entry[0])) + len(entry[1]))
        self.products[text(product, "product_id")[:500]] = (*entry, shortened(versions, 200))

    def relate(self, relation: Table) -> None:
        """One product as a component of another."""
        ident = text(table(relation, "full_product_name"), "product_id")[:500]
        pair = (
            text(relation, "product_reference")[:500],
            text(relation, "relates_to_product_reference")[:500],
        )
        self._count(len(ident) + len(pair[0]) + len(pair[1]))
        self.relations[ident] = pair

    def group(self, data: Table) -> None:
        """Several products under one id."""
        members = texts(data, "product_ids")
        self._count(sum(map(len, members)))
        self.groups[text(data, "group_id")] = members

    def _count(self, size: int) -> None:
        self._size += size
        if len(self.products) + len(self.relations) > _MOST or self._size > _MOST_TEXT:
            raise InvalidInput(f"产品超过 {_MOST} 个，已停止导入：请拆分文件。")


def read_products(source: Source, options: Options) -> ProductTree:
    """The whole tree, whatever the order in the file; of a file that breaks, what stands before the break."""
    tree = ProductTree()
    branches: dict[str, dict[str, Any]] = {}
    pieces, _ = json_head(source, WANTED, options.limits)
    for path, position, value in pieces:
        if path == _PLAIN:
            tree.add(table_of(value))
        elif path == _RELATION:
            tree.relate(table_of(value))
        elif path == _GROUP:
            tree.group(table_of(value))
        else:
            place, _, key = position.rpartition(".")
            branches.setdefault(place, {})[key] = value
    for branch in branches.values():
        if "product" in branch:
            ranged = text(branch, "category") == "product_version_range"
            tree.add(table(branch, "product"), text(branch, "name") if ranged else "")
    return tree


_FLAW = "vulnerabilities.item"
_DOCUMENT = {
    f"document.{key}"
    for key in (
        "csaf_version", "tracking.id", "tracking.version", "tracking.current_release_date", "tracking.status",
        "publisher.name", "aggregate_severity.text",
    )
}  # fmt: skip
# The careful ones first: of several statuses of one product the first stands.
_STATUSES: Final[tuple[tuple[str, VexWord], ...]] = (
    ("known_affected", "affected"), ("first_affected", "affected"), ("last_affected", "affected"),
    ("under_investigation", "under_investigation"), ("fixed", "fixed"), ("first_fixed", "fixed"),
    ("known_not_affected", "not_affected"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Advisory:
    """What all vulnerabilities of a document share."""

    ident: str
    version: str
    author: str
    said_at: datetime
    severity: str
    tree: ProductTree
    asset: str
    tool: str


class Csaf:
    """A record for each vulnerability, and one for each product that the document speaks about."""

    name = "csaf"
    title = "CSAF 2.0 安全公告与 VEX（JSON）"

    def sniff(self, head: bytes) -> float:
        return 1.0 if "document.csaf_version" in whole_outline(head) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        advisory = _read_advisory(source, options)
        once = Once()
        values = json_values(source, {_FLAW}, options.limits)
        pairs = ((position, value) for _, position, value in values)
        for item in convert(pairs, partial(_flaw, advisory=advisory)):
            yield from once(item)


def _read_advisory(source: Source, options: Options) -> _Advisory:
    pieces, broken = json_head(source, _DOCUMENT, options.limits)
    data = {path.removeprefix("document."): value for path, _, value in pieces}
    said = moment(data, "tracking.current_release_date")
    if broken and (said is None or "publisher.name" not in data):
        raise broken
    if said is None or not text(data, "publisher.name"):
        raise InvalidInput(
            "文件没有写明谁发布的、什么时候发布的（document.publisher、tracking）：请核对是不是 CSAF。"
        )
    if text(data, "tracking.status") == "draft":
        raise InvalidInput("这是供应商还没有发布的草稿（tracking.status 为 draft）：请等正式发布后再导入。")
    return _Advisory(
        text(data, "tracking.id"), text(data, "tracking.version"), text(data, "publisher.name"), said,
        text(data, "aggregate_severity.text"), read_products(source, options), chosen_asset(options.asset),
        options.source or "csaf",
    )  # fmt: skip


def _flaw(value: Any, *, advisory: _Advisory) -> Iterator[Record]:
    data = table_of(value)
    names = distinct([text(data, "cve"), *(text(item, "text") for item in tables(data, "ids"))])
    vuln_id, aliases = primary_id(name for name in names if name and "://" not in name)
    statements = tuple(_statements(data, vuln_id, advisory))
    yield _vulnerability(data, vuln_id, aliases, advisory)
    yield from statements


def _vulnerability(
    data: Table, vuln_id: str, aliases: tuple[str, ...], advisory: _Advisory
) -> VulnerabilityRecord:
    scores = tuple(dict.fromkeys(filter(None, _scores(data, advisory.author))))
    notes = {text(note, "category"): text(note, "text") for note in reversed(tables(data, "notes"))}
    words = severity_of(advisory.severity, max((score.score for score in scores), default=None))
    weaknesses = [table(data, "cwe"), *tables(data, "cwes")]
    return VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        title=shortened(text(data, "title"), 500),
        description=shortened(notes.get("description") or notes.get("summary") or notes.get("general") or ""),
        severity=highest(words, *(severity_of("", score.score) for score in scores)) if scores else words,
        cvss=scores,
        cwes=distinct(text(item, "id") for item in weaknesses),
        affected=tuple(_affected(data, advisory.tree)),
        references=distinct(text(item, "url") for item in tables(data, "references")),
        published=moment(data, "release_date"),
        source=advisory.tool,
    )


def _scores(data: Table, author: str) -> Iterator[Cvss | None]:
    contents = [*tables(data, "scores"), *(table(item, "content") for item in tables(data, "metrics"))]
    for content in contents:
        for key in ("cvss_v2", "cvss_v3", "cvss_v4"):
            score = table(content, key)
            if score:
                yield cvss(text(score, "vectorString"), number(score, "baseScore"), author[:60])


def _affected(data: Table, tree: ProductTree) -> Iterator[Affected]:
    """What our own matching can compare: a purl with a version, or with the range of its branch."""
    seen: set[Product] = set()
    for ident in texts(table(data, "product_status"), "known_affected"):
        product = tree.find(ident)
        version = product.named.partition("?")[0].rpartition("@")[2] if "@" in product.named else ""
        if product in seen or not product.named.startswith("pkg:") or not (version or product.versions):
            continue
        seen.add(product)
        ecosystem = product.platform if product.platform.partition("-")[2].isdigit() else ""
        yield Affected(
            ecosystem.replace("-", ":"), "", without_version(product.named), raw="" if version else product.versions,
            versions=(version,) if version else (),
        )  # fmt: skip


def _statements(data: Table, vuln_id: str, advisory: _Advisory) -> Iterator[VexRecord]:
    reasons, notes = _reasons(data, advisory.tree), _told(data, "threats", advisory.tree, {"impact"})
    actions = _told(data, "remediations", advisory.tree, None)
    seen: set[tuple[str, str]] = set()
    status = table(data, "product_status")
    for key, word in _STATUSES:
        for ident in texts(status, key):
            product = advisory.tree.find(ident)
            named = product.named if product.named.startswith(("pkg:", "cpe:")) or not advisory.asset else ""
            if (named, product.platform) in seen:
                continue
            seen.add((named, product.platform))
            settled = word == "not_affected"
            yield VexRecord(
                vulnerability=vuln_id, status=word, author=advisory.author, document=advisory.ident, said_at=advisory.said_at,
                version=advisory.version, product=named, platform=product.platform, asset=advisory.asset,
                justification=reasons.get(ident, "") if settled else "", note=notes.get(ident, "") if settled else "",
                action=actions.get(ident, ""), source=advisory.tool,
            )  # fmt: skip


def _reasons(data: Table, tree: ProductTree) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in tables(data, "flags"):
        word = known_justification(text(item, "label"))
        found |= dict.fromkeys(tree.members(item), word)
    return found


def _told(data: Table, key: str, tree: ProductTree, categories: set[str] | None) -> dict[str, str]:
    """Product id → details; one that names no products is about all of them and left out."""
    found: dict[str, str] = {}
    for item in tables(data, key):
        if categories is None or text(item, "category") in categories:
            said = shortened(" ".join(filter(None, (text(item, "details"), text(item, "url")))), 4000)
            for ident in tree.members(item):
                found.setdefault(ident, said)
    return found


IMPORTER: Importer = Csaf()
__all__ = ["IMPORTER", "Csaf"]
