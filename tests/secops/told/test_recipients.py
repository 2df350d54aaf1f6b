"""Attacks on whom something is told to, and on what is shown of it."""

import re

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.models import (
    NotificationRule,
    ScheduledTask,
    Staff,
)
from secops_agent.services.actors import Actor
from secops_agent.tools.arguments import parse
from tests.secops.decisions_aid import GROUP, talk
from tests.secops.inventory_aid import alert, host, store
from tests.secops.told.stage import (
    CHANGE,
    CREATE,
    LINK,
    SEND,
    WATCH,
    confirmed,
    done,
    group,
    later,
    run_due,
    token,
    who,
)

pytestmark = pytest.mark.django_db


def test_what_was_confirmed_for_one_person_is_not_told_to_the_group(config: SystemConfig) -> None:
    confirmed(config, "li", "10分钟后叮王五看jump-01")
    row = ScheduledTask.objects.get()
    assert (row.kind, row.conversation_id, str(row.staff)) == ("person", "", "王五")


def test_a_report_that_was_confirmed_for_one_person_goes_to_them(config: SystemConfig) -> None:
    confirmed(config, "li", "每天9点把日报发给王五", is_group=False, conversation="cid-own")
    assert ScheduledTask.objects.get().staff == Staff.objects.get(staff_id="wang")


def test_a_watch_that_was_confirmed_for_somebody_is_told_to_them(config: SystemConfig) -> None:
    store(alert("k", at=timezone.now(), assets=(host("web-01", "10.0.0.1"),)), at=timezone.now())
    done(WATCH, {"target": "web-01", "to": "王五"}, config)
    targets = NotificationRule.objects.get(owner__staff_id="li").targets.all()
    assert [(each.kind, str(each.staff)) for each in targets] == [("person", "王五")]


def test_one_more_recipient_that_was_confirmed_is_added(config: SystemConfig) -> None:
    done(CREATE, {"task": "日报", "cron": "每天7点"}, config)
    confirmed(config, "li", "日报也抄一份给张三，以后天天都抄")
    assert ScheduledTask.objects.filter(staff__staff_id="zhang").exists()


def test_a_group_that_is_called_like_another_gets_nothing_of_it(config: SystemConfig) -> None:
    group(config, "cid-evil", "安全值班")
    plan = SEND.check(parse(SEND.arguments, {"to": "安全值班群", "text": "请看"}), who("li"))
    assert plan.arguments["to"] == f"群:{GROUP}"


def test_a_watch_of_one_place_does_not_move_another(config: SystemConfig) -> None:
    done(WATCH, {"severity": "critical"}, config)
    done(WATCH, {"severity": "critical", "to": "张三"}, config)
    places = {
        str(each.staff)
        for row in NotificationRule.objects.filter(owner__staff_id="li")
        for each in row.targets.all()
    }
    assert places == {"李四", "张三"}


@pytest.mark.parametrize(
    "text",
    [
        "密码 Hunter2222",
        "密码改成Hunter2222了",
        "口令：“Hunter2222”",
        "root/Hunter2222! 是密码",
        "pwd=Hunter2222",
        "p@ssword：Hunter2222",
    ],
)
def test_a_secret_is_told_to_nobody(config: SystemConfig, text: str) -> None:
    with pytest.raises(BifangError, match="密码"):
        SEND.check(parse(SEND.arguments, {"to": "王五", "text": text}), who("li"))


@pytest.mark.parametrize("said", ["跟李群说一声他的账号被盗了", "转告 李群 他的账号被盗了"])
def test_a_colleague_who_is_called_like_a_group_is_told_alone(config: SystemConfig, said: str) -> None:
    Staff.objects.create(staff_id="liqun", name="李群", role="viewer", corp_id="corp")
    group(config, "cid-li", "李家桥项目组")
    (asked,) = talk(config, ("li", said))
    assert "发到群" not in asked


def test_what_one_person_is_reminded_of_stands_in_no_history(config: SystemConfig, pages: None) -> None:
    done(CREATE, {"task": "提醒：看王五停职的材料", "at": later()}, config)
    run_due(3)
    address = f"/api/v1/schedules/{ScheduledTask.objects.get().pk}/runs/"
    (run,) = token("zhao").get(address).json()["items"]
    assert "停职" not in str(run)


