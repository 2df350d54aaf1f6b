"""工作台: numbers that are those of the lists, for everyone what they may see, and cheap enough to be asked for often."""

import json
import re
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bifang.core.models import Switch
from bifang.core.rights import OPERATOR
from dingtalk_integration.quotas import api_usage
from secops_agent.models import Alert, Asset, Finding, NotificationTarget, Role, Silence, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.vulnerabilities import findings
from tests.admin_pages import (
    connected,
    dingtalk,
    member,
    received,
    rule,
    serve_plain_static,
    superuser,
    text_of,
)
from tests.secops.api.callers import estate
from tests.secops.decisions_aid import company, propose
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db
HOME = "/"
PARTS = ("now", "risks", "system", "steps")
BUDGET = 20


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def part(client: Client, name: str) -> Any:
    answer = client.get(HOME, {"part": name})
    assert answer.status_code == 200
    return answer


def tiles(answer: Any, name: str) -> dict[str, tuple[str, str]]:
    """Title → figure and where it leads."""
    return {tile.title: (tile.value, tile.link) for tile in answer.context[name]}


def rotas(number: int = 1) -> None:
    if not Staff.objects.filter(staff_id="lisi").exists():
        for staff_id, name in (("lisi", "李四"), ("wangwu", "王五")):
            Staff.objects.create(staff_id=staff_id, name=name, role=Role.ANALYST)
    start = str(timezone.now().astimezone(ZONE).date() - timedelta(days=10))
    apply_on_call_entries(
        [
            {"name": f"值班{each}", "rotation": "daily", "start": start, "staff": ["lisi", "wangwu"]}
            for each in range(number)
        ]
    )


def test_open_alerts_are_counted_by_severity_state_and_person() -> None:
    now = timezone.now()
    for number, severity in enumerate(["critical", "critical", "high", "info"]):
        store(alert(f"k{number}", severity=severity, at=now), at=now)
    client = member(Role.ANALYST)
    me, rows = Staff.objects.get(), list(Alert.objects.order_by("pk"))
    triage.acknowledge(rows[0].pk, Actor.person(me, "dingtalk"))
    triage.close(rows[2].pk, "false_positive", Actor.person(me, "dingtalk"))
    Alert.objects.filter(pk=rows[1].pk).update(due_at=now - timedelta(minutes=1))
    Alert.objects.filter(pk=rows[0].pk).update(due_at=now + timedelta(minutes=5))
    answer = client.get(HOME)
    figures = {title: value for title, (value, _) in tiles(answer, "levels").items()}
    assert figures == {"未关闭的告警": "3", "严重": "2", "高危": "0", "中危": "0", "低危": "0", "信息": "1"}
    burden = {title: value for title, (value, _) in tiles(answer, "burden").items()}
    assert burden == {"超时和快超时": "2", "我的": "1", "未分配": "2"}
    assert "已超时 1，快超时 1" in text_of(answer)
    assert "未处理 1，处理中 1" in text_of(answer)


@pytest.mark.slow
def test_every_number_is_that_of_the_list_it_leads_to() -> None:
    now = timezone.now()
    for number, severity in enumerate(["critical", "critical", "high", "medium", "info"]):
        store(alert(f"k{number}", severity=severity, at=now), at=now)
    client = member(Role.ANALYST)
    rows = list(Alert.objects.order_by("pk"))
    triage.acknowledge(rows[0].pk, Actor.person(Staff.objects.get(), "dingtalk"))
    triage.close(rows[2].pk, "false_positive", Actor.system("test"))
    Alert.objects.filter(pk=rows[1].pk).update(due_at=now - timedelta(minutes=1))
    Alert.objects.filter(pk=rows[0].pk).update(due_at=now + timedelta(minutes=5))
    answer = client.get(HOME)
    for name in ("levels", "burden"):
        for title, (value, link) in tiles(answer, name).items():
            assert client.get(link).context["total"] == value, title
    points = [each["data"][-1] for each in answer.context["trend"]["series"]]
    assert [point["value"] for point in points] == [2, 1, 1, 0, 1]
    for point in points:
        assert client.get(point["link"]).context["total"] == str(point["value"])
    assert client.get(answer.context["approvals"]).status_code == 200


