"""Who asks: as listed, else by the default role."""

import pytest

from secops_agent.models import Staff
from secops_agent.models.people.staff import Role
from secops_agent.services.people.staff import identify


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
