"""事件: the list, the page and what one does there, 归入事件, the report; who may, and what others' numbers answer."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from secops_agent.models import Alert, Case, CaseTask, History, Role, Runbook, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.cases import orders, tasks
from secops_agent.services.records import Indicator
from tests.admin_pages import messages_of, serve_plain_static, text_of, with_role
from tests.secops.decisions_aid import robot
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db(transaction=True)
MOST_QUERIES = 21


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def li() -> Client:
    user = User.objects.create_user("li")
    Staff.objects.create(staff_id="li", name="李四", role=Role.ANALYST, user=user)
    client = Client()
    client.force_login(user)
    return client


def alerts(number: int, **more: Any) -> list[int]:
    made = store(*(alert(f"k{n}", assets=(host("web-01"),), **more) for n in range(number)))
    return sorted(made.created_ids["alert"])


def made(ids: list[int], title: str = "一件事") -> int:
    row = Staff.objects.filter(staff_id="li").first()
    actor = Actor.person(row, "dingtalk") if row else Actor.system("test")
    return orders.create(ids, actor, title).case.id


def act(client: Client, pk: int, name: str, **values: Any) -> Any:
    return client.post(reverse("web:case_act", args=[pk]), {"act": name, **values}, follow=True)


def test_who_may_not_ask_for_a_block_reads_who_may_and_fills_in_no_form(li: Client) -> None:
    Staff.objects.create(staff_id="zhao", name="赵六", role=Role.RESPONDER)
    pk = made(alerts(1, indicators=(Indicator("ip", "203.0.113.5"),)))
    page, form = reverse("web:case", args=[pk]), f"{reverse('web:block_many')}?case={pk}"
    assert "封禁地址…" not in text_of(li.get(page))
    assert "谁可以提出" in text_of(li.get(page))
    assert "需要「处置」角色，您没有：可以请 赵六 来做" in text_of(li.get(form))
    assert "<textarea" not in li.get(form).content.decode()
    Staff.objects.filter(staff_id="li").update(role=Role.RESPONDER)
    assert "封禁地址…" in text_of(li.get(page))
    assert "203.0.113.5</textarea>" in li.get(form).content.decode()


@pytest.mark.slow
def test_the_list_has_tabs_a_search_and_says_what_to_do(li: Client) -> None:
    address = reverse("web:cases")
    assert "归入事件" in text_of(li.get(address))
    one, two, three = alerts(3)
    mine, other, closed = made([one], "我负责的"), made([two], "别人的"), made([three], "关了的")
    Case.objects.filter(pk=other).update(owner=None)
    orders.close(closed, "benign", Actor.system("test"))

    def titles(**query: Any) -> list[str]:
        return [case.title for case in li.get(address, query).context["cases"]]

    assert titles() == ["别人的", "我负责的"]
    assert titles(tab="mine") == ["我负责的"]
    assert titles(tab="closed") == ["关了的"]
    assert titles(tab="all") == ["关了的", "别人的", "我负责的"]
    assert titles(owner="nobody") == ["别人的"]
    assert titles(q="负责") == ["我负责的"]
    assert titles(q=f"E{mine}") == ["我负责的"]
    assert titles(severity="critical") == []
    assert titles(severity="high", tab="all") == titles(tab="all")
    for strange in ("9" * 40, "x", "%00", "-1"):
        assert li.get(address, {"owner": strange, "severity": strange, "page": strange}).status_code == 200


@pytest.mark.slow
def test_a_case_goes_through_its_life_on_its_page(li: Client) -> None:
    one, two, three = alerts(3)
    pk = made([one, two])
    li_row = Staff.objects.get(staff_id="li")
    for name, values, said in (
        ("advance", {"status": "working"}, "处理中"),
        ("note", {"note": "看了登录记录"}, "已添加备注"),
        ("add_task", {"text": "重装 web-01", "person": li_row.pk, "due": "2030-01-02T18:00"}, "已添加任务"),
        ("add_task", {"text": "x", "due": "2030-13-99"}, "时间的写法不对"),
        ("edit", {"title": "改过的标题", "severity": "critical", "summary": "小结"}, "已保存"),
        ("assign", {"person": ""}, "请先选择人员"),
        ("assign", {"person": li_row.pk}, "已交给 李四"),
        ("collect", {"alerts": [three]}, "已归入"),
        ("collect", {"alerts": []}, "请先选择告警"),
        ("part", {"alerts": [three]}, "已从"),
        ("nonsense", {}, "没有这个操作"),
        ("close", {"verdict": ""}, "结论应为"),
        ("close", {"verdict": "true_positive", "with_alerts": "1", "note": "确认"}, "2 条告警一起关闭"),
        ("note", {"note": "事后补充"}, "已添加备注"),
        ("add_task", {"text": "太晚了"}, "已关闭"),
        ("reopen", {}, "已重新打开"),
    ):
        assert said in messages_of(act(li, pk, name, **values)), name
    task = CaseTask.objects.get()
    assert "任务已完成" in messages_of(act(li, pk, "finish_task", task=task.pk))
    assert "刚刚被别人改过" in messages_of(act(li, pk, "finish_task", task=task.pk))
    text = text_of(li.get(reverse("web:case", args=[pk])))
    for expected in ("改过的标题", "看了登录记录", "重装 web-01", "web-01", "规则 k0", "李四"):
        assert expected in text, expected
    actors = set(
        History.objects.filter(entity="case", entity_id=pk)
        .exclude(action__in=("create", "add_alerts"))
        .values_list("actor_name", flat=True)
    )
    assert actors == {"李四"}


def test_a_new_owner_whom_the_message_did_not_reach_is_said_on_the_page(li: Client) -> None:
    robot("corp", "dingtalk")
    pk = made(alerts(1))
    wang = Staff.objects.create(staff_id="wang", name="王五", role=Role.ANALYST, corp_id="corp")
    address = reverse("web:case", args=[pk])
    assert "已交给" in messages_of(act(li, pk, "assign", person=wang.pk))
    assert "无法送达" not in text_of(li.get(address))
    told = OutboxRow.objects.filter(key__startswith=f"note:case:{pk}:owner:")
    assert told.update(state=State.DEAD, last_error="机器人被移出了企业") == 1
    text = text_of(li.get(address))
    assert f"告诉 {wang.name} 这个事件归他的消息无法送达：机器人被移出了企业" in text
    again = {"message": told.get().pk, "next": address}
    assert "马上再发" in text_of(li.post(reverse("web:send_again"), again, follow=True))
    assert told.get().state == State.PENDING
    assert "无法送达：机器人被移出了企业" in text_of(li.get(address)), "in its history"
    assert "已经送到，或正在重发" in text_of(li.post(reverse("web:send_again"), again, follow=True))
    told.update(state=State.UNKNOWN)
    assert "结果未知" in text_of(li.get(address))
    told.update(state=State.DEAD, key="another")
    li.post(reverse("web:send_again"), again)
    assert OutboxRow.objects.get(pk=again["message"]).state == State.DEAD, "only what is shown on pages"
    OutboxRow.objects.update(state=State.DEAD, key=f"note:case:{pk}:owner:1")
    assert "无法送达" in text_of(li.get(address))
    act(li, pk, "assign", person=Staff.objects.get(staff_id="li").pk)
    assert "这个事件归他的消息" not in text_of(li.get(address)), "it is no longer theirs"


def test_merging_and_splitting_from_the_page(li: Client) -> None:
    one, two, three = alerts(3)
    first, second = made([one, two], "第一个"), made([three], "第二个")
    merged = act(li, second, "merge", into=first)
    assert merged.redirect_chain[-1][0] == reverse("web:case", args=[first])
    assert "已并入" in messages_of(merged)
    assert "拆出" in text_of(merged)
    gone = text_of(li.get(reverse("web:case", args=[second])))
    assert f"E{first}" in gone
    assert "重新打开" not in gone
    assert "恢复为合并以前" in messages_of(act(li, first, "separate", case=second))
    parted = act(li, first, "split", alerts=[two], title="另一件事")
    assert Case.objects.get(title="另一件事").alerts.get().pk == two
    assert "拆到" in messages_of(parted)


def test_a_viewer_reads_and_does_nothing() -> None:
    made_ = store(alert("k", indicators=(Indicator("account", "svc-backup"), Indicator("ip", "203.0.113.5"))))
    pk, viewer = made(sorted(made_.created_ids["alert"])), with_role(Role.VIEWER)
    page = viewer.get(reverse("web:case", args=[pk]))
    assert page.status_code == 200
    assert "203.0.113.5" in text_of(page)
    assert "svc-backup" not in text_of(page)
    assert 'method="post" action="/cases' not in page.content.decode()
    for address in (reverse("web:case_act", args=[pk]), reverse("web:case_collect"), reverse("web:case_new")):
        assert viewer.post(address, {"act": "note", "note": "x", "title": "x"}).status_code == 403
    assert viewer.get(reverse("web:case_collect")).status_code == 403
    assert not History.objects.filter(entity="case", action="comment").exists()
    assert Client().get(reverse("web:cases")).status_code == 302


def test_numbers_of_others_are_not_found(li: Client) -> None:
    one, two = alerts(2)
    first, second = made([one]), made([two])
    task = tasks.add(second, "别的事件的任务", Actor.system("test"))
    assert "没有这个任务" in messages_of(act(li, first, "drop_task", task=task))
    assert "不在" in messages_of(act(li, first, "part", alerts=[two]))
    assert "没有并入" in messages_of(act(li, first, "separate", case=second))
    assert CaseTask.objects.filter(pk=task).exists()
    for name in ("case", "case_known", "case_report", "case_alerts"):
        for number in (99999, 10**17):
            assert li.get(reverse(f"web:{name}", args=[number])).status_code == 404, name
    assert li.post(reverse("web:case_act", args=[99999]), {"act": "note"}).status_code == 404
    assert li.get(reverse("web:case_act", args=[first])).status_code == 405
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(User.objects.get(username="li"))
    assert checked.post(reverse("web:case_act", args=[first]), {"act": "reopen"}).status_code == 403


def test_alerts_are_collected_from_anywhere(li: Client) -> None:
    one, two, three = alerts(3)
    address = reverse("web:case_collect")
    inside = li.get(address, {"alerts": [f"{one},{two}", "x", "9" * 30]}, headers={"HX-Request": "true"})
    assert "<html" not in inside.content.decode()
    assert "2 条告警" in text_of(inside)
    alone = li.get(address, {"alerts": one})
    assert "<html" in alone.content.decode()
    assert f"A{two}" in text_of(alone), "what may belong to it can be taken along"
    back = reverse("web:cases") + "?tab=all"
    answer = li.post(address, {"alerts": f"{one},{two}", "title": "新的", "next": back}, follow=True)
    assert answer.redirect_chain[-1][0] == back
    case = Case.objects.get()
    assert (case.title, case.alerts.count()) == ("新的", 2)
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        away = li.post(address, {"alerts": three, "case": case.pk, "next": elsewhere})
        assert away["Location"].startswith("/cases/"), elsewhere
    assert case.alerts.count() == 3
    swapped = li.post(address, {"alerts": three, "case": case.pk}, headers={"HX-Request": "true"})
    assert swapped["HX-Redirect"] == reverse("web:cases")
    assert "本来就在" in text_of(li.get(address, {"alerts": three})) or "本来就在" in messages_of(
        li.get(back)
    )
    assert Case.objects.count() == 1, "what could not be taken makes no case"


def test_what_may_belong_to_it_is_only_suggested(li: Client) -> None:
    one, two = alerts(2)
    pk = made([one])
    address = reverse("web:case_known", args=[pk])
    inside = li.get(address, headers={"HX-Request": "true"})
    assert f"A{two}" in text_of(inside)
    assert "<html" not in inside.content.decode()
    assert "同一资产" in text_of(li.get(address))
    assert Alert.objects.get(pk=two).case_id is None
    viewer = with_role(Role.VIEWER)
    assert "加入选中的" not in text_of(viewer.get(address, headers={"HX-Request": "true"}))


def test_what_may_help_is_looked_up_once(li: Client, django_assert_max_num_queries: Any) -> None:
    at = timezone.now()
    Runbook.objects.create(
        title="口令猜测", body="封禁来源。", role="viewer", techniques=["T1110"], published=True, created_at=at, updated_at=at
    )  # fmt: skip
    one, two = alerts(2, techniques=("T1110",))
    address = reverse("web:case_known", args=[made([one])])
    with django_assert_max_num_queries(21):
        told = text_of(li.get(address))
    assert "口令猜测" in told
    assert f"A{two}" in told


def test_a_report_can_be_kept_and_its_table_computes_nothing(li: Client) -> None:
    made_ = store(
        alert("k", title='=HYPERLINK("http://evil.example")', assets=(host("web-01"),)),
        alert("m", title="　＋1"),
    )
    pk = made(sorted(made_.created_ids["alert"]))
    orders.close(pk, "true_positive", Actor.system("test"))
    assert "影响的资产" in text_of(li.get(reverse("web:case_report", args=[pk])))
    text = li.get(reverse("web:case_file", args=[pk, "markdown"]))
    assert text["Content-Disposition"].startswith('attachment; filename="report.md"')
    assert "## 经过" in text.content.decode()
    table = li.get(reverse("web:case_alerts", args=[pk])).content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(table)))
    assert [row[1] for row in rows[1:]] == ['\'=HYPERLINK("http://evil.example")', "'　＋1"]


def test_a_report_becomes_a_pdf(li: Client) -> None:
    pk = made(alerts(2))
    file = li.get(reverse("web:case_file", args=[pk, "pdf"]))
    assert file.content.startswith(b"%PDF-")


def test_an_incident_without_alerts_is_made_by_hand(li: Client) -> None:
    answer = li.post(reverse("web:case_new"), {"title": "有人报告钓鱼", "severity": "high"}, follow=True)
    assert "有人报告钓鱼" in text_of(answer)
    assert "级别应为" in messages_of(
        li.post(reverse("web:case_new"), {"title": "x", "severity": ""}, follow=True)
    )
    assert Case.objects.count() == 1


@pytest.mark.slow
def test_the_pages_ask_the_database_no_more_for_more(li: Client) -> None:
    costs = []
    for number in (3, 30):
        ids = [
            pk
            for n in range(number)
            for pk in store(alert(f"q{number}-{n}", assets=(host(f"h{n}"),))).created_ids["alert"]
        ]
        pk = made(ids)
        for n in range(number):
            tasks.add(pk, f"任务 {n}", Actor.system("test"))
        made([next(iter(store(alert(f"z{number}")).created_ids["alert"]))])
        counts = []
        for address in (
            reverse("web:cases"),
            reverse("web:case", args=[pk]),
            reverse("web:case_report", args=[pk]),
        ):
            with CaptureQueriesContext(connection) as queries:
                assert li.get(address).status_code == 200
            counts.append(len(queries))
        costs.append(counts)
    assert costs[0] == costs[1]
    assert all(count <= MOST_QUERIES for count in costs[1]), costs


def test_what_people_write_is_shown_as_text(li: Client) -> None:
    (one,) = alerts(1)
    pk = made([one], "<script>alert(1)</script>")
    act(li, pk, "note", note="<img src=x onerror=alert(1)>\u202e反的")
    tasks.add(pk, "</li><b>x", Actor.system("test"))
    for name in ("case", "case_report"):
        page = li.get(reverse(f"web:{name}", args=[pk])).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "</li><b>x" not in page
        assert "\u202e" not in page
    assert li.get(reverse("web:cases"), {"q": "\x00\u202e"}).status_code == 200
    act(li, pk, "close", verdict="benign", note="\x00好", with_alerts="1")
    assert History.objects.get(entity="alert", entity_id=one, action="close").note == "好"
    assert Alert.objects.get().case_id == pk


def test_case_is_handed_over_with_its_owners_alerts_if_asked(li: Client) -> None:
    robot("", "dingtalk")
    wang = Staff.objects.create(staff_id="wang", name="王五", role=Role.ANALYST)
    ids = alerts(3)
    pk = made(ids)
    mine = Staff.objects.get(staff_id="li")
    for each in ids[:2]:
        triage.assign(each, mine, Actor.system("test"))
    before = text_of(li.get(reverse("web:case", args=[pk])))
    assert "李四 名下 2 条未关闭的告警一起交过去" in before
    assert f"没有另外指派的未关闭告警 1 条（A{ids[2]}）归新负责人。对方会收到" in before
    said = messages_of(act(li, pk, "assign", person=wang.pk))
    assert f"没有另外指派的未关闭告警 1 条（A{ids[2]}）归 王五；李四名下的 2 条不动。" in said
    told = OutboxRow.objects.get(key__startswith=f"note:case:{pk}:owner:").text
    assert f"（A{ids[2]}）归您；李四名下的 2 条不动。" in told
    assert Alert.objects.filter(assignee=mine).count() == 2
    said = messages_of(act(li, pk, "assign", person=mine.pk))
    assert f"（A{ids[2]}）归 李四；指派给 李四的未关闭告警 2 条（A{ids[0]}、A{ids[1]}）。" in said
    act(li, pk, "assign", person=wang.pk, with_alerts="1")
    assert list(Alert.objects.filter(assignee=wang).order_by("pk").values_list("pk", flat=True)) == ids[:2]
