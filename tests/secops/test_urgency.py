"""Which alert is worst: what got through before what was stopped, a chain before a single one, whatever the level says."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import Focus
from secops_agent.models import Alert, AlertAsset, Asset, Case, CaseStatus, Role, Staff
from secops_agent.models.choices import AlertStatus, Importance, Outcome, Severity
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries.urgency import URGENT, most_urgent, reasons
from secops_agent.services.notifications.delivery.wording import group_text
from secops_agent.services.outcomes import outcome_of, outcome_told
from secops_agent.services.people.staff import Person
from secops_agent.tools.definitions import Asker
from secops_agent.tools.estate.assets import GetAsset, get_asset
from secops_agent.tools.incidents.alert_lists import ListAlerts, list_alerts
from secops_agent.tools.incidents.alerts import GetAlert, alert_line, get_alert
from tests.admin_pages import serve_plain_static, text_of
from tests.databases import Database
from tests.secops.demo_aid import Proposals
from tests.secops.inventory_aid import alert, host, store
from tests.secops.offline_lexicon import understand
from tests.secops.syslog.lines_aid import alert as syslog_alert
from tests.secops.web.desk import arrived, at_desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.mark.parametrize(
    ("title", "action", "outcome"),
    [
        ("app-01 Log4j JNDI 注入尝试", "", "attempted"),
        ("Log4j JNDI 注入尝试成功", "", "succeeded"),
        ("file-01 勒索病毒行为：批量加密文件", "", "succeeded"),
        ("勒索软件下载尝试", "", "attempted"),
        ("勒索病毒已拦截", "", "blocked"),
        ("HIDS：SSH 暴力破解后登录成功", "", "succeeded"),
        ("HIDS：SSH 暴力破解", "", "attempted"),
        ("Connection DENY tcp", "", "blocked"),
        ("SQL 注入未拦截", "", "passed"),
        ("SQL 注入", "Denied", "blocked"),
        ("SQL 注入", "allowed", "passed"),
        ("Log4j 注入尝试", "allowed", "passed"),
        ("数据外传", "blocked", "blocked"),
        ("用户「blocked」登录成功", "", "succeeded"),
        ("异地登录，用户 'DENY'", "", ""),
        ("blockchain 挖矿", "", ""),
        ("CPU 使用率过高", "", ""),
    ],
)
def test_outcome_is_read_from_the_action_and_else_from_the_words(
    title: str, action: str, outcome: str
) -> None:
    assert outcome_of(title, action) == outcome


def test_what_was_stopped_comes_last_and_a_chain_first() -> None:
    core = host("core-01", "10.0.0.9", importance="critical")
    (stopped,) = arrived(
        "a", severity="critical", title="DENY tcp", action="DENY", due_in_hours=-5, assets=(core,), count=500
    )
    (tried,) = arrived("b", severity="critical", title="Log4j 注入尝试", due_in_hours=-300, assets=(core,))
    (low,) = arrived("c", severity="low", title="异地登录")
    (single,) = arrived("d", severity="critical", title="批量加密文件", assets=(host("pc-1", "10.0.0.7"),))
    crypt, leak = arrived("e", "f", severity="critical", assets=(host("file-01", "10.0.0.8"),))
    Alert.objects.filter(pk=crypt.pk).update(rule_name="勒索", outcome="succeeded", count=349)
    Alert.objects.filter(pk=leak.pk).update(rule_name="外传", outcome="succeeded")
    shown = [row.pk for row in most_urgent(Alert.objects.all())]
    assert shown[:3] == [crypt.pk, leak.pk, single.pk]
    assert shown[3:] == [tried.pk, low.pk, stopped.pk]
    why = reasons(shown)
    assert "同一资产 24 小时内几种高危告警 8" in why[crypt.pk]
    assert "几种" not in why[single.pk]
    assert "已拦截 −40" in why[stopped.pk]
    Alert.objects.filter(pk=leak.pk).update(outcome="blocked")
    assert "几种" not in reasons([crypt.pk])[crypt.pk], "what was blocked is no part of a chain"
    Alert.objects.filter(pk=crypt.pk).update(status="closed")
    assert reasons([crypt.pk]) == {crypt.pk: ""}


def test_an_event_of_a_firewall_tells_from_where_to_where_and_what_was_done() -> None:
    event = "CEF:0|Acme|FW|1.0|100|Port 445|8|src=203.0.113.9 dst=10.0.0.8 act={}"
    store(syslog_alert(event.format("DENY")))
    row = Alert.objects.get()
    assert (row.way, row.outcome) == ("203.0.113.9 → 10.0.0.8", "blocked")
    assert "- 方向：203.0.113.9 → 10.0.0.8，已拦截" in group_text([row], ["10.0.0.8"])
    assert "203.0.113.9 → 10.0.0.8，已拦截" in text_of(
        at_desk(Role.VIEWER).get(reverse("web:alert", args=[row.pk]))
    )
    line = alert_line(
        triage.get(row.pk).summary,
        Asker(Person("corp", "x", "某人", Role.ANALYST), False, timezone.localtime(), Proposals()),
    )
    assert "203.0.113.9 → 10.0.0.8，已拦截" in line
    store(syslog_alert(event.format("Allow") + " end=1764600000000"))
    row.refresh_from_db()
    assert (row.count, row.outcome) == (2, "passed"), "once is enough"


def test_an_event_of_json_and_of_suricata_tell_it_too() -> None:
    eve = {
        "timestamp": "2026-11-26T11:59:00+0800", "event_type": "alert", "src_ip": "203.0.113.7", "dest_ip": "10.0.0.9",
        "flow_id": 1, "alert": {"signature_id": 2001, "signature": "ET X", "severity": 1, "action": "blocked"},
    }  # fmt: skip
    store(syslog_alert(json.dumps(eve)))
    threat = {
        "alert_name": "Malware",
        "severity": "high",
        "src_ip": "10.0.0.4",
        "dst_ip": "203.0.113.5",
        "action": "deny",
    }
    store(syslog_alert(json.dumps(threat)))
    assert list(Alert.objects.order_by("pk").values_list("way", "outcome")) == [
        ("203.0.113.7 → 10.0.0.9", "blocked"), ("10.0.0.4 → 203.0.113.5", "blocked"),
    ]  # fmt: skip


def test_a_silence_is_of_the_rule_where_the_rule_is_what_is_noisy() -> None:
    client = at_desk(Role.RESPONDER)
    (single,) = arrived("a")
    noisy, _ = arrived("b", "c", rule_name="扫描")
    for row, of_rule in ((single, False), (noisy, True)):
        page = client.get(reverse("web:alert", args=[row.pk])).content.decode()
        assert ('<option value="rule" selected>' in page) is of_rule
        assert '<option value="rule"' in page


def test_words_of_a_title_alone_put_no_alert_behind_the_others() -> None:
    assert outcome_told("", "sshd: user DENY blocked 拦截 from 203.0.113.9") == "attempted"
    assert outcome_told("WAF：SQL 注入（已拦截）", "x") == "blocked"
    assert outcome_told("", "x", "DENY") == "blocked"


def test_a_way_longer_than_its_column_is_cut() -> None:
    store(alert(way=("a" * 90, "b" * 90)))
    assert Alert.objects.get().way == f"{'a' * 90} → {'b' * 7}"


def _random_estate(dice: Random) -> None:
    """120 alerts in every state on 8 assets, many of them equal in nearly everything."""
    now, people = timezone.now(), [Staff.objects.create(staff_id=name, name=name) for name in ("a", "b")]
    assets = Asset.objects.bulk_create(
        Asset(asset_type="host", name=f"h{number}", importance=dice.choice(Importance.values), first_seen=now, last_seen=now)
        for number in range(8)
    )  # fmt: skip
    cases = [
        Case.objects.create(title="x", status=status, owner=owner, created_at=now)
        for status in CaseStatus.values for owner in (None, people[0])
    ]  # fmt: skip
    rows = []
    for number in range(120):
        seen = now - timedelta(hours=dice.choice((1, 2, 30, 300)))
        rows.append(Alert(
            identity=f"{number:032x}", source="x", title="x", rule_name=f"规则 {dice.randrange(3)}", first_seen=seen, last_seen=seen,
            created_at=seen, severity=dice.choice(Severity.values[:3]), outcome=dice.choice(["", *Outcome.values]),
            status=dice.choice(AlertStatus.values), count=dice.choice((1, 99, 100)), assignee=dice.choice((None, None, people[1])),
            case=dice.choice((None, *cases)), due_at=dice.choice((None, now - timedelta(hours=1), now + timedelta(hours=1))),
        ))  # fmt: skip
    for row in Alert.objects.bulk_create(rows):
        for asset in dice.sample(assets, dice.randrange(3)):
            AlertAsset.objects.create(alert=row, asset=asset)


def _plainly(now: datetime) -> list[int]:
    """The order as the rules say it, one alert after the other."""
    rows = {row.pk: row for row in Alert.objects.select_related("case")}
    on: dict[int, list[Asset]] = {pk: [] for pk in rows}
    for link in AlertAsset.objects.select_related("asset"):
        on[link.alert_id].append(link.asset)
    late = {
        pk for pk, row in rows.items()
        if row.severity in ("critical", "high") and row.status != "closed" and row.outcome != "blocked"
        and row.last_seen >= now - timedelta(days=1)
    }  # fmt: skip
    rules: dict[int, set[str]] = {}
    for pk in late:
        for asset in on[pk]:
            rules.setdefault(asset.pk, set()).add(rows[pk].rule_name)

    def points(row: Alert) -> int:
        found = {"critical": 40, "high": 30, "medium": 20, "low": 10, "info": 0}[row.severity]
        found += {"": 0, "succeeded": 15, "passed": 5, "attempted": -8, "blocked": -40}[row.outcome]
        found += 8 * (row.pk in late and any(len(rules[asset.pk]) > 1 for asset in on[row.pk]))
        found += 6 * (row.last_seen >= now - timedelta(days=1))
        found += max(({"critical": 5, "high": 2}.get(asset.importance, 0) for asset in on[row.pk]), default=0)
        found += 3 * (row.status == "open" and row.handler is None)
        found += 2 * (row.status != "closed" and row.due_at is not None and row.due_at <= now)
        return found + 2 * (row.count >= 100)

    ordered = sorted(rows.values(), key=lambda row: (points(row), row.last_seen, row.pk), reverse=True)
    return [row.pk for row in ordered]


@pytest.mark.both_databases
@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_that_of_the_points(database: Database, seed: int) -> None:
    dice = Random(seed)
    _random_estate(dice)
    plain = _plainly(timezone.now())
    assert [row.pk for row in most_urgent(Alert.objects.all())] == plain
    for most in (1, 7, 50, 120, 200):
        assert [row.pk for row in most_urgent(Alert.objects.all())[:most]] == plain[:most]
    told = reasons(plain)
    assert len({told[pk] for pk in plain}) > 30


def test_of_two_with_as_many_points_the_answer_says_why_one_is_first() -> None:
    older, newer = arrived("a", "b", severity="critical")
    shown = list_alerts(asker(), ListAlerts(urgent=True, limit=1)).text
    assert f"最要紧的是 A{newer.pk}" in shown
    assert f"与 A{older.pk} 同分，最近发生的在前" in shown
    assert "同分的最近发生的在前，再同的编号大的在前" in URGENT
    Alert.objects.filter(pk=older.pk).update(severity="low")
    assert "同分" not in list_alerts(asker(), ListAlerts(urgent=True, limit=1)).text


def test_whether_it_is_grave_is_told_first_by_the_points() -> None:
    crypt, low, shut = arrived("a", "b", "c", severity="critical", assets=(host("web-01", "10.0.0.5"),))
    Alert.objects.filter(pk=low.pk).update(severity="low")
    Alert.objects.filter(pk=shut.pk).update(status="closed", verdict="benign")
    assert about_it(crypt.pk).startswith(f"**A{crypt.pk} 严重（40 分起算严重）：")
    assert about_it(low.pk).startswith(f"**A{low.pk} 不算严重（40 分起算严重）：")
    assert about_it(shut.pk).startswith(f"**A{shut.pk} 已经关闭（")
    asset = get_asset(asker(), GetAsset(asset="web-01", about="gravity")).text
    assert asset.startswith("**web-01 严重（40 分起算严重）：")
    assert f"最要紧的 A{crypt.pk} " in asset.splitlines()[0]
    Alert.objects.update(status="closed")
    assert get_asset(asker(), GetAsset(asset="web-01", about="gravity")).text.startswith(
        "**web-01 不算严重**"
    )


def about_it(pk: int) -> str:
    return get_alert(asker(), GetAlert(alert_id=pk, about="gravity")).text


def asker() -> Asker:
    return Asker(Person("corp", "x", "某人", Role.ANALYST), False, timezone.localtime(), Proposals())


@pytest.mark.parametrize(
    ("text", "tool", "wanted"),
    [
        ("A302 严重吗", "get_alert", {"alert_id": 302, "about": "gravity"}),
        ("A302 严不严重", "get_alert", {"alert_id": 302, "about": "gravity"}),
        ("A302 有多严重？", "get_alert", {"alert_id": 302, "about": "gravity"}),
        ("web-01 危险吗", "get_asset", {"asset": "web-01", "about": "gravity"}),
        ("CVE-2021-44228 严重吗", "lookup_cve", {"cve_id": "CVE-2021-44228"}),
        ("A302 谁被叫了", "get_alert", {"alert_id": 302, "about": "calling"}),
        ("A302 还会叫人吗", "get_alert", {"alert_id": 302, "about": "calling"}),
        ("现在在叫谁", "who_is_on_call", {"about": "calling"}),
        ("A302 的哈希别的机器有吗", "get_alert", {"alert_id": 302, "about": "elsewhere"}),
        (f"{'a1' * 32} 还在哪些机器上", "lookup_indicator", {"value": "a1" * 32}),
    ],
)
def test_what_is_asked_of_one_thing_is_answered_first(text: str, tool: str, wanted: dict[str, Any]) -> None:
    found = understand(text)
    assert (found.intent, found.unused) == (Intent(tool, wanted), ())


def test_this_hash_is_of_the_alert_that_was_spoken_of() -> None:
    focus = (
        Focus()
        .after_words({"alert": ("302",)})
        .after_look_up(Intent("get_alert", {"alert_id": 302}), ["alert"])
    )
    for text in ("这个哈希别的机器有吗", "别的机器有这个样本吗"):
        assert understand(text, focus=focus).intent == Intent(
            "get_alert", {"alert_id": 302, "about": "elsewhere"}
        )
    assert understand("叫了谁", focus=focus).intent == Intent(
        "get_alert", {"alert_id": 302, "about": "calling"}
    )
