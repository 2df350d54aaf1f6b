"""The page of one alert: what it tells, to whom, what can be done there, and where one goes next."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from secops_agent.models import Action, Alert, AlertPayload, Asset, History, Proposal, Role, Silence, Staff
from secops_agent.services import links, runbooks
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.investigations import work
from secops_agent.services.privacy import NEEDS_ROLE
from secops_agent.services.records import Indicator
from tests.admin_pages import messages_of, serve_plain_static, text_of
from tests.secops.decisions_aid import company
from tests.secops.inventory_aid import ACTOR, alert, finding, host, store

from .desk import arrived, at_desk, do

pytestmark = pytest.mark.django_db
PARTS = ("alert", "alert_touches", "alert_known", "alert_event")
IP, ACCOUNT = Indicator("ip", "203.0.113.9"), Indicator("account", "zhangsan")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def page(row: Alert, part: str = "alert", query: str = "") -> str:
    return reverse(f"web:{part}", args=[row.pk]) + query


@pytest.mark.slow
@pytest.mark.both_databases
def test_page_tells_everything_in_its_place() -> None:
    client = at_desk(Role.ANALYST)
    web = host("web-01", "10.0.0.1", importance="critical", owner="lisi", environment="公网")
    store(web, host("db-01", "10.0.0.2", importance="high"), finding(web, "弱口令"))
    first, other = arrived("a", "b", assets=(web,), indicators=(IP, ACCOUNT), techniques=("T1110",), references=("javascript:alert(1)",), description="说明文字")  # fmt: skip
    store(alert("a", 1, at=first.first_seen + timedelta(minutes=9), assets=(web,), raw={"user": "zhangsan"}))
    runbooks.save("暴力破解处置", "# 步骤\n\n封禁来源 IP。", ("ssh",), ("T1110",), ACTOR)
    triage.acknowledge(first.pk, ACTOR, "我来看")
    work.investigate(first.pk)
    shown = text_of(client.get(page(first)))
    for words in ("规则 a", "处理中", "T1110", "203.0.113.9", "zhangsan", "说明文字", "首次发生", "最近一次发生，共 2 次", "系统 确认", "我来看", "状态：未处理 → 处理中"):  # fmt: skip
        assert words in shown, words
    html = client.get(page(first)).content.decode()
    assert 'href="javascript' not in html
    touched = text_of(client.get(page(first, "alert_touches")))
    for words in ("web-01", "核心", "公网", "可能对外", "问题 弱口令", "10.0.0.0/24", "db-01"):
        assert words in touched, words
    known = client.get(page(first, "alert_known"))
    for words in (
        "证据不足",
        "未经模型",
        f"A{other.pk}",
        "同一指标、同一资产",
        "另外 1 条告警",
        "暴力破解处置",
    ):
        assert words in text_of(known), words
    assert links.alert(other.pk) in known.content.decode()
    assert '"user": "zhangsan"' in text_of(client.get(page(first, "alert_event")))


@pytest.mark.slow
def test_viewer_reads_no_accounts_and_no_raw_event() -> None:
    client, (row,) = at_desk(Role.VIEWER), arrived("a", indicators=(IP, ACCOUNT))
    work.investigate(row.pk)
    for part in PARTS:
        answer = client.get(page(row, part))
        assert answer.status_code == 200
        assert "zhangsan" not in answer.content.decode(), part
    assert "203.0.113.9" in text_of(client.get(page(row)))
    html = client.get(page(row)).content.decode()
    assert 'id="triage"' not in html
    assert "deed-close" not in html


def test_page_of_nothing_is_not_found() -> None:
    client = at_desk(Role.ANALYST)
    for part in PARTS:
        for number in ("1", "99999999999999999999999"):
            assert (
                client.get(
                    f"/alerts/{number}/" + ("" if part == "alert" else part.removeprefix("alert_") + "/")
                ).status_code
                == 404
            )
    (row,) = arrived("a")
    assert client.get(page(row, query="?next=//evil.example")).status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True])
def test_enter_in_the_note_adds_the_note_and_nothing_else(closed: bool) -> None:
    client, (row,) = at_desk(Role.ANALYST), arrived("a")
    if closed:
        triage.close(row.pk, "benign", ACTOR)
    html = client.get(page(row)).content.decode()
    form = html[html.index('id="triage"') : html.index("</form>", html.index('id="triage"'))]
    # What Enter presses is the first button that submits.
    name, value = re.search(r'<button type="submit" name="(\w+)" value="([\w:]+)"', form).groups()
    before = Alert.objects.values().get()
    client.post(reverse("web:alert_act"), {name: value, "one": row.pk, "here": row.pk, "note": "看一下"})
    assert Alert.objects.values().get() == before
    assert History.objects.latest("pk").note == "看一下"


@pytest.mark.slow
def test_after_an_act_comes_the_next_alert_of_the_same_list() -> None:
    client = at_desk(Role.ANALYST)
    (two,), (one,) = (
        arrived("a", severity="low", due_in_hours=90),
        arrived("b", severity="low", due_in_hours=80),
    )
    arrived("c", severity="critical")
    query = "tab=all&severity=low"
    shown = client.get(page(one, query=f"?{query}")).content.decode()
    assert f'href="{links.alert(two.pk)}?tab=all&amp;severity=low" data-after' in shown
    assert 'href="/alerts/?tab=all&amp;severity=low" data-back' in shown
    posted = {"one": one.pk, "here": one.pk, "list": query}
    answer = client.post(reverse("web:alert_act"), {"act": "close:benign", **posted}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{links.alert(two.pk)}?{query}"
    assert f"已关闭（正常行为） A{one.pk}" in text_of(answer)
    answer = client.post(
        reverse("web:alert_act"),
        {"act": "close:benign", **posted, "one": two.pk, "here": two.pk},
        follow=True,
    )
    assert answer.redirect_chain[-1][0] == f"/alerts/?{query}"
    assert "没有符合条件的告警" in text_of(answer)


def test_who_came_by_a_link_stays_on_the_page() -> None:
    client, (one, _) = at_desk(Role.ANALYST), arrived("a", "b")
    answer = do(client, "acknowledge", one=one.pk, here=one.pk, list="")
    assert answer.redirect_chain[-1][0] == links.alert(one.pk)
    assert "data-after" not in answer.content.decode()


@pytest.mark.slow
def test_silence_from_the_page_covers_what_is_said() -> None:
    client, (row,) = at_desk(Role.ANALYST), arrived("a")
    post = reverse("web:alert_silence")
    for scope, value in (("alert", str(row.pk)), ("rule", "规则 a"), ("asset", "web-01")):
        said = client.post(
            post, {"here": row.pk, "scope": scope, "minutes": "60", "reason": "发布"}, follow=True
        )
        assert "已静默" in messages_of(said), scope
        assert Silence.objects.latest("pk").value == value
    until = timezone.localtime() + timedelta(hours=3)
    client.post(post, {"here": row.pk, "scope": "rule", "minutes": "60", "until": f"{until:%Y-%m-%dT%H:%M}"})
    assert abs(Silence.objects.latest("pk").ends_at - until) < timedelta(minutes=3)
    Silence.objects.latest("pk").delete()
    assert "这条规则：规则 a（现在 1 条未关闭）" in text_of(client.get(page(row)))
    for odd in (
        {"scope": "all"},
        {"minutes": "x"},
        {"minutes": "999999"},
        {"here": "0"},
        {"until": "2020-01-01T10:00"},
    ):
        client.post(post, {"here": row.pk, "scope": "alert", "minutes": "60"} | odd)
    assert Silence.objects.count() == 3


def test_what_may_be_blocked_is_offered_first_and_the_rest_cannot_be_chosen() -> None:
    company()
    own = Indicator("ip", "10.0.0.20")
    (row,) = arrived("a", indicators=(own, IP))
    shown = at_desk(Role.RESPONDER, "re").get(page(row)).content.decode()
    assert '<option value="10.0.0.20" disabled>10.0.0.20：是内网或保留地址，不能封禁</option>' in shown
    assert shown.index(f'<option value="{IP.value}">') < shown.index('<option value="10.0.0.20"')
    (inside,) = arrived("b", indicators=(own,))
    assert "这些地址都不能封禁" in text_of(at_desk(Role.RESPONDER, "re2").get(page(inside)))


@pytest.mark.slow
def test_dangerous_things_are_only_proposed_and_only_by_those_who_may() -> None:
    company()
    (row,) = arrived("a", indicators=(IP,))
    analyst, responder = at_desk(Role.ANALYST, "an"), at_desk(Role.RESPONDER, "re")
    Asset.objects.update(name="web-01")
    from secops_agent.models import Staff

    Staff.objects.filter(staff_id__in=("an", "re")).update(corp_id="corp")
    block = {
        "here": row.pk,
        "tool": "block_ip",
        "ip": "203.0.113.9",
        "duration_minutes": "60",
        "reason": "扫描，同 A99",
    }
    post = reverse("web:alert_propose")
    assert "封禁 IP…" not in text_of(analyst.get(page(row)))
    assert "需要「处置」角色" in messages_of(analyst.post(post, block, follow=True))
    assert not Proposal.objects.exists()
    assert "封禁 IP…" in text_of(responder.get(page(row)))
    assert "已提出" in messages_of(responder.post(post, block, follow=True))
    made = Proposal.objects.get()
    assert (made.tool, made.state, made.arguments["ip"], made.asker_id) == (
        "block_ip",
        "proposed",
        "203.0.113.9",
        "re",
    )
    assert made.arguments["reason"] == f"A{row.pk}：扫描，同 A99"  # what the ledger and the approver are told
    told = text_of(responder.get(page(row)))
    assert "封禁 IP 203.0.113.9：" in told
    assert text_of(analyst.get(page(row))).count("提出（网页或接口）") == 1
    Action.objects.create(
        proposal=made, config=made.config, key="k", tool=made.tool, arguments=made.arguments, state="dry",
        connector="dry_run", created_at=made.created_at, started_at=made.created_at, finished_at=made.created_at,
    )  # fmt: skip
    Proposal.objects.filter(pk=made.pk).update(
        state="approved", decider_name="王五", decided_at=made.created_at
    )
    assert "王五 已批准" in (told := text_of(responder.get(page(row))))
    assert "演练（未做改动）" in told
    approval = text_of(responder.get(reverse("web:approval", args=[made.pk])))
    assert "已批准，只做了演练" in approval, "the headline says that nothing was changed"
    isolate = {"here": row.pk, "tool": "isolate_host", "asset": str(row.assets.get().pk), "reason": "失陷"}
    assert "已提出" in messages_of(responder.post(post, isolate, follow=True))
    for odd in (
        {"tool": "close_alert"},
        {"tool": "nonsense"},
        {"ip": "10.0.0.1"},
        {"ip": ""},
        {"duration_minutes": "9" * 9},
    ):
        responder.post(post, block | odd)
    assert Proposal.objects.count() == 2


@pytest.mark.slow
def test_a_page_costs_the_same_whatever_is_known() -> None:
    client = at_desk(Role.ANALYST)
    costs = []
    for count in (2, 40):
        row, *_ = arrived(
            *(f"{count}-{n}" for n in range(count)), rule_name="一条规则", indicators=(IP, ACCOUNT)
        )
        AlertPayload.objects.filter(alert=row).update(raw={"text": "长" * 100_000})
        cost = []
        for part in PARTS:
            with CaptureQueriesContext(connection) as queries:
                client.get(page(row, part, "?tab=all" if part == "alert" else ""))
            cost.append(len(queries))
        costs.append(cost)
    assert max(costs[1]) <= 20, costs
    assert costs[0] == costs[1]
    assert "只显示前" in text_of(client.get(page(row, "alert_event")))


def test_address_that_only_the_title_names_can_be_blocked() -> None:
    client = at_desk(Role.RESPONDER)
    (row,) = arrived("a", title="来自 185.220.101.45 的登录", description="又见 45.155.205.233")
    page = client.get(reverse("web:alert", args=[row.pk])).content.decode()
    assert all(
        f'<option value="{address}">{address}</option>' in page
        for address in ("185.220.101.45", "45.155.205.233")
    )
    assert 'data-opens="block"' in page


def test_whether_other_machines_have_a_hash_is_one_look() -> None:
    seen = Indicator("hash", "d41d8cd98f00b204e9800998ecf8427e")
    mine, other = host("web-01", "10.0.0.1"), host("file-01", "10.0.0.2")
    person = host("zhangsan", "10.0.0.3")
    (first,) = arrived("a", assets=(mine,), indicators=(seen,))
    client = at_desk(Role.ANALYST)
    assert "别的机器没有见过" in text_of(client.get(page(first)))
    arrived("b", assets=(mine,), indicators=(seen,))
    arrived("c", "d", assets=(other, person), indicators=(seen,))
    Asset.objects.filter(name="zhangsan").update(asset_type="account")
    shown = text_of(client.get(page(first)))
    assert re.search(r"别的机器也有：[¦\s]+file-01[¦\s]+2 条", shown)
    assert "zhangsan" not in shown
    found = client.get(reverse("search"), {"q": seen.value[:12]}).context["groups"]
    hosts = {group.title: [each.title for each in group.items] for group in found}["资产"]
    assert sorted(hosts) == ["file-01", "web-01"]


def test_who_is_called_next_or_why_nobody_is_stands_at_the_top() -> None:
    (row,) = arrived("a")
    client = at_desk(Role.ANALYST)
    assert "叫人 ¦ 没有通知规则要发它，不会叫人" in text_of(client.get(page(row)))
    triage.close(row.pk, "benign", ACTOR)
    assert "叫人" not in text_of(client.get(page(row)))


def test_what_was_found_why_by_whom_and_when_stand_in_one_line() -> None:
    client = at_desk(Role.ANALYST)
    (row, bare, source) = arrived("a", "b", "c", indicators=(ACCOUNT,))
    staff = Actor.person(Staff.objects.get(), "admin")
    triage.close(row.pk, "benign", staff, "旧的原因")
    triage.reopen(row.pk, staff)
    triage.close(row.pk, "false_positive", staff, "办公网扫描器，zhangsan 说的")
    triage.close(bare.pk, "benign", staff)
    at = timezone.now()
    Alert.objects.filter(pk=source.pk).update(status="closed", closed_at=at, closed_by_source=True)
    told = f"（人员lisi，{timezone.localtime(Alert.objects.get(pk=row.pk).closed_at):%m-%d %H:%M}）"
    lines = {
        row: f"误报：办公网扫描器，zhangsan 说的{told}",
        bare: f"正常行为，没有写原因{told}",
        source: f"来源报告恢复（{timezone.localtime(at):%m-%d %H:%M}）",
    }
    listed = text_of(client.get(reverse("web:alerts"), {"tab": "all", "status": "closed"}))
    for each, line in lines.items():
        assert f"关闭 ¦ {line}" in text_of(client.get(page(each)))
        assert line in listed
    viewer = at_desk(Role.VIEWER, "zhao")
    for shown in (
        viewer.get(page(row)),
        viewer.get(reverse("web:alerts"), {"tab": "all", "status": "closed"}),
    ):
        assert f"误报：办公网扫描器，{NEEDS_ROLE} 说的" in text_of(shown)
        assert "zhangsan" not in shown.content.decode()
