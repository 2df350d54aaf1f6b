"""Nessus's reports (``.nessus``, NessusClientData_v2), of Nessus, Tenable.sc and Tenable.io alike."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final
from xml.etree.ElementTree import Element

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert_once
from secops_agent.importers.reading.documents import plain_text, xml_elements
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import (
    aliases_in,
    cvss,
    distinct,
    from_epoch,
    moment_written,
    number,
    shortened,
)
from secops_agent.importers.values.host_hits import HostHit, records_of
from secops_agent.services.records import GUESSED, AssetRecord, Cvss, Item, Record, Severity

_ROOT: Final = re.compile(rb"<NessusClientData_v2\b")
_LEVELS: Final[dict[str, Severity]] = {"1": "low", "2": "medium", "3": "high", "4": "critical"}
_WRITTEN: Final = ("%a %b %d %H:%M:%S %Y",)


class Nessus:
    """What the scanner only notes (severity 0: open ports, versions it saw) is counted, not imported."""

    name = "nessus"
    title = "Nessus 扫描报告（.nessus）"

    def sniff(self, head: bytes) -> float:
        return 1.0 if _ROOT.search(head[:8192]) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        items = xml_elements(source, {"ReportHost"}, options.limits)
        return convert_once(items, partial(_host, options=options), "记录（级别为信息）")


def _host(host: Element, noted: Counter[str], *, options: Options) -> Iterator[Record]:
    known = {tag.get("name", ""): plain_text(tag.text or "").strip() for tag in host.iter("tag")}
    seen = _time(known, options)
    asset = _asset(host, known, seen, options)
    yield asset
    for item in host.findall("ReportItem"):
        severity = _LEVELS.get(item.get("severity", "").strip())
        if severity:
            yield from records_of(_hit(item, severity, asset, seen, options))
        else:
            noted["info"] += 1


def _time(known: dict[str, str], options: Options) -> datetime | None:
    """When its scan ended, else when it began."""
    for name in ("HOST_END", "HOST_START"):
        if stamp := known.get(f"{name}_TIMESTAMP"):
            return from_epoch(number({name: stamp}, name))
        if written := known.get(name):
            return moment_written(written, _WRITTEN, options.zone, what=f"「{name}」")
    return options.received_at


def _asset(host: Element, known: dict[str, str], seen: datetime | None, options: Options) -> AssetRecord:
    """By its names and addresses; the asset that was named for the import where a host has none of its own."""
    tool, called = options.source or "nessus", plain_text(host.get("name", "")).strip()
    name = next(filter(None, map(known.get, ("host-fqdn", "hostname", "netbios-name"))), called)
    found = host_asset(
        name or "",
        ips=[known.get("host-ip", ""), called],
        macs=known.get("mac-address", "").split(),
        source=tool,
    )
    if found is None and options.asset:
        return replace(options.asset, source=tool)
    if found is None:
        raise BrokenRecord("主机没有有效的地址或名称（本机地址 127.0.0.1 不算）：请在导入时指定资产")
    system = shortened(known.get("operating-system", "").replace("\n", " / "), 300)
    return replace(found, description=f"{GUESSED}{system}" if system else "", seen_at=seen)


def _hit(
    item: Element, severity: Severity, asset: AssetRecord, seen: datetime | None, options: Options
) -> HostHit:
    rule = item.get("pluginID", "").strip()
    if not rule:
        raise BrokenRecord("缺少必填字段「pluginID」")
    port = item.get("port", "0")
    return HostHit(
        rule=rule,
        title=plain_text(item.get("pluginName", "")) or _said(item, "synopsis") or f"插件 {rule}",
        severity=severity,
        asset=asset,
        place="" if port in ("", "0") else f"{item.get('protocol') or 'tcp'}/{port}",
        ids=aliases_in(*_all(item, "cve")),
        score=_score(item),
        family=item.get("pluginFamily", ""),
        description=_said(item, "description") or _said(item, "synopsis"),
        solution="" if _said(item, "solution").lower() == "n/a" else _said(item, "solution"),
        output=_said(item, "plugin_output"),
        references=distinct(line.strip() for line in _said(item, "see_also").splitlines()),
        cwes=distinct(f"CWE-{number}" for number in _all(item, "cwe") if number.isdigit()),
        published=_day(_said(item, "vuln_publication_date"), options),
        seen_at=seen,
    )


def _score(item: Element) -> Cvss | None:
    """Of the newest version that is given. Nessus writes version 2 as ``CVSS2#AV:N/…``."""
    for version in ("cvss4", "cvss3", "cvss"):
        vector = (_said(item, f"{version}_vector")).removeprefix("CVSS2#")
        base = number({version: _said(item, f"{version}_base_score")}, version)
        if (found := cvss(vector, base, "nessus")) is not None:
            return found
    return None


def _day(written: str, options: Options) -> datetime | None:
    with suppress(BrokenRecord):
        return moment_written(written, ("%Y/%m/%d",), options.zone, what="日期")
    return None


def _said(item: Element, name: str) -> str:
    return plain_text(item.findtext(name) or "").strip()


def _all(item: Element, name: str) -> list[str]:
    return [plain_text(each.text or "").strip() for each in item.findall(name)]


IMPORTER: Importer = Nessus()
__all__ = ["IMPORTER", "Nessus"]
