"""Cases: what belongs to them, merging and taking apart, closing; two people at once, on both databases."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Alert, AuditRecord, Case, CaseTask, History, Staff, handler_of
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import backlog, triage
from secops_agent.services.alerts.queries import urgency
from secops_agent.services.alerts.queries.filters import NOBODY, AlertFilter, in_hand
from secops_agent.services.cases import membership, merging, orders, related, search, tasks, timeline, views
from secops_agent.services.cases.search import CaseFilter
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.operations import queues
from secops_agent.services.records import Indicator
from secops_agent.services.reports.files import as_markdown
from secops_agent.services.reports.incidents import incident_report
from secops_agent.services.sla import RiskClock
from secops_agent.tools.incidents.alerts import handler_words
from secops_agent.tools.incidents.case_orders import AssignCase, check_assign
from tests.secops.decisions_aid import company
from tests.secops.inventory_aid import NOW, alert, host, person, store

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.both_databases]


def alerts(number: int, **more: Any) -> list[int]:
    made = store(*(alert(f"k{n}", **more) for n in range(number)))
    return sorted(made.created_ids["alert"])


def someone(staff_id: str = "lisi", name: str = "李四") -> Actor:
    row = Staff.objects.filter(staff_id=staff_id).first() or person(staff_id, name, corp_id="corp")
    return Actor.person(row, "dingtalk")


def held(case_id: int) -> list[int]:
    return list(Alert.objects.filter(case_id=case_id).order_by("pk").values_list("pk", flat=True))


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """All in threads that start together; what each returned or raised."""
    start, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(number: int) -> None:
        try:
            start.wait(120)
            results[number] = jobs[number]()
        except BifangError as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


@pytest.mark.slow
def test_a_case_is_as_grave_as_its_gravest_alert_and_names_who_made_it() -> None:
    low, grave = alerts(1, severity="low") + sorted(
        store(alert("x", severity="critical")).created_ids["alert"]
    )
    done = orders.create([low], someone())
    assert done.case.title == "规则 k0"
    assert views.get(done.case.id).summary.severity == "low"
    membership.collect(done.case.id, [grave], someone())
    case = views.get(done.case.id).summary
    assert (case.severity, case.owner, case.status, case.alerts) == ("critical", "李四", "new", 2)
    assert search.search(CaseFilter(severities=("critical",))).total == 1
    orders.edit(case.id, someone(), title="改过", severity="medium", text="小结")
    assert views.get(case.id).summary.severity == "medium", "a person's word stands"
    assert search.search(CaseFilter(severities=("critical",))).total == 0
    assert [each.id for each in search.search(CaseFilter(keyword=f"E{case.id}")).items] == [case.id]


def test_who_owns_a_case_has_its_open_alerts_and_none_that_is_closed() -> None:
    is_open, closed = alerts(2)
    case = orders.create([is_open, closed], someone()).case
    triage.close(closed, "benign", someone("wangwu", "王五"))
    rows = {row.pk: row for row in Alert.objects.all()}
    assert [str(rows[pk].handler or "") for pk in (is_open, closed)] == ["李四", ""]
    assert dict(Alert.objects.values_list("pk", handler_of("name"))) == {is_open: "李四", closed: None}
    owner = Case.objects.get(pk=case.id).owner_id
    held_now = Alert.objects.filter(in_hand([owner or 0])).values_list("pk", flat=True)
    assert (list(held_now), Alert.objects.get(urgency.unattended()).pk) == ([is_open], closed)


def test_an_alert_is_in_one_open_case_only() -> None:
    one, two, three = alerts(3)
    first = orders.create([one, two], someone())
    second = orders.create([two, three], someone("wangwu", "王五"))
    assert second.added == (three,)
    assert f"A{two} 已在 {first.case.code} 里，没有移动" in second.text
    with pytest.raises(Conflict, match="没有移动"):
        orders.create([one, two], someone())
    assert Case.objects.count() == 2, "a case that got nothing is not made"
    with pytest.raises(NotFound, match="没有编号为 A99999"):
        membership.collect(first.case.id, [99999], someone())
    orders.close(first.case.id, "benign", someone())
    taken = membership.collect(second.case.id, [one], someone())
    assert taken.added == (one,), "a closed case lets go"
    detail = views.get(first.case.id)
    assert (detail.summary.alerts, detail.lost) == (1, 1), "but keeps its number"
    assert History.objects.filter(entity="alert", entity_id=one, action="gather").count() == 2


def test_of_two_who_take_the_same_alerts_one_has_them() -> None:
    ids = alerts(4)
    actors = [someone(), someone("wangwu", "王五")]
    results = at_once(*(lambda actor=actor: orders.create(ids, actor) for actor in actors))
    won = [each for each in results if not isinstance(each, Exception)]
    lost = [each for each in results if isinstance(each, Exception)]
    assert (len(won), len(lost)) == (1, 1)
    assert isinstance(lost[0], Conflict)
    assert "没有移动" in lost[0].message
    assert held(won[0].case.id) == ids
    assert Case.objects.count() == 1


def test_merging_moves_everything_and_can_be_undone() -> None:
    one, two, three = alerts(3)
    into, gone = orders.create([one], someone()).case, orders.create([two, three], someone()).case
    tasks.add(gone.id, "查登录记录", someone())
    orders.comment(gone.id, someone(), "来自第二个事件的备注")
    orders.advance(gone.id, "contained", someone())
    merging.merge(gone.id, into.id, someone())
    assert held(into.id) == [one, two, three]
    row = Case.objects.get(pk=gone.id)
    assert (row.status, row.merged_into_id, row.closed_count) == ("closed", into.id, 2)
    assert [each.text for each in views.task_views(into.id)] == ["查登录记录"]
    notes = [each.note for each in timeline.moments(views.get(into.id)) if each.kind == "note"]
    assert notes == ["来自第二个事件的备注"], "its notes are read on"
    for refused in (
        lambda: orders.reopen(gone.id, someone()),
        lambda: membership.collect(gone.id, [one], someone()),
        lambda: merging.merge(into.id, gone.id, someone()),
    ):
        with pytest.raises(Conflict, match=f"已并入 {into.code}"):
            refused()
    membership.part(into.id, [three], someone())
    merging.separate(gone.id, someone(), from_id=into.id)
    assert (held(into.id), held(gone.id)) == ([one], [two]), "what left meanwhile stays where it is"
    row.refresh_from_db()
    assert (row.status, row.merged_into_id, row.closed_at) == ("contained", None, None)
    assert CaseTask.objects.get().case_id == gone.id
    with pytest.raises(Conflict, match="没有并入"):
        merging.separate(gone.id, someone(), from_id=into.id)


def test_two_who_merge_each_into_the_other_end_with_one_case() -> None:
    first, second = (orders.create([pk], someone()).case.id for pk in alerts(2))
    results = at_once(
        lambda: merging.merge(first, second, someone()), lambda: merging.merge(second, first, someone())
    )
    assert sum(isinstance(each, Conflict) for each in results) == 1
    assert Case.objects.filter(merged_into=None).count() == 1
    left = Case.objects.get(merged_into=None)
    assert len(held(left.pk)) == 2


def test_splitting_needs_alerts_of_the_case_and_leaves_one() -> None:
    one, two, three = alerts(3)
    case = orders.create([one, two], someone()).case
    with pytest.raises(Conflict, match=f"A{three} 不在"):
        merging.split(case.id, [one, three], someone(), "另一件事")
    with pytest.raises(InvalidInput, match="至少要留一条"):
        merging.split(case.id, [one, two], someone(), "另一件事")
    with pytest.raises(InvalidInput, match="标题"):
        merging.split(case.id, [one], someone(), " \u200b ")
    new = merging.split(case.id, [two], someone(), "另一件事")
    assert (held(case.id), held(new.id)) == ([one], [two])


def test_closing_closes_the_open_alerts_when_it_is_said() -> None:
    one, two, three = alerts(3)
    case = orders.create([one, two, three], someone()).case
    triage.close(one, "false_positive", someone())
    kept = orders.close(case.id, "true_positive", someone(), "确认是攻击")
    assert (kept.alerts, kept.case.open_alerts, kept.case.verdict) == (0, 2, "true_positive")
    orders.reopen(case.id, someone())
    assert Case.objects.get(pk=case.id).verdict == ""
    done = orders.close(case.id, "true_positive", someone(), with_alerts=True)
    assert (done.alerts, done.case.open_alerts, done.refused) == (2, 0, ())
    verdicts = dict(Alert.objects.values_list("pk", "verdict"))
    assert verdicts == {one: "false_positive", two: "true_positive", three: "true_positive"}
    with pytest.raises(Conflict, match="已关闭"):
        orders.assign(case.id, "李四", someone())
    with pytest.raises(InvalidInput, match="结论"):
        orders.close(case.id, "whatever", someone())
    orders.comment(case.id, someone(), "事后补充")


def test_of_two_who_close_it_at_once_one_verdict_stands() -> None:
    ids = alerts(3)
    case = orders.create(ids, someone()).case
    results = at_once(
        *(
            lambda verdict=verdict: orders.close(case.id, verdict, someone(), with_alerts=True)
            for verdict in ("true_positive", "false_positive")
        )
    )
    assert sum(isinstance(each, Conflict) for each in results) == 1
    verdict = Case.objects.get(pk=case.id).verdict
    assert set(Alert.objects.values_list("verdict", flat=True)) == {verdict}, "whoever lost closed nothing"
    assert History.objects.filter(entity="case", action="close").count() == 1


def test_a_new_owner_is_told_and_takes_what_is_still_to_do() -> None:
    company()
    (pk,) = alerts(1)
    li, wang = (Staff.objects.get(staff_id=each) for each in ("li", "wang"))
    case = orders.create([pk], Actor.person(li, "web")).case
    for text in ("封禁来源", "查日志", "写小结"):
        tasks.add(case.id, text, someone(), "li先生")
    tasks.finish(case.id, CaseTask.objects.get(text="查日志").pk, someone())
    said = check_assign(AssignCase(case_id=case.id, assignee="wang"), None).summary
    assert "连同 li先生 未完成的 2 个任务" in said
    orders.assign(case.id, wang, Actor.person(li, "web"), "防火墙还没封")
    (told,) = OutboxRow.objects.filter(target__staff_id="wang")
    for said in ("li先生", f"E{case.id}", "封禁来源、写小结", "防火墙还没封"):
        assert said in told.text
    owners = dict(CaseTask.objects.values_list("text", "assignee__staff_id"))
    assert owners == {"封禁来源": "wang", "写小结": "wang", "查日志": "li"}
    orders.assign(case.id, li, Actor.person(li, "web"), with_tasks=False)
    assert not OutboxRow.objects.filter(target__staff_id="li").exists(), "who takes it knows"
    assert CaseTask.objects.filter(assignee=wang).count() == 2


def test_tasks_are_done_once_and_belong_to_their_case() -> None:
    first, second = (orders.create([pk], someone()).case.id for pk in alerts(2))
    task = tasks.add(first, "  重装\nweb-01 ", someone(), "李四", timezone.now() - timedelta(hours=1))
    (view,) = views.task_views(first)
    assert (view.text, view.assignee, view.is_late) == ("重装 web-01", "李四", True)
    for act in (tasks.finish, tasks.resume, tasks.drop):
        with pytest.raises(NotFound, match="没有这个任务"):
            act(second, task, someone())
    results = at_once(*(lambda: tasks.finish(first, task, someone()) for _ in range(2)))
    assert sum(isinstance(each, Conflict) for each in results) == 1
    assert views.task_views(first)[0].done_by == "李四"
    with pytest.raises(NotFound, match="人员里没有"):
        tasks.add(first, "x", someone(), "没有这个人")
    for text in ("", "字" * 501):
        with pytest.raises(InvalidInput):
            tasks.add(first, text, someone())


def test_related_alerts_share_something_within_a_day() -> None:
    near = {"at": NOW, "indicators": (Indicator("ip", "203.0.113.5"),)}
    made = store(
        alert("a", assets=(host("web-01"),), **near),
        alert("b", at=NOW, assets=(host("web-01"),)),
        alert("c", at=NOW, indicators=(Indicator("ip", "203.0.113.5"),)),
        alert("d", at=NOW),
        alert("e", at=NOW - timedelta(days=3), assets=(host("web-01"),)),
        alert("f", at=NOW, indicators=(Indicator("process", "bash"),)),
    )
    a, b, c, *_ = sorted(made.created_ids["alert"])
    found = {each.alert.id: each.why for each in related.related_to_alert(a)}
    assert found == {b: ("同一资产",), c: ("同一指标",)}
    case = orders.create([a, b], someone()).case
    assert [each.alert.id for each in related.related_to_case(case.id)] == [c]
    assert [each.case for each in related.related_to_alert(c)] == [case]
    old = store(alert("old", at=NOW - timedelta(days=6))).created_ids["alert"]
    Alert.objects.filter(pk__in=old).update(case=case.id)
    assert [each.alert.id for each in related.related_to_case(case.id)] == [c], "not what is between them"


def test_the_timeline_tells_what_people_did_with_the_alerts_too() -> None:
    (one,) = alerts(1)
    case = orders.create([one], someone(), "一件事").case
    triage.close(one, "false_positive", someone(), "内部扫描")
    told = [(each.subject, each.what, each.note) for each in timeline.moments(views.get(case.id))]
    assert (f"A{one}", "关闭", "内部扫描") in told
    assert (case.code, "加入告警", "") in told
    assert (f"A{one}", "规则 k0", "") in told, "the alert itself"
    subjects = set(
        AuditRecord.objects.filter(subject=f"case:{case.id}").values_list("detail__action", flat=True)
    )
    assert subjects == {"create", "add_alerts"}


def test_a_report_names_no_account_and_formats_nothing() -> None:
    indicators = (Indicator("ip", "203.0.113.5"), Indicator("account", "svc-backup"))
    made = store(
        alert(
            "k",
            title="[点我](http://evil.example) svc-backup 登录",
            assets=(host("web-01", "10.0.0.5"),),
            indicators=indicators,
        )
    )
    case = orders.create(made.created_ids["alert"], someone()).case
    orders.edit(case.id, someone(), title="# 标题", severity="", text="svc-backup 被盗，联系 13800138000")
    tasks.add(case.id, "改 svc-backup 的密码", someone())
    orders.close(case.id, "true_positive", someone(), "确认")
    text = as_markdown(incident_report(case.id))
    assert "svc-backup" not in text
    assert "13800138000" not in text
    assert "](http" not in text
    for expected in ("web-01", "203.0.113.5", "未完成的任务", "结论与决定", "真实攻击", "10.0.0.5"):
        assert expected in text, expected


def test_a_report_says_what_changed_what_is_worst_and_who_has_to_do_what_and_cuts_no_name_in_half() -> None:
    title = "x" * 36 + " svc-backup 登录"  # what is cut off ends within the account
    indicators = (Indicator("account", "svc-backup"),)
    made = store(
        alert(
            "k", title=title, severity="critical", assets=(host("web-01", "10.0.0.5"),), indicators=indicators
        )
    )
    (one,) = made.created_ids["alert"]
    case = orders.create([one], someone(), "一件事").case
    tasks.add(case.id, "y" * 36 + " svc-backup 的密码", someone())
    changed, worst, wanted = incident_report(case.id).conclusion
    assert "最近一次变化：" in changed
    assert f"最要紧的是告警 A{one}「{'x' * 36}" in worst
    assert "在 web-01 上，" in worst
    assert f"李四：任务「{'y' * 36}" in wanted
    assert "svc" not in changed + worst + wanted


def test_deleted_alerts_leave_the_case_its_number() -> None:
    ids = alerts(2)
    case = orders.create(ids, someone()).case
    orders.close(case.id, "benign", someone())
    Alert.objects.all().delete()
    detail = views.get(case.id)
    assert (detail.summary.alerts, detail.lost, detail.alerts) == (0, 2, ())
    assert "加入告警" in as_markdown(incident_report(case.id))


@pytest.mark.slow
def test_the_demo_has_three_and_takes_them_along() -> None:
    call_command("load_demo", verbosity=0)
    assert list(Case.objects.order_by("pk").values_list("pk", "status")) == [
        (1, "working"), (2, "contained"), (3, "closed"),
    ]  # fmt: skip
    assert all(each.alerts > 1 for each in search.search(CaseFilter()).items)
    first, second = alerts(2)
    mine = orders.create([Alert.objects.filter(case=None)[0].pk, first], someone("wangwu")).case
    membership.collect(1, [second], someone("wangwu"))
    call_command("load_demo", "--clear", verbosity=0)
    assert set(Case.objects.values_list("pk", flat=True)) == {1, mine.id}, "what holds other alerts stays"


@pytest.mark.parametrize("text", ["", "  ", "\u200b"])
def test_empty_words_are_refused(text: str) -> None:
    case = orders.create(alerts(1), someone()).case
    with pytest.raises(InvalidInput):
        orders.comment(case.id, someone(), text)
    with pytest.raises(InvalidInput):
        orders.edit(case.id, someone(), title=text, severity="", text="")
    with pytest.raises(InvalidInput, match="先选择告警"):
        membership.collect(case.id, [], someone())
    with pytest.raises(InvalidInput, match="一次最多"):
        membership.collect(case.id, range(1, 400), someone())


def test_alerts_of_a_case_that_somebody_owns_are_in_their_hands_while_it_is_open():
    first, second = alerts(2, severity="critical")
    case = orders.create([first], someone()).case
    owner = Staff.objects.get(staff_id="lisi")

    def found(**wanted: Any) -> list[int]:
        return [each.id for each in triage.search(AlertFilter(statuses=("open",), **wanted)).items]

    assert (found(unassigned=True), found(mine=(owner.pk,))) == ([second], [first])
    assert (found(assignees=(NOBODY,)), found(assignees=(owner.pk,))) == ([second], [first])
    assert dict(triage.shares(AlertFilter()).people) == {"李四": 1, "": 1}
    burden = backlog.burden(timezone.now(), [owner])
    assert (burden.mine, burden.unassigned) == (1, 1)
    assert {row.value: row.count for row in triage.statistics(AlertFilter(), "assignee").groups} == {
        str(owner.pk): 1,
        "": 1,
    }
    queue = AlertFilter(statuses=("open",))
    buckets = queues.facets(queue, RiskClock(timezone.now())).buckets["assignee"]
    assert {row.label: row.count for row in buckets} == {"李四": 1, "未分配": 1}
    assert ["没人处理" in urgency.reasons([pk])[pk] for pk in (first, second)] == [False, True]
    assert [each.id for each in triage.search(AlertFilter(order="urgent")).items] == [second, first]
    summary = triage.get(first, private=True).summary
    assert handler_words(summary) == "处理人 李四（事件负责人）", "as its page says"

    orders.close(case.id, "false_positive", someone())
    assert found(unassigned=True) == [second, first]
    assert not found(mine=(owner.pk,))
    triage.assign(second, owner, someone())
    assert handler_words(triage.get(second, private=True).summary) == "处理人 李四"
