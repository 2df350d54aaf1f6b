"""The shell's own pages: the search finds what one may see, 我的 shows what is one's own."""

import re
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from bifang.shell.table import SETTINGS, STATUS, trail
from secops_agent.models import Alert, NotificationPreference, OnCallOverride, Role, Staff
from secops_agent.services.people import tokens
from tests.admin_pages import SYSTEM, member, rule, serve_plain_static, superuser, text_of, with_role
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def found(client: Client, wanted: str) -> str:
    return text_of(client.get("/search/", {"q": wanted}, headers={"HX-Request": "true"}))


def test_search_finds_pages_settings_alerts_assets_and_people() -> None:
    store(host("web-01"), alert("k", title="WebShell 后门文件"))
    Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST)
    row, client = Alert.objects.get(), superuser()
    assert "通知规则 ¦ 设置 / 通知规则" in found(client, "通知规则")
    assert "系统配置 ¦ 设置 / 系统配置" in found(client, "大模型")
    for said, title in (
        ("值班表", "值班"),
        ("SLA", "处理时限"),
        ("空档", "值班"),
        ("黑名单", "情报清单"),
        ("排班 换班", "值班"),
        ("runbook", "手册"),
        ("封禁台账", "封禁台账"),
        ("封禁 IP", "封禁台账"),
    ):
        assert f"页面 ¦ {title} ¦" in found(client, said), said
    assert f"A{row.pk} WebShell 后门文件 ¦ 高危" in found(client, "webshell")
    assert f"A{row.pk} WebShell 后门文件 ¦ 高危" in found(client, f"a{row.pk}")
    assert "web-01 ¦ 主机" in found(client, "web-01")
    assert "李四 ¦ 分析" in found(client, "李四")
    assert "没有找到「不存在的东西」" in found(client, "不存在的东西")


def test_search_finds_only_what_one_may_see() -> None:
    Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST)
    viewer = member(Role.VIEWER)
    assert "没有找到" in found(viewer, "李四")
    assert "没有找到" in found(viewer, "系统配置")
    assert "设置 / 导入任务" in found(viewer, "导入任务")


@pytest.mark.parametrize("wanted", ["", "²", "%", "9" * 30, "a' OR 1=1", "A" * 200])
def test_search_answers_whatever_is_typed(wanted: str) -> None:
    response = superuser().get("/search/", {"q": wanted}, headers={"HX-Request": "true"})
    assert response.status_code == 200


def test_my_page_shows_what_is_mine(django_assert_max_num_queries: Any) -> None:
    client = with_role(Role.ANALYST, "lisi")
    me, other = Staff.objects.get(), Staff.objects.create(staff_id="x", name="别人", role=Role.ANALYST)
    store(alert("a", title="我的告警一"), alert("b", title="别人的告警"))
    Alert.objects.filter(title="我的告警一").update(assignee=me)
    Alert.objects.filter(title="别人的告警").update(assignee=other)
    NotificationPreference.objects.create(staff=me, quiet_from=time(22), quiet_until=time(7))
    tokens.create("我的脚本", ["read"], owner_id=me.user_id, actor=SYSTEM)
    with django_assert_max_num_queries(20):
        page = client.get("/me/")
    text = text_of(page)
    assert "我的告警一" in text
    assert "别人的告警" not in text
    assert "1 条没有关闭" in text
    assert "22:00 到 07:00 免打扰：这段时间不叫您" in text
    assert page.content.decode().count('class="home-quiet"') == 9
    assert "API 令牌「我的脚本」" in text
    assert "两步验证：还没有设置" in text.replace(" ¦ ", "")


def test_my_page_says_which_rule_wakes_me_and_when() -> None:
    client = with_role(Role.ADMIN, "lisi")
    made = rule("夜间严重", severities=["critical"])
    me = Staff.objects.get(staff_id="lisi")
    made.targets.filter(step=None).update(kind="person", staff=me)
    rule("与我无关", escalate=[])
    text = text_of(client.get("/me/"))
    assert re.search("夜间严重 ¦ 严重 ¦ 马上；14 分钟没有人处理，叫每位管理员", text)
    assert "与我无关" not in text
    OnCallOverride.objects.create(
        schedule=made.targets.get(step=0).schedule,
        staff=me,
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(1),
    )
    assert re.search("5 分钟没有人处理，「值班.*」您值班时", text_of(client.get("/me/")))


def test_my_page_leaves_out_what_one_may_not_see() -> None:
    text = text_of(member(Role.VIEWER).get("/me/"))
    assert "等我决定" not in text
    assert "登录与安全" in text


def test_other_sessions_of_mine_end_and_nobody_elses() -> None:
    client, stranger = with_role(Role.VIEWER, "lisi"), member(Role.ANALYST)
    user = Staff.objects.get(staff_id="lisi").user
    second = Client()
    second.force_login(user)
    assert "已退出另外 1 处登录" in text_of(client.post("/me/sessions/", follow=True))
    assert second.get("/me/").status_code == 302
    assert stranger.get("/me/").status_code == client.get("/me/").status_code == 200
    assert Session.objects.filter(expire_date__gt=timezone.now() - timedelta(1)).count() == 2


def test_a_page_is_drawn_when_all_of_it_was_read() -> None:
    """A table that is drawn half read moves by a twentieth of the window (CLS 0.054 on 组件 at a sixth of the speed)."""
    html = superuser().get("/me/").content.decode()
    assert '<link rel="expect" href="#parsed" blocking="render">' in html.partition("</head>")[0]
    assert re.search(r'id="parsed" hidden></span>\s*</body>', html)


def test_every_card_says_what_it_is_for_and_leads_somewhere() -> None:
    for card in (*SETTINGS.tabs, *STATUS.tabs, *STATUS.links):
        assert len(card.purpose()) > 5, card.title
        assert card.address, card.title
    assert "封禁台账" in text_of(superuser().get("/status/"))
    assert [each.title for each in trail("/blocks/")] == ["审批", "封禁台账"]
