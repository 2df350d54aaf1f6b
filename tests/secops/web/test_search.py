"""搜索: one word in everything, by rights; codes; what it costs."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from bifang.core.models import SystemConfig
from secops_agent.models import (
    Alert,
    Asset,
    Case,
    Finding,
    NotificationRule,
    OnCallSchedule,
    Proposal,
    Role,
    Staff,
)
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders
from secops_agent.services.records import Indicator
from secops_agent.services.runbooks.store import save
from tests.admin_pages import serve_plain_static
from tests.secops.inventory_aid import alert, component, finding, flaw, host, queries, store

from .desk import arrived, at_desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def groups_of(client: Client, text: str) -> list[Any]:
    return client.get(reverse("search"), {"q": text}).context["groups"]


def found(client: Client, text: str) -> dict[str, list[str]]:
    return {each.title: [item.title for item in each.items] for each in groups_of(client, text)}


def fill() -> None:
    """Something of every kind that has to do with web-01."""
    asset = host("web-01", "10.0.0.1")
    rows = arrived("a", title="web-01 连接矿池", description="下载自 hxxp://45.83.64[.]1/x")
    store(flaw(title="web-01 上的漏洞"), finding(asset, "web-01-R"))
    orders.create([rows[0].pk], Actor.system("test"), "web-01 被挖矿")
    Staff.objects.create(staff_id="web-01-admin", name="王小五", role=Role.ANALYST)


@pytest.mark.both_databases
def test_a_word_is_found_in_everything() -> None:
    client = at_desk(Role.ADMIN)
    fill()
    seen = found(client, "web-01")
    assert set(seen) == {"告警", "事件", "资产", "漏洞", "发现", "人员"}
    assert found(client, "CVE-2021-44228")["漏洞"] == ["CVE-2021-44228"]
    assert found(client, "王小五") == {"人员": ["王小五"]}
    assert found(client, "45.83.64.1")["告警"], "an address in a text, defanged there"
    assert found(client, "没有这个词") == {}
    assert found(client, "接收进程")["页面"] == ["Syslog 来源"]
    boxed = client.get(reverse("search"), {"q": "web-01"}, headers={"HX-Request": "true"})
    assert [each.title for each in boxed.context["groups"]] == [
        each.title for each in groups_of(client, "web-01")
    ]
    assert b"<main" not in boxed.content
    page = client.get(reverse("search"), {"q": "web-01"}).content.decode()
    for each in groups_of(client, "web-01"):
        for item in each.items:
            assert client.get(item.url).status_code == 200
            assert item.url in page


@pytest.mark.both_databases
def test_a_code_stands_before_what_only_has_the_word() -> None:
    client = at_desk(Role.ANALYST)
    fill()
    alert, case, row = Alert.objects.get(), Case.objects.get(), Finding.objects.get()
    for text, kind, code in (
        (f"A{alert.pk}", "告警", f"A{alert.pk}"), (f"#{alert.pk}", "告警", f"A{alert.pk}"), (f"告警 {alert.pk}", "告警", f"A{alert.pk}"),
        (f"e{case.pk}", "事件", f"E{case.pk}"), (f"F{row.pk}", "发现", f"F{row.pk}"),
    ):  # fmt: skip
        assert found(client, text)[kind][0].startswith(f"{code} "), text
    assert "告警" not in found(client, f"E{case.pk}")


@pytest.mark.parametrize(
    ("typed", "kind", "title"),
    [
        ("web-", "资产", "web-01"), ("web01", "资产", "web-01"), ("web 01", "资产", "web-01"), ("webg", "资产", "web-gateway-3"), ("gateway3", "资产", "web-gateway-3"), ("10.0.0.1:8443", "资产", "web-01"),
        ("CVE 2021 44228", "漏洞", "CVE-2021-44228"), ("cve202144228", "漏洞", "CVE-2021-44228"),
        ("2021-44228", "漏洞", "CVE-2021-44228"), ("wangxiaowu", "人员", "王小五"), ("wxw", "人员", "王小五"),
        ("d41d8cd9", "告警", ""), ("连接 矿池", "告警", ""), ("值守", "设置", "值守一"), ("主干", "设置", "主干钉钉"),
        ("夜间", "设置", "夜间严重"), ("lvbu", "人员", "吕布"), ("lubu", "人员", "吕布"), ("doumin", "人员", "窦闵"),
    ],
)  # fmt: skip
def test_what_a_tired_person_types_is_found_and_stands_first(typed: str, kind: str, title: str) -> None:
    client = at_desk(Role.ADMIN)
    fill()
    store(alert("hash", indicators=(Indicator("hash", "d41d8cd98f00b204e9800998ecf8427e"),)))
    store(host("web-gateway-3", "10.0.0.3"), alert("named", title="web-gateway-3 出错"))
    OnCallSchedule.objects.create(name="值守一")
    for name in ("吕布", "窦闵"):
        Staff.objects.create(staff_id=f"id-{ord(name[0])}", name=name, role=Role.ANALYST)
    SystemConfig.objects.create(kind="dingtalk", name="主干钉钉")
    NotificationRule.objects.create(name="夜间严重")
    first = groups_of(client, typed)[0]
    assert first.title == kind
    assert not title or first.items[0].title == title


def test_nothing_is_found_that_one_may_not_see() -> None:
    fill()
    Alert.objects.update(description="联系 zhangsan@corp.example")
    save("web-01 手册", "挖矿的处置。\n先断网。", (), (), Actor.system("test"), role=Role.ADMIN)
    viewer, nobody = at_desk(Role.VIEWER), at_desk(Role.NONE, "zhao")
    seen = found(viewer, "web-01")
    assert "审批" not in seen
    assert "手册" not in seen
    assert found(viewer, "zhangsan@corp.example") == {}
    assert found(at_desk(Role.ANALYST, "wang"), "zhangsan@corp.example")["告警"]
    assert nobody.get(reverse("search"), {"q": "web-01"}).status_code in (302, 403)
    assert Client().get(reverse("search")).url.startswith("/admin/login/")
    assert found(viewer, "王小五") == {}
    assert "页面" not in found(viewer, "接收进程")


def test_strange_words_do_no_harm_and_long_ones_are_refused() -> None:
    client = at_desk(Role.ADMIN)
    fill()
    for text in ("%", "_", "'", '"', "\\", "a" * 200, "9" * 30, "A99999999999999999999", "  ", "的", "((("):
        assert client.get(reverse("search"), {"q": text}).status_code == 200, text
    assert client.get(reverse("search"), {"q": "a" * 201}).status_code == 400
    assert Asset.objects.exists()
    assert not Proposal.objects.exists()


def test_a_search_takes_few_queries_however_much_is_found() -> None:
    client = at_desk(Role.ADMIN)
    Staff.objects.update(corp_id="dingcorp")
    fill()
    with queries() as few:
        found(client, "web-01")
    arrived(*(f"k{n}" for n in range(30)), title="web-01 又一条")
    store(*(finding(host("web-01", "10.0.0.1"), f"web-01-{n}") for n in range(30)))
    with queries() as many:
        found(client, "web-01")
    assert len(many) <= 20, len(many)
    assert len(many) <= len(few) + 2


def test_components_are_found_once_each_with_the_number_of_their_assets() -> None:
    client = at_desk(Role.ADMIN)
    store(
        *(component(host(name)) for name in ("web-01", "web-02")), component(host("web-01"), version="2.17.1")
    )
    (group,) = groups_of(client, "log4j")
    assert group.title == "组件"
    told = [(each.title, each.note) for each in group.items]
    assert told == [("log4j-core 2.14.1", "2 个资产"), ("log4j-core 2.17.1", "1 个资产")]
    assert client.get(group.items[0].url).status_code == 200


def test_a_setting_is_found_by_its_name_by_who_may_see_its_page() -> None:
    (group,) = groups_of(at_desk(Role.ADMIN), "流式推送")
    assert [(each.title, each.note) for each in group.items] == [
        ("系统配置", "设置 / 系统配置：使用流式推送")
    ]
    assert groups_of(at_desk(Role.ANALYST, "wang"), "流式推送") == []


def test_the_ledger_of_blocks_is_found() -> None:
    client = at_desk(Role.RESPONDER)
    assert found(client, "封禁台账") == {"页面": ["封禁台账"]}
