"""One person who is listed in DingTalk and in Feishu: two rows of one name are one colleague to whoever asks, files and imports."""

import pytest
from django.utils import timezone

from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.models import Alert, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.intake.session import Session
from secops_agent.services.people.directory import selectable
from secops_agent.services.people.staff import find_person
from secops_agent.tools.definitions import Asker
from secops_agent.tools.filters import people_named
from secops_agent.tools.incidents.alert_filters import AlertConditions, read
from tests.secops.decisions_aid import robot

pytestmark = pytest.mark.django_db


@pytest.fixture
def both() -> list[Staff]:
    return [
        Staff.objects.create(staff_id=staff_id, corp_id=corp_id, name="李四", role="analyst")
        for staff_id, corp_id in (("lisi", "ding"), ("ou_lisi", "feishu"))
    ]


def test_what_either_has_is_asked_for_by_the_name(both: list[Staff]) -> None:
    asker = Asker(find_person("ding", "lisi"), False, timezone.localtime(), REFUSING)
    for given in (AlertConditions(keyword="李四"), AlertConditions(assignee="李四")):
        wanted = read(asker, given, "unclosed")
        assert set(wanted.filter.assignees) == {row.pk for row in both}
        assert (wanted.filter.keyword, wanted.told["处理人"]) == ("", "李四")
    assert read(asker, AlertConditions(assignee="我"), "all").filter.assignees == (both[0].pk,)
    assert people_named("王五") == people_named("") == ()
    assert not Alert.objects.exists()


def test_an_owner_in_a_file_is_the_one_of_whose_file_it_is(both: list[Staff]) -> None:
    now = timezone.now()
    found = {}
    for actor in (*(Actor.person(row, "admin") for row in both), Actor.system("import:x")):
        session = Session(actor, now, now)
        session.learn_owners({"李四", "lisi", "王五"})
        found[actor.ident] = session.owners
    assert found["ding:lisi"] == {"李四": both[0].pk, "lisi": both[0].pk, "王五": None}
    assert found["feishu:ou_lisi"]["李四"] == both[1].pk
    assert [each["李四"] for key, each in found.items() if key not in ("ding:lisi", "feishu:ou_lisi")] == [
        None
    ]


def test_who_shares_a_name_is_told_apart_in_a_list(both: list[Staff]) -> None:
    Staff.objects.create(staff_id="wangwu", corp_id="ding", name="王五", role="viewer")
    Staff.objects.create(staff_id="gone", corp_id="ding", name="王五", role="viewer", active=False)
    assert [each.name for each in selectable()] == ["李四（lisi）", "李四（ou_lisi）", "王五"]
    for corp_id, kind in (("ding", "dingtalk"), ("feishu", "feishu")):
        robot(corp_id, kind)
    assert [each.name for each in selectable()] == ["李四（钉钉）", "李四（飞书）", "王五"]
    Staff.objects.create(staff_id="lisi2", corp_id="ding", name="李四", role="viewer")
    assert [each.name for each in selectable()] == ["李四（lisi）", "李四（飞书）", "李四（lisi2）", "王五"]
