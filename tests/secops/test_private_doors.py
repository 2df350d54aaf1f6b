"""Accounts, e-mail addresses and raw events of alerts: by no door to a viewer or a group, by every one to an analyst.

The doors are walked: every own address, every API path, every tool that only reads. A new one is knocked at by itself.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.models import SystemConfig
from secops_agent.agent.acting.buttons import press
from secops_agent.agent.acting.controls import Click
from secops_agent.api.urls import urlpatterns as api_patterns
from secops_agent.models import Alert, AlertMention, AlertMessage, Asset, Case, Finding, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.cases import orders, tasks
from secops_agent.services.investigations import work
from secops_agent.services.people import tokens
from secops_agent.services.records import Indicator
from secops_agent.tools.definitions import ToolDefinition
from secops_agent.tools.registry import DEFINITIONS
from tests.admin_pages import serve_plain_static
from tests.every_page import own_addresses
from tests.secops.decisions_aid import company, new_agent, say
from tests.secops.inventory_aid import alert, finding, host, store
from tests.secops.notifications.stage import announce, rule

from .api.mcp_aid import call

pytestmark = pytest.mark.django_db
ACCOUNT, EMAIL, PHONE = "zhou.plantedaccount", "planted.mail@corp.example", "13912345678"
PLANTED = (ACCOUNT, EMAIL, PHONE)
TITLE = "异地登录"
LOGINS = {"viewer": "wu", "analyst": "li"}
FOLLOWED = {"alert_id": 1, "case_id": 1, "query": TITLE, "keyword": TITLE, "value": "203.0.113.9"}


@pytest.fixture
def robot(settings: Any, tmp_path: Path) -> SystemConfig:
    """A company, an alert with private parts that was investigated, and a case of it."""
    serve_plain_static(settings, tmp_path)
    config = company()
    for row in Staff.objects.all():
        row.user = User.objects.create_user(row.staff_id)
        row.save()
    observed = (Indicator("account", ACCOUNT), Indicator("email", EMAIL), Indicator("ip", "203.0.113.9"))
    raw = {"user": ACCOUNT, "mail": EMAIL, "contact": {"phone": PHONE}}
    about = f"账号 {ACCOUNT}（{EMAIL}，{PHONE}）从异地登录"
    store(*(alert(key, title=TITLE, indicators=observed, raw=raw, description=about) for key in ("a", "b")))
    first, other = Alert.objects.order_by("pk")
    orders.create([first.pk, other.pk], Actor.system("test"), "账号失陷", "high", f"{ACCOUNT} 被盗")
    _write_of_people(first.pk)
    store(host("web-01"), finding(host("web-01"), evidence=f"口令 hunter2：{ACCOUNT} {EMAIL} {PHONE}"))
    for row in (first, other):
        work.investigate(row.pk)
    assert (first.pk, Case.objects.get().pk, Finding.objects.get().pk) == (1, 1, 1)
    return config


def _write_of_people(alert_id: int) -> None:
    """What people write of the alert and its case: a remark, a summary that is changed, tasks, one of them dropped."""
    me, said = Actor.system("test"), f"{ACCOUNT} {EMAIL} {PHONE}"
    triage.comment(alert_id, me, f"联系了 {said}")
    orders.comment(1, me, f"问过 {said}")
    orders.edit(1, me, title="账号失陷", severity="high", text=f"改写：{said}")
    for number in (1, 2):
        tasks.add(1, f"给 {said} 打电话（{number}）", me)
    tasks.drop(1, 2, me)


def leaks(text: str) -> list[tuple[str, str]]:
    """Each planted word that is there, and where."""
    found = [(each, text.lower().find(each)) for each in PLANTED]
    return [(each, text[max(0, at - 200) : at + 60]) for each, at in found if at >= 0]


def browser(role: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=LOGINS[role]))
    return client


def program(role: str) -> Client:
    """By a token of somebody of this role; "nobody": of nobody."""
    owner = User.objects.get(username=LOGINS[role]).pk if role in LOGINS else None
    _, secret = tokens.create(f"{role}的令牌", ["read", "write"], owner_id=owner)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def fetched(client: Client, paths: Iterator[str]) -> str:
    told = []
    for path in paths:
        answer = client.get(path)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        told.append(f"{path}\n{body.decode(errors='replace')}")
    return "\n".join(told)


def api_paths() -> Iterator[str]:
    for pattern in api_patterns:
        if isinstance(pattern, URLPattern):
            path = re.sub(r"<int:\w+>", "1", str(pattern.pattern))
            if "<" not in path and "(" not in path and not path.startswith(("schema", "docs")):
                yield f"/api/{path}"
    yield from ("/api/v1/indicators/?value=203.0.113.9", f"/api/v1/alerts/?keyword={TITLE}")


def reading_tools() -> Iterator[tuple[ToolDefinition, dict[str, Any]]]:
    """Every one that only reads, with what leads to the alert where it takes that."""
    for tool in DEFINITIONS:
        fields = tool.arguments.model_fields
        given = {name: value for name, value in FOLLOWED.items() if name in fields}
        if tool.risk == "read" and all(
            name in given or not field.is_required() for name, field in fields.items()
        ):
            yield tool, given


def by_page(role: str, robot: SystemConfig) -> str:
    return fetched(browser(role), own_addresses())


def by_api(role: str, robot: SystemConfig) -> str:
    return fetched(browser(role), api_paths())


def by_token(role: str, robot: SystemConfig) -> str:
    return fetched(program(role), api_paths())


def by_mcp(role: str, robot: SystemConfig) -> str:
    client = program(role)
    return "\n".join(str(call(client, tool.name, **given)) for tool, given in reading_tools())


def by_chat(role: str, robot: SystemConfig, *, is_group: bool = False) -> str:
    """What is answered, with what goes to the asker's own chat."""
    lines = (
        "查看告警 1",
        "调查告警 1",
        "事件 1 进展",
        "最近有哪些告警",
        "有哪些事件",
        "查一下 203.0.113.9",
        "今天的安全日报",
    )

    async def ask() -> list[str]:
        agent = new_agent()
        try:
            results = [
                await say(agent, robot, LOGINS[role], line, is_group=is_group, conversation=f"c{is_group}")
                for line in lines
            ]
        finally:
            await agent.close()
        return [reply.text for result in results for reply in result.replies]

    return "\n".join(asyncio.run(ask()))


