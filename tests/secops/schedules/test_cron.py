"""Recurring times: from words to cron, what the days of the calendar make of it, and back to words."""

import re

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.models import CalendarDay
from secops_agent.services.schedules.cron import describe, monthly, next_runs, read_cron
from tests.secops.on_call.rota_aid import at

pytestmark = pytest.mark.usefixtures("database")
NOW = at("2026-11-26 10:00")  # a Thursday


@pytest.mark.parametrize(
    ("words", "cron", "told"),
    [
        ("每天早上9点", "0 9 * * *", "每天 09:00"),
        ("工作日 9:30", "30 9 * * 1-5", "工作日 09:30"),
        ("每个工作日下午六点半", "30 18 * * 1-5", "工作日 18:30"),
        ("每周一", "0 9 * * 1", "每周一 09:00"),
        ("每周一、三、五10点", "0 10 * * 1,3,5", "每周一、三、五 10:00"),
        ("每周末 10:00", "0 10 * * 0,6", "每周末 10:00"),
        ("每月1号", "0 9 1 * *", "每月 1 日 09:00"),
        ("每天9点和18点", "0 9,18 * * *", "每天 09:00、18:00"),
        ("每30分钟", "*/30 * * * *", "每 30 分钟"),
        ("每小时", "0 * * * *", "每小时"),
        ("每隔两小时", "0 */2 * * *", "每 2 小时"),
        ("15 6 * * *", "15 6 * * *", "每天 06:15"),
        ("0 9 * * 1,2,3,4,5", "0 9 * * 1,2,3,4,5", "每周一、二、三、四、五 09:00"),
        ("0 9 1 1 *", "0 9 1 1 *", "每年 1 月 1 日 09:00"),
        ("0 9 * * 2-4", "0 9 * * 2-4", "每周二至周四 09:00"),
    ],
)
def test_words_and_expressions_are_read_and_told(words, cron, told):
    assert read_cron(words) == cron
    assert describe(cron) == told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("改天", "看不懂时间「改天」"),
        ("每天早上9点发日报", "看不懂时间"),
        ("* * * * *", "至少间隔 5 分钟"),
        ("0,1 9 * * *", "至少间隔 5 分钟"),
        ("0 9 1 * 1", "日和星期不能同时限定"),
        ("0 9 30 2 *", "看不懂时间"),
        ("61 9 * * *", "看不懂时间"),
        ("0 9 * * 1-5 2027", "看不懂时间"),
        ("0 9 " + "1," * 200 + "1 * *", "看不懂时间"),
        ("@daily", "看不懂时间"),
    ],
)
def test_what_cannot_be_is_refused(words, said):
    with pytest.raises(InvalidInput, match=re.escape(said)):
        read_cron(words)


def test_working_days_are_those_of_the_calendar():
    CalendarDay.objects.update_or_create(date=at("2026-11-27 00:00").date(), defaults={"working": False})
    CalendarDay.objects.update_or_create(date=at("2026-11-28 00:00").date(), defaults={"working": True})
    days = [f"{each:%m-%d}" for each in next_runs("0 9 * * 1-5", NOW)]
    assert days == ["11-28", "11-30", "12-01"], "not the free Friday, but the Saturday that is worked"
    days = [f"{each:%m-%d}" for each in next_runs("0 9 * * 1,2,3,4,5", NOW)]
    assert days == ["11-27", "11-30", "12-01"]


@pytest.mark.slow
def test_times_are_of_beijing_and_the_rarest_day_comes():
    assert next_runs("0 9 * * *", at("2026-11-26 08:59"), 1) == [at("2026-11-26 09:00")]
    assert next_runs("0 9 29 2 *", NOW, 1) == [at("2028-02-29 09:00")]
    assert monthly("*/30 * * * *", NOW) == 1440
