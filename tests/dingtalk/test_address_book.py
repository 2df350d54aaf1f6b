"""人员: somebody is looked up in DingTalk's address book (the simulator) and listed under the name that it gives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from bifang.core.rights import AUDITOR
from dingtalk_integration.models import ApiUsage
from secops_agent.models import Role, Staff
from tests.admin_pages import dingtalk, member, messages_of, serve_plain_static, superuser, text_of
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.django_db
FIND, LIST = "/admin/secops_agent/staff/find/", "/admin/secops_agent/staff/"
CORP = "dingdemocorp"


@pytest.fixture
def sim() -> Iterator[SimulatorHandle]:
    with running_simulator({"dingdemo": "demo-secret"}) as handle:
        yield handle


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def robot(sim: SimulatorHandle, secret: str = "demo-secret") -> None:
    dingtalk(client_id="dingdemo", client_secret=secret, endpoint=sim.base_url, corp_id=CORP)


def find(client: Client, staff_id: str) -> Any:
    return client.post(FIND, {"staff_id": staff_id}, follow=True)


def test_a_person_is_filled_in_as_the_address_book_says(sim: SimulatorHandle) -> None:
    robot(sim)
    page = find(superuser(), " lisi ")
    assert "钉钉通讯录：李四，安全分析师" in messages_of(page)
    initial = page.context["adminform"].form.initial
    assert (initial["name"], initial["staff_id"], initial["corp_id"]) == ("李四", "lisi", CORP)
    assert not Staff.objects.exists(), "the role is a person's decision"
    assert ApiUsage.objects.filter(family="base", purpose="probe").exists()


def test_who_is_listed_already_is_shown(sim: SimulatorHandle) -> None:
    robot(sim)
    row = Staff.objects.create(staff_id="lisi", name="李四", corp_id=CORP)
    page = find(superuser(), "lisi")
    assert "已经登记" in messages_of(page)
    assert page.request["PATH_INFO"].endswith(f"/{row.pk}/change/")


@pytest.mark.slow
@pytest.mark.parametrize("staff_id", ["nobody", "outsider", "", "a b", "x" * 101])
def test_nobody_of_ours_is_nobody(sim: SimulatorHandle, staff_id: str) -> None:
    robot(sim)
    said = messages_of(find(superuser(), staff_id))
    assert "没有员工 ID" in said or "请填写员工 ID" in said


def test_a_refusal_says_what_to_do(sim: SimulatorHandle) -> None:
    assert "还没有启用的钉钉配置" in messages_of(find(superuser(), "lisi"))
    robot(sim, "wrong")
    client = Client()
    from django.contrib.auth.models import User

    client.force_login(User.objects.get(username="root"))
    assert "Client Secret" in messages_of(find(client, "lisi"))


def test_only_those_who_list_people_look_them_up(sim: SimulatorHandle) -> None:
    robot(sim)
    assert member(AUDITOR).post(FIND, {"staff_id": "lisi"}).status_code == 403
    client = member(Role.ADMIN)
    assert client.get(FIND).status_code == 302
    assert "钉钉通讯录" in messages_of(find(client, "lisi"))
    assert not ApiUsage.objects.filter(calls__gt=2).exists(), "a page that is only opened asks nothing"
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(FIND, {"staff_id": "lisi"}).status_code == 403


def test_people_who_asked_without_being_listed_are_offered() -> None:
    from tests.admin_pages import received

    config = dingtalk(corp_id=CORP)
    for number, (corp, who) in enumerate(((CORP, "new1"), (CORP, "lisi"), ("other", "alien"))):
        payload = {"corp_id": corp, "staff_id": who, "nick": f"<b>{who}"}
        received(config, number, payload=payload, sender_id=who)
    Staff.objects.create(staff_id="lisi", name="李四", corp_id=CORP)
    page = superuser().get(LIST)
    assert 'name="staff_id" value="new1"' in page.content.decode()
    assert "自称 <b>new1" in text_of(page)
    assert 'value="lisi"' not in page.content.decode()
    assert "alien" not in text_of(page)
    assert "刚刚" in text_of(page), "李四 was last heard of just now"
