"""Whatever people change by the API, the admin or a file is in the audit trail: who, what, old and new, no secret."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse

from bifang.channels.models import InboxRow, State
from bifang.core.models import Switch, SystemConfig
from secops_agent.models import Alert, ApiToken, Asset, AuditRecord, Finding, Runbook, SlaTarget, Staff
from secops_agent.services.audit import chain, verification
from secops_agent.services.audit.trail import FIELDS, plain
from secops_agent.services.people.staff import leave_organisation
from tests.admin_pages import SECRET, dingtalk, serve_plain_static, superuser, text_of
from tests.channels.boxes import incoming, store
from tests.secops.api.callers import estate, with_token

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
BOSS = {"name": "周七", "staff_id": "boss", "corp_id": "corp", "role": "approver", "user": "", "active": "on"}
CONNECTOR = {
    "name": "防火墙", "enabled": "on", "url": f"https://dashscope.aliyuncs.com/hook/{SECRET}?key={SECRET}", "secret": SECRET,
    "tools": "block_ip", "timeout_s": "10", "proxy": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def root() -> Client:
    """A superuser who is also known as 张三."""
    client = superuser()
    Staff.objects.create(staff_id="zhang", name="张三", role="admin", corp_id="corp", user=User.objects.get())
    return client


def page(model: str, name: str, *args: Any) -> str:
    app = (
        "core"
        if model in ("systemconfig", "switch")
        else "auth"
        if model in ("user", "group")
        else "secops_agent"
    )
    return reverse(f"admin:{app}_{model}_{name}", args=args)


def ticked(client: Client, model: str, action: str, *ids: Any) -> Any:
    return client.post(page(model, "changelist"), {"action": action, "_selected_action": list(ids)})


def close(client: Client, pk: int) -> Any:
    posted = {"act": "close:false_positive", "note": "看过了", "one": pk, "here": pk}
    return client.post(reverse("web:alert_act"), posted)


def leave(client: Client, pk: int) -> Any:
    posted = {"decision": "fixed", "note": "看过了", "ids": pk}
    return client.post(reverse("web:finding_decide"), posted)


def body(client: Client, method: str, path: str, **values: Any) -> Any:
    call = getattr(client, method)
    answer = call(f"/api/v1/{path}/", json.dumps(values), content_type="application/json")
    assert answer.status_code < 300, answer.content
    return answer


def config_values(config: SystemConfig, **changes: str) -> dict[str, str]:
    return {
        "name": config.name, "enabled": "on", "revision": str(config.revision), "client_id": config.client_id,
        "client_secret": "", "use_stream_push": "on", "notifications_enabled": "on", "default_role": "viewer",
        "edition": "standard", "card_streaming": "auto", "model_offers": "write", **changes,
    }  # fmt: skip


def told(subject: str) -> AuditRecord:
    """The newest record about something."""
    found = AuditRecord.objects.filter(kind="change", subject__startswith=subject).order_by("-pk").first()
    assert found is not None, list(AuditRecord.objects.values_list("what", "subject"))
    return found


def by_root(record: AuditRecord) -> bool:
    return (record.actor_id, record.actor_name, record.via) == ("corp:zhang", "张三", "admin")


def assert_no_secrets() -> None:
    everything = json.dumps([plain(row) for row in AuditRecord.objects.values(*FIELDS)], ensure_ascii=False)
    assert SECRET not in everything
    assert "bf_" not in everything


@pytest.mark.slow
def test_configurations(root: Client) -> None:
    config = dingtalk("机器人")
    assert told(f"config:{config.pk}").actor_kind == "system"
    root.post(page("systemconfig", "change", config.pk), config_values(config, client_secret="new-" + SECRET))
    record = told(f"config:{config.pk}")
    assert by_root(record)
    assert record.what == "修改系统配置「机器人」"
    assert record.detail["changes"] == {
        "client_secret": ["已设置", "已更换"], "default_role": ["无权限（默认）", "查看"],
    }  # fmt: skip
    ticked(root, "systemconfig", "disable", config.pk)
    assert told("config:").detail["changes"] == {"enabled": [True, False]}
    root.post(page("systemconfig", "delete", config.pk), {"post": "yes"})
    assert told("config:").what == "归档系统配置「机器人」"
    root.post(f"{page('systemconfig', 'add')}?kind=webhook_connector", CONNECTOR)
    record = told("config:")
    assert record.detail["kind"] == "webhook_connector"
    assert record.detail["changes"]["secret"] == ["未设置", "已设置"]
    assert record.detail["changes"]["url"][1] == "https://dashscope.aliyuncs.com/…"
    assert by_root(record)
    assert_no_secrets()


@pytest.mark.slow
def test_switches_tokens_and_people(root: Client) -> None:
    root.post(page("switch", "set", "read_only"), {"on": "1"})
    record = told("switch:read_only")
    assert by_root(record)
    assert (record.what, record.detail) == ("打开「只读」", {"on": True, "reason": ""})

    root.post(page("apitoken", "add"), {"name": "生产", "scopes": ["read"], "rate": "10"})
    token = ApiToken.objects.get()
    assert told(f"token:{token.pk}").detail["scopes"] == ["read"]
    ticked(root, "apitoken", "revoke", token.pk)
    assert by_root(told(f"token:{token.pk}"))
    assert told(f"token:{token.pk}").what == "吊销 API 令牌「生产」"

    root.post(page("staff", "add"), BOSS)
    boss = Staff.objects.get(staff_id="boss")
    assert told(f"staff:{boss.pk}").detail["changes"]["role"] == [None, "approver"]
    root.post(page("staff", "change", boss.pk), BOSS | {"role": "admin"})
    record = told(f"staff:{boss.pk}")
    assert by_root(record)
    assert record.detail["changes"] == {"role": ["approver", "admin"]}
    leave_organisation("corp", ["boss"], "feishu")
    record = told(f"staff:{boss.pk}")
    assert (record.via, record.detail["changes"]) == ("feishu", {"active": [True, False]})
    before = AuditRecord.objects.count()
    leave_organisation("corp", ["boss"], "feishu")
    assert AuditRecord.objects.count() == before, "he had left already"
    ticked(root, "staff", "delete_selected", boss.pk)
    root.post(
        page("staff", "changelist"), {"action": "delete_selected", "_selected_action": boss.pk, "post": "yes"}
    )
    assert told("staff:").what == "删除人员「周七」"
    assert not Staff.objects.filter(staff_id="boss").exists()
    assert_no_secrets()


@pytest.mark.slow
def test_the_estate_by_api_and_by_admin(root: Client) -> None:
    estate(1)
    token = with_token("read", "write")
    alert, finding, asset = Alert.objects.get(), Finding.objects.get(), Asset.objects.get()
    body(token, "post", f"alerts/{alert.pk}/acknowledge", note="在查")
    record = told(f"alert:{alert.pk}")
    assert (record.actor_kind, record.via, record.text) == ("token", "api", "在查")
    assert record.actor_id == str(ApiToken.objects.get().pk)
    assert record.detail["changes"]["status"] == ["open", "acknowledged"]
    close(root, alert.pk)
    record = told(f"alert:{alert.pk}")
    assert by_root(record)
    assert record.what == f"告警 {alert.pk}：关闭"
    leave(root, finding.pk)
    assert by_root(told(f"finding:{finding.pk}"))
    body(token, "patch", f"assets/{asset.pk}", owner="zhang")
    assert told(f"asset:{asset.pk}").detail["changes"]["owner"] == ["", "张三"]
    runbook = Runbook.objects.get()
    ticked(root, "runbook", "delete_selected", runbook.pk)
    root.post(
        page("runbook", "changelist"),
        {"action": "delete_selected", "_selected_action": runbook.pk, "post": "yes"},
    )
    assert told(f"runbook:{runbook.pk}").what == f"手册 {runbook.pk}：删除"


@pytest.mark.slow
def test_accounts_and_what_else_the_admin_changes(root: Client) -> None:
    root.post(page("group", "add"), {"name": "夜班"})
    record = told("group:")
    assert by_root(record)
    assert record.detail["name"] == "夜班"
    user = User.objects.create_user("operator")
    invited = root.post(
        reverse("admin:auth_user_change", args=[user.pk]), {"username": "operator", "invite": "on"}
    )
    token = re.search(r"/admin/invitation/\w+/([\w-]+)/", text_of(invited))
    assert token is not None
    assert told(f"user:{user.pk}").detail["name"] == "operator"
    root.post(page("slatarget", "add"), {"severity": "high", "alert_hours": "1", "finding_days": "2"})
    assert SlaTarget.objects.exists()
    assert by_root(told("slatarget:"))
    everything = json.dumps([plain(row) for row in AuditRecord.objects.values(*FIELDS)], ensure_ascii=False)
    assert token[1] not in everything


def test_files_and_queues(root: Client, tmp_path: Path) -> None:
    file = tmp_path / "configs.yaml"
    file.write_text("configs: []\nstaff: [{staff_id: lisi, name: 李四, role: analyst}]\n", encoding="utf-8")
    call_command("apply_configs", str(file))
    record = told("staff:")
    assert (record.actor_kind, record.via, record.what) == ("system", "apply_configs", "新增人员「李四」")
    before = AuditRecord.objects.count()
    call_command("apply_configs", str(file))
    assert AuditRecord.objects.count() == before, "nothing changed"
    (row,) = store(replace(incoming(), config_id=dingtalk().pk))
    InboxRow.objects.filter(pk=row.pk).update(state=State.DEAD)
    root.post(
        reverse("admin:channels_inboxrow_changelist"),
        {"action": "reprocess", "_selected_action": [row.pk], "sure": "1"},
    )
    assert by_root(told("inboxrow"))
    assert told("inboxrow").detail == {"ids": [row.pk], "done": 1}


def _no_audit() -> None:
    """From now on the database refuses every record."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER no_audit BEFORE INSERT ON secops_agent_auditrecord BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        else:
            cursor.execute(
                "CREATE FUNCTION no_audit() RETURNS trigger AS $$ BEGIN RAISE 'no'; END $$ LANGUAGE plpgsql"
            )
            cursor.execute(
                "CREATE TRIGGER no_audit BEFORE INSERT ON secops_agent_auditrecord EXECUTE FUNCTION no_audit()"
            )


