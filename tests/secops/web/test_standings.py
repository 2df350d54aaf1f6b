"""What is blocked or isolated now, said wherever its address or its host stands, before anybody asks for it again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from secops_agent.models import Alert, Asset, BlockRecord, Role, Staff
from secops_agent.models.automation.block import BlockState
from secops_agent.services.decisions.ledger import blocks
from secops_agent.services.records import Indicator
from tests.admin_pages import serve_plain_static, text_of, unknown_action
from tests.every_page import queries_of

from .desk import arrived, at_desk

pytestmark = pytest.mark.django_db
IP, TOLD = "203.0.113.9", "198.51.100.7"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def stands(target: str, kind: str = "block_ip", **more: Any) -> str:
    """A row of the ledger that is in force for a day; returns the words for it."""
    until = timezone.now() + timedelta(days=1) if kind == "block_ip" else None
    values = {"state": BlockState.ACTIVE, "since": timezone.now(), "until": until, "minutes": 1440} | more
    BlockRecord.objects.create(action=unknown_action(), kind=kind, target=target, **values)
    return f"已封禁到 {timezone.localtime(until):%m-%d %H:%M}" if until else "已隔离"


def test_what_is_blocked_or_isolated_is_said_wherever_it_stands() -> None:
    (row,) = arrived("a", indicators=(Indicator("ip", IP),), description=f"又见 {TOLD}")
    web = Asset.objects.get(name="web-01")
    client = at_desk(Role.RESPONDER)
    alert, listed, asset = (
        reverse("web:alert", args=[row.pk]),
        reverse("web:alerts"),
        reverse("web:asset", args=[web.pk]),
    )
    pages = [alert, listed, asset, reverse("web:alert_touches", args=[row.pk])]
    for page in pages:
        shown = text_of(client.get(page))
        assert "已封禁" not in shown, page
        assert "已隔离" not in shown, page
    stands(IP, state=BlockState.LIFTED)
    stands(IP, until=None, minutes=None, state=BlockState.UNKNOWN)
    until, told, apart = stands(IP), stands(TOLD), stands("web-01", "isolate_host", asset_id=web.pk)
    shown = text_of(client.get(alert))
    assert f"IP ¦ {IP} ¦ {until}" in shown
    assert f"IP ¦ {TOLD} ¦ {told}" in shown, "also what only the description names"
    assert f"web-01 ¦ {apart}" in shown
    html = client.get(alert).content.decode()
    assert f"{IP}：{until}</option>" in html, "the dialog says it before one asks again"
    assert "隔离主机…" not in html, "nobody isolates it twice"
    assert "隔离以后又发生" not in html
    Alert.objects.filter(pk=row.pk).update(last_seen=timezone.now() + timedelta(seconds=1))
    assert f"{apart} ¦ 隔离以后又发生" in text_of(client.get(alert))
    assert "指派给我" in html
    Alert.objects.filter(pk=row.pk).update(assignee=Staff.objects.get(user__isnull=False))
    assert 'form="mine" class="bf-button"' not in client.get(alert).content.decode()
    shown = text_of(client.get(listed))
    assert f"{IP} ¦ {until}" in shown
    assert f"{TOLD} ¦ {told}" in shown
    assert f"web-01 ¦ {apart}" in shown
    shown = text_of(client.get(asset))
    assert apart in shown
    assert f"{IP} ¦ {until}" in shown
    assert apart in text_of(client.get(pages[-1]))


def test_search_says_it_beside_an_address_and_a_host() -> None:
    arrived("a", indicators=(Indicator("ip", IP),))
    web = Asset.objects.get(name="web-01")
    until, apart = stands(IP), stands("web-01", "isolate_host", asset_id=web.pk)
    stands("203.0.113.99", state=BlockState.EXPIRED)
    client = at_desk(Role.ANALYST)

    def found(text: str) -> dict[str, list[tuple[str, str]]]:
        groups = client.get(reverse("search"), {"q": text}).context["groups"]
        return {group.title: [(each.title, each.note) for each in group.items] for group in groups}

    ((target, note),) = found("203.0.113")["封禁台账"]
    assert (target, note.split(" · ")[0]) == (IP, until)
    assert apart in found("10.0.0.1")["资产"][0][1]
    viewer = at_desk(Role.VIEWER, "zhao")
    assert "封禁台账" not in [
        each.title for each in viewer.get(reverse("search"), {"q": IP}).context["groups"]
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"until": None, "minutes": 0}, "已封禁，永久"),
        ({"until": None, "minutes": None}, "已封禁，时长按设备默认"),
        ({"until": None, "minutes": 0, "stands": False}, "已封禁，永久（核实：设备上没有）"),
        ({"until": timezone.now() - timedelta(minutes=1)}, "封禁到期，等待解除"),
        ({"state": BlockState.RUNNING}, "封禁正在执行"),
        ({"state": BlockState.DRY}, ""),
    ],
)
def test_each_standing_in_words(values: dict[str, Any], words: str) -> None:
    (row,) = arrived("a", indicators=(Indicator("ip", IP),))
    stands(IP, **values)
    shown = text_of(at_desk(Role.ANALYST).get(reverse("web:alert", args=[row.pk])))
    assert (f"{IP} ¦ {words}" in shown) if words else ("封禁" not in shown)


@pytest.mark.both_databases
def test_it_is_looked_up_once_for_all_rows() -> None:
    client, costs = at_desk(Role.ANALYST), []
    for count in (1, 20):
        rows = arrived(
            *(f"{count}-{n}" for n in range(count)), indicators=(Indicator("ip", f"203.0.113.{count}"),)
        )
        stands(f"203.0.113.{count}")
        costs.append(len(queries_of(client, reverse("web:alerts"))))
    assert costs[0] == costs[1]
    named = blocks.blocked_in([row.pk for row in rows])
    assert [address for _, address in named] == ["203.0.113.20"] * 20
    assert blocks.in_force() == {}
