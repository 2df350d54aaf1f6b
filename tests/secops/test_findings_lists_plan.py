"""Every list reads an index: no statement walks a whole table of the estate."""

import re

import pytest
from django.db import connection

from secops_agent.models import Asset
from secops_agent.services.alerts import backlog, triage
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.vulnerabilities import catalogue, findings
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter
from secops_agent.services.vulnerabilities.findings import FindingFilter

from .inventory_aid import alert, component, finding, flaw, host, later, queries, store

LISTS = {
    "alerts": lambda pk: triage.search(AlertFilter()),
    "alerts by severity and status": lambda pk: triage.search(
        AlertFilter(severities=("high",), statuses=("open",))
    ),
    "alerts since": lambda pk: triage.search(
        AlertFilter(severities=("critical", "high"), since=later(hours=-24))
    ),
    "alerts of an asset": lambda pk: triage.search(AlertFilter(assets=(pk,))),
    "alerts of a source": lambda pk: triage.search(AlertFilter(sources=("suricata",))),
    "alerts of a person": lambda pk: triage.search(AlertFilter(assignees=(1,))),
    "alert statistics": lambda pk: triage.statistics(
        AlertFilter(since=later(hours=-24, minutes=-7)), "asset"
    ),
    "assets": lambda pk: inventory.search(AssetFilter()),
    "assets of a type": lambda pk: inventory.search(AssetFilter(asset_type="host")),
    "components": lambda pk: inventory.components(pk),
    "findings": lambda pk: findings.search(FindingFilter()),
    "findings by severity": lambda pk: findings.search(FindingFilter(severities=("critical",))),
    "findings of an asset": lambda pk: findings.search(FindingFilter(asset_id=pk)),
    "vulnerabilities": lambda pk: catalogue.search(VulnerabilityFilter()),
    "exploited vulnerabilities": lambda pk: catalogue.search(VulnerabilityFilter(kev_only=True)),
    "affected assets": lambda pk: catalogue.affected_assets("CVE-2021-44228"),
}


def plan(sql):
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        return [line[3] for line in cursor.fetchall()]


@pytest.fixture
def asset_id(database):
    asset = host("web-01", "10.0.0.5")
    store(
        flaw(),
        component(asset),
        alert("a", assets=(asset,)),
        finding(asset, kind="vulnerability", vulnerability="CVE-2021-44228"),
    )
    return Asset.objects.get().pk


def test_no_list_walks_a_table(asset_id):
    walked = re.compile(r"^SCAN (secops_agent_\w+|[UV]\d+)$")
    for name, search in LISTS.items():
        with queries() as caught:
            search(asset_id)
        for query in caught.captured_queries:
            bad = [line for line in plan(query["sql"]) if walked.match(line)]
            assert bad == [], f"{name}: {query['sql']}"


COUNTS = {
    "levels since": lambda: triage.statistics(AlertFilter(since=later(hours=-24))),
    "open levels since": lambda: triage.statistics(AlertFilter(since=later(hours=-24), statuses=("open",))),
    "days": lambda: triage.statistics(AlertFilter(since=later(days=-7)), "severity_day"),
    "days of the home page": lambda: backlog.days(later(), 14, ZONE),
}


@pytest.mark.parametrize("name", COUNTS)
def test_what_is_counted_in_a_span_is_read_from_its_part_of_an_index(asset_id, name):
    with queries() as caught:
        COUNTS[name]()
    lines = [line for query in caught.captured_queries for line in plan(query["sql"]) if "_alert " in line]
    assert lines
    assert all(line.startswith("SEARCH") and "COVERING INDEX" in line for line in lines)
