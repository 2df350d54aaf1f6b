"""人员 in the admin: whoever asks for or approves dangerous actions is made by superusers alone."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from bifang.core.rights import AUDITOR
from secops_agent.models import AuditRecord, Role, Staff
from tests.admin_pages import dingtalk, member, messages_of, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
ADD = "/admin/secops_agent/staff/add/"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def values(role: Role, **changes: str) -> dict[str, str]:
    return {
        "name": "李四",
        "staff_id": "lisi",
        "corp_id": "",
        "role": role,
        "login": "",
        "active": "on",
        **changes,
    }


def _root() -> Client:
    client = Client()
    client.force_login(User.objects.get_or_create(username="root", is_superuser=True)[0])
    return client


def page_of(person: Staff, page: str = "change") -> str:
    return reverse(f"admin:secops_agent_staff_{page}", args=[person.pk])


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.RESPONDER, Role.APPROVER, Role.ADMIN])
def test_administrators_make_neither_of_the_two_of_four_eyes(role: Role) -> None:
    response = member(Role.ADMIN).post(ADD, values(role))
    assert "只有超级管理员可以授予「处置」「审批」「管理」角色" in text_of(response)
    assert not Staff.objects.filter(staff_id="lisi").exists()


def test_administrators_give_the_other_roles() -> None:
    client = member(Role.ADMIN)
    assert client.post(ADD, values(Role.ANALYST)).status_code == 302
    person = Staff.objects.get(staff_id="lisi")
    for role in (Role.RESPONDER, Role.APPROVER):
        assert client.post(page_of(person), values(role)).status_code == 200
    assert client.post(page_of(person), values(Role.NONE)).status_code == 302
    person.refresh_from_db()
    assert person.role == Role.NONE


def test_administrators_only_take_from_a_responder() -> None:
    """Another account or name would be another person who asks."""
    person = Staff.objects.create(staff_id="zhao", name="赵六", role=Role.RESPONDER, corp_id="corp")
    client = member(Role.ADMIN)
    mine = values(Role.RESPONDER, staff_id="mine", name="我", corp_id="other")
    del mine["active"]
    assert client.post(page_of(person), mine).status_code == 302
    person.refresh_from_db()
    assert (person.staff_id, person.name, person.corp_id, person.active) == ("zhao", "赵六", "corp", False)
    assert client.post(page_of(person), values(Role.VIEWER)).status_code == 302
    assert client.post(page_of(person), values(Role.RESPONDER)).status_code == 200
    person.refresh_from_db()
    assert person.role == Role.VIEWER


def test_superusers_make_approvers() -> None:
    assert superuser().post(ADD, values(Role.APPROVER)).status_code == 302
    assert Staff.objects.get().role == Role.APPROVER


def test_an_approver_is_not_taken_over() -> None:
    """Whoever could tie an approver to their own login would be one."""
    approver = Staff.objects.create(name="王五", staff_id="wangwu", role=Role.APPROVER)
    client = member(Role.ADMIN)
    mine = User.objects.get(username__startswith="as-")
    response = client.post(page_of(approver), values(Role.APPROVER, login=mine.username, same="on"))
    assert response.status_code == 403
    assert client.post(page_of(approver, "delete"), {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [approver.pk], "post": "yes"}
    client.post("/admin/secops_agent/staff/", bulk)
    approver.refresh_from_db()
    assert (approver.name, approver.user) == ("王五", None)
    assert "只有超级管理员可以修改" in messages_of(client.get(page_of(approver)))


def test_auditor_only_looks() -> None:
    Staff.objects.create(name="王五", staff_id="wangwu")
    client: Client = member(AUDITOR)
    assert "王五" in text_of(client.get("/admin/secops_agent/staff/"))
    assert client.post(ADD, values(Role.VIEWER)).status_code == 403


def test_the_same_person_twice_is_an_error_on_the_page() -> None:
    client = superuser()
    client.post(ADD, values(Role.VIEWER))
    response = client.post(ADD, values(Role.ANALYST))
    assert response.status_code == 200
    assert "已经存在" in text_of(response)


def test_nobody_raises_themselves_or_ties_a_login() -> None:
    """An administrator of people by Django's permission, listed as an analyst."""
    user = User.objects.create_user("manager")
    user.user_permissions.add(*Permission.objects.filter(codename__endswith="_staff"))
    mine = Staff.objects.create(staff_id="mine", name="我", role=Role.ANALYST, user=user)
    other = Staff.objects.create(staff_id="zhao", name="赵六", role=Role.RESPONDER)
    client = Client()
    client.force_login(user)
    assert client.post(page_of(mine), values(Role.RESPONDER, staff_id="mine", name="我")).status_code == 403
    assert client.post(page_of(mine, "delete"), {"post": "yes"}).status_code == 403
    for tied in ("manager", "another", ""):
        given = values(Role.RESPONDER, staff_id="zhao", name="赵六", login=tied, same="on")
        assert client.post(page_of(other), given).status_code == 302
        other.refresh_from_db()
        assert other.user is None
    client.post(ADD, values(Role.RESPONDER, login="manager", same="on"))
    assert list(Staff.objects.filter(user=user)) == [mine]