def by_group(role: str, robot: SystemConfig) -> str:
    return by_chat(role, robot, is_group=True)


def by_notification(role: str, robot: SystemConfig) -> str:
    """To them in person, by a rule; and the card as it stands after they pressed its button."""
    person = Staff.objects.get(staff_id=LOGINS[role])
    Alert.objects.update(title=f"{TITLE} {ACCOUNT}", due_at=None)
    SystemConfig.objects.filter(pk=robot.pk).update(params={**robot.params, "notifications_enabled": True})
    target = {"kind": "person", "config": robot.name, "staff_id": person.staff_id}
    rule(severities=["low"], targets=[target])
    store(
        alert(
            "c",
            severity="low",
            title=f"{TITLE} {ACCOUNT} {EMAIL} {PHONE}",
            indicators=(Indicator("account", ACCOUNT),),
        )
    )
    announce()
    message = AlertMessage.objects.get()
    click = Click(
        robot.pk,
        "card",
        "corp",
        person.staff_id,
        {"code": f"A{Alert.objects.latest('pk').pk}", "verdict": "acknowledge"},
    )
    pressed = press(click, f"note:alert:{message.pk}:1")
    assert pressed is not None
    sent = OutboxRow.objects.values_list("title", "text")
    return f"{list(sent)}\n{pressed}"


def keyword_counts(client: Client, keyword: str) -> tuple[Any, ...]:
    """How much each door of a search finds of a keyword."""
    by_api = [
        client.get(f"/api/v1/{name}/", {"keyword": keyword}).json()["total"] for name in ("alerts", "cases")
    ]
    counted = client.get("/api/v1/alerts/statistics/", {"keyword": keyword}).json()["total"]
    seen = client.get("/api/v1/indicators/", {"value": keyword}).json()
    return *by_api, counted, seen["total"], seen["first_seen"] is not None


def pages_with(client: Client, keyword: str) -> list[bool]:
    """Does each list show anything?"""
    pages = (("/alerts/", {"tab": "all", "q": keyword}, TITLE), ("/cases/", {"q": keyword}, "账号失陷"))
    return [word in client.get(path, asked).content.decode() for path, asked, word in pages]


# Of the account, the address and the number: a part that only the description and the summary have, and the whole.
MASKED = (PHONE[:7], PHONE, ACCOUNT[:9], ACCOUNT, EMAIL)


