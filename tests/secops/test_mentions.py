"""What the text of an alert names: found by every look-up, and nothing else than found."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from secops_agent.models import (
    Alert,
    AlertIndicator,
    AlertMention,
    IndicatorHit,
    IndicatorList,
    MentionBacklog,
    Role,
    Staff,
)
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries import mentioned
from secops_agent.services.alerts.related import related
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.intelligence.mentions import MOST, mentions
from secops_agent.services.records import Indicator, ListedRecord
from tests.admin_pages import serve_plain_static, text_of
from tests.secops.api.callers import with_token
from tests.secops.decisions_aid import company, propose, the
from tests.secops.demo_aid import use
from tests.secops.inventory_aid import alert, store
from tests.secops.web.test_approvals import as_staff

TEXT = (
    "命令从 45.83.64.1 下载 hxxp://files.evil-cdn[.]com/a.sh 并执行，回连 1.2.3[.]4:443。"
    "MD5 d41d8cd98f00b204e9800998ecf8427e，组件 log4j-core 2.14.1 在 main.py。"
)
NAMED = (
    "45.83.64.1",
    "1.2.3.4",
    "files.evil-cdn.com",
    "d41d8cd98f00b204e9800998ecf8427e",
    "http://files.evil-cdn.com/a.sh",
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, {*NAMED}),
        (
            "来源 203.0.113.9. 目标 2001:db8::1，端口 198.51.100.7:8080",
            {"203.0.113.9", "2001:db8::1", "198.51.100.7"},
        ),
        (
            "域名：c2.evil-site.xyz，备用 bad[.]sh 和 update.microsoft.com。",
            {"c2.evil-site.xyz", "bad.sh", "update.microsoft.com"},
        ),
        ("http://user:secret@198.51.100.9/x", {"198.51.100.9"}),
        ("版本 7.0.0.1 升级到 version 2.14.1.0，Chrome/120.0.6099.129", set()),
        (
            "org.apache.logging.log4j com.sun.jndi.ldap org.example.app java.net System.Net ASP.NET Microsoft.Office.Info",
            set(),
        ),
        (
            "run.sh main.py README.md libc.so.6 index.php web.config a.b.c.d os.system('id') evil.com(x)",
            set(),
        ),
        (
            "/tmp/evil.com C:\\x\\evil.com someone@evil.com 10.0.0.0/8 12:30:45 aa:bb:cc:dd:ee:ff 127.0.0.1",
            set(),
        ),
        ("0" * 64 + " 12345678901234567890123456789012", set()),
    ],
)
def test_text_is_read_carefully(text: str, found: set[str]) -> None:
    assert {value for _, value in mentions(text)} == found


def test_one_alert_has_a_bounded_number_of_them() -> None:
    assert len(mentions(" ".join(f"10.1.{part}.7" for part in range(250)))) == MOST


def _arrived(key: str = "k", text: str = TEXT, **more: Any) -> Alert:
    store(alert(key, description=text, **more))
    return Alert.objects.get(title=f"规则 {key}")


@pytest.mark.slow
@pytest.mark.both_databases
def test_look_up_api_approval_page_and_search_find_the_same(
    database: Any, settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    code = propose(company(), "zhao", arguments={"ip": "1.2.3.4"})
    Staff.objects.create(staff_id="manager01", name="张三", role=Role.ADMIN)
    row, api = _arrived(), with_token("read")
    assert f"A{row.pk}" in text_of(as_staff("wang").get(reverse("web:approval", args=[the(code).pk])))
    said = use("get_alert", alert_id=row.pk).text
    for value in NAMED:
        looked = use("lookup_indicator", value=value)
        assert looked.data["alerts"] == [row.pk]
        assert "其中 1 条只在标题或说明里提到" in looked.text
        answer = api.get("/api/v1/indicators/", {"value": value}).json()
        assert [each["id"] for each in answer["alerts"]] == [row.pk]
        assert [each.id for each in triage.search(AlertFilter(keyword=value, private=True)).items] == [row.pk]
        assert value in said


@pytest.mark.both_databases
def test_what_somebody_wrote_into_a_text_drives_nothing(database: Any) -> None:
    store(ListedRecord("清单", "ip", "45.83.64.1"))
    IndicatorList.objects.update(severity="critical")
    row = _arrived(severity="low")
    other = _arrived("other", "", indicators=(Indicator("ip", "45.83.64.1"),), severity="low")
    assert {each.alert_id for each in IndicatorHit.objects.all()} == {other.pk}
    row.refresh_from_db()
    assert (row.severity, AlertIndicator.objects.filter(alert=row).count()) == ("low", 0)
    assert [each.alert.pk for each in related(other, (), [("ip", "45.83.64.1")])[0]] == []


@pytest.mark.both_databases
def test_indicator_of_the_source_needs_no_second_row(database: Any) -> None:
    row = _arrived(indicators=(Indicator("ip", "45.83.64.1"),))
    assert not AlertMention.objects.filter(alert=row, value="45.83.64.1").exists()


@pytest.mark.both_databases
def test_older_alerts_are_read_piece_by_piece_wherever_it_stopped(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(*(alert(f"k{each}", description=f"回连 198.51.100.{each}") for each in range(1, 8)))
    rows = list(AlertMention.objects.order_by("alert_id").values_list("alert_id", "kind", "value"))
    AlertMention.objects.all().delete()
    MentionBacklog.objects.create(below=Alert.objects.order_by("-pk")[0].pk)
    monkeypatch.setattr(mentioned, "_PIECE", 3)
    assert mentioned.catch_up(seconds=0) == 0
    stale = MentionBacklog.objects.get()
    assert mentioned._read_piece(stale) == 3
    assert mentioned._read_piece(stale) == 0, "another process has read that piece"
    assert mentioned.freshness()[1]
    assert mentioned.catch_up() == 4
    assert list(AlertMention.objects.order_by("alert_id").values_list("alert_id", "kind", "value")) == rows
    assert not mentioned.freshness()[1]
