"""Who asks: as listed, else by the default role."""

import pytest

from secops_agent.models import Staff
from secops_agent.models.people.staff import Role
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.assets import inventory
from secops_agent.services.cases import orders, tasks
from secops_agent.services.faults import NotFound
from secops_agent.services.people.staff import administrators, identify
from tests.secops.inventory_aid import alert, host, store


@pytest.fixture
def listed(database):
    Staff.objects.create(corp_id="ding1", staff_id="lisi", name="李四", role="analyst")
    Staff.objects.create(corp_id="", staff_id="old", name="老王", role="responder")
    Staff.objects.create(corp_id="ding1", staff_id="left", name="离职的", role="admin", active=False)


def test_listed_people_have_their_name_and_role_in_their_corporation_only(listed):
    here, elsewhere = (identify(corp, "lisi", "昵称", "none") for corp in ("ding1", "ding2"))
    assert (here.name, here.role) == ("李四", Role.ANALYST)
    assert (elsewhere.name, elsewhere.role) == ("昵称", Role.NONE)


def test_a_row_without_corporation_stands_for_whichever_it_is(listed):
    assert identify("ding1", "old", "", "none").role == Role.RESPONDER
    Staff.objects.create(corp_id="ding1", staff_id="old", name="王五", role="viewer")
    assert identify("ding1", "old", "", "none").name == "王五"


def test_people_who_left_have_no_role_not_even_the_default_one(listed):
    assert identify("ding1", "left", "", "viewer").role == Role.NONE
    assert identify("ding1", "nobody", "", "viewer").role == Role.VIEWER


HANDED = {
    "alert": lambda ids, wanted, actor: triage.assign(ids["alert"], wanted, actor).assignee,
    "case": lambda ids, wanted, actor: orders.assign(ids["case"], wanted, actor).owner,
    "task": lambda ids, wanted, actor: tasks.add(ids["case"], "查日志", actor, wanted),
    "asset": lambda ids, wanted, actor: inventory.update(ids["asset"], actor, owner=wanted).owner,
}


@pytest.mark.parametrize("what", HANDED)
@pytest.mark.parametrize("wanted", ["邻居", "neighbour"])
def test_nothing_is_handed_to_a_colleague_of_a_neighbour_company(listed, what, wanted):
    Staff.objects.create(corp_id="ding2", staff_id="neighbour", name="邻居", role="analyst")
    made = store(alert("a", assets=(host("web-01", "10.0.0.5"),)))
    ids = {kind: next(iter(numbers)) for kind, numbers in made.created_ids.items() if numbers}
    actor = Actor.person(Staff.objects.get(staff_id="lisi"), "chat")
    ids["case"] = orders.create([ids["alert"]], actor).case.id
    with pytest.raises(NotFound, match="人员里没有"):
        HANDED[what](ids, wanted, actor)
    HANDED[what](ids, "李四", actor)
    HANDED[what](ids, "老王", actor)  # without a corporation: of any


def test_an_administrator_in_two_channels_is_named_once(listed):
    for corp, staff_id in (("ding1", "manager01"), ("feishu1", "ou_1")):
        Staff.objects.create(corp_id=corp, staff_id=staff_id, name="张三", role="admin")
    Staff.objects.create(corp_id="ding1", staff_id="root", name="钱七", role="admin")
    assert administrators(None) == ["张三", "钱七"]
