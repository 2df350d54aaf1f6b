"""A message to a colleague in the asker's name: to people of the own corporation only, in private, without secrets, at a pace."""

import re
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from bifang.channels import allowance
from bifang.channels.allowance import SendingAllowance
from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.models import (
    AuditRecord,
    NotificationTarget,
    OnCallLayer,
    OnCallMember,
    OnCallSchedule,
    Proposal,
    Staff,
    TargetKind,
)
from secops_agent.services.notifications.targets import Unreachable, resolve
from secops_agent.services.people import words
from secops_agent.services.people.messages import tell
from secops_agent.services.people.staff import find_person
from secops_agent.tools.arguments import parse
from secops_agent.tools.operations import messages
from secops_agent.tools.operations.recipients import Recipient
from tests.secops.decisions_aid import company, robot, talk

pytestmark = pytest.mark.django_db
CODE = re.compile(r"[A-Z][A-Z2-9]{5}")


@pytest.fixture
def config(db: Any) -> SystemConfig:
    made = company()
    for staff_id, name in (("li", "李四"), ("wang", "王五"), ("zhang", "张三")):
        Staff.objects.filter(staff_id=staff_id).update(name=name)
    return made


def plan(to: str, text: str = "请看 A12", who: str = "li") -> Any:
    return messages.check(parse(messages.SendMessage, {"to": to, "text": text}), find_person("corp", who))


def sent() -> list[OutboxRow]:
    return list(OutboxRow.objects.filter(key__startswith="note:message:").order_by("pk"))


def send(config: SystemConfig, text: str, who: str = "li") -> str:
    (asked,) = talk(config, (who, text))
    code = CODE.search(asked)
    assert code, asked
    return talk(config, (who, f"确认 {code[0]}"))[0]


def rota(name: str, *people: Staff) -> OnCallSchedule:
    made = OnCallSchedule.objects.create(name=name)
    layer = OnCallLayer.objects.create(
        schedule=made, rotation="daily", start=date(2026, 1, 1), handover=time(0), position=0
    )
    for position, each in enumerate(people):
        OnCallMember.objects.create(layer=layer, staff=each, position=position)
    return made


def test_it_goes_to_one_person_in_private_after_the_askers_own_confirmation(config: SystemConfig) -> None:
    (asked,) = talk(config, ("li", "转告 王五 请看 A12，谢谢"))
    assert "以您的名义私聊 王五（wang）：「请看 A12，谢谢」" in asked
    assert sent() == []
    code = CODE.search(asked)
    assert code
    assert "只能由提出人" in talk(config, ("zhang", f"确认 {code[0]}"))[0]
    assert "已交给发送" in talk(config, ("li", f"确认 {code[0]}"))[0]
    assert "不会重复执行" in talk(config, ("li", f"确认 {code[0]}"))[0]
    (row,) = sent()
    assert (row.target["is_group"], row.target["staff_id"], row.at_staff_id) == (False, "wang", "")
    assert "**李四** 请毕方转告您" in row.text
    assert "> 请看 A12，谢谢" in row.text
    kept = AuditRecord.objects.filter(subject__startswith="staff:").latest("id")
    assert (kept.actor_name, kept.detail["text"]) == ("李四", "请看 A12，谢谢")


def test_who_is_on_call_is_reached_by_the_rota(config: SystemConfig) -> None:
    wang = Staff.objects.get(staff_id="wang")
    rota("安全值班", wang)
    assert "王五（安全值班现在值班，wang）" in plan("安全值班").summary
    send(config, "转告 值班 web-01 有异常")
    assert sent()[0].target["staff_id"] == "wang"
    rota("网络值班", wang)
    with pytest.raises(BifangError, match="有几张值班表"):
        plan("值班")
    rota("空的")
    with pytest.raises(BifangError, match="无人值班"):
        plan("空的")


