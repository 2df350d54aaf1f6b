"""Where a message about an alert stands: one word for it on its page, in the list and in the chat."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from secops_agent.models import Alert, Escalation, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders
from secops_agent.services.notifications.delivery import announcing, escalation, reaching
from secops_agent.services.notifications.views import told_of, untold
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import parse
from secops_agent.tools.definitions import Asker
from secops_agent.tools.registry import BY_NAME
from tests.admin_pages import rule, serve_plain_static, superuser, text_of
from tests.secops.demo_aid import Proposals
from tests.secops.inventory_aid import alert, store

from .test_messages import age

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def told_in_chat(alert_id: int) -> str:
    """What 「A12 为什么没通知」 says."""
    asker = Asker(Person("corp", "li", "李四", Role.ANALYST), False, timezone.localtime(), Proposals())
    known = BY_NAME["get_alert"]
    return str(known.run(asker, parse(known.arguments, {"alert_id": alert_id, "about": "delivery"})).text)


def test_message_is_not_sent_before_it_arrived_and_what_failed_before_stays() -> None:
    rule("严重告警")
    store(alert())
    announcing.step()
    row, client = Alert.objects.get(), superuser()
    page, listed = reverse("web:alert", args=[row.pk]), reverse("admin:secops_agent_alertmessage_changelist")
    assert [each.standing for each in told_of(row.pk)] == ["发送中"]
    assert "发送中" in text_of(client.get(page))
    assert "发送中" in text_of(client.get(listed))
    assert "发送中" in told_in_chat(row.pk)
    OutboxRow.objects.update(state=State.DEAD, last_error="机器人不在群里", last_error_at=timezone.now())
    assert [each.standing for each in told_of(row.pk)] == ["无法送达"]
    reaching.note_failures()
    client.post(reverse("web:send_again"), {"alert": row.pk, "next": page})
    age(120)
    announcing.step()
    last = OutboxRow.objects.order_by("pk").last()
    assert last is not None
    assert last.state == State.PENDING
    OutboxRow.objects.filter(pk=last.pk).update(state=State.DONE, sent_at=timezone.now())
    reaching.settle_dead_letters()
    (told,) = told_of(row.pk)
    assert (told.standing, [why for _, why in told.failed]) == ("已发送", ["机器人不在群里"])
    shown = text_of(client.get(page))
    assert "：无法送达" in shown
    assert "机器人不在群里" in shown


def test_who_was_not_told_is_named_with_the_rule_and_why() -> None:
    rule("夜间", severities=["low"])
    store(alert())
    said = told_in_chat(Alert.objects.get().pk)
    assert re.search(r"没有发给任何人\n- 群 .* 没有发（规则「夜间」）：级别不在规则的条件里", said)


def test_what_is_in_a_case_that_somebody_owns_is_not_escalated_further() -> None:
    rule("严重告警")
    store(alert())
    announcing.step()
    owner = Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST)
    Escalation.objects.update(next_at=timezone.now())
    orders.create([Alert.objects.get().pk], Actor.person(owner, "web"))
    assert escalation.step() == 1
    assert Escalation.objects.get().ended == Escalation.TAKEN


def test_places_of_another_corporation_and_what_somebody_watches_are_not_named() -> None:
    mine = rule("夜间", severities=["low"])
    store(alert())
    row = Alert.objects.get()
    assert len(untold(row.pk, "corp")) == 1
    config = mine.targets.filter(step=None).get().config
    config.params |= {"corp_id": "another"}
    config.save()
    assert untold(row.pk, "corp") == []
    assert len(untold(row.pk, "another")) == 1
    mine.owner = Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST)
    mine.save()
    assert untold(row.pk, "another") == []
