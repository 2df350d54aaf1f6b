"""One asset, one finding, one vulnerability: what the pages say, to whom, and what people do there."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from secops_agent.models import (
    Alert,
    Asset,
    AuditRecord,
    BlockRecord,
    Finding,
    History,
    Role,
    Staff,
    Vulnerability,
)
from secops_agent.services.assets import inventory
from secops_agent.services.cases import orders
from secops_agent.services.intake import ingest, merging
from secops_agent.services.records import AssetRecord, Cvss, Key, VexRecord
from tests.admin_pages import messages_of, serve_plain_static, text_of, unknown_action
from tests.secops.api.callers import SYSTEM, estate, host
from tests.secops.inventory_aid import alert, component, finding, flaw, store
from tests.secops.inventory_aid import host as machine

from .desk import at_desk

pytestmark = pytest.mark.django_db
WORM = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def decide(client: Client, *rows: Finding, **values: Any) -> Any:
    posted = {"ids": [row.pk for row in rows], "note": "因为", "list": "tab=open"} | values
    return client.post(reverse("web:finding_decide"), posted, follow=True)


def some(count: int = 3) -> list[Finding]:
    store(*(finding(machine(), f"R{number}") for number in range(count)))
    return list(Finding.objects.order_by("pk"))


def fields(client: Client, row: Asset) -> dict[str, str]:
    """What the browser sends back from the dialog."""
    shown = {
        "name": row.name, "asset_type": row.asset_type, "importance": row.importance, "environment": row.environment,
        "description": row.description, "owner": str(row.owner_id or ""), "tags": "，".join(row.tags),
        "ips": "，".join(row.ips),
    }  # fmt: skip
    html = client.get(reverse("web:asset", args=[row.pk])).content.decode()
    assert all(f'name="was_{name}"' in html for name in shown)
    return shown | {f"was_{name}": value for name, value in shown.items()}


@pytest.mark.slow
@pytest.mark.both_databases
def test_what_a_person_sets_on_an_asset_outlives_the_next_import() -> None:
    client = at_desk(Role.ANALYST)
    estate(1)
    row, owner = Asset.objects.get(), Staff.objects.get()
    values = fields(client, row) | {
        "owner": str(owner.pk),
        "importance": "critical",
        "tags": "电商, 支付，电商",
    }
    said = client.post(reverse("web:asset_change", args=[row.pk]), values, follow=True)
    assert "已保存" in messages_of(said)
    ingest.store([host(0)], SYSTEM)
    row.refresh_from_db()
    assert (row.owner, row.importance, row.tags) == (owner, "critical", ["电商", "支付"])
    assert set(row.locked) == {"owner", "importance", "tags"}, "what was not touched follows the sources"
    assert "重要性：— → 核心" in text_of(client.get(reverse("web:asset", args=[row.pk]), {"tab": "history"}))


def test_a_form_that_was_open_for_long_changes_only_what_was_touched() -> None:
    client = at_desk(Role.ANALYST)
    estate(1)
    row = Asset.objects.get()
    stale = fields(client, row)
    Asset.objects.update(environment="生产")
    client.post(reverse("web:asset_change", args=[row.pk]), stale | {"importance": "low"})
    row.refresh_from_db()
    assert (row.environment, row.importance) == ("生产", "low")


def test_an_asset_takes_no_value_that_it_cannot_have() -> None:
    client = at_desk(Role.ANALYST)
    estate(2)
    row, twin = Asset.objects.order_by("name")[:2]
    page = reverse("web:asset_change", args=[row.pk])
    for wrong in (
        {"importance": "huge"},
        {"asset_type": "castle"},
        {"owner": "99999"},
        {"owner": "x"},
        {"name": " "},
        {"name": twin.name.upper()},
    ):
        said = client.post(page, fields(client, row) | wrong, follow=True)
        assert "已保存" not in messages_of(said), wrong
    assert f"{twin.name}（" in messages_of(said), "which one has the name"
    assert not History.objects.filter(entity="asset", action="update").exists()
    assert client.post(reverse("web:asset_change", args=[2**62])).status_code in (302, 404)


def test_only_analysts_change_and_decide() -> None:
    estate(1)
    client, row = at_desk(Role.VIEWER), Finding.objects.filter(source="trivy").get()
    assert client.post(reverse("web:asset_change", args=[row.asset_id]), {"name": "x"}).status_code == 403
    assert decide(client, row, decision="in_progress").status_code == 403
    assert client.post(reverse("web:finding_comment", args=[row.pk]), {"note": "x"}).status_code == 403
    for page in ("web:finding", "web:asset"):
        html = client.get(
            reverse(page, args=[row.pk if page == "web:finding" else row.asset_id])
        ).content.decode()
        assert "<dialog" not in html.partition("<main")[2].partition("</main>")[0]
    Finding.objects.update(evidence="hunter2")
    assert "hunter2" not in client.get(reverse("web:finding", args=[row.pk])).content.decode()
    assert (
        "hunter2" in at_desk(Role.ANALYST, "wang").get(reverse("web:finding", args=[row.pk])).content.decode()
    )


def test_posts_need_the_token_of_the_page() -> None:
    estate(1)
    client = Client(enforce_csrf_checks=True)
    at_desk(Role.ANALYST)
    client.force_login(Staff.objects.get().user)
    row = Finding.objects.first()
    assert (
        client.post(reverse("web:finding_decide"), {"ids": row.pk, "decision": "affected"}).status_code == 403
    )
    assert client.post(reverse("web:asset_change", args=[row.asset_id]), {}).status_code == 403
    assert client.get(reverse("web:finding_decide")).status_code == 405


@pytest.mark.both_databases
def test_many_are_decided_at_once_with_a_reason_and_a_day() -> None:
    client, rows = at_desk(Role.ANALYST), some()
    day = timezone.localdate() + timedelta(days=30)
    for missing in (
        {"note": " "},
        {"until": ""},
        {"until": "2026-13-40"},
        {"until": str(timezone.localdate() - timedelta(days=1))},
        {"decision": ""},
    ):
        decide(client, *rows, **({"decision": "accepted", "until": str(day)} | missing))
        assert not Finding.objects.exclude(decision="").exists(), missing
    said = decide(client, *rows[:2], decision="accepted", until=str(day), note="下季度下线")
    assert "2 条发现：接受风险" in messages_of(said)
    row = Finding.objects.get(pk=rows[0].pk)
    assert (timezone.localtime(row.until).date(), row.active) == (day, False)
    assert (
        History.objects.filter(
            entity="finding", action="decide", note="下季度下线", actor_name="人员lisi"
        ).count()
        == 2
    )
    page = client.get(reverse("web:finding", args=[row.pk]))
    assert f"到 {day}" in text_of(page).replace(" ¦ ", " ")
    assert "1 条没有变化" in messages_of(
        decide(client, *rows[:1], rows[0], decision="accepted", until=str(day))
    )
    assert "1 条发现：撤回决定" in messages_of(decide(client, rows[0], decision="withdraw", note=""))


def test_all_that_match_are_decided_but_none_that_came_later() -> None:
    client, rows = at_desk(Role.ANALYST), some()
    mark = rows[-1].pk
    store(finding(machine(), "late"), finding(machine(), "other", severity="low"))
    decide(client, all="1", mark=mark, list="tab=open&severity=high", decision="affected", note="")
    assert set(Finding.objects.filter(decision="affected").values_list("pk", flat=True)) == {
        row.pk for row in rows
    }
    assert "没有选中" in messages_of(decide(client, all="1", mark="", decision="affected"))
    assert (
        client.post(reverse("web:finding_decide"), {"list": "evidence__contains=x", "ids": mark}).status_code
        == 400
    )


def test_too_many_are_not_decided_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    client, rows = at_desk(Role.ANALYST), some()
    monkeypatch.setattr("secops_agent.services.vulnerabilities.resolutions.MOST", 2)
    assert "一次最多" in messages_of(decide(client, *rows, decision="affected"))
    assert not Finding.objects.exclude(decision="").exists()


def test_a_vex_statement_needs_its_justification() -> None:
    client, (row, *_) = at_desk(Role.ANALYST), some()
    decide(client, row, decision="not_affected", justification="")
    assert not Finding.objects.exclude(decision="").exists()
    said = decide(client, row, decision="not_affected", justification="component_not_present", one=row.pk)
    assert said.redirect_chain[-1][0] == reverse("web:finding", args=[row.pk])
    assert "没有这个组件" in text_of(said)


def test_enter_in_the_note_adds_the_note_and_nothing_else() -> None:
    client, (row, *_) = at_desk(Role.ANALYST), some()
    before = Finding.objects.filter(pk=row.pk).values().get()
    html = client.get(reverse("web:finding", args=[row.pk])).content.decode()
    form = html[html.index(reverse("web:finding_comment", args=[row.pk])) :]
    assert form.index('type="submit"') < form.index("</form>")
    assert form[: form.index("</form>")].count('type="submit"') == 1
    client.post(reverse("web:finding_comment", args=[row.pk]), {"note": "看一下"})
    assert Finding.objects.filter(pk=row.pk).values().get() == before
    assert (newest := History.objects.order_by("-id")[0]).action == "comment"
    assert newest.note == "看一下"


@pytest.mark.both_databases
def test_a_vulnerability_says_how_urgent_it_is_for_us_and_why() -> None:
    client, asset = at_desk(Role.ANALYST), machine("pay-01", "203.0.114.7")
    found = component(asset)
    store(
        flaw(cvss=(Cvss("3.1", 10.0, WORM),), epss=0.94, references=("https://logging.apache.org/", "javascript:alert(1)"), aliases=("GHSA-jfh8-c2jp-5v3q",)),
        found, finding(asset, "log4j", kind="vulnerability", component=found, vulnerability="CVE-2021-44228"),
    )  # fmt: skip
    Asset.objects.update(importance="critical")
    row = Vulnerability.objects.get()
    page = client.get(reverse("web:vulnerability", args=[row.pk]))
    text = text_of(page)
    for expected in (
        "尽快处理",
        "EPSS 94.0%，达到 10%",
        "资产重要性「核心」",
        "网络（远程）",
        "pay-01 有公网地址 203.0.114.7",
        "GHSA-JFH8-C2JP-5V3Q",
    ):
        assert expected in text, expected
    html = page.content.decode()
    assert 'href="https://logging.apache.org/" target="_blank" rel="noopener noreferrer' in html
    assert 'href="javascript' not in html
    Vulnerability.objects.update(kev=True)
    assert "立即处理" in text_of(client.get(reverse("web:vulnerability", args=[row.pk])))
    assert "pay-01" in text_of(client.get(reverse("web:vulnerability_compared", args=[row.pk])))
    Vulnerability.objects.update(kev=False)
    decide(
        client,
        Finding.objects.first(),
        decision="not_affected",
        justification="inline_mitigations_already_exist",
        note="WAF 拦截",
    )
    text = text_of(client.get(reverse("web:vulnerability", args=[row.pk])))
    assert "inline_mitigations_already_exist" in text
    assert "protected_by_mitigating_control" in text
    assert "WAF 拦截" in text


def test_words_of_a_scanner_are_shown_as_words() -> None:
    client = at_desk(Role.ANALYST)
    evil = "<script>alert(1)</script>\u202e\u200bgpj"
    store(finding(machine("web-01"), "A", evidence=evil, description=evil, remediation=evil, location=evil))
    Finding.objects.update(title=evil, source="a" + evil[:30])
    Asset.objects.update(
        name=evil, owner_text=evil, description=evil, tags=[evil], environment="e" + evil[:20]
    )
    row = Finding.objects.get()
    for page in (
        reverse("web:findings"), reverse("web:finding", args=[row.pk]), reverse("web:assets"),
        *(f"{reverse('web:asset', args=[row.asset_id])}?tab={tab}" for tab in ("findings", "exposure", "history")),
    ):  # fmt: skip
        html = client.get(page).content.decode()
        assert "<script>alert" not in html, page
        body = html[: html.index("<dialog")] if "<dialog" in html else html
        assert "\u202e" not in body, page


def test_an_asset_page_has_its_tabs_for_those_who_may_see_them() -> None:
    client = at_desk(Role.VIEWER)
    estate(1)
    row = Asset.objects.get()
    for tab, expected in (
        ("alerts", "暴力破解"),
        ("findings", "CVE-2026-1000"),
        ("components", "openssl"),
        ("exposure", "没有对外的迹象"),
        ("history", "变更"),
    ):
        assert expected in text_of(client.get(reverse("web:asset", args=[row.pk]), {"tab": tab})), tab
    assert client.get(reverse("web:asset", args=[row.pk]), {"tab": "secrets"}).status_code == 400
    assert "/chat/?q=" in client.get(reverse("web:asset", args=[row.pk])).content.decode()


def test_pages_say_which_supplier_said_what_when_and_why() -> None:
    asset = machine()
    found = component(asset)
    store(
        flaw(),
        found,
        finding(asset, "log4j", kind="vulnerability", component=found, vulnerability="CVE-2021-44228"),
    )
    store(
        VexRecord(
            "CVE-2021-44228", "not_affected", "示例厂商<b>", "EX-7", timezone.now() - timedelta(days=3), version="2",
            product="pkg:maven/org.apache.logging.log4j/log4j-core", justification="component_not_present", note="没有启用",
        )
    )  # fmt: skip
    client, row = at_desk(Role.ANALYST), Finding.objects.get()
    for name, pk in (("web:finding", row.pk), ("web:vulnerability", row.vulnerability_id)):
        shown = client.get(reverse(name, args=[pk]))
        for word in ("供应商的声明（VEX）", "没有这个组件", "没有启用", "EX-7 第 2 版"):
            assert word in text_of(shown), name
        assert "示例厂商&lt;b&gt;" in shown.content.decode()


def test_an_address_that_two_machines_share_means_the_other_one_when_one_of_them_is_merged() -> None:
    store(machine("web-01", "10.0.0.1"), machine("web-02", "10.0.0.1"))
    gone, kept = Asset.objects.order_by("pk")
    client, page = at_desk(Role.ANALYST), reverse("web:asset", args=[gone.pk])
    assert f"（编号 {kept.pk}，同一个 IP 10.0.0.1）" in text_of(client.get(page))
    client.post(reverse("web:asset_merge", args=[gone.pk]), {"into": "10.0.0.1"})
    assert list(Asset.objects.values_list("name", flat=True)) == ["web-02"]


@pytest.mark.parametrize("most", [1000, 0])
def test_two_assets_of_one_name_are_merged_by_who_may_change_them(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MOST", most)  # more than that goes piece by piece
    twin = AssetRecord("application", "web-01", (Key("path", "web-01"),), source="trivy")
    store(finding(twin, "A"), component(twin), alert("k", assets=(twin,)), machine("db-01"))
    store(machine("web-01", "10.0.0.1"), finding(machine(), "B"))
    client, gone, kept = at_desk(Role.ANALYST), *Asset.objects.filter(name="web-01").order_by("pk")
    orders.create(list(Alert.objects.values_list("pk", flat=True)), SYSTEM, "web-01 被入侵")
    BlockRecord.objects.create(
        action=unknown_action(), kind="isolate_host", target="web-01", asset_id=gone.pk, since=timezone.now()
    )
    page, into = reverse("web:asset", args=[gone.pk]), reverse("web:asset_merge", args=[gone.pk])
    assert "告警 1、发现 1、组件 1、标识 1、事件 1、封禁和隔离 1" in text_of(client.get(page))
    assert f"看来是同一个： ¦ 主机 web-01 ¦ （编号 {kept.pk}，同名）" in text_of(client.get(page))
    assert at_desk(Role.VIEWER, "wang").post(into, {"into": kept.pk}).status_code == 403
    for wrong, said in ((gone.pk, "并入它自己"), ("没有的", "资产里没有"), ("", "资产里没有")):
        assert said in "".join(messages_of(client.post(into, {"into": wrong}, follow=True))), wrong
    assert Asset.objects.count() == 3
    done = client.post(into, {"into": kept.pk}, follow=True)
    assert "告警 1、发现 1、组件 1、标识 1、事件 1、封禁和隔离 1" in "".join(messages_of(done))
    assert done.redirect_chain[-1][0] == reverse("web:asset", args=[kept.pk]) == client.get(page).url
    assert (kept.findings.count(), kept.components.count(), kept.alert_links.count()) == (2, 1, 1)
    assert BlockRecord.objects.get().asset_id == kept.pk
    assert AuditRecord.objects.filter(subject=f"asset:{kept.pk}", actor_name="人员lisi").exists()
    store(finding(twin, "A"))
    assert Asset.objects.count() == 2, "the next scan finds what it was merged into"
    assert Finding.objects.count() == 2


def test_an_asset_of_another_corporation_is_not_merged(settings: Any) -> None:
    store(machine("web-01"), machine("web-02"))
    client, (one, other) = at_desk(Role.ANALYST), Asset.objects.order_by("pk")
    Staff.objects.update(corp_id="ours")
    Asset.objects.filter(pk=other.pk).update(
        owner=Staff.objects.create(staff_id="x", name="外", corp_id="theirs")
    )
    for gone, kept in ((one, other), (other, one)):
        done = client.post(reverse("web:asset_merge", args=[gone.pk]), {"into": kept.pk}, follow=True)
        assert "另一个企业" in "".join(messages_of(done))
    assert Asset.objects.count() == 2


def test_addresses_are_corrected_on_the_page_and_lead_to_the_asset() -> None:
    client = at_desk(Role.ANALYST)
    store(machine("web-01", "10.0.0.5"), machine("web-01", "10.0.0.77"))
    row = Asset.objects.get()
    page = reverse("web:asset_change", args=[row.pk])
    assert "不是 IP 地址" in messages_of(
        client.post(page, fields(client, row) | {"ips": "10.0.0"}, follow=True)
    )
    client.post(page, fields(client, row) | {"ips": "10.0.0.5, 10.0.0.6"})
    row.refresh_from_db()
    assert row.ips == ["10.0.0.5", "10.0.0.6"]
    store(machine("web-01", "10.0.0.77"))
    row.refresh_from_db()
    assert row.ips == ["10.0.0.5", "10.0.0.6"], "the next scan does not bring it back"
    assert inventory.find("10.0.0.77").asset is None
    assert inventory.require("10.0.0.6").id == row.pk


@pytest.mark.both_databases
def test_what_an_import_did_to_an_asset_is_taken_back_in_one_act_and_so_is_that() -> None:
    client = at_desk(Role.ANALYST)
    store(machine("web-01", "10.0.0.5", importance="high", description="官网前端一号机"))
    row = Asset.objects.get()
    store(machine("web-01", "10.0.0.77", importance="low", description="换过系统", tags=("scan",)))
    page, act = reverse("web:asset", args=[row.pk]), reverse("web:asset_take_back", args=[row.pk])
    entry = History.objects.get(entity="asset", action="import")
    shown = client.get(page, {"tab": "history"})
    assert "说明：官网前端一号机 → 换过系统" in text_of(shown)
    assert f'name="entry" value="{entry.pk}"' in shown.content.decode()
    inventory.update(row.pk, SYSTEM, importance="critical")
    said = messages_of(client.post(act, {"entry": entry.pk}, follow=True))
    assert "已收回" in said
    assert "重要性后来又改过" in said
    row.refresh_from_db()
    stood = (row.ips, row.description, row.tags, row.importance)
    assert stood == (["10.0.0.5"], "官网前端一号机", [], "critical")
    store(machine("web-01", "10.0.0.77", description="换过系统"))
    row.refresh_from_db()
    assert (row.ips, row.description) == (["10.0.0.5"], "官网前端一号机"), "nor does the next import"
    assert inventory.find("10.0.0.77").asset is None
    assert "没有可以收回的" in messages_of(client.post(act, {"entry": entry.pk}, follow=True))
    undone = History.objects.get(entity="asset", action="take_back")
    client.post(act, {"entry": undone.pk})
    row.refresh_from_db()
    assert (row.ips, row.description) == (["10.0.0.5", "10.0.0.77"], "换过系统")
    assert row.locked == ["importance"]
    assert inventory.require("10.0.0.77").id == row.pk
    assert at_desk(Role.VIEWER, "wang").post(act, {"entry": entry.pk}).status_code == 403


def test_what_a_scan_guesses_of_the_system_gives_way_to_what_is_known() -> None:
    store(machine("web-01", "10.0.0.5", description="操作系统：Linux 5.x"))
    store(machine("web-01", "10.0.0.5", description="官网前端一号机"))
    store(machine("web-01", "10.0.0.5", description="操作系统：Microsoft Windows Server 2012"))
    assert Asset.objects.get().description == "官网前端一号机"
    store(machine("db-01", "10.0.0.6"), machine("db-01", "10.0.0.6", description="操作系统：Linux 5.x"))
    assert Asset.objects.get(name="db-01").description == "操作系统：Linux 5.x"


def test_an_owner_who_was_deleted_since_is_not_put_back() -> None:
    client = at_desk(Role.ANALYST)
    gone, later = (Staff.objects.create(staff_id=name, name=name) for name in ("gone", "later"))
    store(machine("web-01", owner="gone"))
    store(machine("web-01", owner="later"))
    row, entry = Asset.objects.get(), History.objects.get(entity="asset", action="import")
    assert row.owner == later
    gone.delete()
    said = client.post(reverse("web:asset_take_back", args=[row.pk]), {"entry": entry.pk}, follow=True)
    assert "已收回" in messages_of(said)
    row.refresh_from_db()
    assert (row.owner, row.owner_text) == (None, "gone")
