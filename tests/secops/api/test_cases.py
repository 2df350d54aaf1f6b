"""Cases through the API: scopes, actors, numbers that do not exist, conflicts."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from bifang.core.rights import OPERATOR
from secops_agent.models import Alert, AuditRecord, Case, CaseTask, Role
from tests.admin_pages import serve_plain_static
from tests.secops.api.callers import estate, owned, person, with_token

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/cases/"


def post(client: Client, address: str, **body: Any) -> Any:
    return client.post(f"{ROOT}{address}", body, content_type="application/json")


def alert_ids() -> list[int]:
    return list(Alert.objects.order_by("pk").values_list("pk", flat=True))


def test_a_case_goes_through_its_life() -> None:
    estate(4)
    client, ids = owned(Role.ANALYST), alert_ids()
    made = post(client, "", alerts=ids[:2], title="一件事", note="同一来源")
    assert made.status_code == 201
    pk = made.json()["case"]["id"]
    assert made.json()["added"] == ids[:2]
    assert post(client, f"{pk}/alerts/", alerts=ids[2:3]).json()["case"]["alerts"] == 3
    assert post(client, f"{pk}/alerts/remove/", alerts=ids[2:3]).json()["alerts"] == 2
    assert post(client, f"{pk}/status/", status="contained").json()["status"] == "contained"
    assert post(client, f"{pk}/comments/", note="备注").status_code == 200
    assert post(client, f"{pk}/tasks/", text="重装", due_at="2030-01-02T10:00:00+08:00").status_code == 201
    task = CaseTask.objects.get()
    assert post(client, f"{pk}/tasks/{task.pk}/done/").json()["open_tasks"] == 0
    assert post(client, f"{pk}/tasks/{task.pk}/done/").status_code == 409
    other = post(client, f"{pk}/split/", alerts=ids[1:2], title="另一件").json()["id"]
    assert post(client, f"{other}/merge/", into=pk).json()["id"] == pk
    assert post(client, f"{other}/separate/").json()["status"] == "new"
    detail = client.get(f"{ROOT}{pk}/").json()
    assert [each["id"] for each in detail["alert_list"]] == ids[:1]
    assert "备注" in [each["note"] for each in detail["timeline"]]
    closed = post(client, f"{pk}/close/", verdict="true_positive", with_alerts=True).json()
    assert (closed["status"], closed["open_alerts"]) == ("closed", 0)
    assert post(client, f"{pk}/close/", verdict="benign").status_code == 409
    assert post(client, f"{pk}/reopen/").json()["status"] == "working"
    listed = client.get(ROOT, {"status": "working", "keyword": "一件"}).json()
    assert [each["id"] for each in listed["items"]] == [pk]
    actors = set(AuditRecord.objects.filter(subject=f"case:{pk}").values_list("actor_kind", flat=True))
    assert actors == {"token"}


def test_who_may_read_and_who_may_act() -> None:
    estate(2)
    ids = alert_ids()
    pk = post(with_token("write"), "", alerts=ids[:1]).json()["case"]["id"]
    for client in (with_token("read"), person(Role.VIEWER), owned(Role.VIEWER)):
        assert client.get(ROOT).status_code == 200
        assert client.get(f"{ROOT}{pk}/").status_code == 200
        assert post(client, "", alerts=ids[1:]).status_code == 403
        assert post(client, f"{pk}/close/", verdict="benign").status_code == 403
    assert with_token("ingest").get(ROOT).status_code == 403
    assert Client().get(ROOT).status_code == 401
    assert Case.objects.count() == 1


def test_what_is_not_there_and_what_is_wrong_is_said() -> None:
    estate(2)
    ids, client = alert_ids(), with_token("write")
    first, second = (post(client, "", alerts=[pk]).json()["case"]["id"] for pk in ids)
    post(client, f"{second}/tasks/", text="x")
    task = CaseTask.objects.get()
    for address, body, status in (
        ("", {"alerts": [99999]}, 404),
        ("", {"alerts": []}, 400),
        ("", {"alerts": list(range(1, 300))}, 400),
        ("", {"alerts": [2**63]}, 400),
        ("", {"alerts": ids}, 409),
        (f"{first}/alerts/", {"alerts": [ids[1]]}, 409),
        (f"{first}/alerts/remove/", {"alerts": [ids[1]]}, 409),
        (f"{first}/merge/", {"into": first}, 400),
        (f"{first}/merge/", {"into": 99999}, 404),
        (f"{first}/separate/", {}, 409),
        (f"{first}/status/", {"status": "closed"}, 400),
        (f"{first}/assign/", {"assignee": "没有这个人"}, 404),
        (f"{first}/tasks/{task.pk}/done/", {}, 404),
        ("99999/close/", {"verdict": "benign"}, 404),
        ("99999999999999999999/close/", {"verdict": "benign"}, 404),
        (f"{first}/close/", {"verdict": "benign", "with_alerts": "yes"}, 400),
        (f"{first}/close/", {"verdict": "benign", "more": 1}, 400),
    ):
        answer = post(client, address, **body)
        assert answer.status_code == status, (address, body, answer.content.decode())
        assert answer.json()["error"]["message"]
    assert with_token("read").get(f"{ROOT}99999/").status_code == 404


def test_cases_are_read_by_the_right_to_cases_in_every_door(settings: Any, tmp_path: Path) -> None:
    """运维操作员 sees alerts and no cases: by the page as by the API."""
    serve_plain_static(settings, tmp_path)
    operator = person(group=OPERATOR)
    assert operator.get("/api/v1/alerts/").status_code == 200
    assert operator.get("/cases/").status_code == 403
    answer = operator.get("/api/v1/cases/")
    assert answer.status_code == 403
    assert "查看事件" in answer.json()["error"]["message"]
