"""用钉钉登录, against the simulator: whom 人员 ties to a user enters, everybody else reads whom to ask."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.db.models import Sum
from django.http import HttpResponse
from django.test import Client

from bifang.core.changes import Author
from bifang.core.configuration import configs
from bifang.core.models import SecondFactor, SystemConfig
from dingtalk_integration import sign_in
from dingtalk_integration.models import ApiUsage
from secops_agent.models import AuditRecord, Role, Staff
from tests.admin_pages import dingtalk, serve_plain_static, text_of, with_role
from tests.core.logins.authenticator import CODE, LOGIN, digits, enrolled, is_inside
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.django_db
CORP, OTHER_CORP = "dingdemocorp", "dingothercorp"
BACK = "/admin/login/dingtalk/"
SITE = "http://127.0.0.1:8000"


@pytest.fixture
def sim() -> Iterator[SimulatorHandle]:
    with running_simulator({"dingdemo": "demo-secret", "dingother": "other-secret"}) as handle:
        yield handle


@pytest.fixture(autouse=True)
def _stage(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.PUBLIC_URL = SITE
    sign_in.JUNK.forget()


@pytest.fixture
def config(sim: SimulatorHandle) -> SystemConfig:
    return application(sim)


def application(
    sim: SimulatorHandle, client_id: str = "dingdemo", secret: str = "demo-secret", **values: Any
) -> SystemConfig:
    given = {
        "client_id": client_id,
        "client_secret": secret,
        "endpoint": sim.base_url,
        "corp_id": CORP,
        "sign_in": True,
    }
    return dingtalk(**given | values)


def tied(staff_id: str = "lisi", user: User | None = None, **columns: Any) -> Staff:
    user = user or User.objects.create_user(staff_id)
    given = {"corp_id": CORP, "name": "李四", "role": Role.ANALYST, **columns}
    return Staff.objects.create(staff_id=staff_id, user=user, **given)


@dataclass
class Browser:
    """One browser: the site by Django's client, the simulator's pages by plain HTTP."""

    sim: SimulatorHandle
    client: Client

    def start(self, config: SystemConfig, goal: str = "") -> str:
        """Press the button; returns the address of DingTalk's page."""
        answer = self.client.get(f"{BACK}{config.pk}/", {"next": goal} if goal else {})
        assert answer.status_code == 302, text_of(answer)
        return str(answer["Location"])

    def agree(self, page: str, person: str = "lisi", **more: str) -> str:
        """Choose who one is on DingTalk's page; returns the address it sends the browser to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        asked.pop("corpId", None)
        answer = self.sim.http.get("/oauth2/agree", params={**asked, "person": person, **more})
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def back(self, address: str, **extra: str) -> HttpResponse:
        """Follow DingTalk back to the site."""
        parts = urlsplit(address)
        return self.client.get(f"{parts.path}?{parts.query}", **extra)

    def sign_in(
        self, config: SystemConfig, person: str = "lisi", goal: str = "", **more: str
    ) -> HttpResponse:
        """All of it."""
        return self.back(self.agree(self.start(config, goal), person, **more))


@pytest.fixture
def browser(sim: SimulatorHandle) -> Browser:
    return Browser(sim, Client())


def refused(browser: Browser, answer: HttpResponse) -> str:
    """What somebody reads who was not let in."""
    assert answer.status_code == 403, (answer.status_code, text_of(answer))
    assert not is_inside(browser.client)
    return text_of(answer)


def told(what: str) -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(what=what))


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_listed_person_who_is_tied_to_a_user_enters(config: SystemConfig, browser: Browser) -> None:
    person = tied()
    assert "用钉钉登录" in text_of(browser.client.get(LOGIN))
    page = browser.start(config, "/alerts/")
    asked = parse_qs(urlsplit(page).query)
    assert page.startswith(f"{browser.sim.base_url}/oauth2/auth?")
    assert asked["redirect_uri"] == [f"{SITE}{BACK}"]
    assert (asked["corpId"], asked["scope"], asked["response_type"]) == ([CORP], ["openid corpid"], ["code"])
    assert "李四" in browser.sim.http.get(page).text
    answer = browser.back(browser.agree(page))
    assert (answer.status_code, answer["Location"]) == (302, "/alerts/")
    assert browser.client.session["_auth_user_id"] == str(person.user_id)
    assert browser.client.get("/alerts/").status_code == 200
    assert browser.client.get("/admin/core/systemconfig/").status_code == 403, "rights come from the role"
    (row,) = told("登录")
    assert (row.subject, row.detail["door"], row.actor_name) == (f"user:{person.user_id}", "钉钉", "李四")
    assert (
        ApiUsage.objects.filter(client_id="dingdemo", purpose="sign_in").aggregate(n=Sum("calls"))["n"] == 4
    )


def test_official_addresses_lead_to_the_official_page() -> None:
    row = dingtalk(client_id="dingx", corp_id=CORP, sign_in=True)
    page = Client().get(f"{BACK}{row.pk}/")["Location"]
    assert page.startswith("https://login.dingtalk.com/oauth2/auth?")


def test_sign_in_is_closed_unless_a_configuration_opens_it(sim: SimulatorHandle, browser: Browser) -> None:
    tied()
    row = application(sim, sign_in=False)
    assert "用钉钉登录" not in text_of(browser.client.get(LOGIN))
    assert "没有开放登录" in refused(browser, browser.client.get(f"{BACK}{row.pk}/"))
    assert "没有开放登录" in refused(browser, browser.client.get(f"{BACK}99999/"))
    configs.save("dingtalk", row.name, True, {"sign_in": True}, config=row)
    address = browser.agree(browser.start(row))
    configs.set_enabled(SystemConfig.objects.get(pk=row.pk), False)
    assert "没有开放登录" in refused(browser, browser.back(address)), "closed while somebody was at DingTalk"


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (None, "您还没有登记"),
        ({"active": False}, "已经停用"),
        ({"user": None}, "还没有对应的登录用户"),
        ({"corp_id": ""}, "您还没有登记"),
        ({"corp_id": OTHER_CORP}, "您还没有登记"),
        ({"staff_id": "李四"}, "您还没有登记"),
        ({"staff_id": "LISI"}, "您还没有登记"),
    ],
)
def test_whoever_is_not_listed_and_tied_reads_whom_to_ask(
    columns: dict[str, Any] | None, expected: str, config: SystemConfig, browser: Browser
) -> None:
    tied("zhang", name="张三", role=Role.ADMIN)
    User.objects.create_user("李四", email="lisi@example.com", first_name="四", last_name="李")
    if columns is not None:
        given = {
            "corp_id": CORP,
            "staff_id": "lisi",
            "name": "李四",
            "user": User.objects.create_user("lisi"),
        }
        Staff.objects.create(**given | columns)
    users, people = User.objects.count(), Staff.objects.count()
    text = refused(browser, browser.sign_in(config))
    assert expected in text
    assert "张三" in text
    assert (User.objects.count(), Staff.objects.count()) == (users, people), "nobody is made"
    (row,) = told("拒绝用钉钉登录")
    assert (row.subject, row.detail["staff_id"]) == (f"config:{config.pk}", "lisi")


def test_a_user_who_is_switched_off_does_not_enter(config: SystemConfig, browser: Browser) -> None:
    tied(user=User.objects.create_user("lisi", is_active=False))
    assert "登录用户已经停用" in refused(browser, browser.sign_in(config))


def test_another_corporation_does_not_enter_whoever_it_names(config: SystemConfig, browser: Browser) -> None:
    tied("zhang", name="张三", role=Role.ADMIN)
    tied("ext-outsider")
    tied()
    for person, corp in (("outsider", OTHER_CORP), ("lisi", OTHER_CORP)):
        text = refused(browser, browser.sign_in(config, person, corp_id=corp))
        assert "不是这里的企业" in text
        assert "张三" not in text, "strangers learn no names"
    assert "您还没有登记" in refused(browser, browser.sign_in(config, "outsider", corp_id=CORP)), (
        "an external contact is no member"
    )


def test_nobody_enters_before_the_corporation_is_known(sim: SimulatorHandle, browser: Browser) -> None:
    row = application(sim, corp_id="")
    tied(corp_id="")
    assert "还不知道这个应用属于哪个企业" in refused(browser, browser.client.get(f"{BACK}{row.pk}/"))


def test_a_code_counts_once_and_for_one_application(
    sim: SimulatorHandle, config: SystemConfig, browser: Browser
) -> None:
    tied()
    other = application(sim, "dingother", "other-secret")
    used = browser.agree(browser.start(config))
    code = parse_qs(urlsplit(used).query)["authCode"][0]
    assert browser.back(used).status_code == 302
    for row in (config, other):
        again = Browser(sim, Client())
        state = parse_qs(urlsplit(again.start(row)).query)["state"][0]
        answer = again.back(f"{BACK}?authCode={code}&state={state}")
        assert "授权已经失效" in refused(again, answer)
    thief, fresh = Browser(sim, Client()), browser.agree(browser.start(config))
    code = parse_qs(urlsplit(fresh).query)["authCode"][0]
    state = parse_qs(urlsplit(thief.start(other)).query)["state"][0]
    assert "授权已经失效" in refused(thief, thief.back(f"{BACK}?authCode={code}&state={state}")), (
        "of another application"
    )


def test_what_did_not_begin_in_this_browser_ends_here(
    config: SystemConfig, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    tied()
    address = browser.agree(browser.start(config))
    query = parse_qs(urlsplit(address).query)
    code, state = query["authCode"][0], query["state"][0]
    victim = Browser(browser.sim, Client())
    told = refused(victim, victim.back(address))
    assert "不是从这个浏览器开始的" in told, "login CSRF"
    assert SITE in told, "where to begin again"
    victim.start(config)
    assert "不是从这个浏览器开始的" in refused(victim, victim.back(address)), "with a nonce of their own"
    for forged in ("", "x", state[:-3] + "abc", state.split(":")[0], "🦊" * 2000, "a:b:c"):
        fresh = Browser(browser.sim, Client())
        fresh.start(config)
        answer = fresh.client.get(BACK, {"authCode": code, "state": forged})
        assert "不是从这个浏览器开始的" in refused(fresh, answer)
    monkeypatch.setattr(sign_in, "PATIENCE_S", -1)
    assert "不是从这个浏览器开始的" in refused(browser, browser.back(address)), "too late"


def test_coming_back_twice_does_not_work(config: SystemConfig, browser: Browser) -> None:
    tied()
    address = browser.agree(browser.start(config))
    assert browser.back(address).status_code == 302
    browser.client.post("/admin/logout/")
    assert "不是从这个浏览器开始的" in refused(browser, browser.back(address))


def test_declining_and_empty_codes_are_told_in_words(config: SystemConfig, browser: Browser) -> None:
    assert "没有在钉钉的页面上同意" in refused(
        browser, browser.back(browser.agree(browser.start(config), ""))
    )
    state = parse_qs(urlsplit(browser.start(config)).query)["state"][0]
    assert "授权已经失效" in refused(browser, browser.client.get(BACK, {"state": state}))
    assert browser.client.post(BACK).status_code == 405


@pytest.mark.slow
@pytest.mark.parametrize(
    "goal", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site(goal: str, config: SystemConfig, browser: Browser) -> None:
    tied()
    assert browser.sign_in(config, goal=goal)["Location"] == "/"


def test_a_planted_session_is_not_the_one_that_is_logged_in(config: SystemConfig, browser: Browser) -> None:
    tied()
    browser.client.session.save()
    browser.client.cookies["sessionid"] = "planted0planted0planted0planted0"
    assert browser.sign_in(config).status_code == 302
    assert browser.client.cookies["sessionid"].value != "planted0planted0planted0planted0"


def test_the_second_step_is_asked_here_too(config: SystemConfig, browser: Browser, settings: Any) -> None:
    user, secret, _ = enrolled()
    tied(user=user)
    answer = browser.sign_in(config, goal="/admin/secops_agent/component/")
    assert answer["Location"] == CODE
    assert not is_inside(browser.client)
    done = browser.client.post(CODE, {"code": digits(secret)})
    assert done["Location"] == "/admin/secops_agent/component/"
    assert next((row.detail["door"], row.detail["second_step"]) for row in told("登录")) == ("钉钉", "验证码")


def test_whoever_comes_through_dingtalk_need_not_set_it_up(
    config: SystemConfig, browser: Browser, settings: Any
) -> None:
    settings.REQUIRE_TOTP = True
    tied()
    assert browser.sign_in(config)["Location"] == "/"
    assert browser.client.get("/alerts/").status_code == 200
    assert not SecondFactor.objects.exists()


@pytest.mark.slow
def test_codes_that_are_none_shut_nobody_out(config: SystemConfig, browser: Browser, settings: Any) -> None:
    """A stranger behind the office's address sends them all day."""
    settings.RATE_LIMITS = settings.AXES_ENABLED = True
    tied()
    office = {"REMOTE_ADDR": "198.51.100.7"}
    colleague, stranger = Browser(browser.sim, Client()), Browser(browser.sim, Client())

    def guess(number: int) -> int:
        state = parse_qs(urlsplit(stranger.start(config)).query)["state"][0]
        return stranger.client.get(BACK, {"authCode": f"guess{number}", "state": state}, **office).status_code

    assert [guess(number) for number in range(12)] == [403] * 12
    assert colleague.back(colleague.agree(colleague.start(config)), **office).status_code == 302
    assert [guess(number) for number in range(12, 32)] == [403] * 18 + [429] * 2
    waiting = browser.back(browser.agree(browser.start(config)), **office)
    assert waiting.status_code == 429
    assert 0 < int(waiting["Retry-After"]) <= 60
    assert "以前用钉钉登录过的浏览器不受影响" in text_of(waiting)
    del colleague.client.cookies["sessionid"]
    assert colleague.back(colleague.agree(colleague.start(config)), **office).status_code == 302
    assert browser.back(browser.agree(browser.start(config)), REMOTE_ADDR="198.51.100.8").status_code == 302
    calls = ApiUsage.objects.get(family="base", purpose="sign_in").calls
    assert calls <= 30 + 3 * 4, "a code that is none costs a call, and no more of them than are taken"


