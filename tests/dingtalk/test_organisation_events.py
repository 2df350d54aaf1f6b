"""What happens in the organisation becomes alerts, once: who leaves, who administers, who listens in a group."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from bifang.channels.models import GroupState, InboxRow, KnownGroup, State
from bifang.channels.queues import inbox
from bifang.core.models import SystemConfig
from dingtalk_integration.handlers import events
from secops_agent.models import Alert, AuditRecord, NotificationTarget, Role, Staff
from secops_agent.services.notifications.targets import Unreachable, resolve
from secops_agent.services.organisation.reactions import FOREIGN
from secops_agent.services.people import tokens
from tests.admin_pages import (
    dingtalk,
    known_group,
    messages_of,
    rule,
    serve_plain_static,
    superuser,
    text_of,
    with_role,
)
from tests.dingtalk.test_intake import make_frame
from tests.dingtalk.test_known_groups import handle, said, turns
from tests.secops.inventory_aid import alert, host, person, store

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]
MONDAY_NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2026, 11, 22, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def tell(
    config: SystemConfig, event_type: str, data: dict[str, Any], *, event_id: str = "e1", corp: str = "dingcorp",
    at: datetime = MONDAY_NOON, killed: bool = False,
) -> str:  # fmt: skip
    """An EVENT frame as DingTalk sends it, through the inbox and its handler; ``killed``: before it was marked."""
    headers = {"eventId": event_id, "eventType": event_type, "eventCorpId": corp}
    headers["eventBornTime"] = str(int(at.timestamp() * 1000))
    body = json.dumps({"timeStamp": headers["eventBornTime"], "eventId": event_id, **data})
    inbox.store([events.normalise(make_frame("event", "*", body, f"frame-{event_id}", headers), config.pk)])
    notes = []
    for turn in inbox.claim("test", 10):
        result = asyncio.run(events.handle(turn, None))  # type: ignore[arg-type]  # nothing is shown
        notes.append(result.note)
        if killed:
            InboxRow.objects.filter(pk=turn.inbox_id).update(state=State.PENDING, owner="", token="")
        else:
            inbox.finish([(turn, result)])
    return "".join(notes)


def leaver(**more: Any) -> Staff:
    return person("lisi", "李四", "approver", corp_id="dingcorp", **more)


@pytest.mark.slow
def test_leaving_revokes_and_lists_what_is_left_behind() -> None:
    config = dingtalk(corp_id="dingcorp")
    user = User.objects.create_user("lisi-web")
    leaver(user=user)
    store(alert("a", assets=(host("web-01", owner="lisi"),)))
    Alert.objects.update(assignee=Staff.objects.get(staff_id="lisi"))
    mine = Alert.objects.get().pk
    _, secret = tokens.create("部署脚本", ["ingest"], owner_id=user.pk)
    tell(config, "user_leave_org", {"userId": ["lisi", "nobody-listed"], "optStaffId": "manager01"})
    assert Staff.objects.get().active is False
    assert tokens.recognise(secret) is None
    found = Alert.objects.get(source="dingtalk_events")
    assert (found.title, found.severity, found.rule_name) == ("人员离职：李四", "high", "人员离职")
    for told in ("角色「审批」", "lisi-web：已失效", "部署脚本", "web-01", f"A{mine}", "操作人：manager01"):
        assert told in found.description
    assert found.payload.raw["metadata"]["uid"] == "e1"
    assert found.payload.raw["class_uid"] == 3001


def test_event_that_comes_again_or_is_interrupted_is_one_alert() -> None:
    config = dingtalk(corp_id="dingcorp")
    leaver()
    tell(config, "user_leave_org", {"userId": ["lisi"]}, killed=True)
    tell(config, "user_leave_org", {"userId": ["lisi"]})
    tell(config, "user_leave_org", {"userId": ["lisi"]})
    InboxRow.objects.update(state=State.PENDING)  # 重新处理
    tell(config, "user_leave_org", {"userId": ["lisi"]})
    assert (Alert.objects.get().count, InboxRow.objects.count()) == (1, 1)
    assert AuditRecord.objects.filter(what="离开企业，停用人员").count() == 1


def test_event_counts_for_nobody_while_it_could_be_of_several_corporations() -> None:
    config = dingtalk()
    staff = person("lisi", "李四", "approver", corp_id="dingcorp")
    person("wangwu", "王五", "viewer", corp_id="dingother")
    assert tell(config, "user_leave_org", {"userId": ["lisi"]}) == FOREIGN
    staff.refresh_from_db()
    assert staff.active
    person("wangwu2", "王五", "viewer", corp_id="")
    Staff.objects.filter(corp_id="dingother").delete()
    assert tell(config, "user_leave_org", {"userId": ["lisi"]}, event_id="e2") != FOREIGN


def test_event_of_another_corporation_changes_nothing() -> None:
    config = dingtalk(corp_id="dingcorp")
    leaver()
    group = known_group(config)
    joined = {"openConversationId": group.conversation_id, "userId": [], "unionId": ["u1"]}
    for corp in ("dingother", ""):
        assert tell(config, "user_leave_org", {"userId": ["lisi"]}, event_id=f"1{corp}", corp=corp) == FOREIGN
        assert tell(config, "org_admin_add", {"userId": ["lisi"]}, event_id=f"2{corp}", corp=corp) == FOREIGN
        assert tell(config, "chat_add_member", joined, event_id=f"3{corp}", corp=corp) == FOREIGN
    assert Staff.objects.get().active
    assert not Alert.objects.exists()
    assert KnownGroup.objects.get().state == GroupState.OPEN


def test_administrators_weigh_more_outside_working_hours() -> None:
    config = dingtalk(corp_id="dingcorp")
    expected = {
        ("org_admin_add", MONDAY_NOON): "high",
        ("org_admin_add", SUNDAY_NIGHT): "critical",
        ("org_admin_remove", MONDAY_NOON): "medium",
        ("org_admin_remove", SUNDAY_NIGHT): "high",
    }
    for event_type, at in expected:
        tell(config, event_type, {"userId": ["lisi"]}, at=at, event_id=f"{event_type} {at}")
    found = Alert.objects.order_by("pk")
    assert [each.severity for each in found] == list(expected.values())
    assert [each.first_seen for each in found] == [at for _, at in expected]
    assert not any("lisi" in each.title for each in found)  # it goes to groups


def test_particulars_are_told_of_those_who_matter_without_their_values() -> None:
    config = dingtalk(corp_id="dingcorp")
    leaver()
    person("guest", "访客", "viewer", corp_id="dingcorp")
    row = {"userid": "lisi", "prev": {"telephone": "13800000000", "name": "李四"}, "curr": {"telephone": "13911111111", "name": "李四"}}  # fmt: skip
    tell(config, "user_modify_org", {"userId": ["lisi", "guest"], "diffInfo": [row]})
    labels = {"userIdList": ["lisi", "guest"], "labelIdList": [1, 2], "action": "add"}
    tell(config, "label_user_change", labels, event_id="e2")
    profile, role = Alert.objects.order_by("pk")
    assert (profile.title, profile.severity) == ("人员资料变更：李四（手机号）", "medium")
    assert "13911111111" not in profile.description
    assert (role.title, role.severity) == ("钉钉角色变更：李四（新增 2 个角色）", "low")


@pytest.mark.slow
def test_other_events_are_kept_and_found_by_their_type() -> None:
    config = dingtalk(corp_id="dingcorp")
    tell(config, "org_dept_modify", {"deptId": [1]})
    tell(config, "something_of_tomorrow", {"userId": ["lisi"]}, event_id="e2")
    assert InboxRow.objects.filter(state=State.DONE).count() == 2
    shown = superuser().get("/admin/channels/inboxrow/?q=something_of_tomorrow")
    assert "事件 something_of_tomorrow" in text_of(shown)
    assert "org_dept_modify" not in text_of(shown)
    assert not Alert.objects.exists()


def test_odd_events_are_handled_and_nothing_comes_of_them() -> None:
    config = dingtalk(corp_id="dingcorp")
    odd: tuple[Any, ...] = ({}, {"userId": None}, {"userId": {"a": 1}}, {"userId": [[1], None, "", True]})
    for event_type in ("user_leave_org", "org_admin_add", "user_modify_org", "chat_add_member"):
        for number, data in enumerate(odd):
            given = {**data, "diffInfo": [1, {"prev": []}], "unionId": {"b": 2}}
            tell(config, event_type, given, event_id=f"{event_type}{number}")
    assert InboxRow.objects.filter(state=State.DONE).count() == 16
    assert not Alert.objects.exists()


def target() -> NotificationTarget:
    """A rule's group, of the corporation of its configuration."""
    rule("严重告警")
    found = NotificationTarget.objects.select_related("config").get(kind="group")
    assert found.config is not None
    found.config.params["corp_id"] = "dingcorp"
    found.config.save()
    return found


