"""The pages and the PDF of reports: who reads them, and that names from outside stay names."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.core.requests.headers import POLICY
from secops_agent.models import Alert, AuditRecord, Role, SecurityReport
from secops_agent.services.reports import archive, pdf
from tests.admin_pages import messages_of, serve_plain_static, text_of, with_role
from tests.secops.reports.estate import row

pytestmark = pytest.mark.django_db
LIST = "admin:secops_agent_securityreport_changelist"
HOSTILE = '#panic("x") $1/0$ <script>alert(1)</script> ]; #read("/etc/passwd") \\ */ 张三'


@pytest.fixture(autouse=True)
def _static(settings, tmp_path):
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def report():
    at = timezone.now() - timedelta(days=1)
    Alert.objects.bulk_create(row(number, at, rule_name=HOSTILE) for number in range(3))
    return archive.make("yesterday")


def page(name, *arguments):
    return reverse(f"admin:secops_agent_securityreport_{name}", args=arguments)


@pytest.mark.slow
def test_a_viewer_reads_the_page_and_takes_the_pdf(report):
    viewer = with_role(Role.VIEWER)
    assert "新增告警 3 条" in text_of(viewer.get(reverse(LIST)))
    shown = viewer.get(page("change", report.pk))
    assert "▲3" in text_of(shown)
    assert report.period.title in text_of(shown)
    taken = viewer.get(page("pdf", report.pk))
    assert (taken.status_code, taken["Content-Type"]) == (200, "application/pdf")
    assert taken.content.startswith(b"%PDF-")
    assert "attachment" in taken["Content-Disposition"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["change", "pdf"])
def test_nobody_else_reads_them(report, name):
    assert Client().get(page(name, report.pk)).status_code == 302
    assert with_role(Role.NONE).get(page(name, report.pk)).status_code in (302, 403)
    assert with_role(Role.VIEWER).get(page(name, 999_999)).status_code == 404


@pytest.mark.slow
def test_only_analysts_make_reports():
    viewer, analyst = with_role(Role.VIEWER), with_role(Role.ANALYST)
    assert viewer.post(page("make"), {"period": "last_week"}).status_code == 403
    assert analyst.get(page("make")).status_code == 405
    assert "可以是" in messages_of(analyst.post(page("make"), {"period": "明年"}, follow=True))
    assert not SecurityReport.objects.exists()
    analyst.post(page("make"), {"period": "last_week"})
    assert SecurityReport.objects.get().kind == "weekly"
    assert AuditRecord.objects.filter(what__startswith="生成安全报告「周报").exists()


def test_the_page_keeps_names_as_names_and_needs_no_exception_of_the_policy(report):
    shown = with_role(Role.VIEWER).get(page("change", report.pk))
    body = shown.content.decode()
    assert "<script>alert" not in body
    drawn = re.findall(r"<svg.*?</svg>", body, re.DOTALL)
    assert len(drawn) == 2
    assert not any(re.search(r"\bstyle=|<style|<script|href=|\bon\w+=", each) for each in drawn)
    assert "'self'" in shown[POLICY]


def test_a_name_is_no_command_of_the_typesetter(report):
    """Read as markup, it would panic, read a file, or not even parse: there would be no PDF."""
    assert HOSTILE.startswith(report.figures.alerts.rules[0].name[:20])
    assert pdf.render(report).startswith(b"%PDF-")


def test_without_the_components_the_page_says_what_to_install(report, monkeypatch):
    monkeypatch.setattr(pdf, "_PACKAGES", ("no_such_package",))
    viewer = with_role(Role.VIEWER)
    assert "requirements-reports.lock" in text_of(viewer.get(page("change", report.pk)))
    refused = viewer.get(page("pdf", report.pk), follow=True)
    assert "requirements-reports.lock" in messages_of(refused)
