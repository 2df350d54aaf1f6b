"""Records as importers would send them, and the door they go through."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from secops_agent.models import Staff
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.records import (
    Affected,
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Key,
    ScanRecord,
    VulnerabilityRecord,
)
from secops_agent.services.records.identity import digest

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
ACTOR = Actor.system("import:test")


def person(staff_id="lisi", name="李四", role="analyst", **more):
    return Staff.objects.create(staff_id=staff_id, name=name, role=role, **more)


def store(*items, at=NOW, **options):
    """One import; `at` is the time of records that have none."""
    return ingest.store(iter(items), ACTOR, received_at=at, **options)


def host(name="web-01", *ips, fqdn="", **more):
    keys = ((Key("fqdn", fqdn),) if fqdn else ()) + ((Key("hostname", name),) if name else ())
    keys += tuple(Key("ip", ip) for ip in ips)
    return AssetRecord("host", name or ips[0], keys, ips=ips, **{"source": "wazuh"} | more)


def alert(key="k", number=0, *, severity="high", at=NOW, **more):
    values = {
        "source": "suricata",
        "title": f"规则 {key}",
        "rule_name": f"规则 {key}",
        "event_id": f"{key}-{number}",
    }
    return AlertRecord(dedup_key=(key,), severity=severity, occurred_at=at, **values | more)


def component(asset, name="log4j-core", version="2.14.1", purl=None, **more):
    if purl is None:
        purl = f"pkg:maven/org.apache.logging.log4j/{name}@{version}"
    return ComponentRecord(name, version, purl, "maven", asset, source="syft", **more)


def flaw(vuln_id="CVE-2021-44228", **more):
    values = {"severity": "critical", "title": "Log4Shell", "source": "osv"}
    return VulnerabilityRecord(vuln_id, **values | more)


def log4j_range(fixed="2.15.0"):
    return Affected("Maven", "org.apache.logging.log4j:log4j-core", "", "2.0-beta9", fixed)


def finding(asset, rule="R1", *, kind="misconfiguration", severity="high", source="trivy", **more):
    return FindingRecord(kind, (rule,), f"问题 {rule}", severity, source, asset, rule_id=rule, **more)


def scan(asset, *kinds, source="trivy", at=None):
    return ScanRecord(source, asset, kinds or ("misconfiguration",), at)


def later(**delta):
    return NOW + timedelta(**delta)


def mark(text):
    """A digest of a file."""
    return digest(text) * 2


@contextmanager
def queries() -> Any:
    """Counts the statements that are sent to the database."""
    with CaptureQueriesContext(connection) as caught:
        yield caught
