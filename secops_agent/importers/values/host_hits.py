"""Hits of network scanners: one check that fired on one port of one host, as a finding for each vulnerability it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from secops_agent.services.records import (
    AssetRecord,
    Cvss,
    FindingRecord,
    Record,
    Severity,
    VulnerabilityRecord,
)

from .fields import shortened

SECRET: Final = re.compile(
    r"口令|密码|密钥|凭[证据]|password|passwd|credential|secret|token|default (?:login|account)",
    re.IGNORECASE,
)
HIDDEN: Final = "（可能含口令，未保存）"
_FIXED: Final = re.compile(
    r"^\s*(?:Fixed|Should be) version\s*:\s*(\S.{0,400})$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class HostHit:
    """``rule``: the scanner's own number of the check; ``place``: "tcp/443", "" for the host; ``output``: what the check saw."""

    rule: str
    title: str
    severity: Severity
    asset: AssetRecord
    place: str = ""
    ids: tuple[str, ...] = ()
    score: Cvss | None = None
    family: str = ""
    description: str = ""
    solution: str = ""
    output: str = ""
    references: tuple[str, ...] = ()
    cwes: tuple[str, ...] = ()
    published: datetime | None = None
    seen_at: datetime | None = None


def records_of(hit: HostHit) -> Iterator[Record]:
    """The vulnerabilities that it names, each with its finding; one finding without one where it names none.

    The score belongs to the check: it is a vulnerability's where the check names only that one.
    """
    fixed = _FIXED.search(hit.output)
    hides = SECRET.search(f"{hit.title} {hit.family}")
    finding = FindingRecord(
        kind="vulnerability",
        key=(hit.rule, hit.place),
        title=shortened(hit.title, 500),
        severity=hit.severity,
        source=hit.asset.source,
        asset=hit.asset,
        rule_id=hit.rule[:200],
        description=shortened(hit.description, 4000),
        location=hit.place,
        fixed_version=shortened(fixed[1].strip(), 500) if fixed else "",
        evidence=HIDDEN if hides and hit.output else shortened(hit.output, 2000),
        remediation=shortened(hit.solution, 2000),
        references=hit.references[:50],
        seen_at=hit.seen_at,
    )
    for vuln_id in hit.ids:
        yield _flaw(hit, vuln_id)
        yield replace(finding, key=(hit.rule, vuln_id, hit.place), vulnerability=vuln_id)
    if not hit.ids:
        yield finding


def _flaw(hit: HostHit, vuln_id: str) -> VulnerabilityRecord:
    if len(hit.ids) > 1:
        return VulnerabilityRecord(vuln_id, source=hit.asset.source)
    return VulnerabilityRecord(
        vuln_id, title=shortened(hit.title, 500), severity=hit.severity, cvss=(hit.score,) if hit.score else (),
        cwes=hit.cwes, published=hit.published, source=hit.asset.source,
    )  # fmt: skip
