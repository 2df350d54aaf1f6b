"""Attacks on pages and API that held once, against every address: markup, foreign forms, lines in headers, rights."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from bifang.channels.models import InboxRow
from secops_agent.models import Alert, Asset, Role, SavedView, Staff
from secops_agent.services import runbooks
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.cases import orders
from secops_agent.services.investigations import work
from secops_agent.services.records import Indicator
from tests.admin_pages import ROWS, serve_plain_static, superuser, with_role
from tests.every_page import own_addresses
from tests.secops.api.callers import person
from tests.secops.decisions_aid import company, propose
from tests.secops.inventory_aid import alert, finding, host, store
from tests.secops.test_private_doors import api_paths

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
# Alive as an element, an attribute, an Alpine expression, a template or a link, wherever it would come out raw.
EVIL = "\"'><svg onload=alert(1)><b x-data=alert(1) @click=alert(1)>{{7*7}}${7*7}[x](javascript:alert(1))</b>"
EVALUATED = re.compile(r"""\s(?:x-[\w.:-]+|@[\w.:-]+|:[\w.-]+|hx-on[\w.:-]*|on\w+)=("[^"]*"|'[^']*')""")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def planted() -> None:
    """The text wherever somebody else's words come in."""
    web = host("web-01", "10.0.0.1", owner=EVIL, tags=(EVIL[:60],))
    observed = (
        Indicator("ip", "203.0.113.9"),
        Indicator("account", EVIL),
        Indicator("url", f"javascript:{EVIL}"),
    )
    words = {
        "title": EVIL,
        "rule_name": EVIL,
        "description": EVIL,
        "references": ("javascript:alert(1)",),
        "raw": {EVIL: EVIL},
    }
    store(
        alert("a", assets=(web,), indicators=observed, **words),
        finding(web, EVIL, evidence=EVIL, location=EVIL),
    )
    Asset.objects.update(name=EVIL, description=EVIL)
    (row,) = Alert.objects.all()
    triage.comment(row.pk, SYSTEM, EVIL)
    orders.create([row.pk], SYSTEM, EVIL, "high", EVIL)
    work.investigate(row.pk)
    runbooks.save(EVIL, EVIL, (EVIL[:60],), (), SYSTEM)
    propose(company(), "zhao", arguments={"ip": "203.0.113.5", "reason": EVIL})
    Staff.objects.filter(staff_id="zhao").update(name=EVIL)
    InboxRow.objects.update(text=EVIL)


@pytest.mark.slow
def test_markup_of_others_is_alive_on_no_page() -> None:
    planted()
    client = superuser()
    SavedView.objects.create(owner=User.objects.get(), name=EVIL[:40], query="")
    found = 0
    for path in (*own_addresses(), f"/alerts/?tab=all&q={EVIL}", f"/assets/?q={EVIL}", f"/chat/?q={EVIL}"):
        answer = client.get(path)
        if not answer.get("Content-Type", "").startswith("text/html"):
            continue
        html = answer.content.decode()
        found += "svg onload" in html
        assert "<svg onload" not in html, path
        assert "<b x-data" not in html, path
        assert not re.search(r"""(?:href|src|action)=["']?\s*javascript:""", html), path
        assert [each for each in EVALUATED.findall(html) if "alert(1)" in each] == [], path
    assert found > 10, "it was planted where pages show it"


@pytest.mark.slow
def test_nothing_is_done_for_a_form_of_another_site() -> None:
    """Every own address and every path of the API, by the session of somebody who may do everything."""
    planted()
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    done = []
    for path in (*own_addresses(), *api_paths()):
        for method in (client.post, client.put, client.delete):
            status = method(path, "{}", "application/json").status_code
            done += [(path, method.__name__, status)] if status not in (403, 404, 405) else []
    assert done == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/admin/login/?next=/%0d%0aX-Injected:%201", "/admin/login/?next=%0d%0aX-Injected:1", "/alerts/1%0d%0aX-Injected:%201/",
        "/alerts/?q=%0d%0aX-Injected:%201", "/admin/secops_agent/alert/?q=%0d%0aX-Injected:%201", "/%0d%0aX-Injected:1",
    ],
)  # fmt: skip
def test_no_line_of_an_address_becomes_a_header(path: str) -> None:
    answer = superuser().get(path)
    assert answer.status_code in (200, 302, 400, 404)
    assert "X-Injected" not in answer.headers
    assert not any("\n" in value or "\r" in value for value in answer.headers.values())


def test_answers_are_for_this_host_and_kept_by_nobody(settings: Any) -> None:
    client = superuser()
    for path in ("/", "/alerts/", "/audit/check/", "/admin/"):
        kept = client.get(path)["Cache-Control"]
        assert "no-store" in kept or ("private" in kept and "max-age=0" in kept), (path, kept)
    settings.ALLOWED_HOSTS = ["bifang.corp.example"]
    for path in ("/", "/alerts/", "/api/v1/alerts/", "/admin/login/"):
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 400, path


def refused() -> Iterator[str]:
    """What neither a viewer nor somebody without a role is shown."""
    yield from (
        "/approvals/",
        "/audit/check/",
        "/api/v1/proposals/",
        "/api/v1/schedules/",
        "/api/v1/suppression-rules/",
    )
    yield from ("/api/v1/notification-rules/", "/api/v1/silences/")
    for model in ("auditrecord", "staff", "apitoken", "notificationrule", "scheduledtask", "suppressionrule"):
        yield reverse(f"admin:secops_agent_{model}_changelist")
    yield from (
        "/admin/core/systemconfig/",
        "/admin/auth/user/",
        "/admin/channels/inboxrow/",
        "/admin/django_q/schedule/",
    )
    field = "app_label=secops_agent&model_name=alert&field_name=assignee"
    yield f"/admin/autocomplete/?{field}&term="


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.VIEWER, Role.NONE, None])
def test_what_is_not_for_viewers_is_not_shown_to_them(role: Role | None) -> None:
    planted()
    client = person(role)

    def status(path: str) -> int:
        answer: HttpResponse = client.get(path)
        return answer.status_code

    assert [(path, status(path)) for path in refused() if status(path) not in (302, 403)] == []
    shown = [path for path in refused() if client.get(path, follow=True).status_code == 200]
    assert shown == []


def test_preferences_of_others_are_neither_listed_nor_opened() -> None:
    theirs = ROWS["secops_agent.notificationpreference"]()
    client = with_role(Role.ANALYST)
    listed = client.get(reverse("admin:secops_agent_notificationpreference_changelist"))
    assert listed.status_code in (200, 302, 403)
    if listed.status_code == 200:
        assert theirs not in list(listed.context["cl"].result_list)
    opened = client.get(reverse("admin:secops_agent_notificationpreference_change", args=[theirs.pk]))
    assert opened.status_code in (302, 403)