def test_a_forged_mark_of_a_known_browser_is_none(
    config: SystemConfig, browser: Browser, settings: Any
) -> None:
    settings.RATE_LIMITS = True
    for _ in range(30):
        sign_in.JUNK.count("address 198.51.100.7")
    browser.client.cookies[sign_in.KNOWN] = signing.dumps(1, salt="something else")
    tied()
    answer = browser.back(browser.agree(browser.start(config)), REMOTE_ADDR="198.51.100.7")
    assert answer.status_code == 429


@pytest.mark.slow
def test_a_colleague_who_is_refused_does_not_close_it_for_the_office(
    config: SystemConfig, browser: Browser, settings: Any
) -> None:
    settings.RATE_LIMITS = settings.AXES_ENABLED = True
    tied()
    answers = [browser.sign_in(config, "zhaoliu").status_code for _ in range(11)]
    assert answers == [403] * 9 + [429] * 2
    assert len(told("拒绝用钉钉登录")) == 10
    assert browser.sign_in(config).status_code == 302


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"openapi_status": 500}, "暂时出错"),
        ({"openapi_qps": True}, "限流"),
        ({"openapi_scope": "Contact.User.Read"}, "Contact.User.Read"),
    ],
)
def test_troubles_of_dingtalk_are_told_with_what_to_do(
    fault: dict[str, Any], expected: str, config: SystemConfig, browser: Browser
) -> None:
    tied()
    address = browser.agree(browser.start(config))
    browser.sim.faults(client_id="dingdemo", **fault)
    assert expected in refused(browser, browser.back(address))


