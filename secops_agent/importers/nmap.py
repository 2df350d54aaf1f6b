"""Nmap's XML (``-oX``): hosts that are up, their open ports as components, and what the vuln scripts found."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    Record,
    VulnerabilityRecord,
    severity_of,
    severity_of_score,
)

from .assets import host_asset
from .base import BrokenRecord, Importer, Once, Options, Source, convert
from .fields import aliases_in, cvss, distinct, from_epoch, number, primary_id, shortened
from .reading import plain_text, xml_elements

_ROOT = re.compile(rb"<nmaprun\b")
_VULNERABLE = {"VULNERABLE", "VULNERABLE (Exploitable)", "LIKELY VULNERABLE"}


class Nmap:
    """``nmap -oX``; scripts of the vulns library ("State: VULNERABLE") and vulners give findings."""

    name = "nmap"
    title = "Nmap 扫描结果（XML）"

    def sniff(self, head: bytes) -> float:
        return 1.0 if _ROOT.search(head[:8192]) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        hosts = xml_elements(source, {"host"}, options.limits)
        once = Once()
        for item in convert(hosts, partial(_host, tool=options.source or "nmap")):
            yield from once(item)


def _host(host: Element, *, tool: str) -> Iterator[Record]:
    status = host.find("status")
    if status is not None and status.get("state") != "up":
        return
    seen = from_epoch(number({"endtime": host.get("endtime") or host.get("starttime")}, "endtime"))
    asset = _asset(host, seen, tool)
    yield asset
    for script in host.findall("hostscript/script"):
        yield from _script(script, asset, None, "", seen)
    for port in host.findall("ports/port"):
        yield from _port(port, asset, seen)


def _asset(host: Element, seen: datetime | None, tool: str) -> AssetRecord:
    addresses = [(item.get("addrtype", ""), item.get("addr", "")) for item in host.findall("address")]
    names = [plain_text(item.get("name", "")) for item in host.findall("hostnames/hostname")]
    found = host_asset(
        next(filter(None, names), ""),
        ips=[address for kind, address in addresses if kind in ("ipv4", "ipv6")],
        macs=[address for kind, address in addresses if kind == "mac"],
        source=tool,
    )
    if found is None:
        raise BrokenRecord("主机没有有效的地址或名称")
    system = host.find("os/osmatch")
    description = f"操作系统：{plain_text(system.get('name', ''))}" if system is not None else ""
    return AssetRecord(
        "host", found.name, found.keys, ips=found.ips, source=tool, description=description, seen_at=seen
    )


def _port(port: Element, asset: AssetRecord, seen: datetime | None) -> Iterator[Record]:
    state = port.find("state")
    if state is None or state.get("state") != "open":
        return
    location = f"{port.get('protocol', 'tcp')}/{port.get('portid', '')}"
    component = _service(port.find("service"), asset, location)
    yield component
    for script in port.findall("script"):
        yield from _script(script, asset, component, location, seen)


def _service(service: Element | None, asset: AssetRecord, location: str) -> ComponentRecord:
    data = service.attrib if service is not None else {}
    name = plain_text(data.get("product") or data.get("name") or "unknown")
    return ComponentRecord(
        name=name,
        version=plain_text(data.get("version", "")),
        component_type="service",
        asset=asset,
        location=location,
        source=asset.source,
    )


def _script(
    script: Element,
    asset: AssetRecord,
    component: ComponentRecord | None,
    location: str,
    seen: datetime | None,
) -> Iterator[Record]:
    name, output = script.get("id", ""), shortened(plain_text(script.get("output", "")).strip(), 2000)
    for ids, title, severity, score in _entries(script):
        vulnerability = primary_id(ids)[0] if ids else ""
        if ids:
            rated = tuple(filter(None, [cvss("", score, name)]))
            yield VulnerabilityRecord(
                vulnerability, title=title, severity=severity, cvss=rated, source=asset.source
            )
        yield FindingRecord(
            kind="vulnerability",
            key=(name, vulnerability or title, location),
            title=title or vulnerability,
            severity=severity,
            source=asset.source,
            asset=asset,
            component=component,
            vulnerability=vulnerability,
            rule_id=name,
            location=location,
            evidence=output,
            seen_at=seen,
        )


def _entries(script: Element) -> Iterator[tuple[tuple[str, ...], str, Any, float | None]]:
    """``(ids, title, severity, score)`` of each vulnerability that a script reports."""
    if script.get("id") == "vulners":
        yield from _vulners(script)
        return
    for found in script.iter("table"):
        state = _elem(found, "state")
        if state in _VULNERABLE:
            ids = aliases_in(found.get("key", ""), *(item.text or "" for item in found.findall("table/elem")))
            severity = severity_of(_elem(found, "risk_factor") or "high")
            yield ids[:1], shortened(_elem(found, "title") or script.get("id", ""), 500), severity, None


def _vulners(script: Element) -> Iterator[tuple[tuple[str, ...], str, Any, float | None]]:
    for found in script.iter("table"):
        ids = aliases_in(_elem(found, "id"))
        if ids and _elem(found, "type") in ("cve", ""):
            score = number({"cvss": _elem(found, "cvss")}, "cvss")
            yield distinct(ids[:1]), ids[0], severity_of_score(score or 0.0), score


def _elem(found: Element, key: str) -> str:
    return next(
        (plain_text(item.text or "").strip() for item in found.findall("elem") if item.get("key") == key), ""
    )


IMPORTER: Importer = Nmap()
__all__ = ["IMPORTER", "Nmap"]
