"""What suppliers say about our findings: it is shown, followed while nobody decided, and never outranks a person."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings as current
from django.utils import timezone

from secops_agent.importers import registry
from secops_agent.models import Finding, History, SupplierStatement, Vulnerability
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.records import Kev, VexRecord
from secops_agent.services.vulnerabilities import findings
from secops_agent.services.vulnerabilities.catalogue import affected_assets
from secops_agent.services.vulnerabilities.openvex import statements, vex
from secops_agent.services.vulnerabilities.openvex.vex_products import Installable, fit
from tests.admin_pages import serve_plain_static

from .api.callers import with_token
from .importers.reading_aid import source_of
from .inventory_aid import NOW, component, finding, flaw, host, log4j_range, person, store

pytestmark = pytest.mark.both_databases
CVE = "CVE-2021-44228"
PURL = "pkg:maven/org.apache.logging.log4j/log4j-core"
WHY = "vulnerable_code_not_in_execute_path"


def said(status="not_affected", *, days=0, **more):
    values = {
        "vulnerability": CVE, "status": status, "author": "示例厂商", "document": "EX-7", "version": "1", "product": PURL,
        "justification": WHY if status == "not_affected" else "", "said_at": NOW + timedelta(days=days - 30),
    }  # fmt: skip
    return VexRecord(**values | more)


def estate(name="web-01"):
    asset = host(name)
    found = component(asset)
    return store(
        flaw(), found, finding(asset, "log4j", kind="vulnerability", component=found, vulnerability=CVE)
    )


def only():
    return Finding.objects.get()


@pytest.mark.slow
def test_a_tokens_word_settles_nothing_grave_until_a_person_brings_the_same(database):
    """Whoever holds a token that may import can write any supplier's name into a file."""
    program = Actor.token("7", "流水线")
    estate()
    Finding.objects.update(severity="critical")
    ingest.store(iter([said()]), program)
    assert only().decision == ""
    [shown] = findings.get(only().pk).statements
    assert shown.author == "示例厂商（由 流水线 用 API 令牌导入）"
    ingest.store(iter([said()]), program)
    assert only().decision == ""
    store(said())
    assert only().decision == "not_affected"
    ingest.store(iter([said()]), program)  # the same word once more changes nothing
    assert only().decision == "not_affected"
    ingest.store(iter([said(days=1)]), program)
    assert only().decision == ""
    assert "API 令牌" in findings.get(only().pk).history[0].note
    Finding.objects.update(severity="medium")
    ingest.store(iter([said(days=2)]), program)
    assert only().decision == "not_affected"


def test_supplier_is_followed_and_stays_visible(database):
    estate()
    outcome = store(said(note="没有启用 JNDI"))
    row = only()
    assert (row.decision, row.justification, row.active) == ("not_affected", WHY, False)
    assert (outcome.created["statement"], outcome.updated["finding"]) == (1, 1)
    told = findings.get(row.pk)
    assert told.history[0].action == "vex"
    for word in ("示例厂商", "EX-7", "没有启用 JNDI", "2026-10-25"):
        assert word in told.history[0].note
    assert [(each.author, each.status) for each in told.statements] == [("示例厂商", "not_affected")]
    (exposed,) = affected_assets(CVE).unaffected
    assert "示例厂商 声明不受影响" in exposed.reason
    assert "示例厂商" in vex.statements(row.vulnerability)[0].note


def test_what_is_exploited_is_settled_by_no_suppliers_word(database):
    estate()
    store(said())
    assert only().decision == "not_affected"
    store(flaw(kev=Kev()))
    store(said(days=1))
    assert (only().decision, only().active) == ("", True)
    assert "已被利用（KEV）" in findings.get(only().pk).history[0].note


def test_finding_that_comes_later_is_settled_too(database):
    store(said())
    estate()
    assert only().decision == "not_affected"
    store(flaw(affected=(log4j_range(),)), component(host("web-02")))
    assert set(Finding.objects.values_list("source", "decision")) == {
        ("trivy", "not_affected"),
        ("bifang", "not_affected"),
    }


