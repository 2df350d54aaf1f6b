"""The on_call section of the configuration file, and the words for time."""

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.models import AuditRecord, OnCallSchedule
from secops_agent.services.on_call.schedules import apply_on_call_entries, find_schedule
from secops_agent.services.on_call.spans import read_days, read_span
from secops_agent.services.on_call.working_days import WorkingDays, import_days

from .rota_aid import WEEKLY, at, people, rota

NOW = at("2026-11-26 10:00")  # a Thursday


@pytest.fixture(autouse=True)
def staff(database):
    return people()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rotation": "monthly"}, "layers.1.rotation 只能是 daily、weekly、hours"),
        ({"staff": ["nobody"]}, "staff「nobody」不在人员名单中"),
        ({"staff": []}, "layers.1.staff 不能为空"),
        ({"start": "yesterday"}, "layers.1.start 应形如 2026-11-23"),
        ({"handover": "25:00"}, 'layers.1.handover 应形如 "09:00"'),
        ({"hours": "09:00"}, "hours 应形如"),
        (
            {"colour": "red"},
            "不认识的键「colour」；可用的键：name、enabled、layers、overrides、handover_message、handover_group",
        ),
        ({"name": ""}, "name 不能为空"),
        ({"overrides": [{"staff": "lisi", "start": "2026-11-25", "end": "2026-11-24"}]}, "end 应晚于 start"),
    ],
)
def test_wrong_entries_name_place_and_key(changes, said):
    with pytest.raises(InvalidInput) as caught:
        apply_on_call_entries([{**WEEKLY, **changes}])
    assert "on_call 第 1 项" in caught.value.message
    assert said in caught.value.message
    assert not OnCallSchedule.objects.exists()


def test_entries_are_idempotent_and_changes_are_audited():
    rota()
    rota()
    records = AuditRecord.objects.filter(what__contains="值班表")
    assert records.count() == 1
    rota(staff=["wangwu"])
    assert records.count() == 2
    assert OnCallSchedule.objects.get().layers.get().members.count() == 1


def test_yaml_time_without_quotes_is_understood():
    assert rota(handover=9 * 60 + 30).layers.get().handover.isoformat() == "09:30:00"


def test_only_schedule_needs_no_name_and_several_are_listed():
    only = rota()
    assert find_schedule("") == only
    rota(name="网络值班")
    with pytest.raises(InvalidInput, match="请说明是哪张值班表：安全值班、网络值班"):
        find_schedule("")


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("", "2026-11-26 10:00", "2026-11-26 10:01"),
        ("今天", "2026-11-26 00:00", "2026-11-27 00:00"),
        ("明天", "2026-11-27 00:00", "2026-11-28 00:00"),
        ("下周", "2026-11-30 00:00", "2026-12-07 00:00"),
        ("周三", "2026-12-02 00:00", "2026-12-03 00:00"),
        ("周四", "2026-11-26 00:00", "2026-11-27 00:00"),
        ("下周三", "2026-12-02 00:00", "2026-12-03 00:00"),
        ("本周日", "2026-11-29 00:00", "2026-11-30 00:00"),
        ("2026-11-28", "2026-11-28 00:00", "2026-11-29 00:00"),
        ("2026-11-28 20:00", "2026-11-28 20:00", "2026-11-28 20:01"),
        ("2026-11-28/2026-11-29", "2026-11-28 00:00", "2026-11-30 00:00"),
    ],
)
def test_words_for_time_are_spans(words, start, end):
    assert read_span(words, NOW) == (at(start), at(end))


def test_unknown_words_for_time_are_refused_with_examples():
    with pytest.raises(InvalidInput, match="看不懂时间「改天」。请写 今天"):
        read_span("改天", NOW)


@pytest.mark.parametrize(
    "words", ["0001-01-01", "9999-12-31 23:59", "9999-12-31", "0001-01-01/9999-12-30", "2026-01-01/2027-12-31"]
)  # fmt: skip
def test_times_beyond_all_rotas_are_refused(words):
    for read in (read_span, read_days):
        with pytest.raises(InvalidInput, match=r"太远|太长"):
            read(words, NOW)


def test_holidays_can_be_imported_and_are_checked_as_a_whole():
    assert import_days(["date,working,name", "2028-10-02,放假,国庆节", "2028-10-08,1,国庆节调休"]) == 2
    days = WorkingDays.between(at("2028-10-01 00:00").date(), at("2028-10-31 00:00").date())
    assert [days.is_working(at(f"2028-10-{day} 00:00").date()) for day in ("02", "08", "09", "14")] == [False, True, True, False]  # fmt: skip
    with pytest.raises(InvalidInput, match="第 3 行：working 应为"):
        import_days(["date,working,name", "2028-10-02,1,x", "2028-10-03,maybe,x"])
    assert days == WorkingDays.between(at("2028-10-01 00:00").date(), at("2028-10-31 00:00").date())
