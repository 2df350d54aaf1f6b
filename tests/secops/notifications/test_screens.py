"""Rules, rotas, silences and holidays made by people on the pages."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import KnownGroup
from bifang.core.configuration import configs
from secops_agent.models import (
    AlertMessage,
    AuditRecord,
    CalendarDay,
    NotificationRule,
    NotificationTarget,
    OnCallLayer,
    OnCallSchedule,
    Role,
    Silence,
    Staff,
)
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.preview import preview
from secops_agent.services.notifications.rules import draft_name
from tests.admin_pages import (
    SYSTEM,
    dingtalk,
    known_group,
    member,
    rule,
    serve_plain_static,
    superuser,
    text_of,
)
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db
ADD = "admin:secops_agent_notificationrule_add"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def errors_of(response: Any) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def filled(**changes: Any) -> dict[str, Any]:
    """A rule as a person fills it in."""
    values = {
        "name": "生产严重告警", "enabled": "on", "severities": ["critical"], "on": ["new", "risen"], "sources": "waf，suricata",
        "days": "all", "quiet_from": "22:00", "quiet_until": "07:00", "always": ["critical"], "after_0": "5", **changes,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def test_rule_is_made_with_a_group_chosen_by_name() -> None:
    config = dingtalk(corp_id="dingcorp")
    known_group(config, "cid-own")
    staff = Staff.objects.create(staff_id="wangwu", name="王五", corp_id="dingcorp")
    client = superuser()
    page = text_of(client.get(reverse(ADD)))
    assert "安全值班群" in page
    assert "由 李四（lisi） 得知" in page
    chosen = {"targets": [f"group:{config.pk}:cid-own"], "to_0": [f"person:{config.pk}:{staff.pk}"]}
    response = client.post(reverse(ADD), filled(**chosen))
    assert response.status_code == 302, errors_of(response)
    made = NotificationRule.objects.get(name="生产严重告警")
    assert made.conditions["sources"] == ["waf", "suricata"]
    assert made.hours["quiet_from"] == "22:00:00"
    assert made.escalate == [5]
    kinds = made.targets.values_list("step", "kind", "conversation_id", "staff__staff_id")
    assert set(kinds) == {(None, "group", "cid-own", None), (0, "person", "", "wangwu")}
    assert AuditRecord.objects.filter(subject=f"rule:{made.pk}").exists()


def test_group_of_another_corporation_cannot_be_chosen() -> None:
    config = dingtalk(corp_id="dingcorp")
    group = known_group(config, "cid-foreign", "别家的群")
    type(group).objects.update(corp_id="dingother")
    client = superuser()
    assert "别家的群" not in text_of(client.get(reverse(ADD)))
    response = client.post(reverse(ADD), filled(targets=[f"group:{config.pk}:cid-foreign"]))
    assert "targets" in errors_of(response)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"targets": None}, "targets"),
        ({"on": None}, "on"),
        ({"quiet_until": None}, "quiet_until"),
        ({"quiet_until": "22:00"}, "quiet_until"),
        ({"after_0": None, "to_0": True}, "after_0"),
        ({"name": "已有的"}, "name"),
        ({"sources": "x" * 600}, "sources"),
        ({"owners": "nobody"}, "owners"),
    ],
)
def test_fault_stands_at_its_field(changes: dict[str, Any], field: str) -> None:
    rule("已有的")
    config = dingtalk()
    group = f"group:{config.pk}:{known_group(config).conversation_id}"
    given = filled(targets=[group]) | changes
    given |= {"to_0": [group]} if changes.get("to_0") else {}
    response = superuser().post(
        reverse(ADD), {name: each for name, each in given.items() if each is not None}
    )
    assert response.status_code == 200
    assert list(errors_of(response)) == [field]
    assert NotificationRule.objects.filter(enabled=True).count() == 1


def test_saving_an_unchanged_rule_changes_nothing_and_renaming_keeps_it() -> None:
    made = rule("旧名", on=["new", "sla_broken"])
    targets = set(made.targets.values_list("pk", flat=True))
    address = reverse("admin:secops_agent_notificationrule_change", args=[made.pk])
    client = superuser()
    form = client.get(address).context["adminform"].form
    given = {
        name: value for name in form.fields if (value := form[name].value()) not in (None, "", [], False)
    }
    given |= {"enabled": "on"}
    assert client.post(address, given).status_code == 302
    assert not AuditRecord.objects.filter(subject=f"rule:{made.pk}", text__contains="修改").exists()
    assert client.post(address, given | {"name": "新名"}).status_code == 302
    made.refresh_from_db()
    assert made.name == "新名"
    assert set(made.targets.values_list("pk", flat=True)) == targets


@pytest.mark.slow
def test_what_is_seldom_changed_is_folded_and_its_line_tells_the_value() -> None:
    made = rule("特别", sources=["waf"])
    page = superuser().get(reverse("admin:secops_agent_notificationrule_change", args=[made.pk]))
    open_now = [each for each in page.context["adminform"] if "collapse" not in each.classes]
    assert [each.name for each in open_now] == [None, "哪些告警", "发给谁", "什么时候", "现在能否送达"]
    text = text_of(page)
    assert re.search("更多条件：什么事、资产、来源、检测规则 ¦ [^¦]*来源 waf", text)
    assert re.search("没有人处理时 ¦ 第 1 步：再等几分钟 5 · 通知谁 值班", text)


@pytest.mark.parametrize(
    ("like", "place"),
    [("critical", "group"), ("on_call", "on_call"), ("night", "on_call"), ("exploited", "group")],
)
def test_a_new_rule_begins_with_a_usual_one_and_can_be_saved(like: str, place: str) -> None:
    rule("已有的")  # its group and its rota are there to be told
    client = superuser()
    page = client.get(f"{reverse(ADD)}?like={like}")
    form = page.context["adminform"].form
    given = {
        name: value for name in form.fields if (value := form[name].value()) not in (None, "", [], False)
    }
    told = client.post(reverse("admin:secops_agent_notificationrule_preview"), given).json()["text"]
    assert ("全天发送，其余时间仍会发：已有的" in told) == (like == "night"), told
    assert client.post(reverse(ADD), given | {"enabled": "on"}).status_code == 302
    made = NotificationRule.objects.latest("pk")
    listed = text_of(client.get(reverse("admin:secops_agent_notificationrule_changelist")))
    assert ("只在 08:00 到 22:00 发，严重随时发" in listed) == (like == "night")
    assert [each.kind for each in made.targets.filter(step=None)] == [place]
    assert made.conditions["severities"]


def test_analyst_sees_rules_and_changes_none() -> None:
    made = rule()
    client = member(Role.ANALYST)
    address = reverse("admin:secops_agent_notificationrule_change", args=[made.pk])
    assert "安全值班群" in text_of(client.get(address))
    assert client.post(address, filled()).status_code == 403
    assert client.get(reverse(ADD)).status_code == 403
    assert client.get(reverse("admin:channels_knowngroup_changelist")).status_code == 200


def test_target_that_cannot_be_reached_is_shown_with_its_remedy() -> None:
    made = rule()
    config = made.targets.first().config
    NotificationTarget.objects.filter(rule=made).update(last_error="机器人已被移出群：请重新添加。")
    configs.set_enabled(config, False)
    client = superuser()
    assert "机器人已被移出群" in text_of(
        client.get(reverse("admin:secops_agent_notificationrule_changelist"))
    )
    page = client.get(reverse("admin:secops_agent_notificationrule_change", args=[made.pk]))
    assert "已停用：请启用它" in text_of(page)


def test_new_configuration_has_one_draft_and_it_is_made_once() -> None:
    config = dingtalk("演示")
    draft = NotificationRule.objects.get(name=draft_name("演示"))
    assert not draft.enabled
    assert not draft.targets.exists()
    assert draft.conditions == {"severities": ["critical", "high"]}
    draft.delete()
    configs.save("dingtalk", "演示", True, {"client_id": "another"}, config=config)
    assert not NotificationRule.objects.exists()


def test_whoever_archives_a_configuration_is_told_which_rules_use_it() -> None:
    made = rule("夜间告警")
    config = made.targets.first().config
    page = superuser().get(reverse("admin:core_systemconfig_delete", args=[config.pk]))
    assert "通知规则「夜间告警」通过它发送" in text_of(page)


@pytest.mark.slow
def test_whoever_takes_someone_out_of_use_is_told_which_rules_use_them_and_asked() -> None:
    made = rule("夜间告警")
    staff = Staff.objects.create(staff_id="wangwu", name="王五", role="analyst")
    made.targets.create(kind="person", config=made.targets.first().config, staff=staff)
    client, address = superuser(), reverse("admin:secops_agent_staff_change", args=[staff.pk])
    assert "仍然停用" in text_of(client.get(address))
    form = {"name": "王五", "staff_id": "wangwu", "corp_id": "", "role": "analyst"}
    refused = client.post(address, form)
    assert "通知规则「夜间告警」发给他" in "".join(errors_of(refused)["sure"])
    assert client.post(address, form | {"sure": "on"}).status_code == 302
    assert not Staff.objects.get(pk=staff.pk).active
    page = text_of(client.get(reverse("admin:secops_agent_staff_delete", args=[staff.pk])))
    assert "规则「夜间告警」→ 个人 王五" in page


def test_schedule_that_a_rule_uses_is_not_deleted_and_the_rule_is_named() -> None:
    made = rule("夜间告警")
    rota = made.targets.get(kind="on_call").schedule
    address = reverse("admin:secops_agent_oncallschedule_delete", args=[rota.pk])
    client = superuser()
    assert "规则「夜间告警」→ 值班人" in text_of(client.get(address))
    client.post(address, {"post": "yes"})
    assert OnCallSchedule.objects.filter(pk=rota.pk).exists()


def test_group_that_nobody_confirmed_is_marked_on_its_rule() -> None:
    made = rule("夜间告警")
    KnownGroup.objects.all().delete()
    client = superuser()
    assert "目标有问题" in text_of(client.get(reverse("admin:secops_agent_notificationrule_changelist")))
    page = client.get(reverse("admin:secops_agent_notificationrule_change", args=[made.pk]))
    assert "还没有人 @ 过机器人" in text_of(page)


def test_preview_counts_messages_as_they_would_be_told() -> None:
    made = rule(escalate=[])
    now = timezone.now()
    for number in range(3):
        store(alert(f"k{number}", rule_name="同一规则", assets=(host("web-01"),)), at=now)
    store(alert("low", severity="low"), alert("other"), at=now)
    told = preview(made)
    assert (told.alerts, told.messages) == (4, 2)
    assert "按最近 7 天的告警，这条规则会发送 2 次" in str(told)
    crowd = (alert(f"k{number}", rule_id="R1", assets=(host(f"h{number}"),)) for number in range(100))
    store(*crowd, *(alert(f"rule{number}") for number in range(50)), at=now)
    told = preview(made)
    assert told.messages == 2  # all within a minute: one of the detection rule, one of all the others
    assert "其中 2 次突发归并了 149 条" in str(told)
    assert preview(made, now + timedelta(days=8)).messages == 0


def layers(**changes: Any) -> dict[str, Any]:
    """The form of a schedule of one layer."""
    first = {
        "people": "李四，王五", "rotation": "daily", "shift_hours": "12", "start": "2026-01-05", "handover": "09:00", "days": "all",
        "hours_from": "", "hours_until": "", **changes,
    }  # fmt: skip
    management = {
        f"{prefix}-{name}": value
        for prefix, total in (("layers", 1), ("overrides", 0))
        for name, value in {"TOTAL_FORMS": total, "INITIAL_FORMS": 0}.items()
    }
    return {"name": "夜班", "enabled": "on", **management, **{f"layers-0-{k}": v for k, v in first.items()}}


def test_schedule_is_made_of_people_who_are_offered() -> None:
    for staff_id, name in (("lisi", "李四"), ("wangwu", "王五")):
        Staff.objects.create(staff_id=staff_id, name=name)
    client = superuser()
    address = reverse("admin:secops_agent_oncallschedule_add")
    response = client.post(address, layers(hours_from="22:00", hours_until="06:00"))
    assert response.status_code == 302, response.content.decode()
    made = OnCallSchedule.objects.get(name="夜班")
    assert [each.staff.name for each in made.layers.get().members.all()] == ["李四", "王五"]
    page = client.get(reverse("admin:secops_agent_oncallschedule_change", args=[made.pk])).content.decode()
    assert '<option value="王五">wangwu</option>' in page
    looked_at = member(Role.VIEWER).get(reverse("admin:secops_agent_oncallschedule_change", args=[made.pk]))
    assert "wangwu" not in looked_at.content.decode(), "the list of people is not theirs to read"
    assert AuditRecord.objects.filter(subject=f"on_call:{made.pk}").count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"people": "没有这人"}, "不在人员名单中"),
        ({"people": "重名"}, "请写员工 ID"),
        ({"people": " ， "}, "请至少写一位值班人"),
        ({"hours_from": "22:00"}, "要一起填写"),
    ],
)
def test_schedule_that_cannot_be_is_refused(changes: dict[str, Any], text: str) -> None:
    for staff_id, name in (("lisi", "李四"), ("wangwu", "王五"), ("c1", "重名"), ("c2", "重名")):
        Staff.objects.create(staff_id=staff_id, name=name)
    response = superuser().post(reverse("admin:secops_agent_oncallschedule_add"), layers(**changes))
    assert response.status_code == 200
    assert text in text_of(response)
    assert not OnCallSchedule.objects.exists()


def silence_form(**changes: Any) -> dict[str, Any]:
    store(alert(assets=(host("web-01"),)))
    local = timezone.localtime()
    when = {"starts_at_0": f"{local:%Y-%m-%d}", "starts_at_1": f"{local:%H:%M:%S}"}
    return {
        "scope": "asset",
        "value": "web-01",
        "minutes": "60",
        "weeks": "1",
        "reason": "维护",
        **when,
        **changes,
    }


def test_analyst_makes_and_ends_a_silence() -> None:
    client = member(Role.ANALYST)
    response = client.post(reverse("admin:secops_agent_silence_add"), silence_form())
    assert response.status_code == 302, errors_of(response)
    made = Silence.objects.get()
    assert silences.active(timezone.now()) == [made]
    page = client.get(reverse("admin:secops_agent_silence_change", args=[made.pk]))
    assert "现在结束" in text_of(page)
    client.post(reverse("admin:secops_agent_silence_end", args=[made.pk]))
    assert silences.active(timezone.now()) == []


def test_several_silences_are_ended_once_that_is_agreed_to() -> None:
    rows = [silences.silence("all", "", 60, SYSTEM, f"维护 {number}") for number in range(2)]
    client, address = member(Role.ANALYST), reverse("admin:secops_agent_silence_changelist")
    end = {"action": "end_now", "_selected_action": [row.pk for row in rows]}
    asked = text_of(client.post(address, end))
    assert "结束：2 条静默" in asked
    assert "留存的消息汇总成一条发出" in asked
    assert len(silences.active(timezone.now())) == 2
    client.post(address, end | {"agreed": "1"})
    assert silences.active(timezone.now()) == []


@pytest.mark.parametrize(("state", "reason"), [("now", "现在的"), ("later", "以后的"), ("over", "过去的")])
def test_silences_are_listed_by_where_they_stand(state: str, reason: str) -> None:
    now = timezone.now()
    for start, name in ((-1, "现在的"), (2, "以后的"), (-9, "过去的")):
        begun = now + timedelta(hours=start)
        Silence.objects.create(
            scope="all", starts_at=begun, ends_at=begun + timedelta(hours=3), reason=name, made_by="系统"
        )
    text = text_of(superuser().get(reverse("admin:secops_agent_silence_changelist"), {"state": state}))
    assert [each for each in ("现在的", "以后的", "过去的") if each in text] == [reason]


def asked_of_rule(client: Client, made: NotificationRule | None, **changes: Any) -> Any:
    name = "admin:secops_agent_notificationrule_preview"
    address = reverse(f"{name}_of", args=[made.pk]) if made else reverse(name)
    return client.post(address, filled(**changes))


def test_rule_is_told_in_words_while_it_is_filled_in_and_nothing_is_saved() -> None:
    config = dingtalk(corp_id="dingcorp")
    known_group(config, "cid-own")
    staff = Staff.objects.create(staff_id="wangwu", name="王五", corp_id="dingcorp")
    store(alert("a", source="waf", severity="critical"), at=timezone.now())
    drafts = NotificationRule.objects.count()
    chosen = {"targets": [f"group:{config.pk}:cid-own"], "to_0": [f"person:{config.pk}:{staff.pk}"]}
    told = asked_of_rule(superuser(), None, name="", sources="waf", after_1="7", **chosen).json()
    assert told["known"]
    lines = told["text"].splitlines()
    assert lines[0] == "严重；来源 waf；新告警、级别升高 → 群 安全值班群"
    assert lines[1:3] == ["5 分钟没有人处理 → 个人 王五", "12 分钟没有人处理 → 所有管理员"]
    assert lines[3] == "同一条检测规则 60 秒内从第 10 条起归并为一条消息"
    assert lines[4] == "按最近 7 天的告警，这条规则会发送 1 次（1 条告警符合条件）。"
    assert NotificationRule.objects.count() == drafts


def test_a_new_rule_picks_the_rota_with_people_and_says_when_nobody_would_be_woken() -> None:
    made = rule("已有的")
    (layer,) = OnCallLayer.objects.all()
    OnCallLayer.objects.update(days="all")
    OnCallLayer.objects.update(start="2020-01-06")
    config, manned = made.targets.first().config, layer.schedule
    empty = OnCallSchedule.objects.create(name="0 空的")
    client = superuser()
    form = client.get(f"{reverse(ADD)}?like=night").context["adminform"].form
    keys = [f"on_call:{config.pk}:{each.pk}" for each in (manned, empty)]
    assert form["targets"].value() == keys[:1]
    told = [asked_of_rule(client, None, targets=each).json()["text"] for each in (keys[1:], keys[:1], keys)]
    nobody = "值班表「0 空的」没有人值班，叫不醒任何人"
    assert [each.count(nobody) for each in told] == [1, 0, 1]
    OnCallLayer.objects.update(hours_from="22:00", hours_until="06:00")
    told = [asked_of_rule(client, None, targets=each).json()["text"] for each in (keys[:1], keys)]
    assert all(re.search("两周内有 1[45] 段时间没有人，那时叫不醒任何人", each) for each in told)


def test_what_a_rule_lacks_is_said_with_its_field() -> None:
    told = asked_of_rule(superuser(), None, owners="nobody").json()
    assert not told["known"]
    assert told["text"].startswith("资产负责人：")


def test_only_those_who_may_change_a_rule_ask_what_it_would_do() -> None:
    made, root = rule("夜间告警"), superuser()
    assert asked_of_rule(root, made).json()["known"]
    assert root.post(reverse("admin:secops_agent_notificationrule_preview_of", args=[0])).status_code == 404
    assert root.get(reverse("admin:secops_agent_notificationrule_preview")).status_code == 403
    page = reverse("admin:secops_agent_notificationrule_change", args=[made.pk])
    assert b"data-preview-url" in root.get(page).content
    for client in (member(Role.ANALYST), member(Role.VIEWER)):
        assert asked_of_rule(client, made).status_code == 403
        assert asked_of_rule(client, None).status_code == 403
        assert b"data-preview-url" not in client.get(page).content, "it does not ask what it may not"


@pytest.mark.parametrize("changes", [{"scope": "all", "value": ""}, {"minutes": "2000"}])
@pytest.mark.parametrize(("role", "may"), [(Role.ANALYST, False), (Role.APPROVER, True)])
def test_wide_silence_needs_an_approver(changes: dict[str, Any], role: Role, may: bool) -> None:
    response = member(role).post(reverse("admin:secops_agent_silence_add"), silence_form(**changes))
    assert (response.status_code == 302) is may
    assert Silence.objects.exists() is may


def test_viewer_ends_no_silence() -> None:
    made = silences.silence("all", "", 60, SYSTEM)
    answer = member(Role.VIEWER).post(reverse("admin:secops_agent_silence_end", args=[made.pk]))
    assert answer.status_code == 403
    assert silences.active(timezone.now()) == [made]


def test_silence_of_something_unknown_is_refused_at_its_field() -> None:
    response = member(Role.ANALYST).post(
        reverse("admin:secops_agent_silence_add"), silence_form(value="web-02")
    )
    assert "是否指：web-01" in "".join(errors_of(response)["value"])


def test_weekly_window_is_one_row_a_week_and_the_alert_is_marked_meanwhile() -> None:
    client = member(Role.ANALYST)
    response = client.post(reverse("admin:secops_agent_silence_add"), silence_form(weeks="3"))
    assert response.status_code == 302, errors_of(response)
    starts = list(Silence.objects.order_by("starts_at").values_list("starts_at", flat=True))
    assert [later - starts[0] for later in starts] == [timedelta(0), timedelta(weeks=1), timedelta(weeks=2)]
    page = client.get(reverse("admin:secops_agent_silence_change", args=[Silence.objects.earliest("pk").pk]))
    assert "现在覆盖 1 条未关闭的告警（高危 1），资产 web-01" in text_of(page)
    assert "不发送它的消息" in text_of(client.get(reverse("web:alerts")))


@pytest.mark.parametrize(
    ("query", "known", "text"),
    [
        ("scope=asset&value=web-01", True, "现在覆盖 1 条"),
        ("scope=tag&value=生产", False, "没有资产标签「生产」"),
        ("scope=asset&value=", True, ""),
        (
            "scope=all&minutes=60&starts_at_0=2199-01-01&starts_at_1=10:00:00",
            True,
            "到 2199-01-01 11:00:00 结束",
        ),
    ],
)
def test_form_asks_what_a_silence_would_cover(query: str, known: bool, text: str) -> None:
    store(alert(assets=(host("web-01"),)))
    asked = reverse("admin:secops_agent_silence_preview")
    given = QueryDict(query)
    answer = member(Role.ANALYST).post(asked, given).json()
    assert answer["known"] is known
    assert text in answer["text"]
    assert member(Role.VIEWER).post(asked, given).status_code == 403


@pytest.mark.parametrize("how", ["file", "text"])
def test_holidays_are_imported(how: str) -> None:
    table = "date,working,name\n2031-01-01,0,元旦\n2031-01-04,1,调休\n"
    given = {"text": table} if how == "text" else {"file": SimpleUploadedFile("days.csv", table.encode())}
    assert upload(given).status_code == 302
    assert dict(CalendarDay.objects.filter(date__year=2031).values_list("name", "working")) == {
        "元旦": False, "调休": True,
    }  # fmt: skip


@pytest.mark.parametrize("given", [{}, {"text": "date,working\n2031-13-01,0"}, {"text": "nothing"}])
def test_wrong_table_of_holidays_is_refused(given: dict[str, Any]) -> None:
    before = CalendarDay.objects.count()
    assert "bf-error" in upload(given).content.decode()
    assert CalendarDay.objects.count() == before


def upload(given: dict[str, Any]) -> Any:
    client: Client = superuser()
    return client.post(reverse("admin:secops_agent_calendarday_import"), given)


@pytest.mark.parametrize("name", ["notificationrule", "alertmessage"])
def test_a_list_looks_the_groups_of_all_its_rows_up_at_once(name: str) -> None:
    client, cost = superuser(), []
    for _ in range(2):
        for _ in range(4):
            made, now = rule(escalate=[]), timezone.now()
            target = made.targets.get(kind="group")
            AlertMessage.objects.create(target=target, destination=str(target.pk), opened_at=now, due_at=now)
        page = reverse(f"admin:secops_agent_{name}_changelist")
        assert text_of(client.get(page)).count("安全值班群") >= 4 * (len(cost) + 1)
        with CaptureQueriesContext(connection) as queries:
            client.get(page)
        cost.append(len(queries))
    assert cost[0] == cost[1]