def test_counts_are_capped_as_those_of_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    from secops_agent.services.alerts import backlog
    from secops_agent.web import home

    monkeypatch.setattr(backlog, "COUNT_CAP", 3)
    monkeypatch.setattr(home, "COUNT_CAP", 3)
    estate(5)
    found = tiles(superuser().get(HOME), "burden")
    assert found["未分配"][0] == "3+"


def test_days_are_those_of_the_calendar_in_shanghai() -> None:
    midnight = datetime.combine(timezone.now().astimezone(ZONE).date(), time(0), ZONE)
    for number, at in enumerate((midnight - timedelta(minutes=1), midnight, midnight - timedelta(days=13))):
        store(alert(f"k{number}", at=at), at=at)
    closed = Alert.objects.order_by("pk")[0]
    triage.close(closed.pk, "benign", Actor.system("test"))
    trend = part(superuser(), "now").context["trend"]
    high = next(each for each in trend["series"] if each["name"] == "高危")
    counts = [point["value"] for point in high["data"]]
    assert counts == [1, *[0] * 11, 1, 1], "closed ones, too"
    assert trend["xAxis"]["data"][-1] == f"{midnight:%m-%d}"
    assert all(each["data"][0]["link"] for each in trend["series"])


@pytest.mark.slow
def test_exposure_is_what_the_lists_of_findings_show() -> None:
    estate(4)
    Asset.objects.filter(name="web-00").update(importance="critical")
    client = superuser()
    answer = part(client, "risks")
    for title, (value, link) in tiles(answer, "exposure").items():
        assert str(client.get(link).context["count"]) == value, title
    assert tiles(answer, "exposure")["KEV"][0] == "1"
    assert [each.name for each, _ in answer.context["attacked"]] == ["web-00"]
    for title, (value, link) in tiles(answer, "limits").items():
        assert str(client.get(f"{link}&by=each").context["count"]) == value, title
    assert tiles(answer, "limits")["已超时"][0] == str(
        Finding.objects.filter(active=True, due_at__lt=timezone.now()).count()
    )
    Finding.objects.filter(active=True).update(due_at=timezone.now() + timedelta(days=3))
    row = Finding.objects.filter(active=True).exclude(vulnerability__kev=True).first()
    until = timezone.now() + timedelta(days=5)
    findings.decide(row.pk, "accepted", Actor.system("test"), "内网", until=until)
    soon = {title: value for title, (value, _) in tiles(part(client, "risks"), "limits").items()}
    assert soon == {
        "已超时": "0",
        "7 天内到期": str(Finding.objects.filter(active=True).count()),
        "接受快到期": "1",
    }


def test_assets_with_the_gravest_alerts_come_first() -> None:
    now = timezone.now()
    for number, (name, severity) in enumerate(
        [("a", "low"), ("a", "low"), ("b", "critical"), ("c", "critical")]
    ):
        store(alert(f"k{number}", severity=severity, assets=(host(name),)), at=now)
    triage.close(Alert.objects.order_by("pk")[3].pk, "benign", Actor.system("test"))
    busy = part(superuser(), "risks").context["busy"]
    assert [(each.name, each.alerts, each.grave) for each, _ in busy] == [("b", 1, 1), ("a", 2, 0)]


def test_a_loud_rule_that_is_silenced_says_until_when_and_is_ended_there() -> None:
    now, client = timezone.now(), member(Role.ANALYST)
    store(*(alert(f"k{number}", rule_name="吵", assets=(host("web-01"),)) for number in range(12)), at=now)
    assert "静默…" in text_of(part(client, "risks"))
    client.post(reverse("web:rule_silence"), {"rule": "吵", "minutes": "120"})
    row = Silence.objects.get()
    shown = text_of(part(client, "risks"))
    assert f"已静默到 {timezone.localtime(row.ends_at):%m-%d %H:%M} ¦ 结束" in shown
    assert "静默…" not in shown
    client.post(reverse("web:rule_silence"), {"end": row.pk})
    assert "静默…" in text_of(part(client, "risks"))


