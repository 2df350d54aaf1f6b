"""Nmap's XML (``-oX``): hosts that are up, their open ports as components, and what the vuln scripts found."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert
from secops_agent.importers.reading.documents import plain_text, xml_elements
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import (
    aliases_in,
    cvss,
    distinct,
    from_epoch,
    number,
    primary_id,
    shortened,
)
from secops_agent.services.records import (
    GUESSED,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    Record,
    VulnerabilityRecord,
    severity_of,
    severity_of_score,
)

_ROOT = re.compile(rb"<nmaprun\b")
_LONGEST = 900  # characters of a list of ports
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
        for item in convert(hosts, partial(_host, options=options)):
            yield from once(item)


def _host(host: Element, *, options: Options) -> Iterator[Record]:
    status = host.find("status")
    if status is not None and status.get("state") != "up":
        return
    seen = from_epoch(number({"endtime": host.get("endtime") or host.get("starttime")}, "endtime"))
    asset = _asset(host, seen, options)
    yield asset
    for script in host.findall("hostscript/script"):
        yield from _script(script, asset, None, "", seen)
    opened = [port for port in host.findall("ports/port") if _is_open(port)]
    services = _services(opened, asset)
    yield from services.values()
    for port in opened:
        for script in port.findall("script"):
            yield from _script(script, asset, services[_product(port)], _location(port), seen)


def _asset(host: Element, seen: datetime | None, options: Options) -> AssetRecord:
    """By its addresses and names; the asset that was named for the import where a host has none of its own."""
    tool = options.source or "nmap"
    addresses = [(item.get("addrtype", ""), item.get("addr", "")) for item in host.findall("address")]
    names = [plain_text(item.get("name", "")) for item in host.findall("hostnames/hostname")]
    found = host_asset(
        next(filter(None, names), ""),
        ips=[address for kind, address in addresses if kind in ("ipv4", "ipv6")],
        macs=[address for kind, address in addresses if kind == "mac"],
        source=tool,
    )
    if found is None and options.asset:
        return replace(options.asset, source=tool)
    if found is None:
        raise BrokenRecord("主机没有有效的地址或名称（本机地址 127.0.0.1 不算）：请在导入时指定资产")
    system = host.find("os/osmatch")
    description = f"{GUESSED}{plain_text(system.get('name', ''))}" if system is not None else ""
    return AssetRecord(
        "host", found.name, found.keys, ips=found.ips, source=tool, description=description, seen_at=seen
    )


def _is_open(port: Element) -> bool:
    state = port.find("state")
    return state is not None and state.get("state") == "open"


def _location(port: Element) -> str:
    return f"{port.get('protocol', 'tcp')}/{port.get('portid', '')}"


def _product(port: Element) -> tuple[str, str]:
    """Name and version of what answers."""
    service = port.find("service")
    data = service.attrib if service is not None else {}
    name = plain_text(data.get("product") or data.get("name") or "unknown")
    return name, plain_text(data.get("version", ""))


def _services(ports: list[Element], asset: AssetRecord) -> dict[tuple[str, str], ComponentRecord]:
    """A component for each product; its location names every port on which it answers."""
    found: dict[tuple[str, str], list[str]] = {}
    for port in ports:
        found.setdefault(_product(port), []).append(_location(port))
    return {
        (name, version): ComponentRecord(
            name=name,
            version=version,
            component_type="service",
            asset=asset,
            location=_ports(distinct(places)),
            source=asset.source,
        )
        for (name, version), places in found.items()
    }


def _ports(places: tuple[str, ...]) -> str:
    written = "、".join(places)
    return written if len(written) <= _LONGEST else f"{len(places)} 个端口：{shortened(written, _LONGEST)}"


def _script(
    script: Element,
    asset: AssetRecord,
    component: ComponentRecord | None,
    location: str,
    seen: datetime | None,
) -> Iterator[Record]:
    name, output = script.get("id", "")[:200], shortened(plain_text(script.get("output", "")).strip(), 2000)
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
