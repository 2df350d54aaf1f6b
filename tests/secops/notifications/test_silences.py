"""Silences: who may make which, and that what they hold back is told in the end."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertMessage, Escalation, Role, Silence, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.decisions.ledger.blocks import find_silences
from secops_agent.services.faults import Forbidden, NotFound
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.coverage import coverage
from secops_agent.services.notifications.delivery import escalation, silence_lines
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.people import tokens
from tests.secops.inventory_aid import ACTOR, alert, host, later, store

from . import stage
from .test_messages import age, hurry

pytestmark = pytest.mark.both_databases
DAY = 24 * 60


@pytest.fixture(autouse=True)
def config(database):
    row = stage.configure()
    stage.rule()
    store(host("web-01", tags=("生产",)))
    return row


def pass_time(**span):
    """Silences and what they have to tell lie so much further back."""
    past = timedelta(**span)
    for row in Silence.objects.all():
        Silence.objects.filter(pk=row.pk).update(starts_at=row.starts_at - past, ends_at=row.ends_at - past)
    age(past.total_seconds())


def tell():
    stage.announce()
    silence_lines.tell_silences()


@pytest.mark.slow
def test_end_tells_what_was_held_back_and_is_still_open(database):
    lisi = stage.staff("lisi", "李四")
    silences.silence("tag", "生产", 60, Actor.person(lisi, "dingtalk"), "发布")
    for number, level in enumerate(("high", "critical", "high")):
        store(alert(f"k{number}", severity=level, assets=(host(f"web-0{number}", tags=("生产",)),)))
    tell()
    assert stage.told() == []
    triage.close(Alert.objects.get(rule_name="规则 k2").pk, "benign", ACTOR)
    pass_time(minutes=61)
    tell()
    tell()
    (text,) = stage.told()
    grave = Alert.objects.get(severity="critical").pk
    assert "静默「资产标签 生产」已结束" in text
    assert "期间没有发送：3 条告警（严重 1、高危 2）" in text
    assert "仍未关闭：2 条" in text
    assert text.index(f"A{grave} 规则 k1") < text.index("规则 k0")
    assert stage.told_privately() == {"lisi": 1}
    assert AlertMessage.objects.get(kind="silence").state == "ended"


def test_silence_of_days_tells_daily_what_is_new_and_its_end_once(database):
    silences.silence("asset", "web-01", 3 * DAY, ACTOR)
    store(alert("a", assets=(host("web-01"),)))
    tell()
    pass_time(hours=25)
    tell()
    assert "还在继续" in stage.told()[-1]
    pass_time(hours=25)
    tell()
    assert len(stage.told()) == 1, "nothing new"
    pass_time(hours=25)
    tell()
    assert [("还在继续" in text, "已结束" in text) for text in stage.told()] == [(True, False), (False, True)]


def test_silence_that_is_ended_tells_at_once_and_the_next_alert_is_told(database):
    made = silences.silence("asset", "web-01", 60, ACTOR)
    store(alert("a", assets=(host("web-01"),)))
    tell()
    silences.end(made.pk, ACTOR)
    tell()
    assert "已结束" in stage.told()[-1]
    store(alert("b", assets=(host("web-01"),)))
    tell()
    assert "规则 b" in stage.told()[-1]


def test_what_was_told_before_is_followed_up_after_the_silence(database):
    store(alert("a", assets=(host("web-01"),)))
    tell()
    made = silences.silence("asset", "web-01", 60, ACTOR)
    store(alert("b", rule_name="规则 a", at=later(minutes=1), assets=(host("web-01"),)))
    age(120)
    tell()
    silences.end(made.pk, ACTOR)
    tell()
    for row in Alert.objects.all():
        triage.close(row.pk, "benign", ACTOR)
    age(120)
    tell()
    assert [("已结束" in text, "已关闭" in text) for text in stage.told()[1:]] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.slow
def test_burst_under_a_silence_is_one_line_at_the_end(database):
    made = silences.silence("source", "suricata", 60, ACTOR) if store(alert("first")) else None
    assert made is not None
    store(*(alert(f"k{number}") for number in range(40)))
    tell()
    age(200)
    tell()
    assert stage.told() == []
    silences.end(made.pk, ACTOR)
    tell()
    (text,) = stage.told()
    assert "期间没有发送：41 条告警" in text


def test_escalation_waits_for_the_end(database):
    person = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
    stage.staff("lisi", "李四")
    stage.staff("manager01", "张三", "admin")
    stage.rule(escalate=[{"after_minutes": 5, "to": [person]}, {"after_minutes": 5}])
    made = silences.silence("asset", "web-01", 60, ACTOR)
    store(alert("a", assets=(host("web-01"),)))
    for _ in range(3):
        hurry()
    assert stage.told_privately() == {}
    silences.end(made.pk, ACTOR)
    for _ in range(2):
        hurry()
    assert stage.told_privately() == {"lisi": 1, "manager01": 1}
    assert Escalation.objects.get().ended == escalation.EXHAUSTED


def actors():
    """Everyone who may come, by what they are."""
    users = {name: User.objects.create_user(name) for name in ("owner", "group")}
    users["root"] = User.objects.create_superuser("root")
    people = {role: stage.staff(role, role, role) for role in ("analyst", "approver")}
    Staff.objects.create(corp_id="dingcorp", staff_id="two", name="two", role="approver", user=users["owner"])
    row, _ = tokens.create("own", ["write"], owner_id=users["owner"].pk)
    bare, _ = tokens.create("bare", ["write"])
    return {
        "analyst": (Actor.person(people["analyst"], "dingtalk"), False),
        "approver": (Actor.person(people["approver"], "dingtalk"), True),
        "stranger": (Actor("person", "dingother:approver", "approver", "dingtalk"), False),
        "superuser": (Actor("person", f"user:{users['root'].pk}", "root", "admin"), True),
        "group only": (Actor("person", f"user:{users['group'].pk}", "group", "admin"), False),
        "token of an approver": (Actor.token(str(row.pk), "own", "two"), True),
        "token of nobody": (Actor.token(str(bare.pk), "bare"), False),
        "system": (ACTOR, True),
    }


def test_service_itself_decides_who_may_silence_much(database):
    for name, (actor, may) in actors().items():
        for scope, value, minutes in (("all", "", 5), ("asset", "web-01", DAY + 1)):
            Silence.objects.all().delete()
            if may:
                silences.silence(scope, value, minutes, actor)
            else:
                with pytest.raises(Forbidden, match="审批"):
                    silences.silence(scope, value, minutes, actor)
            assert Silence.objects.exists() is may, (name, scope)


def test_role_that_was_taken_away_counts_no_more(database):
    boss = stage.staff("boss", "王五", Role.APPROVER)
    Staff.objects.filter(pk=boss.pk).update(role=Role.ANALYST)
    with pytest.raises(Forbidden):
        silences.silence("all", "", 5, Actor.person(boss, "dingtalk"))


def test_a_day_and_then_another_is_two_days(database):
    lisi = Actor.person(stage.staff("lisi", "李四"), "dingtalk")
    first = silences.silence("asset", "web-01", DAY, lisi)
    silences.silence("asset", "web-01", DAY // 2, lisi)  # within the first
    with pytest.raises(Forbidden):
        silences.silence("asset", "web-01", DAY, lisi, start=first.ends_at)
    with pytest.raises(Forbidden):
        silences.silence("tag", "生产", 121, lisi, weeks=13)
    silences.silence("tag", "生产", 110, lisi, weeks=13)
    pass_time(hours=25)
    silences.silence("asset", "web-01", 60, lisi)


@pytest.mark.parametrize("scope", ["alert", "asset", "tag", "source", "rule"])
def test_names_are_checked_and_written_as_we_call_them(database, scope):
    store(alert("a", assets=(host("web-01", "10.0.0.1"),), rule_id="R-7"))
    pk = Alert.objects.get().pk
    known = {"alert": f"A{pk}", "asset": "10.0.0.1", "tag": "生产", "source": "suricata", "rule": "R-7"}
    ours = known | {"alert": str(pk), "asset": "web-01"}
    assert silences.silence(scope, known[scope], 5, ACTOR).value == ours[scope]
    for wrong in ("", "web", "999999"):
        with pytest.raises(NotFound):
            silences.silence(scope, wrong, 5, ACTOR)


@pytest.mark.parametrize(
    "given",
    [
        {"minutes": 0}, {"minutes": 30 * DAY + 1}, {"minutes": 5, "weeks": 0}, {"minutes": 5, "weeks": 27},
        {"minutes": 2 * DAY, "weeks": 16}, {"minutes": 5, "start": timezone.now() - timedelta(days=9)},
        {"minutes": 5, "start": timezone.now() + timedelta(days=400)},
    ],
)  # fmt: skip
def test_impossible_times_are_refused(database, given):
    with pytest.raises(InvalidInput):
        silences.silence("asset", "web-01", actor=ACTOR, **given)
    assert not Silence.objects.exists()


def test_window_in_the_future_holds_nothing_back_yet(database):
    silences.silence("asset", "web-01", 60, ACTOR, start=timezone.now() + timedelta(hours=2))
    store(alert("a", assets=(host("web-01"),)))
    tell()
    assert len(stage.told()) == 1
    pass_time(hours=2, minutes=1)
    store(alert("b", assets=(host("web-01"),)))
    tell()
    assert len(stage.told()) == 1
    assert OutboxRow.objects.count() == 1


def test_a_rule_on_one_asset_is_silent_there_only(database):
    web = (host("web-01"),)
    store(
        alert("k1", assets=web),
        alert("k2", assets=web),
        alert("k3", assets=(host("web-02"),), rule_name="规则 k1"),
    )
    made = silences.silence("rule_on", "规则 k1 @ web-01", 60, ACTOR)
    rows = list(Alert.objects.all())
    facts = facts_of(rows)
    held = [row for row in rows if silences.covering([made], row, facts[row.pk])]
    assert [(row.rule_name, facts[row.pk].asset_names) for row in held] == [("规则 k1", {"web-01"})]
    assert coverage("rule_on", made.value).alerts == 1
    assert [each.target for each in find_silences("asset", "web-01")] == ["资产上的规则 规则 k1 @ web-01"]
    with pytest.raises(NotFound):
        silences.plan("rule_on", "规则 k1 @ 没有这台", 60, ACTOR)


@pytest.mark.parametrize("scope", ["alert", "asset", "tag", "source", "rule", "rule_on"])
def test_what_is_graver_than_anybody_knew_is_told_and_escalates(database, scope):
    stage.staff("lisi", "李四")
    person = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
    stage.rule(severities=[], escalate=[{"after_minutes": 5, "to": [person]}])
    web = {"rule_name": "扫描", "title": "扫描", "assets": (host("web-01", tags=("生产",)),)}
    store(alert("a", severity="low", **web))
    first = Alert.objects.get()
    names = {"alert": str(first.pk), "asset": "web-01", "tag": "生产", "source": "suricata"}
    made = silences.silence(
        scope, names.get(scope, "扫描 @ web-01" if scope == "rule_on" else "扫描"), 60, ACTOR
    )
    tell()
    store(alert("b", severity="low", **web))
    hurry()
    tell()
    assert (stage.told(), stage.told_privately()) == ([], {}), "as grave as was known"
    store(alert("c", severity="critical", **web))
    tell()
    (text,) = stage.told()
    assert "设置时最高只有低危，这次是严重，照常通知" in text
    assert stage.told_privately() == {}, "its time to be taken in hand begins now"
    hurry()
    assert stage.told_privately() == {"lisi": 1}
    silences.end(made.pk, ACTOR)
    tell()
    assert not any("期间没有发送" in each for each in stage.told()), "all of it was told"


def test_what_had_risen_before_it_was_silenced_stays_silent(database):
    web = {"rule_name": "扫描", "assets": (host("web-01"),)}
    store(alert("a", severity="high", **web), alert("b", severity="critical", **web))
    low = Alert.objects.get(severity="high")
    tell()
    before = len(stage.told())
    silences.silence("alert", str(low.pk), 60, ACTOR)  # of the message, whose other alert is known
    store(alert("c", severity="critical", **web))
    age(120)
    tell()
    assert len(stage.told()) == before


def test_a_silence_of_what_nobody_saw_and_of_everything_holds_back_all_levels(database):
    silences.silence("asset", "web-01", 60, ACTOR)
    silences.silence("all", "", 60, ACTOR)
    assert set(Silence.objects.values_list("worst", flat=True)) == {""}
    Silence.objects.filter(scope="all").delete()
    store(alert("a", severity="critical", assets=(host("web-01"),)))
    tell()
    assert stage.told() == []
