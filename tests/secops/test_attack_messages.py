"""Attacks on what is told to others: messages, reminders, reports, watches and what is set in the calendar. Each of these fails today."""

import contextlib
import re
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import KnownGroup, OutboxRow
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.models import (
    NotificationRule,
    OnCallLayer,
    OnCallMember,
    OnCallSchedule,
    Proposal,
    ScheduledTask,
    Staff,
)
from secops_agent.models.automation.proposal import ProposalState
from secops_agent.services.actors import Actor
from secops_agent.services.people.staff import Person, find_person
from secops_agent.services.schedules import runs
from secops_agent.tasks.runner import run_next_task
from secops_agent.tools.arguments import parse
from secops_agent.tools.definitions import Asker
from secops_agent.tools.incidents import watches
from secops_agent.tools.operations import messages, schedule_changes
from secops_agent.tools.operations import schedules as tool
from tests.scripted_model import call
from tests.secops.decisions_aid import GROUP, company, robot, talk
from tests.secops.inventory_aid import alert, host, store
from tests.secops.test_told_later import origin

pytestmark = pytest.mark.django_db
CODE = re.compile(r"(?<![A-Z0-9])[A-Z][A-Z2-9]{5}(?![A-Z0-9])")
SEND, CREATE, WATCH = messages.TOOLS[0], tool.TOOLS[1], watches.TOOLS[0]
CHANGE, DELETE = schedule_changes.TOOLS
LINK = "[点这里重新登录](https://evil.example/x)"


@pytest.fixture
def config(db: Any) -> SystemConfig:
    made = company()
    for staff_id, name in (("li", "李四"), ("wang", "王五"), ("zhang", "张三")):
        Staff.objects.filter(staff_id=staff_id).update(name=name)
    group(made, GROUP, "安全值班群")
    return made


def group(config: SystemConfig, conversation: str, title: str, corp: str = "corp") -> None:
    now = timezone.now()
    KnownGroup.objects.create(
        config=config,
        conversation_id=conversation,
        title=title,
        corp_id=corp,
        learned_at=now,
        last_seen_at=now,
    )


def who(staff_id: str, corp: str = "corp") -> Person:
    found = find_person(corp, staff_id)
    assert found is not None
    return found


def done(
    definition: Any, arguments: dict[str, Any], config: SystemConfig, by: str = "li", corp: str = "corp"
) -> str:
    """Checked and done, as for what `by` confirmed; counted as a confirmed proposal is."""
    person = who(by, corp)
    plan = definition.check(parse(definition.arguments, arguments), person)
    given = parse(definition.arguments, plan.arguments)
    now = timezone.now()
    Proposal.objects.create(
        code=f"C{Proposal.objects.count():05}", config_id=config.pk, conversation_id="x", corp_id=corp, tool=definition.name, title="x",
        risk="write", arguments=dict(plan.arguments), summary=plan.summary, asked_by=Staff.objects.get(staff_id=by, corp_id=corp),
        asker_id=by, asker_name=by, state=ProposalState.CONFIRMED, created_at=now, decided_at=now, expires_at=now, target={},
    )  # fmt: skip
    actor = Actor.person(person, "dingtalk")
    if definition.act_there:
        return str(definition.act_there(given, actor, origin(config)))
    return str(definition.act(given, actor))


def confirmed(config: SystemConfig, by: str, text: str, **more: Any) -> str:
    """Said and confirmed in a chat, through the whole agent."""
    (asked,) = talk(config, (by, text), **more)
    code = CODE.search(asked)
    assert code, asked
    return talk(config, (by, f"提交 {code[0]}"), **more)[0]


def later(hours: int = 2) -> str:
    return f"{timezone.localtime() + timedelta(hours=hours):%Y-%m-%d %H:%M}"


def run_due(hours: float = 24.1) -> list[OutboxRow]:
    """Everything that is due until then is done once; what is said of it."""
    runs.start_due(timezone.localtime() + timedelta(hours=hours))
    while "没有等待" not in run_next_task():
        pass
    return list(OutboxRow.objects.filter(key__startswith="note:report:").order_by("pk"))


