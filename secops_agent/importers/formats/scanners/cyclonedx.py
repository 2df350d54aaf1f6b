"""CycloneDX 1.0 to 1.6, JSON and XML: components, their vulnerabilities with VEX analysis, the legacy extension."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote

from secops_agent.importers.base import Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_parts
from secops_agent.importers.values.assets import image_asset
from secops_agent.importers.values.fields import (
    Table,
    canonical_purl,
    cvss,
    distinct,
    moment,
    need,
    number,
    primary_id,
    rows,
    shortened,
    table,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.purls import purl_kind, without_version
from secops_agent.services.records import (
    Affected,
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Item,
    Key,
    Record,
    Rejected,
    ScanRecord,
    Severity,
    VulnerabilityRecord,
    highest,
    severity_of,
)

from .cyclonedx_xml import read_parts

_XML_ROOT = re.compile(rb"<(?:\w+:)?bom\b[^>]*cyclonedx\.org/schema/bom", re.DOTALL)
_PARTS = ("components.item", "vulnerabilities.item")
_SETTLED = {"not_affected", "false_positive", "resolved", "resolved_with_pedigree"}
_NO_SOFTWARE = {"file", "data", "device", "cryptographic-asset"}


@dataclass(slots=True)
class _Bom:
    """The document so far: its subject, and the components by reference that vulnerabilities point to."""

    tool: str
    asset: AssetRecord | None
    metadata: Table
    components: dict[str, ComponentRecord] = field(default_factory=dict)
    distro: str = ""
    left: Counter[str] = field(default_factory=Counter)


class CycloneDx:
    """A component is sent once however often it is referred to."""

    name = "cyclonedx"
    title = "CycloneDX 软件物料清单（JSON / XML）"

    def sniff(self, head: bytes) -> float:
        if head.lstrip().startswith(b"<"):
            return 1.0 if _XML_ROOT.search(head[:4096]) else 0.0
        paths = whole_outline(head)
        if "bomFormat" in paths and b"CycloneDX" in head:
            return 1.0
        # cyclonedx-py writes "bomFormat" and "specVersion" behind everything else.
        return 0.8 if "components" in paths and paths & {"specVersion", "components.item.bom-ref"} else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        once = Once()
        bom: _Bom | None = None
        whole, flaws = True, False
        for part, position, value in _parts(source, options):
            bom = bom or _start(part, value, options)
            if part == "metadata":
                continue
            flaws = flaws or part != _PARTS[0]
            for item in convert(
                [(position, value)], partial(_component if part == _PARTS[0] else _flaw, bom=bom)
            ):
                whole = whole and not isinstance(item, Rejected)
                yield from once(item)
        if bom:
            for kind, count in bom.left.items():
                yield Rejected("components", f"{count} 个类型为 {kind} 的条目不是软件，没有导入")
        if bom and bom.asset and whole and flaws:
            yield ScanRecord(bom.tool, bom.asset, ("vulnerability",), moment(bom.metadata, "timestamp"))


def _parts(source: Source, options: Options) -> Iterator[tuple[str, str, Any]]:
    """Metadata first, then components, then vulnerabilities, whatever the order in the file."""
    if source.head(options.limits).lstrip().startswith(b"<"):
        yield from read_parts(source, options.limits)
        return
    yield from json_parts(source, ("metadata", *_PARTS), options.limits)


def _start(part: str, value: Any, options: Options) -> _Bom:
    metadata = table_of(value, "「metadata」") if part == "metadata" else {}
    tool = options.source or "cyclonedx"
    subject = table(metadata, "component")
    return _Bom(tool, options.asset or _asset(subject, tool), metadata)


def _asset(subject: Table, tool: str) -> AssetRecord | None:
    """The image or application that the document describes; None when it names none."""
    purl, name = canonical_purl(text(subject, "purl")), _full_name(subject)
    if text(subject, "type") == "container":
        marks = [text(item, "value") for item in tables(subject, "properties")]
        return image_asset([_image_name(subject)], [unquote(purl), text(subject, "version"), *marks], tool)
    if not name:
        return None
    key = Key("application", without_version(purl) or name)
    return AssetRecord("application", name, (key,), source=tool)


def _image_name(subject: Table) -> str:
    """ "web" with version "1.4" is web:1.4; a digest as version names no tag."""
    name, version = text(subject, "name"), text(subject, "version")
    if (
        version
        and not version.startswith("sha256:")
        and ":" not in name.rpartition("/")[2]
        and "@" not in name
    ):
        return f"{name}:{version}"
    return f"{name}@{version}" if version.startswith("sha256:") and "@" not in name else name


def _full_name(data: Table) -> str:
    return "/".join(filter(None, (text(data, "group"), text(data, "name"))))[:2000]


def _component(value: Any, *, bom: _Bom) -> Iterator[Record]:
    data = table_of(value)
    kind = text(data, "type")
    if kind == "operating-system":
        bom.distro = "-".join(filter(None, (text(data, "name"), text(data, "version"))))
    record = _component_record(data, kind, bom)
    children = [found for child in rows(data, "components") for found in _component(child, bom=bom)]
    for reference in distinct([text(data, "bom-ref"), text(data, "purl"), record.purl]):
        bom.components.setdefault(reference, record)
    if kind in _NO_SOFTWARE:
        bom.left[kind] += 1
    else:
        yield record
    yield from children


def _component_record(data: Table, kind: str, bom: _Bom) -> ComponentRecord:
    need(data, "name")
    purl = canonical_purl(text(data, "purl"))
    system = purl_kind(purl) in ("deb", "rpm", "apk")
    return ComponentRecord(
        name=_full_name(data),
        version=text(data, "version"),
        purl=purl,
        component_type=purl_kind(purl) or kind,
        asset=bom.asset,
        distro=bom.distro if system else "",
        licenses=_licenses(data),
        source=bom.tool,
    )


def _licenses(data: Table) -> tuple[str, ...]:
    names = []
    for item in tables(data, "licenses"):
        license_ = table(item, "license")
        names.append(text(item, "expression") or text(license_, "id") or text(license_, "name"))
    return distinct(names)


def _flaw(value: Any, *, bom: _Bom) -> Iterator[Record]:
    data = table_of(value)
    targets = [(_reference(need(item, "ref")), item) for item in tables(data, "affects")]
    record = _vulnerability(data, targets, bom)
    yield record
    for reference, _ in targets:
        yield _finding(data, record, reference, bom)
    if not targets:
        yield _finding(data, record, "", bom)


def _reference(value: str) -> str:
    """A BOM-Link ("urn:cdx:serial/version#ref") ends in the reference itself."""
    return unquote(value.partition("#")[2]) if value.startswith("urn:cdx:") and "#" in value else value


def _vulnerability(data: Table, targets: list[tuple[str, Table]], bom: _Bom) -> VulnerabilityRecord:
    vuln_id, aliases = primary_id(
        [need(data, "id"), *(text(item, "id") for item in tables(data, "references"))]
    )
    ratings = tables(data, "ratings")
    scores = tuple(dict.fromkeys(filter(None, (_score(item) for item in ratings))))
    return VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        description=shortened(text(data, "description") or text(data, "detail")),
        severity=_severity(ratings, scores),
        cvss=scores,
        cwes=tuple(f"CWE-{cwe.removeprefix('CWE-')}" for cwe in texts(data, "cwes")),
        affected=tuple(found for target in targets for found in _affected(*target, bom)),
        references=distinct([
            text(table(data, "source"), "url"), *(text(item, "url") for item in tables(data, "advisories"))
        ]),
        published=moment(data, "published"),
        modified=moment(data, "updated"),
        source=bom.tool,
    )  # fmt: skip


def _severity(ratings: list[Table], scores: tuple[Cvss, ...]) -> Severity:
    words = highest(*(severity_of(text(item, "severity")) for item in ratings))
    return words if words != "info" else severity_of("", max((score.score for score in scores), default=None))


def _score(rating: Table) -> Cvss | None:
    """OWASP and other methods are no CVSS. Old documents write vectors without their prefix."""
    method, vector = text(rating, "method"), text(rating, "vector")
    if not method.upper().startswith("CVSS") and not vector.startswith("CVSS:"):
        return None
    prefix = {"CVSSV3": "CVSS:3.0/", "CVSSV31": "CVSS:3.1/", "CVSSV4": "CVSS:4.0/"}.get(method.upper(), "")
    if vector and prefix and not vector.startswith("CVSS:"):
        vector = prefix + vector
    return cvss(vector, number(rating, "score"), text(table(rating, "source"), "name"))


def _affected(reference: str, target: Table, bom: _Bom) -> Iterator[Affected]:
    component = bom.components.get(reference)
    package = without_version(component.purl) if component else ""
    name = component.name if component else reference
    for item in tables(target, "versions"):
        if text(item, "status", "affected") in ("affected", ""):
            version = text(item, "version")
            yield Affected("", name, package, raw=text(item, "range"), versions=(version,) if version else ())


def _finding(data: Table, record: VulnerabilityRecord, reference: str, bom: _Bom) -> FindingRecord:
    component = bom.components.get(reference)
    named = f"{component.name} {component.version}" if component else reference
    analysis = table(data, "analysis")
    state = text(analysis, "state")
    return FindingRecord(
        kind="vulnerability",
        key=(
            record.vuln_id,
            component.purl or f"{component.name}@{component.version}" if component else reference,
        ),
        title=f"{record.vuln_id} {named}".strip(),
        severity=record.severity,
        source=bom.tool,
        asset=bom.asset,
        component=component,
        vulnerability=record.vuln_id,
        rule_id=text(data, "id"),
        description=shortened(record.description, 1000),
        evidence="：".join(filter(None, (f"VEX {state}" if state else "", text(analysis, "detail")))),
        remediation=shortened(text(data, "recommendation")),
        references=record.references[:1],
        suppressed=state in _SETTLED,
        seen_at=moment(bom.metadata, "timestamp"),
    )


IMPORTER: Importer = CycloneDx()
__all__ = ["IMPORTER", "CycloneDx"]