def test_a_wrong_secret_is_the_configurations_fault(sim: SimulatorHandle, browser: Browser) -> None:
    tied()
    row = application(sim, secret="not-it")
    assert "凭证错误" in refused(browser, browser.sign_in(row))


def test_nothing_secret_reaches_log_page_or_trail(
    config: SystemConfig, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tied()
    address = browser.agree(browser.start(config))
    code = parse_qs(urlsplit(address).query)["authCode"][0]
    answer = browser.back(address)
    assert answer["Referrer-Policy"] == "no-referrer"
    stranger = Browser(browser.sim, Client())
    page = refused(stranger, stranger.sign_in(config, "zhaoliu"))
    logged = "".join(
        row.getMessage()
        for row in caplog.records
        if row.name.split(".")[0] in ("bifang", "dingtalk_integration", "django", "axes", "aiohttp")
    )
    trail = str(list(AuditRecord.objects.values_list("what", "text", "detail")))
    for secret in (code, "user-token-", "demo-secret", "refresh-", "token-"):
        assert secret not in logged + trail + page
    assert "code-" not in logged + trail


def test_only_superusers_say_who_vouches_for_people(config: SystemConfig) -> None:
    manager = Author(1, "manager", "admin")
    plain = dingtalk("plain", client_id="dingplain", corp_id=CORP)
    attempts: list[tuple[SystemConfig, dict[str, Any]]] = [
        (plain, {"sign_in": True}),
        (config, {"corp_id": "dingevil"}),
        (config, {"client_id": "dingevil"}),
        (config, {"client_secret": "mine"}),
        (config, {"sign_in": False}),
    ]
    for row, given in attempts:
        with pytest.raises(configs.FieldErrors, match="只有超级管理员"):
            configs.save("dingtalk", row.name, row.enabled, given, config=row, author=manager)
    new = {"client_id": "dingnew", "client_secret": "x", "corp_id": CORP, "sign_in": True}
    with pytest.raises(configs.FieldErrors, match="只有超级管理员"):
        configs.save("dingtalk", "new", True, new, author=manager)
    configs.set_enabled(config, False, manager)
    configs.save("dingtalk", plain.name, True, {"notifications_enabled": False}, config=plain, author=manager)


def test_nobody_but_a_superuser_gives_a_tied_person_another_account() -> None:
    person = tied(role=Role.VIEWER)
    client, page = with_role(Role.ADMIN), f"/admin/secops_agent/staff/{person.pk}/change/"
    given = {"name": "李四", "staff_id": "mallory", "corp_id": OTHER_CORP, "role": "viewer", "active": "on"}
    client.post(page, given)
    person.refresh_from_db()
    assert (person.staff_id, person.corp_id) == ("lisi", CORP)


def test_the_simulator_sends_nobody_elsewhere(sim: SimulatorHandle) -> None:
    asked = {
        "client_id": "dingdemo",
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": "https://evil.example/",
    }
    for page in ("/oauth2/auth", "/oauth2/agree"):
        assert sim.http.get(page, params=asked).status_code == 400
        assert (
            sim.http.get(page, params={**asked, "redirect_uri": SITE, "client_id": "nope"}).status_code == 400
        )
    page = sim.http.get(
        "/oauth2/auth", params={**asked, "redirect_uri": SITE, "state": '"><script>alert(1)</script>'}
    )
    assert "<script>alert" not in page.text


def test_there_is_no_sign_up_and_no_way_by_mail() -> None:
    for path in (
        "signup/",
        "email/",
        "password/reset/",
        "3rdparty/",
        "dingtalk/login/",
        "dingtalk/login/callback/",
    ):
        assert Client().get(f"/accounts/{path}").status_code == 404
        assert Client().get(f"/admin/{path}").status_code in (302, 404)
