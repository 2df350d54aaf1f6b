"""Alerts: lists, statistics, and what people do."""

import itertools
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import batches, indicators, triage
from secops_agent.services.alerts.queries import statistics
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.privacy import is_private, public
from secops_agent.services.records import Indicator

from .demo_aid import use
from .inventory_aid import ACTOR, NOW, alert, host, later, person, queries, store

pytestmark = pytest.mark.both_databases
SEVERAL = {"asset", *statistics.GROUPS}  # groupings of which an alert may have several values, or none


def titles(**wanted):
    return [each.title for each in triage.search(AlertFilter(private=True, **wanted)).items]


@pytest.fixture
def five(database):
    web = host("web-01", "10.0.0.5")
    store(
        alert("a", severity="critical", assets=(web,), indicators=(Indicator("ip", "203.0.113.5"),)),
        alert("b", severity="high", at=later(hours=-1), assets=(host("db-02"),), rule_name="SSH 暴力破解"),
        alert("c", severity="low", at=later(hours=-30), source="WAF"),
        alert("d", severity="high", at=later(days=-3), assets=(web,)),
        alert("e", severity="info", at=later(days=-9), description="连接矿池，疑似挖矿"),
    )


def test_search_filters(five):
    assert titles() == ["规则 a", "规则 b", "规则 c", "规则 d", "规则 e"]
    assert titles(severities=("critical", "high"), since=later(hours=-24)) == ["规则 a", "规则 b"]
    assert titles(until=later(days=-3, seconds=1)) == ["规则 d", "规则 e"]
    assert titles(asset="10.0.0.5") == ["规则 a", "规则 d"]
    assert titles(keyword="暴力") == ["规则 b"]
    assert titles(keyword="挖矿") == ["规则 e"]
    assert titles(keyword="waf") == ["规则 c"]
    assert titles(keyword="203.0.113.5") == ["规则 a"]
    assert titles(sources=("WAF",)) == ["规则 c"]
    with pytest.raises(NotFound):
        titles(asset="nothing")
    with pytest.raises(InvalidInput, match="limit"):
        titles(limit=0)


def test_a_clock_that_is_a_little_fast_tells_of_now_and_another_zone_of_later(database):
    now = timezone.now()
    store(alert("fast", at=now + timedelta(seconds=35)), alert("zone", at=now + timedelta(hours=8)), at=now)
    fast, zone = Alert.objects.order_by("last_seen")
    assert now <= fast.first_seen == fast.last_seen <= timezone.now()
    assert zone.last_seen == now + timedelta(hours=8)


