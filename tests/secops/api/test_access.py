"""Who may do what, and how tokens are sent, kept and refused."""

import base64
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bifang.core.requests.buckets import Bucket
from bifang.core.rights import AUDITOR, OPERATOR
from bifang.core.secrets.redaction import redact
from secops_agent.models import Alert, ApiToken, History, Role, Staff
from secops_agent.services.people import tokens
from tests.secops.api.callers import estate, generic, owned, person, with_token

pytestmark = pytest.mark.django_db
LIST = "/api/v1/alerts/"


def close_first(client: Client) -> int:
    alert_id = Alert.objects.order_by("pk")[0].pk
    body = {"verdict": "benign"}
    return client.post(f"{LIST}{alert_id}/close/", body, "application/json").status_code


def imports(client: Client) -> int:
    return client.post("/api/v1/ingest/generic/", generic(), "application/json").status_code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "may_import"),
    [(["read"], 200, 403, 403), (["write"], 200, 200, 403), (["ingest"], 403, 403, 200), (["ingest", "write"], 200, 200, 200)],
)  # fmt: skip
def test_a_token_does_what_its_scopes_say(
    scopes: list[str], reads: int, writes: int, may_import: int
) -> None:
    estate(1)
    client = with_token(*scopes)
    assert (client.get(LIST).status_code, close_first(client), imports(client)) == (reads, writes, may_import)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [(None, 403, 403), (Role.NONE, 403, 403), (Role.VIEWER, 200, 403), (Role.ANALYST, 200, 200), (Role.ADMIN, 200, 200)],
)  # fmt: skip
def test_a_person_does_what_their_role_says(role: Role | None, reads: int, writes: int) -> None:
    estate(1)
    client = person(role)
    assert (client.get(LIST).status_code, close_first(client), imports(client)) == (reads, writes, writes)
    if writes == 200:
        assert History.objects.filter(action="close").get().actor_name.startswith("人员")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "writes", "may_import"),
    [(OPERATOR, 403, 200), (AUDITOR, 403, 403)],
)
def test_a_group_does_what_it_is_for(group: str, writes: int, may_import: int) -> None:
    estate(1)
    client = person(group=group)
    assert (client.get(LIST).status_code, close_first(client), imports(client)) == (200, writes, may_import)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [(Role.NONE, 403, 403), (Role.VIEWER, 200, 403), (Role.ANALYST, 200, 200), (Role.ADMIN, 200, 200)],
)
def test_a_token_does_no_more_than_its_owner(role: Role, reads: int, writes: int) -> None:
    estate(1)
    client = owned(role)
    assert (client.get(LIST).status_code, close_first(client), imports(client)) == (reads, writes, writes)
    assert owned(role, "ingest").get(LIST).status_code == 403
    if writes == 200:
        actor = History.objects.filter(action="close").get()
        assert (actor.actor_kind, actor.actor_name.startswith("人员")) == ("token", True)
        assert "（API 令牌「令牌" in actor.actor_name
    else:
        message = client.post("/api/v1/ingest/generic/", generic(), "application/json").json()["error"][
            "message"
        ]
        assert "归属用户没有导入的权限" in message


def test_a_token_changes_and_goes_with_its_owner() -> None:
    estate(1)
    client = owned(Role.ANALYST)
    person = Staff.objects.get()
    assert client.get(LIST).status_code == 200
    for change, status in (({"role": "none"}, 403), ({"role": "viewer"}, 200), ({"active": False}, 401)):
        Staff.objects.filter(pk=person.pk).update(**change)
        assert client.get(LIST).status_code == status
    Staff.objects.filter(pk=person.pk).update(active=True)
    User.objects.update(is_active=False)
    assert client.get(LIST).status_code == 401
    User.objects.all().delete()
    assert client.get(LIST).status_code == 401, "nobody's token is not the operator's"


def test_a_refusal_says_what_is_missing() -> None:
    answer = with_token("ingest").get(LIST)
    assert "没有「读取」（read）范围" in answer.json()["error"]["message"]
    assert "「查看」角色" in person().get(LIST).json()["error"]["message"]


def test_nobody_reads_without_identity() -> None:
    answer = Client().get(LIST)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["error"]["code"] == "unauthenticated"


def test_a_person_without_csrf_token_changes_nothing() -> None:
    estate(1)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = person(Role.ANALYST).cookies
    assert close_first(strict) == 403


def test_a_token_is_sent_in_any_of_three_ways() -> None:
    _, secret = tokens.create("三种", ["read"])
    basic = base64.b64encode(f"bifang:{secret}".encode()).decode()
    for header, value in (
        ("Authorization", f"Bearer {secret}"),
        ("X-Api-Token", secret),
        ("Authorization", f"Basic {basic}"),
    ):
        assert Client(headers={header: value}).get(LIST).status_code == 200
    for value in (f"Bearer {secret}x", "Bearer", "Basic !!", "Bearer bf_é", "Bearer " + "x" * 5000):
        assert Client(headers={"Authorization": value}).get(LIST).status_code == 401


def test_expired_and_revoked_tokens_are_refused() -> None:
    row, secret = tokens.create("短命", ["read"], expires_at=timezone.now() + timedelta(hours=1))
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.get(LIST).status_code == 200
    ApiToken.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    assert client.get(LIST).status_code == 401
    ApiToken.objects.filter(pk=row.pk).update(expires_at=None)
    assert tokens.revoke([row.pk]) == 1
    assert "已被吊销" in client.get(LIST).json()["error"]["message"]


def test_a_token_is_kept_as_its_hash_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        row, secret = tokens.create("机密", ["read"])
        Client(headers={"Authorization": f"Bearer {secret}"}).get(LIST)
        Client(headers={"Authorization": f"Bearer {secret}x"}).get(LIST)
    stored = ApiToken.objects.filter(pk=row.pk).values().get()
    assert secret not in str(stored)
    assert secret not in caplog.text
    assert len(secret) == 46
    assert redact(f"sent {secret} here") == "sent *** here"


def test_last_use_is_written_at_most_once_a_minute() -> None:
    client = with_token("read")

    def writes() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        return sum(query["sql"].startswith("UPDATE") for query in queries)

    assert (writes(), writes()) == (1, 0)
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    assert (writes(), writes()) == (1, 0)


def test_a_token_that_asks_too_often_is_told_when_to_come_back(settings: Any) -> None:
    settings.RATE_LIMITS = True
    client = with_token("read", rate=3)
    answers = [client.get(LIST) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[3]["Retry-After"]) <= 21
    assert answers[3].json()["error"]["code"] == "rate_limited"
    settings.RATE_LIMITS = False
    assert client.get(LIST).status_code == 200


def test_a_bucket_fills_up_within_a_minute() -> None:
    bucket = Bucket(60, now=0.0)
    assert [bucket.take(0.0) for _ in range(60)] == [0.0] * 60
    assert bucket.take(0.0) == pytest.approx(1.0)
    assert bucket.take(1.0) == 0.0
    assert bucket.take(1.5) == pytest.approx(0.5)
