"""A time in a model's offer is one that was typed."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from secops_agent.agent.turn.times import SpokenTimes

NOW = datetime(2026, 12, 1, 10, 30, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Tuesday


def times(typed: str, **order: Any) -> SpokenTimes:
    return SpokenTimes(typed, frozenset(), order, NOW)


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("静默2小时", "minutes", 120), ("静默两个半小时", "minutes", 150), ("封到明天早上8点", "duration_minutes", 21 * 60 + 30),
        ("永久封", "duration_minutes", 0), ("盯24小时", "until_hours", 24), ("盯到明天", "until_hours", 23),
        ("今晚12点到4点别报", "minutes", 240), ("今晚12点到4点别报", "start", "2026-12-02 00:00"),
        ("静默到周五", "until", "2026-12-04 18:00"), ("静默到月底", "until", "2026-12-31 18:00"),
        ("明天下午四点提醒我", "at", "2026-12-02 16:00"), ("明天提醒我看", "at", "2026-12-02 09:00"), ("16:40提醒我", "at", "2026-12-01 16:40"),
        ("半小时后提醒我", "at", "2026-12-01 11:00"), ("下班前弄", "at", "2026-12-01 17:30"), ("提醒我看", "at", "现在"),
        ("下午3点和5点提醒我", "at", "2026-12-01 17:00"), ("周五之前修完", "due", "2026-12-04 18:00"),
        ("每天9点发日报", "cron", "0 9 * * *"), ("每周一早上9点", "cron", "0 9 * * 1"),
        ("工作日早上八点半发", "cron", "30 8 * * 1-5"), ("工作日早上八点半发", "cron", "30 8 * * MON-FRI"), ("每天发日报，八点半的", "cron", "30 8 * * *"),
        ("接受风险到12月31号", "until", "2026-12-31"), ("接受三个月", "until", "2027-03-01"),
        ("推迟十分钟", "later_minutes", 10), ("提前半小时", "later_minutes", -30),
    ],
)  # fmt: skip
def test_what_was_typed_is_said(typed: str, name: str, value: Any) -> None:
    assert times(typed).allow(name, value)


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("静默2小时", "minutes", 6000), ("封到明天早上8点", "duration_minutes", 99999), ("封一天", "duration_minutes", 0), ("盯着", "until_hours", 99),
        ("明天下午四点提醒我", "at", "2026-12-02 04:00"), ("明天下午四点提醒我", "at", "2026-12-03 16:00"), ("明天提醒我看", "at", "2026-12-02 17:00"),
        ("半小时后提醒我", "at", "2026-12-01 12:00"), ("明天9点提醒我看", "at", "现在"), ("提醒我看", "at", "2026-12-02 09:00"),
        ("每天9点发日报", "cron", "0 21 * * *"), ("每天9点发日报", "cron", "*/5 * * * *"), ("每周一早上9点", "cron", "0 9 * * *"),
        ("接受风险到12月31号", "until", "2027-12-01"), ("接受三个月", "until", "2027-12-01"),
    ],
)  # fmt: skip
def test_another_time_is_not(typed: str, name: str, value: Any) -> None:
    assert not times(typed).allow(name, value)


def test_a_clock_alone_moves_the_offer_that_waits() -> None:
    said = times("四点有会改成三点四十吧", at="2026-12-02 16:00")
    assert said.allow("at", "2026-12-02 15:40")
    assert not said.allow("at", "2026-12-05 15:40")


def test_what_code_cannot_read_is_shown_as_the_models_choice() -> None:
    said = times("静默到活动结束的那个周末")
    assert said.allow("minutes", 5000) or said._lengths
    assert not times("静默一下").allow("minutes", 5000)
