"""Wrong passwords and wrong tokens are counted by name and address, and what a stranger writes is no address."""

from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from bifang import env
from bifang.core.errors import ConfigError
from bifang.core.requests.visitors import address_of
from secops_agent.api import access
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.secops.api.callers import with_token

pytestmark = pytest.mark.django_db
LIMIT = 10


@pytest.fixture(autouse=True)
def _quick(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.RATE_LIMITS = settings.AXES_ENABLED = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def log_in(name: str, password: str, address: str = "198.51.100.7", **headers: str) -> HttpResponse:
    body = {"username": name, "password": password}
    return Client().post("/admin/login/", body, REMOTE_ADDR=address, headers=headers)


@pytest.mark.slow
@pytest.mark.both_databases
def test_ten_wrong_passwords_close_the_door_to_that_name_from_there() -> None:
    User.objects.create_superuser("boss", password="right")
    User.objects.create_superuser("other", password="right")
    answers = [log_in("boss", f"wrong{number}").status_code for number in range(LIMIT)]
    assert answers == [200] * (LIMIT - 1) + [429]
    closed = log_in("boss", "right")
    assert closed.status_code == 429
    assert "以后再试（还有约 15 分钟）" in text_of(closed)
    assert 0 < int(closed["Retry-After"]) <= 900
    assert log_in("other", "right").status_code == 302
    assert log_in("boss", "right", "198.51.100.8").status_code == 302


def test_a_success_begins_the_count_anew() -> None:
    User.objects.create_superuser("boss", password="right")
    for _ in range(2):
        for _ in range(LIMIT - 1):
            log_in("boss", "wrong")
        assert log_in("boss", "right").status_code == 302


def test_no_header_of_a_stranger_escapes_the_count() -> None:
    User.objects.create_superuser("boss", password="right")
    told = [{"x-forwarded-for": f"203.0.113.{n}", "user-agent": f"browser {n}"} for n in range(LIMIT)]
    assert [log_in("boss", "wrong", **one).status_code for one in told][-1] == 429


def test_a_superuser_opens_the_door_again() -> None:
    User.objects.create_superuser("boss", password="right")
    for number in range(LIMIT):
        log_in("boss", f"wrong{number}")
    assert "wrong" not in AccessAttempt.objects.get().post_data
    row, client = AccessAttempt.objects.get(), superuser()
    assert "已锁定" in text_of(client.get("/admin/core/loginfailure/"))
    client.post(f"/admin/core/loginfailure/{row.pk}/delete/", {"post": "yes"})
    assert log_in("boss", "right").status_code == 302


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "expected"),
    [
        ("", "127.0.0.1", "203.0.113.5", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "127.0.0.1", "10.9.9.9, 203.0.113.5", "203.0.113.5"),
        ("127.0.0.1, 10.0.0.0/8", "127.0.0.1", "6.6.6.6, 203.0.113.5, 10.1.2.3", "203.0.113.5"),
        ("10.0.0.0/8", "203.0.113.77", "6.6.6.6", "203.0.113.77"),
        ("127.0.0.1", "127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "203.0.113.5, nonsense", "127.0.0.1"),
        ("127.0.0.1", "::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("", "2001:db8:1:2:aaaa:bbbb:cccc:dddd", "", "2001:db8:1:2::"),
        ("", "", "", None),
    ],
)
def test_the_address_is_what_trusted_proxies_say(
    proxies: str, peer: str, forwarded: str, expected: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIFANG_TRUSTED_PROXIES", proxies)
    settings.TRUSTED_PROXIES = env.networks("BIFANG_TRUSTED_PROXIES")
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert address_of(request) == expected


@given(st.text(max_size=60))
def test_no_header_is_too_strange(text: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=text)
    assert address_of(request) == "127.0.0.1"


def test_a_network_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIFANG_TRUSTED_PROXIES", "10.0.0.1/8")
    with pytest.raises(ConfigError, match="BIFANG_TRUSTED_PROXIES"):
        env.networks("BIFANG_TRUSTED_PROXIES")


@pytest.mark.slow
def test_wrong_tokens_from_one_address_are_turned_away_and_good_ones_are_not() -> None:
    good, stranger = with_token("read"), {"REMOTE_ADDR": "198.51.100.99"}
    answers = [
        Client(headers={"X-Api-Token": f"bf_{number:043}"}).get("/api/v1/alerts/", **stranger)
        for number in range(access.FAILURES + 1)
    ]
    assert [each.status_code for each in answers[:-1]] == [401] * access.FAILURES
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0
    assert good.get("/api/v1/alerts/", **stranger).status_code == 200
