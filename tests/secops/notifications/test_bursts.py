"""One burst is one message: the first is told at once, the rest as numbers, what is graver by itself; of everything told."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from bifang.channels.models import GroupState, KnownGroup, OutboxRow
from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertMessage, AlertMessageItem, Burst, Escalation, TriageBatch
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import batches, triage
from secops_agent.services.alerts.batches import Doer, TriageAct
from secops_agent.services.alerts.orders import AlertOrder, Orderer, carry_out
from secops_agent.services.notifications import matching
from secops_agent.services.notifications.detections import stem
from secops_agent.services.people.staff import identify
from tests.secops.inventory_aid import alert, host, store

from . import stage
from .test_messages import age, hurry

pytestmark = pytest.mark.both_databases
LISI = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}


@pytest.fixture(autouse=True)
def config(database):
    return stage.configure()


def scans(numbers, **more):
    """What many products send: no rule, and what was found in the title; all from one place."""
    at = timezone.now()
    store(
        *(
            alert(
                f"scan-{number}", title=f"端口扫描 {number}", rule_name="", assets=(host(f"srv-{number}"),), at=at,
                source="ids", **more,
            )
            for number in numbers
        )
    )  # fmt: skip


def pass_by(seconds):
    """So much time passes, and a worker works all along."""
    for _ in range(0, seconds, 10):
        age(10)
        stage.announce()


def counted():
    """Alerts that a message of the group told of or counts."""
    told = AlertMessage.objects.filter(sent_at__isnull=False)
    return AlertMessageItem.objects.filter(message__in=told).values("alert").distinct().count()


@pytest.mark.slow
def test_one_request_of_40_is_one_message_and_one_escalation(database):
    stage.staff("lisi", "李四")
    stage.rule(escalate={"after_minutes": 5, "to": [LISI]})
    scans(range(40))
    stage.announce()
    pass_by(10)
    (text,) = stage.told()
    first = Alert.objects.order_by("pk")[0].pk
    assert "**高危 · 端口扫描 ×40**" in text
    assert "资产 srv-0、srv-1、srv-10 等 40 台" in text
    assert f"第一条：A{first} " in text
    assert "状态：未处理 40" in text
    assert f"[确认 A{first}]" in text
    assert "误报" not in text, "nobody closes forty at a tap"
    matching.follow_up(list(Alert.objects.values_list("pk", flat=True)))  # something was found out about each
    pass_by(120)
    hurry()
    pass_by(30)
    assert len(stage.told()) == 1
    assert stage.told_privately() == {"lisi": 1}
    assert "⏫ 升级 🟠 **高危 · 端口扫描 ×40**" in OutboxRow.objects.get(target__is_group=False).text


@pytest.mark.slow
def test_first_is_told_at_once_the_rest_when_the_window_closes_and_when_the_burst_ends(database):
    stage.rule(group={"from": 10, "within_seconds": 3600})
    for number in range(40):
        scans([number])
        stage.announce()
        age(10)
    assert ["端口扫描 0" in text for text in stage.told()] == [True], "the second waits a while for the tenth"
    age(3300)
    stage.announce()
    assert "端口扫描 ×40" in stage.told()[-1], "the window closed"
    scans(range(40, 45))
    stage.announce()
    assert len(stage.told()) == 2
    age(3700)
    stage.announce()
    assert "端口扫描 ×45" in stage.told()[-1], "the burst ended"
    assert counted() == 45
    scans([45])
    stage.announce()
    assert len(stage.told()) == 4, "after its end there are single alerts again"


@pytest.mark.slow
def test_few_of_one_rule_are_told_one_by_one(database):
    stage.rule()
    scans(range(9))
    stage.announce()
    assert len(stage.told()) == 1
    pass_by(10)
    assert len(stage.told()) == 9
    pass_by(120)
    assert len(stage.told()) == 9


@pytest.mark.slow
@pytest.mark.parametrize("grave_first", [True, False])
def test_graver_one_stands_alone_at_once(database, grave_first):
    stage.rule()
    if grave_first:
        scans([99], severity="critical")
    scans(range(20))
    if not grave_first:
        stage.announce()
        scans([99, 98], severity="critical")
    stage.announce()
    (alone,) = [text for text in stage.told() if "严重 · 端口扫描 99" in text or "严重 · 端口扫描 98" in text]
    assert "×" not in alone
    pass_by(120)
    assert len(stage.told()) <= 3
    assert counted() == (21 if grave_first else 22)


def test_numbers_are_the_rules_own(database):
    stage.rule(group={"from": 3, "within_seconds": 30})
    scans(range(3))
    stage.announce()
    pass_by(10)
    assert ["×3" in text for text in stage.told()] == [True]
    with pytest.raises(InvalidInput, match=r"group\.from 应不小于 2"):
        stage.rule(group={"from": 1})
    with pytest.raises(InvalidInput, match=r"不认识的键「group\.form」"):
        stage.rule(group={"form": 5})


class Page:
    """李四 on the page of alerts."""

    def __init__(self):
        self.user = get_user_model().objects.create(username="lisi").pk
        self.actor = Actor.person(stage.staff("lisi", "李四"), "page")

    def close(self, count=1000):
        """All of the first so many at once."""
        ids = list(Alert.objects.order_by("pk").values_list("pk", flat=True)[:count])
        return batches.carry_out(
            TriageAct("close", verdict="duplicate"), ids, self.actor, batches.Doer(self.user)
        )

    def undo(self):
        """What was done last."""
        batches.undo(TriageBatch.objects.latest("pk").pk, self.actor, Doer(user_id=self.user))


@pytest.mark.slow
def test_bulk_close_and_its_undo_are_one_message_each_and_none_if_undone_at_once(database):
    page = Page()
    stage.rule()
    store(
        *(alert(f"k{number}", rule_id=f"R{number}", assets=(host(f"web-{number}"),)) for number in range(25))
    )
    stage.announce()
    age(3600)
    assert len(stage.told()) == 25
    page.close()
    page.undo()
    pass_by(120)
    assert len(stage.told()) == 25, "what was undone at once is no news"
    page.close()
    stage.announce()
    assert len(stage.told()) == 25
    pass_by(120)
    (text,) = stage.told()[25:]
    assert "处理进展：25 条告警" in text
    assert "李四 关闭，结论：重复：25 条" in text
    page.undo()
    pass_by(120)
    (text,) = stage.told()[26:]
    assert "李四 撤销：25 条" in text
    assert "状态：未处理 25" in text


def test_act_that_outlasts_the_time_for_undoing_is_one_message(database, monkeypatch):
    """A busy machine: two seconds an alert, and a worker works all along."""
    page = Page()
    stage.rule()
    store(*(alert(f"k{n}", rule_id=f"R{n}", assets=(host(f"web-{n}"),)) for n in range(12)))
    pass_by(120)
    age(3600)
    before, close = len(stage.told()), triage.close

    def slowly(*args, **more):
        found = close(*args, **more)
        age(2)
        stage.announce()
        return found

    monkeypatch.setattr(batches, "TOGETHER_S", 0.0)
    monkeypatch.setattr(triage, "close", slowly)
    page.close()
    pass_by(120)
    (text,) = stage.told()[before:]
    assert "李四 关闭，结论：重复：12 条" in text


@pytest.mark.slow
def test_closed_before_it_was_told_is_not_told(database):
    KnownGroup.objects.create(
        config=stage.SystemConfig.objects.get(), conversation_id="cidGroup", corp_id="dingcorp",
        state=GroupState.OUTSIDERS, learned_at=timezone.now(), last_seen_at=timezone.now(),
    )  # fmt: skip
    stage.rule()
    store(*(alert(f"k{number}") for number in range(25)))
    stage.announce()
    assert stage.told() == []
    Page().close(12)
    KnownGroup.objects.update(state=GroupState.OPEN)
    age(600)
    stage.announce()
    pass_by(60)
    (text,) = stage.told()
    assert "积压后一起发送：13 条告警" in text


@pytest.mark.slow
def test_what_waited_comes_as_one_whatever_its_rule(database):
    stage.rule(hours={"days": "all", "quiet_from": "00:00", "quiet_until": "23:59"})
    store(*(alert(f"k{number}") for number in range(12)), alert("grave", severity="critical"))
    stage.announce()
    assert len(stage.told()) == 1
    AlertMessage.objects.filter(shown=0).update(due_at=timezone.now())
    age(3600)
    stage.announce()
    pass_by(60)
    assert "积压后一起发送：12 条告警" in stage.told()[-1]
    assert len(stage.told()) == 2


@pytest.mark.slow
def test_crowd_of_many_rules_is_one_message(database):
    stage.rule()
    store(*(alert(f"k{number}") for number in range(300)))
    stage.announce()
    pass_by(120)
    assert len(stage.told()) <= 2  # a busy machine stores the last ones when the first are told
    assert "短时间内很多告警：300 条告警" in stage.told()[-1]
    assert "[确认" not in stage.told()[-1], "no code stands for all of them"


@pytest.mark.slow
def test_burst_that_cannot_be_told_is_replaced_for_each_of_its_alerts(database):
    stage.staff("lisi", "李四")
    stage.rule(targets=[{**LISI, "staff_id": "wangwu"}] if stage.staff("wangwu", "王五") else [], escalate={
        "after_minutes": 60, "to": [LISI],
    })  # fmt: skip
    scans(range(20))
    stage.staff("boss", "张三", "admin")
    type(stage.staff("zhaoliu", "赵六")).objects.filter(staff_id="wangwu").update(active=False)
    stage.announce()
    pass_by(30)
    assert stage.told_privately() == {"lisi": 1}
    assert Escalation.objects.filter(step=1).count() == 20


@pytest.mark.slow
def test_order_by_the_code_of_a_burst_is_for_all_of_it_and_by_another_code_for_one(database):
    stage.staff("lisi", "李四")
    stage.rule()
    scans(range(15))
    stage.announce()
    pass_by(10)
    named, other = Alert.objects.order_by("pk")[0], Alert.objects.order_by("pk")[5]
    lisi = identify("dingcorp", "lisi", "李四", "none")
    orderer = Orderer(lisi, stage.SystemConfig.objects.get().pk, via="dingtalk")
    carry_out(AlertOrder("acknowledge", other.pk), orderer)
    assert Alert.objects.filter(status="acknowledged").count() == 1
    carry_out(AlertOrder("acknowledge", named.pk), orderer)
    assert Alert.objects.filter(status="acknowledged").count() == 15


@pytest.mark.parametrize(
    ("title", "assets", "found"),
    [
        ("端口扫描 39", (), "端口扫描"),
        ("端口扫描 srv-39", ("srv-39",), "端口扫描"),
        ("198.51.100.23 对 10.0.0.5:8080 的端口扫描", (), "对…的端口扫描"),
        ("主机 web-01.corp.example 被扫描（3 次）", (), "主机…被扫描（…次"),
        ("CVE-2021-44228 利用", (), "CVE-2021-44228 利用"),
        ("MS17-010 利用 445", (), "MS17-010 利用"),
        ("T1059.001 PowerShell", (), "T1059.001 PowerShell"),
        ("log4j2 RCE", (), "log4j2 RCE"),
        ("访问 https://evil.example/a?b=1 被拦截", (), "访问…被拦截"),
        ("文件 d41d8cd98f00b204e9800998ecf8427e 落地", (), "文件…落地"),
        ("会话 123e4567-e89b-12d3-a456-426614174000 异常", (), "会话…异常"),
        ("fe80::1 发起扫描", (), "发起扫描"),
        ("42", (), ""),
    ],
)
def test_detection_rule_is_named_without_what_is_one_alerts_own(title, assets, found):
    assert stem(title, assets) == found


@pytest.mark.slow
def test_another_source_another_detection_rule_is_another_burst(database):
    stage.rule()
    scans(range(12))
    store(*(alert(f"sid{number}", rule_id="2001", assets=(host(f"a{number}"),)) for number in range(12)))
    stage.announce()
    pass_by(10)
    assert len(stage.told()) == 2
    assert AlertMessage.objects.filter(burst=Burst.RULE).count() == 2
