"""What every answer tells the browser, and the pages that say what was refused."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import path

import bifang.urls
from secops_agent.models import Role, Staff
from tests.admin_pages import serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
PAGES = ["/", "/?part=now", "/on-call/", "/admin/login/", "/admin/", "/admin/core/systemconfig/", "/nothing", "/admin/nothing/", "/api/nothing", "/api/v1/alerts/", "/api/docs/", "/api/docs/?script=", "/api/schema/"]  # fmt: skip


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def fail(request: Any) -> HttpResponse:
    raise RuntimeError("a-secret-detail")


urlpatterns = [path("fail/", fail), *bifang.urls.urlpatterns]


def policy(response: HttpResponse) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("known", [False, True], ids=["stranger", "superuser"])
def test_every_answer_carries_the_headers(page: str, known: bool) -> None:
    answer = (superuser() if known else Client()).get(page)
    told = policy(answer)
    assert told["frame-ancestors"] == told["object-src"] == told["base-uri"] == "'none'"
    assert "unsafe-inline" not in told.get("script-src", "")
    assert ("unsafe-eval" in told.get("script-src", "")) == page.startswith("/admin/")
    assert not re.search(r"https?:|\*", answer["Content-Security-Policy"])
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"


def test_https_is_kept_for_a_year(settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31536000
    assert "max-age=31536000" in Client().get("/admin/login/", secure=True)["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("page", "status", "says"),
    [("/nothing", 404, "没有这个页面"), ("/admin/secops_agent/apitoken/", 403, "没有权限"), ("/admin/auth/user/?password__regex=a", 400, "筛选条件"), ("/fail/", 500, "logs/bifang.log")],
)  # fmt: skip
def test_a_refusal_says_in_chinese_how_to_go_on(page: str, status: int, says: str, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    user = User.objects.create_user("someone", is_superuser=status == 400)
    Staff.objects.create(staff_id="someone", name="某人", role=Role.VIEWER, user=user)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    answer = client.get(page)
    text = text_of(answer)
    assert (answer.status_code, says in text, "返回工作台" in text) == (status, True, True), text
    assert not re.search(r"[A-Z][a-z]+ [a-z]+", text), text
    assert "a-secret-detail" not in answer.content.decode()


def test_a_form_without_its_token_says_how_to_go_on() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
    assert (answer.status_code, "刷新后再提交一次" in text_of(answer)) == (403, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream", ""])  # fmt: skip
@pytest.mark.parametrize(
    "address", ["/api/v1/ingest/generic/", "/api/v1/alerts/1/close/", "/api/v1/runbooks/"]
)
def test_a_post_of_a_session_is_never_a_failure(kind: str, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    client.get("/")
    token = client.cookies["csrftoken"].value
    for headers in ({}, {"X-CSRFToken": token}):
        answer = client.post(address, b"--x\r\n", content_type=kind, headers=headers)
        assert 400 <= answer.status_code < 500, (answer.status_code, headers)
        assert answer.json()["error"]["message"]
        assert headers or answer.status_code in (400, 403)
