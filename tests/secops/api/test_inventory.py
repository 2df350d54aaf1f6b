"""The estate over HTTP: lists, details, changes, pages, errors, and what they cost."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from secops_agent.models import Role, Staff, Vulnerability
from tests.secops.api.callers import estate, owned, with_token

pytestmark = pytest.mark.django_db
LISTS = ("alerts", "assets", "vulnerabilities", "findings", "runbooks", "jobs")


def ids(answer: Any) -> list[int]:
    return [each["id"] for each in answer.json()["items"]]


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_with_many_rows(name: str) -> None:
    client = with_token("read")
    estate(3)
    client.get(f"/api/v1/{name}/?limit=200")  # the first request notes the token's use
    costs = []
    for size in (3, 40):
        estate(size)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(f"/api/v1/{name}/?limit=200").status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 5, costs


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alerts", "assets", "findings", "vulnerabilities"])
def test_pages_by_cursor_show_everything_once_in_both_orders(name: str) -> None:
    estate(7)
    client = with_token("read")
    whole = client.get(f"/api/v1/{name}/?limit=200")
    orders = {"alerts": "last_seen", "assets": "-name"}
    backwards = client.get(f"/api/v1/{name}/?limit=200&ordering={orders.get(name, 'priority')}")
    assert ids(backwards) == ids(whole)[::-1]
    found, address = [], f"/api/v1/{name}/?limit=3"
    while address:
        answer = client.get(address)
        found += ids(answer)
        address = answer.json()["next"]
    assert found == ids(whole)
    assert whole.json()["total"] == len(found) == 7


def test_alerts_are_filtered() -> None:
    estate(4)
    client = with_token("read")
    first = client.get("/api/v1/alerts/?asset=web-02").json()["items"]
    assert [each["title"] for each in first] == ["SSH 暴力破解 2"]
    assert client.get("/api/v1/alerts/?severity=critical,low").json()["total"] == 0
    assert client.get("/api/v1/alerts/?severity=high&severity=low&status=open").json()["total"] == 4
    assert client.get("/api/v1/alerts/?keyword=203.0.113.9").json()["total"] == 4
    assert client.get("/api/v1/alerts/?since=2099-01-01").status_code == 200


def test_an_alert_goes_through_its_life_with_a_history() -> None:
    estate(1)
    Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST)
    client = with_token("write")
    (alert_id,) = ids(client.get("/api/v1/alerts/"))
    for action, body, status in (
        ("acknowledge", {"note": "看一下"}, "acknowledged"),
        ("assign", {"assignee": "李四"}, "acknowledged"),
        ("comments", {"note": "来源是扫描器"}, "acknowledged"),
        ("unassign", {}, "acknowledged"),
        ("close", {"verdict": "false_positive"}, "closed"),
        ("reopen", {}, "open"),
    ):
        answer = client.post(f"/api/v1/alerts/{alert_id}/{action}/", body, "application/json")
        assert (answer.status_code, answer.json()["status"]) == (200, status), answer.content.decode()
    detail = owned(Role.ANALYST, "read").get(f"/api/v1/alerts/{alert_id}/").json()
    actions = [each["action"] for each in detail["history"] if each["actor_kind"] == "token"]
    assert actions == ["reopen", "close", "unassign", "comment", "assign", "acknowledge"]
    assert detail["raw"] == {"number": 0}
    assert {"kind": "account", "value": "zhang.wei"} in detail["indicators"]


def test_a_change_that_is_late_is_a_conflict() -> None:
    estate(1)
    client = with_token("write")
    (alert_id,) = ids(client.get("/api/v1/alerts/"))
    address = f"/api/v1/alerts/{alert_id}/reopen/"
    error = client.post(address, {}, "application/json")
    assert error.status_code == 409
    assert error.json()["error"]["code"] == "conflict"
    assert "不能这样做" in error.json()["error"]["message"]


def test_an_asset_is_found_changed_and_shown() -> None:
    estate(2)
    client = with_token("write")
    found = client.get("/api/v1/assets/find/?name=10.0.0.1").json()["asset"]
    changes = {"importance": "critical", "tags": ["电商", "电商"]}
    answer = client.patch(f"/api/v1/assets/{found['id']}/", changes, "application/json")
    assert (answer.json()["importance"], answer.json()["tags"]) == ("critical", ["电商"])
    detail = client.get(f"/api/v1/assets/{found['id']}/").json()
    assert detail["open_alerts"] == {"high": 1}
    assert detail["history"][0]["changes"]["importance"] == ["", "critical"]
    software = client.get(f"/api/v1/assets/{found['id']}/components/?keyword=openssl").json()
    assert software["items"][0]["version"] == "3.0.1"


def test_a_vulnerability_is_found_by_any_name() -> None:
    estate(2)
    client = with_token("read")
    detail = client.get("/api/v1/vulnerabilities/ghsa-0000-aaaa-bbbb/").json()
    assert (detail["vuln_id"], detail["kev"]["ransomware"]) == ("CVE-2026-1000", False)
    exposure = client.get("/api/v1/vulnerabilities/CVE-2026-1000/affected-assets/").json()
    assert [each["asset"]["name"] for each in exposure["affected"]] == ["web-00"]
    assert client.get("/api/v1/vulnerabilities/CVE-1999-0001/").status_code == 404
    assert client.get("/api/v1/vulnerabilities/?kev_only=true").json()["total"] == 1


def test_a_finding_is_decided_once() -> None:
    estate(1)
    client = with_token("write")
    Vulnerability.objects.update(kev=False)  # whose risk is accepted by two persons
    (finding_id,) = ids(client.get("/api/v1/findings/?kind=vulnerability&source=trivy"))
    address, body = f"/api/v1/findings/{finding_id}/decision/", {"decision": "accepted", "note": "隔离"}
    assert client.post(address, body, "application/json").json()["decision"] == "accepted"
    assert client.post(address, body, "application/json").status_code == 409
    history = client.get(f"/api/v1/findings/{finding_id}/").json()["history"]
    assert history[0]["note"] == "隔离"
    assert client.get("/api/v1/findings/?decision=accepted").json()["total"] == 1


def test_runbooks_are_written_found_and_removed() -> None:
    client = with_token("write")
    body = {"title": "勒索病毒", "body": "断网。\n", "tags": ["勒索"]}
    made = client.post("/api/v1/runbooks/", body, "application/json")
    assert made.status_code == 201
    assert client.post("/api/v1/runbooks/", body, "application/json").status_code == 409
    address = f"/api/v1/runbooks/{made.json()['id']}/"
    assert client.put(address, body | {"title": "勒索软件"}, "application/json").json()["title"] == "勒索软件"
    assert client.get("/api/v1/runbooks/search/?q=中了勒索怎么办").json()["items"][0]["title"] == "勒索软件"
    assert client.get("/api/v1/runbooks/search/?q=!!").json() == {"items": []}
    assert [each["action"] for each in client.get(f"{address}history/").json()["items"]] == [
        "update",
        "create",
    ]
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_an_indicator_leads_to_the_alerts_that_name_it_and_the_assets_that_bear_it() -> None:
    estate(2)
    client = with_token("read")
    found = client.get("/api/v1/indicators/?value=203.0.113.9").json()
    assert (found["kind"], found["total"], found["assets"]) == ("ip", 2, [])
    ours = client.get("/api/v1/indicators/?value=10.0.0.1").json()
    assert [each["name"] for each in ours["assets"]] == ["web-01"]


def test_statistics_are_counted_by_group() -> None:
    estate(2)
    found = with_token("read").get("/api/v1/alerts/statistics/?group_by=source").json()
    assert found["groups"] == [{"value": "wazuh", "label": "wazuh", "count": 2}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "status", "word"),
    [
        ("/api/v1/alerts/?limit=0", 400, "limit"),
        ("/api/v1/alerts/?limit=1&limit=2", 400, "只能给一次"),
        ("/api/v1/alerts/?colour=red", 400, "不认识这个参数"),
        ("/api/v1/alerts/?severity=grave", 400, "severity"),
        ("/api/v1/alerts/?unassigned=maybe", 400, "unassigned"),
        ("/api/v1/alerts/?cursor=nonsense", 400, "从第一页重新开始"),
        ("/api/v1/alerts/?asset=nobody", 404, "nobody"),
        ("/api/v1/alerts/999/", 404, "999"),
        ("/api/v1/assets/999/components/", 404, "999"),
        (f"/api/v1/alerts/{'9' * 30}/", 404, "9999"),
        ("/api/v1/nowhere/", 404, "没有这个地址"),
        ("/api/nowhere", 404, "/api/docs/"),
        ("/api/v1/alerts/?since=0001-01-01T00:00:00%2B14:00", 200, ""),
        ("/api/v1/alerts/?until=9999-12-31T23:59:59-14:00", 200, ""),
        ("/api/v1/alerts/?keyword=%00", 400, "keyword"),
    ],
)  # fmt: skip
def test_odd_requests_get_one_shape_of_error(address: str, status: int, word: str) -> None:
    answer = with_token("read").get(address)
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()) == {"error"}
        assert word in str(answer.json()["error"])


def test_odd_bodies_get_the_same_shape() -> None:
    estate(1)
    client = with_token("write")
    (alert_id,) = ids(client.get("/api/v1/alerts/"))
    address = f"/api/v1/alerts/{alert_id}/close/"
    for body, kind, status, word in (
        ("{", "application/json", 400, "JSON"),
        ("[]", "application/json", 400, ""),
        ('{"verdict": "benign", "colour": 1}', "application/json", 400, "不认识这个字段"),
        ('{"verdict": "maybe"}', "application/json", 400, "verdict"),
        ("verdict=benign", "application/x-www-form-urlencoded", 415, "application/json"),
    ):
        answer = client.post(address, body, kind)
        assert answer.status_code == status, body
        assert word in str(answer.json()["error"]), answer.json()
    assert client.get(address).status_code == 405