# 1 the recipients that were shown and confirmed are dropped when it is done


def test_what_was_confirmed_for_one_person_is_not_told_to_the_group(config: SystemConfig) -> None:
    confirmed(config, "li", "10分钟后叮王五看jump-01")
    row = ScheduledTask.objects.get()
    assert (row.kind, row.conversation_id, str(row.staff)) == ("person", "", "王五")


def test_a_report_that_was_confirmed_for_one_person_goes_to_them(config: SystemConfig) -> None:
    confirmed(config, "li", "每天9点把日报发给王五", is_group=False, conversation="cid-own")
    assert ScheduledTask.objects.get().staff == Staff.objects.get(staff_id="wang")


def test_a_watch_that_was_confirmed_for_somebody_is_told_to_them(config: SystemConfig) -> None:
    store(alert("k", at=timezone.now(), assets=(host("web-01", "10.0.0.1"),)), at=timezone.now())
    confirmed(config, "li", "帮王五也盯上web-01，有新的叫他")
    targets = NotificationRule.objects.get(owner__staff_id="li").targets.all()
    assert [(each.kind, str(each.staff)) for each in targets] == [("person", "王五")]


def test_one_more_recipient_that_was_confirmed_is_added(config: SystemConfig) -> None:
    done(CREATE, {"task": "日报", "cron": "每天7点"}, config)
    confirmed(config, "li", "日报也抄一份给张三，以后天天都抄")
    assert ScheduledTask.objects.filter(staff__staff_id="zhang").exists()


# 2 words for others by another door: not cleaned, not counted


def test_a_secret_does_not_go_to_others_as_one_more_recipient(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：密码是 Hunter2222", "at": later()}, config)
    with pytest.raises(BifangError, match="密码"):
        done(CHANGE, {"what": "提醒", "also_to": "张三"}, config)


def test_one_more_recipient_counts_as_a_message(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "AN_HOUR", 1)
    for number in range(3):
        done(CREATE, {"task": f"提醒：烦你第{number}次", "at": later()}, config)
    with pytest.raises(BifangError, match="一小时内最多"):  # noqa: PT012
        for number in ScheduledTask.objects.values_list("pk", flat=True):
            done(CHANGE, {"schedule_id": number, "also_to": "张三,王五"}, config)


def test_a_watch_for_others_counts_as_a_message(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "AN_HOUR", 1)
    with pytest.raises(BifangError, match="一小时内最多"):  # noqa: PT012
        for level in ("critical", "high", "medium", "low"):
            done(WATCH, {"severity": level, "to": "张三,王五"}, config)


def test_a_message_to_five_is_five_messages(config: SystemConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "AN_HOUR", 3)
    with contextlib.suppress(BifangError):
        done(SEND, {"to": "王五,张三,zhao,sun,wu", "text": "请看"}, config)
    assert OutboxRow.objects.filter(key__startswith="note:message:").count() <= 3


def test_reminders_tell_a_colleague_no_more_often_than_messages_may(config: SystemConfig) -> None:
    for words in ("提醒：一", "提醒：二"):
        with contextlib.suppress(BifangError):
            done(CREATE, {"task": words, "cron": "*/5 * * * *", "to": "张三"}, config)
    start = timezone.localtime()
    for minute in range(0, 61, 5):
        runs.start_due(start + timedelta(minutes=minute + 5))
        while "没有等待" not in run_next_task():
            pass
    told = OutboxRow.objects.filter(key__startswith="note:report:", target__staff_id="zhang")
    assert told.count() <= messages.AN_HOUR


def test_a_reminder_where_a_group_reads_it_counts_as_a_message(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "AN_HOUR", 1)
    for words in ("一", "二", "三"):
        confirmed(config, "li", f"每5分钟提醒我：开会{words}")
    assert ScheduledTask.objects.filter(kind="group").count() <= 1


# 3 rights that were lost since


def test_a_report_goes_to_nobody_whose_role_was_taken_away(config: SystemConfig) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="zhang").update(role="none")
    assert not [row for row in run_due() if "日报" in row.text]