def test_pages_hold_every_alert_once_though_times_are_equal(database):
    store(*(alert(f"k{n}") for n in range(50)))
    seen, cursor = [], ""
    while True:
        page = triage.search(AlertFilter(limit=15, cursor=cursor))
        seen += [each.id for each in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 50 == page.total


def test_list_needs_four_statements_at_any_length(five):
    for limit in (1, 5):
        with queries() as caught:
            triage.search(AlertFilter(limit=limit, statuses=("open",)))
        assert len(caught) == 4


def test_statistics_add_up_to_what_the_list_shows(five):
    moments = (None, later(hours=-24), later(minutes=-90), later(days=-4, minutes=-7))
    for group_by, since in itertools.product(triage.GROUPINGS, moments):
        found = triage.statistics(AlertFilter(since=since), group_by)
        assert found.total == triage.search(AlertFilter(since=since)).total
        if group_by not in SEVERAL:
            assert sum(group.count for group in found.groups) == found.total


def test_statistics_of_a_bounded_interval_are_exact(five):
    found = triage.statistics(AlertFilter(since=later(days=-3), until=later(hours=-1)))
    assert [(group.label, group.count) for group in found.groups] == [("高危", 1), ("低危", 1)]
    by_asset = triage.statistics(group_by="asset")
    assert [(group.label, group.count) for group in by_asset.groups] == [("web-01", 2), ("db-02", 1)]
    with pytest.raises(InvalidInput, match="不能按「colour」"):
        triage.statistics(group_by="colour")


def test_statistics_stay_within_their_query_budget(five):
    with queries() as caught:
        triage.statistics(AlertFilter(since=later(days=-4, minutes=-7)), "asset")
    assert len(caught) <= 5


def test_work_on_an_alert_is_recorded(five):
    someone = person()
    actor = Actor.person(someone, "dingtalk")
    pk = triage.search(AlertFilter()).items[0].id
    assert triage.acknowledge(pk, actor, "在看").status == "acknowledged"
    with pytest.raises(Conflict, match="处理中"):
        triage.acknowledge(pk, actor)
    assert triage.assign(pk, "李四", actor).assignee == "李四"
    closed = triage.close(pk, "true_positive", actor, "已封禁")
    assert (closed.status, closed.verdict, closed.overdue) == ("closed", "true_positive", False)
    with pytest.raises(Conflict):
        triage.assign(pk, someone, actor)
    assert triage.reopen(pk, actor).verdict == ""
    told = [(entry.action, entry.actor, entry.note) for entry in triage.get(pk).history]
    assert told == [
        ("reopen", "李四", ""),
        ("close", "李四", "已封禁"),
        ("assign", "李四", ""),
        ("acknowledge", "李四", "在看"),
    ]
    assert triage.get(pk).history[1].changes == {
        "status": ("acknowledged", "closed"),
        "verdict": ("", "true_positive"),
    }


def test_who_closed_is_known_and_counted_whoever_had_it(five):
    li, boss = person(), person("manager01", "张三", "admin")
    mine = Actor.person(li, "dingtalk")
    a, b, c, d, e = Alert.objects.order_by("-last_seen").values_list("pk", flat=True)
    triage.assign(c, boss, ACTOR)
    for pk, actor in ((a, mine), (b, mine), (c, mine), (d, Actor.person(boss, "admin")), (e, ACTOR)):
        triage.close(pk, "benign", actor)
    asked = {"time_of": "closed", "since_hours": 1}
    found = use("alert_statistics", group_by="closer", **asked)
    assert found.data["groups"] == {"李四": 3, "张三": 1, "没有记录": 1}
    triage.reopen(d, ACTOR)
    assert use("alert_statistics", group_by="closer").data == {
        "total": 4,
        "groups": {"李四": 3, "没有记录": 1},
    }
    triage.close(d, "benign", Actor.token("7", "SOAR 剧本"))
    assert use("alert_statistics", group_by="closer").data["groups"] == {
        "李四": 3, "由接口 SOAR 剧本": 1, "没有记录": 1,
    }  # fmt: skip
    assert triage.get(d).closed_by == "由接口 SOAR 剧本"
    assert "由接口 SOAR 剧本" in use("get_alert", alert_id=d).text
    assert (
        "由接口 SOAR 剧本"
        in use("compare_periods", metric="closed", period="today", group_by="assignee").text
    )
    triage.reopen(d, ACTOR)
    assert triage.get(d).closed_by == ""
    for who, own in (("李四", {a, b, c}), ("张三", set())):
        assert use("alert_statistics", assignee=who, **asked).data.get("total", 0) == len(own)
        listed = use("list_alerts", assignee=who, **asked)
        assert f"关闭人={who}" in listed.query
        assert set(listed.data or ()) == own
    assert set(use("list_alerts", assignee="张三", status="all").data) == {c}  # who has it
    card = use("get_alert", alert_id=a).text
    assert "关闭人：李四" in card
    assert "未分配" not in card


def test_who_closed_goes_with_the_closing_and_comes_back_with_its_undo(five):
    li = person()
    mine, doer = Actor.person(li, "dingtalk"), batches.Doer(staff_id=li.pk)
    row = Alert.objects.get(title="规则 c")

    def closer():
        row.refresh_from_db()
        return row.status, row.closed_by_id

    triage.close(row.pk, "benign", mine)
    reopened = batches.carry_out(batches.TriageAct("reopen"), [row.pk], ACTOR, doer)
    assert closer() == ("open", None)
    assert batches.undo(reopened.batch.pk, mine, doer).done == (row.pk,)
    assert closer() == ("closed", li.pk)
    store(alert("c", 1, severity="critical", at=timezone.now(), source="WAF"))  # graver than anyone knew
    assert closer() == ("open", None)


def test_unknown_things_are_named(five):
    actor = Actor.person(person(), "dingtalk")
    with pytest.raises(NotFound, match="99999"):
        triage.get(99999)
    with pytest.raises(InvalidInput, match="误报"):
        triage.close(1, "whatever", actor)
    with pytest.raises(NotFound, match="孙七"):
        triage.assign(1, "孙七", actor)
    person("li4", "李四")
    with pytest.raises(NotFound, match="li4"):
        triage.assign(1, "李四", actor)


def test_overdue_and_unassigned_alerts_are_found(database):
    now = timezone.now()
    store(
        alert("late", severity="critical", at=now - timedelta(hours=5)),
        alert("fresh", severity="critical", at=now),
    )
    assert titles(overdue=True) == ["规则 late"]
    triage.assign(Alert.objects.get(title="规则 late").pk, person(), Actor.system("test"))
    assert titles(unassigned=True) == ["规则 fresh"]


def test_group_view_leaves_private_things_out(database):
    marks = (Indicator("ip", "203.0.113.5"), Indicator("account", "zhang.san"))
    store(alert("a", indicators=marks, raw={"user": "zhang.san"}))
    found = triage.get(Alert.objects.get().pk, private=True)
    shown = public(found)
    assert shown.raw is None
    assert [each.value for each in shown.indicators] == ["203.0.113.5"]
    assert "zhang.san" not in json.dumps(repr(shown))
    assert found.raw == {"user": "zhang.san"}
    assert is_private(type(found), "raw")
    assert not is_private(type(found), "summary")


def test_indicator_lookup_tells_where_it_was_seen(five):
    found = indicators.lookup("203[.]0.113.5")
    assert (found.kind, found.value, found.alerts.total) == ("ip", "203.0.113.5", 1)
    assert found.last_seen == NOW
    assert [each.name for each in indicators.lookup("10.0.0.5").assets] == ["web-01"]
    assert indicators.lookup("198.51.100.1").alerts.total == 0
    kinds = [
        indicators.normalise(text)[0]
        for text in ("2001:DB8::1", "evil.com.", "hxxp://a/b", "A" * 32, "a@b.cn", "root")
    ]
    assert kinds == ["ip", "domain", "url", "hash", "email", "account"]
