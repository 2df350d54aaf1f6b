"""Who calls the API in the tests, and an estate to ask about."""

import gzip
import itertools
import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from secops_agent.models import Role, Staff
from secops_agent.services import runbooks
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.people import tokens
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Indicator,
    Kev,
    Key,
    VulnerabilityRecord,
)

_numbers = itertools.count(1)
SYSTEM = Actor.system("test")


def with_token(*scopes: str, **options: Any) -> Client:
    """A program with a fresh token of these scopes."""
    _, secret = tokens.create(f"令牌{next(_numbers)}", scopes or ("read", "write", "ingest"), **options)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def person(role: Role | None = None, group: str = "") -> Client:
    """Someone signed in, with a Staff entry of that role, in that group."""
    user = User.objects.create_user(f"user{User.objects.count()}")
    if role is not None:
        Staff.objects.create(staff_id=user.username, name=f"人员{user.pk}", role=role, user=user)
    if group:
        user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def owned(role: Role, *scopes: str) -> Client:
    """A program whose token belongs to somebody of this role; all scopes unless said."""
    user = User.objects.create_user(f"owner{User.objects.count()}")
    Staff.objects.create(staff_id=user.username, name=f"人员{user.pk}", role=role, user=user)
    return with_token(*(scopes or ("read", "write", "ingest", "approve")), owner_id=user.pk)


def host(number: int) -> AssetRecord:
    """web-<number>."""
    name = f"web-{number:02}"
    return AssetRecord(
        "host", name, (Key("hostname", name),), (f"10.0.0.{number % 250}",), source="assets_csv"
    )


def estate(size: int = 3) -> None:
    """`size` hosts, each with an alert, a component and a finding; a vulnerability each."""
    now, items = timezone.now(), []
    for number in range(size):
        asset, cve = host(number), f"CVE-2026-{1000 + number}"
        component = ComponentRecord(
            "openssl", f"3.0.{number}", f"pkg:deb/debian/openssl@3.0.{number}", asset=asset
        )
        items += [
            asset,
            VulnerabilityRecord(
                cve, aliases=(f"GHSA-{number:04}-aaaa-bbbb",), title=f"漏洞 {number}", severity="high", cvss=(Cvss("3.1", 7.5),),
                epss=0.5, kev=Kev(added=now) if number == 0 else None, fixed_versions=("3.1",), source="osv",
            ),
            component,
            FindingRecord("vulnerability", (cve, component.purl), f"{cve} openssl", "high", "trivy", asset, component, cve),
            AlertRecord(
                "wazuh", (f"key-{number}",), f"SSH 暴力破解 {number}", "high", rule_id="5763", assets=(asset,),
                indicators=(Indicator("ip", "203.0.113.9"), Indicator("account", "zhang.wei")),
                occurred_at=now - timedelta(minutes=number), raw={"number": number},
            ),
        ]  # fmt: skip
    ingest.store(items, SYSTEM)
    runbooks.save(
        f"SSH 暴力破解处置 {next(_numbers)}", "# 步骤\n\n封禁来源 IP。", ("ssh",), ("T1110",), SYSTEM
    )


def generic(count: int = 1, start: int = 0) -> bytes:
    """A file of our own format with `count` alerts."""
    alerts = [
        {"title": f"告警 {number}", "severity": "low", "rule_id": f"r-{number}", "event_id": f"e-{number}", "occurred_at": "2026-11-20T08:00:00Z"}
        for number in range(start, start + count)
    ]  # fmt: skip
    return json.dumps({"format": "bifang", "version": 1, "source": "自研平台", "alerts": alerts}).encode()


def packed(data: bytes) -> bytes:
    """gzip."""
    return gzip.compress(data)
