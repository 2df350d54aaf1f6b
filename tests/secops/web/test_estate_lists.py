"""资产, 漏洞 and 发现: which the lists show, to whom, in which order, as a file, and what it costs."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bifang.core.rights import OPERATOR
from secops_agent.models import Asset, Finding, Role, Staff, Vulnerability
from secops_agent.services.vulnerabilities import findings
from tests.admin_pages import member, serve_plain_static, text_of
from tests.secops.api.callers import estate
from tests.secops.inventory_aid import ACTOR, finding, flaw, host, store

from .desk import at_desk

pytestmark = pytest.mark.django_db
LISTS = ("web:assets", "web:vulnerabilities", "web:findings")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def shown(client: Client, page: str, what: str, **query: Any) -> list[Any]:
    each = {"by": "each"} if page == "web:findings" else {}
    return [getattr(line, what) for line in client.get(reverse(page), each | query).context["lines"]]


def exported(client: Client, page: str, **query: Any) -> list[dict[str, str]]:
    file = client.get(reverse(page), {**query, "export": "csv"})
    return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))


@pytest.mark.slow
@pytest.mark.both_databases
def test_every_list_narrows_by_what_it_offers() -> None:
    client = at_desk(Role.VIEWER)
    estate(3)
    owner = Staff.objects.get()
    Asset.objects.filter(name="web-01").update(
        importance="critical", environment="生产", tags=["电商", "a=b&c"], owner=owner
    )
    for page, what, query, expected in (
        ("web:assets", "name", {"q": "web-0"}, ["web-00", "web-01", "web-02"]), ("web:assets", "name", {"q": "10.0.0.2"}, ["web-02"]),
        ("web:assets", "name", {"importance": "critical"}, ["web-01"]), ("web:assets", "name", {"environment": "生产"}, ["web-01"]),
        ("web:assets", "name", {"tag": "a=b&c"}, ["web-01"]), ("web:assets", "name", {"owner": owner.pk}, ["web-01"]),
        ("web:assets", "name", {"owner": 0}, ["web-00", "web-02"]), ("web:assets", "name", {"type": "website"}, []),
        ("web:assets", "name", {"sort": "importance"}, ["web-01", "web-00", "web-02"]),
        ("web:vulnerabilities", "vuln_id", {"q": "GHSA-0001"}, ["CVE-2026-1001"]),
        ("web:vulnerabilities", "vuln_id", {"tab": "kev"}, ["CVE-2026-1000"]), ("web:vulnerabilities", "vuln_id", {"fix": "0"}, []),
        ("web:findings", "name", {"cve": "ghsa-0001-aaaa-bbbb"}, ["CVE-2026-1001"]), ("web:findings", "name", {"kev": "1"}, ["CVE-2026-1000"]),
        ("web:findings", "name", {"tab": "mine"}, ["CVE-2026-1001"]), ("web:findings", "name", {"tab": "overdue"}, []),
        ("web:findings", "name", {"severity": ["low", "info"]}, []), ("web:findings", "name", {"source": "grype"}, []),
    ):  # fmt: skip
        found = shown(client, page, what, **query)
        assert (sorted(set(found)) if "sort" not in query else found) == expected, (page, query)


@pytest.mark.both_databases
def test_what_affects_us_and_is_exploited_comes_first() -> None:
    client = at_desk(Role.VIEWER)
    estate(3)
    store(flaw("CVE-2020-9999"))
    assert shown(client, "web:vulnerabilities", "vuln_id")[0] == "CVE-2026-1000"
    assert "CVE-2020-9999" not in shown(client, "web:vulnerabilities", "vuln_id")
    assert "CVE-2020-9999" in shown(client, "web:vulnerabilities", "vuln_id", tab="all")
    assert shown(client, "web:findings", "name")[0] == "CVE-2026-1000"
    assert shown(client, "web:assets", "name")[0] == "web-00", "the most endangered first"
    (line,) = client.get(reverse("web:vulnerabilities"), {"q": "CVE-2026-1001"}).context["lines"]
    assert line.assets == 1
    (line,) = client.get(reverse("web:assets"), {"q": "web-00"}).context["lines"]
    assert (line.standing.alerts, line.standing.kev) == (
        1,
        Finding.objects.filter(asset__name="web-00", active=True).count(),
    )


@pytest.mark.both_databases
def test_facets_count_what_else_there_is() -> None:
    client = at_desk(Role.ANALYST)
    asset = host()
    store(
        finding(asset, "A", severity="high"),
        finding(asset, "B", severity="low"),
        finding(asset, "C", severity="low", kind="secret"),
    )
    findings.decide(Finding.objects.get(rule_id="A").pk, "in_progress", ACTOR)
    page = client.get(reverse("web:findings"), {"severity": "low"})
    counts = {each.title: {one.label: one.count for one in each.links} for each in page.context["facets"]}
    assert counts["级别"] == {"高危": "1", "低危": "2"}
    assert counts["种类"] == {"错误配置": "1", "泄露的密钥": "1"}
    assert counts["决定"] == {"没有决定": "2"}
    assert shown(client, "web:findings", "name", decision="in_progress") == ["A"]
    assert shown(client, "web:findings", "name", decision="none", kind="secret") == ["C"]
    assert [tab.count for tab in page.context["tabs"]] == ["2", "0", "0", "0", "0", "0", "2"], (
        "as far as chosen"
    )
    page = client.get(reverse("web:findings"))
    assert [tab.count for tab in page.context["tabs"]] == ["3", "0", "0", "0", "0", "1", "3"]


def test_what_a_list_does_not_know_is_refused() -> None:
    client = at_desk(Role.VIEWER)
    for page, query in (
        ("web:assets", "type=castle"), ("web:assets", "owner=x"), ("web:assets", "name__regex=a"), ("web:assets", "q=%00"),
        ("web:assets", "importance=high&importance=low"), ("web:vulnerabilities", "tab=mine"), ("web:vulnerabilities", "fix=2"),
        ("web:findings", "severity=worst"), ("web:findings", "asset=99999999999999999999"), ("web:findings", "sort=title"),
        ("web:findings", "q=" + "x" * 201), ("web:findings", "evidence__contains=a"),
    ):  # fmt: skip
        assert client.get(f"{reverse(page)}?{query}").status_code == 400, (page, query)
    assert client.get(reverse("web:findings"), {"page": "no", "asset": 10**17}).status_code == 200


def test_those_who_may_see_the_estate_open_it() -> None:
    estate(1)
    viewer, operator, nobody = at_desk(Role.VIEWER), member(OPERATOR), at_desk(Role.NONE, "zhao")
    pages = [reverse(page) for page in LISTS]
    pages += [
        reverse(f"web:{kind._meta.model_name}", args=[kind.objects.latest("pk").pk])
        for kind in (Asset, Finding, Vulnerability)
    ]
    for page in pages:
        assert Client().get(page).url.startswith("/admin/login/")
        assert viewer.get(page).status_code == 200
        assert operator.get(page).status_code == 200
        assert nobody.get(page).status_code in (302, 403)
        assert viewer.post(page).status_code == 405
        assert viewer.get(f"{page.rstrip('/')[: page.rstrip('/').rfind('/')]}/{2**63}/").status_code == 404


@pytest.mark.both_databases
def test_a_list_as_a_file_holds_what_it_shows_and_no_formula() -> None:
    client = at_desk(Role.VIEWER)
    evil = '=HYPERLINK("http://evil.example","看")'
    asset = host("web-01")
    store(finding(asset, "A"), finding(asset, "B", severity="low"), flaw("CVE-2020-1", title=evil))
    Asset.objects.update(owner_text=evil, tags=["+1"])
    Finding.objects.filter(rule_id="A").update(title=evil)
    (row,) = exported(client, "web:findings", severity="high")
    assert row["标题"] == f"'{evil}"
    (row,) = exported(client, "web:assets")
    assert (row["负责人"], row["标签"], row["待处理发现"]) == (f"'{evil}", "'+1", "2")
    (row,) = exported(client, "web:vulnerabilities", tab="all")
    assert row["标题"] == f"'{evil}"
    assert exported(client, "web:vulnerabilities") == []


def test_an_empty_list_says_what_to_do() -> None:
    client = at_desk(Role.VIEWER)
    assert "导入任务" in text_of(client.get(reverse("web:assets")))
    assert "没有数据不表示不受影响" in text_of(client.get(reverse("web:vulnerabilities")))
    assert "没有符合条件" in text_of(client.get(reverse("web:findings"), {"q": "没有"}))


@pytest.mark.slow
def test_pages_cost_the_same_with_many_rows() -> None:
    client, costs = at_desk(Role.ANALYST), []
    for size in (2, 40):
        estate(size)
        Finding.objects.update(due_at=timezone.now() + timedelta(days=3))
        asset, found, known = (
            Asset.objects.get(name="web-00"),
            Finding.objects.first(),
            Vulnerability.objects.first(),
        )
        pages = [
            *map(reverse, LISTS),
            reverse("web:finding", args=[found.pk]),
            reverse("web:vulnerability", args=[known.pk]),
        ]
        pages += [
            f"{reverse('web:asset', args=[asset.pk])}?tab={tab}"
            for tab in ("alerts", "findings", "components", "exposure", "history")
        ]
        cost = []
        for page in pages:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(page).status_code == 200
            cost.append(len(queries))
        costs.append(cost)
    assert costs[0] == costs[1], costs
    assert max(costs[1]) <= 20, costs


def test_a_keyword_that_no_finding_has_is_looked_for_once() -> None:
    store(finding(host("app-01", "10.0.0.5"), "R1"))
    client = at_desk(Role.ANALYST)
    for word, rows in (("没有这个词", 0), ("R1", 1)):
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("web:findings"), {"q": word, "tab": "all", "by": "each"})
        assert page.context["count"] == rows
        assert sum("location" in each["sql"] and word in each["sql"].upper() for each in queries) == 1
