"""Groups and accounts: who may do what, and nobody raises themselves."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from bifang.core.rights import AUDITOR, GROUPS, LADDER, OPERATOR, allow, grant, rights_of
from secops_agent.models import Role, Staff
from tests.admin_pages import member, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def rights(group: str) -> set[str]:
    held = Group.objects.get(name=group).permissions.select_related("content_type")
    return {f"{right.content_type.app_label}.{right.codename}" for right in held}


def test_migrating_makes_the_groups_and_again_changes_nothing() -> None:
    before = {group: rights(group) for group in GROUPS}
    assert all(before.values())
    call_command("migrate", verbosity=0)
    assert {group: rights(group) for group in GROUPS} == before
    assert Group.objects.count() == len(GROUPS)


def test_operator_runs_the_system_and_does_not_read_what_people_wrote() -> None:
    operator = rights(OPERATOR)
    assert {"core.change_systemconfig", "core.change_switch", "channels.change_inboxrow"} <= operator
    assert "channels.read_private_text" not in operator
    assert "secops_agent.view_conversationmessage" not in operator
    assert not {name for name in operator if ".delete_" in name}


def test_auditor_reads_everything_and_changes_nothing() -> None:
    auditor = rights(AUDITOR)
    assert "channels.read_private_text" in auditor
    assert not {name for name in auditor if ".view_" not in name} - {"channels.read_private_text"}


def test_no_group_manages_accounts() -> None:
    for group in GROUPS:
        assert not {name for name in rights(group) if name.startswith("auth.") and ".view_" not in name}
    assert "channels.read_private_text" in rights_of("admin")


def test_a_group_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="管理者"):
        grant("管理者", "core.*")


def manager() -> Client:
    """Someone who was given the right to change accounts by hand."""
    user = User.objects.create_user("manager", is_staff=True)
    user.user_permissions.add(
        *Permission.objects.filter(codename__in=("view_user", "change_user", "delete_user"))
    )
    client = Client()
    client.force_login(user)
    return client


def test_managing_accounts_does_not_make_a_superuser() -> None:
    client = manager()
    mine = User.objects.get(username="manager")
    values = {"username": "manager", "is_active": "on", "is_superuser": "on", "groups": [Group.objects.get(name=AUDITOR).pk]}  # fmt: skip
    assert client.post(reverse("admin:auth_user_change", args=[mine.pk]), values).status_code == 302
    mine.refresh_from_db()
    assert not mine.is_superuser
    assert mine.is_staff
    assert not mine.groups.exists()


def test_managing_accounts_does_not_reach_superusers() -> None:
    client = manager()
    root = User.objects.create_superuser("boss")
    assert client.post(reverse("admin:auth_user_change", args=[root.pk]), INVITED).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[root.pk]), {"post": "yes"}).status_code == 403
    assert client.get("/admin/auth/group/").status_code == 403


def test_permissions_of_a_group_are_named_in_chinese() -> None:
    group = Group.objects.get(name=AUDITOR)
    text = text_of(superuser().get(reverse("admin:auth_group_change", args=[group.pk])))
    assert "系统配置：查看" in text
    assert "收件箱：可以查看聊天内容" in text


def test_only_superusers_plan_jobs() -> None:
    assert member(Role.ADMIN).get("/admin/django_q/schedule/add/").status_code == 403
    assert superuser().get("/admin/django_q/schedule/add/").status_code == 200


def test_menu_holds_only_what_one_may_see() -> None:
    operator, viewer = member(OPERATOR), member(Role.VIEWER)
    assert "收件箱" in text_of(operator.get("/status/"))
    assert "用户组" not in text_of(operator.get("/settings/"))
    text = text_of(viewer.get("/admin/", follow=True))
    assert "运行状态" not in text
    assert "工作台" in text
    assert "资产" in text


def target(kind: str) -> User:
    """A login with more than `manager` has, in every way one can."""
    user = User.objects.create_user("target", email="old@example.com")
    if kind == "superuser":
        User.objects.filter(pk=user.pk).update(is_superuser=True)
    elif kind == "group":
        user.groups.add(Group.objects.get(name=AUDITOR))
    elif kind == "sleeping":
        user.groups.add(Group.objects.get(name=AUDITOR))
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif kind == "permission":
        user.user_permissions.add(Permission.objects.get(codename="change_systemconfig"))
    elif kind == "two accounts":
        for corp_id in ("a", "b"):
            Staff.objects.create(corp_id=corp_id, staff_id="x", name="甲", role=Role.NONE, user=user)
    else:
        Staff.objects.create(staff_id="x", name="甲", role=kind.removeprefix("left "), user=user, active=not kind.startswith("left"))  # fmt: skip
    return user


MORE = ["superuser", "group", "sleeping", "permission", "two accounts", "viewer", "analyst", "responder", "approver", "admin",
        "left responder", "left approver", "left admin"]  # fmt: skip
INVITED = {"username": "target", "is_active": "on", "invite": "on"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MORE)
def test_a_login_with_more_rights_is_touched_by_superusers_alone(kind: str) -> None:
    client, user = manager(), target(kind)
    before = User.objects.filter(pk=user.pk).values().get()
    change = reverse("admin:auth_user_change", args=[user.pk])
    listed = Staff.objects.filter(user=user).first()
    if listed:
        assert client.post(change, INVITED)["Location"] == reverse(
            "admin:secops_agent_staff_change", args=[listed.pk]
        )
        assert client.post(change, INVITED, follow=True).status_code == 403
    else:
        assert client.post(change, INVITED).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    client.post("/admin/auth/user/", bulk)
    assert User.objects.filter(pk=user.pk).values().get() == before
    if not listed:
        assert "只有超级管理员可以修改" in text_of(client.get(change))
    given = {"name": "甲", "staff_id": "x", "role": "none", "login": "target", **INVITED}
    assert "登录邀请" in text_of(
        superuser().post(
            change if not listed else reverse("admin:secops_agent_staff_change", args=[listed.pk]), given
        )
    )


@pytest.mark.slow
def test_a_login_without_rights_is_managed_by_those_who_may() -> None:
    client, user = manager(), User.objects.create_user("newcomer")
    values = {"username": "newcomer", "last_name": "张", "is_active": "on", "invite": "on"}
    assert "登录邀请" in text_of(client.post(reverse("admin:auth_user_change", args=[user.pk]), values))
    user.refresh_from_db()
    assert user.last_name == "张"


def test_a_role_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="owner"):
        allow("owner", "core.*")


def test_each_role_includes_the_ones_before_it() -> None:
    held = [rights_of(role) for role in LADDER]
    assert all(
        less < more or role == "approver"
        for role, less, more in zip(LADDER[1:], held, held[1:], strict=False)
    )
    assert held[LADDER.index("responder")] <= held[LADDER.index("approver")]
    assert not rights_of("none")


def test_whoever_has_no_right_reads_whom_to_ask() -> None:
    Staff.objects.create(staff_id="zhang", name="张三", role=Role.ADMIN)
    client = Client()
    client.force_login(User.objects.create_user("nobody"))
    for page in ("/admin/", "/admin/secops_agent/component/", "/admin/core/systemconfig/live/"):
        response = client.get(page)
        assert response.status_code == 403
        assert "张三" in text_of(response)
        assert "nobody" in text_of(response)
    assert client.get(reverse("admin:password_change")).status_code == 200
    assert client.post(reverse("admin:logout")).status_code in (200, 302)


@pytest.mark.slow
def test_anyone_with_a_password_logs_in_until_they_leave() -> None:
    user = User.objects.create_user("lisi", password="a-new-Password-1")
    person = Staff.objects.create(staff_id="lisi", name="李四", role=Role.VIEWER, user=user)
    client, given = Client(), {"username": "lisi", "password": "a-new-Password-1"}
    assert client.post(reverse("admin:login"), given).status_code == 302
    assert client.get("/admin/secops_agent/component/").status_code == 200
    Staff.objects.filter(pk=person.pk).update(active=False)
    assert client.get("/admin/secops_agent/component/").status_code == 302, (
        "to the login, in the middle of a session"
    )
    assert client.post(reverse("admin:login"), given).status_code == 200, "and no further"
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    assert client.post(reverse("admin:login"), given).status_code == 200
    Staff.objects.create(corp_id="other", staff_id="lisi", name="李四", role=Role.VIEWER, user=user)
    assert client.post(reverse("admin:login"), given).status_code == 302, (
        "they work on in the other corporation"
    )


def test_a_role_that_changes_changes_the_pages_at_once() -> None:
    client = member(Role.VIEWER)
    page = reverse("admin:secops_agent_staff_add")
    for role, status in ((Role.ADMIN, 200), (Role.ANALYST, 403), (Role.ADMIN, 200), (Role.NONE, 403)):
        Staff.objects.update(role=role)
        assert client.get(page).status_code == status
