"""OpenVAS's reports in XML, as Greenbone (GVM) downloads them."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final
from xml.etree.ElementTree import Element

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert_once
from secops_agent.importers.reading.documents import plain_text, xml_elements
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import aliases_in, cvss, distinct, number, parse_moment
from secops_agent.importers.values.host_hits import HostHit, records_of
from secops_agent.services.records import AssetRecord, Cvss, Item, Record, severity_of

_ROOT: Final = re.compile(rb"<(?:report|get_reports_response)\b")
_TELLING: Final = re.compile(rb"<(?:gmp|omp|nvt|result_count|report_format|results)\b|\bformat_id=")


class OpenVas:
    """What is only logged (severity 0) or was marked a false positive is counted, not imported."""

    name = "openvas"
    title = "OpenVAS / Greenbone 扫描报告（XML）"

    def sniff(self, head: bytes) -> float:
        return 0.95 if _ROOT.search(head[:2048]) and _TELLING.search(head) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        items = xml_elements(source, {"result"}, options.limits)
        return convert_once(items, partial(_result, options=options), "记录或误报")


def _result(result: Element, noted: Counter[str], *, options: Options) -> Iterator[Record]:
    nvt = result.find("nvt")
    if nvt is None:
        raise BrokenRecord("缺少必填字段「nvt」")
    level = number({"severity": _said(result, "severity")}, "severity")
    if level is not None and level <= 0:
        noted["info"] += 1
        return
    asset = _asset(result, options)
    yield asset
    tags = dict(pair.partition("=")[::2] for pair in _said(nvt, "tags").split("|"))
    port, _, protocol = _said(result, "port").partition("/")
    yield from records_of(HostHit(
        rule=nvt.get("oid", "").strip() or _said(nvt, "name"),
        title=_said(nvt, "name") or _said(result, "name") or nvt.get("oid", ""),
        severity=severity_of("critical" if level and level >= 9 else _said(result, "threat"), level),
        asset=asset,
        place=f"{protocol}/{port}" if port.isdigit() else "",
        ids=_ids(nvt),
        score=_score(nvt, tags, level),
        family=_said(nvt, "family"),
        description=tags.get("summary", "").strip(),
        solution=_said(nvt, "solution") or tags.get("solution", "").strip(),
        output=_said(result, "description"),
        references=distinct(ref.get("id", "") for ref in nvt.findall("refs/ref") if ref.get("type") == "url"),
        seen_at=_time(result, options) or options.received_at,
    ))  # fmt: skip


def _asset(result: Element, options: Options) -> AssetRecord:
    host = result.find("host")
    address = plain_text(host.text or "").strip() if host is not None else ""
    name = plain_text((host.findtext("hostname") if host is not None else "") or "").strip()
    found = host_asset(name or address, ips=[address], source=options.source or "openvas") or options.asset
    if found is None:
        raise BrokenRecord("这一条没有有效的主机地址（本机地址 127.0.0.1 不算）：请在导入时指定资产")
    return found


def _ids(nvt: Element) -> tuple[str, ...]:
    """Of the references; in older reports a text with commas."""
    given = [ref.get("id", "") for ref in nvt.findall("refs/ref") if ref.get("type") in ("cve", "cve_id")]
    return aliases_in(*given, _said(nvt, "cve"))


def _score(nvt: Element, tags: dict[str, str], level: float | None) -> Cvss | None:
    vectors = [_said(each, "value") for each in nvt.findall("severities/severity")]
    return cvss(next(filter(None, [*vectors, tags.get("cvss_base_vector", "")]), ""), level, "openvas")


def _time(result: Element, options: Options) -> datetime | None:
    written = _said(result, "creation_time")
    return parse_moment(written, options.zone, what="「creation_time」") if written else None


def _said(item: Element, path: str) -> str:
    return plain_text(item.findtext(path) or "").strip()


IMPORTER: Importer = OpenVas()
__all__ = ["IMPORTER", "OpenVas"]