def test_an_account_of_a_login_is_untied_and_removed_by_superusers_alone() -> None:
    user = User.objects.create_user("lisi")
    person = Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST, user=user)
    client = member(Role.ADMIN)
    assert client.post(page_of(person), values(Role.VIEWER, login="")).status_code == 302
    person.refresh_from_db()
    assert (person.role, person.user) == (Role.VIEWER, user), "the role is theirs to give, the tie is not"
    assert client.post(page_of(person, "delete"), {"post": "yes"}).status_code == 403
    root = superuser()
    assert root.post(page_of(person), values(Role.RESPONDER, login="")).status_code == 302
    assert root.post(page_of(person, "delete"), {"post": "yes"}).status_code == 302


def test_whoever_may_do_more_is_not_locked_out_through_their_account() -> None:
    user = User.objects.create_user("auditor", is_superuser=True)
    person = Staff.objects.create(staff_id="lisi", name="李四", role=Role.VIEWER, user=user)
    without_active = values(Role.VIEWER)
    del without_active["active"]
    assert member(Role.ADMIN).post(page_of(person), without_active).status_code == 403


def test_several_accounts_of_one_login_are_one_person() -> None:
    user = User.objects.create_user("lisi")
    for corp_id in ("a", "b"):
        given = values(Role.ANALYST, corp_id=corp_id, login="lisi")
        assert "是同一个人" in text_of(_root().post(ADD, given)), "a name that is somebody's is asked about"
        assert _root().post(ADD, given | {"same": "on"}).status_code == 302
    assert Staff.objects.filter(user=user).count() == 2


def test_an_empty_corporation_is_the_only_one_known() -> None:
    dingtalk(corp_id="dingcorp")
    _root().post(ADD, values(Role.ANALYST))
    assert Staff.objects.get().corp_id == "dingcorp"
    dingtalk(corp_id="another")
    _root().post(ADD, values(Role.ANALYST, staff_id="wang"))
    assert Staff.objects.get(staff_id="wang").corp_id == ""


def _invitation(response: Any) -> str:
    found = re.search(r"http://testserver(/admin/invitation/[\w-]+/[\w-]+/)", text_of(response))
    assert found is not None
    return found[1]


def test_a_colleague_is_one_form_and_chooses_the_password_by_invitation() -> None:
    root = superuser()
    shown = root.post(ADD, values(Role.ANALYST, login="lisi"))
    address = _invitation(shown)
    assert "no-store" in shown["Cache-Control"]
    person = Staff.objects.get(staff_id="lisi")
    assert person.user is not None
    assert (person.user.username, person.user.has_usable_password()) == ("lisi", False)
    theirs = Client()
    page = theirs.get(address, follow=True)
    assert "用户名是「lisi」" in text_of(page)
    assert address not in page.request["PATH_INFO"], "the token is not in the address of the page"
    chosen = {"new_password1": "Zebra-crossing-77", "new_password2": "Zebra-crossing-77"}
    assert theirs.post(page.request["PATH_INFO"], chosen)["Location"] == "/admin/login/"
    assert AuditRecord.objects.filter(
        what__contains="用邀请设置密码", subject=f"user:{person.user.pk}"
    ).exists()
    given = {"username": "lisi", "password": "Zebra-crossing-77"}
    assert theirs.post("/admin/login/", given).status_code == 302
    assert theirs.get("/").status_code == 200
    assert "用过了" in text_of(Client().get(address, follow=True)), "once"
    # Whoever forgot it gets another, and what they had ends.
    again = {"login": "lisi", "is_active": "on", "invite": "on"}
    second = _invitation(root.post(page_of(person), values(Role.ANALYST, **again)))
    assert AuditRecord.objects.filter(
        subject=f"user:{person.user.pk}", detail__fields=["给一个登录邀请"]
    ).exists()
    assert theirs.get("/").status_code == 302
    assert Client().post("/admin/login/", given).status_code == 200
    assert "用户名是「lisi」" in text_of(Client().get(second, follow=True))


def test_the_login_is_edited_on_the_page_of_the_person() -> None:
    root, user = superuser(), User.objects.create_user("lisi")
    person = Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST, user=user)
    old = reverse("admin:auth_user_change", args=[user.pk])
    assert root.get(old)["Location"] == page_of(person), "the old address leads there"
    listed = root.get("/admin/auth/user/").context["cl"].result_list
    assert [row.username for row in listed] == ["root"]
    assert (
        root.post(page_of(person), values(Role.ANALYST, login="li.si", is_superuser="on")).status_code == 302
    )
    user.refresh_from_db()
    assert (user.username, user.is_active, user.is_superuser) == ("li.si", False, True)
    told = AuditRecord.objects.get(subject=f"user:{user.pk}")
    assert told.detail["fields"] == ["用户名", "登录有效", "超级管理员"]
    assert root.post(page_of(person), values(Role.ANALYST, login="root")).status_code == 200
