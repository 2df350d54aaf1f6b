"""The product tree of a CSAF document: what its product ids stand for, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import BrokenRecord, Options, Source
from secops_agent.importers.reading.documents import json_head
from secops_agent.importers.values.fields import Table, distinct, shortened, table, table_of, text, texts

from .vex_products import platform_of, product_of

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
