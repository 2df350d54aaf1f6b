"""SPDX 2.2, 2.3 and 3.0 as JSON: the packages of an SBOM. SPDX has no findings."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_head, json_values
from secops_agent.importers.values.assets import image_asset
from secops_agent.importers.values.fields import (
    Table,
    canonical_purl,
    distinct,
    need,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.purls import purl_kind, without_version
from secops_agent.services.records import AssetRecord, ComponentRecord, Item, Key, Record, Rejected

_HEAD: Final = {"name", "documentDescribes"}
_RELATION, _PACKAGE, _ELEMENT = "relationships.item", "packages.item", "@graph.item"
_DESCRIBES = ("DESCRIBES", "DESCRIBED_BY")
_SILENT = {"NOASSERTION", "NONE"}
_NO_SOFTWARE = {"FILE", "DEVICE", "AIPackage", "DatasetPackage"}
_MOST = 100  # packages that a document is about


@dataclass(slots=True)
class _Sbom:
    """``subjects``: the id of the package that the document is about; an image is no component of itself."""

    tool: str
    asset: AssetRecord | None = None
    subjects: dict[str, None] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)


class Spdx:
    """The described package becomes the asset; more than one: the document's name."""

    name = "spdx"
    title = "SPDX 软件物料清单（JSON）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if "@graph" in paths:
            return 1.0 if b"spdx.org/rdf/3" in head else 0.0
        return 1.0 if "spdxVersion" in paths and paths & {"SPDXID", "packages", "creationInfo"} else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        graph = "@graph" in whole_outline(source.head(options.limits))
        sbom = _read_sbom(source, options, graph)
        once = Once()
        for item in convert(_packages(source, options, graph), partial(_component, sbom=sbom)):
            yield from once(item)
        for kind, count in sbom.left.items():
            yield Rejected("packages", f"{count} 个类型为 {kind} 的条目不是软件，没有导入")


def _packages(source: Source, options: Options, graph: bool) -> Iterator[tuple[str, Any]]:
    values = json_values(source, {_ELEMENT if graph else _PACKAGE}, options.limits)
    for _, position, value in values:
        if not graph or isinstance(value, BrokenRecord):
            yield position, value
        elif isinstance(value, dict) and _kind(value).endswith("Package"):
            yield position, _as_package(value)


def _kind(element: Table) -> str:
    """ "software_Package" and "software:Package" alike."""
    return (text(element, "type") or text(element, "@type")).replace(":", "_").rpartition("_")[2]


def _as_package(element: dict[str, Any]) -> dict[str, Any]:
    """An element of SPDX 3 in the shape of SPDX 2."""
    others = [
        {"referenceType": "purl", "referenceLocator": item.get("identifier")}
        for item in tables(element, "externalIdentifier")
        if text(item, "externalIdentifierType") in ("packageUrl", "packageURL", "purl")
    ]
    own = element.get("software_packageUrl") or element.get("packageUrl")
    return {
        "SPDXID": text(element, "spdxId") or text(element, "@id"),
        "name": element.get("name"),
        "versionInfo": element.get("software_packageVersion") or element.get("packageVersion"),
        "externalRefs": [{"referenceType": "purl", "referenceLocator": own}, *others] if own else others,
        "primaryPackagePurpose": _purpose(element),
    }


def _purpose(element: Table) -> str:
    """Models and data sets are packages as well, of kinds of their own."""
    kind = _kind(element)
    return text(element, "software_primaryPurpose").upper() if kind == "Package" else kind


def _read_sbom(source: Source, options: Options, graph: bool) -> _Sbom:
    sbom = _Sbom(options.source or "spdx", options.asset)
    name = _read_subjects(source, options, sbom, graph)
    found: list[Table] = []
    for _, value in _packages(source, options, graph):
        if isinstance(value, dict) and text(value, "SPDXID") in sbom.subjects:
            found.append(value)
    if len(found) != 1:
        sbom.subjects = {}
    if sbom.asset is None:
        sbom.asset = _subject(found[0], sbom.tool) if len(found) == 1 else _named(name, sbom.tool)
    return sbom


def _read_subjects(source: Source, options: Options, sbom: _Sbom, graph: bool) -> str:
    """Note whom the document is about; returns the document's name."""
    name = ""
    ids: list[str] = []
    if graph:
        for _, _, value in json_values(source, {_ELEMENT}, options.limits):
            if isinstance(value, dict) and _kind(value) in ("Sbom", "SpdxDocument", "Bom"):
                ids += texts(value, "rootElement")[:_MOST]
                name = name or text(value, "name")
    else:
        data = {path: value for path, _, value in json_head(source, _HEAD, options.limits)[0]}
        name = text(data, "name")
        ids += texts(data, "documentDescribes")[:_MOST]
        for _, _, value in json_values(source, {_RELATION}, options.limits):
            if isinstance(value, dict) and text(value, "relationshipType") in _DESCRIBES:
                ids += [text(value, key) for key in ("spdxElementId", "relatedSpdxElement")]
            if len(ids) > 2 * _MOST:
                break
    sbom.subjects = dict.fromkeys(ids)
    return name


def _named(name: str, tool: str) -> AssetRecord | None:
    return AssetRecord("application", name, (Key("application", name),), source=tool) if name else None


def _subject(package: Table, tool: str) -> AssetRecord | None:
    name, version, purl = text(package, "name"), text(package, "versionInfo"), _purl(package)
    if _is_image(package):
        tagged = version and not version.startswith("sha256:") and ":" not in name.rpartition("/")[2]
        sums = (
            f"{text(item, 'algorithm').lower()}:{text(item, 'checksumValue')}"
            for item in tables(package, "checksums")
        )
        return image_asset(
            [f"{name}:{version}" if tagged else name], [version, purl.replace("%3A", ":"), *sums], tool
        )
    key = Key("application", without_version(purl) or name)
    return AssetRecord("application", name, (key,), source=tool) if name else None


def _is_image(package: Table) -> bool:
    purpose, purl = text(package, "primaryPackagePurpose"), _purl(package)
    return purpose == "CONTAINER" or purl.startswith(("pkg:oci/", "pkg:docker/"))


def _purl(package: Table) -> str:
    places = (
        text(item, "referenceLocator")
        for item in tables(package, "externalRefs")
        if text(item, "referenceType") == "purl"
    )
    return canonical_purl(next((place for place in places if place.startswith("pkg:")), ""))


def _component(value: Any, *, sbom: _Sbom) -> Iterator[Record]:
    package = table_of(value)
    kind = text(package, "primaryPackagePurpose")
    if text(package, "SPDXID") in sbom.subjects and _is_image(package):
        return  # the asset itself
    if kind in _NO_SOFTWARE:
        sbom.left[kind] += 1
        return
    purl = _purl(package)
    yield ComponentRecord(
        name=need(package, "name"),
        version=_said(package, "versionInfo"),
        purl=purl,
        component_type=purl_kind(purl) or kind.lower(),
        asset=sbom.asset,
        distro=_distro(purl),
        licenses=distinct([_said(package, "licenseDeclared") or _said(package, "licenseConcluded")]),
        source=sbom.tool,
    )


def _said(package: Table, key: str) -> str:
    """What is given; SPDX has words for "I do not say"."""
    value = text(package, key)
    return "" if value in _SILENT else value


def _distro(purl: str) -> str:
    if purl_kind(purl) not in ("deb", "rpm", "apk"):
        return ""
    found = [part.removeprefix("distro=") for part in purl.partition("?")[2].split("&") if "distro=" in part]
    return found[0] if found else ""


IMPORTER: Importer = Spdx()
__all__ = ["IMPORTER", "Spdx"]