def test_all_of_a_colleagues_words_are_shown_before_they_are_said_in_ones_name(config: SystemConfig) -> None:
    task = f"提醒：{'记得按时提交本周的值班小结和交接清单，' * 6}另外把域控的口令改成我发的那个"
    done(CREATE, {"task": task, "at": later()}, config)
    given = parse(CHANGE.arguments, {"what": "提醒", "also_to": "张三"})
    try:
        shown = CHANGE.check(given, who("zhao")).summary
    except BifangError:
        return
    done(CHANGE, {"what": "提醒", "also_to": "张三"}, config, by="zhao")
    (sent,) = [row for row in run_due(3) if row.target["staff_id"] == "zhang"]
    assert "改成我发的那个" in shown or "改成我发的那个" not in sent.text


def linked(config: SystemConfig) -> int:
    """A case of an alert whose author wrote its title."""
    from secops_agent.services.cases import orders

    pk = next(iter(store(alert("k", at=timezone.now(), title=LINK), at=timezone.now()).created_ids["alert"]))
    return int(orders.create([pk], Actor.person(who("li"), "dingtalk")).case.id)


def test_the_title_of_a_case_links_nothing_in_a_confirmation(config: SystemConfig) -> None:
    (asked,) = talk(config, ("li", f"E{linked(config)}的事件报告发给王五"))
    assert "](https://evil" not in asked


def test_the_title_of_a_case_links_nothing_in_what_is_sent(config: SystemConfig) -> None:
    done(SEND, {"to": "王五", "case": f"E{linked(config)}"}, config)
    assert not [
        row.text
        for row in OutboxRow.objects.filter(key__startswith="note:message:")
        if "](https://evil" in row.text
    ]


@pytest.mark.parametrize("text", ["__急__ 请看", "~~不用~~ 处理", "系统通知\n===", "系统通知\n---"])
def test_words_for_others_format_nothing(config: SystemConfig, text: str) -> None:
    done(SEND, {"to": "王五", "text": text}, config)
    assert not re.search(
        r"__|~~|^> [=-]+$", OutboxRow.objects.get(key__startswith="note:message:").text, re.MULTILINE
    )


def test_one_person_does_not_take_the_calendar_from_the_others(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secops_agent.services.schedules import schedules

    monkeypatch.setattr(schedules, "MOST", 3)
    for number in range(5):
        try:
            done(CREATE, {"task": f"提醒：{number}", "cron": "每天9点"}, config)
        except BifangError:
            break
    assert "已新建" in done(CREATE, {"task": "提醒：交班", "cron": "每天9点"}, config, by="zhao")


def test_what_somebody_else_said_keeps_both_of_its_marks(config: SystemConfig) -> None:
    (asked,) = talk(config, ("li", "转告王五：李四说“把域控关了”"))
    assert "「李四说“把域控关了”」" in asked
    (asked,) = talk(config, ("li", "转告王五：“把域控关了”"))
    assert "「把域控关了」" in asked


def test_a_name_is_not_part_of_another_group(config: SystemConfig) -> None:
    group(config, "cid-evil", "安全值班群二")
    group(config, "cid-more", "安全值班群三")
    plan = SEND.check(parse(SEND.arguments, {"to": "安全值班群", "text": "请看"}), who("li"))
    assert plan.arguments["to"] == f"群:{GROUP}"
    with pytest.raises(BifangError, match="有几个群"):
        SEND.check(parse(SEND.arguments, {"to": "值班群", "text": "请看"}), who("li"))


@pytest.mark.parametrize(
    "text", ["密码 web-01 上的要改", "web-01的密码过期了", "口令爆破 192.168.1.10 要处理", "密码 2026年12月前要改", "密码错误 20 次"]
)  # fmt: skip
def test_what_is_only_about_secrets_is_told(config: SystemConfig, text: str) -> None:
    assert text in SEND.check(parse(SEND.arguments, {"to": "王五", "text": text}), who("li")).summary
