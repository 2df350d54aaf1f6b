"""Scheduled tasks on the pages and over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from bifang.core.configuration import configs
from secops_agent.models import AuditRecord, Role, RunState, ScheduledTask, Staff, TaskRun
from tests.admin_pages import (
    dingtalk,
    known_group,
    member,
    scheduled,
    serve_plain_static,
    superuser,
    text_of,
    with_role,
)
from tests.secops.api.callers import owned, person, with_token

pytestmark = pytest.mark.django_db
ADD = "admin:secops_agent_scheduledtask_add"
SCHEDULES = "/api/v1/schedules/"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def page_of(row: ScheduledTask) -> str:
    return reverse("admin:secops_agent_scheduledtask_change", args=[row.pk])


def errors_of(response: Any) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def filled(**changes: Any) -> dict[str, Any]:
    config = dingtalk(corp_id="dingcorp")
    group = known_group(config)
    type(group).objects.update(corp_id="dingcorp")
    values = {
        "name": "", "enabled": "on", "what": "日报", "when": "工作日 9:30",
        "target": f"group:{config.pk}:{group.conversation_id}", **changes,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def test_analyst_makes_a_task_and_sees_when_it_runs() -> None:
    client = with_role(Role.ANALYST)
    response = client.post(reverse(ADD), filled())
    assert response.status_code == 302, errors_of(response)
    row = ScheduledTask.objects.get()
    assert (row.name, row.cron, row.kind) == ("日报", "30 9 * * 1-5", "group")
    assert row.owner == Staff.objects.get()
    page = text_of(client.get(page_of(row)))
    assert page.count("09:30:00") == 3
    assert AuditRecord.objects.filter(subject=f"schedule:{row.pk}").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"when": "改天"}, "when"),
        ({"when": "* * * * *"}, "when"),
        ({"what": "一句查询"}, "question"),
        ({"what": "一句查询", "question": "封禁 203.0.113.5"}, "question"),
        ({"target": ""}, "target"),
        ({"target": "group:1:cid-foreign"}, "target"),
        ({"what": "删库"}, "what"),
    ],
)
def test_fault_stands_at_its_field(changes: dict[str, Any], field: str) -> None:
    response = superuser().post(reverse(ADD), filled(**changes))
    assert response.status_code == 200
    assert list(errors_of(response)) == [field]
    assert not ScheduledTask.objects.exists()


@pytest.mark.parametrize(
    ("when", "known", "text"),
    [("工作日 9:30", True, "工作日 09:30：接下来是 "), ("改天", False, "时间"), ("", True, "")],
)
def test_form_says_when_it_would_run(when: str, known: bool, text: str) -> None:
    address = reverse("admin:secops_agent_scheduledtask_preview")
    told = with_role(Role.ANALYST).post(address, {"when": when}).json()
    assert told["known"] is known
    assert text in told["text"]
    assert told["text"].count("09:30") == (4 if known and when else 0)
    assert member(Role.VIEWER).post(address, {"when": when}).status_code == 403


def test_saving_an_unchanged_task_changes_nothing() -> None:
    row = scheduled()
    client = superuser()
    form = client.get(page_of(row)).context["adminform"].form
    given = {name: form[name].value() for name in form.fields} | {"enabled": "on"}
    assert client.post(page_of(row), given).status_code == 302
    again = ScheduledTask.objects.get()
    assert (again.name, again.cron, again.next_at, again.conversation_id) == (
        row.name, row.cron, row.next_at, row.conversation_id,
    )  # fmt: skip
    assert AuditRecord.objects.filter(subject=f"schedule:{row.pk}").count() == 1


def test_it_is_run_at_once_by_a_button_and_only_by_those_who_may() -> None:
    row = scheduled()
    start = reverse("admin:secops_agent_scheduledtask_start", args=[row.pk])
    assert member("审计员").post(start).status_code == 403
    client = superuser()
    assert client.get(start).status_code == 405
    for _ in range(2):
        assert client.post(start).status_code == 302
    assert TaskRun.objects.filter(state=RunState.QUEUED).count() == 1, "pressed twice, run once"


def test_page_shows_what_was_sent_to_a_group_and_not_what_one_person_got() -> None:
    row = scheduled()
    TaskRun.objects.update(text="只给他看的内容", error="出错了，请重试")
    client = superuser()
    assert "只给他看的内容" in text_of(client.get(page_of(row)))
    ScheduledTask.objects.update(kind="person", staff=Staff.objects.create(staff_id="wangwu", name="王五"))
    page = text_of(client.get(page_of(row)))
    assert "出错了，请重试" in page
    assert "只给他看的内容" not in page
    (run,) = with_token("read").get(f"{SCHEDULES}{row.pk}/runs/").json()["items"]
    assert (run["text"], run["error"]) == ("", "出错了，请重试")


def test_configuration_that_a_task_uses_names_it_when_archived() -> None:
    row = scheduled()
    assert row.config is not None
    assert any("定时任务「日报」" in line for line in configs.uses_of(row.config))


@pytest.mark.parametrize(
    ("caller", "read", "write"),
    [
        (lambda: with_token("read"), 200, 403),
        (lambda: with_token("write"), 200, 201),
        (lambda: owned(Role.VIEWER), 403, 403),
        (lambda: person(Role.ANALYST), 200, 201),
    ],
)
def test_tasks_are_made_listed_and_deleted_over_http(caller: Any, read: int, write: int) -> None:
    client = caller()
    assert client.get(SCHEDULES).status_code == read
    body = {"task": "重新比对", "cron": "每周一 3:00"}
    made = client.post(SCHEDULES, body, "application/json")
    assert made.status_code == write, made.content
    row = ScheduledTask.objects.first() or scheduled()
    if write == 201:
        assert (made.json()["when"], len(made.json()["next_runs"])) == ("每周一 03:00", 3)
    assert client.delete(f"{SCHEDULES}{row.pk}/").status_code == (204 if write == 201 else 403)
    assert ScheduledTask.objects.count() == (0 if write == 201 else 1)


def test_program_cannot_send_to_a_group_nobody_learned() -> None:
    config = dingtalk(corp_id="dingcorp")
    client = with_token("write")
    body = {"task": "日报", "cron": "每天早上9点"}
    foreign = {"kind": "group", "config": config.name, "conversation_id": "cid-foreign"}
    assert client.post(SCHEDULES, body | {"target": foreign}, "application/json").status_code == 400
    assert client.post(SCHEDULES, body, "application/json").status_code == 400
    group = known_group(config)
    type(group).objects.update(corp_id="dingcorp")
    known = foreign | {"conversation_id": group.conversation_id}
    assert client.post(SCHEDULES, body | {"target": known}, "application/json").status_code == 201


def test_age_of_feeds_is_told() -> None:
    items = with_token("read").get("/api/v1/feeds/").json()["items"]
    assert {each["name"]: each["checked_at"] for each in items} == {"kev": None, "epss": None}
