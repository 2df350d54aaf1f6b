"""CycloneDX XML (1.0 to 1.6, and the legacy vulnerability extension) in the shape of CycloneDX JSON.

The extension ``http://cyclonedx.org/schema/ext/vulnerability/1.0`` puts ``v:vulnerabilities`` into components, and
some tools beside them; tools of 2019 to 2021 still in service write nothing else.
"""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from secops_agent.importers.base import ImportLimits, Source
from secops_agent.importers.reading.documents import local_name, plain_text, xml_elements

_LEGACY = "{http://cyclonedx.org/schema/ext/vulnerability/1.0}"
_COMPONENT_TEXTS = ("group", "name", "version", "purl")
_VULNERABILITY_TEXTS = (
    "id",
    "description",
    "detail",
    "recommendation",
    "created",
    "published",
    "updated",
    "rejected",
)


def read_parts(source: Source, limits: ImportLimits) -> Iterator[tuple[str, str, Any]]:
    """Stream ``(part, position, value)``: "metadata", "components.item", "vulnerabilities.item" as in JSON."""
    wanted = {"metadata", "component", "vulnerability"}
    # Annotations, formulas and compositions have components and vulnerabilities farther down: others than the subject's.
    for position, element in xml_elements(source, wanted, limits, deepest=2):
        name = local_name(element.tag)
        if name == "metadata":
            yield "metadata", position, _metadata(element)
        elif name == "component":
            yield "components.item", position, _component(element)
            yield from _legacy_inside(element, position)
        else:
            yield "vulnerabilities.item", position, _vulnerability(element)


def _legacy_inside(element: Element, position: str) -> Iterator[tuple[str, str, Any]]:
    for component in (found for found in element.iter() if local_name(found.tag) == "component"):
        reference = component.get("bom-ref") or _text(component, "purl")
        for index, flaw in enumerate(component.findall(f"{_LEGACY}vulnerabilities/{_LEGACY}vulnerability")):
            value = _vulnerability(flaw)
            value["affects"] = value["affects"] or [{"ref": reference}]
            yield "vulnerabilities.item", f"{position}.vulnerability[{index}]", value


def _metadata(element: Element) -> dict[str, Any]:
    component = _child(element, "component")
    found: dict[str, Any] = {"timestamp": _text(element, "timestamp")}
    return found | ({"component": _component(component)} if component is not None else {})


def _component(element: Element) -> dict[str, Any]:
    data: dict[str, Any] = {name: _text(element, name) for name in _COMPONENT_TEXTS}
    data |= {"type": element.get("type", ""), "bom-ref": plain_text(element.get("bom-ref", ""))}
    data["licenses"] = [
        {"license": {"id": _text(item, "id"), "name": _text(item, "name")}}
        if local_name(item.tag) == "license"
        else {"expression": plain_text(item.text or "")}
        for item in _children(element, "licenses")
    ]
    data["properties"] = [
        {"name": item.get("name", ""), "value": plain_text(item.text or "")}
        for item in _children(element, "properties")
    ]
    data["components"] = [_component(item) for item in _children(element, "components")]
    return data


def _vulnerability(element: Element) -> dict[str, Any]:
    data: dict[str, Any] = {name: _text(element, name) for name in _VULNERABILITY_TEXTS}
    data["references"] = [{"id": _text(item, "id")} for item in _children(element, "references")]
    data["ratings"] = [_rating(item) for item in _children(element, "ratings")]
    data["cwes"] = [plain_text(item.text or "") for item in _children(element, "cwes")]
    data["advisories"] = [
        {"url": _text(item, "url") or plain_text((item.text or "").strip())}
        for item in _children(element, "advisories")
    ]
    data["recommendation"] = data["recommendation"] or "\n".join(
        plain_text(item.text or "") for item in _children(element, "recommendations")
    )
    analysis = _child(element, "analysis")
    data["analysis"] = (
        {name: _text(analysis, name) for name in ("state", "detail")} if analysis is not None else {}
    )
    data["affects"] = [_target(item) for item in _children(element, "affects")]
    if not data["affects"] and element.get("ref"):
        data["affects"] = [{"ref": plain_text(element.get("ref", ""))}]
    return data


def _rating(element: Element) -> dict[str, Any]:
    """The score is a number, in the extension an element with ``base`` inside; method CVSSv3 and the like."""
    score = _child(element, "score")
    base = _text(score, "base") if score is not None and len(score) else _text(element, "score")
    source = _child(element, "source")
    return {
        "score": base,
        "severity": _text(element, "severity"),
        "method": _text(element, "method"),
        "vector": _text(element, "vector"),
        "source": {"name": _text(source, "name") if source is not None else ""},
    }


def _target(element: Element) -> dict[str, Any]:
    versions = [
        {name: _text(item, name) for name in ("version", "range", "status")}
        for item in _children(element, "versions")
    ]
    return {"ref": _text(element, "ref") or plain_text(element.get("ref", "")), "versions": versions}


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if local_name(child.tag) == name), None)


def _children(element: Element, name: str) -> list[Element]:
    found = _child(element, name)
    return list(found) if found is not None else []


def _text(element: Element, name: str) -> str:
    found = _child(element, name)
    return plain_text((found.text or "").strip()) if found is not None else ""