def test_who_is_on_call_and_who_is_next_stands_there() -> None:
    rotas()
    text = text_of(member(Role.VIEWER).get(HOME))
    assert re.search(r"值班0：.*(lisi|wangwu).*(李四|王五).*下一位", text), text
    Staff.objects.update(active=False)
    text = text_of(superuser().get(HOME))
    assert "无人值班" in text
    assert "两周内 1 段无人" in text


def test_what_i_may_decide_comes_first() -> None:
    config = company()
    propose(config, "zhao")
    propose(config, "li", tool="close_alert", risk="write", arguments={"alert_id": 1})
    user = User.objects.create_user("li")
    Staff.objects.filter(staff_id="li").update(user=user)
    client = Client()
    client.force_login(user)
    waiting = client.get(HOME).context["waiting"]
    assert [(row.risk, mine) for row, mine in waiting] == [("write", True), ("dangerous", False)]
    Staff.objects.filter(staff_id="li").update(user=None)
    Staff.objects.filter(staff_id="sun").update(user=user)
    waiting = client.get(HOME).context["waiting"]
    assert [(row.risk, mine) for row, mine in waiting] == [("dangerous", True), ("write", False)]
    Staff.objects.filter(staff_id="sun").update(corp_id="other")
    assert not any(mine for _, mine in client.get(HOME).context["waiting"]), "another corporation's"
    Staff.objects.filter(staff_id="sun").update(user=None)
    Staff.objects.filter(staff_id="zhao").update(user=user, role=Role.ADMIN)
    assert not any(mine for _, mine in client.get(HOME).context["waiting"]), "the own dangerous one"


def test_a_target_that_nobody_can_be_told_at_stands_on_top() -> None:
    rule("严重告警")
    client = superuser()
    assert "无法送达的目标" not in text_of(client.get(HOME))
    NotificationTarget.objects.update(last_error="机器人不在群里", last_error_at=timezone.now())
    shown = text_of(client.get(HOME))
    assert shown.index("无法送达的目标") < shown.index("未关闭的告警"), "before every figure"


