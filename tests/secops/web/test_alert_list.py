"""告警处置: which alerts the list shows, in which order, to whom, and what it costs."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bifang.core.rights import OPERATOR
from secops_agent.models import Alert, IndicatorList, Role, SavedView, Staff, SuppressionRule
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries import words
from secops_agent.services.cases import orders as cases
from secops_agent.services.records import Indicator, ListedRecord
from tests.admin_pages import member, serve_plain_static, text_of
from tests.secops.inventory_aid import ACTOR, host, person, store

from .desk import arrived, at_desk, listed

pytestmark = pytest.mark.django_db
PARTS = ("web:alerts", "web:alert_facets", "web:alert_news")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.mark.slow
@pytest.mark.both_databases
def test_list_is_by_what_is_worst() -> None:
    (late_low,) = arrived("a", severity="low", due_in_hours=-5)
    (fresh_high,) = arrived("b", severity="high", due_in_hours=20)
    (fresh_critical,) = arrived("c", severity="critical", due_in_hours=3.9)
    (late_high,) = arrived("d", severity="high", due_in_hours=-1)
    (near_critical,) = arrived("e", severity="critical", due_in_hours=0.2)
    (closed,) = arrived("f", severity="critical", due_in_hours=-9)
    triage.close(closed.pk, "benign", ACTOR)
    (taken,) = arrived("h", severity="critical", due_in_hours=0.1)
    triage.acknowledge(taken.pk, ACTOR)
    core = host("core-01", "10.0.0.9", importance="critical")
    (core_high,) = arrived("g", severity="high", due_in_hours=21, assets=(core,))
    client = at_desk(Role.VIEWER)
    expected = [near_critical, fresh_critical, taken, late_high, fresh_high, core_high, late_low]
    assert listed(client) == [row.pk for row in expected]
    pressing = [near_critical, taken, late_high, late_low]
    assert listed(client, tab="at_risk") == [row.pk for row in pressing]
    why = text_of(client.get(reverse("web:alert", args=[core_high.pk])))
    assert "44 分：高危 30、24 小时内发生过 6、核心资产 5、没人处理 3" in why
    shown = client.get(reverse("web:alerts"))
    reasons = {line.pk: line.why for line in shown.context["lines"]}
    assert reasons[taken.pk] == "54 分：严重 40、同一资产 24 小时内几种高危告警 8、24 小时内发生过 6"
    assert (
        reasons[late_high.pk]
        == "49 分：高危 30、同一资产 24 小时内几种高危告警 8、24 小时内发生过 6、没人处理 3、已超时 2"
    )
    assert text_of(shown).count("分数高的在前") == 1, "the order is told once, above"
    newest = text_of(client.get(reverse("web:alerts"), {"tab": "all", "sort": "newest"}))
    assert "没人处理" not in newest, "which is not by that"
    assert listed(client, status="closed") == [closed.pk]
    assert listed(client, sort="newest")[0] == core_high.pk


@pytest.mark.slow
@pytest.mark.both_databases
def test_tabs_count_what_they_show_within_the_other_filters() -> None:
    client = at_desk(Role.ANALYST)
    mine, other, free = arrived("a", "b", "c", severity="low")
    triage.assign(mine.pk, Staff.objects.get(staff_id="lisi"), ACTOR)
    triage.assign(other.pk, person("wangwu", "王五"), ACTOR)
    arrived("d", severity="critical", due_in_hours=-1)
    shown = client.get(reverse("web:alerts"), {"severity": "low"}).context["tabs"]
    assert [(tab.label, tab.count) for tab in shown] == [
        ("我的", "1"), ("未分配", "1"), ("超时和快超时", "0"), ("全部", "3"),
    ]  # fmt: skip
    assert listed(client, tab="mine") == [mine.pk]
    assert listed(client, tab="unassigned", severity="low") == [free.pk]
    nobody = Client()
    nobody.force_login(User.objects.create_superuser("root"))
    assert listed(nobody, tab="mine") == []


@pytest.mark.slow
@pytest.mark.both_databases
def test_every_filter_narrows_and_its_facet_counts_what_else_there_is() -> None:
    client = at_desk(Role.ANALYST)
    web, db = arrived("a", "b", severity="high", source="wazuh", rule_name="暴力破解")
    (other,) = arrived("c", severity="low", rule_name="", rule_id="r-7", assets=(host("db-01"),))
    triage.assign(web.pk, Staff.objects.get(staff_id="lisi"), ACTOR)
    asset = other.assets.get()
    Alert.objects.filter(pk=web.pk).update(closed_by=Staff.objects.get())
    for query, expected in (
        ({"severity": ["high", "low"]}, {web, db, other}), ({"severity": "low"}, {other}), ({"source": "wazuh"}, {web, db}),
        ({"rule": "暴力破解"}, {web, db}), ({"rule": "r-7"}, {other}), ({"rule": ["r-7", "暴力破解"], "asset": asset.pk}, {other}),
        ({"asset": asset.pk}, {other}), ({"assignee": Staff.objects.get().pk}, {web}), ({"assignee": 0}, {db, other}),
        ({"closer": Staff.objects.get().pk}, {web}),
        ({"span": "1h"}, {web, db, other}), ({"to": "2025-01-01"}, set()), ({"from": f"{timezone.localdate()}"}, {web, db, other}),
        ({"q": "r-7"}, {other}), ({"q": "没有这样的"}, set()),
    ):  # fmt: skip
        assert set(listed(client, **query)) == {row.pk for row in expected}, query
    page = client.get(reverse("web:alert_facets"), {"rule": "暴力破解"})
    groups = {title: {each.label: each.count for each in found} for title, found in page.context["facets"]}
    assert groups["规则"] == {"暴力破解": "2", "r-7": "1"}
    assert groups["级别"]["高危"] == "2"
    assert groups["处理人"] == {"人员lisi": "1", "未分配": "1"}
    assert groups["资产"] == {"web-01": "2"}


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_list_of_indicators_is_a_filter_and_a_facet_while_it_is_in_force() -> None:
    client = at_desk(Role.VIEWER)
    store(ListedRecord("甲<b>", "ip", "203.0.113.9"), ListedRecord("乙", "domain", "bad.example"))
    hit, other = arrived("a", indicators=(Indicator("ip", "203.0.113.9"),)), arrived("b")
    rows = {row.name: row for row in IndicatorList.objects.all()}
    first = rows["甲<b>"]
    assert listed(client, list=first.pk) == [hit[0].pk]
    assert listed(client, list=[first.pk, rows["乙"].pk], severity=hit[0].severity) == [hit[0].pk]
    assert listed(client, list=rows["乙"].pk) == []
    page = client.get(reverse("web:alert_facets"), {"severity": other[0].severity})
    [(label, count)] = [(each.label, each.count) for each in dict(page.context["facets"])["命中情报"]]
    assert (label, count) == ("甲<b>", "1")
    assert "<b>" not in page.content.decode()
    IndicatorList.objects.update(enabled=False)
    assert listed(client, list=first.pk) == []
    assert client.get(reverse("web:alerts"), {"list": "甲"}).status_code == 400


@pytest.mark.slow
def test_search_finds_what_it_finds_everywhere() -> None:
    row, _ = arrived("a", "b", description="连接矿池，疑似挖矿")
    Alert.objects.exclude(pk=row.pk).update(description="")
    client = at_desk(Role.ANALYST)
    for indexed in (False, True):
        if indexed:
            words.index()
        for term, expected in (("矿", [row.pk]), ("没有这样的", [])):
            assert listed(client, q=term) == expected, (term, indexed)


ODD = (
    "text__regex=x", "severity=worst", "status=neu", "tab=1", "page=0", "page=21", "asset=x", "asset=99999999999999999999", "q=%00",
    "from=2026-13-40", "from=0000-00-00", "sort=title", "tab=all&tab=mine", "q=" + "x" * 201,
    "&".join(f"asset={number}" for number in range(1, 30)),
)  # fmt: skip


@pytest.mark.slow
def test_what_the_list_does_not_know_is_refused() -> None:
    client = at_desk(Role.VIEWER)
    for part in PARTS:
        for query in ODD:
            assert client.get(f"{reverse(part)}?{query}").status_code == 400, (part, query)


def test_an_alert_of_a_case_says_so_before_somebody_closes_it() -> None:
    first, other = (arrived(name)[0] for name in "ab")
    cases.create([first.pk], ACTOR, "一次攻击")
    first.refresh_from_db()
    page = text_of(at_desk(Role.ANALYST).get(reverse("web:alerts")))
    assert page.count(f"事件 E{first.case_id}") == 1
    assert f"A{other.pk}" in page


def test_only_those_who_may_see_alerts_open_it() -> None:
    viewer, nobody, operator = at_desk(Role.VIEWER), at_desk(Role.NONE, "zhao"), member(OPERATOR)
    for part in PARTS:
        assert Client().get(reverse(part)).url.startswith("/admin/login/")
        assert operator.get(reverse(part)).status_code == 200
        assert viewer.get(reverse(part)).status_code == 200
        assert viewer.post(reverse(part)).status_code == 405
        assert nobody.get(reverse(part)).url == reverse("admin:index")


@pytest.mark.slow
def test_viewer_reads_and_is_offered_nothing_to_do() -> None:
    arrived("a")
    html = at_desk(Role.VIEWER).get(reverse("web:alerts")).content.decode()
    assert "规则 a" in html
    for offered in ('name="ids"', "data-deed", 'id="deed-close"'):
        assert offered not in html
        assert (
            offered in at_desk(Role.ANALYST, f"a{len(offered)}").get(reverse("web:alerts")).content.decode()
        )


def test_policy_lets_nothing_stand_in_the_page() -> None:
    arrived("a")
    answer = at_desk(Role.ANALYST).get(reverse("web:alerts"))
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    html = answer.content.decode()
    assert " style=" not in html
    assert " onclick" not in html


EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def test_text_of_sources_is_never_markup_and_hides_nothing() -> None:
    title = EVIL + "\u202egnp.exe\u200b"
    (row,) = arrived("a", title=title, rule_name=EVIL, source="s<b>", assets=(host("<b>h</b>"),))
    client = at_desk(Role.ANALYST)
    pages = [client.get(reverse(name), {"q": "alert"}) for name in PARTS]
    pages += [client.get(reverse(f"web:{name}", args=[row.pk])) for name in ("alert", "alert_touches", "alert_known", "alert_event")]  # fmt: skip
    for page in pages:
        html = page.content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "<b>h</b>" not in html
        assert "\u202e" not in html
        assert "\u200b" not in html
    assert "看不见的字符" in text_of(pages[3])


def test_new_alerts_are_told_without_moving_the_list() -> None:
    arrived("a")
    client = at_desk(Role.VIEWER)
    mark = client.get(reverse("web:alerts")).context["mark"]
    news = reverse("web:alert_news")
    assert "新告警" not in text_of(client.get(news, {"mark": mark}))
    arrived("b", "c", severity="low")
    answer = client.get(news, {"mark": mark, "severity": "low", "tab": "all"})
    assert "有 2 条新告警 · 刷新" in text_of(answer)
    assert "severity=low" in answer.content.decode()
    assert "有 2" not in text_of(client.get(news, {"mark": mark, "severity": "critical"}))
    for odd in ("", "x", "-1", "9" * 40):
        assert client.get(news, {"mark": odd}).status_code == 200


@pytest.mark.slow
def test_views_are_each_persons_own() -> None:
    client, other = at_desk(Role.VIEWER), at_desk(Role.ANALYST, "wu")
    save, delete = reverse("web:saved_view"), reverse("web:saved_view_delete")
    client.post(save, {"name": " 我的  严重 ", "list": "severity=critical&tab=mine"})
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("我的 严重", "tab=mine&severity=critical")
    shown = client.get(reverse("web:alerts")).content.decode()
    assert "/alerts/?tab=mine&amp;severity=critical" in shown
    assert "我的 严重" not in other.get(reverse("web:alerts")).content.decode()
    other.post(delete, {"view": view.pk})
    assert SavedView.objects.exists()
    for name, query in (("", "tab=all"), ("x" * 41, "tab=all")):
        assert "请给这个视图一个名称" in text_of(
            client.post(save, {"name": name, "list": query}, follow=True)
        )
    assert client.post(save, {"name": "x", "list": "next=https://evil.example"}).status_code == 400
    client.post(save, {"name": "我的 严重", "list": "tab=all"})
    assert SavedView.objects.get().query == "tab=all"
    for number in range(25):
        client.post(save, {"name": f"v{number}", "list": "tab=all"})
    assert SavedView.objects.count() == 20
    client.post(delete, {"view": view.pk})
    assert not SavedView.objects.filter(pk=view.pk).exists()


@pytest.mark.slow
def test_list_costs_the_same_with_many_alerts() -> None:
    client, costs = at_desk(Role.ANALYST), []
    for count in (1, 60):
        arrived(*(f"{count}-{number}" for number in range(count)))
        cost = []
        for name in PARTS:
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse(name), {"severity": "high", "source": "suricata", "tab": "all"})
            cost.append(len(queries))
        costs.append(cost)
    assert costs[0] == costs[1]
    assert max(costs[1]) <= 18, costs
    assert len(client.get(reverse("web:alerts")).context["lines"]) == 50
    assert len(listed(client, page="2")) == 11


@pytest.mark.both_databases
def test_what_closed_an_alert_is_a_filter_and_a_facet_though_no_person_did() -> None:
    client = at_desk(Role.VIEWER)
    person, rule, source, token, other, _ = rows = arrived("a", "b", "c", "d", "e", "f")
    Alert.objects.filter(pk__in=[row.pk for row in rows[:5]]).update(status="closed", verdict="benign")
    by = {
        person: {"closed_by": Staff.objects.get()}, source: {"closed_by_source": True}, token: {"closed_via": "接口"},
        rule: {"suppressed_by": SuppressionRule.objects.create(name="扫描", reason="扫描")},
    }  # fmt: skip
    for row, values in by.items():
        Alert.objects.filter(pk=row.pk).update(**values)
    for ended, row in (
        ("person", person),
        ("rule", rule),
        ("source", source),
        ("token", token),
        ("other", other),
    ):
        assert listed(client, tab="all", status="closed", ended=ended) == [row.pk], ended
    page = client.get(reverse("web:alert_facets"), {"tab": "all", "status": ["open", "closed"]})
    groups = {title: {each.label: each.count for each in found} for title, found in page.context["facets"]}
    told = ("人", "接口", "抑制规则", "来源报告恢复", "毕方，或没有记录")
    assert groups["由谁关闭"] == dict.fromkeys(told, "1"), "what is open is nobody's"
    assert groups["关闭人"] == {"人员lisi": "1"}