def joined(group: NotificationTarget, *, known: int, everybody: int) -> dict[str, Any]:
    return {
        "timeStamp": 1795500000000, "chatId": "chat1", "openConversationId": group.conversation_id, "operator": "lisi",
        "userId": [f"u{n}" for n in range(known)], "unionId": [f"union{n}" for n in range(everybody)],
    }  # fmt: skip


@pytest.mark.slow
def test_outsiders_stop_the_pushing_until_an_administrator_allows_it() -> None:
    group = target()
    config = group.config
    assert config is not None
    tell(config, "chat_add_member", joined(group, known=2, everybody=2))
    assert resolve(group, timezone.now()).target.conversation_id == group.conversation_id
    tell(config, "chat_add_member", joined(group, known=1, everybody=2), event_id="e2", killed=True)
    tell(config, "chat_add_member", joined(group, known=0, everybody=1), event_id="e3")
    found = Alert.objects.get()
    assert (found.title, found.severity) == ("外部人员进入接收告警的群：安全值班群", "critical")
    assert "严重告警" in found.description
    with pytest.raises(Unreachable, match="外部人员"):
        resolve(group, timezone.now())
    row = KnownGroup.objects.get()
    allow = {"action": "allow", "_selected_action": [row.pk]}
    with_role(Role.ANALYST).post("/admin/channels/knowngroup/", allow)
    assert KnownGroup.objects.get().state == GroupState.OUTSIDERS
    root = superuser()
    assert "请先到群里确认" in text_of(root.post("/admin/channels/knowngroup/", allow))
    assert KnownGroup.objects.get().state == GroupState.OUTSIDERS, "asked, and nothing done yet"
    response = root.post("/admin/channels/knowngroup/", allow | {"agreed": "1"}, follow=True)
    assert "已恢复向 1 个群推送" in messages_of(response)
    assert resolve(group, timezone.now()).target.conversation_id == group.conversation_id
    assert AuditRecord.objects.filter(what__endswith="向群推送").count() == 2
    tell(config, "chat_add_member", joined(group, known=0, everybody=1), event_id="e4")
    assert Alert.objects.count() == 2


def test_outsider_who_speaks_in_a_group_stops_the_pushing_too() -> None:
    group = target()
    assert group.config is not None
    chat = turns()
    for _ in range(2):
        handle(chat, said(group.config.pk, corp="dingother"))
        handle(turns(), said(group.config.pk, corp="dingother"))  # another process
    assert KnownGroup.objects.get().state == GroupState.OUTSIDERS
    assert Alert.objects.get().count == 1


def test_disbanded_group_is_removed_and_comes_back_when_somebody_speaks_there() -> None:
    group = target()
    assert group.config is not None
    where = {"openConversationId": group.conversation_id}
    tell(group.config, "chat_update_title", {**where, "title": "新群名"}, event_id="e0")
    tell(group.config, "chat_disband", where)
    assert Alert.objects.get().title == "接收告警的群已解散：新群名"
    with pytest.raises(Unreachable, match="已解散"):
        resolve(group, timezone.now())
    handle(turns(), said(group.config.pk))
    assert resolve(group, timezone.now()).name == "新群名"