@pytest.mark.parametrize("mine", ["affected", ""])
def test_person_is_never_overruled(database, mine):
    estate()
    actor = Actor.person(person(), "dingtalk")
    findings.decide(only().pk, "affected", actor)
    if not mine:
        findings.decide(only().pk, "", actor)
    store(said())
    assert (only().decision, only().active) == (mine, True)
    assert [each.status for each in statements.about_finding(only())] == ["not_affected"]


def test_same_and_older_documents_change_nothing(database):
    estate()
    store(said("affected", days=5, version="2"))
    for again in (
        said(),
        said(days=9, version="1"),
        said(days=5, version="2"),
        said("affected", days=5, version="2"),
    ):
        outcome = store(again)
        assert not any((*outcome.created.values(), *outcome.updated.values())), again
    assert (only().decision, SupplierStatement.objects.get().status) == ("", "affected")


def test_supplier_that_changes_its_mind_opens_the_finding_again(database):
    estate()
    store(said())
    store(said("affected", days=1, version="2"))
    row = only()
    assert (row.decision, row.justification, row.active) == ("", "", True)
    assert "恢复为待处理" in findings.get(row.pk).history[0].note


@pytest.mark.parametrize(
    "other",
    [
        said("affected", author="另一家"), said("under_investigation", author="另一家"),
        said("affected", product=f"{PURL}@2.14.1"),
    ],
)  # fmt: skip
def test_doubt_among_suppliers_or_a_closer_word_keeps_it_open(database, other):
    estate()
    store(said(), other)
    assert (only().decision, only().active) == ("", True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "elsewhere",
    [
        said(product=f"{PURL}@2.15.0"), said(product="pkg:maven/com.example/log4j-core"), said(asset="host:hostname:db-01"),
        said(vulnerability="CVE-2021-45046"), said("fixed"), said(justification=""), said(product="log4j-core"), said(product=""),
    ],
)  # fmt: skip
def test_what_is_said_of_something_else_or_without_a_reason_settles_nothing(database, elsewhere):
    estate()
    store(elsewhere)
    assert only().decision == ""


def test_statement_about_one_asset_is_about_that_one(database):
    estate("web-01")
    estate("web-02")
    store(said(asset="host:hostname:web-01", product=""))
    assert set(Finding.objects.values_list("asset__name", "decision")) == {
        ("web-01", "not_affected"),
        ("web-02", ""),
    }


def test_statement_from_the_future_is_refused(database):
    estate()
    outcome = store(said(said_at=timezone.now() + timedelta(days=400)))
    assert [("在将来" in each.reason) for each in outcome.rejected] == [True]
    assert (only().decision, SupplierStatement.objects.count()) == ("", 0)


def test_two_names_that_turn_out_to_be_one_keep_their_statements(database):
    store(said(vulnerability="GHSA-aaaa-bbbb-cccc"))
    store(flaw("CVE-2026-77"))
    store(flaw("CVE-2026-77", aliases=("GHSA-aaaa-bbbb-cccc",)))
    assert [each.author for each in statements.about_vulnerability(Vulnerability.objects.get().pk)] == [
        "示例厂商"
    ]
    assert store(said(vulnerability="GHSA-aaaa-bbbb-cccc")).unchanged["statement"] == 1


def test_our_own_export_comes_back_and_changes_nothing(database, settings, tmp_path):
    serve_plain_static(settings, tmp_path)
    estate("web-01")
    estate("web-02")
    _followed, mine = Finding.objects.order_by("id")
    store(said(asset="host:hostname:web-01"))
    findings.decide(
        mine.pk, "not_affected", Actor.person(person(), "dingtalk"), "没有启用 JNDI", justification=WHY
    )
    answer = with_token().get("/api/v1/findings/openvex/").json()
    (stated,) = answer["statements"]
    assert (stated["status"], stated["justification"], stated["impact_statement"]) == (
        "not_affected", WHY, "没有启用 JNDI",
    )  # fmt: skip
    before = list(Finding.objects.values()), History.objects.count(), SupplierStatement.objects.count()
    outcome = store(*registry.parse("openvex", source_of(json.dumps(answer))))
    assert not any((*outcome.created.values(), *outcome.updated.values()))
    assert outcome.unchanged["vulnerability"] == 1
    assert (
        list(Finding.objects.values()),
        History.objects.count(),
        SupplierStatement.objects.count(),
    ) == before