SEEN = {
    Role.VIEWER: ({"levels", "duties"}, {"exposure", "busy", "noise"}, set(), 0),
    Role.ANALYST: ({"levels", "duties", "waiting"}, {"exposure", "busy", "noise"}, {"结果未知的动作"}, 0),
    Role.ADMIN: (
        {"levels", "duties", "waiting"}, {"exposure", "busy", "noise"},
        {"结果未知的动作", "死信", "工作进程", "今日模型费用"}, 3,
    ),
    OPERATOR: (
        {"levels", "duties", "waiting"}, {"exposure", "busy", "noise"},
        {"结果未知的动作", "死信", "工作进程", "今日模型费用"}, 1,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("who", SEEN)
def test_everyone_sees_what_they_may(who: str) -> None:
    client, (now, risks, cards, steps) = member(who), SEEN[who]
    context = part(client, "now").context
    assert {name for name in ("levels", "duties", "waiting") if name in context} == now
    context = part(client, "risks").context
    assert {name for name in ("exposure", "busy", "noise") if name in context} == risks
    system = part(client, "system")
    assert {card.title for card in system.context["cards"]} >= cards
    assert bool(system.context["cards"]) == bool(cards)
    assert len(part(client, "steps").context["steps"]) >= steps
    answer = client.get(HOME)
    assert answer.status_code == 200
    for _, link in (pair for name in ("levels", "burden") for pair in tiles(answer, name).values()):
        assert client.get(link).status_code == 200, link


def test_whoever_has_no_right_reads_whom_to_ask_and_a_stranger_logs_in() -> None:
    client = Client()
    assert client.get(HOME)["Location"].startswith("/admin/login/")
    client.force_login(User.objects.create_user("nobody"))
    answer = client.get(HOME, follow=True)
    assert answer.status_code == 403
    assert "还没有使用毕方的权限" in text_of(answer)
    assert client.get(HOME, {"part": "now"}).status_code == 302


def test_the_admin_begins_at_our_page() -> None:
    assert superuser().get(reverse("admin:index"))["Location"] == HOME


def test_a_part_is_only_that_part() -> None:
    client = superuser()
    for name in PARTS:
        answer = part(client, name)
        assert "<html" not in answer.content.decode()
        assert "script-src 'self';" in answer["Content-Security-Policy"]
        assert "no-cache" in answer["Cache-Control"]
    assert client.get(HOME, {"part": "other"}).status_code == 404
    ids = set(re.findall(r'data-part id="([\w-]+)"', part(client, "now").content.decode()))
    assert ids | {"home-steps"} == set(
        re.findall(r'data-part id="([\w-]+)"', client.get(HOME).content.decode())
    )


def test_an_empty_database_says_what_to_do() -> None:
    client = superuser()
    text = text_of(client.get(HOME))
    assert "还没有告警" in text
    assert "还没有值班表" in text
    steps = text_of(part(client, "steps"))
    for words in ("接下来做什么", "添加钉钉配置", "python manage.py start_dingtalk_stream", "登记人员"):
        assert words in steps
    assert "没有资产上有未关闭的告警" in text_of(part(client, "risks"))


def test_a_switch_that_is_on_is_told_to_everyone() -> None:
    client = member(Role.VIEWER)
    assert "已打开" not in text_of(client.get(HOME))
    Switch.objects.create(name="read_only", on=True)
    assert "已打开：只读" in text_of(client.get(HOME))


def test_what_sources_wrote_stays_text() -> None:
    store(
        alert(
            "k",
            title="</script><script>alert(1)</script>",
            rule_name="<b>规则</b>",
            assets=(host("<i>web</i>"),),
        ),
        at=timezone.now(),
    )
    client = superuser()
    for answer in (client.get(HOME), part(client, "risks")):
        assert not re.search(r"<script>alert|<b>规则|<i>web", answer.content.decode())


def full_house(size: int) -> None:
    """As many rows of everything."""
    estate(size)
    rotas(max(size // 10, 1))
    for number in range(size // 5):
        config = dingtalk(f"配置{size}-{number}")
        connected(config)
        received(config, number)
        api_usage.add(
            {(config.client_id, family, "answer"): number for family in ("robot", "card", "webhook")}
        )


@pytest.mark.slow
@pytest.mark.parametrize("who", [Role.VIEWER, Role.ANALYST, Role.ADMIN, OPERATOR, "superuser"])
def test_every_request_stays_within_its_budget(who: str) -> None:
    client = superuser() if who == "superuser" else member(who)
    Staff.objects.update(corp_id="dingcorp")
    costs: list[dict[str, int]] = []
    for size in (10, 40):
        full_house(size)
        cost = {}
        for name in ("", *PARTS):
            with CaptureQueriesContext(connection) as caught:
                assert client.get(HOME, {"part": name} if name else {}).status_code == 200
            cost[name] = len(caught)
        costs.append(cost)
    assert costs[0] == costs[1]
    assert max(costs[1].values()) <= BUDGET, costs[1]


def test_trend_is_an_option_without_code() -> None:
    estate(2)
    html = superuser().get(HOME).content.decode()
    found = re.search(r'<script id="home-trend-data" type="application/json">(.*?)</script>', html, re.S)
    assert found
    option = json.loads(found[1])
    assert [each["name"] for each in option["series"]] == ["严重", "高危", "中危", "低危", "信息"]
    assert sum(point["value"] for each in option["series"] for point in each["data"]) == Alert.objects.count()
