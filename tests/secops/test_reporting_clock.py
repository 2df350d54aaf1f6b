"""The reporting clock: graded by code, counted over months and time zones, told to who is there, kept for good."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    AuditRecord,
    BlockRecord,
    CaseReporting,
    GradingQuestion,
    NotificationRule,
    NotificationTarget,
    ReportingDuty,
    ReportingEntry,
    ReportingReminder,
    Staff,
)  # fmt: skip
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders, views
from secops_agent.services.cases.reporting import clock, drafts, reminding
from secops_agent.services.notifications.delivery import notices
from secops_agent.services.people.staff import find_person
from secops_agent.services.reports.incidents import incident_report
from tests.admin_pages import serve_plain_static
from tests.secops.decisions_aid import company, robot, some_alert
from tests.secops.test_send_message import rota

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def case_id() -> int:
    """A case of 李, with one alert."""
    company()
    return orders.create([some_alert()], li(), "数据泄露").case.id


def li() -> Actor:
    person = find_person("corp", "li")
    assert person is not None
    return Actor.person(person, "admin")


def graded(
    case_id: int, people: int | None, found_at: datetime | None = None, minutes: int = 240
) -> clock.ReportingView:
    duty, question = ReportingDuty.objects.get(minutes=minutes), GradingQuestion.objects.get(unit="人")
    return clock.grade(
        case_id, li(), duty.pk, found_at or timezone.now() - MINUTE, {str(question.pk): people}
    )


def make_due() -> None:
    ReportingReminder.objects.filter(told_at=None).update(due_at=timezone.now())


def reached(part: str) -> set[str]:
    return {each.target["staff_id"] for each in OutboxRow.objects.filter(text__contains=part)}


@pytest.mark.parametrize(
    ("people", "level"),
    [
        (None, "general"),
        (999_999, "general"),
        (1_000_000, "moderate"),
        (10_000_000, "major"),
        (100_000_000, "severe"),
    ],
)
def test_the_grade_is_made_by_code(case_id: int, people: int | None, level: str) -> None:
    view = graded(case_id, people)
    assert view.level == level
    assert (view.due_at is None) is (level == "general")


@pytest.mark.both_databases
def test_reminders_reach_who_has_the_case_once_and_stop_when_it_is_reported(case_id: int) -> None:
    view = graded(case_id, 2_000_000)
    assert view.due_at == view.found_at + timedelta(hours=4)
    due = dict(ReportingReminder.objects.values_list("mark", "due_at"))
    assert due == {
        "half": view.found_at + timedelta(hours=2), "last": view.due_at - timedelta(minutes=15), "late": view.due_at
    }  # fmt: skip
    assert reminding.step() == 0
    make_due()
    assert reminding.step() == 3
    assert reminding.step() == 0  # another worker, or the same one after kill -9
    assert reached("毕方不会自己向外报告") == {"li"}
    assert set(ReportingReminder.objects.values_list("told_to", flat=True)) == {"li先生"}
    for mark, at in due.items():
        ReportingReminder.objects.filter(mark=mark).update(due_at=at)
    graded(case_id, 20_000_000, view.found_at)  # graver, same limit: nothing is said again
    make_due()
    assert reminding.step() == 0
    entered(case_id, "first")
    assert clock.standing(case_id).due_at is None  # type: ignore[union-attr]


def entered(
    case_id: int, stage: str, at: datetime | None = None, body: str = "省网信办"
) -> clock.ReportingView:
    return clock.enter(
        case_id, li(), stage=stage, body=body, text="已电话报告", reported_by="张三", at=at or timezone.now(), reference="回执 7"
    )  # fmt: skip


def test_an_owner_who_left_is_replaced_by_who_is_there(case_id: int) -> None:
    graded(case_id, 2_000_000)
    Staff.objects.filter(staff_id="li").update(active=False)
    make_due()
    reminding.step()
    assert reached("毕方不会自己向外报告") == {"zhang"}
    assert set(ReportingReminder.objects.values_list("told_to", flat=True)) == {"管理员"}


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_the_limit_is_the_same_moment_in_every_zone_and_over_the_end_of_a_month(
    case_id: int, zone: str
) -> None:
    found = datetime(2026, 10, 31, 23, 30, tzinfo=ZoneInfo(zone))
    with timezone.override(zone):
        view = graded(case_id, 2_000_000, found, minutes=60)
        assert view.due_at == found.astimezone(UTC) + timedelta(hours=1)
        ended = (found.astimezone(UTC) + timedelta(hours=5)).astimezone(ZoneInfo(zone))
        clock.end_handling(case_id, li(), ended)
        entered(case_id, "first", found + MINUTE)
        closing = clock.standing(case_id)
        assert closing is not None
        assert closing.due_at == found.astimezone(UTC) + timedelta(hours=5, days=30)
        assert "总结报告" in closing.line(timezone.now())


def test_what_is_past_when_it_is_graded_is_told_once_as_late(case_id: int) -> None:
    graded(case_id, 2_000_000, timezone.now() - timedelta(hours=9))
    assert [each.mark for each in ReportingReminder.objects.all()] == ["late"]
    assert "已超时 5 小时" in clock.standing(case_id).line(timezone.now())  # type: ignore[union-attr]


def test_closing_the_case_starts_the_thirty_days(case_id: int) -> None:
    graded(case_id, 2_000_000)
    entered(case_id, "first")
    orders.close(case_id, "true_positive", li())
    row = CaseReporting.objects.get()
    assert row.handled_at is not None
    assert row.closing_due_at == row.handled_at + timedelta(days=30)
    assert {each.mark for each in row.reminders.filter(stage="closing")} == {"half", "last", "late"}
    entered(case_id, "closing")
    assert not row.reminders.filter(stage="closing").exists()


def test_a_record_is_kept_audited_and_not_entered_twice(case_id: int) -> None:
    with pytest.raises(BifangError, match="还没有分级"):
        entered(case_id, "first")
    graded(case_id, 2_000_000)
    entered(case_id, "first")
    with pytest.raises(BifangError, match="已经登记过"):
        entered(case_id, "first")
    entered(case_id, "supplement")
    entered(case_id, "supplement")
    with pytest.raises(BifangError, match="不能晚于现在"):
        entered(case_id, "supplement", timezone.now() + timedelta(hours=1))
    assert ReportingEntry.objects.count() == 3
    assert (
        AuditRecord.objects.filter(what__contains="登记首次报告：报省网信办", text="已电话报告").count() == 1
    )


def test_drafts_tell_what_is_known_and_what_is_missing(case_id: int) -> None:
    view = graded(case_id, None)
    text = drafts.draft(views.get(case_id), "first", view, list(GradingQuestion.objects.all()))
    assert "数据泄露" in text
    assert "- 泄露了多少人的个人信息" in text
    assert "以官方文本为准" in text
    assert "- 事件经过" in text
    orders.edit(case_id, li(), title="数据泄露", severity="critical", text="网站被拖库")
    view = graded(case_id, 3_000_000)
    text = drafts.draft(views.get(case_id), "first", view, list(GradingQuestion.objects.all()))
    assert "3,000,000 人" in text
    assert "网站被拖库" in text
    assert "- 事件经过" not in text
    orders.comment(case_id, li(), "先报的")
    entered(case_id, "first")
    orders.comment(case_id, li(), "后来查清的")
    again = clock.standing(case_id)
    assert again is not None
    supplement = drafts.draft(views.get(case_id), "supplement", again, list(GradingQuestion.objects.all()))
    assert "后来查清的" in supplement
    assert "先报的" not in supplement
    assert "整改措施：【待补充】" in drafts.draft(
        views.get(case_id), "closing", again, list(GradingQuestion.objects.all())
    )
    assert not BlockRecord.objects.exists()


def test_the_page_asks_counts_and_records_and_the_report_and_card_tell_it(
    case_id: int, admin_client: Client
) -> None:
    address = f"/cases/{case_id}/reporting/"
    page = admin_client.get(address).content.decode()
    for part in ("泄露了多少人的个人信息", "较大 ≥ 1,000,000 人", "以官方文本为准", "关键信息基础设施运营者"):
        assert part in page
    duty, question = ReportingDuty.objects.get(minutes=60), GradingQuestion.objects.get(unit="人")
    found = timezone.localtime() - timedelta(minutes=10)
    given = {
        "act": "grade",
        "duty": duty.pk,
        "found_at": f"{found:%Y-%m-%dT%H:%M}",
        f"q{question.pk}": "1,500,000",
    }
    page = admin_client.post(address, given, follow=True).content.decode()
    assert "分级 较大：首次报告还剩 49 分钟" in page or "分级 较大：首次报告还剩 50 分钟" in page
    assert "首次报告还剩" in admin_client.get(f"/cases/{case_id}/").content.decode()
    record: dict[str, Any] = {
        "act": "enter", "stage": "first", "body": "公安机关", "text": "报了", "reported_by": "张三", "reference": "",
        "at": f"{timezone.localtime():%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    assert "没有向外发送任何内容" in admin_client.post(address, record, follow=True).content.decode()
    told = [
        line
        for section in incident_report(case_id).sections
        if section.title == "报告时钟"
        for line in section.lines
    ]
    assert any("报公安机关" in line.value for line in told)
    wrong = admin_client.post(address, given | {f"q{question.pk}": "很多"}, follow=True).content.decode()
    assert "不小于 0 的整数" in wrong


def test_who_is_on_call_is_reminded_in_the_corporation_of_the_owner_only(case_id: int) -> None:
    robot("neighbour", "dingtalk", "邻居")
    other = Staff.objects.create(staff_id="xu", name="徐", role="analyst", corp_id="neighbour")
    rota("本企业", Staff.objects.get(staff_id="wu"))
    rota("邻居", other)
    graded(case_id, 2_000_000)
    make_due()
    assert reminding.step() == 3
    assert reached("毕方不会自己向外报告") == {"li", "wu"}


def test_cards_of_its_alerts_tell_the_limit_and_change_with_it(case_id: int) -> None:
    alert = Alert.objects.get(case_id=case_id)
    rule = NotificationRule.objects.create(name="严重告警")
    config = SystemConfig.objects.chats().get(kind="dingtalk")
    group = NotificationTarget.objects.create(rule=rule, kind="group", config=config)
    now = timezone.now()
    told = AlertMessage.objects.create(
        target=group, destination="d", group_key="g", state="shown", shown=1, opened_at=now, due_at=now
    )
    AlertMessageItem.objects.create(message=told, alert=alert)

    def news() -> str:
        """What the card says, which has to change now."""
        told.refresh_from_db()
        assert told.wanted > told.shown
        AlertMessage.objects.update(shown=told.wanted)
        notice = notices.notice_of(told.pk, config.pk, "analyst")
        assert notice is not None
        return notice.text

    graded(case_id, 2_000_000)
    assert re.search(
        r"报告时钟：分级 较大，首次报告 \d\d-\d\d \d\d:\d\d 前报.*时还剩 3 小时 5\d 分）", news()
    )
    make_due()
    reminding.step()
    assert "首次报告" in news()
    entered(case_id, "first")
    assert "报告时钟" not in news()
    clock.end_handling(case_id, li(), timezone.now())
    assert "总结报告" in news()


def test_a_running_clock_stands_on_the_home_page_until_the_report_is_entered(
    case_id: int, admin_client: Client
) -> None:
    graded(case_id, 2_000_000)
    page = admin_client.get("/").content.decode()
    assert "要报告的事件" in page
    assert f'/cases/{case_id}/">E{case_id} 数据泄露' in page
    CaseReporting.objects.update(due_at=timezone.now() - MINUTE)
    assert "已超时" in admin_client.get("/", {"part": "now"}).content.decode()
    row = CaseReporting.objects.get()
    ReportingEntry.objects.create(
        reporting=row,
        stage="first",
        body="网信办",
        text="已报",
        reported_by="李",
        at=timezone.now(),
        made_by="李",
        made_at=timezone.now(),
    )
    assert "要报告的事件" not in admin_client.get("/").content.decode()