def test_export_of_another_installation_settles_the_same_findings(database, settings, tmp_path):
    serve_plain_static(settings, tmp_path)
    estate()
    findings.decide(only().pk, "not_affected", Actor.person(person(), "dingtalk"), justification=WHY)
    answer = with_token().get("/api/v1/findings/openvex/").json()
    Finding.objects.all().delete()
    estate("web-01")
    settings.SECRET_KEY = current.SECRET_KEY + "-other"
    store(*registry.parse("openvex", source_of(json.dumps(answer))))
    assert (only().decision, only().justification) == ("not_affected", WHY)


DEBIAN = Installable(
    "libssl3", "3.0.15-1", "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64&upstream=openssl", "debian-12.5"
)
RHEL = Installable(
    "openssl", "1:1.1.1k-7.el8", "pkg:rpm/redhat/openssl@1.1.1k-7.el8?arch=x86_64&epoch=1", "redhat-8.9"
)


@pytest.mark.parametrize(
    ("product", "platform", "own", "answer"),
    [
        ("pkg:deb/debian/libssl3", "", DEBIAN, 1), ("pkg:deb/debian/libssl3@3.0.15-1", "", DEBIAN, 2),
        ("pkg:deb/debian/libssl3?distro=debian-11", "", DEBIAN, 0), ("pkg:deb/debian/libssl3?distro=debian-12", "", DEBIAN, 1),
        ("pkg:deb/ubuntu/libssl3", "", DEBIAN, 0), ("pkg:deb/debian/libssl3?arch=arm64", "", DEBIAN, 0),
        ("pkg:deb/debian/openssl?arch=source", "", DEBIAN, 1), ("pkg:deb/debian/openssl", "", DEBIAN, 0),
        ("pkg:rpm/redhat/openssl", "redhat-8", RHEL, 1), ("pkg:rpm/redhat/openssl", "redhat-9", RHEL, 0),
        ("pkg:rpm/redhat/openssl", "cpe:/a:redhat:openshift:4", RHEL, 0),
        ("pkg:rpm/redhat/openssl@1.1.1k-7.el8?epoch=1", "cpe:/a:redhat:openshift:4", RHEL, 2),
        ("pkg:rpm/redhat/openssl@1.1.1k-7.el8", "", RHEL, 0),
        ("cpe:2.3:a:openbsd:openssh:8.9:*:*:*:*:*:*:*", "", Installable("OpenSSH", "8.9"), 2),
        ("cpe:/a:openbsd:openssh", "", Installable("openssh", "9.0"), 1),
        ("cpe:2.3:a:openbsd:openssh:8.9:*:*:*:*:*:*:*", "", Installable("openssh", "9.0"), 0),
        ("cpe:2.3:a:redhat:openssl:*:*:*:*:*:*:*:*", "", RHEL, 0), ("cpe:2.3:o:linux:linux_kernel:*", "", Installable("linux_kernel"), 0),
        ("cpe:2.3:a:*:*:*", "", Installable("*"), 0), ("pkg:npm/x", "", Installable("x", "1"), 0), ("pkg:???", "", RHEL, 0), ("", "", RHEL, 0),
    ],
)  # fmt: skip
def test_product_fits_only_without_doubt(product, platform, own, answer):
    assert fit(product, platform, own) == answer


def test_versions_of_a_document_are_ordered_as_numbers(database):
    store(said(version="9"))
    store(said("affected", version="10", days=0))
    assert SupplierStatement.objects.get().status == "affected"
    assert replace(said(), version="10") != said()
