"""Groups and accounts: who may do what, and nobody raises themselves."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from bifang.core.groups import AUDITOR, GROUPS, OPERATOR, grant
from bifang.core.rights import rights_of
from secops_agent.models import Role
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
    new = {"password1": "a-new-Password-1", "password2": "a-new-Password-1", "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{root.pk}/password/", new).status_code == 403
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
    text = text_of(member(OPERATOR).get("/admin/"))
    assert "收件箱" in text
    assert "用户组" not in text
    viewer = text_of(member(Role.VIEWER).get("/admin/"))
    assert "收件箱" not in viewer
    assert "概览" in viewer
    assert "资产" in viewer