def test_a_search_is_no_oracle_of_what_is_masked(robot: SystemConfig) -> None:
    viewer, analyst = browser("viewer"), browser("analyst")
    for keyword in MASKED:
        assert keyword_counts(viewer, keyword) == (0, 0, 0, 0, False), keyword
        assert pages_with(viewer, keyword) == [False, False], keyword
        assert keyword_counts(analyst, keyword)[:3] == (2, 1, 2), keyword
        assert pages_with(analyst, keyword) == [True, True], keyword
    assert keyword_counts(program("nobody"), PHONE) == (0, 0, 0, 0, False)
    assert keyword_counts(analyst, ACCOUNT)[3:] == (2, True)
    assert keyword_counts(viewer, TITLE)[:3] == (2, 0, 2)
    assert keyword_counts(viewer, "203.0.113.9") == (2, 0, 2, 2, True)


def test_an_account_that_looks_like_a_domain_leads_nowhere(robot: SystemConfig) -> None:
    observed = (Indicator("account", "zhou.wang"),)
    store(alert("w", title="口令猜测", indicators=observed, description="账号 zhou.wang 的口令被猜"))
    viewer, analyst = browser("viewer"), browser("analyst")
    assert AlertMention.objects.filter(value="zhou.wang").exists()
    assert keyword_counts(viewer, "zhou.wang") == (0, 0, 0, 0, False)
    assert keyword_counts(analyst, "zhou.wang") == (1, 0, 1, 1, True)
    pk = Alert.objects.latest("pk").pk
    assert "zhou.wang" not in fetched(viewer, iter((f"/alerts/{pk}/", f"/api/v1/alerts/{pk}/")))


def test_mcp_and_chat_find_no_more_than_the_reader_may_read(robot: SystemConfig) -> None:
    wanted = {"viewer": False, "nobody": False, "analyst": True}
    for role, finds in wanted.items():
        client = program(role)
        told = str(call(client, "list_alerts", keyword=PHONE[:7], status="all"))
        assert (TITLE in told) is finds, role
        assert ("账号失陷" in str(call(client, "list_cases", keyword=PHONE[:7]))) is finds, role
        assert (TITLE in str(call(client, "lookup_indicator", value=ACCOUNT))) is finds, role
    assert TITLE not in "".join(
        _said(robot, "wu", f"查一下 {ACCOUNT}", is_group=group) for group in (True, False)
    )
    assert TITLE in _said(robot, "li", f"查一下 {ACCOUNT}", is_group=False)
    assert TITLE in _said(robot, "li", f"查一下 {ACCOUNT}", is_group=True)  # to their own chat


def test_an_account_is_no_asset_for_whoever_may_not_read_it(robot: SystemConfig) -> None:
    now = timezone.now()
    Asset.objects.create(name=ACCOUNT, asset_type="account", first_seen=now, last_seen=now)
    for line in ("账号资产有哪些", f"/资产 {ACCOUNT[:-1]}", f"/资产 {ACCOUNT}"):
        told = [
            _said(robot, who, line, is_group=False).replace(f"资产={ACCOUNT}", "") for who in ("wu", "li")
        ]
        assert [ACCOUNT in each for each in told] == [False, True], line


def _said(robot: SystemConfig, who: str, line: str, *, is_group: bool) -> str:
    async def ask() -> str:
        agent = new_agent()
        try:
            answer = await say(agent, robot, who, line, is_group=is_group, conversation=f"c{is_group}")
        finally:
            await agent.close()
        return "\n".join(reply.text for reply in answer.replies)

    return asyncio.run(ask())


Door = Callable[[str, SystemConfig], str]
DOORS: dict[str, tuple[Door, tuple[str, ...]]] = {
    "page": (by_page, PLANTED), "api": (by_api, PLANTED), "token": (by_token, PLANTED), "mcp": (by_mcp, (ACCOUNT, EMAIL)),
    "chat": (by_chat, (ACCOUNT, EMAIL)), "group": (by_group, (ACCOUNT, EMAIL)), "notification": (by_notification, (ACCOUNT, EMAIL)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", DOORS)
def test_viewer_reads_no_private_part_and_analyst_does(name: str, robot: SystemConfig) -> None:
    door, shown = DOORS[name]
    told = door("viewer", robot)
    assert TITLE in told
    assert leaks(told) == []
    if name != "notification":
        assert set(shown) <= {word for word, _ in leaks(door("analyst", robot))}
