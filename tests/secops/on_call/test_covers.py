"""Somebody in the place of another, set by those who keep the rota: by words, exactly as it is shown, and both are told."""

from datetime import date, timedelta

import pytest

from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from bifang.core.rights import first_role
from secops_agent.models import AuditRecord, OnCallOverride, OnCallSchedule, ShiftSwap, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.on_call import overrides
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.people.eligibility import RIGHTS
from secops_agent.tools.registry import BY_NAME
from tests.secops.decisions_aid import company, switch, talk
from tests.secops.on_call.test_swaps import CODE, holder, private_to, tomorrow

pytestmark = pytest.mark.both_databases
ROTA = {"name": "安全值班", "rotation": "daily", "staff": ["li", "wang"]}


@pytest.fixture
def config(database) -> SystemConfig:
    row = company()
    apply_on_call_entries([ROTA | {"start": str(tomorrow() - timedelta(days=7))}])  # wang has tomorrow
    return row


def day(after: int = 0) -> date:
    return tomorrow() + timedelta(days=after)


def spoken(after: int = 0) -> str:
    return f"{day(after).month}月{day(after).day}日"


def shift(after: int = 0) -> str:
    first, last = day(after), day(after + 1)
    week = "一二三四五六日"
    return f"{first:%m-%d} 周{week[first.weekday()]} 09:00 至 {last:%m-%d} 周{week[last.weekday()]} 09:00"


def test_the_exact_effect_is_shown_and_both_are_told(config):
    (shown,) = talk(config, ("zhang", f"临时换人 sun先生 替wang先生 {spoken()}"))
    assert "尚未执行" in shown
    assert f"- {shift()}：由wang先生改为sun先生" in shown
    assert not OnCallOverride.objects.exists()
    code = CODE.search(shown)
    assert code
    (done,) = talk(config, ("zhang", f"确认 {code[0]}"))
    assert "已临时换人" in done
    assert "在「值班」页的「临时换人」里点「取消」" in done
    assert holder() == "sun"
    for who in ("wang", "sun"):
        (told,) = private_to(who)
        assert "zhang先生 安排了临时换人" in told
        assert "由sun先生值班，原来是wang先生" in told
    rota = OnCallSchedule.objects.get()
    kept = AuditRecord.objects.filter(subject=f"on_call:{rota.pk}").latest("pk")
    assert "临时换人" in str(kept.__dict__)


def test_the_exact_line_asks_for_the_own_confirmation(config):
    for line, had in (
        (f"临时换人 sun先生 替wang先生 {spoken()}", "wang"),
        (f"临时换人 sun先生 {spoken(1)}", "li"),
    ):
        (asked,) = talk(config, ("zhang", line))
        assert "尚未执行" in asked
        assert f"由{had}先生改为sun先生" in asked
        code = CODE.search(asked)
        assert code
        (done,) = talk(config, ("zhang", f"确认 {code[0]}"))
        assert "已临时换人" in done
    assert OnCallOverride.objects.count() == 2


def test_who_is_relieved_must_have_a_shift_on_that_day(config):
    (told,) = talk(config, ("zhang", f"临时换人 sun先生 替li先生 {spoken()}"))
    assert f"{day()} 没有li先生的班" in told
    assert f"那时是：{shift()} wang先生" in told
    (same,) = talk(config, ("zhang", f"临时换人 wang先生 {spoken()}"))
    assert "没有可以换成wang先生的班" in same
    assert not OnCallOverride.objects.exists()


def test_of_several_days_each_is_told_once(config):
    (shown,) = talk(config, ("zhang", f"临时换人 sun先生 替wang先生 {spoken()}和{spoken(2)}"))
    code = CODE.search(shown)
    assert code, shown
    talk(config, ("zhang", f"确认 {code[0]}"))
    assert [each.staff.staff_id for each in OnCallOverride.objects.all()] == ["sun", "sun"]
    (told,) = private_to("wang")
    assert told.count(" 至 ") == 2


