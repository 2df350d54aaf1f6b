"""Who is on call: rotations, layers, hours, holidays, exceptions, gaps."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secops_agent.models import OnCallSchedule, Staff
from secops_agent.services.on_call.duties import duties
from secops_agent.services.on_call.shifts import SOON, Shift, gaps, on_call_at, shifts, unmanned

from .rota_aid import at, people, rota

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def staff(database):
    return people()


def names(found: list[Shift]) -> list[str]:
    return [shift.staff.name if shift.staff else "" for shift in found]


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("2026-11-23 09:00", "李四"),
        ("2026-11-30 08:59", "李四"),
        ("2026-11-30 09:00", "王五"),
        ("2026-12-07 09:00", "李四"),
        ("2027-11-22 09:00", "李四"),  # an even number of weeks later
    ],
)
def test_weekly_rotation_changes_at_its_handover(moment, name):
    shift = on_call_at(rota(), at(moment))
    assert shift.staff is not None
    assert shift.staff.name == name


def test_before_the_first_shift_nobody_is_on_call():
    assert on_call_at(rota(), at("2026-11-23 08:59")).staff is None


def test_daily_and_hourly_rotations_follow_one_another():
    daily = shifts(rota(rotation="daily"), at("2026-11-23 09:00"), at("2026-11-26 09:00"))
    hourly = shifts(rota(rotation="hours", shift_hours=12), at("2026-11-23 09:00"), at("2026-11-24 09:00"))
    assert names(daily) == ["李四", "王五", "李四"]
    assert names(hourly) == ["李四", "王五"]
    assert hourly[1].start == at("2026-11-23 21:00")


def test_higher_layer_covers_the_lower_in_its_hours_and_days_only():
    office = {"rotation": "daily", "start": "2026-11-23", "handover": "09:00", "staff": ["zhaoliu"], "days": "working",
              "hours": "09:00-18:00"}  # fmt: skip
    base = {"rotation": "weekly", "start": "2026-11-23", "handover": "09:00", "staff": ["lisi"]}
    schedule = rota(rotation=None, handover=None, start=None, staff=None, layers=[base, office])
    friday = shifts(schedule, at("2026-11-27 00:00"), at("2026-11-28 00:00"))
    saturday = shifts(schedule, at("2026-11-28 00:00"), at("2026-11-29 00:00"))
    assert names(friday) == ["李四", "赵六", "李四"]
    assert (friday[1].start, friday[1].end) == (at("2026-11-27 09:00"), at("2026-11-27 18:00"))
    assert names(saturday) == ["李四"]


@pytest.mark.parametrize(("day", "name"), [("2026-10-01", ""), ("2026-10-10", "李四"), ("2026-10-11", ""), ("2026-10-12", "李四")])  # fmt: skip
def test_working_days_know_holidays_and_worked_weekends(day, name):
    schedule = rota(start="2026-09-01", rotation="daily", staff=["lisi"], days="working")
    assert names(shifts(schedule, at(f"{day} 12:00"), at(f"{day} 13:00"))) == [name]


def test_night_hours_go_over_midnight():
    schedule = rota(rotation="daily", staff=["lisi"], hours="22:00-06:00")
    night = shifts(schedule, at("2026-11-24 12:00"), at("2026-11-25 12:00"))
    assert [(each.start, bool(each.staff)) for each in night] == [
        (at("2026-11-24 12:00"), False),
        (at("2026-11-24 22:00"), True),
        (at("2026-11-25 06:00"), False),
    ]


def test_latest_exception_counts_and_ends():
    first = {"staff": "wangwu", "start": "2026-11-24 00:00", "end": "2026-11-25 00:00"}
    second = {"staff": "zhaoliu", "start": "2026-11-24 12:00", "end": "2026-11-24 18:00"}
    schedule = rota(overrides=[first, second])
    found = shifts(schedule, at("2026-11-24 00:00"), at("2026-11-25 06:00"))
    assert names(found) == ["王五", "赵六", "王五", "李四"]


def test_person_who_left_leaves_a_gap(staff):
    schedule = rota()
    type(staff["lisi"]).objects.filter(pk=staff["lisi"].pk).update(active=False)
    found = shifts(schedule, at("2026-11-23 09:00"), at("2026-12-07 09:00"))
    assert names(found) == ["", "王五"]


def test_hours_without_a_layer_are_no_gap_and_a_missing_person_is_one(staff):
    night = rota(start="2020-01-06", rotation="daily", staff=["lisi"], hours="22:00-06:00")
    now = at("2026-11-23 12:00")
    assert on_call_at(night, now).who == "不排班"
    assert gaps(shifts(night, now, now + SOON), now) == []
    assert len(unmanned([night], now)) == 15
    assert unmanned([night, rota(name="全天", start="2020-01-06")], now) == []
    Staff.objects.filter(pk=staff["lisi"].pk).update(active=False)
    found = gaps(shifts(night, now, now + SOON), now)
    assert [len(found), found[0].start, found[0].who] == [14, at("2026-11-23 22:00"), "无人值班"]
    assert [each.end - each.start for each in unmanned([night], now)] == [SOON]


def test_gaps_begin_now():
    rota(start="2026-12-20")
    now = at("2026-11-23 12:00")
    assert [each.start for each in duties(now)[0].gaps] == [now]


_LAYER = st.fixed_dictionaries(
    {
        "rotation": st.sampled_from(["daily", "weekly", "hours"]),
        "shift_hours": st.integers(1, 60),
        "handover": st.sampled_from(["00:00", "09:30", "23:59"]),
        "start": st.dates(at("2026-11-01 00:00").date(), at("2026-12-31 00:00").date()).map(str),
        "staff": st.lists(st.sampled_from(["lisi", "wangwu", "zhaoliu"]), min_size=1, max_size=4),
        "days": st.sampled_from(["all", "working", "rest"]),
        "hours": st.sampled_from(["", "09:00-18:00", "20:00-08:00"]),
    }
)


@pytest.mark.slow
def test_shifts_cover_every_moment_exactly_once(staff):
    @settings(max_examples=40, deadline=None)
    @given(st.lists(_LAYER, min_size=1, max_size=3), st.integers(0, 40), st.integers(1, 30))
    def covers(layers, begin, days):
        OnCallSchedule.objects.all().delete()
        schedule = rota(rotation=None, handover=None, start=None, staff=None, layers=layers)
        start = at("2026-11-20 07:13") + timedelta(days=begin)
        end = start + timedelta(days=days)
        found = shifts(schedule, start, end)
        assert (found[0].start, found[-1].end) == (start, end)
        assert all(one.end == other.start and one.start < one.end for one, other in pairwise(found))
        middle = found[len(found) // 2]
        assert on_call_at(schedule, middle.start).staff == middle.staff

    covers()
