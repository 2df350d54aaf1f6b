"""Feishu tells ids and no names: the pages say what people and groups are called, and keep the id as a hint."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from bifang.channels.known_groups import learn_group
from bifang.channels.models import InboxRow, State
from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.core.models import SystemConfig
from secops_agent.models import Staff
from tests.admin_pages import card, sent, serve_plain_static, superuser
from tests.secops.decisions_aid import robot

pytestmark = pytest.mark.django_db
WHO, GROUP, TENANT = "ou_7d8a6e6df7621556", "oc_5ce6d572455d3611", "tenant_1"


@pytest.fixture
def config(settings: Any, tmp_path: Path) -> SystemConfig:
    serve_plain_static(settings, tmp_path)
    Staff.objects.create(staff_id=WHO, corp_id=TENANT, name="李四", role="analyst")
    Staff.objects.create(staff_id=WHO, corp_id="elsewhere", name="别家的人")
    row = robot(TENANT, "feishu")
    learn_group(row.pk, GROUP, title="安全值班群", corp_id=TENANT, speaker="李四", staff_id=WHO)
    return row


def said(config: SystemConfig, who: str = WHO, *, group: bool = False) -> InboxRow:
    place, number = GROUP if group else f"oc_p_{who}", InboxRow.objects.count()
    target = ReplyTarget(place, group, who)
    payload = {"staff_id": who, "corp_id": TENANT, "door": "feishu"}
    inbox.store([Incoming(config.pk, "chat", f"om_{number}", place, who, "最近有哪些告警", payload, target)])
    InboxRow.objects.update(state=State.DONE)
    return InboxRow.objects.get(external_id=f"om_{number}")


def seen(page: Any) -> str:
    """Without what shows only when pointed at."""
    return re.sub(r' title="[^"]*"', "", page.content.decode())


def pages(client: Client, model: str, pk: int) -> tuple[str, str]:
    """The list and the page of one row."""
    listed = client.get(reverse(f"admin:channels_{model}_changelist"))
    return seen(listed), seen(client.get(reverse(f"admin:channels_{model}_change", args=[pk])))


@pytest.mark.slow
@pytest.mark.parametrize("group", [False, True])
def test_cards_and_both_boxes_name_people_and_groups(config: SystemConfig, group: bool) -> None:
    client, row = superuser(), said(config, group=group)
    shown = card(row, config=config, staff_id=WHO, is_group=group, conversation_id=row.conversation_id)
    out = sent(
        row,
        target={"is_group": group, "conversation_id": row.conversation_id, "staff_id": WHO},
        at_staff_id=WHO,
    )
    for model, one in (("card", shown), ("inboxrow", row), ("outboxrow", out)):
        listed, whole = pages(client, model, one.pk)
        assert WHO not in listed
        assert GROUP not in listed
        assert "李四" in whole
        assert WHO in whole
        assert ("安全值班群" in whole) is group
        if model != "outboxrow":
            assert "李四" in listed
            assert ("安全值班群" in listed) is group
        assert "别家的人" not in listed + whole


def test_conversations_are_read_and_found_by_the_name(config: SystemConfig) -> None:
    client = superuser()
    private, in_group, unknown = said(config), said(config, group=True), said(config, "ou_unlisted")
    listed = seen(client.get("/conversations/"))
    assert WHO not in listed
    assert GROUP not in listed
    assert listed.count("李四") >= 2
    assert "安全值班群" in listed
    assert "ou_unlisted" in listed
    for row in (private, in_group):
        page = seen(client.get(reverse("web:conversation", args=[row.pk])))
        assert "李四" in page
        assert WHO not in page
    found = client.get("/conversations/", {"q": "李四"}).context["lines"]
    assert {line.row.pk for line in found} == {private.pk, in_group.pk}
    assert unknown.pk not in {line.row.pk for line in found}


def test_names_cost_a_list_no_query_a_row(config: SystemConfig, django_assert_max_num_queries: Any) -> None:
    client = superuser()
    for number in range(12):
        said(config, f"ou_{number}", group=bool(number % 2))
    with django_assert_max_num_queries(25):
        client.get(reverse("admin:channels_inboxrow_changelist"))