@pytest.mark.parametrize(
    ("to", "text", "reason"),
    [
        ("路人", "请看", "本企业的人员里没有"),
        ("外人", "请看", "本企业的人员里没有"),
        ("wai", "请看", "本企业的人员里没有"),
        ("所有人", "请看", "不能逐个发给所有人"),
        ("@all", "请看", "不能逐个发给所有人"),
        ("cid-group", "请看", "只能发给登记的同事、值班人"),
        ("王武", "请看", "是否指：王五"),
        ("群", "请看", "还没有能发的群"),
        ("下一班", "请看", "没有启用的值班表"),
        ("no-such的负责人", "请看", "不知道它的负责人"),
        ("王五,张三,zhao,sun,wu,li", "请看", "一次最多发给 5 位"),
        ("李四", "请看", "是您自己"),
        ("王五", "", "请写明要说什么"),
        ("王五", "字" * 501, "最长 500"),
        ("王五", "\u200b\u200b", "请写明要说什么"),
        ("王五", "密码是 Abc12345", "像密码"),
        ("王五", "token: bearer abcdefgh12345678", "像密码"),
        ("王五", "key sk-abcdefgh12345678", "像密码"),
    ],
)
def test_what_must_not_be_sent_is_refused(config: SystemConfig, to: str, text: str, reason: str) -> None:
    Staff.objects.create(staff_id="wai", name="外人", role="viewer", corp_id="other")
    Staff.objects.create(staff_id="gone", name="路人", role="viewer", corp_id="corp", active=False)
    with pytest.raises(BifangError, match=reason):
        plan(to, text)


def test_whose_corporation_is_not_known_is_a_colleague_only_where_there_is_one(config: SystemConfig) -> None:
    nina = Staff.objects.create(staff_id="nina", name="妮娜", role="viewer")
    assert plan("妮娜").arguments["to"] == "nina"
    rota("夜班", nina)
    other = robot("other", "dingtalk", "另一个企业")
    Staff.objects.create(staff_id="eve", name="伊芙", role="analyst", corp_id="other")
    ben = Staff.objects.create(staff_id="ben", name="本", role="viewer", corp_id="other")
    eve = find_person("other", "eve")
    assert eve is not None
    for to, reason in (
        ("妮娜", "本企业的人员里没有"),
        ("nina", "本企业的人员里没有"),
        ("夜班", "属于另一个企业"),
    ):
        with pytest.raises(BifangError, match=reason):
            messages.check(parse(messages.SendMessage, {"to": to, "text": "请看"}), eve)
    assert messages._demand_reachable(Recipient("ben", "本", ben), eve) == {other.pk}
    assert not tell(ben, "请看", "请看", key="x", among={config.pk}), "through no other corporation"


def test_nothing_reaches_somebody_whose_login_is_switched_off(config: SystemConfig) -> None:
    wang = Staff.objects.get(staff_id="wang")
    rota("夜班", wang)
    (asked,) = talk(config, ("li", "把上周周报发给王五"))
    wang.user = User.objects.create_user("wang", is_active=False)
    wang.save()
    code = CODE.search(asked)
    assert code
    assert "没有发送" in talk(config, ("li", f"确认 {code[0]}"))[0]
    for to, reason in (("王五", "本企业的人员里没有"), ("夜班", "无人值班")):
        with pytest.raises(BifangError, match=reason):
            plan(to)
    assert not tell(wang, "请看", "请看", key="x")
    target = NotificationTarget(kind=TargetKind.PERSON, config=config, staff=wang)
    with pytest.raises(Unreachable, match="登录已停用"):
        resolve(target, timezone.now())
    assert not OutboxRow.objects.filter(target__staff_id="wang").exists()


def test_names_of_two_people_are_told_apart(config: SystemConfig) -> None:
    Staff.objects.filter(staff_id="zhang").update(name="王五")
    with pytest.raises(BifangError, match="有多位人员叫「王五」"):
        plan("王五")
    assert plan("wang").arguments["to"] == "wang"


