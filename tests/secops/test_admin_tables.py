"""接入 on the page and in the chat: a sample becomes a table, a person corrects it, an administrator switches it on."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.models import Alert, FormatTable, Role
from tests.admin_pages import member, messages_of, serve_plain_static, text_of
from tests.secops.decisions_aid import company
from tests.secops.importers.test_table_drafts import SAMPLES, rows
from tests.secops.importers.test_tables import WAF
from tests.secops.test_chat_files import PRIVATE, Sent, talk

pytestmark = pytest.mark.django_db
LIST, ADD = "/admin/secops_agent/formattable/", "/admin/secops_agent/formattable/add/"
SAMPLE = SAMPLES["list"][0]


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def drafted(client: Client, data: str = SAMPLE, name: str = "waf.json") -> tuple[str, dict[str, str]]:
    """The page of the draft, and what its form would send."""
    sent = client.post(ADD, {"file": SimpleUploadedFile(name, data.encode())}, follow=True)
    page = unescape(sent.content.decode())
    values = dict(re.findall(r'<select name="([\w-]+)".*?<option value="([\w]*)" selected>', page, re.S))
    values |= dict(re.findall(r'name="(sample|format)" value="([^"]*)"', page))
    return page, values


def test_sample_becomes_a_table_that_an_administrator_switches_on() -> None:
    approver = member(Role.APPROVER)
    page, values = drafted(approver)
    assert "看了 12 条" in page
    assert "SQL注入攻击" in page  # its values
    assert "标题 ← waf_rule = SQL注入攻击" in page  # what would come of it
    assert "没有取用（字段表里没有）" in page  # what stays
    assert "s3cr3t" not in page
    shown = text_of(
        approver.post(
            ADD, values | {"act": "check", "name": "某某 WAF", "field-0": "rule", "field-6": "title"}
        )
    )
    assert "规则 ← waf_rule" in shown
    saved = approver.post(ADD, values | {"act": "save", "name": "某某 WAF", "ident": "acme_waf"})
    row = FormatTable.objects.get()
    assert saved.url == f"{LIST}{row.pk}/change/"
    assert (row.name, row.title, row.enabled, row.version) == ("acme_waf", "某某 WAF", False, 1)
    assert "需要「管理」角色" in text_of(approver.get(saved.url))
    refused = approver.post(f"{LIST}{row.pk}/act/", {"act": "on"}, follow=True)
    assert "启用接入需要「管理」角色" in "".join(messages_of(refused))
    assert registry.detect(Source.from_bytes(SAMPLE.encode())) != "acme_waf"
    admin = member(Role.ADMIN)
    admin.post(f"{LIST}{row.pk}/act/", {"act": "on"})
    assert registry.detect(Source.from_bytes(SAMPLE.encode())) == "acme_waf"
    upload = {
        "file": SimpleUploadedFile("waf.json", SAMPLE.encode()),
        "format": "",
        "source": "",
        "asset": "",
        "asset_type": "host",
    }
    admin.post("/admin/secops_agent/importjob/add/", upload)
    assert set(Alert.objects.values_list("source", flat=True)) == {"acme_waf"}
    admin.post(f"{LIST}{row.pk}/act/", {"act": "delete"})
    assert registry.detect(Source.from_bytes(SAMPLE.encode())) != "acme_waf"
    assert Alert.objects.exists()


def test_file_of_toml_is_a_version_and_comes_out_as_it_was() -> None:
    admin = member(Role.ADMIN)
    admin.post(ADD, {"file": SimpleUploadedFile("some.toml", WAF.encode())})
    row = FormatTable.objects.get()
    assert admin.get(f"{LIST}{row.pk}/export/").content.decode() == WAF == row.text
    changed = WAF.replace("某某", "另一个")
    admin.post(f"{LIST}{row.pk}/act/", {"act": "save", "text": changed.replace("\n", "\r\n")})
    assert list(FormatTable.objects.order_by("pk").values_list("version", "title")) == [
        (1, "某某WAF"),
        (2, "另一个WAF"),
    ]
    wrong = admin.post(
        f"{LIST}{row.pk}/act/", {"act": "save", "text": WAF.replace("title =", "titel =")}, follow=True
    )
    assert "「fields.titel」：不认识这一项" in "".join(messages_of(wrong))
    assert "某某WAF" in text_of(admin.get(LIST))


def test_who_may_not_write_one_sees_no_sample() -> None:
    approver, analyst = member(Role.APPROVER), member(Role.ANALYST)
    _, values = drafted(approver)
    assert analyst.get(ADD, {"sample": values["sample"]}).status_code == 403
    assert analyst.get(LIST).status_code == 200
    other = member(Role.ADMIN)
    assert "样例已经不在了" in text_of(other.get(ADD, {"sample": values["sample"]}))  # it is its sender's
    assert "样例已经不在了" in text_of(approver.get(ADD, {"sample": values["sample"] + "x"}))


def test_unknown_sample_of_a_known_format_says_so_and_none_is_refused() -> None:
    approver = member(Role.APPROVER)
    known = json.dumps(
        [
            {
                **each,
                "event_id": "1",
                "attack_type": "x",
                "risk_level": "high",
                "src_ip": "203.0.113.9",
                "urlpath": "/",
            }
            for each in rows()
        ]
    )
    assert "已经认得出：safeline" in drafted(approver, known)[0]
    assert "看不出样例是怎样写的" in text_of(
        approver.post(ADD, {"file": SimpleUploadedFile("a.txt", b"hello")}, follow=True)
    )


@pytest.mark.parametrize(("who", "offered"), [("wang", True), ("li", False)])
def test_file_that_no_format_takes_is_offered_as_a_table(who: str, offered: bool, settings: Any) -> None:
    settings.PUBLIC_URL = "https://bifang.example.com"
    config = company()
    log = SAMPLES["pipes"][0].replace("<134>", "")
    [told] = talk(config, (who, Sent("ids.log", log)), **PRIVATE)
    found = re.search(r"\[照它写一个接入\]\(https://bifang\.example\.com(\S+?)\)", told)
    assert bool(found) is offered, told
    if found:
        assert "标题" in told
        page = unescape(member(Role.APPROVER).get(found[1]).content.decode())
        assert "「ids.log」：看了 6 条" in page
        assert "端口扫描" in page
