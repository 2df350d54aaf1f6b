"""The XML that CNVD shares (国家信息安全漏洞共享平台, 漏洞数据共享): one file a week.

Its tags are spelt as they are there: ``vulnerabilitys`` and ``serverity``; the right spellings are read as well.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from xml.etree.ElementTree import Element

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert
from secops_agent.importers.reading.documents import local_name, plain_text, xml_elements
from secops_agent.importers.values.fields import aliases_in, canonical_id, distinct, parse_moment, shortened
from secops_agent.importers.values.observables import sighted_in
from secops_agent.services.records import Affected, Item, Record, VulnerabilityRecord, severity_of

_ROOT = re.compile(rb"<(?:vulnerabilitys|vulnerabilities)\b")
_NUMBER = re.compile(rb"<number>\s*CNVD-", re.IGNORECASE)
_CNVD = re.compile(r"CNVD-(?:C-)?\d{4}-\d+", re.IGNORECASE)


class Cnvd:
    """Levels 高, 中, 低; times are days in China."""

    name = "cnvd"
    title = "CNVD 共享漏洞（XML）"

    def sniff(self, head: bytes) -> float:
        if _ROOT.search(head[:4096]):
            return 1.0 if _NUMBER.search(head) or b"<serverity" in head else 0.6
        return 0.9 if b"<vulnerability>" in head and _NUMBER.search(head) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        entries = xml_elements(source, {"vulnerability"}, options.limits)
        return convert(entries, partial(_entry, options=options))


def _entry(entry: Element, *, options: Options) -> Iterator[Record]:
    number = _text(entry, "number")
    if not _CNVD.fullmatch(number):
        raise BrokenRecord(f"「number」不是 CNVD 编号：{number[:40] or '空'}")
    number, known = canonical_id(number), _cves(entry)
    single = known[0] if len(known) == 1 else ""
    yield VulnerabilityRecord(
        vuln_id=single or number,
        aliases=(number,) if single else (),
        title=shortened(_text(entry, "title", "vulnTitle"), 500),
        description=_description(entry, known if not single else ()),
        severity=severity_of(_text(entry, "serverity", "severity")),
        affected=tuple(Affected(raw=shortened(name, 500)) for name in _products(entry)),
        references=_references(entry),
        published=_day(entry, options, "openTime", "submitTime"),
        source=options.source or "cnvd",
    )


def _all(entry: Element, *names: str) -> Iterator[str]:
    """Every text under elements of these names, in order."""
    for element in entry.iter():
        if local_name(element.tag) in names:
            yield plain_text("".join(element.itertext())).strip()


def _text(entry: Element, *names: str) -> str:
    """The first that is not empty, in the order of the names."""
    return next((found for name in names for found in _all(entry, name) if found), "")


def _cves(entry: Element) -> tuple[str, ...]:
    """CVE numbers of <cves>. Several make no aliases: an alias would say that they are one vulnerability."""
    found = aliases_in(*_all(entry, "cveNumber", "cve", "cves"))
    return tuple(name for name in found if name.startswith("CVE-"))


def _products(entry: Element) -> tuple[str, ...]:
    """Free text such as "Example Server >=2.0，<2.4": shown to people, compared with nothing."""
    return distinct(_all(entry, "product"))


def _description(entry: Element, related: tuple[str, ...]) -> str:
    patch = "：".join(filter(None, (_text(entry, "patchName"), _text(entry, "patchDescription"))))
    parts = (
        ("", _text(entry, "description")),
        ("处置方式：", _text(entry, "formalWay")),
        ("补丁：", patch or _text(entry, "patch")),
        ("临时措施：", _text(entry, "tempWay")),
        ("相关编号：", "、".join(related)),
        ("漏洞类别：", _text(entry, "isEvent")),
        ("发现者：", _text(entry, "discovererName")),
    )
    return shortened("\n".join(f"{label}{value}" for label, value in parts if value))


def _references(entry: Element) -> tuple[str, ...]:
    places = _all(entry, "referenceLink", "cveUrl")
    return distinct(link for place in places for kind, link in sighted_in(place) if kind == "url")


def _day(entry: Element, options: Options, *names: str) -> datetime | None:
    written = _text(entry, *names)
    return parse_moment(written, options.zone, what=f"「{names[0]}」") if written else None


IMPORTER: Importer = Cnvd()
__all__ = ["IMPORTER", "Cnvd"]
