"""API tokens and imports in the admin."""

import json
import re
import shlex
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.core.rights import AUDITOR, OPERATOR
from secops_agent.admin.people.tokens import PURPOSES, RECEIVERS
from secops_agent.admin.sources.imports import TEMPLATES
from secops_agent.models import Alert, ApiToken, Asset, History, ImportJob, Role, Scope
from secops_agent.uploads import runner
from tests.admin_pages import member, messages_of, serve_plain_static, text_of, with_role
from tests.secops.api.callers import estate, generic, packed

pytestmark = pytest.mark.django_db
TOKENS, ADD_TOKEN = "/admin/secops_agent/apitoken/", "/admin/secops_agent/apitoken/add/"
IMPORT = "/admin/secops_agent/importjob/add/"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def new_token(client: Client, **values: Any) -> Any:
    given = {
        "name": "Alertmanager",
        "scopes": ["ingest"],
        "rate": "60",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    return client.post(ADD_TOKEN, given | values)


def upload(client: Client, data: bytes, **values: str) -> Any:
    body = {
        "file": SimpleUploadedFile("导出.json", data),
        "format": "",
        "source": "",
        "asset": "",
        "asset_type": "host",
    }
    return client.post(IMPORT, body | values)


def test_a_token_is_shown_once_and_works() -> None:
    client = member(Role.ADMIN)
    shown = new_token(client)
    assert shown.status_code == 200
    secret = next(word for word in text_of(shown).split() if word.startswith("bf_"))
    assert "no-store" in shown["Cache-Control"]
    row = ApiToken.objects.get()
    assert (row.scopes, row.rate, row.owner is not None) == (["ingest"], 60, True)
    for address in (TOKENS, reverse("admin:secops_agent_apitoken_change", args=[row.pk]), "/"):
        assert secret not in client.get(address).content.decode()
    caller = Client(headers={"X-Api-Token": secret})
    assert caller.post("/api/v1/ingest/generic/", generic(), "application/json").status_code == 200
    said = client.post(TOKENS, {"action": "revoke", "_selected_action": [row.pk]}, follow=True)
    assert "已吊销 1 个令牌" in messages_of(said)
    assert caller.post("/api/v1/ingest/generic/", generic(), "application/json").status_code == 401


def test_a_token_needs_a_scope_a_name_of_its_own_and_a_future() -> None:
    client = member(Role.ADMIN)
    assert new_token(client, scopes=[]).status_code == 200
    past = timezone.localtime() - timedelta(days=1)
    refused = new_token(client, expires_at_0=past.strftime("%Y-%m-%d"), expires_at_1="00:00")
    assert "到期时间应在将来" in text_of(refused)
    assert not ApiToken.objects.exists()
    new_token(client)
    new_token(client)
    assert ApiToken.objects.count() == 1


def test_a_token_is_not_made_by_those_who_run_the_system() -> None:
    for group in (OPERATOR, AUDITOR):
        client = member(group)
        assert new_token(client).status_code == 403
        assert client.get(TOKENS).status_code == 200


def test_a_small_file_is_imported_on_the_page() -> None:
    client = member(OPERATOR)
    answer = upload(client, generic(3))
    job = ImportJob.objects.get()
    assert answer["Location"] == reverse("admin:secops_agent_importjob_change", args=[job.pk])
    shown = text_of(client.get(answer["Location"]))
    assert "告警 ¦ 3 ¦ 0 ¦ 0" in shown
    assert "格式 ¦ 毕方通用格式" in shown, "as people call it"
    assert (job.state, job.name, job.actor_via, Alert.objects.count()) == ("done", "导出.json", "admin", 3)
    refused = upload(client, b'{"what": "is this"}')
    assert "认不出" in text_of(refused)
    for link in ("formattable_add", "importjob_template"):
        args = ["findings_csv"] if link.endswith("template") else []
        assert f'href="{reverse(f"admin:secops_agent_{link}", args=args)}"' in refused.content.decode()
    assert "像是 generic" in text_of(upload(client, generic(1), format="trivy"))


def test_a_file_of_which_nothing_was_taken_says_so_in_the_history() -> None:
    client = member(OPERATOR)
    broken = json.dumps(
        {
            "format": "bifang",
            "version": 1,
            "source": "自研",
            "alerts": [{"severity": "low"}, {"severity": "high"}],
        }
    )
    shown = text_of(client.get(upload(client, broken.encode())["Location"]))
    assert "2 条记录一条也没有导入" in shown
    assert "alerts[0]" in shown
    assert ImportJob.objects.get().state == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("scope", Scope.values)
def test_the_sample_commands_of_a_token_fit_its_scope(scope: str) -> None:
    estate(1)
    page = new_token(member(Role.ADMIN), scopes=[scope]).content.decode()
    commands = [unescape(text) for text in re.findall(r"<code[^>]*data-sample[^>]*>([^<]+)</code>", page)]
    assert commands
    for command in commands:
        method, address, headers, body = read_curl(command)
        caller = Client(headers=headers)
        answer = caller.generic(method, address, body, content_type=headers.get("Content-Type", ""))
        # Of a proposal only the code is made up: nobody may be led to decide a real one.
        expected = 404 if "/proposals/" in address else 200
        assert answer.status_code == expected, (command, answer.content.decode())
    # The token itself beside them; for reading the address of /mcp/ too, for alerts those of the receivers.
    addresses = len(RECEIVERS) if scope == "ingest" else int(scope in ("read", "write"))
    assert page.count("data-copy=") == len(commands) + 1 + addresses
    assert len(commands) == page.count("data-sample")


def read_curl(command: str) -> tuple[str, str, dict[str, str], str]:
    """What curl would send."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words.pop(0) == "curl"
    headers, body, method, address = {}, "", "GET", ""
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body, method = words.pop(0), "POST"
        else:
            address = "/" + word.split("/", 3)[3]
    return method, address, headers, body


@pytest.mark.slow
def test_a_large_file_is_followed_to_its_end() -> None:
    client = member(OPERATOR)
    answer = upload(client, generic(9000))
    job = ImportJob.objects.get()
    page = reverse("admin:secops_agent_importjob_change", args=[job.pk])
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert 'data-job-open="1"' in client.get(page).content.decode()
    progress = reverse("admin:secops_agent_importjob_progress", args=[job.pk])
    assert client.get(progress).json() == {"percent": 0, "text": "排队中", "ended": False}
    runner.run_next_job()
    assert client.get(progress).json() == {"percent": 100, "text": "已完成", "ended": True}
    assert "9000" in text_of(client.get(page))
    assert client.get(reverse("admin:secops_agent_importjob_progress", args=[99])).status_code == 404


def test_an_auditor_looks_at_imports_only() -> None:
    client = member(AUDITOR)
    assert client.get(IMPORT).status_code == 403
    assert upload(client, packed(generic())).status_code == 403
    assert client.get("/admin/secops_agent/importjob/").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_template_can_be_imported_as_it_is(name: str) -> None:
    client = member(OPERATOR)
    given = client.get(reverse("admin:secops_agent_importjob_template", args=[name]))
    assert "attachment" in given["Content-Disposition"]
    assert given["Content-Type"].startswith("text/csv")
    assert given.content.startswith(b"\xef\xbb\xbf"), "Excel reads Chinese by this mark"
    answer = upload(client, given.content, format="assets_csv" if name == "assets" else "")
    if name == "assets":  # who its example owner is nobody here knows
        kept = re.search(r'name="kept" value="([^"]+)"', answer.content.decode())
        assert kept
        answer = client.post(IMPORT, {"kept": kept[1]})
    job = ImportJob.objects.get()
    assert (job.state, job.outcome["rejected"]) == ("done", [])
    assert sum(job.outcome["created"].values()) >= 1
    page = client.get(answer["Location"])
    assert "VEX 声明" not in text_of(page), "only what came"
    links = re.findall(r'class="bf-link" href="(/admin/[^"]+changelist|/[^"]+)">查看', page.content.decode())
    assert links
    assert all(client.get(unescape(link)).status_code == 200 for link in links)
    assert client.get("/admin/secops_agent/importjob/template/other/").status_code == 404


def test_the_history_names_the_token_and_gives_what_was_rejected_as_a_file() -> None:
    owner = member(Role.ADMIN)
    secret = next(word for word in text_of(new_token(owner)).split() if word.startswith("bf_"))
    good = {
        "status": "firing",
        "labels": {"alertname": "磁盘"},
        "startsAt": "2026-11-20T08:00:00Z",
        "fingerprint": "a",
    }
    body = {"version": "4", "status": "firing", "alerts": [good, {"status": "=1+1", "labels": {}}]}
    caller = Client(headers={"X-Api-Token": secret})
    assert (
        caller.post("/api/v1/ingest/alertmanager/", json.dumps(body), "application/json").status_code == 200
    )
    job = ImportJob.objects.get()
    listed = text_of(owner.get("/admin/secops_agent/importjob/"))
    assert "Alertmanager" in listed
    assert "1 条" in listed
    page = owner.get(reverse("admin:secops_agent_importjob_change", args=[job.pk]))
    assert "/alerts/?tab=all&amp;source=alertmanager" in page.content.decode()
    assert len(owner.get("/alerts/?tab=all&source=alertmanager").context["lines"]) == 1
    address = reverse("admin:secops_agent_importjob_rejected", args=[job.pk])
    assert address in page.content.decode()
    ImportJob.objects.update(outcome=job.outcome | {"rejected": [{"position": "=1+1", "reason": "@x"}]})
    lines = owner.get(address).content.decode("utf-8-sig").splitlines()
    assert lines == ["位置,原因", "'=1+1,'@x"]
    assert Client().get(address).status_code == 302
    assert with_role(Role.NONE, "none").get(address).status_code in (302, 403)


@pytest.mark.slow
@pytest.mark.parametrize("purpose", sorted(PURPOSES))
def test_a_purpose_fills_in_its_scopes_and_its_commands_come_first(purpose: str) -> None:
    client = member(Role.ADMIN)
    assert PURPOSES[purpose].title in text_of(client.get(ADD_TOKEN))
    form = client.get(ADD_TOKEN, {"for": purpose}).context["adminform"].form
    assert form.get_initial_for_field(form.fields["scopes"], "scopes") == list(PURPOSES[purpose].scopes)
    given = {
        "name": "某处",
        "scopes": list(PURPOSES[purpose].scopes),
        "rate": "60",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    made = client.post(f"{ADD_TOKEN}?for={purpose}", given)
    assert ("web-01" in made.content.decode()) is (purpose == "files")
    row = ApiToken.objects.get()
    again = client.get(reverse("admin:secops_agent_apitoken_change", args=[row.pk])).content.decode()
    assert "$BIFANG_TOKEN" in again
    assert "Bearer bf_" not in again


def test_an_estate_sample_is_taken_whole() -> None:
    client = member(Role.ADMIN)
    page = client.post(
        f"{ADD_TOKEN}?for=files", {"name": "CI", "scopes": ["ingest"], "rate": "60"}
    ).content.decode()
    [command] = [unescape(text) for text in re.findall(r"<code[^>]*data-sample[^>]*>([^<]+)</code>", page)]
    method, address, headers, body = read_curl(command)
    answer = Client(headers=headers).generic(method, address, body, content_type=headers["Content-Type"])
    assert (answer.status_code, answer.json()["rejected"]) == (200, [])
    assert answer.json()["created"]["finding"] == 1


def test_an_import_of_suppliers_statements_can_be_looked_at() -> None:
    client = member(OPERATOR)
    said = {"vulnerability": "CVE-2026-1001", "products": ["pkg:npm/left-pad@1.0"], "status": "fixed"}
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "ex-7",
        "author": "示例厂商",
        "timestamp": "2026-07-01T00:00:00Z",
    }
    answer = upload(client, json.dumps(document | {"statements": [said]}).encode())
    assert "VEX 声明 ¦ 1 ¦ 0 ¦ 0" in text_of(client.get(answer["Location"]))


def test_the_job_says_what_it_changed_of_an_asset_and_takes_it_back_from_there() -> None:
    client = member(Role.ADMIN)
    head = "主机名,IP,重要性,说明\n"
    upload(client, f"{head}web-01,10.0.0.5,高,官网前端一号机\n".encode(), format="assets_csv")
    row = Asset.objects.get()
    asked = upload(client, f"{head}web-01,10.0.0.77,核心,换过系统\n".encode(), format="assets_csv")
    assert "说明 官网前端一号机 → 换过系统" in text_of(asked), "before it is imported"
    words = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.content.decode()))
    done = client.post(IMPORT, words, follow=True)
    page = done.redirect_chain[-1][0]
    assert "重要性 高 → 核心" in text_of(done)
    entry = History.objects.get(entity="asset", action="import")
    assert f'name="entry" value="{entry.pk}"' in done.content.decode()
    taken = client.post(reverse("web:asset_take_back", args=[row.pk]), {"entry": entry.pk, "next": page})
    assert taken["Location"] == page
    row.refresh_from_db()
    assert (row.ips, row.importance, row.description) == (["10.0.0.5"], "high", "官网前端一号机")