def rota(name: str, *people: Staff) -> OnCallSchedule:
    made = OnCallSchedule.objects.create(name=name)
    layer = OnCallLayer.objects.create(
        schedule=made, rotation="daily", start=date(2026, 1, 1), handover=time(0), position=0
    )
    for position, each in enumerate(people):
        OnCallMember.objects.create(layer=layer, staff=each, position=position)
    return made


def test_a_report_for_who_is_on_call_goes_to_nobody_without_a_role(config: SystemConfig) -> None:
    rota("安全值班", Staff.objects.get(staff_id="wang"))
    done(CREATE, {"task": "未处理的高危告警", "cron": "每天9点", "to": "值班"}, config)
    nobody = Staff.objects.create(staff_id="neo", name="新人", role="none", corp_id="corp")
    OnCallMember.objects.update(staff=nobody)
    assert not [row for row in run_due() if row.target["staff_id"] == "neo"]


def told_of(level: str) -> list[str]:
    """Whom an alert that comes now is told to."""
    from secops_agent.models import AlertMessage
    from secops_agent.services.notifications.delivery import announcing

    store(
        alert(
            f"fresh-{AlertMessage.objects.count()}-{timezone.now().microsecond}",
            at=timezone.now(),
            severity=level,
            assets=(host(f"web-{timezone.now().microsecond}", ""),),
        ),
        at=timezone.now(),
    )
    announcing.step()
    return [str(each.target.staff) for each in AlertMessage.objects.all()]


def test_a_watch_tells_nobody_whose_role_was_taken_away(config: SystemConfig) -> None:
    done(WATCH, {"severity": "critical", "to": "张三", "until_hours": 720}, config)
    Staff.objects.filter(staff_id="zhang").update(role="none")
    told_of("critical")
    assert not OutboxRow.objects.filter(target__staff_id="zhang").exists()