def test_who_may_is_who_may_on_the_page(config):
    assert BY_NAME["cover_shift"].role == first_role(RIGHTS["cover_shift"]) == "admin"
    for who in ("wang", "zhao"):
        (refused,) = talk(config, (who, f"临时换人 sun先生 替li先生 {spoken(1)}"))
        assert "「临时换人」需要「管理」角色" in refused, refused
        talk(config, (who, "好"))
    assert not OnCallOverride.objects.exists()


def test_in_other_words_the_lines_that_may_be_meant_are_shown(config):
    (shown,) = talk(config, ("wang", f"{spoken()}的班sun先生来替我"))
    assert "没有执行任何操作" in shown
    assert f"{spoken()}" in shown
    assert not OnCallOverride.objects.exists()
    assert not ShiftSwap.objects.exists()


def test_the_right_is_looked_at_again_when_it_is_confirmed(config):
    (asked,) = talk(config, ("zhang", f"临时换人 sun先生 {spoken()}"))
    code = CODE.search(asked)
    assert code
    Staff.objects.filter(staff_id="zhang").update(role="approver")
    (refused,) = talk(config, ("zhang", f"确认 {code[0]}"))
    assert not OnCallOverride.objects.exists(), refused


def test_a_shift_that_became_anothers_is_left_alone(config):
    (asked,) = talk(config, ("zhang", f"临时换人 sun先生 {spoken()}"))
    code = CODE.search(asked)
    assert code
    li = Staff.objects.get(staff_id="li")
    rota, pieces = overrides.plan("", li, [day()])
    overrides.cover(rota, pieces, Actor.system("test"))
    (refused,) = talk(config, ("zhang", f"确认 {code[0]}"))
    assert "没有wang先生的班" in refused
    assert holder() == "li"


def test_nothing_is_changed_while_changes_are_off(config):
    talk(config, ("zhang", f"wang先生请假了，{spoken()}的班换给sun先生"))
    switch("read_only")
    talk(config, ("zhang", "好"))
    assert not OnCallOverride.objects.exists()


def test_of_day_and_night_only_the_one_that_is_meant(database):
    company()
    apply_on_call_entries(
        [{"name": "安全值班", "layers": [
            {"rotation": "daily", "start": str(day(-7)), "hours": "09:00-21:00", "staff": ["li"]},
            {"rotation": "daily", "start": str(day(-7)), "hours": "21:00-09:00", "staff": ["wang"]},
        ]}]
    )  # fmt: skip
    sun = Staff.objects.get(staff_id="sun")
    for part, names in (("night", ["wang"]), ("day", ["li"]), ("", ["li", "wang"])):
        _, pieces = overrides.plan("", sun, [day()], part=part)
        assert [each.holder.staff_id for each in pieces if each.holder] == names


def test_of_several_rotas_one_is_named(config):
    apply_on_call_entries([ROTA | {"name": "网络值班", "start": str(day(-7))}])
    sun, wang = (Staff.objects.get(staff_id=each) for each in ("sun", "wang"))
    with pytest.raises(InvalidInput, match="请说明是哪张值班表：安全值班、网络值班"):
        overrides.plan("", sun, [day()], wang)
    assert overrides.plan("网络值班", sun, [day()], wang)[0].name == "网络值班"
    (asked,) = talk(config, ("zhang", f"临时换人 sun先生 替wang先生 {spoken()} 网络值班"))
    assert "网络值班" in asked


@pytest.mark.parametrize(("count", "refused"), [(0, "1 到 14 天"), (15, "1 到 14 天")])
def test_so_many_days_at_once(config, count, refused):
    with pytest.raises(InvalidInput, match=refused):
        overrides.plan("", Staff.objects.get(staff_id="sun"), [day(each) for each in range(count)])


def test_nobody_takes_their_own_place(config):
    li = Staff.objects.get(staff_id="li")
    with pytest.raises(InvalidInput, match="同一个人"):
        overrides.plan("", li, [day()], li)
