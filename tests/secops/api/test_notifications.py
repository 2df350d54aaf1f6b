"""Rules, rotas and silences over HTTP."""

from typing import Any

import pytest
from django.test import Client

from bifang.core.configuration import configs
from secops_agent.models import NotificationTarget, Role, Silence
from tests.admin_pages import dingtalk, rule
from tests.secops.api.callers import owned, person, with_token
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db
SILENCES = "/api/v1/silences/"


@pytest.fixture(autouse=True)
def _estate(db: None) -> None:
    store(alert(severity="critical", assets=(host("web-01"),)))


def silence(client: Client, **changes: Any) -> Any:
    body = {"scope": "asset", "value": "web-01", "minutes": 60, "reason": "发布", **changes}
    return client.post(SILENCES, body, "application/json")


@pytest.mark.slow
def test_rules_are_listed_with_what_cannot_be_reached() -> None:
    made = rule("严重")
    NotificationTarget.objects.filter(rule=made, kind="group").update(last_error="机器人已被移出群")
    items = with_token("read").get("/api/v1/notification-rules/").json()["items"]
    (found,) = [each for each in items if each["name"] == "严重"]
    assert found["conditions"]["severities"] == ["critical", "high"]
    assert found["escalate"] == [5, 9]
    group, on_call = found["targets"]
    assert (group["place"], group["step"], group["last_error"]) == ("群 安全值班群", None, "机器人已被移出群")
    assert (on_call["kind"], on_call["step"]) == ("on_call", 1)


def test_on_call_tells_shifts_and_gaps() -> None:
    rule()
    (rota,) = with_token("read").get("/api/v1/on-call/").json()["items"]
    assert {shift["name"] for shift in rota["shifts"]} == {"值班人", ""}
    assert {shift["origin"] for shift in rota["shifts"] if not shift["name"]} == {"off"}
    assert rota["gaps"] == []  # hours without a layer are none


def test_silence_is_made_listed_and_ended_once() -> None:
    client = with_token("write")
    made = silence(client)
    assert made.status_code == 201
    address = f"{SILENCES}{made.json()['id']}/end/"
    assert [each["value"] for each in client.get(f"{SILENCES}?active=true").json()["items"]] == ["web-01"]
    assert client.post(address, content_type="application/json").json()["active"] is False
    assert client.get(f"{SILENCES}?active=true").json()["items"] == []
    assert client.post(address, content_type="application/json").status_code == 400
    assert client.post(f"{SILENCES}999/end/", content_type="application/json").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize(
    ("caller", "narrow", "wide"),
    [
        (lambda: with_token("read"), 403, 403),
        (lambda: with_token("write"), 201, 403),
        (lambda: owned(Role.ANALYST), 201, 403),
        (lambda: owned(Role.APPROVER), 201, 201),
        (lambda: person(Role.VIEWER), 403, 403),
        (lambda: person(Role.APPROVER), 201, 201),
    ],
)
def test_wide_silence_needs_an_approver(caller: Any, narrow: int, wide: int) -> None:
    client = caller()
    assert silence(client).status_code == narrow
    assert silence(client, scope="all", value="全部").status_code == wide
    assert silence(client, minutes=1441).status_code == wide
    assert Silence.objects.count() == [narrow, wide, wide].count(201)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"value": ""}, {"minutes": 0}, {"minutes": 43201}, {"scope": "planet"}])
def test_silence_of_nothing_is_refused(changes: dict[str, Any]) -> None:
    assert silence(with_token("write"), **changes).status_code == 400
    assert not Silence.objects.exists()


def test_silence_tells_what_it_covers_before_and_after() -> None:
    client = with_token("write")
    asked = client.get(f"{SILENCES}preview/?scope=asset&value=WEB-01").json()
    assert asked == {
        "value": "web-01",
        "covers": {"alerts": 1, "severities": {"critical": 1}, "assets": ["web-01"], "asset_count": 1},
    }
    made = silence(client, value="WEB-01").json()
    assert (made["value"], made["covers"]) == ("web-01", asked["covers"])
    (listed,) = client.get("/api/v1/alerts/").json()["items"]
    assert listed["silenced_until"] == made["ends_at"]


def test_unknown_name_is_refused_with_what_is_like_it() -> None:
    answer = silence(with_token("write"), value="web-02")
    assert answer.status_code == 404
    assert "是否指：web-01" in answer.json()["error"]["message"]


def test_no_list_shows_a_secret() -> None:
    config = dingtalk(client_secret="a-secret-of-the-robot")
    configs.set_enabled(config, False)
    rule()
    answer = with_token("read").get("/api/v1/notification-rules/").content.decode()
    assert "a-secret-of-the-robot" not in answer