@pytest.mark.slow
def test_what_cannot_be_recorded_is_not_done(root: Client) -> None:
    estate(1)
    config, alert, asset, boss = (
        dingtalk("机器人"),
        Alert.objects.get(),
        Asset.objects.get(),
        Staff.objects.get(),
    )
    write = with_token("read", "write")
    token = ApiToken.objects.get()
    group = Group.objects.create(name="夜班")
    (row,) = store(replace(incoming(), config_id=config.pk))
    InboxRow.objects.filter(pk=row.pk).update(state=State.DEAD)
    _no_audit()
    tries: list[Callable[[], Any]] = [
        lambda: root.post(page("systemconfig", "change", config.pk), config_values(config)),
        lambda: ticked(root, "systemconfig", "disable", config.pk),
        lambda: root.post(page("systemconfig", "delete", config.pk), {"post": "yes"}),
        lambda: root.post(page("switch", "set", "read_only"), {"on": "1"}),
        lambda: root.post(page("apitoken", "add"), {"name": "生产", "scopes": ["read"], "rate": "10"}),
        lambda: ticked(root, "apitoken", "revoke", token.pk),
        lambda: root.post(page("staff", "change", boss.pk), BOSS),
        lambda: root.post(page("group", "change", group.pk), {"name": "白班"}),
        lambda: root.post(page("group", "changelist"), {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}),
        lambda: leave_organisation("corp", ["zhang"], "dingtalk"),
        lambda: close(root, alert.pk),
        lambda: body(write, "post", f"alerts/{alert.pk}/acknowledge"),
        lambda: body(write, "patch", f"assets/{asset.pk}", owner="zhang"),
        lambda: root.post(reverse("admin:channels_inboxrow_changelist"), {"action": "reprocess", "_selected_action": [row.pk], "sure": "1"}),
    ]  # fmt: skip
    for one in tries:
        with suppress(DatabaseError, AssertionError):
            one()
    config.refresh_from_db()
    assert (config.enabled, config.archived_at, config.params["default_role"]) == (True, None, "none")
    assert not Switch.objects.filter(on=True).exists()
    assert ApiToken.objects.get().revoked_at is None
    assert Staff.objects.get().active
    assert Staff.objects.get().staff_id == "zhang"
    assert Group.objects.filter(name="夜班").exists()
    assert Alert.objects.get().status == "open"
    assert Asset.objects.get().owner is None
    assert InboxRow.objects.get(pk=row.pk).state == State.DEAD


def test_what_is_not_done_is_not_recorded(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group.objects.create(name="夜班")

    def fail(*_: Any) -> None:
        raise DatabaseError("full")

    monkeypatch.setattr(Group, "delete", fail)
    with pytest.raises(DatabaseError):
        root.post(
            page("group", "changelist"),
            {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"},
        )
    assert not AuditRecord.objects.filter(what__startswith="删除").exists()


def test_changes_are_sealed_like_everything_else(root: Client) -> None:
    root.post(page("switch", "set", "read_only"), {"on": "1"})
    assert chain.seal() == 1
    assert verification.verify().faults == ()
    AuditRecord.objects.update(what="什么也没发生")
    assert verification.verify().faults
