"""The pages and the PDF of reports: who reads them, and that names from outside stay names."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import KnownGroup, OutboxRow, State
from bifang.core.models import SystemConfig
from bifang.core.requests.headers import POLICY
from secops_agent.models import Alert, AuditRecord, Role, SecurityReport, Staff
from secops_agent.services.reports import archive, typesetting
from secops_agent.services.reports.outline import document
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
    taken = viewer.get(page("file", report.pk, "pdf"))
    assert (taken.status_code, taken["Content-Type"]) == (200, "application/pdf")
    assert taken.content.startswith(b"%PDF-")
    assert "attachment" in taken["Content-Disposition"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "more"), [("change", ()), ("file", ("markdown",))])
def test_nobody_else_reads_them(report, name, more):
    assert Client().get(page(name, report.pk, *more)).status_code == 302
    assert with_role(Role.NONE).get(page(name, report.pk, *more)).status_code in (302, 403)
    assert with_role(Role.VIEWER).get(page(name, 999_999, *more)).status_code == 404


def test_every_format_can_be_taken_and_no_other(report, settings):
    settings.REPORT_COMPANY, settings.REPORT_SECRECY = "星河公司", "机密"
    viewer = with_role(Role.VIEWER)
    begins = {
        "pdf": b"%PDF-",
        "png": b"\x89PNG",
        "markdown": "# 安全日报".encode(),
        "csv": "\ufeff部分".encode(),
    }
    taken = {name: viewer.get(page("file", report.pk, name)) for name in begins}
    assert all(taken[name].content.startswith(begin) for name, begin in begins.items())
    assert viewer.get(page("file", report.pk, "exe")).status_code == 404
    told = taken["markdown"].content.decode()
    for words in (
        "单位：星河公司",
        "密级：机密",
        "分发：安全负责人",
        "1. 新增告警 3 条",
        "| 新增告警 | 3 条 | ▲3 |",
    ):
        assert words in told
    shown = text_of(viewer.get(page("change", report.pk)))
    assert all(each in shown for each in ("星河公司", "机密", "新增告警 3 条，比前一天多 3 条"))


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
    assert len(drawn) == 2 + 2, "charts, and sparklines of what was not nothing all along"
    assert not any(re.search(r"\bstyle=|<style|<script|href=|\bon\w+=", each) for each in drawn)
    assert "'self'" in shown[POLICY]


def test_a_name_is_no_command_of_the_typesetter(report):
    """Read as markup, it would panic, read a file, or not even parse: there would be no PDF."""
    assert HOSTILE.startswith(report.figures.alerts.rules[0].name[:20])
    assert typesetting.render(document(report)).startswith(b"%PDF-")


def test_without_the_components_the_page_says_what_to_install(report, monkeypatch, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(typesetting, "_PACKAGES", ("no_such_package",))
    viewer = with_role(Role.VIEWER)
    assert "requirements-reports.lock" in text_of(viewer.get(page("change", report.pk)))
    refused = viewer.get(page("file", report.pk, "pdf"), follow=True)
    assert "requirements-reports.lock" in messages_of(refused)
    (tmp_path / "installing-reports").touch()
    assert "正在后台安装" in text_of(viewer.get(page("change", report.pk)))
    assert viewer.get(page("file", report.pk, "markdown")).status_code == 200


def test_a_report_is_sent_to_a_chosen_group_and_only_by_who_makes_them(report):
    config = SystemConfig.objects.create(
        kind="dingtalk", name="机器人", client_id="ding1", params={"notifications_enabled": True}
    )
    KnownGroup.objects.create(
        config=config,
        conversation_id="cidGroup",
        title="管理层群",
        learned_at=timezone.now(),
        last_seen_at=timezone.now(),
    )
    analyst, address = with_role(Role.ANALYST), page("send", report.pk)
    shown = text_of(analyst.get(page("change", report.pk)))
    assert "发给…" in shown
    assert "管理层群" in shown
    assert "毕方没有接邮件：下载文件自己转发" in shown
    said = messages_of(
        analyst.post(address, {"to": f"group:{config.pk}:cidGroup", "form": "csv"}, follow=True)
    )
    assert "正在发给 管理层群" in said
    told, file = OutboxRow.objects.order_by("pk")
    assert report.period.title in told.text
    assert told.order_key == file.order_key
    mine = page("change", report.pk)
    OutboxRow.objects.filter(pk=told.pk).update(state=State.DONE, sent_at=timezone.now())
    assert "发送中 ¦ 文件给 ¦ cidGroup ¦ 管理层群" in text_of(analyst.get(mine))
    OutboxRow.objects.filter(pk=file.pk).update(state=State.DEAD, last_error="机器人不在群里")
    assert re.search("无法送达 ¦ 文件给 ¦ cidGroup ¦ 管理层群.*机器人不在群里", text_of(analyst.get(mine)))
    OutboxRow.objects.filter(pk=file.pk).update(state=State.DONE, last_error="", sent_at=timezone.now())
    assert re.search("已发送 ¦ (文件)?给 ¦ cidGroup ¦ 管理层群", text_of(analyst.get(mine)))
    assert "已发送" not in text_of(analyst.get(page("change", archive.make("last_week").pk)))
    assert "请在列表里选择发给谁" in messages_of(analyst.post(address, {"to": "group:1:other"}, follow=True))
    assert with_role(Role.VIEWER).post(address, {"to": f"group:{config.pk}:cidGroup"}).status_code == 403
    assert OutboxRow.objects.count() == 2


def test_a_report_goes_to_ones_own_corporation_to_whom_may_see_it_and_ten_times_an_hour(report):
    ours, theirs = (
        SystemConfig.objects.create(
            kind="dingtalk", name=name, client_id=name,
            params={"notifications_enabled": True, "corp_id": name},
        )
        for name in ("corpA", "corpB")
    )  # fmt: skip
    for config in (ours, theirs):
        KnownGroup.objects.create(
            config=config, conversation_id=f"cid{config.name}", title=f"{config.name}的群", corp_id=config.name,
            learned_at=timezone.now(), last_seen_at=timezone.now(),
        )  # fmt: skip
    staff = {
        name: Staff.objects.create(corp_id=corp, staff_id=name, name=name, role=role)
        for name, corp, role in (
            ("同事", "corpA", Role.VIEWER), ("无权", "corpA", Role.NONE), ("外人", "corpB", Role.VIEWER),
            ("哪家", "", Role.VIEWER), ("停用", "corpA", Role.VIEWER),
        )
    }  # fmt: skip
    analyst, address = with_role(Role.ANALYST), page("send", report.pk)
    Staff.objects.filter(staff_id="as-analyst").update(corp_id="corpA")
    Staff.objects.filter(staff_id="停用").update(user=User.objects.create_user("off", is_active=False))

    def send(to):
        return messages_of(analyst.post(address, {"to": to, "form": ""}, follow=True))

    places = text_of(analyst.get(page("change", report.pk)))
    assert "corpA的群" in places
    assert "同事" in places
    for foreign in ("corpB的群", "外人", "哪家（", "停用（"):
        assert foreign not in places
    for config, group in ((theirs, "cidcorpB"), (ours, "cidcorpB")):
        assert "只能选本企业" in send(f"group:{config.pk}:{group}")
    assert "只能选本企业" in send(f"person:{theirs.pk}:{staff['外人'].pk}")
    assert "没有查看权限" in send(f"person:{ours.pk}:{staff['无权'].pk}")
    assert OutboxRow.objects.count() == 0
    for _ in range(10):
        assert "正在发给" in send(f"person:{ours.pk}:{staff['同事'].pk}")
    assert "一小时内最多发 10 次" in send(f"group:{ours.pk}:cidcorpA")
    assert OutboxRow.objects.count() == 10
    assert AuditRecord.objects.filter(what__startswith="发送安全报告").count() == 10
