"""Stage of what is told to others: people, groups, what is confirmed, done, and due."""

import re
from datetime import date, time, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from bifang.channels.models import KnownGroup, OutboxRow
from bifang.core.models import SystemConfig
from secops_agent.agent.turn import toolbox
from secops_agent.models import (
    OnCallLayer,
    OnCallMember,
    OnCallSchedule,
    Staff,
)
from secops_agent.services.actors import Actor
from secops_agent.services.people.staff import Person, find_person
from secops_agent.services.schedules import runs
from secops_agent.tasks.runner import run_next_task
from secops_agent.tools.arguments import parse
from secops_agent.tools.incidents import watches
from secops_agent.tools.operations import messages, schedule_changes
from secops_agent.tools.operations import schedules as tool
from tests.secops.decisions_aid import talk
from tests.secops.test_told_later import origin

CODE = re.compile(r"(?<![A-Z0-9])[A-Z][A-Z2-9]{5}(?![A-Z0-9])")
SEND, CREATE, WATCH = messages.TOOLS[0], tool.TOOLS[1], watches.TOOLS[0]
CHANGE, DELETE = schedule_changes.TOOLS
LINK = "[点这里重新登录](https://evil.example/x)"


def group(config: SystemConfig, conversation: str, title: str, corp: str = "corp") -> None:
    now = timezone.now()
    KnownGroup.objects.create(
        config=config,
        conversation_id=conversation,
        title=title,
        corp_id=corp,
        learned_at=now,
        last_seen_at=now,
    )


def who(staff_id: str, corp: str = "corp") -> Person:
    found = find_person(corp, staff_id)
    assert found is not None
    return found


def done(
    definition: Any, arguments: dict[str, Any], config: SystemConfig, by: str = "li", corp: str = "corp"
) -> str:
    """Checked and done, as for what `by` confirmed."""
    person = who(by, corp)
    plan = definition.check(parse(definition.arguments, arguments), person)
    actor = Actor.person(person, "dingtalk")
    return toolbox.execute(definition.name, plan.arguments, actor, origin(config))


def confirmed(config: SystemConfig, by: str, text: str, **more: Any) -> str:
    """Said and confirmed in a chat, through the whole agent."""
    (asked,) = talk(config, (by, text), **more)
    code = CODE.search(asked)
    assert code, asked
    return talk(config, (by, f"提交 {code[0]}"), **more)[0]


def later(hours: int = 2) -> str:
    return f"{timezone.localtime() + timedelta(hours=hours):%Y-%m-%d %H:%M}"


def run_due(hours: float = 24.1) -> list[OutboxRow]:
    """Everything that is due until then is done once; what is said of it."""
    runs.start_due(timezone.localtime() + timedelta(hours=hours))
    while "没有等待" not in run_next_task():
        pass
    return list(OutboxRow.objects.filter(key__startswith="note:report:").order_by("pk"))


def rota(name: str, *people: Staff) -> OnCallSchedule:
    made = OnCallSchedule.objects.create(name=name)
    layer = OnCallLayer.objects.create(
        schedule=made, rotation="daily", start=date(2026, 1, 1), handover=time(0), position=0
    )
    for position, each in enumerate(people):
        OnCallMember.objects.create(layer=layer, staff=each, position=position)
    return made


def token(staff_id: str = "") -> Client:
    from tests.secops.api.callers import with_token

    if not staff_id:
        return with_token("read", "write")
    from django.contrib.auth.models import User

    user = User.objects.create_user(f"owner-{staff_id}")
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    return with_token("read", "write", owner_id=user.pk)


def login(staff_id: str) -> Client:
    from django.contrib.auth.models import User

    user = User.objects.create_user(f"login-{staff_id}", is_staff=True)
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    client = Client()
    client.force_login(user)
    return client


def post(client: Client, config: SystemConfig, task: str, staff_id: str) -> Any:
    target = {"kind": "person", "config": config.name, "staff_id": staff_id}
    body = {"task": task, "cron": "每天9点", "target": target}
    return client.post("/api/v1/schedules/", body, content_type="application/json")
