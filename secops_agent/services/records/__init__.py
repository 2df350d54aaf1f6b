"""Staging records: what an importer reads from a file and what the ingest service stores. Frozen, no Django.

Every record stands alone: a finding carries its asset and component, so records may be staged in any order and
in batches of any size. The same thing may come several times in one file (one CVE with another affected package);
whoever stores them merges by the documented identity. Text never holds NUL or lone surrogates, times are aware.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from secops_agent.services.severities import SEVERITIES as SEVERITIES
from secops_agent.services.severities import WORDS as WORDS
from secops_agent.services.severities import Severity as Severity
from secops_agent.services.severities import highest as highest
from secops_agent.services.severities import severity_of as severity_of
from secops_agent.services.severities import severity_of_score as severity_of_score

AssetType = Literal[
    "host", "container_image", "repository", "application", "account", "website", "network", "cloud", "other"
]
KeyKind = Literal[
    "cloud_id", "agent_id", "image_digest", "image", "repo_url", "url", "fqdn", "hostname", "mac", "ip",
    "account", "application", "path", "other",
]  # fmt: skip
IndicatorKind = Literal["ip", "domain", "url", "hash", "account", "email", "file", "process"]
FindingKind = Literal["vulnerability", "misconfiguration", "secret", "code"]
StatusHint = Literal["", "open", "closed"]
VexWord = Literal["affected", "under_investigation", "fixed", "not_affected"]
LONGEST_KEY = 500  # what the table holds: cut off, two things would be one


GUESSED: Final = "操作系统："  # what a scan makes of an asset, in its description
FACTS: Final = (
    "操作系统",
    "部门",
    "业务",
    "位置",
    "类型",
    "重要性",
)  # lines of a description that lists of assets write: 部门：财务


@dataclass(frozen=True, slots=True)
class Key:
    """One stable identity of an asset, e.g. Key("hostname", "web-01"). Values are lower case where case is void.

    A value is at most `LONGEST_KEY` characters; of a longer one the beginning and a digest of all of it.
    """

    kind: KeyKind
    value: str

    def __post_init__(self) -> None:
        if len(self.value) > LONGEST_KEY:
            whole = hashlib.sha256(self.value.encode("utf-8", "surrogatepass")).hexdigest()
            object.__setattr__(self, "value", f"{self.value[: LONGEST_KEY - 65]}…{whole}")


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """An asset as one source sees it. Two records are the same asset when a strong key (not ``ip``) is shared.

    ``keys`` come strongest first and are never empty; ``owner`` is a staffId or a name as the source has it.
    ``importance`` is "" when the source does not say; a ``description`` of one line that begins with `GUESSED` gives way to any other,
    one of `FACTS` alone replaces those lines only.
    ``source`` names the tool. ``hearsay``: whoever says so does not prove who they are; it finds an asset or begins one,
    and changes none.
    """

    asset_type: AssetType
    name: str
    keys: tuple[Key, ...]
    ips: tuple[str, ...] = ()
    owner: str = ""
    importance: Severity | Literal[""] = ""
    tags: tuple[str, ...] = ()
    environment: str = ""
    source: str = ""
    description: str = ""
    seen_at: datetime | None = None
    hearsay: bool = False


@dataclass(frozen=True, slots=True)
class ComponentRecord:
    """A piece of software on an asset. Identity: (asset, purl) or, without purl, (asset, type, name, version).

    ``purl`` is canonical (packageurl-python) or "". ``component_type`` is the purl type or the tool's word.
    ``distro`` is "debian-12", "alpine-3.19" … for OS packages: what version comparison and advisories need.
    """

    name: str
    version: str = ""
    purl: str = ""
    component_type: str = ""
    asset: AssetRecord | None = None
    distro: str = ""
    location: str = ""
    licenses: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Cvss:
    """One score. ``version`` is "2.0", "3.0", "3.1", "4.0", or "" with an empty ``vector``: only the number is known."""

    version: str
    score: float
    vector: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Affected:
    """What a vulnerability affects. Bounds as in OSV: introduced inclusive ("0": from the first), fixed exclusive,
    last_affected inclusive. ``raw`` keeps a range that has no such form ("<2.4.1", vers:…). ``versions``: listed
    one by one. ``range_type``: "ECOSYSTEM", "SEMVER", "GIT" or "" .
    """

    ecosystem: str = ""
    package: str = ""
    purl: str = ""
    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""
    raw: str = ""
    range_type: str = ""
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kev:
    """The entry of CISA's catalogue of known exploited vulnerabilities."""

    added: datetime | None = None
    due: datetime | None = None
    action: str = ""
    ransomware: bool = False