def test_who_may_send_no_messages_any_more_reminds_nobody(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：有事找我", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="li").update(role="viewer")
    assert not [row for row in run_due() if "有事找我" in row.text]


def test_the_words_of_who_left_are_told_to_nobody(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：我的新号码见链接", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="li").update(active=False, role="none")
    assert not [row for row in run_due() if "我的新号码" in f"{row.title}{row.text}"]


def test_what_was_held_is_not_said_in_the_name_of_who_left(config: SystemConfig) -> None:
    from secops_agent.services.schedules import delivery
    from secops_agent.services.switches import NO_SPEECH
    from tests.secops.decisions_aid import switch

    done(CREATE, {"task": "提醒：有事找我", "cron": "每天9点", "to": "张三"}, config)
    switch(NO_SPEECH)
    assert run_due() == []
    Staff.objects.filter(staff_id="li").update(active=False, role="none")
    switch(NO_SPEECH, on=False)
    delivery.release(timezone.now())
    assert not [row for row in run_due(0) if "有事找我" in row.text]


def test_a_failure_links_nothing(config: SystemConfig) -> None:
    done(CREATE, {"task": f"提醒：{LINK}", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="li").update(active=False)
    assert not [row for row in run_due() if "](https://evil" in row.text]


# 4 what belongs to others


def test_a_colleagues_reminder_is_not_said_again_in_their_name_by_somebody_else(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：快点", "at": later(1), "to": "张三"}, config)
    assert len(run_due(2)) == 1
    with pytest.raises(BifangError):
        done(CHANGE, {"schedule_id": ScheduledTask.objects.get().pk, "at": later(3)}, config, by="wang")
    assert len(run_due(4)) == 1


def test_a_colleagues_reminder_is_not_made_a_flood_in_their_name(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：快点", "cron": "每周一 9:00", "to": "张三"}, config)
    try:
        done(CHANGE, {"what": "快点", "cron": "*/5 * * * *"}, config, by="wang")
    except BifangError:
        return
    assert not [row for row in run_due(0.5) if "**李四** 请毕方" in row.text]


@pytest.fixture
def eve(config: SystemConfig) -> SystemConfig:
    other = robot("other", "dingtalk", "另一个企业")
    Staff.objects.create(staff_id="eve", name="伊芙", role="analyst", corp_id="other")
    return other


def unowned(config: SystemConfig) -> ScheduledTask:
    """As a program or a login that is nobody's makes it."""
    from secops_agent.services.schedules import schedules

    given = {
        "task": "日报",
        "cron": "每天7点",
        "target": {"kind": "group", "conversation_id": GROUP, "config": f"{config.kind}/{config.name}"},
    }
    return schedules.save_task(given, Actor.system("apply_configs"))


def test_another_corporation_does_not_end_what_a_program_set_for_us(
    config: SystemConfig, eve: SystemConfig
) -> None:
    unowned(config)
    with pytest.raises(BifangError):
        done(DELETE, {"what": "日报"}, eve, by="eve", corp="other")
    assert ScheduledTask.objects.exists()


def test_another_corporation_does_not_change_what_a_program_set_for_us(
    config: SystemConfig, eve: SystemConfig
) -> None:
    row = unowned(config)
    with pytest.raises(BifangError):
        done(CHANGE, {"schedule_id": row.pk, "cron": "*/5 * * * *"}, eve, by="eve", corp="other")
    row.refresh_from_db()
    assert row.cron == "0 7 * * *"


def test_another_corporation_is_not_told_our_groups(config: SystemConfig, eve: SystemConfig) -> None:
    unowned(config)
    asker = Asker(who("eve", "other"), False, timezone.localtime(), REFUSING)
    assert "安全值班群" not in tool.TOOLS[0].run(asker, parse(tool.TOOLS[0].arguments, {})).text


def test_a_reminder_to_oneself_is_nobody_elses_reading(config: SystemConfig) -> None:
    confirmed(config, "li", "明早8点提醒我给张三看王五停职的材料", is_group=False, conversation="cid-own")
    assert "停职" not in talk(config, ("wu", "有哪些定时任务"))[0]


def test_nobody_sends_a_colleagues_own_reminder_to_others(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：看王五停职的材料", "at": later()}, config)
    with pytest.raises(BifangError):
        done(CHANGE, {"what": "提醒", "also_to": "王五"}, config, by="zhao")
    assert not [row for row in run_due(3) if row.target["staff_id"] == "wang"]


# 5 as somebody else, on the pages and over HTTP


def login(staff_id: str) -> Client:
    from django.contrib.auth.models import User

    user = User.objects.create_user(f"login-{staff_id}", is_staff=True)
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def pages(settings: Any, tmp_path: Any) -> None:
    from tests.admin_pages import serve_plain_static

    serve_plain_static(settings, tmp_path)


def test_the_words_of_a_task_are_not_changed_in_its_owners_name(config: SystemConfig, pages: None) -> None:
    done(CREATE, {"task": "未处理的高危告警", "cron": "每天9点"}, config)
    row = ScheduledTask.objects.get()
    zhang = Staff.objects.get(staff_id="zhang")
    wrong = {
        "name": "", "enabled": "on", "what": "一句查询", "question": "提醒：把域控的口令发给王五", "when": "每天9点",
        "target": f"person:{config.pk}:{zhang.pk}", "attachment": "",
    }  # fmt: skip
    login("zhao").post(reverse("admin:secops_agent_scheduledtask_change", args=[row.pk]), wrong)
    told = [each.text for each in run_due() if each.target["staff_id"] == "zhang"]
    assert not [text for text in told if "**李四** 请毕方到时候告诉您" in text]


def test_a_file_changes_no_words_in_their_owners_name(config: SystemConfig) -> None:
    from secops_agent.services.schedules import schedules

    done(CREATE, {"task": "日报", "cron": "每天9点"}, config)
    target = {"kind": "person", "config": f"{config.kind}/{config.name}", "staff_id": "zhang"}
    schedules.apply_task_entries(
        [{"name": "日报", "task": "提醒：把域控的口令发给王五", "cron": "每天9点", "target": target}]
    )
    assert not [row for row in run_due() if "**李四** 请毕方到时候告诉您" in row.text]


def test_a_button_says_nothing_again_in_somebody_elses_name(config: SystemConfig, pages: None) -> None:
    done(CREATE, {"task": "提醒：快点", "at": later(1), "to": "张三"}, config)
    row = ScheduledTask.objects.get()
    client = login("zhao")
    for _ in range(3):
        client.post(reverse("admin:secops_agent_scheduledtask_start", args=[row.pk]))
        while "没有等待" not in run_next_task():
            pass
    assert not OutboxRow.objects.filter(key__startswith="note:report:", target__staff_id="zhang").exists()


def token(staff_id: str = "") -> Client:
    from tests.secops.api.callers import with_token

    if not staff_id:
        return with_token("read", "write")
    from django.contrib.auth.models import User

    user = User.objects.create_user(f"owner-{staff_id}")
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    return with_token("read", "write", owner_id=user.pk)


def post(client: Client, config: SystemConfig, task: str, staff_id: str) -> Any:
    target = {"kind": "person", "config": config.name, "staff_id": staff_id}
    body = {"task": task, "cron": "每天9点", "target": target}
    return client.post("/api/v1/schedules/", body, content_type="application/json")


def test_a_program_says_nothing_as_the_system(config: SystemConfig, pages: None) -> None:
    post(token(), config, "提醒：请到 sso.evil.example 重新登录", "zhang")
    assert not [row for row in run_due() if "**系统** 请毕方" in row.text]


def test_a_secret_is_told_to_nobody_over_http(config: SystemConfig, pages: None) -> None:
    assert post(token("li"), config, "提醒：密码是 Hunter2222", "zhang").status_code == 400


def test_a_report_goes_to_nobody_without_a_role_over_http(config: SystemConfig, pages: None) -> None:
    Staff.objects.filter(staff_id="zhang").update(role="none")
    post(token("li"), config, "未处理的高危告警", "zhang")
    assert not [row for row in run_due() if row.target["staff_id"] == "zhang"]


def test_reminders_for_others_have_a_pace_over_http(
    config: SystemConfig, pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "AN_HOUR", 1)
    client = token("li")
    codes = [post(client, config, f"提醒：第{number}次", "zhang").status_code for number in range(4)]
    assert codes[-1] >= 400


def test_another_corporation_says_nothing_in_our_group(
    config: SystemConfig, eve: SystemConfig, pages: None
) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点", "to": "群"}, config)
    row = ScheduledTask.objects.get()
    wrong = {
        "name": "", "enabled": "on", "what": "一句查询", "question": "提醒：请到 evil.example 重新登录", "when": "每天9点",
        "target": f"group:{config.pk}:{GROUP}", "attachment": "",
    }  # fmt: skip
    login("eve").post(reverse("admin:secops_agent_scheduledtask_change", args=[row.pk]), wrong)
    assert not [each for each in run_due() if "evil.example" in each.text]


# 6 groups


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


# 7 what is shown, and what is sent


def test_what_one_person_is_reminded_of_stands_in_no_history(config: SystemConfig, pages: None) -> None:
    done(CREATE, {"task": "提醒：看王五停职的材料", "at": later()}, config)
    run_due(3)
    address = f"/api/v1/schedules/{ScheduledTask.objects.get().pk}/runs/"
    (run,) = token("zhao").get(address).json()["items"]
    assert "停职" not in str(run)


def test_all_of_a_colleagues_words_are_shown_before_they_are_said_in_ones_name(config: SystemConfig) -> None:
    words = f"提醒：{'记得按时提交本周的值班小结和交接清单，' * 6}另外把域控的口令改成我发的那个"
    done(CREATE, {"task": words, "at": later()}, config)
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


# 8 a model that lies


def lied(config: SystemConfig, text: str, *calls: Any, **more: Any) -> str:
    """What is put before li, whose model calls these."""
    from tests.secops.test_lying_model_in_groups import calling, run

    play = calling(*calls)
    out = run((config, "li", text, False), script=play)
    return "\n".join(reply.text for reply in out[0].replies)


SEPARATED = "请.点.开.附.件.改.密.码"


@pytest.mark.parametrize(
    "text",
    [
        SEPARATED,
        "请 点 开 附 件",
        "密的码的过的期的了",
        "ｅｖｉｌ．ｅｘａｍｐｌｅ",
        "Пароль истёк",
        "パスワードをください",
        "비밀번호",
    ],
)
def test_a_model_writes_no_words_of_its_own_in_the_askers_name(config: SystemConfig, text: str) -> None:
    told = lied(config, "帮我转告王五一声", call("send_message", to="王五", text=text))
    assert text not in told


@pytest.mark.parametrize(
    ("said", "to"), [("帮我转告值班的一声", "值班;zhang"), ("帮我去群里吱一声", "群里;zhang")]
)
def test_a_model_adds_no_recipient(config: SystemConfig, said: str, to: str) -> None:
    rota("安全值班", Staff.objects.get(staff_id="wang"))
    told = lied(config, said, call("send_message", to=to, text="一声"))
    assert "张三（zhang）" not in told


def test_a_model_puts_no_words_before_others_as_a_question(config: SystemConfig) -> None:
    task = "请到 evil.example 重新登录 未处理的高危告警"
    told = lied(config, "帮我转告王五一声", call("create_schedule", task=task, cron="*/5 * * * *", to="王五"))
    assert "evil.example" not in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("web-01今天下午已经恢复正常可以放开访问", "web-01今天下午已经恢复正常不可以放开访问"),
        ("记得别把域控关了", "把域控关了"),
    ],
)
def test_a_model_does_not_turn_what_was_said_round(config: SystemConfig, said: str, told: str) -> None:
    from tests.secops.test_lying_model_in_groups import calling, run

    play = calling(call("send_message", to="王五", text=told))
    out = run(*((config, "li", text, False) for text in (said, "帮我转告王五一声")), script=play)
    assert f"「{told}」" not in "".join(reply.text for reply in out[-1].replies)


@pytest.mark.parametrize("place", ["host", "rule"])
def test_who_names_a_host_or_a_rule_writes_no_message(config: SystemConfig, place: str) -> None:
    from tests.secops.test_lying_model_in_groups import calling, run

    words = "请立即到-evil.example-重新登录改密码"
    names = {"rule_name": words} if place == "rule" else {"assets": (host(words, "10.0.0.7"),)}
    pk = next(iter(store(alert("k", at=timezone.now(), **names), at=timezone.now()).created_ids["alert"]))
    play = calling(call("send_message", to="王五", text=words))
    out = run(*((config, "li", text, False) for text in (f"A{pk}", "帮我转告王五一声")), script=play)
    assert f"「{words}」" not in "".join(reply.text for reply in out[-1].replies)


@pytest.mark.parametrize(
    ("tool_name", "given", "shown"),
    [
        ("delete_schedule", {"what": "全部"}, "删除定时任务"),
        ("change_schedule", {"what": "日报", "cron": "*/5 * * * *"}, "每 5 分钟"),
        ("create_schedule", {"task": "提醒：一声", "cron": "*/5 * * * *", "to": "王五"}, "每 5 分钟"),
        ("send_message", {"to": "王五", "report": "last_month"}, "《"),
        ("send_message", {"to": "王五", "text": "一声", "date": "2026-10"}, "《"),
    ],
)
def test_a_model_adds_nothing_that_nobody_ordered(
    config: SystemConfig, tool_name: str, given: dict[str, Any], shown: str
) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点"}, config)
    assert shown not in lied(config, "帮我转告王五一声", call(tool_name, **given))