def test_the_text_cannot_format_link_or_mention(config: SystemConfig) -> None:
    send(config, "转告 王五 @所有人 点这里[升级](https://evil.example) **急** ![x](http://evil.example/x)")
    (row,) = sent()
    assert "](" not in row.text
    assert "**急**" not in row.text
    assert row.at_staff_id == ""


def test_who_may_not_ask_sends_nothing(config: SystemConfig) -> None:
    for who, corp in (("wu", "corp"), ("li", "evil"), ("stranger", "corp")):
        talk(config, (who, "转告 王五 请看"), corp=corp)
    assert not Proposal.objects.exists()
    (asked,) = talk(config, ("li", "转告 王五 请看"))
    Staff.objects.filter(staff_id="li").update(role="viewer")
    code = CODE.search(asked)
    assert code
    talk(config, ("li", f"确认 {code[0]}"))
    assert sent() == []


def test_what_changed_before_the_confirmation_is_looked_at_again(config: SystemConfig) -> None:
    (asked,) = talk(config, ("li", "转告 王五 请看"))
    Staff.objects.filter(staff_id="wang").update(corp_id="other")
    code = CODE.search(asked)
    assert code
    assert "没有发送" in talk(config, ("li", f"确认 {code[0]}"))[0]
    assert sent() == []


def test_one_sender_has_a_pace(config: SystemConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "AN_HOUR", 2)
    said = [send(config, f"转告 王五 第{n}条") for n in range(3)]
    assert "一小时内最多代发 2 条" in said[2]
    assert len(sent()) == 2
    assert "已交给发送" in send(config, "转告 王五 我是张三", who="zhang")
    OutboxRow.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert "已交给发送" in send(config, "转告 王五 再说一次")


def test_a_quota_that_runs_out_sends_nothing(config: SystemConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    scarce = SendingAllowance("digest", 96, "本月已用 96%")
    monkeypatch.setattr(allowance, "ALLOWANCES", [lambda config_id, means: scarce])
    with pytest.raises(BifangError, match="本月已用 96%"):
        plan("王五")


def test_where_nothing_may_be_said_unasked_nothing_is_sent(config: SystemConfig) -> None:
    SystemConfig.objects.filter(pk=config.pk).update(params={**config.params, "notifications_enabled": False})
    with pytest.raises(BifangError, match="没有启用通知"):
        plan("王五")


def test_a_report_goes_to_one_persons_own_chat_within_their_rights(config: SystemConfig) -> None:
    (asked,) = talk(config, ("li", "把上周周报发给王五"))
    assert "以您的名义私聊 王五（wang）：《周报" in asked
    assert sent() == []
    code = CODE.search(asked)
    assert code
    assert "写明是您发的" in talk(config, ("li", f"确认 {code[0]}"))[0]
    (row,) = sent()
    assert (row.target["is_group"], row.target["staff_id"]) == (False, "wang")
    assert "**李四** 请毕方把这份报告发给您" in row.text
    assert "周报 20" in row.text
    kept = AuditRecord.objects.filter(subject__startswith="staff:").latest("id")
    assert "周报" in kept.detail["report"]
    Staff.objects.filter(staff_id="wang").update(role="none")
    with pytest.raises(BifangError, match="没有查看权限"):
        messages.check(
            parse(messages.SendMessage, {"to": "wang", "report": "last_week"}), find_person("corp", "li")
        )
    for text in ("把上周周报发给王五了吗", "把周报发给老板"):
        assert "以您的名义私聊" not in talk(config, ("li", text))[0]
    (viewer,) = talk(config, ("wu", "把上周周报发给王五"))
    assert "以您的名义私聊" not in viewer or "角色" in viewer


def test_a_message_needs_words_or_a_report(config: SystemConfig) -> None:
    with pytest.raises(BifangError, match="请写明要说什么"):
        plan("王五", "")
