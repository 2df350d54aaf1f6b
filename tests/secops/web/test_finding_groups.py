"""Groups of findings: what a line says, what it opens to, and what is done to all of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from secops_agent.models import Asset, Finding, History, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.vulnerabilities import groups, resolutions
from tests.admin_pages import serve_plain_static, text_of
from tests.secops.inventory_aid import ACTOR, component, finding, flaw, host, queries, store

from .desk import at_desk

pytestmark = pytest.mark.django_db
LOG4J, SPRING = "CVE-2021-44228", "CVE-2022-22965"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def estate() -> None:
    """Log4j on three hosts, Spring on one of them, a rule that two break; web-0 is 王小五's."""
    store(flaw(LOG4J, kev=None), flaw(SPRING, severity="high", title="Spring4Shell"))
    for n in range(3):
        asset = host(f"web-{n}")
        part = component(asset)
        fixed = "2.17.1" if n else "2.9.0"
        more = {"kind": "vulnerability", "component": part, "severity": "critical", "fixed_version": fixed}
        store(part, finding(asset, "log4j", vulnerability=LOG4J, **more))
    store(finding(host("web-0"), "spring", kind="vulnerability", vulnerability=SPRING))
    store(finding(host("web-1"), "R1", severity="low"), finding(host("web-2"), "R1", severity="low"))
    owner = Staff.objects.create(staff_id="wang5", name="王小五", role=Role.ANALYST)
    Asset.objects.filter(name="web-0").update(owner=owner, importance="high")


def lines(client: Client, **query: Any) -> list[Any]:
    return client.get(reverse("web:findings"), query).context["lines"]


def actor_of(staff_id: str) -> Actor:
    return Actor.person(Staff.objects.get(staff_id=staff_id), "admin")


def opened(client: Client, line: Any) -> int:
    return len(client.get(reverse("web:findings") + line.url).context["lines"])


@pytest.mark.both_databases
def test_findings_of_one_vulnerability_owner_asset_or_fix_are_one_line_that_opens_to_them() -> None:
    client = at_desk(Role.VIEWER)
    estate()
    assert [(each.title, each.findings, each.assets, each.severity) for each in lines(client)] == [
        (LOG4J, 3, 3, "critical"), (SPRING, 1, 1, "high"), ("问题 R1", 2, 2, "low"),
    ]  # fmt: skip
    assert [(each.title, each.findings) for each in lines(client, by="fix")] == [
        ("log4j-core → 2.17.1", 3), ("还没有能更新到的版本", 3),
    ]  # fmt: skip
    assert [each.about for way in ("fix", "owner") for each in lines(client, by=way)][::2] == ["", ""]
    assert {each.title: each.findings for each in lines(client, by="asset")} == dict.fromkeys(
        ("web-0", "web-1", "web-2"), 2
    )
    assert {each.title: each.findings for each in lines(client, by="owner")} == {"王小五": 2, "没有负责人": 4}
    for way in groups.WAYS:
        for each in lines(client, by=way):
            assert opened(client, each) == each.findings, (way, each)
    assert [each.findings for each in lines(client, severity="critical")] == [3]
    assert [each.findings for each in lines(client, q=LOG4J.lower())] == [3], "their titles do not say it"
    assert [each.findings for each in lines(client, q="CVE-1999-0001")] == []


@pytest.mark.both_databases
def test_what_is_chosen_of_a_group_is_done_to_all_of_it() -> None:
    client = at_desk(Role.ANALYST)
    estate()
    first = lines(client)[0]
    mark = Finding.objects.latest("pk").pk
    posted = {"groups": [first.value], "list": "tab=open", "mark": mark}
    client.post(reverse("web:finding_decide"), {**posted, "give": "me"})
    mine = Finding.objects.filter(assignee__staff_id="lisi")
    assert set(mine.values_list("vulnerability__vuln_id", flat=True)) == {LOG4J}
    assert mine.count() == 3
    assert [each.title for each in lines(client, tab="mine")] == [LOG4J]
    assert {each.title: each.findings for each in lines(client, by="owner")} == {
        "人员lisi": 3,
        "王小五": 1,
        "没有负责人": 2,
    }
    assert History.objects.filter(entity="finding", action="assign").count() == 3
    wang = Staff.objects.get(staff_id="wang5")
    client.post(reverse("web:finding_decide"), {**posted, "give": "person", "person": wang.pk})
    assert Finding.objects.filter(assignee=wang).count() == 3
    day = timezone.localdate() + timedelta(days=30)
    accepted = {"decision": "accepted", "note": "内网", "until": day.isoformat()}
    client.post(reverse("web:finding_decide"), {**posted, **accepted})
    assert Finding.objects.filter(decision="accepted").count() == 3
    assert [each.title for each in lines(client)] == [SPRING, "问题 R1"]
    assert [each.due for each in lines(client, tab="decided")] == [f"接受到 {day}"]
    assert dict(parse_qsl(first.value)) == {"cve": LOG4J}


