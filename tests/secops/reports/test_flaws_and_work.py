"""What reports say of findings and of people's work, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bifang.core.configuration import configs
from secops_agent.models import (
    Action,
    Alert,
    AlertAsset,
    AlertMessage,
    Asset,
    Case,
    Finding,
    NotificationRule,
    NotificationTarget,
    Proposal,
    SecurityReport,
    Silence,
    Staff,
    SuppressionRule,
    Vulnerability,
)
from secops_agent.services.alerts.queries.mistakes import MistakenRule
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.reports import archive, outline
from secops_agent.services.reports.conclusions import conclude
from secops_agent.services.reports.figures import (
    BusyAsset,
    DutyLoad,
    ExploitedFlaw,
    LateFlaw,
    Missed,
    NoisyRule,
    OpenWork,
    PeriodReport,
)
from secops_agent.services.reports.periods import period_of
from secops_agent.services.vulnerabilities import tallies
from tests.secops.reports.estate import NOW, row

pytestmark = pytest.mark.both_databases
DAY = period_of("yesterday", NOW)
INSIDE, BEFORE, AFTER = DAY.start + timedelta(hours=3), DAY.start - timedelta(days=5), DAY.end


def asset(name, importance="", asset_type="host", first_seen=BEFORE):
    return Asset.objects.create(
        name=name, asset_type=asset_type, importance=importance, first_seen=first_seen, last_seen=NOW
    )


def finding(number, on, flaw=None, first_seen=BEFORE, **more):
    values = {
        "kind": "vulnerability",
        "source": "trivy",
        "title": "x",
        "severity": "high",
        "last_seen": NOW,
    } | more
    Finding.objects.create(
        identity=f"{number:032x}", asset=on, vulnerability=flaw, first_seen=first_seen, **values
    )


def gone(at):
    return {"state": "gone", "active": False, "gone_at": at}


def test_findings_at_the_end_of_a_period_and_those_of_the_kev_catalogue(database):
    kev, other = (
        Vulnerability.objects.create(vuln_id=name, kev=name == "CVE-1", ransomware=True, created_at=NOW, updated_at=NOW)
        for name in ("CVE-1", "CVE-2")
    )  # fmt: skip
    core, minor = asset("core", "critical"), asset("minor", "low", first_seen=INSIDE)
    finding(1, core, kev, due_at=INSIDE)
    finding(2, minor, kev, first_seen=INSIDE, severity="critical")
    finding(3, core, other, **gone(INSIDE))
    finding(4, core, kev, **gone(AFTER))
    finding(5, core, kev, first_seen=AFTER)
    finding(6, core, kev, active=False, decision="accepted")
    finding(7, core, kev, decision="accepted", **gone(AFTER))
    finding(8, core, kev, first_seen=AFTER)
    figures = archive.count(DAY)
    found = figures.flaws
    assert (found.new, found.gone, found.new_assets) == ((("critical", 1),), 1, 1)
    assert (found.open, found.overdue) == ((("critical", 1), ("high", 2)), (("high", 1),))
    assert (found.kev_findings, found.kev_assets, found.kev_important) == (3, 2, 1)
    assert found.exploited == (ExploitedFlaw("CVE-1", 1, True, ("core",)),)
    assert found.late == (LateFlaw("CVE-1", "high", True, 1, 0, "", ("core",)),)
    assert found.kev_now == tallies.worklist(NOW).kev == 4, "工作台 and the report count one thing"
    told = outline.headline(PeriodReport(None, DAY, figures, figures, NOW))
    assert (told[-1].value, told[-1].change) == ("3 个", "不变；现在 4 个")
    same = replace(figures, flaws=replace(found, kev_now=3))
    assert outline.headline(PeriodReport(None, DAY, same, same, NOW))[-1].change == "不变"


def test_noisy_rules_and_busy_assets_without_accounts(database):
    web, account = asset("web-01", "high"), asset("zhangsan", asset_type="account")
    Alert.objects.bulk_create(
        row(number, INSIDE, rule_name="吵" if number else "", rule_id="R1", severity="low" if number else "critical",
            verdict="benign" if number == 1 else "")
        for number in range(3)
    )  # fmt: skip
    AlertAsset.objects.bulk_create(
        AlertAsset(alert=each, asset=on) for each in Alert.objects.all() for on in (web, account)
    )
    found = archive.count(DAY).alerts
    assert found.rules == (NoisyRule("吵", 2, 1), NoisyRule("R1", 1, 0))
    assert found.assets == (BusyAsset("web-01", "high", 3, 1),)


def test_assets_of_a_report_stand_by_risk_not_by_number(database):
    small, core, loud = asset("test-01", "low"), asset("pay-01", "critical"), asset("web-01", "high")
    made = Alert.objects.bulk_create(
        row(number, INSIDE, severity="critical" if number < 2 else "low") for number in range(12)
    )
    AlertAsset.objects.bulk_create(
        AlertAsset(alert=each, asset=on) for on, alerts in ((small, made[:1]), (core, made[1:2]), (loud, made[2:])) for each in alerts
    )  # fmt: skip
    assert [each.name for each in archive.count(DAY).alerts.assets] == ["pay-01", "web-01", "test-01"]


def proposal(code, state, decided_at, config):
    return Proposal.objects.create(
        code=code, config=config, conversation_id="c", tool="block_ip", title="封禁 IP", risk="dangerous", summary="x",
        digest="0" * 64, asker_id="a", asker_name="赵六", created_at=BEFORE, expires_at=AFTER, state=state, decided_at=decided_at,
    )  # fmt: skip


def test_decisions_actions_silences_escalations_and_duty(database):
    config = configs.save("dingtalk", "钉钉", True, {"client_id": "ding1", "client_secret": "s"})[0]
    approved = proposal("A1", "approved", INSIDE, config)
    for code, state, at in (
        ("A2", "rejected", INSIDE),
        ("A3", "expired", INSIDE),
        ("A4", "approved", BEFORE),
    ):
        proposal(code, state, at, config)
    Action.objects.create(
        proposal=approved, config=config, key="A1", tool="block_ip", title="封禁 IP", summary="x", asker="赵六", approver="王五",
        created_at=INSIDE, state="done",
    )  # fmt: skip
    Silence.objects.create(
        scope="asset", value="web-01", starts_at=BEFORE, ends_at=INSIDE, made_by="李四", held=7
    )
    Silence.objects.create(
        scope="asset", value="web-01", starts_at=AFTER, ends_at=NOW, made_by="李四", held=5
    )
    target = NotificationTarget.objects.create(
        rule=NotificationRule.objects.create(name="规则"), kind="person"
    )
    AlertMessage.objects.create(target=target, kind="escalation", opened_at=INSIDE, due_at=INSIDE)
    for name in ("zhangsan", "lisi"):
        Staff.objects.create(staff_id=name, name=name)
    rota = {
        "name": "值班",
        "rotation": "daily",
        "handover": "09:00",
        "start": "2026-11-24",
        "staff": ["zhangsan", "lisi"],
    }
    apply_on_call_entries([rota])
    Alert.objects.bulk_create(
        [row(1, INSIDE), row(2, INSIDE, severity="low"), row(3, DAY.end - timedelta(hours=1))]
    )
    found = archive.count(DAY).work
    assert (found.approved, found.rejected, found.expired) == (1, 1, 1)
    assert (found.actions, found.silences, found.held, found.escalations) == ((("done", 1),), 1, 7, 1)
    assert found.duty == (DutyLoad("lisi", 15.0, 1), DutyLoad("zhangsan", 9.0, 1))
    shown = {section.title: section.lines for section in outline.sections(archive.look("yesterday", NOW))}
    told = {line.label: line.value for line in shown["处置与值班"]}
    assert [line.value for line in shown["处置动作和批准人"]] == ["x（已执行；赵六 提出，王五 批准）"]
    assert told["处置审批"] == "3 项（批准 1、拒绝 1、过期 1）"
    assert told["处置动作"] == "已执行 1"
    assert told["值班"] == "lisi 15 小时 1 条、zhangsan 9 小时 1 条"


def test_limits_missed_by_owner_and_what_rules_hid_or_called_wrongly(database):
    li = Staff.objects.create(staff_id="lisi", name="李四")
    rule = SuppressionRule.objects.create(name="扫描器", reason="自己的")
    late = {"due_at": INSIDE, "assignee": li}
    closed = {"closed_at": INSIDE + timedelta(hours=1)}
    Alert.objects.bulk_create([
        row(1, BEFORE, **late), row(2, BEFORE, **late, **closed, verdict="false_positive"), row(3, BEFORE, due_at=INSIDE),
        row(4, INSIDE, **closed, verdict="benign"), row(5, INSIDE, **closed, suppressed_by=rule),
        row(6, INSIDE, closed_at=INSIDE, due_at=AFTER),
    ])  # fmt: skip
    found = archive.count(DAY).alerts
    assert found.missed == (Missed("李四", 2, 1), Missed("", 1, 1))
    Alert.objects.bulk_create([row(7, BEFORE, due_at=DAY.start - timedelta(hours=1), assignee=li)])
    said = conclude(archive.look("yesterday", NOW))[2]
    assert said.startswith(
        f"需要决定：值班人员：告警 A{Alert.objects.get(identity__endswith='3').pk} 交给谁；"
    )
    assert "李四：名下本期超时的 1 条告警自己做完还是转交（全部超时的 3 条）" in said
    Alert.objects.bulk_create([row(number, BEFORE, due_at=INSIDE) for number in (8, 9)])
    assert (
        "值班人员：5 条超时告警由谁处理完，其中本期才超时、没有人处理的 3 条"
        in conclude(archive.look("yesterday", NOW))[2]
    )
    assert (found.broken, found.suppressed, found.suppressions) == (3, 1, (("扫描器", 1),))
    assert found.wrong == (MistakenRule("suricata", "规则", 3, 1),)


def test_the_course_is_what_there_was_at_each_moment(database):
    flaw = Vulnerability.objects.create(vuln_id="CVE-1", kev=True, created_at=NOW, updated_at=NOW)
    finding(1, asset("web"), flaw, first_seen=INSIDE)
    Alert.objects.bulk_create(
        [row(1, BEFORE, due_at=DAY.start + timedelta(hours=4)), row(2, BEFORE, closed_at=INSIDE)]
    )
    course = archive.count(DAY).course
    assert course == (OpenWork(2, 0, 0), *[OpenWork(1, 1, 1)] * 7), "every three hours"


def test_three_sentences_say_what_changed_what_is_worst_and_what_must_be_decided(database):
    report = archive.look("yesterday", NOW)
    assert conclude(report) == (
        "没有新增告警，也没有未关闭的（前一天新增 0 条）。",
        "没有特别要紧的：没有未关闭的严重、高危事件和告警，没有超时的告警和漏洞。",
        "没有需要决定的事。",
    )
    absent = outline.document(report)
    assert not any(section.lines for section in absent.sections)
    assert "这一期没有：事件、本期才超过处理时限的告警" in "".join(absent.notes)
    kev = Vulnerability.objects.create(
        vuln_id="CVE-1", kev=True, ransomware=True, created_at=NOW, updated_at=NOW
    )
    finding(1, asset("core", "critical"), kev, due_at=DAY.start - timedelta(days=2))
    case = Case.objects.create(title="联系 zhang@corp.example", severity="critical", created_at=INSIDE)
    Case.objects.create(
        title="昨天以前", severity="critical", created_at=BEFORE, status="closed", closed_at=BEFORE
    )
    Alert.objects.bulk_create(
        [row(n, INSIDE, verdict="benign", closed_at=INSIDE) for n in range(4)]
        + [row(9, INSIDE, case=case, due_at=INSIDE), row(10, BEFORE, due_at=BEFORE)]
    )
    other = Alert.objects.get(first_seen=BEFORE).pk
    AlertAsset.objects.create(alert_id=other, asset=asset("mail-01", "critical"))
    report = archive.look("yesterday", NOW)
    changed, worst, decide = conclude(report)
    assert changed == (
        "新增告警 5 条，比前一天多 5 条，其中严重和高危 5 条，增加最多的是规则「规则」（5 条，前一天 0 条）；"
        f"新建事件 E{case.pk}「联系 〔个人信息〕」；关闭 4 条，还有 2 条没有关闭，比前一天多 1 条（100%）。"
    )
    assert worst == (
        f"最要紧：事件 E{case.pk}「联系 〔个人信息〕」（严重，新建，没有负责人，1 条告警）；其次，"
        f"告警 A{other}「告警」（在 mail-01 上，没有人处理；高危、核心资产、已超时）；再次，"
        "已被利用的 CVE-1：core（重要资产，没有负责人）上没有修复，有勒索软件在用。"
    )
    assert decide == (
        f"需要决定：值班人员：告警 A{other} 交给谁；安全负责人：CVE-1（core，超时 3 天）限期修复还是接受风险；值班人员：事件 E{case.pk} 交给谁。"
    )
    assert [line.label for line in outline.sections(report)[0].lines] == [f"E{case.pk} 联系 〔个人信息〕"]


def test_a_report_that_was_kept_before_there_were_conclusions_is_read(database):
    made = archive.make("yesterday", NOW)
    stored = SecurityReport.objects.get(pk=made.pk)
    for figures in (stored.figures, stored.earlier):
        del figures["course"], figures["cases"], figures["alerts"]["missed"], figures["flaws"]["late"]
    stored.save()
    assert outline.document(archive.get(made.pk)).conclusion[2] == "没有需要决定的事。"


def test_a_period_that_still_runs_is_compared_with_the_same_part_of_the_one_before(database):
    Alert.objects.bulk_create([row(1, NOW - timedelta(hours=1))])
    assert conclude(archive.look("today", NOW))[0] == (
        "新增告警 1 条，比前一天同一时段多 1 条，其中严重和高危 1 条；关闭 0 条，还有 1 条没有关闭，比前一天同一时段多 1 条。"
    )
