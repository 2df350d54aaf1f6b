"""What people decide about findings: until when, why, for many; and what ends by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Finding, History
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Conflict
from secops_agent.services.operations.periodic import OWN_JOBS
from secops_agent.services.vulnerabilities import findings, resolutions
from secops_agent.services.vulnerabilities.catalogue import affected_assets
from secops_agent.services.vulnerabilities.openvex import vex
from secops_agent.services.vulnerabilities.resolutions import Resolution
from tests.admin_pages import serve_plain_static

from .api.callers import with_token
from .inventory_aid import component, finding, flaw, host, later, person, store

pytestmark = pytest.mark.both_databases


def some(*rules: str) -> list[Finding]:
    store(*(finding(host(), rule) for rule in rules))
    return list(Finding.objects.order_by("rule_id"))


def someone() -> Actor:
    return Actor.person(person(), "dingtalk")


def test_a_risk_is_accepted_until_a_day_and_then_open_again(database):
    (row,) = some("A")
    until = timezone.now() + timedelta(days=30)
    findings.decide(row.pk, "accepted", someone(), "下季度下线", until=until)
    row.refresh_from_db()
    assert (row.active, row.until, row.decided_at is not None) == (False, until, True)
    assert resolutions.expire() == 0
    Finding.objects.update(until=timezone.now() - timedelta(minutes=1))
    assert resolutions.expire() == 1
    row.refresh_from_db()
    assert (row.decision, row.until, row.decided_at, row.active) == ("", None, None, True)
    told = findings.get(row.pk).history[0]
    assert (told.action, told.actor, told.changes["decision"]) == ("expire", "系统", ("accepted", ""))
    assert "到" in told.note
    assert resolutions.expire() == 0
    assert resolutions.JOB in [function for function, _, _ in OWN_JOBS]


def test_what_was_fixed_but_is_seen_again_is_open_again(database):
    row, other = some("A", "B")
    actor = someone()
    for each in (row, other):
        findings.decide(each.pk, "fixed", actor, "已升级")
    assert resolutions.expire() == 0
    store(finding(host(), "A"), at=timezone.now() + timedelta(hours=1))
    assert resolutions.expire() == 1
    assert list(Finding.objects.order_by("rule_id").values_list("decision", "active")) == [
        ("", True),
        ("fixed", False),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        Resolution("nonsense"), Resolution("not_affected"), Resolution("not_affected", justification="because"),
        Resolution("affected", justification="component_not_present"), Resolution("fixed", until=timezone.now() + timedelta(days=2)),
        Resolution("accepted", until=timezone.now() - timedelta(days=1)), Resolution("accepted", until=timezone.now() + timedelta(days=400)),
    ],
)  # fmt: skip
def test_a_decision_that_says_too_little_is_refused(database, wrong):
    (row,) = some("A")
    with pytest.raises(InvalidInput):
        resolutions.settle(row.pk, wrong, Actor.system("test"))
    with pytest.raises(InvalidInput):
        resolutions.settle_many([row.pk], wrong, Actor.system("test"))
    assert not History.objects.filter(action="decide").exists()


def test_many_are_decided_and_the_others_counted_by_reason(database):
    rows, actor = some("A", "B", "C"), someone()
    findings.decide(rows[0].pk, "in_progress", actor)
    done = resolutions.settle_many(
        [*(row.pk for row in rows), 99999], Resolution("in_progress", "升级中"), actor
    )
    assert (done.done, sorted(done.refused.values())) == (2, [1, 1])
    assert not any("99999" in reason for reason in done.refused)
    assert set(Finding.objects.values_list("decision", "active")) == {("in_progress", True)}
    with pytest.raises(InvalidInput):
        resolutions.settle_many(range(1, resolutions.MOST + 2), Resolution(""), actor)


def test_the_same_decision_with_another_day_is_a_change(database):
    (row,), actor = some("A"), someone()
    first, second = (timezone.now() + timedelta(days=days) for days in (10, 20))
    findings.decide(row.pk, "accepted", actor, until=first)
    with pytest.raises(Conflict):
        findings.decide(row.pk, "accepted", actor, until=first)
    findings.decide(row.pk, "accepted", actor, until=second)
    assert list(findings.get(row.pk).history[0].changes) == ["until"]


def test_not_affected_is_an_answer_and_a_statement_in_the_words_of_others(database):
    asset = host()
    found = component(asset)
    store(
        flaw(),
        found,
        finding(asset, "log4j", kind="vulnerability", component=found, vulnerability="CVE-2021-44228"),
    )
    row = Finding.objects.get(source="trivy")
    findings.decide(
        row.pk,
        "not_affected",
        someone(),
        "没有开启 JNDI",
        justification="vulnerable_code_not_in_execute_path",
    )
    exposure = affected_assets("CVE-2021-44228")
    assert [each.reason for each in exposure.unaffected] == ["已判定为不受影响"]
    assert not exposure.affected
    (said,) = vex.statements(row.vulnerability)
    assert (said.openvex, said.cyclonedx) == (
        "not_affected / vulnerable_code_not_in_execute_path", "not_affected / code_not_reachable",
    )  # fmt: skip
    assert (said.by, said.note) == ("李四", "没有开启 JNDI")
    assert set(vex.STATES) == {value for value, _ in Finding._meta.get_field("decision").choices}
    assert set(vex.JUSTIFICATIONS) == {value for value, _ in Finding._meta.get_field("justification").choices}


def test_an_import_leaves_the_whole_decision_alone(database):
    (row,) = some("A")
    until = timezone.now() + timedelta(days=9)
    findings.decide(row.pk, "accepted", someone(), until=until)
    store(finding(host(), "A", severity="critical"), at=later(days=1))
    row.refresh_from_db()
    assert (row.decision, row.until, row.active, row.severity) == ("accepted", until, False, "critical")


def test_the_api_decides_as_the_pages_do(database, settings, tmp_path):
    serve_plain_static(settings, tmp_path)
    (row,), program = some("A"), with_token()
    until = (timezone.now() + timedelta(days=30)).isoformat()
    address = f"/api/v1/findings/{row.pk}/decision/"
    for body, status in (
        ({"decision": "not_affected"}, 400), ({"decision": "fixed", "until": until}, 400),
        ({"decision": "not_affected", "justification": "component_not_present"}, 200), ({"decision": "accepted", "until": until}, 200),
    ):  # fmt: skip
        assert program.post(address, body, "application/json").status_code == status, body
    answer = program.get(f"/api/v1/findings/{row.pk}/").json()
    assert (answer["decision"], answer["justification"], answer["until"] is not None) == (
        "accepted",
        "",
        True,
    )
