"""两步验证: asked after the password and nowhere skipped; digits count once; what is lost is reset by a superuser."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from bifang.core.logins import entry
from bifang.core.models import SecondFactor
from secops_agent.models import AuditRecord, Role
from tests.admin_pages import serve_plain_static, superuser, text_of, with_role
from tests.core.logins.authenticator import (
    CODE,
    LOGIN,
    PAGE,
    PASSWORD,
    digits,
    enrolled,
    is_inside,
    password,
    person,
    recovery_on,
    secret_on,
    set_up,
    wrong,
)
from tests.secops.api.callers import with_token

pytestmark = pytest.mark.django_db
LIMIT = 10


@pytest.fixture(autouse=True)
def _stage(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def _limits(settings: Any) -> None:
    settings.RATE_LIMITS = settings.AXES_ENABLED = True


def at_once(crowd: list[Client], code: str) -> None:
    """All of them send the same code, each from an address of its own."""

    def send(number: int) -> None:
        try:
            crowd[number].post(CODE, {"code": code}, REMOTE_ADDR=f"198.51.100.{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(len(crowd)) as pool:
        list(pool.map(send, range(len(crowd))))


def told(what: str) -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(what=what))


@pytest.mark.slow
@pytest.mark.both_databases
def test_whoever_set_it_up_is_asked_after_the_password_and_not_before() -> None:
    user, secret, _ = enrolled()
    client, answer = password()
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    assert not is_inside(client)
    assert client.get("/").status_code == 302
    assert client.get("/api/v1/alerts/").status_code in (401, 403)
    page = client.get(CODE)
    assert "「lisi」" in text_of(page)
    assert "no-store" in page["Cache-Control"]
    done = client.post(CODE, {"code": digits(secret)})
    assert (done.status_code, done["Location"]) == (302, "/")
    assert is_inside(client)
    (last,) = [row for row in told("登录") if row.detail["second_step"] == "验证码"]
    assert (last.subject, last.detail["door"]) == (f"user:{user.pk}", "密码")


def test_a_wrong_password_never_reaches_the_second_step() -> None:
    enrolled()
    client = Client()
    assert client.post(LOGIN, {"username": "lisi", "password": "nope"}).status_code == 200
    assert client.get(CODE)["Location"] == LOGIN
    assert client.post(CODE, {"code": "123456"})["Location"] == LOGIN


@pytest.mark.both_databases
def test_digits_count_once_from_whatever_browser() -> None:
    _, secret, _ = enrolled()
    one, two, code = password()[0], password()[0], digits(secret)
    assert one.post(CODE, {"code": code}).status_code == 302
    again = two.post(CODE, {"code": code})
    assert again.status_code == 200
    assert "已经用过" in text_of(again)
    assert not is_inside(two)
    earlier = two.post(CODE, {"code": digits(secret, later=-1)})
    assert earlier.status_code == 200, "nor do those before it"


@pytest.mark.slow
@pytest.mark.both_databases
def test_of_many_at_once_one_enters_with_the_same_code() -> None:
    _, secret, codes = enrolled()
    for code in (digits(secret), codes[0]):
        crowd = [password()[0] for _ in range(6)]
        at_once(crowd, code)
        assert sum(map(is_inside, crowd)) == 1


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.usefixtures("_limits")
def test_many_guesses_at_once_are_no_more_than_the_limit() -> None:
    _, secret, _ = enrolled()
    crowd = [password()[0] for _ in range(16)]
    at_once(crowd, wrong(secret))
    assert len(told("两步验证没有通过")) <= LIMIT
    assert not any(map(is_inside, crowd))


def test_digits_written_by_an_input_method_are_understood() -> None:
    _, secret, _ = enrolled()
    client, code = password()[0], digits(secret)
    wide = "".join(chr(ord(one) + 0xFEE0) for one in code)
    assert client.post(CODE, {"code": f" {wide[:3]} {wide[3:]} "}).status_code == 302


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", ["", " ", "00000", "0" * 5000, "\x00", "１２", "-1", "abcdef-ghjkmn", "🦊" * 10, "'; --"]
)
def test_what_is_no_code_is_refused_in_words(code: str) -> None:
    enrolled()
    client, _ = password()
    page = client.post(CODE, {"code": code})
    assert page.status_code == 200
    assert not is_inside(client)
    assert "验证码" in text_of(page)


@pytest.mark.both_databases
def test_a_recovery_code_works_once_and_is_recorded() -> None:
    user, _, codes = enrolled()
    assert len(set(codes)) == 8
    client, _ = password()
    assert client.post(CODE, {"code": codes[0].upper().replace("-", " ")}).status_code == 302
    assert is_inside(client)
    (used,) = told("用掉一个恢复码")
    assert (used.subject, used.detail["left"]) == (f"user:{user.pk}", 7)
    assert next(row.detail["second_step"] for row in told("登录")) == "恢复码"
    second, _ = password()
    assert second.post(CODE, {"code": codes[0]}).status_code == 200
    assert not is_inside(second)


def test_neither_secret_nor_codes_are_kept_in_the_clear() -> None:
    _, secret, codes = enrolled()
    fresh = Client()
    fresh.force_login(person("other"))
    drawn = secret_on(fresh.get(PAGE))
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, recovery FROM core_secondfactor")
        stored = str(cursor.fetchall())
    trail = str(list(AuditRecord.objects.values_list("what", "text", "detail")))
    session = str(dict(fresh.session))
    for plain in (secret, drawn, *codes, codes[0].replace("-", "")):
        assert plain not in stored + trail + session


def test_rotating_the_key_keeps_the_second_step() -> None:
    _, secret, _ = enrolled()
    before = SecondFactor.objects.get().secret
    call_command("rotate_encryption_key")
    assert SecondFactor.objects.get().secret != before
    client, _ = password()
    assert client.post(CODE, {"code": digits(secret)}).status_code == 302


@pytest.mark.slow
def test_a_seal_that_was_copied_to_another_user_does_not_open() -> None:
    _, secret, _ = enrolled()
    _, _, codes = enrolled("eve")
    stolen = SecondFactor.objects.get(user__username="lisi").secret
    SecondFactor.objects.filter(user__username="eve").update(secret=stolen)
    client, _ = password("eve")
    refused = client.post(CODE, {"code": digits(secret)})
    assert "请用一个恢复码，或请超级管理员重置" in text_of(refused)
    assert not is_inside(client)
    assert client.post(CODE, {"code": codes[0]}).status_code == 302


@pytest.mark.slow
@pytest.mark.usefixtures("_limits")
def test_wrong_codes_close_the_door_with_the_time_to_try_again() -> None:
    _, secret, _ = enrolled()
    client, _ = password()
    bad = wrong(secret)
    answers = [client.post(CODE, {"code": bad}, REMOTE_ADDR="198.51.100.7") for _ in range(LIMIT)]
    assert [each.status_code for each in answers] == [200] * (LIMIT - 1) + [429]
    closed = client.post(CODE, {"code": digits(secret)}, REMOTE_ADDR="198.51.100.7")
    assert closed.status_code == 429
    assert "以后再试（还有约 15 分钟）" in text_of(closed).replace(" ¦ ", " ")
    assert 0 < int(closed["Retry-After"]) <= 900
    assert password()[1].status_code == 429, "one count for password and code"
    assert len(told("两步验证没有通过")) == LIMIT


@pytest.mark.slow
@pytest.mark.usefixtures("_limits")
def test_wrong_codes_are_counted_for_the_user_from_all_addresses() -> None:
    _, secret, codes = enrolled()
    client, _ = password()
    bad = wrong(secret)
    for number in range(LIMIT):
        client.post(CODE, {"code": bad}, REMOTE_ADDR=f"198.51.100.{number + 10}")
    for good in (digits(secret), codes[0]):
        closed = client.post(CODE, {"code": good}, REMOTE_ADDR="203.0.113.9")
        assert closed.status_code == 429
        assert "以后再试" in text_of(closed)
    assert not is_inside(client)
    assert not told("用掉一个恢复码")


def test_what_waits_ends_with_time_password_and_login(monkeypatch: pytest.MonkeyPatch) -> None:
    user, secret, _ = enrolled()
    late, changed, left = password()[0], password()[0], password()[0]
    user.is_active = False
    user.save()
    assert left.post(CODE, {"code": digits(secret)})["Location"] == LOGIN
    user.is_active = True
    user.set_password("another-Password-2")
    user.save()
    assert changed.post(CODE, {"code": digits(secret)})["Location"] == LOGIN
    user.set_password(PASSWORD)
    user.save()
    monkeypatch.setattr(entry, "PATIENCE_S", -1)
    assert late.post(CODE, {"code": digits(secret)})["Location"] == LOGIN
    assert "5 分钟" in text_of(late.get(LOGIN))


def test_a_planted_session_shares_neither_what_waits_nor_the_login() -> None:
    _, secret, _ = enrolled()
    thief = Client()
    thief.get("/admin/second-factor/")
    thief.session.save()
    planted = thief.session.session_key
    victim = Client()
    victim.cookies["sessionid"] = planted or ""
    password(client=victim)
    assert victim.cookies["sessionid"].value != planted
    waiting = victim.cookies["sessionid"].value
    assert thief.get(CODE)["Location"] == LOGIN
    assert victim.post(CODE, {"code": digits(secret)}).status_code == 302
    assert victim.cookies["sessionid"].value != waiting


@pytest.mark.slow
@pytest.mark.parametrize(
    "goal",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
    ],
)
def test_nobody_is_sent_to_another_site(goal: str) -> None:
    _, secret, _ = enrolled()
    client = Client()
    client.post(f"{LOGIN}?next={goal}", {"username": "lisi", "password": PASSWORD, "next": goal})
    assert client.post(CODE, {"code": digits(secret)})["Location"] == "/"
    page = client.get(LOGIN, {"next": goal})
    assert page["Location"] == "/"


def test_one_goes_on_to_the_page_one_wanted() -> None:
    _, secret, _ = enrolled()
    client, _ = password(next="/admin/secops_agent/alert/?severity=high")
    assert (
        client.post(CODE, {"code": digits(secret)})["Location"] == "/admin/secops_agent/alert/?severity=high"
    )


def test_forms_of_other_sites_are_refused() -> None:
    _, secret, _ = enrolled()
    client = Client(enforce_csrf_checks=True)
    for page in (LOGIN, CODE, PAGE):
        assert client.post(page, {"code": digits(secret)}).status_code == 403


@pytest.mark.slow
def test_setting_up_needs_the_digits_of_the_shown_secret() -> None:
    client = Client()
    client.force_login(person())
    secret = secret_on(client.get(PAGE))
    assert secret_on(client.get(PAGE)) == secret, "the same after a reload"
    bad = client.post(PAGE, {"code": wrong(secret)})
    assert "验证码不对" in text_of(bad)
    assert not SecondFactor.objects.exists()
    stranger = Client()
    stranger.force_login(person("eve"))
    assert secret_on(stranger.get(PAGE)) != secret
    used = digits(secret)
    done = client.post(PAGE, {"code": used})
    assert len(recovery_on(done)) == 8
    again, _ = password()
    again.post(CODE, {"code": used})
    assert not is_inside(again), "the digits of the set-up are used up"
    assert not recovery_on(client.get(PAGE)), "shown once"
    assert "data:image/svg+xml" in bad.content.decode()
    assert len(told("设置两步验证")) == 1


def test_nobody_sets_it_up_without_a_login() -> None:
    assert Client().get(PAGE)["Location"] == f"{LOGIN}?next={PAGE}"
    assert Client().post(PAGE, {"code": "123456"}).status_code == 302


@pytest.mark.slow
def test_turning_it_off_and_new_codes_need_a_code() -> None:
    _, secret, old = enrolled()
    client, _ = password()
    client.post(CODE, {"code": digits(secret)})
    SecondFactor.objects.update(step=0)
    for act in ("off", "codes"):
        client.post(PAGE, {"act": act, "code": wrong(secret)})
    assert SecondFactor.objects.get().recovery
    new = recovery_on(client.post(PAGE, {"act": "codes", "code": digits(secret)}))
    assert len(new) == 8
    assert not set(new) & set(old)
    assert client.post(PAGE, {"act": "off", "code": old[0]}).status_code == 200, "the old ones are void"
    assert client.post(PAGE, {"act": "off", "code": new[0]}).status_code == 302
    assert not SecondFactor.objects.exists()
    assert told("关闭两步验证")
    assert password()[1]["Location"] == "/"


@pytest.mark.slow
def test_a_superuser_resets_what_was_lost_and_it_is_recorded() -> None:
    user, _, _ = enrolled()
    page, client = f"/admin/auth/user/{user.pk}/second-factor/", superuser()
    assert "已设置，还有 8 个恢复码" in text_of(client.get(f"/admin/auth/user/{user.pk}/change/"))
    assert "当面、电话" in text_of(client.get(page))
    assert SecondFactor.objects.exists(), "a look changes nothing"
    client.post(page)
    assert not SecondFactor.objects.exists()
    (row,) = told("重置两步验证")
    assert (row.subject, row.actor_name, row.detail["name"]) == (f"user:{user.pk}", "root", "lisi")
    assert password()[1]["Location"] == "/"


def test_nobody_else_resets_anybody() -> None:
    user, _, _ = enrolled()
    page = f"/admin/auth/user/{user.pk}/second-factor/"
    for client in (with_role(Role.ADMIN), Client()):
        assert client.post(page).status_code in (302, 403)
        assert client.get(page).status_code in (302, 403)
    assert SecondFactor.objects.exists()


@pytest.mark.slow
def test_it_is_demanded_of_passwords_when_the_operator_says_so(settings: Any) -> None:
    person()
    earlier, _ = password()
    assert is_inside(earlier)
    settings.REQUIRE_TOTP = True
    assert earlier.get("/").status_code == 302, "a session from before ends"
    client, answer = password(next="/admin/secops_agent/alert/")
    assert answer["Location"] == PAGE
    assert not is_inside(client)
    assert client.get("/").status_code == 302
    page = client.get(PAGE)
    assert "设置好就登录" in text_of(page)
    secret = secret_on(page)
    assert not recovery_on(client.post(PAGE, {"code": wrong(secret)}))
    done = client.post(PAGE, {"code": digits(secret)})
    assert len(recovery_on(done)) == 8
    assert 'href="/admin/secops_agent/alert/"' in done.content.decode()
    assert is_inside(client)
    assert client.get(PAGE).status_code == 200
    assert "不能关闭" in text_of(client.get(PAGE))
    SecondFactor.objects.update(step=0)
    client.post(PAGE, {"act": "off", "code": digits(secret)})
    assert SecondFactor.objects.exists()


def test_nobody_replaces_the_second_step_of_somebody_who_has_one(settings: Any) -> None:
    settings.REQUIRE_TOTP = True
    enrolled()
    client, _ = password()
    assert client.get(PAGE)["Location"] == CODE
    assert client.post(PAGE, {"code": "123456"})["Location"] == CODE


def test_api_tokens_are_unaffected(settings: Any) -> None:
    settings.REQUIRE_TOTP = True
    assert with_token("read").get("/api/v1/alerts/").status_code == 200


def test_deleting_a_user_takes_the_second_step_along() -> None:
    user, _, _ = enrolled()
    superuser().post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=user.pk).exists()
    assert not SecondFactor.objects.exists()


def test_set_up_in_two_browsers_at_once_keeps_the_first() -> None:
    user = person()
    one, two = Client(), Client()
    one.force_login(user)
    two.force_login(user)
    other = secret_on(two.get(PAGE))
    secret, _ = set_up(one)
    late = two.post(PAGE, {"code": digits(other)})
    assert not recovery_on(late)
    SecondFactor.objects.update(step=0)
    client, _ = password()
    assert client.post(CODE, {"code": digits(secret)}).status_code == 302
