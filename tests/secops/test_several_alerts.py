"""What is done to one alert or to several in one call; levels and owners that a person sets, and that imports leave alone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.agent.turn.toolbox import execute
from secops_agent.models import (
    Alert,
    Asset,
    AuditRecord,
    Case,
    History,
    Proposal,
    Silence,
    Staff,
    TriageBatch,
)
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.cases import orders
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.people.staff import find_person
from secops_agent.tools.arguments import parse
from secops_agent.tools.registry import BY_NAME
from tests.secops.decisions_aid import GROUP, company, talk
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db
CODE = re.compile(r"[A-Z][A-Z2-9]{5}")
NOW = timezone.now()


def alerts(number: int, **more: Any) -> list[int]:
    made = store(*(alert(f"k{n}", at=NOW, **more) for n in range(number)), at=NOW)
    return sorted(made.created_ids["alert"])


def plan(name: str, who: str = "li", **given: Any) -> Any:
    definition = BY_NAME[name]
    assert definition.check is not None
    return definition.check(parse(definition.arguments, given), find_person("corp", who))


def done(name: str, who: str = "li", **given: Any) -> str:
    actor = Actor.person(Staff.objects.get(staff_id=who), "dingtalk")
    config = SystemConfig.objects.get(kind="dingtalk")
    return execute(name, plan(name, who, **given).arguments, actor, Origin(config.pk, GROUP, True))


def confirmed(config: SystemConfig, who: str, text: str) -> tuple[str, str]:
    (asked,) = talk(config, (who, text))
    found = CODE.search(asked)
    assert found, asked
    return asked, talk(config, (who, f"确认 {found[0]}"))[0]


def states() -> set[tuple[str, str]]:
    return set(Alert.objects.values_list("status", "verdict"))


@pytest.mark.parametrize("given", ["{0},{1},{2}", "A{0}、A{1} 告警{2}", [0, 1, 2]])
def test_several_are_closed_in_one_call_and_taken_back_together(given: Any) -> None:
    config, ids = company(), alerts(3)
    said = [ids[n] for n in given] if isinstance(given, list) else given.format(*ids)
    text = done("close_alert", alert_ids=said, verdict="false_positive")
    assert "已关闭 3 条告警" in text
    assert states() == {("closed", "false_positive")}
    assert TriageBatch.objects.get().rows.keys() == set(map(str, ids))
    line = re.search(r"「(撤销 A\d+)」", text)
    assert line
    (undone,) = talk(config, ("li", line[1]))
    assert "撤销了「按误报关闭" in undone or "撤销了" in undone
    assert states() == {("open", "")}


def test_what_cannot_be_done_is_named_and_the_rest_is_done() -> None:
    company()
    first, second, third = alerts(3)
    triage.close(second, "benign", Actor.system("test"))
    planned = plan("acknowledge_alert", alert_ids=f"{first},{second},{third},999999")
    assert planned.arguments == {"alert_ids": f"{first},{third}"}
    assert f"告警 {second} 现在是「已关闭」" in planned.summary
    assert "没有编号为 999999 的告警" in planned.summary
    actor = Actor.person(Staff.objects.get(staff_id="li"), "dingtalk")
    triage.close(third, "benign", actor)  # between the proposal and its confirmation
    text = execute("acknowledge_alert", planned.arguments, actor)
    assert f"已确认告警 A{first}" in text
    triage.close(first, "benign", actor)
    with pytest.raises(BifangError, match="不能这样做"):
        execute("acknowledge_alert", {"alert_ids": f"{first},{third}"}, actor)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "请写明是哪条告警"),
        ({"alert_ids": ",".join(map(str, range(1, 52)))}, "一次最多 50 条，收到 51 条"),
        ({"alert_ids": "12 or 1=1"}, "不是告警编号"),
        ({"alert_ids": "-3"}, "不是告警编号"),
        ({"alert_ids": [{"a": 1}]}, "应为文本"),
        ({"alert_ids": "9" * 30}, "不是告警编号"),
    ],
)
def test_what_names_no_alerts_is_refused(given: dict[str, Any], reason: str) -> None:
    company()
    with pytest.raises(BifangError, match=reason):
        plan("close_alert", verdict="benign", **given)


def test_several_are_silenced_and_each_tells_how_it_ends() -> None:
    company()
    ids = alerts(2)
    planned = plan("silence_alerts", alert_ids=f"{ids[0]},{ids[1]},424242", minutes=60)
    assert "没有告警「424242」" in planned.summary
    text = done("silence_alerts", alert_ids=f"{ids[0]},{ids[1]}", minutes=60)
    assert set(Silence.objects.values_list("value", flat=True)) == set(map(str, ids))
    assert f"「取消静默 A{ids[0]}」" in text


def test_a_level_that_a_person_set_stays_until_its_source_says_something_graver() -> None:
    config, (pk,) = company(), alerts(1, severity="high")
    before = Alert.objects.get(pk=pk)
    asked, text = confirmed(config, "li", f"改级别 A{pk} 低危")
    assert "从高危改为低危" in asked
    row = Alert.objects.get(pk=pk)
    assert (row.severity, row.reported_severity) == ("low", "high")
    assert row.due_at
    assert before.due_at
    assert row.due_at > before.due_at
    change = History.objects.filter(entity="alert", entity_id=pk).latest("id")
    assert (change.actor_name, change.changes["severity"]) == ("li先生", ["high", "low"])
    assert AuditRecord.objects.filter(subject=f"alert:{pk}", text="").exists()
    store(alert("k0", 1, severity="high", at=NOW + timedelta(minutes=1)), at=NOW)
    assert Alert.objects.get(pk=pk).severity == "low"
    store(alert("k0", 2, severity="critical", at=NOW + timedelta(minutes=2)), at=NOW)
    assert Alert.objects.get(pk=pk).severity == "critical"
    assert done("set_severity", alert_id=pk, severity="medium")
    store(alert("k0", 3, severity="critical", at=NOW + timedelta(minutes=3)), at=NOW)
    assert Alert.objects.get(pk=pk).severity == "medium"
    assert "撤销" in text


def test_a_change_of_level_is_taken_back_with_its_time_limit() -> None:
    config, (pk,) = company(), alerts(1, severity="medium")
    before = Alert.objects.filter(pk=pk).values("severity", "due_at", "reported_severity").get()
    confirmed(config, "li", f"改级别 A{pk} 严重")
    graver = Alert.objects.get(pk=pk)
    assert graver.due_at is not None
    assert timedelta(hours=3) < graver.due_at - timezone.now() < timedelta(hours=5)
    talk(config, ("li", f"撤销 A{pk}"))
    assert Alert.objects.filter(pk=pk).values("severity", "due_at", "reported_severity").get() == before


def test_a_level_must_be_said_and_be_another_one() -> None:
    company()
    (pk,) = alerts(1, severity="high")
    with pytest.raises(BifangError, match="要写明改成哪个级别"):
        plan("set_severity", alert_id=pk)
    with pytest.raises(BifangError, match="已经是「高危」"):
        plan("set_severity", alert_id=pk, severity="高危")
    triage.close(pk, "benign", Actor.system("test"))
    with pytest.raises(BifangError, match="不能这样做"):
        plan("set_severity", alert_id=pk, severity="low")


def test_an_owner_that_a_person_set_stays_and_is_changed_back_by_a_line() -> None:
    config = company()
    for staff_id, name in (("li", "李四"), ("wang", "王五")):
        Staff.objects.filter(staff_id=staff_id).update(name=name)
    store(host("web-01", "10.0.0.5", owner="li"), at=NOW)
    asset = Asset.objects.get(name="web-01")
    asked, text = confirmed(config, "zhang", "改负责人 web-01 王五")
    assert "李四 → 王五" in asked
    assert "「改负责人 web-01 李四」" in text
    asset.refresh_from_db()
    assert asset.owner
    assert asset.owner.staff_id == "wang"
    assert "owner" in asset.locked
    store(host("web-01", "10.0.0.5", owner="li"), at=NOW)
    asset.refresh_from_db()
    assert asset.owner.staff_id == "wang"
    confirmed(config, "zhang", "改负责人 web-01 李四")
    asset.refresh_from_db()
    assert asset.owner.staff_id == "li"
    assert History.objects.filter(entity="asset", entity_id=asset.pk, action="update").count() == 2
    confirmed(config, "zhang", "改负责人 web-01 清空")
    assert Asset.objects.get(name="web-01").owner is None


def test_who_may_not_change_changes_nothing() -> None:
    config, (pk,) = company(), alerts(1)
    store(host("web-01", "10.0.0.5"), at=NOW)
    for who, corp in (("wu", "corp"), ("li", "evil"), ("stranger", "corp")):
        for text in (f"改级别 A{pk} 低危", "改负责人 web-01 li先生"):
            talk(config, (who, text), corp=corp)
    assert not Proposal.objects.exists()
    (asked,) = talk(config, ("li", f"改级别 A{pk} 低危"))
    code = CODE.search(asked)
    assert code
    assert "只能由提出人" in talk(config, ("zhang", f"确认 {code[0]}"))[0]
    talk(config, ("li", f"确认 {code[0]}"))
    again = talk(config, ("li", f"确认 {code[0]}"))[0]
    assert "不会重复执行" in again
    assert History.objects.filter(entity="alert", entity_id=pk, action="update").count() == 1


def test_nobody_planted_in_an_alert_becomes_its_owner() -> None:
    """Names in text name no staff: an owner is one listed colleague."""
    company()
    store(host("web-01", "10.0.0.5"), at=NOW)
    with pytest.raises(BifangError, match="人员里没有"):
        plan("set_owner", asset="web-01", owner="攻击者")
    with pytest.raises(BifangError, match="web-0"):
        plan("set_owner", asset="web-0x", owner="li先生")


def test_closing_several_names_those_of_open_cases_and_the_line_that_leaves_them_out() -> None:
    company()
    first, second, third, fourth = alerts(4)
    orders.create([first, second], Actor.person(Staff.objects.get(staff_id="li"), "dingtalk"), "被入侵")
    told = plan("close_alert", alert_ids=f"{first},{second},{third}", verdict="benign").summary
    assert f"其中属于进行中的事件的：E{Case.objects.get().pk}（A{first}、A{second}），事件仍然开着" in told
    assert f"不关它们请发送「{says.close(third, 'benign')}」" in told
    told = plan("close_alert", alert_ids=f"{first},{third},{fourth}", verdict="benign").summary
    assert f"不关它们请发送「{says.close_all([third, fourth], 'benign')}」" in told
    assert "不关它们" not in plan("close_alert", alert_ids=f"{first},{second}", verdict="benign").summary
    assert "事件" not in plan("close_alert", alert_ids=f"{third},{fourth}", verdict="benign").summary
    assert "事件" not in plan("close_alert", alert_id=first, verdict="benign").summary
