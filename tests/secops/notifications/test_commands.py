"""What a message about alerts offers, and what it says of who did what."""

import re
from urllib.parse import unquote

import pytest

from secops_agent.agent.acting.orders import read_order
from secops_agent.models import Alert, Investigation, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.investigations import work
from tests.secops.demo_aid import use
from tests.secops.inventory_aid import alert, later, store
from tests.secops.investigations.cases import arrive, past

from . import stage
from .test_messages import age

pytestmark = pytest.mark.both_databases
TAP = re.compile(r"\[([^\]]+)\]\(dtmd://dingtalkclient/sendMessage\?content=([^)]+)\)")


@pytest.fixture(autouse=True)
def config(database):
    row = stage.configure()
    stage.rule()
    return row


def told_next() -> str:
    """What is told now, a while later."""
    age(120)
    stage.announce()
    return stage.told()[-1]


def taps(text: str) -> list[str]:
    """What the links say, each in the words of its label."""
    for label, target in TAP.findall(text):
        assert unquote(target) == label
        assert text.count(label) == 1
    return [label for label, _ in TAP.findall(text)]


def someone(staff_id: str = "lisi", name: str = "李四") -> tuple[Staff, Actor]:
    staff = stage.staff(staff_id, name)
    return staff, Actor.person(staff, "dingtalk")


@pytest.mark.slow
def test_taps_say_what_is_carried_out_and_only_what_makes_sense_now(database):
    _, lisi = someone()
    store(alert())
    pk = Alert.objects.get().pk
    said = taps(told_next())
    assert said == [f"确认 A{pk}", f"指派给我 A{pk}", f"误报 A{pk}", f"静默 A{pk} 1小时", f"查看 A{pk}"]
    assert all(read_order(one) for one in said[:-1])
    triage.acknowledge(pk, lisi)
    assert taps(told_next()) == said[1:]
    triage.close(pk, "benign", lisi)
    text = told_next()
    assert taps(text) == []
    assert f"回复：重新打开 A{pk}" in text


def test_grave_alert_found_to_be_an_attack_is_no_false_positive_at_a_tap(database):
    Staff.objects.create(staff_id="manager01", name="张三", role="admin")
    past("true_positive", 5)
    pk = arrive("a").pk
    work.step()
    assert Investigation.objects.get(alert_id=pk).verdict == "true_positive"
    assert taps(told_next()) == [f"确认 A{pk}", f"指派给我 A{pk}", f"静默 A{pk} 1小时", f"查看 A{pk}"]
    assert str(use("get_alert", alert_id=pk).steps[-1]) == f"确认 A{pk}"
    Investigation.objects.update(verdict="")
    assert str(use("get_alert", alert_id=pk).steps[-1]) == f"误报 A{pk}"


def test_message_says_who_closed_it_with_which_verdict(database):
    _, lisi = someone()
    store(alert())
    told_next()
    triage.close(Alert.objects.get().pk, "true_positive", lisi)
    text = told_next()
    assert "✅" in text
    assert re.search(r"处理：李四 关闭，结论：真实攻击（\d\d-\d\d \d\d:\d\d）", text)


def test_message_says_that_its_source_ended_it_and_that_it_came_again(database):
    store(alert())
    told_next()
    store(alert(number=1, at=later(minutes=1), status_hint="closed"))
    text = told_next()
    assert "已关闭（自动恢复）" in text
    assert "处理：来源报告已恢复，自动关闭" in text
    store(alert(number=2, at=later(minutes=2)))
    assert "处理：再次发生，自动重新打开" in told_next()


def test_message_says_who_reopened_it_and_who_has_it(database):
    staff, lisi = someone()
    store(alert())
    told_next()
    pk = Alert.objects.get().pk
    triage.assign(pk, staff, Actor.person(stage.staff("wangwu", "王五"), "dingtalk"))
    assert "处理：王五 指派给 李四" in told_next()
    triage.close(pk, "benign", lisi)
    told_next()
    triage.reopen(pk, lisi)
    assert "处理：李四 重新打开" in told_next()
