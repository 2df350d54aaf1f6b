"""who_is_on_call: who it is, and when it is somebody's turn."""

from typing import Any

from django.utils import timezone

from secops_agent.models import Role, Staff
from secops_agent.services.people.staff import Person
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker
from secops_agent.tools.operations.on_call import TOOLS, WhoIsOnCall
from tests.secops.demo_aid import Proposals

from .rota_aid import at, people, rota


def asked(moment: str = "2026-11-29T12:00", **given: Any) -> ToolResult:
    """As 李四, on a Sunday of her week."""
    person = Person("dingcorp", "lisi", "李四", Role.ANALYST)
    asker = Asker(person, is_group=False, now=timezone.localtime(at(moment)), proposer=Proposals())
    return TOOLS[0].run(asker, WhoIsOnCall(**given))


def test_the_shifts_of_one_person_are_those_of_the_days_to_come(database: Any) -> None:
    people()
    rota()
    mine = asked(person="王五")
    assert mine.data == ["王五"]
    assert "李四" not in mine.text
    assert "11-30 周一 09:00 至 12-07 周一 09:00" in mine.text
    assert "人员=王五，时间=今后 30 天" in mine.query
    assert asked().data == ["李四"]
    assert asked(person="我").data == ["李四"]
    assert asked(person="我", at="下周").data == ["李四"]  # until Monday at nine
    now = asked(person="王五", at="现在")
    assert (now.status, now.data) == ("no_data", [])
    assert "没有班" in now.text


def test_somebody_who_is_on_no_rota_or_unknown_is_told_so(database: Any) -> None:
    people()
    rota()
    assert asked(person="赵六").status == "no_data"
    assert asked(person="老周").status == "no_data"
    Staff.objects.filter(staff_id="wangwu").update(active=False)
    assert asked(person="王五").status == "no_data"


def test_a_shift_is_told_whole_and_who_comes_next(database: Any) -> None:
    """Tonight's shift does not end at midnight, and who was relieved in the morning has none."""
    people()
    rota()
    tonight = asked("2026-11-30T23:00", at="今晚")
    assert tonight.data == ["王五"]
    assert "11-30 周一 09:00 至 12-07 周一 09:00" in tonight.text
    assert "下一位：**李四**　12-07 周一 09:00 起" in asked("2026-11-30T23:00").text
    assert asked("2026-11-30T23:00", at="12.8").data == ["李四"]
    assert asked("2026-11-30T23:00", at="下个月", person="我").data == ["李四"]
    assert "12-21 周一 09:00 至 12-28 周一 09:00" in asked("2026-11-30T23:00", at="下月", person="我").text