@dataclass(frozen=True, slots=True)
class VulnerabilityRecord:
    """A vulnerability or advisory. Identity: ``vuln_id`` and every alias name one and the same record.

    ``vuln_id`` is the CVE when there is one, else the source's own id (GHSA, CNVD, RHSA …); ``aliases`` does not
    repeat it. ``severity`` "info" also means that the source gives none: merge by the highest. ``epss`` is the
    probability 0..1, ``epss_percentile`` 0..1. ``kev`` None: this source does not say.
    """

    vuln_id: str
    aliases: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    severity: Severity = "info"
    cvss: tuple[Cvss, ...] = ()
    cwes: tuple[str, ...] = ()
    epss: float | None = None
    epss_percentile: float | None = None
    epss_date: datetime | None = None
    kev: Kev | None = None
    affected: tuple[Affected, ...] = ()
    fixed_versions: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    published: datetime | None = None
    modified: datetime | None = None
    withdrawn: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class FindingRecord:
    """Something wrong on an asset. Identity: (source, kind, asset, ``key``); ``key`` holds the rule or vulnerability,
    the versioned component, and the steadiest place the tool gives (a fingerprint rather than a line).

    ``vulnerability`` is the ``vuln_id`` of a VulnerabilityRecord that comes before it in the same file, "" for
    other kinds; ``rule_id`` is the tool's rule or check. ``evidence`` never holds a found secret's value.
    """

    kind: FindingKind
    key: tuple[str, ...]
    title: str
    severity: Severity
    source: str
    asset: AssetRecord | None = None
    component: ComponentRecord | None = None
    vulnerability: str = ""
    rule_id: str = ""
    description: str = ""
    location: str = ""
    fixed_version: str = ""
    evidence: str = ""
    remediation: str = ""
    references: tuple[str, ...] = ()
    suppressed: bool = False
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScanRecord:
    """A complete scan ends here: findings of (source, asset, one of ``kinds``) that this file did not bring are gone.

    Only sent when nothing of the scan was rejected and the file was whole.
    """

    source: str
    asset: AssetRecord
    kinds: tuple[FindingKind, ...]
    scanned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VexRecord:
    """A word of (author, vulnerability, product, platform, asset). ``product``: a purl, CPE, name for people, or "":
    all of the asset. ``platform``: "redhat-8". ``asset``: an identity ("host:fqdn:…"), "" for every one."""

    vulnerability: str
    status: VexWord
    author: str
    document: str
    said_at: datetime
    version: str = ""
    product: str = ""
    platform: str = ""
    asset: str = ""
    justification: str = ""
    note: str = ""
    action: str = ""
    aliases: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Indicator:
    """An observable of an alert, normalised (lower-case domains and hashes, canonical IPs)."""

    kind: IndicatorKind
    value: str


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert event. Identity: (source, ``dedup_key``); repeats are occurrences of one alert.

    ``event_id`` identifies this single occurrence (same file twice: counted once); "" when the source has none,
    then (dedup_key, occurred_at) must do. ``count`` is how many events this record stands for. ``confidence``
    0..100. ``status_hint`` says what the source thinks (resolved …); a verdict is only ever set by people.
    ``techniques`` are ATT&CK ids ("T1110.001"). ``raw`` is the source's own event, JSON-safe. ``action``: what the source
    did about it, in its own word; ``way``: from which address to which.
    """

    source: str
    dedup_key: tuple[str, ...]
    title: str
    severity: Severity
    rule_id: str = ""
    rule_name: str = ""
    description: str = ""
    confidence: int | None = None
    assets: tuple[AssetRecord, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    occurred_at: datetime | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    count: int = 1
    event_id: str = ""
    status_hint: StatusHint = ""
    techniques: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False)
    action: str = ""
    way: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """An entry of a list of indicators. Identity: (``list``, ``kind``, ``value``), spelled by `intelligence.values`.

    ``expires_at`` None: as the list has it. ``position``: of the row, for whoever has to refuse it.
    """

    list: str
    kind: str
    value: str
    note: str = ""
    origin: str = ""
    expires_at: datetime | None = None
    position: str = field(default="", compare=False)


Record = (
    AssetRecord | ComponentRecord | VulnerabilityRecord | FindingRecord | ScanRecord | AlertRecord | VexRecord | ListedRecord
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was not taken: ``position`` is a JSON path ("matches[3]"), "第 12 行" or "host[2]"; ``reason`` Chinese.

    ``fatal``: the file broke here, nothing after it was read. ``unused``: columns that nobody knows, no record.
    """

    position: str
    reason: str
    fatal: bool = False
    unused: bool = False


Item = Record | Rejected