def test_decision_of_many_is_taken_back_within_ten_minutes_where_nobody_decided_again() -> None:
    client = at_desk(Role.ANALYST)
    estate()
    posted = {"groups": [lines(client)[0].value], "list": "tab=open", "mark": Finding.objects.latest("pk").pk}
    client.post(reverse("web:finding_decide"), {**posted, "decision": "in_progress"})
    day = timezone.localdate() + timedelta(days=30)
    accepted = {"decision": "accepted", "note": "内网", "until": day.isoformat()}
    client.post(reverse("web:finding_decide"), {**posted, **accepted})
    last = client.get(reverse("web:findings")).context["decided"]
    assert (len(last.findings), last.label) == (3, "接受风险")
    other, *mine = last.findings
    resolutions.settle(other, resolutions.Resolution("fixed", "补了"), ACTOR)
    said = client.post(reverse("web:finding_undo"), {"last": last.last, "list": "tab=open"}, follow=True)
    assert "2 条发现：已撤销刚才的决定" in text_of(said)
    assert "1 条没有变化：后来又被决定过，没有撤销" in text_of(said)
    rows = Finding.objects.filter(pk__in=mine)
    assert set(rows.values_list("decision", "until")) == {("in_progress", None)}
    assert Finding.objects.get(pk=other).decision == "fixed"
    assert client.get(reverse("web:findings")).context["decided"] is None, "once"
    resolutions.settle(mine[0], resolutions.Resolution("fixed"), actor_of("lisi"))
    assert client.get(reverse("web:findings")).context["decided"].findings == (mine[0],)
    History.objects.update(at=timezone.now() - timedelta(minutes=11))
    assert client.get(reverse("web:findings")).context["decided"] is None


def test_what_arrived_after_the_list_was_drawn_and_the_rest_of_the_list_are_left_alone() -> None:
    client = at_desk(Role.ANALYST)
    estate()
    value = lines(client, by="fix", severity="critical")[0].value
    mark = Finding.objects.filter(vulnerability__vuln_id=LOG4J).order_by("pk")[1].pk
    posted = {"groups": [value], "list": "by=fix&severity=critical", "mark": mark, "give": "me"}
    client.post(reverse("web:finding_decide"), posted)
    assert Finding.objects.filter(assignee__isnull=False).count() == 2
    for wrong in ({"groups": ["evidence__contains=a"]}, {"groups": ["cve=CVE-1"]}, {"groups": [""]}):
        client.post(reverse("web:finding_decide"), {**posted, "mark": 10**9, **wrong})
    client.post(reverse("web:finding_decide"), {**posted, "give": "person", "person": "99999"})
    assert Finding.objects.filter(assignee__isnull=False).count() == 2


def test_who_only_looks_gives_nothing_to_anybody() -> None:
    client = at_desk(Role.VIEWER)
    estate()
    row = Finding.objects.first()
    page = client.get(reverse("web:findings")).content.decode()
    assert "认领" not in page
    assert client.post(reverse("web:finding_decide"), {"ids": [row.pk], "give": "me"}).status_code == 403
    assert not Finding.objects.exclude(assignee=None).exists()


def test_groups_cost_the_same_however_many_there_are() -> None:
    client, costs = at_desk(Role.ANALYST), []
    for size in (2, 30):
        store(*(finding(host(f"h{n}"), f"R{n}") for n in range(size)))
        for way in groups.WAYS:
            with queries() as seen:
                lines(client, by=way)
            costs.append(len(seen))
    assert costs[:4] == costs[4:], costs
    assert max(costs) <= 20, costs
